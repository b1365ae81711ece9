-- Jobs from the worker's side: claim, commit, do, report. A job that was begun and whose worker is silent is the next worker's; the third time it
-- is given up. The report of a job is written in the transaction that does it, so that nothing is done twice and nothing is lost.

create function work.job_kinds()
returns table (kind text, seconds integer)
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    values
        ('audit_verify', 3600),
        ('import_load', 3600),
        ('legacy_migrate', 3600),
        ('lots_compare', 3600),
        ('lots_rebuild', 3600),
        ('prices_load', 1800),
        ('reconcile', 1800),
        ('section_104', 1800),
        ('totals', 1800)
$$;

comment on function work.job_kinds() is 'Functions of the API that may be asked as jobs, and how many seconds each may take.';

create function work.job_claim(p_worker text, p_lease interval default '1 minute', p_now timestamptz default clock_timestamp())
returns table (user_id uuid, id uuid, kind text, arguments jsonb, asked_as jsonb, seconds integer)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    update work.jobs j
    set status = case when j.cancel_asked then 'cancelled' else 'failed' end::work.job_status,
        error = case
            when not j.cancel_asked then jsonb_build_object(
                'code', 'QM124', 'message', 'given up: three workers began this and none finished', 'details', null,
                'hint', 'ask again; the operator''s log may say why the workers ended'
            )
        end,
        finished_at = p_now,
        claimed_until = null
    where j.status = 'running'
    and j.claimed_until <= p_now
    and (j.cancel_asked or j.attempts >= 3);

    return query
    update work.jobs j
    set status = 'running',
        worker = p_worker,
        claimed_until = p_now + p_lease,
        started_at = coalesce(j.started_at, p_now),
        attempts = j.attempts + 1,
        done = 0,
        total = null,
        progress = null
    from (
        select w.user_id, w.id
        from work.jobs w
        where (w.status = 'waiting' or w.status = 'running' and w.claimed_until <= p_now)
        -- One at a time for a person: many jobs of one make nobody else wait.
        and not exists (
            select
            from work.jobs o
            where o.person_id = w.person_id
            and o.status = 'running'
            and o.claimed_until > p_now
        )
        order by w.asked_at, w.id
        limit 1
        for update skip locked
    ) w
    where j.user_id = w.user_id
    and j.id = w.id
    returning j.user_id, j.id, j.kind, j.arguments, j.asked_as,
        coalesce((select k.seconds from work.job_kinds() k where k.kind = j.kind), 600);
end
$$;

comment on function work.job_claim(text, interval, timestamptz) is
    'The job that has waited longest, now this worker''s until the lease lapses; none where nothing waits. One job of a person runs at a time.';

create function work.job_beat(
    p_user_id uuid, p_id uuid, p_worker text, p_done integer default null, p_total integer default null, p_progress text default null,
    p_lease interval default '1 minute', p_now timestamptz default clock_timestamp()
)
returns text
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_cancel boolean;
begin
    update work.jobs j
    set claimed_until = p_now + p_lease,
        done = least(greatest(coalesce(p_done, j.done), 0), coalesce(p_total, j.total, p_done, j.done)),
        total = coalesce(p_total, j.total),
        progress = coalesce(left(p_progress, 200), j.progress)
    where j.user_id = p_user_id
    and j.id = p_id
    and j.worker = p_worker
    and j.status = 'running'
    returning j.cancel_asked into v_cancel;
    return case when v_cancel is null then 'lost' when v_cancel then 'cancel' else 'go' end;
end
$$;

comment on function work.job_beat(uuid, uuid, text, integer, integer, text, interval, timestamptz) is
    'Renews the lease and shows progress; answers go, cancel (somebody wants it to end) or lost (another worker has it).';

create function work.job_finish(p_user_id uuid, p_id uuid, p_worker text, p_result jsonb, p_now timestamptz default clock_timestamp())
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    update work.jobs j
    set status = 'finished',
        result = p_result,
        done = coalesce(j.total, 1),
        total = coalesce(j.total, 1),
        finished_at = p_now,
        claimed_until = null
    where j.user_id = p_user_id
    and j.id = p_id
    and j.worker = p_worker
    and j.status = 'running';
    if not found then
        raise exception 'another worker has this job, or it was ended' using errcode = 'QM125';
    end if;
end
$$;

comment on function work.job_finish(uuid, uuid, text, jsonb, timestamptz) is
    'Keeps the answer, in the transaction that found it: QM125, and so a rollback, where another worker has the job by now.';

create function work.job_fail(
    p_user_id uuid, p_id uuid, p_worker text, p_error jsonb, p_again boolean default false, p_now timestamptz default clock_timestamp()
)
returns text
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_status work.job_status;
begin
    update work.jobs j
    set status = case when j.cancel_asked then 'cancelled' when p_again and j.attempts < 3 then 'running' else 'failed' end::work.job_status,
        error = case when not j.cancel_asked and not (p_again and j.attempts < 3) then p_error end,
        finished_at = case when j.cancel_asked or not (p_again and j.attempts < 3) then p_now end,
        -- Again: a lease that lapses soon, as if the worker had died.
        claimed_until = case when not j.cancel_asked and p_again and j.attempts < 3 then p_now + interval '5 seconds' end
    where j.user_id = p_user_id
    and j.id = p_id
    and j.worker = p_worker
    and j.status = 'running'
    returning j.status into v_status;
    return v_status;
end
$$;

comment on function work.job_fail(uuid, uuid, text, jsonb, boolean, timestamptz) is
    'The job failed, or was cancelled if somebody wanted that; p_again: what failed may go well in a moment, so it is tried up to three times.';

grant execute on function
    work.job_claim(text, interval, timestamptz), work.job_beat(uuid, uuid, text, integer, integer, text, interval, timestamptz),
    work.job_finish(uuid, uuid, text, jsonb, timestamptz), work.job_fail(uuid, uuid, text, jsonb, boolean, timestamptz)
    to quantmatrix_service;
grant execute on function work.job_kinds() to quantmatrix_keeper;

alter function work.job_claim(text, interval, timestamptz) owner to quantmatrix_keeper;
alter function work.job_beat(uuid, uuid, text, integer, integer, text, interval, timestamptz) owner to quantmatrix_keeper;
alter function work.job_finish(uuid, uuid, text, jsonb, timestamptz) owner to quantmatrix_keeper;
alter function work.job_fail(uuid, uuid, text, jsonb, boolean, timestamptz) owner to quantmatrix_keeper;
