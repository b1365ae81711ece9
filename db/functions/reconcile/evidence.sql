-- The broker's side: which statement is the newest at a date, and what it says. Evidence of an undone import is gone, so whatever stands here counts.

create function reconcile.broker_statements(p_user_id uuid, p_account_id bigint, p_as_of date)
returns table (account_id bigint, as_of date, position_sync_id bigint, lot_sync_id bigint)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    with newest as materialized (
        select
            a.id as account_id,
            p.as_of as position_as_of,
            p.sync_id as position_sync_id,
            l.as_of as lot_as_of,
            l.sync_id as lot_sync_id
        from core.accounts a
        left join lateral (
            select e.as_of, e.sync_id
            from (
                select distinct b.as_of, b.sync_id
                from ingest.broker_positions b
                where b.user_id = a.user_id
                and b.account_id = a.id
                and b.as_of = (
                    select max(n.as_of)
                    from ingest.broker_positions n
                    where n.user_id = a.user_id
                    and n.account_id = a.id
                    and n.as_of <= p_as_of
                )
            ) e
            join core.sync_history h on h.user_id = a.user_id and h.id = e.sync_id
            left join ingest.files f on f.user_id = a.user_id and f.sync_id = e.sync_id
            order by matching.statement_age(f.generated_at, f.period_end) desc, h.content_sha256 desc, e.sync_id desc
            limit 1
        ) p on true
        left join lateral (
            select e.as_of, e.sync_id
            from (
                select distinct b.as_of, b.sync_id
                from ingest.broker_lots b
                where b.user_id = a.user_id
                and b.account_id = a.id
                and b.as_of = (
                    select max(n.as_of)
                    from ingest.broker_lots n
                    where n.user_id = a.user_id
                    and n.account_id = a.id
                    and n.as_of <= p_as_of
                )
            ) e
            join core.sync_history h on h.user_id = a.user_id and h.id = e.sync_id
            left join ingest.files f on f.user_id = a.user_id and f.sync_id = e.sync_id
            order by matching.statement_age(f.generated_at, f.period_end) desc, h.content_sha256 desc, e.sync_id desc
            limit 1
        ) l on true
        where a.user_id = p_user_id
        and (p_account_id is null or a.id = p_account_id)
    )
    select n.account_id, n.position_as_of, n.position_sync_id, case when n.lot_as_of = n.position_as_of then n.lot_sync_id end
    from newest n
    where n.position_as_of is not null
    union all
    select n.account_id, n.lot_as_of, null, n.lot_sync_id
    from newest n
    where n.lot_as_of is distinct from n.position_as_of
    and n.lot_as_of is not null
$$;

comment on function reconcile.broker_statements(uuid, bigint, date) is
    'Newest statement of positions and of lots of each account at or before a day; one row where both are of the same day. Of two of one day the one made last counts.';

create function reconcile.broker_side(p_user_id uuid, p_account_id bigint, p_as_of date)
returns table (
    account_id bigint, as_of date, instrument_id bigint, quantity numeric, cost numeric, currency text,
    lots integer, lot_list jsonb, is_complete boolean, sync_id bigint, line_number integer
)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    with statements as materialized (
        select * from reconcile.broker_statements(p_user_id, p_account_id, p_as_of)
    ),
    held as (
        select
            s.account_id, s.as_of, b.instrument_id,
            sum(b.quantity) as quantity,
            case when count(b.cost_basis) = count(*) and count(distinct b.currency) = 1 then sum(b.cost_basis) end as cost,
            min(b.currency) as currency,
            s.position_sync_id as sync_id,
            min(b.line_number) as line_number
        from statements s
        join ingest.broker_positions b
            on b.user_id = p_user_id and b.account_id = s.account_id and b.as_of = s.as_of and b.sync_id = s.position_sync_id
        group by s.account_id, s.as_of, s.position_sync_id, b.instrument_id
    ),
    lots as (
        select
            s.account_id, s.as_of, b.instrument_id,
            sum(b.quantity) as quantity,
            case when count(b.cost_basis) = count(*) and count(distinct b.currency) = 1 then sum(b.cost_basis) end as cost,
            min(b.currency) as currency,
            count(*)::integer as number,
            case when count(b.acquired_on) = count(*) then jsonb_agg(
                jsonb_build_object('acquired_on', b.acquired_on, 'quantity', trim_scale(b.quantity)::text, 'cost', reconcile.money_text(b.cost_basis))
                order by b.acquired_on, b.quantity, b.line_number
            ) end as list,
            s.lot_sync_id as sync_id,
            min(b.line_number) as line_number
        from statements s
        join ingest.broker_lots b
            on b.user_id = p_user_id and b.account_id = s.account_id and b.as_of = s.as_of and b.sync_id = s.lot_sync_id
        group by s.account_id, s.as_of, s.lot_sync_id, b.instrument_id
    )
    select
        account_id, as_of, instrument_id,
        coalesce(h.quantity, l.quantity),
        coalesce(h.cost, l.cost),
        coalesce(h.currency, l.currency),
        coalesce(l.number, 0),
        l.list,
        h.quantity is not null,
        coalesce(h.sync_id, l.sync_id),
        coalesce(h.line_number, l.line_number)
    from held h
    full join lots l using (account_id, as_of, instrument_id)
$$;

comment on function reconcile.broker_side(uuid, bigint, date) is
    'What the newest statements say: quantity, cost and lots of each account and instrument at the statement''s own day, and the line that says so.';

grant execute on function
    reconcile.broker_statements(uuid, bigint, date), reconcile.broker_side(uuid, bigint, date)
    to quantmatrix_writer, quantmatrix_user, quantmatrix_readonly, quantmatrix_admin;
