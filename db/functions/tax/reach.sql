-- Which open lots of a pool a sale of so many units can reach, for an append that reads no others. The lots of a pool have dates: a group in which
-- one has none is derived whole.

create function tax.has_undated_lots(p_user_id uuid, p_account_id bigint, p_instrument_id bigint, p_side core.lot_side)
returns boolean
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
as $$
begin
    return exists (
        select from core.tax_lots l
        where l.user_id = p_user_id
        and l.account_id = p_account_id
        and l.instrument_id = p_instrument_id
        and l.side = p_side
        and l.closed_at is null
        and l.acquired_at is null
    );
end
$$;

comment on function tax.has_undated_lots(uuid, bigint, bigint, core.lot_side) is 'Whether an open lot of this pool has no known date of acquisition.';

-- The side is named in the order because under row-level security the planner does not conclude from a comparison of enums that it is the same.
create function tax.lots_by_date(
    p_user_id uuid, p_account_id bigint, p_instrument_id bigint, p_side core.lot_side, p_units numeric, p_newest_first boolean
)
returns bigint[]
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
set enable_sort = off
set enable_bitmapscan = off
as $$
declare
    v_lots refcursor;
    v_lot core.tax_lots;
    v_ids bigint[] := '{}';
    v_rest numeric := p_units;
    v_reached timestamptz;
begin
    if p_newest_first then
        open v_lots for
            select l.*
            from core.tax_lots l
            where l.user_id = p_user_id
            and l.account_id = p_account_id
            and l.instrument_id = p_instrument_id
            and l.side = p_side
            and l.closed_at is null
            order by l.side desc, l.acquired_at desc;
    else
        open v_lots for
            select l.*
            from core.tax_lots l
            where l.user_id = p_user_id
            and l.account_id = p_account_id
            and l.instrument_id = p_instrument_id
            and l.side = p_side
            and l.closed_at is null
            order by l.side, l.acquired_at;
    end if;
    loop
        fetch v_lots into v_lot;
        exit when not found;
        -- Ten days more: lots are in order of the date of trade, which lies that near the instant.
        exit when v_rest <= 0 and not v_lot.acquired_at between v_reached - interval '10 days' and v_reached + interval '10 days';
        v_ids := v_ids || v_lot.id;
        if v_rest > 0 then
            v_rest := v_rest - v_lot.quantity_remaining;
            v_reached := v_lot.acquired_at;
        end if;
    end loop;
    close v_lots;
    return v_ids;
end
$$;

comment on function tax.lots_by_date(uuid, bigint, bigint, core.lot_side, numeric, boolean) is
    'Numbers of the open lots of a pool that a sale of so many units can reach by FIFO or LIFO.';

-- Tax-optimised, the dearest lots of either term come first: short-term ones are looked for among those of the last year, long-term ones from the
-- dear end. A lot bought since p_steady_before may change its cost meanwhile (F.10), one whose term changes between the days of the sales belongs
-- to both, and inherited lots are long-term whatever their date: these are reached, but count for nothing. Nor do as many of the largest as the
-- sales but one may leave in part: what remains of a lot has its cost in whole cents, and thereby another rank.
create function tax.lots_by_cost(
    p_user_id uuid, p_account_id bigint, p_instrument_id bigint, p_units numeric, p_sales bigint, p_method core.lot_method, p_multiplier numeric,
    p_first_day date, p_last_day date, p_steady_before timestamptz, p_inherited bigint[]
)
returns bigint[]
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
set enable_sort = off
set enable_bitmapscan = off
as $$
declare
    -- A holding period that is not long-term yet, and the days between an instant and its date.
    c_year constant interval := '380 days';
    -- What is held from this day or before is long-term when the first, and when the last, of the sales takes place.
    v_long_first date;
    v_long_last date;
    v_term text;
    v_lots refcursor;
    v_lot core.tax_lots;
    v_ids bigint[] := '{}';
    v_unit_cost numeric;
    v_counted numeric;
    v_largest numeric[];
    v_reached numeric;
    v_is_inherited boolean;
begin
    select
        max(p_first_day - d.days) filter (where tax.first_long_date(p_first_day - d.days) <= p_first_day),
        max(p_last_day - d.days) filter (where tax.first_long_date(p_last_day - d.days) <= p_last_day)
    into v_long_first, v_long_last
    from generate_series(365, 368) d (days);

    foreach v_term in array case p_method when 'mintax' then array['short', 'long'] else array['either'] end loop
        if v_term = 'short' then
            open v_lots for
                select l.*
                from core.tax_lots l
                where l.user_id = p_user_id
                and l.account_id = p_account_id
                and l.instrument_id = p_instrument_id
                and l.side = 'long'
                and l.closed_at is null
                and l.acquired_at >= p_first_day::timestamptz - c_year
                and l.holding_start > v_long_first
                order by l.cost_remaining / l.quantity_remaining desc;
        elsif p_method = 'lofo' then
            open v_lots for
                select l.*
                from core.tax_lots l
                where l.user_id = p_user_id
                and l.account_id = p_account_id
                and l.instrument_id = p_instrument_id
                and l.side = 'long'
                and l.closed_at is null
                order by l.side, l.cost_remaining / nullif(l.quantity_remaining, 0);
        else
            open v_lots for
                select l.*
                from core.tax_lots l
                where l.user_id = p_user_id
                and l.account_id = p_account_id
                and l.instrument_id = p_instrument_id
                and l.side = 'long'
                and l.closed_at is null
                order by l.side desc, l.cost_remaining / nullif(l.quantity_remaining, 0) desc;
        end if;
        v_counted := 0;
        v_largest := '{}';
        v_reached := null;
        loop
            fetch v_lots into v_lot;
            exit when not found;
            v_unit_cost := round(v_lot.cost_remaining / (v_lot.quantity_remaining * p_multiplier), 4);
            -- Lots of one rounded cost are in order of their dates (A.5): all of them are reached.
            exit when abs(v_unit_cost - v_reached) > 0.0001;
            v_is_inherited := v_lot.id = any (p_inherited);
            continue when v_term = 'long' and v_lot.holding_start > v_long_last and not v_is_inherited;
            v_ids := v_ids || v_lot.id;
            continue when v_reached is not null
                or v_lot.acquired_at >= p_steady_before
                or v_is_inherited
                or v_term = 'short' and v_lot.holding_start <= v_long_last
                or v_term = 'long' and v_lot.holding_start > v_long_first;
            v_counted := v_counted + v_lot.quantity_remaining;
            if p_sales > 1 then
                v_largest := array(
                    select u.units
                    from unnest(v_largest || v_lot.quantity_remaining) u (units)
                    order by u.units desc
                    limit p_sales - 1
                );
            end if;
            if v_counted - coalesce((select sum(u.units) from unnest(v_largest) u (units)), 0) >= p_units then
                v_reached := v_unit_cost;
            end if;
        end loop;
        close v_lots;
    end loop;
    return v_ids;
