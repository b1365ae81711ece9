-- One event that several sources tell counts once. What is matched follows from live imports and decisions alone, day by day, so that neither the
-- order of imports nor an undo leaves a trace: the rows of the source that comes first count, the rows of the others attest them. A row is matched
-- with one row of another source or with none; equal rows within one source are never each other's double. Who cannot be matched counts.

-- The order of sources: what says most of an event comes first. Documented in docs/formats.md.
create function ingest.source_rank(p_source text)
returns integer
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select case
        when p_source = 'manual' then 0
        when p_source = 'ibkr_flex' then 10
        when p_source = 'ibkr_activity_csv' then 20
        when p_source = 'ibkr_history_csv' then 30
        when p_source like 'ibkr\_%' then 40
        when p_source = 'ofx' then 20
        when p_source = 'quantmatrix_csv' then 50
        when p_source = 'simple_csv' then 60
        when p_source = 'quantmatrix_v1' then 70
        when p_source like '%\_csv' then 30
        else 10
    end
$$;

comment on function ingest.source_rank(text) is
    'Which of two sources counts where both tell an event: the lower one; of equal rank the first by name. Entries by hand come first, then services and Flex, OFX, CSV files of brokers, same-day executions of IBKR, own lists, the old database.';

-- One row of a source as matching sees it: what the newest statement of that source says, before any correction.
create type ingest.told as (
    account_id bigint,
    trade_date date,
    source text,
    key text,
    place integer,
    instrument_id bigint,
    type text,
    currency text,
    quantity numeric,
    mark text,
    gross numeric,
    net numeric,
    costs numeric,
    executed_at timestamptz,
    order_id text,
    is_corrected boolean,
    is_voided boolean,
    apart text[]
);

comment on type ingest.told is 'One row of one source, with what it is matched by.';

create type ingest.pair as (
    account_id bigint,
    trade_date date,
    source text,
    key text,
    counted_source text,
    counted_key text,
    rule ingest.match_rule,
    decision_id bigint
);

comment on type ingest.pair is 'A row that only attests, and the row of another source that counts.';

-- What a row of the file says, as matching sees it. Expirations carry a direction in one source and none in another.
create function ingest.told_by(
    p_account_id bigint, p_source text, p_key text, p_place integer, p_instrument_id bigint, p_new_instrument_id bigint, p_merged jsonb, p_said jsonb
)
returns ingest.told
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select
        p_account_id, a.trade_date, p_source, p_key, p_place,
        coalesce((p_merged ->> p_instrument_id::text)::bigint, p_instrument_id),
        a.type, a.currency,
        trim_scale(case
            when a.type like 'option%' then abs(coalesce(a.quantity, (a.terms ->> 'stated_quantity')::numeric))
            else coalesce(a.quantity, (a.terms ->> 'stated_quantity')::numeric)
        end),
        concat_ws(
            ' ', coalesce(p_merged ->> p_new_instrument_id::text, p_new_instrument_id::text),
            case when a.quantity is null then (a.terms ->> 'ratio_numerator')::numeric / (a.terms ->> 'ratio_denominator')::numeric end
        ),
        a.gross_amount, coalesce(a.net_amount, 0), coalesce(a.commission, 0) + coalesce(a.fees, 0), a.executed_at, a.order_id,
        false, false, null::text[]
    from jsonb_to_record(p_said) as a (
        type text, executed_at timestamptz, trade_date date, quantity numeric, gross_amount numeric, commission numeric, fees numeric,
        net_amount numeric, currency text, order_id text, terms jsonb
    )
$$;

comment on function ingest.told_by(bigint, text, text, integer, bigint, bigint, jsonb, jsonb) is 'A row of a source as matching sees it.';

