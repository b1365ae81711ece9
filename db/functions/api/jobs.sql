-- Questions that take long: asked here, answered by a worker, read here. A request is ended after seconds, and holds a connection of everybody's
-- while it lasts; a job holds none.

create view api.jobs
with (security_invoker = true)
as
select
    j.id,
    j.kind,
    j.arguments,
    j.status::text as status,
    j.done,
    j.total,
    j.progress,
    j.error,
    j.cancel_asked,
    j.asked_at,
    j.started_at,
    j.finished_at
from work.jobs j;

comment on view api.jobs is 'Questions that take long, asked with job_add: how far each is. Kept for a month after the end. Order by asked_at.';
comment on column api.jobs.id is 'Number of the job.';
comment on column api.jobs.kind is 'The function that was asked.';
comment on column api.jobs.arguments is 'Its arguments.';
comment on column api.jobs.status is 'waiting, running, finished, failed or cancelled.';
comment on column api.jobs.done is 'How much is done, of total.';
comment on column api.jobs.total is 'How much there is to do; null while unknown.';
comment on column api.jobs.progress is 'What is being done.';
comment on column api.jobs.error is 'Why it failed: {code, message, details, hint}, as the function itself would have answered; null otherwise.';
comment on column api.jobs.cancel_asked is 'Whether it is to end: job_cancel was called.';
comment on column api.jobs.asked_at is 'When it was asked.';
comment on column api.jobs.started_at is 'When a worker began it; null while it waits.';
comment on column api.jobs.finished_at is 'When it ended, however.';

grant select on api.jobs to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin;

create function api.job_add(kind text, arguments jsonb default '{}', idempotency_key text default null)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_user();
    v_person_id uuid := auth.person_id();
    v_claims jsonb := auth.acting_as();
    v_function pg_proc;
    v_unknown text;
    v_job work.jobs;
begin
    if not auth.sees_all_accounts() then
        raise exception 'a job is about the whole book, and this session sees some of its accounts'
            using errcode = '42501', hint = 'ask the function itself, or with a session that sees all accounts';
    end if;
    select p.*
    into v_function
    from pg_proc p
    join work.job_kinds() k on k.kind = p.proname
    where p.pronamespace = 'api'::regnamespace
    and p.proname = job_add.kind;
    if not found then
        raise exception 'kind: "%" cannot be asked as a job', job_add.kind
            using errcode = 'QM002', hint = 'one of ' || (select string_agg(k.kind, ', ' order by k.kind) from work.job_kinds() k);
    elsif not has_function_privilege(v_claims ->> 'role', v_function.oid, 'execute') then
        raise exception '% may not ask %', v_claims ->> 'role', job_add.kind using errcode = '42501', hint = 'ask somebody who may write in this book';
    elsif job_add.arguments is null or jsonb_typeof(job_add.arguments) <> 'object' then
        raise exception 'arguments: an object is wanted, with the arguments of %', job_add.kind using errcode = 'QM002';
    elsif octet_length(job_add.arguments::text) > 65536 then
        raise exception 'arguments: more than 64 kB' using errcode = 'QM002';
    elsif length(job_add.idempotency_key) not between 1 and 200 then
        raise exception 'idempotency_key: between 1 and 200 characters are wanted' using errcode = 'QM002';
    end if;
    select min(a.name)
    into v_unknown
    from jsonb_object_keys(job_add.arguments) a (name)
    where a.name <> all (coalesce(v_function.proargnames, '{}'));
    if v_unknown is not null then
        raise exception 'arguments: % has none named "%"', job_add.kind, v_unknown using errcode = 'QM002';
    end if;

    -- One after the other for a person, so that the quota and the key hold whatever is asked at once.
    perform pg_advisory_xact_lock(hashtextextended('jobs of ' || v_person_id, 0));
    if job_add.idempotency_key is not null then
        select j.*
        into v_job
        from work.jobs j
        where j.user_id = v_user_id
        and j.person_id = v_person_id
        and j.idempotency_key = job_add.idempotency_key;
        if found and (v_job.kind, v_job.arguments) is distinct from (job_add.kind, job_add.arguments) then
            raise exception 'idempotency_key: it was used for another question' using errcode = 'QM002', hint = 'a new question has a new key';
        elsif found then
            return jsonb_build_object('id', v_job.id, 'status', v_job.status);
        end if;
    end if;
    if (select count(*) from work.jobs j where j.person_id = v_person_id and j.status in ('waiting', 'running')) >= 5 then
        perform auth.refuse(
            429, 'QM122', 'five of your jobs are not finished', 'wait for one, or end one: `job_cancel`', jsonb_build_object('Retry-After', '10')
        );
    end if;
    insert into work.jobs (user_id, person_id, kind, arguments, asked_as, idempotency_key)
    values (v_user_id, v_person_id, job_add.kind, job_add.arguments, v_claims, job_add.idempotency_key)
    returning * into v_job;
    return jsonb_build_object('id', v_job.id, 'status', v_job.status);
