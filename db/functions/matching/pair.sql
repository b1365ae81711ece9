-- One event that several sources tell counts once. What is matched follows from live imports and decisions alone, day by day, so that neither the
-- order of imports nor an undo leaves a trace: the rows of the source that comes first count, the rows of the others attest them. A row is matched
-- with one row of another source or with none; equal rows within one source are never each other's double. Who cannot be matched counts.

-- Half a unit of the last place printed, cents at the least: 10 stands for 10.00.
create function matching.printed_rounding(p_amount numeric)
returns numeric
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select 0.5 * power(10::numeric, -greatest(scale(p_amount), 2))
$$;

comment on function matching.printed_rounding(numeric) is 'By how much a printed amount may differ from the exact one.';

create function matching.amounts_agree(p_one matching.source_row, p_other matching.source_row)
returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select
        abs(p_one.net - p_other.net) <= matching.printed_rounding(p_one.net) + matching.printed_rounding(p_other.net)
        -- A source that knows no costs yet agrees before costs.
        or (p_one.costs = 0) <> (p_other.costs = 0)
        and abs(p_one.gross - p_other.gross) <= matching.printed_rounding(p_one.gross) + matching.printed_rounding(p_other.gross)
$$;

comment on function matching.amounts_agree(matching.source_row, matching.source_row) is 'Whether two rows move the same cash, within what they print.';

-- Rows of one source that are still without a partner in the other.
create function matching.free_rows(p_rows matching.source_row[], p_pairs matching.pair[], p_source text, p_other text)
returns setof matching.source_row
language sql
stable
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
as $$
    select t.*
    from unnest(p_rows) t
    where t.source = p_source
    and not p_other = any (t.apart)
    and not exists (
        select from unnest(p_pairs) p
        where p.account_id = t.account_id and p.source = t.source and p.key = t.key
    )
    and not exists (
        select from unnest(p_pairs) p
        where p.source = p_other and p.account_id = t.account_id and p.counted_source = t.source and p.counted_key = t.key
    )
$$;

comment on function matching.free_rows(matching.source_row[], matching.pair[], text, text) is
    'Rows of a source that count so far, that no row of the other source attests, and that nobody declared different from it.';

-- Row by row: the same account, instrument, kind, day and units, and the same cash; the first of equal rows with the first, the second with the
-- second. First those of one instant, then those whose instants do not contradict each other, then those whose printed cash is rounded.
create function matching.pair_equal(p_rows matching.source_row[], p_pairs matching.pair[], p_first text, p_second text, p_pass integer)
returns setof matching.pair
language sql
stable
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_mergejoin = off
as $$
    with free as (
        select f as source_row, f.* from matching.free_rows(p_rows, p_pairs, p_first, p_second) f
        union all
        select f as source_row, f.* from matching.free_rows(p_rows, p_pairs, p_second, p_first) f
    ),
    scaled as (
        select
            f.*,
            concat_ws('|', f.account_id, f.trade_date, coalesce(f.instrument_id, 0), f.type, f.currency, coalesce(f.quantity::text, '-'), f.mark) as event,
            min(greatest(scale(f.net), 2)) over (
                partition by f.account_id, f.trade_date, f.instrument_id, f.type, f.currency, f.quantity, f.mark
            ) as places
        from free f
        where p_pass > 1 or f.executed_at is not null
    ),
    keyed as (
        select
            s.*,
            s.event || case p_pass
                when 1 then concat('|', extract(epoch from s.executed_at), '|', round(s.net, s.places))
                when 2 then concat('|', round(s.net, s.places))
                else ''
            end as bucket
        from scaled s
    ),
    numbered as materialized (
        select
            k.*,
            row_number() over (
                partition by k.source, k.bucket
                order by case when p_pass = 3 then k.net end, k.executed_at nulls last, k.net, k.place, k.key
            ) as number
        from keyed k
    )
    select a.account_id, b.trade_date, b.source, b.key, a.source, a.key, 'equal'::ingest.match_rule, null::bigint
    from numbered a
    join numbered b on b.source = p_second and b.bucket = a.bucket and b.number = a.number
    where a.source = p_first
    and matching.amounts_agree(a.source_row, b.source_row)
    and coalesce(abs(extract(epoch from a.executed_at - b.executed_at)) <= 60, true)
$$;

comment on function matching.pair_equal(matching.source_row[], matching.pair[], text, text, integer) is
    'Rows of two sources that tell one event each, one to one. Instants may differ by a minute; contradicting ones keep rows apart.';

