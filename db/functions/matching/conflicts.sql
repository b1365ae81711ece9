-- Conflicts: rows of several sources that the rules (pair.sql) cannot pair, and what an import says of them. Nothing is guessed: they all count, and
-- are listed until the person says whether they are the same.

-- Members of open conflicts, one row each. Two rows are in conflict where each is without a partner in the other's source: about one instrument, or
-- one kind of cash, on one day; or the very same units and cash within four days, or under another symbol.
create function matching.conflicts(p_user_id uuid, p_account_id bigint default null)
returns table (
    conflict text, account_id bigint, day date, symbol text, verdict text, why text,
    transaction_id bigint, source text, dedupe_key text, trade_date date, quantity numeric, net numeric
)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
as $$
    with counted as materialized (
        select w.*
        from (
            select
                t.id, t.account_id, t.trade_date, t.instrument_id, t.source, t.dedupe_key, t.quantity, t.net_amount, t.currency, t.transaction_type::text as type,
                min(t.source) over (partition by t.account_id) <> max(t.source) over (partition by t.account_id) as is_shared,
                min(t.trade_date) over (partition by t.account_id, t.source) as since,
                max(t.trade_date) over (partition by t.account_id, t.source) as until
            from core.transactions t
            where t.user_id = p_user_id
            and (p_account_id is null or t.account_id = p_account_id)
            and t.transaction_type <> 'set_basis'
        ) w
        where w.is_shared
    ),
    attested as (
        select m.account_id, m.counted_source, m.counted_key, array_agg(distinct m.source) as sources
        from ingest.matches m
        where m.user_id = p_user_id
        group by m.account_id, m.counted_source, m.counted_key
    ),
    named as materialized (
        select
            c.*, i.symbol,
            concat_ws('|', c.account_id, c.trade_date, coalesce(i.symbol, '-'), case when k.is_cash then matching.kind_of_event(c.type) || c.currency end) as subject,
            coalesce(a.sources, '{}') as attested_by
        from counted c
        cross join lateral (
            select c.instrument_id is null or c.type in (
                'dividend', 'payment_in_lieu', 'capital_gain_distribution', 'interest', 'stock_lending_income', 'fee', 'tax_withheld', 'return_of_capital'
            ) as is_cash
        ) k
        left join core.instruments i on i.id = c.instrument_id
        left join attested a on a.account_id = c.account_id and a.counted_source = c.source and a.counted_key = c.dedupe_key
    ),
    apart as materialized (
        select a.account_id, a.source as one_source, a.dedupe_key as one_key, b.source as other_source, b.dedupe_key as other_key
        from ingest.decisions d
        join ingest.decision_members a on a.user_id = d.user_id and a.decision_id = d.id
        join ingest.decision_members b on b.user_id = d.user_id and b.decision_id = d.id and b.source <> a.source
        where d.user_id = p_user_id
        and d.verdict = 'different'
        and d.undone_at is null
    ),
    subjects as (
        select n.subject
        from named n
        group by n.subject
        having min(n.source) <> max(n.source)
    ),
    same_day as materialized (
        select n.*
        from named n
        join subjects s on s.subject = n.subject
        where exists (
            select from named q
            where q.subject = n.subject
            and q.source <> n.source
            and not q.source = any (n.attested_by)
            and not n.source = any (q.attested_by)
            and not exists (
                select from apart p
                where p.account_id = n.account_id and p.one_source = n.source and p.one_key = n.dedupe_key
                and p.other_source = q.source and p.other_key = q.dedupe_key
            )
        )
    ),
    lonely as materialized (
        select n.*, concat_ws('|', n.account_id, matching.kind_of_event(n.type), n.currency, coalesce(trim_scale(n.quantity)::text, '-'), round(n.net_amount, 2)) as likeness
        from named n
        where n.attested_by = '{}'
        and not exists (select from same_day s where s.id = n.id)
    ),
    nearest as materialized (
        select
            a.id as one, b.id as other, a.trade_date as one_day, b.trade_date as other_day,
            row_number() over (partition by a.id order by abs(a.trade_date - b.trade_date), b.trade_date, b.source, b.dedupe_key) as of_one,
            row_number() over (partition by b.id order by abs(a.trade_date - b.trade_date), a.trade_date, a.source, a.dedupe_key) as of_other
        from lonely a
        join lonely b on b.likeness = a.likeness
        where a.source < b.source
        and (a.net_amount <> 0 or a.quantity <> 0)
        and case
            when a.trade_date = b.trade_date then a.instrument_id is distinct from b.instrument_id
            else a.instrument_id is not distinct from b.instrument_id and abs(a.trade_date - b.trade_date) <= 4
        end
        and a.trade_date between b.since and b.until
        and b.trade_date between a.since and a.until
        and not exists (
            select from apart p
            where p.account_id = a.account_id and p.one_source = a.source and p.one_key = a.dedupe_key
            and p.other_source = b.source and p.other_key = b.dedupe_key
        )
    ),
    member as (
        select 's' || s.subject as topic, null::boolean as is_other_day, s.*
        from same_day s
        union all
        select 'n' || p.one || '|' || p.other, p.one_day <> p.other_day, n.*
        from nearest p
        join named n on n.id in (p.one, p.other)
        where p.of_one = 1
        and p.of_other = 1
    ),
    sums as (
        select m.topic, m.source, sum(m.quantity) as quantity, sum(m.net_amount) as net
        from member m
        group by m.topic, m.source
    ),
    agreement as (
        select s.topic, min(coalesce(s.quantity, 0)) = max(coalesce(s.quantity, 0)) and max(s.net) - min(s.net) <= 0.01 as agrees
        from sums s
        group by s.topic
    )
    select
        left(md5(string_agg(concat_ws('|', m.account_id, m.source, m.dedupe_key), ',') over everyone), 10),
        m.account_id,
        min(m.trade_date) over everyone,
        coalesce(min(m.symbol) over everyone, min(m.type) over everyone),
        case when m.is_other_day is not null then 'nearby' when a.agrees then 'same' else 'differs' end,
        case
            when m.is_other_day then 'the same units and cash on different days'
            when not m.is_other_day then 'the same units and cash under different symbols'
            when a.agrees then 'units and cash of the day agree, but not row by row'
            else 'units or cash differ'
        end,
        m.id, m.source, m.dedupe_key, m.trade_date, m.quantity, m.net_amount
    from member m
    join agreement a on a.topic = m.topic
    window everyone as (partition by m.topic order by m.source, m.dedupe_key rows between unbounded preceding and unbounded following)
