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
            using errcode = 'QM001', hint = 'quantmatrix sync status shows the feeds; quantmatrix sync add makes one';
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
            using errcode = 'QM060', hint = 'quantmatrix sync takes it; over HTTP nothing is synced';
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

grant execute on function
    sync.require_feed(uuid, text), sync.feed_lock(uuid, bigint), sync.require_feed_lock(uuid, bigint), sync.exchange_day(timestamptz),
    sync.windows(ingest.feeds, date)
    to quantmatrix_writer;
grant execute on function sync.require_feed(uuid, text) to quantmatrix_keeper;
grant execute on function sync.exchange_day(timestamptz) to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin;
