-- What the worker does. A question that takes long is a row first: asked in one request, answered by a worker, read in another request, so
-- that no connection of the API waits for it. What happens by the clock (sealing, sweeping) takes turns, so that several workers may run.

create schema work;

comment on schema work is 'Questions that take long, with progress and result; the turns and heartbeats of workers.';

create type work.job_status as enum ('waiting', 'running', 'finished', 'failed', 'cancelled');

create table work.jobs (
    user_id uuid not null,
    id uuid not null default gen_random_uuid(),
    person_id uuid not null,
    kind text not null,
    arguments jsonb not null default '{}',
    asked_as jsonb not null,
    idempotency_key text,
    status work.job_status not null default 'waiting',
    done integer not null default 0,
    total integer,
    progress text,
    result jsonb,
    error jsonb,
    cancel_asked boolean not null default false,
    attempts integer not null default 0,
    worker text,
    claimed_until timestamptz,
    asked_at timestamptz not null default now(),
    started_at timestamptz,
    finished_at timestamptz,
    constraint jobs_pkey primary key (user_id, id),
    constraint jobs_belong_to_a_user foreign key (user_id) references core.users (id) on delete cascade,
    constraint jobs_key_names_one unique (user_id, person_id, idempotency_key),
    constraint jobs_kind_is_a_plain_name check (kind ~ '^[a-z][a-z0-9_]{0,62}$'),
    constraint jobs_arguments_are_a_small_object check (jsonb_typeof(arguments) = 'object' and octet_length(arguments::text) <= 65536),
    constraint jobs_asked_as_is_an_object check (jsonb_typeof(asked_as) = 'object'),
    constraint jobs_key_is_short check (length(idempotency_key) between 1 and 200),
    constraint jobs_progress_is_within_the_whole check (done >= 0 and done <= total),
    constraint jobs_running_is_claimed check (status <> 'running' or num_nulls(worker, claimed_until, started_at) = 0),
    constraint jobs_ended_has_a_time check ((status in ('finished', 'failed', 'cancelled')) = (finished_at is not null)),
    constraint jobs_failed_says_why check ((status = 'failed') = (error is not null)),
    constraint jobs_attempts_are_counted check (attempts >= 0)
);

create index jobs_open on work.jobs (asked_at) where status in ('waiting', 'running');
create index jobs_of_person on work.jobs (person_id) where status in ('waiting', 'running');

comment on table work.jobs is 'Questions that take long: asked over the API, answered by a worker in the role and with the rights of who asked.
tenancy: asked';
comment on column work.jobs.user_id is 'The tenant: whose book it is about.';
comment on column work.jobs.id is 'Number of the job, random: it tells nothing of others.';
comment on column work.jobs.person_id is 'Who asked.';
comment on column work.jobs.kind is 'The function of the API that is called.';
comment on column work.jobs.arguments is 'Its arguments, by name.';
comment on column work.jobs.asked_as is 'The claims it was asked with; session, key and grant must still be good when it begins.';
comment on column work.jobs.idempotency_key is 'Asked again with the same key, it is the same job; null: each time another.';
comment on column work.jobs.status is 'waiting, running, finished, failed or cancelled.';
comment on column work.jobs.done is 'How much is done, of total.';
comment on column work.jobs.total is 'How much there is to do; null while unknown.';
comment on column work.jobs.progress is 'What is being done.';
comment on column work.jobs.result is 'The answer; null until finished, and where there is none.';
comment on column work.jobs.error is 'Why it failed: {code, message, details, hint}; null otherwise.';
comment on column work.jobs.cancel_asked is 'Whether somebody wants it to end.';
comment on column work.jobs.attempts is 'How often a worker began it.';
comment on column work.jobs.worker is 'The worker that has or had it.';
comment on column work.jobs.claimed_until is 'When the claim lapses unless the worker renews it; another may take it from then on.';
comment on column work.jobs.asked_at is 'When it was asked.';
comment on column work.jobs.started_at is 'When a worker first began it.';
comment on column work.jobs.finished_at is 'When it ended, however.';

create table work.heartbeats (
    worker text not null,
    kinds text[] not null,
    started_at timestamptz not null,
    seen_at timestamptz not null,
    constraint heartbeats_pkey primary key (worker),
    constraint heartbeats_worker_is_short check (length(worker) between 1 and 200),
    constraint heartbeats_follow_the_start check (seen_at >= started_at)
);

comment on table work.heartbeats is 'Which workers live.
tenancy: platform';
comment on column work.heartbeats.worker is 'Name of the worker: machine, process, and a random part.';
comment on column work.heartbeats.kinds is 'What it does.';
comment on column work.heartbeats.started_at is 'Since when.';
comment on column work.heartbeats.seen_at is 'When it was last seen.';

create table work.turns (
    kind text not null,
    due_at timestamptz not null,
    worker text,
    claimed_until timestamptz,
    started_at timestamptz,
    finished_at timestamptz,
    succeeded_at timestamptz,
    outcome text,
    error text,
    failures integer not null default 0,
    constraint turns_pkey primary key (kind),
    constraint turns_kind_is_a_plain_name check (kind ~ '^[a-z][a-z0-9_]{0,62}$'),
    constraint turns_claimed_by_somebody check (claimed_until is null or worker is not null),
    constraint turns_failures_are_counted check (failures >= 0)
);

comment on table work.turns is 'What is done by the clock, whose turn it is and how it went; one row for each kind.
tenancy: platform';
comment on column work.turns.kind is 'Name of the kind.';
comment on column work.turns.due_at is 'When it is to be done next.';
comment on column work.turns.worker is 'The worker that has or last had the turn.';
comment on column work.turns.claimed_until is 'Until when nobody else takes the turn; null if nobody has it.';
comment on column work.turns.started_at is 'When the last turn began.';
comment on column work.turns.finished_at is 'When the last turn ended.';
comment on column work.turns.succeeded_at is 'When a turn last ended well.';
comment on column work.turns.outcome is 'What the last good turn did, in a few words.';
comment on column work.turns.error is 'Why the last turn failed; null if it did not.';
comment on column work.turns.failures is 'How many turns failed since the last good one.';
