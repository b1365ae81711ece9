-- A sale that did not happen, among the events of a group: what-if asks the engine about it as about any other. Its number is 0.

create function tax.with_sale(p_history tax.history, p_sale jsonb)
returns tax.history
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_h tax.history := p_history;
    v_on constant date := p_sale ->> 'date';
    v_at constant timestamptz := (v_on + time '16:00') at time zone 'America/New_York';
    v_quantity constant numeric := p_sale ->> 'quantity';
    v_amount constant numeric := p_sale ->> 'amount';
    v_native constant numeric := p_sale ->> 'native_amount';
    v_method constant core.lot_method := p_sale ->> 'method';
    v_pool integer := tax.pool_of(
        array_position(v_h.account_id, (p_sale ->> 'account_id')::bigint),
        array_position(v_h.instrument_id, (p_sale ->> 'instrument_id')::bigint), 'long', cardinality(v_h.instrument_id)
    );
    v_before integer;
begin
    if v_h.event_id is null then
        return v_h;
    end if;
    -- It comes after all of its day but what the clearing house does at its end (T.3).
    select count(*)
    into v_before
    from unnest(v_h.event_kind, v_h.event_date, v_h.event_at) e (kind, day, at)
    where e.day < v_on
    or e.day = v_on
    and not (
        e.kind = 'mark_to_market'
        or e.kind in ('option_expiration', 'option_exercise', 'option_assignment') and e.at = tax.start_of_day(v_on)
    );

    v_h.event_id := array_append(v_h.event_id[: v_before], 0::bigint) || v_h.event_id[v_before + 1 :];
    v_h.event_kind := array_append(v_h.event_kind[: v_before], 'sell_to_close'::tax.event_kind) || v_h.event_kind[v_before + 1 :];
    v_h.event_pool := array_append(v_h.event_pool[: v_before], v_pool) || v_h.event_pool[v_before + 1 :];
    v_h.event_date := array_append(v_h.event_date[: v_before], v_on) || v_h.event_date[v_before + 1 :];
    v_h.event_at := array_append(v_h.event_at[: v_before], v_at) || v_h.event_at[v_before + 1 :];
    v_h.event_settled := array_append(v_h.event_settled[: v_before], null) || v_h.event_settled[v_before + 1 :];
    v_h.event_method := array_append(v_h.event_method[: v_before], v_method) || v_h.event_method[v_before + 1 :];
    v_h.event_order := array_append(v_h.event_order[: v_before], null) || v_h.event_order[v_before + 1 :];
    v_h.event_quantity := array_append(v_h.event_quantity[: v_before], v_quantity) || v_h.event_quantity[v_before + 1 :];
    v_h.event_opened := array_append(v_h.event_opened[: v_before], null) || v_h.event_opened[v_before + 1 :];
    v_h.event_amount := array_append(v_h.event_amount[: v_before], v_amount) || v_h.event_amount[v_before + 1 :];
    v_h.event_native := array_append(v_h.event_native[: v_before], v_native) || v_h.event_native[v_before + 1 :];
    v_h.event_unrated := array_append(v_h.event_unrated[: v_before], v_amount is null) || v_h.event_unrated[v_before + 1 :];
    if v_h.event_writes is not null then
        v_h.event_writes := array_append(v_h.event_writes[: v_before], false) || v_h.event_writes[v_before + 1 :];
    end if;
    if v_h.event_reinvested is not null then
        v_h.event_reinvested := array_append(v_h.event_reinvested[: v_before], false) || v_h.event_reinvested[v_before + 1 :];
    end if;
    v_h.is_plain := v_h.is_plain and v_method = 'fifo';
    v_h.has_native := v_h.has_native or v_amount is distinct from v_native;
    return v_h;
end
$$;

comment on function tax.with_sale(tax.history, jsonb) is
    'The events with one more sale: account_id, instrument_id, quantity, date, method, amount and native_amount (net of fees), unit_price in the tax currency.';
