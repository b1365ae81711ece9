-- What a plain trade has no need of: the transaction itself, its partner, and the units held of both sides.
-- Reads: v_account, v_detail, v_event, v_event_date, v_event_id, v_event_method, v_facts, v_instrument, v_instrument_multiplier,
--   v_instruments, v_kind, v_long_pool, v_partner, v_piece_next, v_piece_quantity, v_pool_account, v_pool_head, v_pool_instrument,
--   v_short_pool, v_year_ends.
-- Changes: v_account, v_detail, v_event_unrated, v_facts, v_instrument, v_partner.
v_account := v_pool_account[v_long_pool];
v_instrument := v_pool_instrument[v_long_pool];
v_event_unrated[v_event] := false;
v_detail := tax.read_event(p_user_id, v_event_id[v_event], p_history.tax_currency);
v_partner := tax.read_partner(p_user_id, v_event_id[v_event], p_history.tax_currency);

v_facts := null;
v_facts.kind := v_kind;
v_facts.day := v_event_date[v_event];
v_facts.method := v_event_method[v_event];
v_facts.units := abs(coalesce(v_detail.quantity, v_detail.stated_quantity));
v_facts.long_pool := v_long_pool;
v_facts.short_pool := v_short_pool;
v_facts.long_is_flat := v_pool_head[v_long_pool] = 0;
v_facts.multiplier := v_instrument_multiplier[v_instrument];
v_facts.scale := p_history.instrument_scale[v_instrument];
v_facts.is_digital := p_history.instrument_type[v_instrument] = 'digital';
v_facts.is_future := p_history.instrument_type[v_instrument] = 'future';
v_facts.ends_year := v_event = any (v_year_ends);
v_facts.deliverable := p_history.instrument_deliverable[v_instrument];
v_facts.new_instrument := array_position(p_history.instrument_id, v_detail.new_instrument_id);
v_facts.underlying_pool := tax.pool_of(v_account, p_history.instrument_underlying[v_instrument], 'long', v_instruments);
if v_partner.transaction_id is not null then
    v_facts.partner_long_pool := tax.pool_of(
        array_position(p_history.account_id, v_partner.account_id), array_position(p_history.instrument_id, v_partner.instrument_id), 'long',
        v_instruments
    );
    v_facts.partner_short_pool := v_facts.partner_long_pool + 1;
    v_facts.partner_is_short := v_pool_head[v_facts.partner_short_pool] <> 0;
end if;
v_facts.held_long := 0;
v_facts.held_short := 0;
if v_kind not in ('promotion', 'transfer_in', 'transfer_out', 'gift_in', 'gift_out', 'inheritance') then
    declare
        v_piece integer := v_pool_head[v_long_pool];
        v_held numeric := 0;
    begin
        while v_piece <> 0 loop
            v_held := v_held + v_piece_quantity[v_piece];
            v_piece := v_piece_next[v_piece];
        end loop;
        v_facts.held_long := v_held;
        v_held := 0;
        v_piece := v_pool_head[v_short_pool];
        while v_piece <> 0 loop
            v_held := v_held + v_piece_quantity[v_piece];
            v_piece := v_piece_next[v_piece];
        end loop;
        v_facts.held_short := v_held;
    end;
end if;