-- Live lines about transactions of these days, and all lines of one import.
create function ingest.lines_on(p_user_id uuid, p_accounts bigint[], p_days date[], p_sync_ids bigint[])
returns table (
    sync_id bigint, line_number integer, part smallint, verdict ingest.line_verdict, account_id bigint, source text, dedupe_key text,
    transaction_id bigint, instrument_id bigint, new_instrument_id bigint, trade_date date, day_rank integer, only_attests boolean,
    values_digest text, attested jsonb, is_finished boolean, decides bigint
)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_mergejoin = off
as $$
    with days as materialized (
        select d.account_id, d.trade_date
        from unnest(p_accounts, p_days) d (account_id, trade_date)
    ),
    ids as materialized (
        select t.id
        from days d
        join (
            select own.id, own.account_id, own.trade_date
            from core.transactions own
            where own.user_id = p_user_id
            and own.account_id = any (array(select distinct d.account_id from days d))
            and own.trade_date between (select min(d.trade_date) from days d) and (select max(d.trade_date) from days d)
            offset 0
        ) t on t.account_id = d.account_id and t.trade_date = d.trade_date
        union
        select (c.original ->> 'id')::bigint
        from ingest.corrections c
        join days d on d.account_id = c.account_id and d.trade_date = (c.original ->> 'trade_date')::date
        where c.user_id = p_user_id
    ),
    -- Two ways in, each by an index: an alternative of both would try every number of the list on every line.
    found as (
        select l.*
        from ingest.lines l
        where l.user_id = p_user_id
        and l.transaction_id = any (array(select i.id from ids i))
        and l.attested is not null
        union all
        select l.*
        from ingest.lines l
        where l.user_id = p_user_id
        and l.sync_id = any (p_sync_ids)
        and l.attested is not null
        and not exists (select from ids i where i.id = l.transaction_id)
    )
    select
        l.sync_id, l.line_number, l.part, l.verdict, l.account_id, l.source, l.dedupe_key, l.transaction_id, l.instrument_id, l.new_instrument_id,
        l.trade_date, l.day_rank, l.only_attests, l.values_digest, l.attested,
        h.status = 'finished',
        row_number() over (
            partition by l.account_id, l.source, l.dedupe_key
            order by ingest.statement_age(f.generated_at, f.period_end) desc, h.content_sha256 desc, l.line_number, l.part
        )
    from found l
    join core.sync_history h on h.user_id = l.user_id and h.id = l.sync_id and h.status in ('running', 'finished')
    join ingest.files f on f.user_id = l.user_id and f.sync_id = l.sync_id
$$;

comment on function ingest.lines_on(uuid, bigint[], date[], bigint[]) is
    'Lines of live imports about these days of these accounts, or of the given imports; decides = 1 is what its source says last of a row.';

