-- What an import touches when it comes or goes: the transactions that its lines attest, and those that change places with them.

-- The age of a statement: its own generation instant, else the end of its period. Ties are broken by the digest of the file.
create function matching.statement_age(p_generated_at timestamptz, p_period_end date)
returns timestamptz
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(p_generated_at, (p_period_end + 1)::timestamp at time zone 'UTC', '-infinity')
$$;

comment on function matching.statement_age(timestamptz, date) is 'Which of two statements is the newer one.';

-- Rows of an account, source and day that change places when a file about that day comes or goes.
create function matching.same_days(p_user_id uuid, p_sync_id bigint)
returns bigint[]
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_mergejoin = off
as $$
    with shown as materialized (
        select l.account_id, l.source, l.trade_date, l.transaction_id
        from ingest.lines l
        where l.user_id = p_user_id
        and l.sync_id = p_sync_id
        and l.attested is not null
    )
    select coalesce(array_agg(t.id), '{}')
    from (
        select distinct s.account_id, s.source, s.trade_date
        from shown s
    ) d
    join (
        select own.id, own.account_id, own.source, own.trade_date
        from core.transactions own
        where own.user_id = p_user_id
        and own.account_id = any (array(select distinct s.account_id from shown s))
        offset 0
    ) t on t.account_id = d.account_id and t.trade_date = d.trade_date and t.source = d.source
    left join (
        select distinct l.transaction_id
        from ingest.lines l
        where l.user_id = p_user_id
        and l.sync_id = p_sync_id
        and l.transaction_id is not null
    ) own on own.transaction_id = t.id
    where own.transaction_id is null
$$;

comment on function matching.same_days(uuid, bigint) is 'Transactions of the same accounts, sources and days as those of an import, which it does not show itself.';

-- The transactions that an import touches: those its lines attest, and those that may change places with them.
create function matching.touched_by(p_user_id uuid, p_sync_id bigint)
returns bigint[]
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(array_agg(distinct l.transaction_id), '{}') || matching.same_days(p_user_id, p_sync_id)
    from ingest.lines l
    where l.user_id = p_user_id
    and l.sync_id = p_sync_id
    and l.attested is not null
    and l.transaction_id is not null
$$;

comment on function matching.touched_by(uuid, bigint) is 'Transactions whose lines must be applied when an import comes or goes.';

grant execute on function matching.statement_age(timestamptz, date), matching.same_days(uuid, bigint), matching.touched_by(uuid, bigint)
    to quantmatrix_writer;
grant execute on function matching.statement_age(timestamptz, date) to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin;
