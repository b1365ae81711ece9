-- What a plain trade has no need of: the transaction itself, its partner, and the units held of both sides.
v_account := (v_long - 1) / 2 / v_instruments + 1;
v_instrument := (v_long - 1) / 2 % v_instruments + 1;
v_scale := p_history.instrument_scale[v_instrument];
v_multiplier := p_history.instrument_multiplier[v_instrument];
v_event_unrated[v_k] := false;
v_pick_leg := 'transaction';
v_price := null;
v_problem := null;
v_problem_code := 'missing_terms';
v_whole := false;
v_fraction := 0;
v_fraction_id := null;
v_pick_id := v_event_id[v_k];
v_legs := 0;
v_leg := 0;

v_x := tax.read_event(p_user_id, v_event_id[v_k], p_history.tax_currency);
v_y := tax.read_partner(p_user_id, v_event_id[v_k], p_history.tax_currency);
if v_y.transaction_id is not null then
    v_partner_pool := ((array_position(p_history.account_id, v_y.account_id) - 1) * v_instruments
        + array_position(p_history.instrument_id, v_y.instrument_id)) * 2 - 1;
end if;
v_new_place := array_position(p_history.instrument_id, v_x.new_instrument_id);
v_units := abs(coalesce(v_x.quantity, v_x.stated_quantity));

v_held := array[0, 0];
if v_code >= 30 then
    for v_side in 1 .. 2 loop
        v_q := 0;
        v_s := v_head[v_long + v_side - 1];
        while v_s <> 0 loop
            v_q := v_q + v_quantity[v_s];
            v_s := v_next[v_s];
        end loop;
        v_held[v_side] := v_q;
    end loop;
end if;