create function ingest.told_on(p_user_id uuid, p_accounts bigint[], p_days date[], p_sync_ids bigint[])
returns setof ingest.told
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_mergejoin = off
as $$
    with days as materialized (
        select d.account_id, d.trade_date
        from unnest(p_accounts, p_days) d (account_id, trade_date)
    ),
    merged as materialized (
        select ingest.merged_instruments(p_user_id) as map
    ),
    -- A day that one source tells of, and that nothing was matched on, is left alone before any value is read.
    deciding as materialized (
        select
            l.account_id, l.source, l.dedupe_key, l.trade_date, l.day_rank, l.instrument_id, l.new_instrument_id, l.attested
        from ingest.lines_on(p_user_id, p_accounts, p_days, p_sync_ids) l
        join days d on d.account_id = l.account_id and d.trade_date = l.trade_date
        where l.decides = 1
        -- Decisions may name what a hand entered.
        union all
        select t.account_id, t.source, t.dedupe_key, t.trade_date, t.sequence, t.instrument_id, k.new_instrument_id, to_jsonb(t) || jsonb_build_object(
            'type', t.transaction_type,
            'terms', jsonb_build_object(
                'stated_quantity', k.stated_quantity, 'ratio_numerator', k.ratio_numerator, 'ratio_denominator', k.ratio_denominator
            )
        )
        from days d
        join core.transactions t on t.user_id = p_user_id and t.account_id = d.account_id and t.trade_date = d.trade_date and t.source = 'manual'
        left join tax.transaction_terms k on k.user_id = t.user_id and k.transaction_id = t.id
        where exists (
            select from ingest.decision_members m
            where m.user_id = p_user_id
            and m.account_id = t.account_id
            and m.source = 'manual'
            and m.dedupe_key = t.dedupe_key
        )
    ),
    removed as materialized (
        select c.account_id, c.source, c.dedupe_key, c.original
        from ingest.corrections c
        join days d on d.account_id = c.account_id and d.trade_date = (c.original ->> 'trade_date')::date
        where c.user_id = p_user_id
        and c.is_voided
    ),
    told as (
        select w.told
        from (
            select
                ingest.told_by(
                    d.account_id, d.source, d.dedupe_key, d.day_rank, d.instrument_id, d.new_instrument_id, (select m.map from merged m), d.attested
                ) as told,
                min(d.source) over day <> max(d.source) over day
                or exists (
                    select from removed r
                    where r.account_id = d.account_id and (r.original ->> 'trade_date')::date = d.trade_date and r.source <> d.source
                )
                or exists (
                    select from ingest.matches m
                    where m.user_id = p_user_id and m.account_id = d.account_id and m.trade_date = d.trade_date
                )
                or exists (
                    select from ingest.decision_members m
                    where m.user_id = p_user_id and m.account_id = d.account_id and m.trade_date = d.trade_date
                ) as is_shared
            from deciding d
            where not exists (
                select from removed r
                where r.account_id = d.account_id and r.source = d.source and r.dedupe_key = d.dedupe_key
            )
            window day as (partition by d.account_id, d.trade_date)
        ) w
        where w.is_shared
        union all
        select ingest.told_by(
            r.account_id, r.source, r.dedupe_key, (r.original ->> 'sequence')::integer, (r.original ->> 'instrument_id')::bigint,
            (r.original -> 'terms' ->> 'new_instrument_id')::bigint, (select m.map from merged m),
            r.original || jsonb_build_object('type', r.original -> 'transaction_type')
        )
        from removed r
    )
    select
        (t.told).account_id, (t.told).trade_date, (t.told).source, (t.told).key, (t.told).place, (t.told).instrument_id, (t.told).type,
        (t.told).currency, (t.told).quantity, (t.told).mark, (t.told).gross, (t.told).net, (t.told).costs, (t.told).executed_at,
        (t.told).order_id, c.dedupe_key is not null, coalesce(c.is_voided, false),
        array(
            select distinct other.source
            from ingest.decision_members own
            join ingest.decisions d on d.user_id = own.user_id and d.id = own.decision_id and d.verdict = 'different' and d.undone_at is null
            join ingest.decision_members other on other.user_id = own.user_id and other.decision_id = own.decision_id
            where own.user_id = p_user_id
            and own.account_id = (t.told).account_id
            and own.trade_date = (t.told).trade_date
            and own.source = (t.told).source
            and own.dedupe_key = (t.told).key
            and other.source <> own.source
        )
    from told t
    left join ingest.corrections c
        on c.user_id = p_user_id and c.account_id = (t.told).account_id and c.source = (t.told).source and c.dedupe_key = (t.told).key
$$;

comment on function ingest.told_on(uuid, bigint[], date[], bigint[]) is
    'What each source tells of these days, where more than one does: rows of live imports, rows that were voided, and rows by hand that a decision names.';

-- Half a unit of the last place printed, cents at the least: 10 stands for 10.00.
create function ingest.printed_rounding(p_amount numeric)
returns numeric
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select 0.5 * power(10::numeric, -greatest(scale(p_amount), 2))
$$;

comment on function ingest.printed_rounding(numeric) is 'By how much a printed amount may differ from the exact one.';

create function ingest.amounts_agree(p_one ingest.told, p_other ingest.told)
returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
    select
        abs(p_one.net - p_other.net) <= ingest.printed_rounding(p_one.net) + ingest.printed_rounding(p_other.net)
        -- A source that knows no costs yet agrees before costs.
        or (p_one.costs = 0) <> (p_other.costs = 0)
        and abs(p_one.gross - p_other.gross) <= ingest.printed_rounding(p_one.gross) + ingest.printed_rounding(p_other.gross)
$$;

