-- A sync, from the plan of what to ask for to the end of an attempt. The program fetches and hands documents to the ordinary import; everything that
-- is decided is decided here. Each function wants the feed's lock to be held by this very session.

create function api.sync_lock(feed text)
returns bigint
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_session();
    v_feed ingest.feeds := sync.require_feed(v_user_id, sync_lock.feed);
begin
    return sync.feed_lock(v_user_id, v_feed.id);
end
$$;

comment on function api.sync_lock(text) is $$The lock of a feed
The number for pg_try_advisory_lock: whoever syncs holds it until the session ends.$$;

create function api.sync_begin(feed text, run_id uuid, try_number integer, through date default null, base_seconds numeric default 10)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_session();
    v_feed ingest.feeds := sync.require_feed(v_user_id, sync_begin.feed);
    v_left bigint[];
    v_windows jsonb;
    v_from date;
    v_through date;
    v_sync_id bigint;
begin
    perform sync.require_feed_lock(v_user_id, v_feed.id);
    if v_feed.is_paused then
        raise exception 'the feed % is paused', v_feed.name using errcode = 'QM061', hint = format('`feed_set(name => %L, is_paused => false)`', v_feed.name);
    end if;

    -- Who holds the lock is alone: what still seems to run was killed.
    with ended as (
        update core.sync_history h
        set status = 'failed',
            finished_at = clock_timestamp(),
            error = (select k.meaning from sync.failure('interrupted') k)
        where h.user_id = v_user_id
        and h.status = 'running'
        and h.id in (select s.sync_id from ingest.sync_attempts s where s.user_id = v_user_id and s.feed_id = v_feed.id)
        returning h.id
    )
    select array_agg(e.id)
    into v_left
    from ended e;
    update ingest.sync_attempts s
    set failure = 'interrupted'
    where s.user_id = v_user_id
    and s.sync_id = any (v_left);

    select jsonb_agg(jsonb_build_object('from', w.asked_from, 'through', w.asked_through) order by w.asked_from), min(w.asked_from), max(w.asked_through)
    into v_windows, v_from, v_through
    from sync.windows(v_feed, sync_begin.through) w;
    if v_windows is null then
        raise exception 'there is nothing to ask for yet: the feed begins on %', v_feed.since
            using errcode = 'QM002', hint = 'statements are complete on the morning after; run it again tomorrow';
    end if;

    insert into core.sync_history (user_id, kind, source, started_at)
    values (v_user_id, 'sync', 'sync_' || v_feed.service, clock_timestamp())
    returning id into v_sync_id;
    insert into ingest.sync_attempts (user_id, sync_id, feed_id, run_id, try_number, asked_from, asked_through)
    values (v_user_id, v_sync_id, v_feed.id, sync_begin.run_id, sync_begin.try_number, v_from, v_through);

    return jsonb_build_object(
        'attempt', v_sync_id,
        'feed', v_feed.name,
        'feed_id', v_feed.id,
        'service', v_feed.service,
        'settings', v_feed.settings,
        'windows', v_windows,
        'poll_codes', (select jsonb_agg(k.code order by k.code) from sync.failures() k where k.remedy = 'poll'),
        'polls', 30,
        'poll_seconds', round(sync_begin.base_seconds, 3),
        'between_seconds', round(sync_begin.base_seconds * 0.6, 3),
        'answer_seconds', 120,
        'answer_bytes', 268435456
    );
end
$$;

comment on function api.sync_begin(text, uuid, integer, date, numeric) is $$Begin an attempt
Returns its number, the windows of days to ask for, and the pace. Attempts of this feed that were killed are ended as interrupted.$$;

create function api.sync_judge(attempt bigint, documents jsonb)
returns jsonb
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_session();
    v_attempt ingest.sync_attempts := sync.running_attempt(v_user_id, sync_judge.attempt);
    v_feed ingest.feeds;
    v_found record;
begin
    select f.*
    into v_feed
    from ingest.feeds f
    where f.user_id = v_user_id
    and f.id = v_attempt.feed_id;
    select j.failure, j.detail
    into v_found
    from sync.judge_documents(v_feed, sync_judge.documents) j;
    return jsonb_build_object('may_load', v_found.failure is null, 'failure', v_found.failure, 'detail', v_found.detail);
end
$$;

comment on function api.sync_judge(bigint, jsonb) is $$Judge what was fetched
Before anything of it is written: documents is a list of {asked_from, asked_through, source, sha256, bytes, rows, accounts: {number: rows}, period_start, period_end, generated_at, served_at}. Returns {may_load, failure, detail}.$$;

create function api.sync_end(attempt bigint, documents jsonb)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_session();
    v_attempt ingest.sync_attempts := sync.running_attempt(v_user_id, sync_end.attempt);
    v_feed ingest.feeds;
    v_account_ids bigint[];
    v_counts record;
    v_warnings jsonb;
    v_at timestamptz := clock_timestamp();
