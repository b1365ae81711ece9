-- What the worker keeps in order: rows that nobody needs any more, sessions that hold everybody back, and what it says of itself.

create function work.sweep_jobs(p_now timestamptz default clock_timestamp())
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_count bigint;
begin
    delete from work.jobs j
    where j.finished_at < p_now - interval '30 days';
    get diagnostics v_count = row_count;
    return v_count;
end
$$;

comment on function work.sweep_jobs(timestamptz) is 'Removes jobs that ended a month ago.';

create function work.sweep_heartbeats(p_now timestamptz default clock_timestamp())
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_count bigint;
begin
    delete from work.heartbeats h
    where h.seen_at < p_now - interval '1 day';
    get diagnostics v_count = row_count;
    return v_count;
end
$$;

comment on function work.sweep_heartbeats(timestamptz) is 'Forgets workers that were not seen for a day.';

create function work.sweep_staging(p_now timestamptz default clock_timestamp())
returns bigint
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    -- What one turn can remove within its time; the next goes on.
    select ingest.sweep_staging(p_now, 512 << 20)
$$;

comment on function work.sweep_staging(timestamptz) is 'Removes what was staged and never loaded; counts loads.';

-- A sweep is a function work.sweep_NAME(timestamptz): what is made under such a name is called from then on.
create function work.sweeps()
returns text[]
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select array_agg(p.proname::text order by p.proname)
    from pg_proc p
    where p.pronamespace = 'work'::regnamespace
    and p.proname like 'sweep\_%'
$$;

comment on function work.sweeps() is 'Names of all sweeps.';

create function work.sweep(p_name text, p_now timestamptz default clock_timestamp())
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_count bigint;
begin
    if not p_name = any (work.sweeps()) then
        raise exception 'there is no sweep "%"', p_name using errcode = 'QM001';
    end if;
    execute format('select work.%I($1)', p_name) into v_count using p_now;
    return v_count;
end
$$;

comment on function work.sweep(text, timestamptz) is 'Calls one sweep; returns how many rows went.';

-- An open transaction keeps the log from being sealed, rows from being vacuumed, and the schema from being migrated, for everybody. Ours end by
-- themselves; whoever types SQL sets the limits of the session as they like.
create function work.end_idle_sessions(p_now timestamptz default clock_timestamp())
returns text[]
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(array_agg(s.usename::text order by s.usename) filter (where pg_terminate_backend(s.pid)), '{}')
    from pg_stat_activity s
    join auth.database_logins l on l.login_name = s.usename
    where s.xact_start < p_now - interval '10 minutes'
    and (s.state like 'idle in transaction%' or s.backend_xid is not null)
$$;

comment on function work.end_idle_sessions(timestamptz) is
    'Ends sessions of personal logins whose transaction is older than ten minutes and is idle, or has written. Returns their logins.';

create function work.unsealed_since()
returns timestamptz
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select w.created_at
    from audit.waiting(1, null) w
$$;

comment on function work.unsealed_since() is 'When the oldest entry of the audit log that waits for its seal was written; null if none waits.';

create function work.state(p_now timestamptz default clock_timestamp())
returns jsonb
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'workers', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'worker', h.worker, 'kinds', h.kinds, 'started_at', h.started_at,
                'seen_seconds', greatest(0, floor(extract(epoch from p_now - h.seen_at)))::bigint
            ) order by h.worker), '[]')
            from work.heartbeats h
        ),
        'turns', (
            select coalesce(jsonb_object_agg(t.kind, jsonb_build_object(
                'succeeded_seconds', floor(extract(epoch from p_now - t.succeeded_at))::bigint,
                'outcome', t.outcome, 'error', t.error, 'failures', t.failures
            )), '{}')
            from work.turns t
        ),
        'jobs', (
            select jsonb_build_object(
                'waiting', count(*) filter (where j.status = 'waiting'), 'running', count(*) filter (where j.status = 'running'),
                'oldest_waiting_seconds', floor(extract(epoch from p_now - min(j.asked_at) filter (where j.status = 'waiting')))::bigint
            )
            from work.jobs j
            where j.status in ('waiting', 'running')
        ),
        'unsealed_seconds', greatest(0, floor(extract(epoch from p_now - work.unsealed_since())))::bigint
    )
$$;

comment on function work.state(timestamptz) is
    'The platform''s own view of its workers: {workers, turns, jobs, unsealed_seconds}. unsealed_seconds: age of the oldest entry of the audit log without a seal.';

create function work.seal(p_limit integer default 10000)
returns integer
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    select audit.seal(p_limit)
$$;

comment on function work.seal(integer) is 'Seals up to so many finished entries of the audit log, for the worker; returns how many. Call again while it returns p_limit.';

create function work.head()
returns text
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select audit.head()
$$;

comment on function work.head() is 'The newest link of the audit log, for the worker''s journal: noted outside the database, it shows later that nobody cut the chain.';

create function work.verify_new(p_limit integer default 100000)
returns jsonb
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    select audit.verify_new(p_limit)
$$;

comment on function work.verify_new(integer) is 'Looks at what was sealed since the last look, up to so many links, for the worker: {from, to, sealed, head, broken}.';

grant execute on function work.unsealed_since() to quantmatrix_keeper;
grant execute on function
    work.sweeps(), work.sweep(text, timestamptz), work.end_idle_sessions(timestamptz), work.state(timestamptz), work.seal(integer), work.head(), work.verify_new(integer)
    to quantmatrix_service;

alter function work.sweep_jobs(timestamptz) owner to quantmatrix_keeper;
alter function work.sweep_staging(timestamptz) owner to quantmatrix_keeper;
alter function work.sweep_heartbeats(timestamptz) owner to quantmatrix_keeper;
alter function work.sweeps() owner to quantmatrix_keeper;
alter function work.sweep(text, timestamptz) owner to quantmatrix_keeper;
alter function work.state(timestamptz) owner to quantmatrix_keeper;
alter function work.end_idle_sessions(timestamptz) owner to quantmatrix_warden;
