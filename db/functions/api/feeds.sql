-- Feeds: made, changed and looked at by people; their secrets pass by sealed.

create function api.feed_add(name text, service text, settings jsonb, since date default null)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_session();
    v_service ingest.feed_service;
    v_feed ingest.feeds;
begin
    begin
        v_service := lower(feed_add.service)::ingest.feed_service;
    exception
        when invalid_text_representation then
            raise exception 'service: "%" is not among ibkr, tastytrade, crypto, ibkr_today', feed_add.service using errcode = 'QM002';
    end;
    if exists (select from ingest.feeds f where f.user_id = v_user_id and f.name = lower(btrim(feed_add.name))) then
        raise exception 'there is a feed "%" already', feed_add.name
            using errcode = 'QM002', hint = format('`feed_set(name => %1$L)` changes it, `feed_remove(name => %1$L)` takes it away', lower(btrim(feed_add.name)));
    end if;
    insert into ingest.feeds (user_id, name, service, settings, since)
    values (
        v_user_id, lower(btrim(feed_add.name)), v_service, sync.feed_settings(v_service, coalesce(feed_add.settings, '{}')),
        coalesce(feed_add.since, sync.exchange_day(now()) - 365)
    )
    returning * into v_feed;
    return to_jsonb(v_feed) - 'user_id';
exception
    when check_violation then
        raise exception 'name: up to 40 small letters, digits, - and _ are wanted' using errcode = 'QM002';
end
$$;

comment on function api.feed_add(text, text, jsonb, date) is $$Make a feed
service: ibkr (settings {"query"}), tastytrade ({"account"}), crypto ({"exchange", "account", "markets", "currency"}), ibkr_today ({"host", "port", "client_id"}). since: the first day that is wanted, a year ago by default. Secrets are set by feed_seal.$$;

create function api.feed_set(name text, changes jsonb)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_session();
    v_feed ingest.feeds := sync.require_feed(v_user_id, feed_set.name);
    v_unknown text;
    v_since date;
begin
    v_since := coalesce((feed_set.changes ->> 'since')::date, v_feed.since);
    select string_agg(k, ', ')
    into v_unknown
    from jsonb_object_keys(feed_set.changes) k
    where k not in ('settings', 'since', 'overlap_days', 'due_every', 'silent_after', 'is_paused');
    if v_unknown is not null then
        raise exception '%: not among settings, since, overlap_days, due_every, silent_after, is_paused', v_unknown using errcode = 'QM002';
    end if;
    update ingest.feeds f
    set settings = sync.feed_settings(f.service, f.settings || coalesce(feed_set.changes -> 'settings', '{}')),
        -- An earlier beginning is fetched as a whole again: nothing of it is known.
        since = v_since,
        fetched_through = case when v_since < f.since then null else greatest(f.fetched_through, v_since - 1) end,
        overlap_days = coalesce((feed_set.changes ->> 'overlap_days')::integer, f.overlap_days),
        due_every = coalesce((feed_set.changes ->> 'due_every')::interval, f.due_every),
        silent_after = coalesce((feed_set.changes ->> 'silent_after')::interval, f.silent_after),
        is_paused = coalesce((feed_set.changes ->> 'is_paused')::boolean, f.is_paused)
    where f.user_id = v_user_id
    and f.id = v_feed.id
    returning * into v_feed;
    return to_jsonb(v_feed) - 'user_id';
exception
    when check_violation or invalid_text_representation or invalid_datetime_format or datetime_field_overflow then
        raise exception 'a value is not possible: overlap 1 to 90 days, due every hour to 31 days, silent after 1 to 400 days'
            using errcode = 'QM002';
end
$$;

comment on function api.feed_set(text, jsonb) is $$Change a feed
changes: settings (merged), since (an earlier day fetches everything from there again), overlap_days, due_every, silent_after, is_paused.$$;

create function api.feed_remove(name text)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_session();
    v_feed ingest.feeds := sync.require_feed(v_user_id, feed_remove.name);
begin
    delete from ingest.feeds f
    where f.user_id = v_user_id
    and f.id = v_feed.id;
end
$$;

comment on function api.feed_remove(text) is $$Remove a feed
With its credentials and its attempts' details. What it has brought stays, as imports do.$$;