-- An order and its fills: units and cash must agree to the last digit. Fills are found by their order''s number, else because they stand in a row.
create function matching.pair_fills(p_rows matching.source_row[], p_pairs matching.pair[], p_first text, p_second text, p_orders text, p_by_number boolean)
returns setof matching.pair
language sql
stable
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_mergejoin = off
as $$
    with free as materialized (
        select f.* from matching.free_rows(p_rows, p_pairs, p_first, p_second) f
        union all
        select f.* from matching.free_rows(p_rows, p_pairs, p_second, p_first) f
    ),
    events as (
        select
            f.*,
            concat_ws('|', f.account_id, f.trade_date, f.instrument_id, f.type, f.currency) as event
        from free f
        where f.type in ('buy', 'sell')
        and not (f.source = p_second and f.is_corrected)
    ),
    summed as materialized (
        select
            e.*,
            sum(e.quantity) over in_time as units,
            sum(e.net) over in_time as cash,
            row_number() over in_time as number,
            row_number() over (partition by e.source, e.event, e.quantity, trim_scale(e.net) order by e.executed_at nulls last, e.place, e.key) as among_equals
        from events e
        window in_time as (
            partition by e.source, e.event
            order by e.executed_at nulls last, e.place, e.key
            rows between unbounded preceding and current row
        )
    ),
    whole_orders as (
        select
            g.*,
            row_number() over (partition by g.event, g.units, g.cash order by g.began nulls last, g.order_id) as among_equals
        from (
            select
                s.event, s.order_id, sum(s.quantity) as units, sum(s.net) as cash, min(s.executed_at) as began, min(s.account_id) as account_id, count(*) as fills
            from summed s
            where s.source <> p_orders
            and s.order_id is not null
            group by s.event, s.order_id
            having count(*) > 1
        ) g
        where g.fills = (
            select count(*)
            from unnest(p_rows) t
            where t.source = case p_orders when p_first then p_second else p_first end
            and t.account_id = g.account_id
            and t.order_id = g.order_id
            and concat_ws('|', t.account_id, t.trade_date, t.instrument_id, t.type, t.currency) = g.event
        )
    ),
    borders as (
        select
            o.event, o.key, o.number, f.number as until,
            lag(f.number) over (partition by o.event order by o.number) as since
        from summed o
        left join summed f on f.source <> p_orders and f.event = o.event and f.units = o.units and f.cash = o.cash
        where o.source = p_orders
    ),
    found as (
        select o.event, o.key as order_key, f.key as fill_key
        from whole_orders w
        join summed o on o.source = p_orders and o.event = w.event and o.quantity = w.units and o.net = w.cash and o.among_equals = w.among_equals
        join summed f on f.source <> p_orders and f.event = w.event and f.order_id = w.order_id
        where p_by_number
        union all
        select b.event, b.key, f.key
        from borders b
        join summed f on f.source <> p_orders and f.event = b.event and f.number > coalesce(b.since, 0) and f.number <= b.until
        where not p_by_number
        and (b.number = 1 or b.since is not null)
        and b.until - coalesce(b.since, 0) > 1
    )
    select
        o.account_id, o.trade_date, p_second, case p_orders when p_second then n.order_key else n.fill_key end,
        p_first, case p_orders when p_second then n.fill_key else n.order_key end, 'fills'::ingest.match_rule, null::bigint
    from found n
    join summed o on o.source = p_orders and o.event = n.event and o.key = n.order_key
$$;

comment on function matching.pair_fills(matching.source_row[], matching.pair[], text, text, text, boolean) is
    'Orders of one source (p_orders) and the fills of the other that make them up exactly: by order number, or as consecutive fills.';

-- What a person decided binds before any rule does. Where the rows that shall count are gone, the decision sleeps.
create function matching.pair_decided(p_user_id uuid, p_rows matching.source_row[])
returns setof matching.pair
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
as $$
    with named as materialized (
        select
            d.id, d.kept_source, t.account_id, t.trade_date, t.source, t.key,
            row_number() over (partition by d.id, t.source order by t.trade_date, t.executed_at nulls last, t.place, t.key) as number
        from ingest.decisions d
        join ingest.decision_members m on m.user_id = d.user_id and m.decision_id = d.id
        join unnest(p_rows) t on t.account_id = m.account_id and t.source = m.source and t.key = m.dedupe_key
        where d.user_id = p_user_id
        and d.verdict = 'same'
        and d.undone_at is null
    ),
    kept as (
        select n.*, count(*) over (partition by n.id) as kept
        from named n
        where n.source = n.kept_source
    )
    select distinct on (n.account_id, n.source, n.key)
        n.account_id, n.trade_date, n.source, n.key, k.source, k.key, 'decided'::ingest.match_rule, n.id
    from named n
    join kept k on k.id = n.id and k.number = least(n.number, k.kept)
    where n.source <> n.kept_source
    order by n.account_id, n.source, n.key, n.id
