-- What happens by the clock. A worker looks with one query that writes nothing; a turn is claimed with a lease, so that one worker at a time has it
-- and another takes it over where the first died. Every function is told the time, so that tests move it.

create function work.look(p_every jsonb, p_now timestamptz default clock_timestamp())
returns text[]
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(array_agg(k.kind order by k.kind), '{}')
    from jsonb_object_keys(p_every) k (kind)
    left join work.turns t on t.kind = k.kind
    where case k.kind
        when 'jobs' then exists (
            select
            from work.jobs j
            where j.status = 'waiting'
            or j.status = 'running' and j.claimed_until <= p_now
        )
        else t.kind is null or t.due_at <= p_now and coalesce(t.claimed_until, p_now) <= p_now
    end
$$;

comment on function work.look(jsonb, timestamptz) is
    'Which of these kinds have something to do now: object of name and seconds between turns. Jobs are due while one waits. Writes nothing.';

create function work.take_turn(
    p_kind text, p_worker text, p_lease interval default '10 minutes', p_at_once boolean default false,
    p_now timestamptz default clock_timestamp()
)
returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Asked first: an insert waits for whoever is changing the row that is in its way.
    insert into work.turns (kind, due_at)
    select p_kind, p_now
    where not exists (select from work.turns t where t.kind = p_kind)
    on conflict (kind) do nothing;
    update work.turns t
    set worker = p_worker,
        claimed_until = p_now + p_lease,
        started_at = p_now
    from (
        select d.kind
        from work.turns d
        where d.kind = p_kind
        and (p_at_once or d.due_at <= p_now)
        and coalesce(d.claimed_until, p_now) <= p_now
        for update skip locked
    ) d
    where t.kind = d.kind;
    return found;
end
$$;

comment on function work.take_turn(text, text, interval, boolean, timestamptz) is
    'Whether this worker now has the turn of this kind; nobody else takes it until it is ended or the lease lapses. p_at_once: due or not.';

create function work.keep_turn(p_kind text, p_worker text, p_lease interval default '10 minutes', p_now timestamptz default clock_timestamp())
returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    update work.turns t
    set claimed_until = p_now + p_lease
    where t.kind = p_kind
    and t.worker = p_worker
    and t.claimed_until is not null;
    return found;
end
$$;

comment on function work.keep_turn(text, text, interval, timestamptz) is 'Renews the lease of a turn that takes long; false if this worker has it no more.';

create function work.end_turn(
    p_kind text, p_worker text, p_every integer, p_outcome text, p_error text default null, p_now timestamptz default clock_timestamp()
)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    update work.turns t
    set claimed_until = null,
        finished_at = p_now,
        -- By the clock and not by the end: what takes long does not come later each time.
        due_at = greatest(t.started_at + make_interval(secs => p_every), p_now),
        succeeded_at = case when p_error is null then p_now else t.succeeded_at end,
        outcome = case when p_error is null then left(p_outcome, 500) else t.outcome end,
        error = left(p_error, 500),
        failures = case when p_error is null then 0 else t.failures + 1 end
    where t.kind = p_kind
    and t.worker = p_worker
    and t.claimed_until is not null;
end
$$;

comment on function work.end_turn(text, text, integer, text, text, timestamptz) is
    'Notes how a turn went and when the next is due: p_every seconds after this one began.';

create function work.beat(p_worker text, p_kinds text[], p_now timestamptz default clock_timestamp())
returns void
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    insert into work.heartbeats as h (worker, kinds, started_at, seen_at)
    values (p_worker, p_kinds, p_now, p_now)
    on conflict (worker) do update
    set kinds = excluded.kinds,
        -- A clock that was put back makes no worker younger than its start.
        seen_at = greatest(excluded.seen_at, h.started_at)
$$;

comment on function work.beat(text, text[], timestamptz) is 'This worker lives.';

create function work.leave(p_worker text, p_now timestamptz default clock_timestamp())
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    delete from work.heartbeats h
    where h.worker = p_worker;
    update work.turns t
    set claimed_until = null
    where t.worker = p_worker
    and t.claimed_until is not null;
    update work.jobs j
    set claimed_until = p_now
    where j.worker = p_worker
    and j.status = 'running';
end
$$;

comment on function work.leave(text, timestamptz) is 'This worker ends: what it has not finished is anybody''s.';

grant execute on function
    work.look(jsonb, timestamptz), work.take_turn(text, text, interval, boolean, timestamptz), work.keep_turn(text, text, interval, timestamptz),
    work.end_turn(text, text, integer, text, text, timestamptz), work.beat(text, text[], timestamptz), work.leave(text, timestamptz)
    to quantmatrix_service;

alter function work.look(jsonb, timestamptz) owner to quantmatrix_keeper;
alter function work.take_turn(text, text, interval, boolean, timestamptz) owner to quantmatrix_keeper;
alter function work.keep_turn(text, text, interval, timestamptz) owner to quantmatrix_keeper;
alter function work.end_turn(text, text, integer, text, text, timestamptz) owner to quantmatrix_keeper;
alter function work.beat(text, text[], timestamptz) owner to quantmatrix_keeper;
alter function work.leave(text, timestamptz) owner to quantmatrix_keeper;