end
$$;

comment on function tax.lots_by_cost(uuid, bigint, bigint, numeric, bigint, core.lot_method, numeric, date, date, timestamptz, bigint[]) is
    'Numbers of the open lots of a pool that sales of so many units can reach by cost or by tax (A.5, A.8).';

-- Units count only in lots that certainly may replace: bought in the window of the last sale as well, and not of a purchase of which something is
-- reached, for its rest replaces nothing (F.4). The lots are walked one by one: however many the window holds, few are read further.
create function tax.lots_to_replace(
    p_user_id uuid, p_instrument_ids bigint[], p_reached bigint[], p_units numeric, p_first_day date, p_last_day date
)
returns bigint[]
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
    c_window constant integer := 30;
    -- An instant lies within five days of its date of trade.
    c_slack constant interval := '6 days';
    v_openings bigint[];
    v_orders text[];
    v_ids bigint[];
begin
    select coalesce(array_agg(t.id), '{}'), coalesce(array_agg(distinct t.order_id) filter (where t.order_id is not null), '{}')
    into v_openings, v_orders
    from unnest(p_reached) r (id)
    cross join lateral (
        select own.opening_transaction_id
        from core.tax_lots own
        where own.user_id = p_user_id
        and own.id = r.id
        offset 0
    ) o
    cross join lateral (
        select own.id, own.order_id
        from core.transactions own
        where own.user_id = p_user_id
        and own.id = o.opening_transaction_id
        offset 0
    ) t;

    select coalesce(array_agg(c.id), '{}')
    into v_ids
    from (
        select
            k.id,
            sum(k.certain) over (
                partition by k.instrument_id, k.account_id
                order by k.acquired, case when k.acquired = k.trade_date then k.at else k.acquired_at end
                groups between unbounded preceding and 1 preceding
            ) as units_before
        from (
            select
                l.*,
                case
                    when l.acquired >= p_last_day - c_window
                        and not l.opening_transaction_id = any (v_openings)
                        and (l.order_id is null or not l.order_id = any (v_orders))
                        then l.quantity_remaining
                    else 0
                end as certain
            from (
                select
                    o.*, t.trade_date, t.at, t.order_id,
                    -- As in tax.resume: what was supplied as a day stands for its first instant in New York.
                    case when o.acquired_at = t.at then t.trade_date else (o.acquired_at at time zone 'America/New_York')::date end as acquired
                from unnest(p_instrument_ids) i (id)
                cross join lateral (
                    select p.account_id
                    from core.positions p
                    where p.user_id = p_user_id
                    and p.instrument_id = i.id
                    and p.open_lots > 0
                    offset 0
                ) a
                cross join lateral (
                    select
                        own.id, own.account_id, own.instrument_id, own.opening_transaction_id, own.acquired_at, own.quantity_remaining
                    from core.tax_lots own
                    where own.user_id = p_user_id
                    and own.account_id = a.account_id
                    and own.instrument_id = i.id
                    and own.side = 'long'
                    and own.closed_at is null
                    and own.acquired_at >= (p_first_day - c_window)::timestamptz - c_slack
                    offset 0
                ) o
                cross join lateral (
                    select
                        own.trade_date, own.order_id,
                        coalesce(own.executed_at, own.trade_date::timestamp at time zone 'America/New_York') as at
                    from core.transactions own
                    where own.user_id = p_user_id
                    and own.id = o.opening_transaction_id
                    offset 0
                ) t
                left join lateral (
                    select own.is_used or not own.is_purchase as is_out
                    from tax.lot_state own
                    where own.user_id = p_user_id
                    and own.lot_id = o.id
                    offset 0
                ) s on true
                where s.is_out is not true
                and not o.id = any (p_reached)
                offset 0
            ) l
            where l.acquired >= p_first_day - c_window
        ) k
    ) c
    where p_units is null
    or coalesce(c.units_before, 0) < p_units;
    return v_ids;
end
$$;

comment on function tax.lots_to_replace(uuid, bigint[], bigint[], numeric, date, date) is
    'Numbers of further open lots of a group without shorts that may replace losses of so many units (F.1), the earliest of each pool; null units: all of them.';
