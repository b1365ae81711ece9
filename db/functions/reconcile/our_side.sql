-- Our side at the statements' own days. Where a group of instruments has no transaction after the day, the stored rows are the answer; else the
-- engine is asked as of that day.

create function reconcile.our_side(p_user_id uuid, p_account_id bigint, p_as_of date)
returns table (
    account_id bigint, as_of date, instrument_id bigint, quantity numeric, native_cost numeric, cost numeric, currency text,
    lots integer, has_unknown_basis boolean, native_wash_sale_adjustment numeric, wash_sale_adjustment numeric, lot_list jsonb
)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_indexscan = off
set enable_mergejoin = off
as $$
    with statements as materialized (
        select s.account_id, s.as_of
        from reconcile.broker_statements(p_user_id, p_account_id, p_as_of) s
    ),
    groups as materialized (
        select m.group_id, m.as_of, bool_or(later.found) as is_past
        from (
            select distinct g.group_id, s.as_of
            from statements s
            join core.positions p on p.user_id = p_user_id and p.account_id = s.account_id
            join tax.instrument_groups g on g.user_id = p_user_id and g.instrument_id = p.instrument_id
        ) m
        join tax.instrument_groups g on g.user_id = p_user_id and g.group_id = m.group_id
        cross join lateral (
            select exists (
                select from core.transactions t
                where t.user_id = p_user_id
                and t.instrument_id = g.instrument_id
                and t.trade_date > m.as_of
            ) as found
        ) later
        group by m.group_id, m.as_of
    ),
    asked as materialized (
        select g.as_of, r.*
        from groups g
        cross join lateral reconcile.held_at(p_user_id, g.group_id, g.as_of) r
        where g.is_past
    ),
    stored as (
        select s.as_of, p.account_id, p.instrument_id, p.quantity
        from statements s
        join core.positions p on p.user_id = p_user_id and p.account_id = s.account_id
        join tax.instrument_groups g on g.user_id = p_user_id and g.instrument_id = p.instrument_id
        join groups m on m.group_id = g.group_id and m.as_of = s.as_of and not m.is_past
    ),
    quantities as (
        select * from stored
        union all
        select a.as_of, a.account_id, a.instrument_id, a.quantity
        from asked a
        join statements s on s.account_id = a.account_id and s.as_of = a.as_of
        where a.part = 'position'
    ),
    open_lots as (
        select
            s.as_of, l.account_id, l.instrument_id, (l.acquired_at at time zone 'America/New_York')::date as acquired_on,
            case l.side when 'long' then 1 else -1 end as sign,
            l.quantity_remaining as quantity, l.native_cost_remaining as native_cost, l.cost_remaining as cost,
            l.wash_sale_adjustment, l.opening_transaction_id
        from stored s
        join core.tax_lots l
            on l.user_id = p_user_id and l.account_id = s.account_id and l.instrument_id = s.instrument_id and l.closed_at is null
        union all
        select
            a.as_of, a.account_id, a.instrument_id, a.acquired_on, case a.side when 'long' then 1 else -1 end,
            a.quantity, a.native_cost, a.cost, a.wash_sale_adjustment, a.opening_transaction_id
        from asked a
        join statements s on s.account_id = a.account_id and s.as_of = a.as_of
        where a.part = 'lot'
    ),
    -- A deferred loss is part of the cost in the trading currency at the rate of the purchase that replaced the units.
    by_day as (
        select
            l.as_of, l.account_id, l.instrument_id, l.acquired_on,
            count(*)::integer as lots,
            sum(l.sign * l.quantity) as quantity,
            sum(l.sign * l.native_cost) as native_cost,
            case when count(l.cost) = count(*) then sum(l.sign * l.cost) end as cost,
            bool_or(l.native_cost is null) as has_unknown_basis,
            sum(l.wash_sale_adjustment) as wash_sale_adjustment,
            sum(
                case
                    when l.wash_sale_adjustment = 0 then 0
                    else round(l.wash_sale_adjustment / coalesce(k.fx_rate, 1), 2)
                end
            ) as native_wash_sale_adjustment
        from open_lots l
        left join tax.transaction_terms k
            on l.wash_sale_adjustment <> 0 and k.user_id = p_user_id and k.transaction_id = l.opening_transaction_id
        group by l.as_of, l.account_id, l.instrument_id, l.acquired_on
    ),
    lots as (
        select
            d.as_of, d.account_id, d.instrument_id,
            sum(d.lots)::integer as lots,
            case when not bool_or(d.has_unknown_basis) then sum(d.native_cost) end as native_cost,
            case when bool_and(d.cost is not null) then sum(d.cost) end as cost,
            bool_or(d.has_unknown_basis) as has_unknown_basis,
            sum(d.wash_sale_adjustment) as wash_sale_adjustment,
            sum(d.native_wash_sale_adjustment) as native_wash_sale_adjustment,
            jsonb_agg(
                jsonb_build_object(
                    'acquired_on', d.acquired_on,
                    'quantity', trim_scale(d.quantity)::text,
                    'cost', case when not d.has_unknown_basis then reconcile.money_text(d.native_cost) end
                )
                order by d.acquired_on nulls first
            ) as list
        from by_day d
        group by d.as_of, d.account_id, d.instrument_id
    )
    select
        q.account_id, q.as_of, q.instrument_id, q.quantity,
        case when l.account_id is null then 0 else l.native_cost end,
        case when l.account_id is null then 0 else l.cost end,
        i.currency,
        coalesce(l.lots, 0),
        coalesce(l.has_unknown_basis, false),
        coalesce(l.native_wash_sale_adjustment, 0),
        coalesce(l.wash_sale_adjustment, 0),
        coalesce(l.list, '[]')
    from quantities q
    left join lots l on l.account_id = q.account_id and l.as_of = q.as_of and l.instrument_id = q.instrument_id
    left join core.instruments i on i.id = q.instrument_id
    where q.quantity <> 0
    or l.account_id is not null
$$;

comment on function reconcile.our_side(uuid, bigint, date) is
    'Quantity, cost and open lots of each account and instrument by our transactions, at the day of the newest statement of the account.';

grant execute on function reconcile.our_side(uuid, bigint, date) to quantmatrix_writer;
