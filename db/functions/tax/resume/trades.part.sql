-- Purchases and sales of the losses, beside the purchases of the lots.
select
    v_event_ids || coalesce(array_agg(t.id), '{}'), v_pools || coalesce(array_agg(t.pool), '{}'), v_dates || coalesce(array_agg(t.trade_date), '{}'),
    v_ats || coalesce(array_agg(t.at), '{}'), v_orders || coalesce(array_agg(t.order_id), '{}'),
    v_reinvested || coalesce(array_agg(t.is_reinvested), '{}')
into v_event_ids, v_pools, v_dates, v_ats, v_orders, v_reinvested
from (
    select distinct unnest(array[c.opening_transaction_id, c.closing_transaction_id]) as id
    from unnest(v_loss_ids) i (id)
    cross join lateral (
        select own.*
        from tax.closings own
        where own.user_id = p_user_id
        and own.id = i.id
        offset 0
    ) c
) named
cross join lateral (
    select
        own.id, own.trade_date, own.order_id, own.transaction_type = 'reinvest' as is_reinvested,
        coalesce(own.executed_at, own.trade_date::timestamp at time zone 'America/New_York') as at,
        tax.pool_of(
            array_position(v_h.account_id, own.account_id), array_position(v_h.instrument_id, own.instrument_id), 'long', v_instruments
        ) as pool
    from core.transactions own
    where own.user_id = p_user_id
    and own.id = named.id
    offset 0
) t
where array_position(v_event_ids, t.id) is null;
v_known := coalesce(cardinality(v_event_ids), 0);
if array_position(v_pools, null) is not null then
    return null;
end if;

v_s.first_event := v_known + 1;
if v_known > 0 then
    v_h.event_id := v_event_ids || v_h.event_id;
    v_h.event_kind := array_fill('derived_before'::tax.event_kind, array[v_known]) || v_h.event_kind;
    v_h.event_pool := v_pools || v_h.event_pool;
    v_h.event_date := v_dates || v_h.event_date;
    v_h.event_at := v_ats || v_h.event_at;
    v_h.event_settled := array_fill(null::date, array[v_known]) || v_h.event_settled;
    v_h.event_method := array_fill('fifo'::core.lot_method, array[v_known]) || v_h.event_method;
    v_h.event_order := v_orders || v_h.event_order;
    v_h.event_quantity := array_fill(0::numeric, array[v_known]) || v_h.event_quantity;
    v_h.event_opened := array_fill(null::numeric, array[v_known]) || v_h.event_opened;
    v_h.event_amount := array_fill(null::numeric, array[v_known]) || v_h.event_amount;
    v_h.event_native := array_fill(null::numeric, array[v_known]) || v_h.event_native;
    v_h.event_unrated := array_fill(false, array[v_known]) || v_h.event_unrated;
    v_h.event_reinvested := v_reinvested || coalesce(v_h.event_reinvested, array_fill(false, array[cardinality(v_h.event_id) - v_known]));
    v_h.has_orders := v_h.has_orders or v_orders <> array_fill(null::text, array[v_known]);
end if;