begin
    select f.*
    into v_feed
    from ingest.feeds f
    where f.user_id = v_user_id
    and f.id = v_attempt.feed_id;
    if exists (
        select
        from sync.fetched_documents(sync_end.documents) d
        left join core.sync_history h on h.user_id = v_user_id and h.id = d.import and h.status = 'finished' and h.kind = 'import'
        where d.rows > 0
        and h.id is null
    ) then
        raise exception 'a document was not loaded' using errcode = 'QM002', hint = 'load all documents of the attempt first, or end it as failed';
    end if;

    select
        coalesce(sum((d.counts ->> 'read')::integer), 0) as read,
        coalesce(sum((d.counts ->> 'refused')::integer), 0) as refused,
        coalesce(sum((d.counts ->> 'new')::integer), 0) as new
    into v_counts
    from sync.fetched_documents(sync_end.documents) d;
    select array_agg(distinct n.id)
    into v_account_ids
    from (
        select unnest(v_feed.account_ids) as id
        union all
        select ingest.find_account(v_user_id, k.reference)
        from sync.fetched_documents(sync_end.documents) d
        cross join lateral jsonb_object_keys(d.accounts) k (reference)
    ) n
    where n.id is not null;
    v_warnings := sync.document_warnings(sync_end.documents);

    update ingest.feeds f
    set fetched_through = sync.fetched_through(v_feed, sync_end.documents),
        account_ids = coalesce(v_account_ids, '{}')
    where f.user_id = v_user_id
    and f.id = v_feed.id
    returning * into v_feed;
    update core.accounts a
    set last_synced_at = v_at,
        sync_cursor = coalesce(a.sync_cursor, '{}') || jsonb_build_object(v_feed.name, v_feed.fetched_through)
    where a.user_id = v_user_id
    and a.id = any (v_account_ids);
    update ingest.sync_attempts s
    set rows_new = v_counts.new,
        documents = sync_end.documents,
        warnings = v_warnings
    where s.user_id = v_user_id
    and s.sync_id = v_attempt.sync_id;
    update core.sync_history h
    set status = 'finished',
        finished_at = v_at,
        account_id = case when cardinality(v_account_ids) = 1 then v_account_ids[1] end,
        rows_in = v_counts.read,
        rows_accepted = v_counts.read - v_counts.refused,
        rejects = case when v_counts.refused > 0 then jsonb_build_object('refused', v_counts.refused) else '{}' end
    where h.user_id = v_user_id
    and h.id = v_attempt.sync_id;

    return jsonb_build_object(
        'attempt', v_attempt.sync_id, 'feed', v_feed.name, 'status', 'finished', 'fetched_through', v_feed.fetched_through,
        'rows', jsonb_build_object('read', v_counts.read, 'new', v_counts.new, 'refused', v_counts.refused), 'warnings', v_warnings
    );
end
$$;

comment on function api.sync_end(bigint, jsonb) is $$End an attempt that succeeded
documents as for sync_judge, each with its import, status and counts. Moves the cursor as far as every clock allows.$$;

create function api.sync_fail(
    attempt bigint, failure text, detail text default null, retry_after numeric default null, tries integer default 12, base_seconds numeric default 10,
    documents jsonb default '[]'
)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_session();
    v_attempt ingest.sync_attempts := sync.running_attempt(v_user_id, sync_fail.attempt);
    v_known record;
    v_again boolean;
    v_wait numeric;
    v_error text;
begin
    select k.*
    into v_known
    from sync.failure(sync_fail.failure) k;
    v_wait := sync.wait(v_attempt.try_number, v_known.patience, sync_fail.retry_after, sync_fail.base_seconds);
    -- Who wants longer than a quarter of an hour is asked by the next run.
    v_again := v_known.remedy in ('again', 'poll')
        and v_attempt.try_number < sync_fail.tries
        and coalesce(sync_fail.retry_after, 0) <= 900;
    v_error := v_known.meaning || coalesce(': ' || nullif(left(btrim(regexp_replace(sync_fail.detail, '[[:cntrl:]]+', ' ', 'g')), 300), ''), '');

    update core.sync_history h
    set status = 'failed',
        finished_at = clock_timestamp(),
        error = v_error
    where h.user_id = v_user_id
    and h.id = v_attempt.sync_id;
    update ingest.sync_attempts s
    set failure = case when sync_fail.failure ~ '^[a-z0-9_]{1,40}$' then sync_fail.failure else v_known.code end,
        retry_at = case when v_again then clock_timestamp() + make_interval(secs => v_wait::double precision) end,
        documents = coalesce(sync_fail.documents, '[]')
    where s.user_id = v_user_id
    and s.sync_id = v_attempt.sync_id;

    return jsonb_build_object(
        'attempt', v_attempt.sync_id, 'status', 'failed', 'failure', sync_fail.failure, 'error', v_error, 'next_step', v_known.next_step,
        'again', v_again, 'wait_seconds', case when v_again then v_wait end, 'remedy', v_known.remedy
    );
end
$$;

comment on function api.sync_fail(bigint, text, text, numeric, integer, numeric, jsonb) is $$End an attempt that failed
failure is a code of the list in docs/sync.md. Returns what it means, what to do, whether to try again in this run, and after how many seconds.$$;
grant execute on function
    api.sync_lock(text), api.sync_begin(text, uuid, integer, date, numeric), api.sync_judge(bigint, jsonb), api.sync_end(bigint, jsonb),
    api.sync_fail(bigint, text, text, numeric, integer, numeric, jsonb)
    to quantmatrix_user, quantmatrix_admin;

alter function api.sync_lock(text) owner to quantmatrix_writer;
alter function api.sync_begin(text, uuid, integer, date, numeric) owner to quantmatrix_writer;
alter function api.sync_judge(bigint, jsonb) owner to quantmatrix_writer;
alter function api.sync_end(bigint, jsonb) owner to quantmatrix_writer;
alter function api.sync_fail(bigint, text, text, numeric, integer, numeric, jsonb) owner to quantmatrix_writer;