comment on function ingest.amounts_agree(ingest.told, ingest.told) is 'Whether two rows move the same cash, within what they print.';

-- Rows of one source that are still without a partner in the other.
create function ingest.free_rows(p_told ingest.told[], p_pairs ingest.pair[], p_source text, p_other text)
returns setof ingest.told
language sql
stable
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
as $$
    select t.*
    from unnest(p_told) t
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

comment on function ingest.free_rows(ingest.told[], ingest.pair[], text, text) is
    'Rows of a source that count so far, that no row of the other source attests, and that nobody declared different from it.';

-- Row by row: the same account, instrument, kind, day and units, and the same cash; the first of equal rows with the first, the second with the
-- second. First those of one instant, then those whose instants do not contradict each other, then those whose printed cash is rounded.
create function ingest.pair_equal(p_told ingest.told[], p_pairs ingest.pair[], p_first text, p_second text, p_pass integer)
returns setof ingest.pair
language sql
stable
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_mergejoin = off
as $$
    with free as (
        select f as told, f.* from ingest.free_rows(p_told, p_pairs, p_first, p_second) f
        union all
        select f as told, f.* from ingest.free_rows(p_told, p_pairs, p_second, p_first) f
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
    and ingest.amounts_agree(a.told, b.told)
    and coalesce(abs(extract(epoch from a.executed_at - b.executed_at)) <= 60, true)
$$;

comment on function ingest.pair_equal(ingest.told[], ingest.pair[], text, text, integer) is
    'Rows of two sources that tell one event each, one to one. Instants may differ by a minute; contradicting ones keep rows apart.';

-- An order and its fills: units and cash must agree to the last digit. Fills are found by their order''s number, else because they stand in a row.
create function ingest.pair_fills(p_told ingest.told[], p_pairs ingest.pair[], p_first text, p_second text, p_orders text, p_by_number boolean)
returns setof ingest.pair
language sql
stable
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_mergejoin = off
as $$
    with free as materialized (
        select f.* from ingest.free_rows(p_told, p_pairs, p_first, p_second) f
        union all
        select f.* from ingest.free_rows(p_told, p_pairs, p_second, p_first) f
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
            from unnest(p_told) t
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

comment on function ingest.pair_fills(ingest.told[], ingest.pair[], text, text, text, boolean) is
    'Orders of one source (p_orders) and the fills of the other that make them up exactly: by order number, or as consecutive fills.';

-- What a person decided binds before any rule does. Where the rows that shall count are gone, the decision sleeps.
create function ingest.pair_decided(p_user_id uuid, p_told ingest.told[])
returns setof ingest.pair
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
        join unnest(p_told) t on t.account_id = m.account_id and t.source = m.source and t.key = m.dedupe_key
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

comment on function ingest.pair_decided(uuid, ingest.told[]) is 'Rows that a person declared to be one event: those of the kept source count.';

create function ingest.pair_all(p_user_id uuid, p_told ingest.told[])
returns setof ingest.pair
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_mergejoin = off
as $$
declare
    v_pairs ingest.pair[];
    v_sources text[];
    v_first text;
    v_second text;
    v_second_number integer;
    v_pass integer;
begin
    v_pairs := array(select p from ingest.pair_decided(p_user_id, p_told) p);
    select array_agg(s.source order by ingest.source_rank(s.source), s.source)
    into v_sources
    from (
        select distinct t.source
        from unnest(p_told) t
        where t.source <> 'manual'
    ) s;

    for v_second_number in 2 .. coalesce(cardinality(v_sources), 0) loop
        v_second := v_sources[v_second_number];
        foreach v_first in array v_sources[1:v_second_number - 1] loop
            for v_pass in 1 .. 3 loop
                v_pairs := v_pairs || array(select p from ingest.pair_equal(p_told, v_pairs, v_first, v_second, v_pass) p);
            end loop;
            v_pairs := v_pairs || array(select p from ingest.pair_fills(p_told, v_pairs, v_first, v_second, v_first, true) p);
            v_pairs := v_pairs || array(select p from ingest.pair_fills(p_told, v_pairs, v_first, v_second, v_second, true) p);
            v_pairs := v_pairs || array(select p from ingest.pair_fills(p_told, v_pairs, v_first, v_second, v_first, false) p);
            v_pairs := v_pairs || array(select p from ingest.pair_fills(p_told, v_pairs, v_first, v_second, v_second, false) p);
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
        join unnest(p_told) m on m.account_id = p.account_id and m.source = p.source and m.key = p.key and m.is_corrected
        join unnest(p_told) h on h.account_id = p.account_id and h.source = p.counted_source and h.key = p.counted_key and not h.is_corrected
        where p.rule = 'equal'
        order by p.account_id, p.counted_source, p.counted_key, ingest.source_rank(p.source), p.source, p.key
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
        left join unnest(p_told) h on h.account_id = i.account_id and h.source = i.was_source and h.key = i.was_key
    )
    select distinct on (t.account_id, t.source, t.key, t.counted_source, t.counted_key)
        t.account_id, t.trade_date, t.source, t.key, t.counted_source, t.counted_key, t.rule, t.decision_id
    from turned t
    where t.source <> t.counted_source
    order by t.account_id, t.source, t.key, t.counted_source, t.counted_key, t.rule;
end
$$;

comment on function ingest.pair_all(uuid, ingest.told[]) is
    'Which rows only attest, and what counts for them: decisions first, then source by source in their order, row by row before orders and fills.';

-- Each line points at the transaction that counts for it. A transaction keeps its number when another source takes it over, so that what a person
-- said about it stays.
create function ingest.point_lines(
    p_user_id uuid, p_accounts bigint[], p_days date[], p_sync_ids bigint[], p_told ingest.told[], p_pairs ingest.pair[], p_load_sync_id bigint
)
returns bigint[]
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_mergejoin = off
as $$
declare
    v_touched bigint[];
begin
    with line as materialized (
        select
            o.sync_id, o.line_number, o.part, o.verdict, o.account_id, o.source, o.dedupe_key, o.transaction_id, o.only_attests, o.values_digest,
            o.is_finished, o.decides, t.quantity, t.net
        from ingest.lines_on(p_user_id, p_accounts, p_days, p_sync_ids) o
        join unnest(p_told) t on t.account_id = o.account_id and t.source = o.source and t.key = o.dedupe_key
    ),
    counts as materialized (
        select distinct on (t.account_id, t.source, t.key)
            t.account_id, t.source, t.key,
            coalesce(p.counted_source, t.source) as counted_source,
            coalesce(p.counted_key, t.key) as counted_key,
            p.rule
        from unnest(p_told) t
        left join unnest(p_pairs) p on p.account_id = t.account_id and p.source = t.source and p.key = t.key
        left join unnest(p_told) h on h.account_id = p.account_id and h.source = p.counted_source and h.key = p.counted_key
        order by t.account_id, t.source, t.key, h.executed_at nulls last, h.place, p.counted_key
    ),
    kept as materialized (
        select distinct c.account_id, c.counted_source, c.counted_key, h.is_voided
        from counts c
        join unnest(p_told) h on h.account_id = c.account_id and h.source = c.counted_source and h.key = c.counted_key
    ),
    stored as materialized (
        select t.id, t.account_id, t.source, t.dedupe_key, t.quantity, t.price, t.net_amount
        from (
            select own.*
            from core.transactions own
            where own.user_id = p_user_id
            and own.account_id = any (p_accounts)
            offset 0
        ) t
    ),
    -- Numbers that nobody keeps, and who could take them over: whose line pointed there, or whose event it told.
    asked as (
        select l.account_id, c.counted_source, c.counted_key, s.id
        from line l
        join counts c on c.account_id = l.account_id and c.source = l.source and c.key = l.dedupe_key
        join stored s on s.id = l.transaction_id
        where c.rule is null or c.rule in ('equal', 'decided')
    ),
    free as (
        select distinct on (a.id) a.*
        from asked a
        join stored s on s.id = a.id
        where not exists (
            select from kept k
            where k.account_id = s.account_id and k.counted_source = s.source and k.counted_key = s.dedupe_key
        )
        order by a.id, ingest.source_rank(a.counted_source), a.counted_source, a.counted_key
    ),
    taken as (
        select f.account_id, f.counted_source, f.counted_key, min(f.id) as id
        from free f
        group by f.account_id, f.counted_source, f.counted_key
    ),
    fresh as (
        select l.account_id, l.source, l.dedupe_key, min(l.transaction_id) as id
        from line l
        where l.transaction_id is not null
        and not exists (select from stored s where s.id = l.transaction_id)
        group by l.account_id, l.source, l.dedupe_key
    ),
    numbered as materialized (
        select
            k.account_id, k.counted_source, k.counted_key,
            case when not k.is_voided then coalesce(s.id, t.id, f.id, nextval('core.transactions_id_seq')) end as id,
            s.id is null and t.id is not null as takes_over, was.quantity as was_quantity, was.net_amount as was_net
        from kept k
        left join stored s on s.account_id = k.account_id and s.source = k.counted_source and s.dedupe_key = k.counted_key
        left join taken t on t.account_id = k.account_id and t.counted_source = k.counted_source and t.counted_key = k.counted_key
        left join fresh f on f.account_id = k.account_id and f.source = k.counted_source and f.dedupe_key = k.counted_key
        left join stored was on was.id = t.id
    ),
    aimed as materialized (
        select
            l.sync_id, l.line_number, l.part, l.transaction_id as old_id, n.id as new_id, c.rule is not null as only_attests,
            l.only_attests as attested_only, l.verdict as old_verdict,
            case
                when l.sync_id is distinct from p_load_sync_id then null
                when c.rule is not null then (
                    case
                        when lag(l.values_digest) over same_row is distinct from l.values_digest and lag(l.values_digest) over same_row is not null
                            then 'changed'
                        else 'known'
                    end
                )
                when n.takes_over then case when n.was_quantity is not distinct from l.quantity and n.was_net = l.net then 'known' else 'changed' end
            end::ingest.line_verdict as verdict
        from line l
        join counts c on c.account_id = l.account_id and c.source = l.source and c.key = l.dedupe_key
        join numbered n on n.account_id = c.account_id and n.counted_source = c.counted_source and n.counted_key = c.counted_key
        window same_row as (partition by l.account_id, l.source, l.dedupe_key order by l.is_finished desc, l.decides desc)
    ),
    pointed as (
        update ingest.lines l
        set transaction_id = a.new_id,
            only_attests = a.only_attests,
            verdict = coalesce(a.verdict, l.verdict)
        from aimed a
        where l.user_id = p_user_id
        and l.sync_id = a.sync_id
        and l.line_number = a.line_number
        and l.part = a.part
        and l.sync_id = any (array(select distinct m.sync_id from aimed m))
        and (
            a.old_id is distinct from a.new_id
            or a.attested_only <> a.only_attests
            or a.old_verdict <> coalesce(a.verdict, a.old_verdict)
        )
        returning l.line_number
    ),
    -- Lines that complete another line's event go where that goes.
    completing as (
        update ingest.lines l
        set transaction_id = a.new_id,
            verdict = coalesce(a.verdict, l.verdict)
        from (
            select distinct on (m.sync_id, m.old_id) m.sync_id, m.old_id, m.new_id, m.verdict
            from aimed m
            where m.old_id is not null
            and (m.new_id is distinct from m.old_id or m.verdict is not null)
            order by m.sync_id, m.old_id, m.line_number, m.part
        ) a
        where l.user_id = p_user_id
        and l.sync_id = a.sync_id
        and l.transaction_id = a.old_id
        and l.attested is null
        returning l.line_number
    )
    select array_agg(distinct i.id)
    into v_touched
    from (
        select a.old_id as id from aimed a
        union all
        select a.new_id from aimed a
    ) i
    where i.id is not null;
    return coalesce(v_touched, '{}');
end
$$;

comment on function ingest.point_lines(uuid, bigint[], date[], bigint[], ingest.told[], ingest.pair[], bigint) is
    'Points the lines of the told rows at the transactions that count for them; returns the transactions to settle.';

-- What made two rows one event may have left with the import that said so. Links by hand and transfers, which are paired anew, stay.
create function ingest.drop_stale_links(p_user_id uuid, p_transaction_ids bigint[])
returns void
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
    delete from tax.transaction_links k
    where k.user_id = p_user_id
    and k.from_id = any (p_transaction_ids)
    and k.kind <> 'transfer'
    and not exists (
        select from core.transactions t
        where t.user_id = k.user_id
        and t.id in (k.from_id, k.to_id)
        and t.sync_id is null
    )
    and not exists (
        select from ingest.lines a
        join core.sync_history h on h.user_id = a.user_id and h.id = a.sync_id and h.status in ('running', 'finished')
        join ingest.line_links said
            on said.user_id = a.user_id and said.sync_id = a.sync_id and said.from_line = a.line_number and said.from_part = a.part and said.kind = k.kind
        join ingest.lines b
            on b.user_id = said.user_id and b.sync_id = said.sync_id and b.line_number = said.to_line and b.part = said.to_part
        where a.user_id = k.user_id
        and a.transaction_id = k.from_id
        and b.transaction_id = k.to_id
    )
$$;

comment on function ingest.drop_stale_links(uuid, bigint[]) is 'Removes links between transactions that no live import states any more.';

-- Matches the rows of these days anew. Everything that changes it ends here: an import, its undo, a decision, a merge of instruments.
create function ingest.match_days(p_user_id uuid, p_accounts bigint[], p_days date[], p_sync_ids bigint[], p_load_sync_id bigint default null)
returns bigint[]
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_mergejoin = off
as $$
declare
    v_accounts bigint[];
    v_days date[];
    v_told ingest.told[];
    v_pairs ingest.pair[];
    v_touched bigint[];
begin
    -- A decision may join rows of several days: they are matched together.
    with recursive reached (account_id, trade_date) as (
        select d.account_id, d.trade_date
        from unnest(p_accounts, p_days) d (account_id, trade_date)
        union
        select other.account_id, other.trade_date
        from reached r
        join ingest.decision_members own on own.user_id = p_user_id and own.account_id = r.account_id and own.trade_date = r.trade_date
        join ingest.decision_members other on other.user_id = own.user_id and other.decision_id = own.decision_id
    )
    select array_agg(r.account_id), array_agg(r.trade_date)
    into v_accounts, v_days
    from reached r;

    v_told := array(select t from ingest.told_on(p_user_id, v_accounts, v_days, p_sync_ids) t);
    v_pairs := array(select p from ingest.pair_all(p_user_id, v_told) p);

    delete from ingest.matches m
    using unnest(v_accounts, v_days) d (account_id, trade_date)
    where m.user_id = p_user_id
    and m.account_id = d.account_id
    and m.trade_date = d.trade_date
    and not exists (
        select from unnest(v_pairs) p
        where p.account_id = m.account_id and p.source = m.source and p.key = m.dedupe_key
        and p.counted_source = m.counted_source and p.counted_key = m.counted_key
        and p.rule = m.rule and p.decision_id is not distinct from m.decision_id
    );
    insert into ingest.matches (user_id, account_id, source, dedupe_key, counted_source, counted_key, trade_date, rule, decision_id)
    select p_user_id, p.account_id, p.source, p.key, p.counted_source, p.counted_key, p.trade_date, p.rule, p.decision_id
    from unnest(v_pairs) p
    on conflict on constraint matches_pkey do update
    set trade_date = excluded.trade_date,
        rule = excluded.rule,
        decision_id = excluded.decision_id
    where (ingest.matches.trade_date, ingest.matches.rule, ingest.matches.decision_id)
        is distinct from (excluded.trade_date, excluded.rule, excluded.decision_id);

    v_touched := ingest.point_lines(p_user_id, v_accounts, v_days, p_sync_ids, v_told, v_pairs, p_load_sync_id);
    perform ingest.drop_stale_links(p_user_id, v_touched);
    return v_touched;
end
$$;

comment on function ingest.match_days(uuid, bigint[], date[], bigint[], bigint) is
    'Matches what several sources tell of these days (accounts and days in parallel); returns the transactions to settle. Lines of p_load_sync_id get their verdict.';

-- Whether anything but one source can be told of an import's accounts: asked first, of small tables, so that one source alone costs nothing.
create function ingest.may_match(p_user_id uuid, p_sync_id bigint)
returns boolean
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select exists (
        select from core.sync_history own
        where own.user_id = p_user_id
        and own.id = p_sync_id
        and (
            exists (
                select from core.sync_history other
                where other.user_id = own.user_id
                and other.id <> own.id
                and other.status = 'finished'
                and other.kind in ('import', 'migration')
                and (other.account_id = own.account_id or other.account_id is null or own.account_id is null)
                and (other.source <> own.source or own.source = 'quantmatrix_csv')
            )
            or exists (
                select from ingest.matches m
                where m.user_id = own.user_id
                and (m.account_id = own.account_id or own.account_id is null)
            )
            or exists (
                select from ingest.decisions d
                where d.user_id = own.user_id
                and (d.account_id = own.account_id or own.account_id is null)
                and d.undone_at is null
            )
            or exists (
                select from ingest.corrections c
                where c.user_id = own.user_id
                and (c.account_id = own.account_id or own.account_id is null)
                and c.is_voided
                and c.source <> own.source
            )
        )
    )
$$;

comment on function ingest.may_match(uuid, bigint) is 'Whether an import may tell what another source told.';

create function ingest.match_import(p_user_id uuid, p_sync_ids bigint[], p_load_sync_id bigint default null)
returns bigint[]
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
as $$
declare
    v_accounts bigint[];
    v_days date[];
begin
    if not exists (select from unnest(p_sync_ids) s (id) where ingest.may_match(p_user_id, s.id)) then
        return '{}';
    end if;
    with own as materialized (
        select distinct l.account_id, l.trade_date, l.source, l.dedupe_key, l.transaction_id
        from ingest.lines l
        where l.user_id = p_user_id
        and l.sync_id = any (p_sync_ids)
        and l.attested is not null
    )
    select array_agg(d.account_id), array_agg(d.trade_date)
    into v_accounts, v_days
    from (
        select o.account_id, o.trade_date
        from own o
        union
        select t.account_id, t.trade_date
        from own o
        join core.transactions t on t.user_id = p_user_id and t.id = o.transaction_id
        union
        select m.account_id, m.trade_date
        from own o
        join ingest.matches m on m.user_id = p_user_id and m.account_id = o.account_id and m.source = o.source and m.dedupe_key = o.dedupe_key
    ) d;
    return ingest.match_days(p_user_id, v_accounts, v_days, p_sync_ids, p_load_sync_id);
end
$$;

comment on function ingest.match_import(uuid, bigint[], bigint) is
    'Matches the days that these imports tell of; returns the transactions to settle besides those the imports attest.';

grant execute on function
    ingest.source_rank(text), ingest.told_by(bigint, text, text, integer, bigint, bigint, jsonb, jsonb),
    ingest.lines_on(uuid, bigint[], date[], bigint[]), ingest.told_on(uuid, bigint[], date[], bigint[]), ingest.printed_rounding(numeric),
    ingest.amounts_agree(ingest.told, ingest.told), ingest.free_rows(ingest.told[], ingest.pair[], text, text),
    ingest.pair_equal(ingest.told[], ingest.pair[], text, text, integer), ingest.pair_fills(ingest.told[], ingest.pair[], text, text, text, boolean),
    ingest.pair_decided(uuid, ingest.told[]), ingest.pair_all(uuid, ingest.told[]),
    ingest.point_lines(uuid, bigint[], date[], bigint[], ingest.told[], ingest.pair[], bigint),
    ingest.drop_stale_links(uuid, bigint[]), ingest.match_days(uuid, bigint[], date[], bigint[], bigint), ingest.may_match(uuid, bigint), ingest.match_import(uuid, bigint[], bigint)
    to quantmatrix_writer;
grant usage on type ingest.told, ingest.pair to quantmatrix_writer;
