-- The lots that are reached, in lot order, and the purchases that opened them, in the order of events.
select
    coalesce(array_agg(l.id order by l.place), '{}'),
    array_agg(l.event order by l.place),
    array_agg(l.piece order by l.place),
    array_agg(l.last_piece order by l.place),
    array_agg(l.pool order by l.place),
    array_agg(l.quantity_opened order by l.place),
    array_agg(l.quantity_remaining order by l.place),
    array_agg(l.cost_remaining order by l.place),
    array_agg(l.native_cost_remaining order by l.place),
    array_agg(l.acquired order by l.place),
    array_agg(l.ordered_at order by l.place),
    array_agg(l.holding_start order by l.place),
    array_agg(nullif(l.wash_sale_adjustment, 0) order by l.place),
    array_agg(nullif(l.is_used, false) order by l.place),
    array_agg(case when not l.is_purchase then true end order by l.place),
    array_agg(l.gift_loss_basis order by l.place),
    array_agg(l.gift_loss_holding_start order by l.place),
    array_agg(nullif(l.is_inherited, false) order by l.place),
    array_agg(l.is_covered order by l.place),
    array_agg(l.arrived_on order by l.place),
    count(distinct l.opening_transaction_id) <> count(distinct (l.opening_transaction_id, l.pool)),
    coalesce(bool_or(l.native_cost_remaining <> l.cost_remaining), false),
    array_agg(l.opening_transaction_id order by l.place) filter (where l.is_first),
    array_agg(l.opened_by_pool order by l.place) filter (where l.is_first),
    array_agg(l.trade_date order by l.place) filter (where l.is_first),
    array_agg(l.at order by l.place) filter (where l.is_first),
    array_agg(l.order_id order by l.place) filter (where l.is_first),
    array_agg(l.is_reinvested order by l.place) filter (where l.is_first)
into
    v_s.lot_id, v_s.lot_event, v_s.lot_number, v_s.lot_last_number, v_s.lot_pool, v_s.lot_opened, v_s.lot_quantity, v_s.lot_cost,
    v_s.lot_native, v_s.lot_acquired, v_s.lot_acquired_at, v_s.lot_held_from, v_s.lot_wash, v_s.lot_used, v_s.lot_no_purchase,
    v_s.lot_gift_basis, v_s.lot_gift_on, v_s.lot_inherited, v_s.lot_covered, v_s.lot_arrived,
    v_is_spread, v_is_foreign,
    v_event_ids, v_pools, v_dates, v_ats, v_orders, v_reinvested
from (
    select
        g.*,
        (dense_rank() over (order by g.first_place))::integer as event,
        g.place = g.first_place as is_first
    from (
        select
            n.*,
            min(n.place) over (partition by n.opening_transaction_id) as first_place
        from (
            select
                h.*,
                row_number() over (
                    order by h.acquired, h.ordered_at, h.sequence, h.account_place, h.source collate "C", h.dedupe_key collate "C", h.piece
                ) as place
            from (
                select k.*, case when k.acquired = k.trade_date then k.at else k.acquired_at end as ordered_at
                from (
                    select
                        o.*, t.trade_date, t.sequence, t.source, t.dedupe_key, t.order_id, t.transaction_type = 'reinvest' as is_reinvested,
                        array_position(v_h.account_id, t.account_id) as account_place,
                        coalesce(t.executed_at, t.trade_date::timestamp at time zone 'America/New_York') as at,
                        tax.pool_of(
                            array_position(v_h.account_id, t.account_id), array_position(v_h.instrument_id, t.instrument_id), 'long', v_instruments
                        ) as opened_by_pool,
                        s.is_used, s.is_purchase, s.gift_loss_basis, s.gift_loss_holding_start, s.is_inherited, s.is_covered, s.arrived_on,
                        tax.pool_of(
                            array_position(v_h.account_id, o.account_id), array_position(v_h.instrument_id, o.instrument_id), o.side, v_instruments
                        ) as pool,
                        -- What was supplied as a day stands for its first instant in New York.
                        case
                            when o.acquired_at = coalesce(t.executed_at, t.trade_date::timestamp at time zone 'America/New_York') then t.trade_date
                            else (o.acquired_at at time zone 'America/New_York')::date
                        end as acquired,
                        (
                            select max(p.piece)
                            from core.tax_lots p
                            where p.user_id = p_user_id
                            and p.instrument_id = o.instrument_id
                            and p.account_id = o.account_id
                            and p.opening_transaction_id = o.opening_transaction_id
                            and p.side = o.side
                        ) as last_piece
                    from unnest(v_lot_ids) i (id)
                    cross join lateral (
                        select own.*
                        from core.tax_lots own
                        where own.user_id = p_user_id
                        and own.id = i.id
                        offset 0
                    ) o
                    cross join lateral (
                        select
                            own.trade_date, own.sequence, own.source, own.dedupe_key, own.order_id, own.transaction_type, own.account_id,
                            own.instrument_id, own.executed_at
                        from core.transactions own
                        where own.user_id = p_user_id
                        and own.id = o.opening_transaction_id
                        offset 0
                    ) t
                    left join lateral (
                        select own.*
                        from tax.lot_state own
                        where own.user_id = p_user_id
                        and own.lot_id = o.id
                        offset 0
                    ) s on true
                ) k
            ) h
        ) n
    ) g
) l;
-- Pieces of one purchase in two places share their numbers: rare, and derived whole.
if v_is_spread or array_position(v_s.lot_pool, null) is not null then
    return null;
end if;