end
$$;

comment on function api.job_add(text, jsonb, text) is $$Ask a question that takes long
kind: a function of this API (audit_verify, import_load, legacy_migrate, lots_compare, lots_rebuild, prices_load, reconcile, section_104, totals); arguments: an object with its arguments. A worker calls it with your rights: the view jobs shows how far it is, job_result answers what it returned. idempotency_key: asked again with the same key, it is the same job. At most five of a person are open, and one runs. Returns {id, status}.$$;

create function api.job_cancel(id uuid)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_user();
    v_status work.job_status;
begin
    update work.jobs j
    set cancel_asked = true,
        status = case j.status when 'waiting' then 'cancelled' else j.status end,
        finished_at = case j.status when 'waiting' then clock_timestamp() end
    where j.user_id = v_user_id
    and j.id = job_cancel.id
    and j.status in ('waiting', 'running')
    and auth.sees_all_accounts()
    and (j.person_id = auth.person_id() or auth.writes())
    returning j.status into v_status;
    if not found then
        raise exception 'there is no job % of yours that waits or runs', job_cancel.id
            using errcode = 'QM001', hint = '`jobs` lists them; what ended cannot be cancelled';
    end if;
    return jsonb_build_object('id', job_cancel.id, 'status', v_status);
end
$$;

comment on function api.job_cancel(uuid) is $$Cancel a job
What waits is cancelled at once; what runs is rolled back within seconds, and the view jobs then says cancelled. Returns {id, status}.$$;

create function api.job_result(id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_user();
    v_job work.jobs;
begin
    select j.*
    into v_job
    from work.jobs j
    where j.user_id = v_user_id
    and j.id = job_result.id
    and auth.sees_all_accounts();
    if not found then
        raise exception 'there is no job %', job_result.id using errcode = 'QM001', hint = '`jobs` lists them; they are kept for a month';
    elsif v_job.status in ('waiting', 'running') then
        perform auth.refuse(
            409, 'QM123', format('the job is %s', v_job.status), 'ask again when the view jobs says finished', jsonb_build_object('Retry-After', '1')
        );
    elsif v_job.status <> 'finished' then
        perform auth.refuse(
            409, coalesce(v_job.error ->> 'code', 'QM124'), coalesce(v_job.error ->> 'message', 'the job was cancelled'), v_job.error ->> 'hint'
        );
    end if;
    return v_job.result;
end
$$;

comment on function api.job_result(uuid) is $$The answer of a job
What the function returned. 409 while the job waits or runs, and where it failed: then with the code and message of the function.$$;

-- Whoever is signed in may see whether the platform keeps up; who works and what others asked is for administrators.
create function api.status()
returns jsonb
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_state jsonb := work.state();
begin
    perform auth.require_user();
    return jsonb_build_object(
        'schema_version', api.schema_version(),
        'workers', (
            select coalesce(jsonb_agg(jsonb_build_object('kinds', w -> 'kinds', 'seen_seconds', w -> 'seen_seconds')), '[]')
            from jsonb_array_elements(v_state -> 'workers') w
        ),
        'unsealed_seconds', v_state -> 'unsealed_seconds'
    );
end
$$;

comment on function api.status() is $$State of the platform for its people
{schema_version, workers: [{kinds, seen_seconds}], unsealed_seconds}: what each worker does and when it was last seen, and the age of the oldest entry of the audit log that is not sealed yet. Without a worker jobs wait.$$;

grant execute on function api.job_add(text, jsonb, text), api.job_cancel(uuid), api.job_result(uuid), api.status()
    to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin;

alter function api.job_add(text, jsonb, text) owner to quantmatrix_keeper;
alter function api.job_cancel(uuid) owner to quantmatrix_keeper;
alter function api.job_result(uuid) owner to quantmatrix_keeper;
alter function api.status() owner to quantmatrix_keeper;