create function api.feed_seal(name text, sealed text)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_session();
    v_feed ingest.feeds := sync.require_feed(v_user_id, feed_seal.name);
begin
    insert into auth.feed_credentials as c (user_id, feed_id, sealed)
    values (v_user_id, v_feed.id, feed_seal.sealed)
    on conflict on constraint feed_credentials_pkey do update
    set sealed = excluded.sealed,
        sealed_at = now();
exception
    when check_violation then
        raise exception 'credentials come sealed, never plain' using errcode = 'QM002';
end
$$;

comment on function api.feed_seal(text, text) is $$Keep sealed credentials
Encrypted by the program with a key that the database never sees; anything else is refused.$$;

create function api.feed_credentials(name text)
returns text
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_session();
    v_feed ingest.feeds := sync.require_feed(v_user_id, feed_credentials.name);
begin
    return (
        select c.sealed
        from auth.feed_credentials c
        where c.user_id = v_user_id
        and c.feed_id = v_feed.id
    );
end
$$;

comment on function api.feed_credentials(text) is $$The sealed credentials of a feed
Null if there are none. Of use only to who has the key.$$;

create view api.feeds
with (security_invoker = true)
as
with seen as (
    select
        f.*,
        newest.*,
        tried.started_at as last_attempt_at,
        tried.status as last_status,
        case when tried.status = 'failed' then said.failure end as last_failure,
        case when tried.status = 'failed' then tried.error end as last_error
    from ingest.feeds f
    left join lateral (
        select
            max(h.finished_at) filter (where h.status = 'finished') as last_success_at,
            max(h.finished_at) filter (where h.status = 'finished' and s.rows_new > 0) as last_new_at,
            max(s.sync_id) as last_sync_id,
            count(*) as attempts
        from ingest.sync_attempts s
        join core.sync_history h on h.user_id = s.user_id and h.id = s.sync_id
        where s.user_id = f.user_id
        and s.feed_id = f.id
    ) newest on true
    left join core.sync_history tried on tried.user_id = f.user_id and tried.id = newest.last_sync_id
    left join ingest.sync_attempts said on said.user_id = f.user_id and said.sync_id = newest.last_sync_id
),
stated as (
    select
        s.*,
        case
            when s.is_paused then 'paused'
            when s.service <> 'ibkr_today' and coalesce(s.last_success_at, s.created_at) + 2 * s.due_every < now() then 'overdue'
            when s.last_status = 'failed' then 'failing'
            when s.last_success_at is null then 'new'
            when s.service <> 'ibkr_today' and coalesce(s.last_new_at, s.created_at) + s.silent_after < now() then 'silent'
            else 'ok'
        end as state
    from seen s
)
select
    s.id,
    s.name,
    s.service,
    s.settings,
    s.since,
    s.fetched_through,
    s.overlap_days,
    s.due_every::text as due_every,
    s.silent_after::text as silent_after,
    (
        select array_agg(a.account_number order by a.account_number)
        from core.accounts a
        where a.user_id = s.user_id
        and a.id = any (s.account_ids)
    ) as accounts,
    s.attempts,
    s.last_attempt_at,
    s.last_success_at,
    s.last_new_at,
    s.last_failure,
    s.state,
    s.state in ('overdue', 'failing', 'silent') as needs_attention,
    case s.state
        when 'overdue' then 'no success since ' || to_char(coalesce(s.last_success_at, s.created_at) at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')
            || coalesce(': ' || s.last_error, '; nobody ran it: see the cron line')
        when 'failing' then s.last_error
        when 'silent' then 'nothing new since ' || to_char(coalesce(s.last_new_at, s.created_at) at time zone 'UTC', 'YYYY-MM-DD')
            || ': see whether the broker shows trades that are missing here'
    end as message,
    case when s.state in ('overdue', 'failing') then (select k.next_step from sync.failures() k where k.code = s.last_failure) end as next_step
from stated s;

comment on view api.feeds is 'Feeds
Where rows are fetched from, how far that has come, and what needs attention. No secrets.';
comment on column api.feeds.id is 'Number of the feed.';
comment on column api.feeds.name is 'What the person calls it.';
comment on column api.feeds.service is 'ibkr, tastytrade, crypto, ibkr_today.';
comment on column api.feeds.settings is 'What the service is asked for.';
comment on column api.feeds.since is 'First day that is wanted.';
comment on column api.feeds.fetched_through is 'Every day to this one was fetched; null before the first success.';
comment on column api.feeds.overlap_days is 'Days that are asked for again.';
comment on column api.feeds.due_every is 'How often it should succeed.';
comment on column api.feeds.silent_after is 'After how long without anything new it is called silent.';
comment on column api.feeds.accounts is 'Numbers of the accounts that it has brought; null: none yet.';
comment on column api.feeds.attempts is 'Attempts so far.';
comment on column api.feeds.last_attempt_at is 'When it was last tried; null: never.';
comment on column api.feeds.last_success_at is 'When it last succeeded; null: never.';
comment on column api.feeds.last_new_at is 'When it last brought a row that nobody had brought; null: never.';
comment on column api.feeds.last_failure is 'Code of the failure if the last attempt failed; null otherwise.';
comment on column api.feeds.state is 'ok; new (not run yet); paused; failing (the last attempt failed); overdue (no success for twice as long as it should take); silent (nothing new for long).';
comment on column api.feeds.needs_attention is 'Whether somebody should look.';
comment on column api.feeds.message is 'What is the matter; null if nothing.';
comment on column api.feeds.next_step is 'What to do about the last failure; null if nothing.';

create view api.sync_attempts
with (security_invoker = true)
as
select
    s.sync_id as id,
    f.name as feed,
    f.service,
    h.status,
    h.started_at,
    h.finished_at,
    s.run_id,
    s.try_number,
    s.asked_from,
    s.asked_through,
    h.rows_in,
    h.rows_accepted,
    s.rows_new,
    s.failure,
    h.error,
    s.retry_at,
    s.documents,
    s.warnings
from ingest.sync_attempts s
join ingest.feeds f on f.user_id = s.user_id and f.id = s.feed_id
join core.sync_history h on h.user_id = s.user_id and h.id = s.sync_id;

comment on view api.sync_attempts is 'Attempts
Every try of every feed, failed ones too.';
comment on column api.sync_attempts.id is 'Number of the attempt among all runs.';
comment on column api.sync_attempts.feed is 'Name of the feed.';
comment on column api.sync_attempts.service is 'Whose protocol it speaks.';
comment on column api.sync_attempts.status is 'running, finished, failed.';
comment on column api.sync_attempts.started_at is 'When it began.';
comment on column api.sync_attempts.finished_at is 'When it ended; null while it runs.';
comment on column api.sync_attempts.run_id is 'Tries of one call have one number.';
comment on column api.sync_attempts.try_number is 'Which try of the call.';
comment on column api.sync_attempts.asked_from is 'First day asked for.';
comment on column api.sync_attempts.asked_through is 'Last day asked for.';
comment on column api.sync_attempts.rows_in is 'Rows that came.';
comment on column api.sync_attempts.rows_accepted is 'New, known and changed ones.';
comment on column api.sync_attempts.rows_new is 'New ones.';
comment on column api.sync_attempts.failure is 'Code of the failure; null if none.';
comment on column api.sync_attempts.error is 'The failure in words; null if none.';
comment on column api.sync_attempts.retry_at is 'When it was to be tried again; null: not in that run.';
comment on column api.sync_attempts.documents is 'What was fetched, with the import that holds it.';
comment on column api.sync_attempts.warnings is 'What was remarkable about a success.';

grant select on api.feeds, api.sync_attempts to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin, quantmatrix_writer;
grant execute on function
    api.feed_add(text, text, jsonb, date), api.feed_set(text, jsonb), api.feed_remove(text), api.feed_seal(text, text), api.feed_credentials(text)
    to quantmatrix_user, quantmatrix_admin;

alter function api.feed_add(text, text, jsonb, date) owner to quantmatrix_writer;
alter function api.feed_set(text, jsonb) owner to quantmatrix_writer;
alter function api.feed_remove(text) owner to quantmatrix_writer;
alter function api.feed_seal(text, text) owner to quantmatrix_keeper;
alter function api.feed_credentials(text) owner to quantmatrix_keeper;