$$;

comment on function matching.pair_decided(uuid, matching.source_row[]) is 'Rows that a person declared to be one event: those of the kept source count.';

create function matching.pair_all(p_user_id uuid, p_rows matching.source_row[])
returns setof matching.pair
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_mergejoin = off
as $$
declare
    v_pairs matching.pair[];
    v_sources text[];
    v_first text;
    v_second text;
begin
    v_pairs := array(select p from matching.pair_decided(p_user_id, p_rows) p);
    select array_agg(s.source order by matching.source_rank(s.source), s.source)
    into v_sources
    from (
        select distinct t.source
        from unnest(p_rows) t
        where t.source <> 'manual'
    ) s;

    for v_second_number in 2 .. coalesce(cardinality(v_sources), 0) loop
        v_second := v_sources[v_second_number];
        foreach v_first in array v_sources[1:v_second_number - 1] loop
            for v_pass in 1 .. 3 loop
                v_pairs := v_pairs || array(select p from matching.pair_equal(p_rows, v_pairs, v_first, v_second, v_pass) p);
            end loop;
            v_pairs := v_pairs || array(select p from matching.pair_fills(p_rows, v_pairs, v_first, v_second, v_first, true) p);
            v_pairs := v_pairs || array(select p from matching.pair_fills(p_rows, v_pairs, v_first, v_second, v_second, true) p);
            v_pairs := v_pairs || array(select p from matching.pair_fills(p_rows, v_pairs, v_first, v_second, v_first, false) p);
            v_pairs := v_pairs || array(select p from matching.pair_fills(p_rows, v_pairs, v_first, v_second, v_second, false) p);
        end loop;
    end loop;

    return query
    with pairs as materialized (
        select p.* from unnest(v_pairs) p
    ),
    -- A row that a person corrected or voided speaks for its event, whatever its source.
    instead as materialized (
        select distinct on (p.account_id, p.counted_source, p.counted_key)
            p.account_id, p.counted_source as was_source, p.counted_key as was_key, p.source, p.key
        from pairs p
        join unnest(p_rows) m on m.account_id = p.account_id and m.source = p.source and m.key = p.key and m.is_corrected
        join unnest(p_rows) h on h.account_id = p.account_id and h.source = p.counted_source and h.key = p.counted_key and not h.is_corrected
        where p.rule = 'equal'
        order by p.account_id, p.counted_source, p.counted_key, matching.source_rank(p.source), p.source, p.key
    ),
    -- What counts for a counted row that itself only attests.
    chained as (
        select
            p.account_id, p.trade_date, p.source, p.key,
            coalesce(n.counted_source, p.counted_source) as counted_source, coalesce(n.counted_key, p.counted_key) as counted_key, p.rule, p.decision_id
        from pairs p
        left join pairs n on n.account_id = p.account_id and n.source = p.counted_source and n.key = p.counted_key
    ),
    turned as (
        select
            c.account_id,
            case when i.source = c.source and i.key = c.key then h.trade_date else c.trade_date end as trade_date,
            case when i.source = c.source and i.key = c.key then i.was_source else c.source end as source,
            case when i.source = c.source and i.key = c.key then i.was_key else c.key end as key,
            coalesce(i.source, c.counted_source) as counted_source,
            coalesce(i.key, c.counted_key) as counted_key,
            c.rule, c.decision_id
        from chained c
        left join instead i on i.account_id = c.account_id and i.was_source = c.counted_source and i.was_key = c.counted_key
        left join unnest(p_rows) h on h.account_id = i.account_id and h.source = i.was_source and h.key = i.was_key
    )
    select distinct on (t.account_id, t.source, t.key, t.counted_source, t.counted_key)
        t.account_id, t.trade_date, t.source, t.key, t.counted_source, t.counted_key, t.rule, t.decision_id
    from turned t
    where t.source <> t.counted_source
    order by t.account_id, t.source, t.key, t.counted_source, t.counted_key, t.rule;
end
$$;

comment on function matching.pair_all(uuid, matching.source_row[]) is
    'Which rows only attest, and what counts for them: decisions first, then source by source in their order, row by row before orders and fills.';
