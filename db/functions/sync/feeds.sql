-- Feeds, their lock, and what a feed asks for next.

create function sync.require_feed(p_user_id uuid, p_name text)
returns ingest.feeds
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_feed ingest.feeds;
begin
    select f.*
    into v_feed
    from ingest.feeds f
    where f.user_id = p_user_id
    and f.name = p_name;
    if v_feed.id is null then
        raise exception 'there is no feed "%"', coalesce(p_name, '')
            using errcode = 'QM001', hint = '`feeds` shows the feeds; `feed_add` makes one';
    end if;
    return v_feed;
end
$$;

comment on function sync.require_feed(uuid, text) is 'A feed by its name; QM001 if there is none.';

create function sync.feed_lock(p_user_id uuid, p_feed_id bigint)
returns bigint
language sql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select hashtextextended('quantmatrix feed ' || p_user_id || ' ' || p_feed_id, 0)
$$;

comment on function sync.feed_lock(uuid, bigint) is 'The advisory lock that whoever syncs a feed holds for its session.';

-- The lock is taken by the session itself: a function that took it would leave it with a pooled connection of PostgREST.
create function sync.require_feed_lock(p_user_id uuid, p_feed_id bigint)
returns void
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_lock constant bigint := sync.feed_lock(p_user_id, p_feed_id);
begin
    if not exists (
        select
        from pg_locks l
        where l.locktype = 'advisory'
        and l.pid = pg_backend_pid()
        and l.granted
        and l.objsubid = 1
        and l.classid::bigint = (v_lock >> 32) & 4294967295
        and l.objid::bigint = v_lock & 4294967295
    ) then
        raise exception 'this session does not hold the lock of the feed'
            using errcode = 'QM060', hint = '`sync_run` takes it; over HTTP nothing is synced';
    end if;
end
$$;

comment on function sync.require_feed_lock(uuid, bigint) is 'Refuses (QM060) unless this session holds the feed''s lock: one sync of a feed at a time.';

create function sync.exchange_day(p_moment timestamptz)
returns date
language sql
stable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select (p_moment at time zone 'America/New_York')::date
$$;

comment on function sync.exchange_day(timestamptz) is 'The date in New York.';

-- Statements are complete on the morning after; interfaces that tell what happened so far are asked for today too.
create function sync.windows(p_feed ingest.feeds, p_through date)
returns table (asked_from date, asked_through date)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    with bounds as (
        select
            greatest(p_feed.since, p_feed.fetched_through + 1 - p_feed.overlap_days) as first_day,
            least(
                sync.exchange_day(now()) - case when p_feed.service = 'ibkr' then 1 else 0 end,
                coalesce(p_through, 'infinity')
            ) as last_day
    )
    select s.day::date, least(s.day::date + 364, b.last_day)
    from bounds b
    cross join lateral generate_series(b.first_day::timestamp, b.last_day::timestamp, make_interval(days => 365 - p_feed.overlap_days)) s (day)
    where s.day = b.first_day
    or s.day::date + p_feed.overlap_days - 1 < b.last_day
    order by s.day
$$;

comment on function sync.windows(ingest.feeds, date) is
    'What a feed asks for: from the overlap before its cursor to the last day that can be had, in windows of at most 365 days that overlap.';

-- Settings that a service knows; anything else is refused, so that no secret is put there by mistake.
create function sync.feed_settings(p_service ingest.feed_service, p_settings jsonb)
returns jsonb
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_known constant text[] := case p_service
        when 'ibkr' then array['query']
        when 'tastytrade' then array['account', 'sandbox']
        when 'crypto' then array['account', 'exchange', 'markets', 'currency']
        when 'ibkr_today' then array['host', 'port', 'client_id']
    end;
    v_needed constant text[] := case p_service
        when 'ibkr' then array['query']
        when 'tastytrade' then array['account']
        when 'crypto' then array['exchange']
        else '{}'::text[]
    end;
    v_name text;
begin
    if jsonb_typeof(p_settings) is distinct from 'object' then
        raise exception 'settings must be an object' using errcode = 'QM002';
    end if;
    foreach v_name in array v_needed loop
        if coalesce(btrim(p_settings ->> v_name), '') = '' then
            raise exception '%: a feed of % needs it', v_name, p_service using errcode = 'QM002';
        end if;
    end loop;
    for v_name in select k from jsonb_object_keys(p_settings) k loop
        if not v_name = any (v_known) then
            raise exception '%: no setting of a feed of %', v_name, p_service
                using errcode = 'QM002', hint = 'known are ' || array_to_string(v_known, ', ');
        end if;
    end loop;
    if p_settings ? 'query' and p_settings ->> 'query' !~ '^[0-9]{1,20}$' then
        raise exception 'query: the number of the Flex Query is wanted' using errcode = 'QM002', hint = 'it stands beside the query''s name at the broker';
    elsif p_settings ? 'account' and p_settings ->> 'account' !~ '^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$' then
        raise exception 'account: letters and digits are wanted' using errcode = 'QM002';
    elsif p_settings ? 'exchange' and p_settings ->> 'exchange' !~ '^[a-z0-9_]{1,40}$' then
        raise exception 'exchange: its name in ccxt is wanted, as in kraken' using errcode = 'QM002';
    elsif p_settings ? 'currency' and p_settings ->> 'currency' !~ '^[A-Z]{3,5}$' then
        raise exception 'currency: a code is wanted, as in USD' using errcode = 'QM002';
    elsif p_settings ? 'port' and p_settings ->> 'port' !~ '^[0-9]{1,5}$' then
        raise exception 'port: a number is wanted' using errcode = 'QM002';
    elsif p_settings ? 'markets' and jsonb_typeof(p_settings -> 'markets') <> 'array' then
        raise exception 'markets: a list is wanted' using errcode = 'QM002';
    end if;
    return p_settings;
end
$$;

comment on function sync.feed_settings(ingest.feed_service, jsonb) is 'Settings that a service knows, checked; QM002.';

-- What an attempt may still do: it is this person's, it runs, and this session holds the feed's lock.
create function sync.running_attempt(p_user_id uuid, p_sync_id bigint)
returns ingest.sync_attempts
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_attempt ingest.sync_attempts;
begin
    select s.*
    into v_attempt
    from ingest.sync_attempts s
    join core.sync_history h on h.user_id = s.user_id and h.id = s.sync_id and h.status = 'running'
    where s.user_id = p_user_id
    and s.sync_id = p_sync_id;
    if v_attempt.sync_id is null then
        raise exception 'no attempt % is running', p_sync_id using errcode = 'QM001', hint = '`sync_attempts` shows what ran';
    end if;
    perform sync.require_feed_lock(p_user_id, v_attempt.feed_id);
    return v_attempt;
end
$$;

comment on function sync.running_attempt(uuid, bigint) is 'An attempt that runs; QM001 if it does not, QM060 without the lock.';

grant execute on function
    sync.require_feed(uuid, text), sync.feed_lock(uuid, bigint), sync.require_feed_lock(uuid, bigint), sync.exchange_day(timestamptz),
    sync.windows(ingest.feeds, date), sync.feed_settings(ingest.feed_service, jsonb), sync.running_attempt(uuid, bigint)
    to quantmatrix_writer;
grant execute on function sync.require_feed(uuid, text) to quantmatrix_keeper;
grant execute on function sync.exchange_day(timestamptz) to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin;