$$;

comment on function matching.conflicts(uuid, bigint) is
    'Rows of several sources that may be one event and that no rule could pair. conflict names the group: it changes when its members do.';

-- Members of matched events, named alike; an order and its fills are one event.
create function matching.matched(p_user_id uuid)
returns table (conflict text, account_id bigint, day date, transaction_id bigint, source text, dedupe_key text, attested_by text, attesting_key text, rule ingest.match_rule, decision_id bigint)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
as $$
    select
        'm' || left(md5(concat_ws(
            '|', m.account_id, m.source,
            case when count(*) over (partition by m.account_id, m.source, m.dedupe_key) > 1 then m.dedupe_key else m.counted_source || '|' || m.counted_key end
        )), 9),
        m.account_id, m.trade_date, t.id, m.counted_source, m.counted_key, m.source, m.dedupe_key, m.rule, m.decision_id
    from ingest.matches m
    left join core.transactions t
        on t.user_id = m.user_id and t.account_id = m.account_id and t.source = m.counted_source and t.dedupe_key = m.counted_key
    where m.user_id = p_user_id
$$;

comment on function matching.matched(uuid) is 'Events that several sources tell: the row that counts and the row that attests it, with the name by which the person can part them.';

create function matching.match_report(p_user_id uuid, p_sync_id bigint)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
as $$
    with own as materialized (
        select l.account_id, l.source, l.dedupe_key, l.transaction_id, l.only_attests
        from ingest.lines l
        where l.user_id = p_user_id
        and l.sync_id = p_sync_id
        and l.attested is not null
    )
    select jsonb_build_object(
        'matched', (
            select count(*)
            from own o
            left join (
                select distinct m.account_id, m.counted_source, m.counted_key
                from ingest.matches m
                where m.user_id = p_user_id
            ) c on c.account_id = o.account_id and c.counted_source = o.source and c.counted_key = o.dedupe_key
            where o.only_attests
            or c.account_id is not null
        ),
        'conflicts', (
            select count(distinct c.conflict)
            from (select distinct o.account_id from own o) a
            cross join lateral matching.conflicts(p_user_id, a.account_id) c
            where c.transaction_id in (select o.transaction_id from own o)
        )
    )
$$;

comment on function matching.match_report(uuid, bigint) is 'What an import says of other sources: rows of it that another source tells too, and conflicts that it is part of.';

create function matching.rematch(p_user_id uuid, p_accounts bigint[], p_days date[])
returns jsonb
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_applied record;
begin
    select * into v_applied from matching.apply_lines(p_user_id, matching.match_days(p_user_id, p_accounts, p_days, '{}'));
    perform matching.pair_transfers(p_user_id);
    return jsonb_build_object('added', v_applied.inserted, 'changed', v_applied.updated, 'removed', v_applied.deleted);
end
$$;

comment on function matching.rematch(uuid, bigint[], date[]) is 'Matches these days anew and applies their lines; returns the transactions that were added, changed and removed.';

grant execute on function matching.conflicts(uuid, bigint), matching.matched(uuid), matching.kind_of_event(text)
    to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin, quantmatrix_writer;
grant execute on function matching.match_report(uuid, bigint), matching.rematch(uuid, bigint[], date[]) to quantmatrix_writer;
