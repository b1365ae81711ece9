-- After matching: lines are attached to the transaction that counts for them, and links that nobody states any more go.

-- Each line points at the transaction that counts for it. A transaction keeps its number when another source takes it over, so that what a person
-- said about it stays.
create function matching.attach_lines(
    p_user_id uuid, p_accounts bigint[], p_days date[], p_sync_ids bigint[], p_rows matching.source_row[], p_pairs matching.pair[], p_load_sync_id bigint
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
        from matching.lines_on(p_user_id, p_accounts, p_days, p_sync_ids) o
        join unnest(p_rows) t on t.account_id = o.account_id and t.source = o.source and t.key = o.dedupe_key
    ),
    counts as materialized (
        select distinct on (t.account_id, t.source, t.key)
            t.account_id, t.source, t.key,
            coalesce(p.counted_source, t.source) as counted_source,
            coalesce(p.counted_key, t.key) as counted_key,
            p.rule
        from unnest(p_rows) t
        left join unnest(p_pairs) p on p.account_id = t.account_id and p.source = t.source and p.key = t.key
        left join unnest(p_rows) h on h.account_id = p.account_id and h.source = p.counted_source and h.key = p.counted_key
        order by t.account_id, t.source, t.key, h.executed_at nulls last, h.place, p.counted_key
    ),
    kept as materialized (
        select distinct c.account_id, c.counted_source, c.counted_key, h.is_voided
        from counts c
        join unnest(p_rows) h on h.account_id = c.account_id and h.source = c.counted_source and h.key = c.counted_key
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
        order by a.id, matching.source_rank(a.counted_source), a.counted_source, a.counted_key
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

comment on function matching.attach_lines(uuid, bigint[], date[], bigint[], matching.source_row[], matching.pair[], bigint) is
    'Attaches the lines of these rows to the transactions that count for them; returns the transactions whose lines must be applied.';

-- What made two rows one event may have left with the import that said so. Links by hand and transfers, which are paired anew, stay.
create function matching.drop_stale_links(p_user_id uuid, p_transaction_ids bigint[])
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

comment on function matching.drop_stale_links(uuid, bigint[]) is 'Removes links between transactions that no live import states any more.';
