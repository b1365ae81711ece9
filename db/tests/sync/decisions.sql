-- What a sync decides: the days it asks for, how long it waits, what it believes, how far that brings it, and when somebody should look.
begin;

create function pg_temp.feed(p_changes jsonb default '{}')
returns ingest.feeds
language sql
as $$
    select f.*
    from jsonb_populate_record(
        null::ingest.feeds,
        jsonb_build_object(
            'user_id', tests.user_id('ann'), 'id', 1, 'name', 'main', 'service', 'ibkr', 'settings', '{}'::jsonb, 'since', '2024-01-01',
            'overlap_days', 7, 'account_ids', '[]'::jsonb
        ) || p_changes
    ) f
$$;
create function pg_temp.windows(p_changes jsonb, p_through date)
returns text[]
language sql
as $$
    select array_agg(w.asked_from || '..' || w.asked_through order by w.asked_from)
    from sync.windows(pg_temp.feed(p_changes), p_through) w
$$;
create function pg_temp.document(p_changes jsonb default '{}')
returns jsonb
language sql
as $$
    select jsonb_build_array(
        jsonb_build_object(
            'asked_from', '2024-03-01', 'asked_through', '2024-03-31', 'source', 'ibkr_flex', 'accounts', '{"zqann-1": 2}'::jsonb, 'rows', 2,
            'period_start', '2024-03-01', 'period_end', '2024-03-31', 'generated_at', '2024-04-01T10:00:00Z'
        ) || p_changes
    )
$$;
create function pg_temp.verdict(p_feed jsonb, p_documents jsonb)
returns text
language sql
as $$
    select coalesce((select j.failure from sync.judge_documents(pg_temp.feed(p_feed), p_documents) j), 'load')
$$;
create function pg_temp.cursor(p_feed jsonb, p_document jsonb)
returns date
language sql
as $$
    select sync.fetched_through(pg_temp.feed(p_feed), pg_temp.document(p_document))
$$;

select plan(46);
select tests.fixture_two_tenants();

-- The days.
select is(pg_temp.windows('{}', '2024-01-31'), '{2024-01-01..2024-01-31}', 'at first everything from the first day that is wanted');
select is(pg_temp.windows('{"fetched_through": "2024-01-20"}', '2024-01-31'), '{2024-01-14..2024-01-31}', 'later the overlap again');
select is(pg_temp.windows('{"fetched_through": "2024-01-03"}', '2024-01-31'), '{2024-01-01..2024-01-31}', 'but nothing before the first day');
select is(pg_temp.windows('{"fetched_through": "2024-01-31"}', '2024-01-31'), '{2024-01-25..2024-01-31}', 'the same day again asks for the overlap');
select is(pg_temp.windows('{}', '2024-12-30'), '{2024-01-01..2024-12-30}', '365 days are one window');
select is(
    pg_temp.windows('{}', '2024-12-31'), '{2024-01-01..2024-12-30,2024-12-24..2024-12-31}', 'one more are two, which overlap'
);
select is(pg_temp.windows('{"overlap_days": 1}', '2024-12-30'), '{2024-01-01..2024-12-30}', 'no window lies within another');
select is(pg_temp.windows('{}', '2023-12-31'), null, 'before the first day there is nothing to ask for');
select is(
    (select max(w.asked_through) from sync.windows(pg_temp.feed(), null) w), sync.exchange_day(now()) - 1,
    'statements are asked for to yesterday, New York'
);
select is(
    (select max(w.asked_through) from sync.windows(pg_temp.feed('{"service": "crypto"}'), null) w), sync.exchange_day(now()),
    'what happens now is asked for too where that can be had'
);
select is(
    (select max(w.asked_through) from sync.windows(pg_temp.feed(), 'infinity') w), sync.exchange_day(now()) - 1,
    'nobody asks for the future'
);

-- The waits.
select is_empty(
    $$ select w from generate_series(1, 300) cross join lateral (select sync.wait(1, 1, null, 10) as w) k where w not between 10 and 10 $$,
    'the first wait is the base'
);
select is_empty(
    $$ select w from generate_series(1, 300) cross join lateral (select sync.wait(3, 0, null, 10) as w) k where w not between 20 and 40 $$,
    'the third is up to four times that, half of it by chance'
);
select cmp_ok(
    (select count(distinct sync.wait(4, 0, null, 10)) from generate_series(1, 50)), '>', 20::bigint, 'programs do not come back together'
);
select is(sync.wait(30, 0, null, 10), 600::numeric, 'there is a longest wait');
select is(sync.wait(1, 6, null, 10), 60::numeric, 'some failures want patience');
select is(sync.wait(1, 0, 77, 10), 77::numeric, 'a server may want more');
select is(sync.wait(9, 6, null, 0), 0::numeric, 'without a base nothing waits');

-- The list of failures.
select is_empty($$ select f.code from sync.failures() f group by f.code having count(*) > 1 $$, 'each failure is there once');
select is_empty(
    $$ select f.code from sync.failures() f where f.remedy not in ('poll', 'again', 'later', 'person') or f.next_step = '' $$,
    'each says what follows'
);
select is((select k.code from sync.failure('flex_4711') k), 'flex_unknown', 'the broker may invent a code');
select is((select k.code from sync.failure('what') k), 'defect', 'we may not');

-- What is believed.
select is(pg_temp.verdict('{}', pg_temp.document()), 'load', 'a whole statement is');
select is(pg_temp.verdict('{}', '[]'), 'no_statement', 'nothing is none');
select is(pg_temp.verdict('{}', pg_temp.document('{"accounts": {}}')), 'no_statement', 'nor is one of no account');
select is(
    pg_temp.verdict('{}', pg_temp.document(jsonb_build_object('generated_at', now() + interval '3 hours'))), 'clock_skew', 'nor one of tomorrow'
);
select is(pg_temp.verdict('{"fetched_through": "2024-02-29"}', pg_temp.document()), 'load', 'it may begin on the day after');
select is(pg_temp.verdict('{"fetched_through": "2024-02-28"}', pg_temp.document()), 'gap', 'but not later');
select is(
    pg_temp.verdict('{}', pg_temp.document() || pg_temp.document('{"asked_from": "2024-04-02", "period_start": "2024-04-02"}')), 'gap',
    'nor may there be days between two windows'
);
select is(pg_temp.verdict('{"fetched_through": "2024-03-31"}', pg_temp.document('{"period_end": "2024-03-30"}')), 'stale', 'nor may it end before');
select is(
    pg_temp.verdict(jsonb_build_object('account_ids', (select jsonb_agg(a.id) from core.accounts a where a.account_number = 'zqann-1')), pg_temp.document()),
    'load', 'an account that came before is there'
);
select is(
    pg_temp.verdict(
        jsonb_build_object('account_ids', (select jsonb_agg(a.id) from core.accounts a where a.account_number = 'zqann-1')),
        pg_temp.document('{"accounts": {"other": 5}}')
    ),
    'account_missing', 'or it is missing'
);
select is(
    pg_temp.verdict(
        jsonb_build_object('account_ids', (select jsonb_agg(a.id) from core.accounts a where a.account_number = 'zqann-1')),
        pg_temp.document('{"accounts": {"zqann-1": 0}, "source": "ibkr_activity", "asked_from": "2024-01-01", "period_start": "2024-01-01"}')
    ),
    'empty', 'no row where rows are known is a failure'
);
select is(
    pg_temp.verdict(
        jsonb_build_object('account_ids', (select jsonb_agg(a.id) from core.accounts a where a.account_number = 'zqann-1')),
        pg_temp.document('{"accounts": {"zqann-1": 0}, "source": "tastytrade_api", "asked_from": "2024-01-01", "period_start": "2024-01-01"}')
    ),
    'load', 'rows of another source promise nothing'
);

-- The cursor.
select is(pg_temp.cursor('{}', '{}'), '2024-03-31'::date, 'to the end of what came');
select is(pg_temp.cursor('{}', '{"period_end": "2024-03-28"}'), '2024-03-28'::date, 'not to the end of what was asked for');
select is(pg_temp.cursor('{}', '{"generated_at": "2024-03-31T16:00:00Z"}'), '2024-03-30'::date, 'not into a day that was not over when it was made');
select is(pg_temp.cursor('{}', '{"generated_at": "2024-04-01T03:00:00Z"}'), '2024-03-30'::date, 'New York decides when that is');
select is(pg_temp.cursor('{}', '{"served_at": "2024-03-20T12:00:00Z"}'), '2024-03-19'::date, 'nor past the server''s clock');
select is(pg_temp.cursor('{"fetched_through": "2024-05-01"}', '{}'), '2024-05-01'::date, 'it never goes back');

-- When somebody should look.
create function pg_temp.state()
returns text
language sql
as $$
    select f.state || case when f.needs_attention then '!' else '' end
    from api.feeds f
$$;
delete from ingest.sync_attempts;
update ingest.feeds f
set created_at = now() - interval '1 hour'
where f.name = 'zqann';
select tests.become('ann');
select is(pg_temp.state(), 'new', 'a feed that nobody ran yet is new');
select tests.reset();
update ingest.feeds f
set created_at = now() - interval '3 days'
where f.name = 'zqann';
select tests.become('ann');
select is(pg_temp.state(), 'overdue!', 'for two days');
select tests.reset();
update core.sync_history h
set status = 'finished',
    finished_at = now() - interval '1 hour'
where h.kind = 'sync';
insert into ingest.sync_attempts (user_id, sync_id, feed_id, run_id, try_number, asked_from, asked_through, rows_new)
select f.user_id, h.id, f.id, gen_random_uuid(), 1, date '2024-01-01', date '2024-01-02', 1
from ingest.feeds f
join core.sync_history h on h.user_id = f.user_id and h.kind = 'sync';
select tests.become('ann');
select is(pg_temp.state(), 'ok', 'one that succeeds is well');
select tests.reset();
update core.sync_history h
set finished_at = now() - interval '31 days'
where h.kind = 'sync';
update ingest.feeds
set due_every = '31 days',
    created_at = now() - interval '90 days';
select tests.become('ann');
select is(pg_temp.state(), 'silent!', 'one that brings nothing for long is silent');
select tests.reset();
update core.sync_history h
set status = 'failed',
    error = 'the server failed',
    finished_at = now()
where h.kind = 'sync';
update ingest.sync_attempts
set failure = 'server_error';
update ingest.feeds
set created_at = now();
select tests.become('ann');
select is(pg_temp.state(), 'failing!', 'one whose last attempt failed is failing');
select is(
    (select f.message || '; ' || f.next_step from api.feeds f), 'the server failed; nothing: it is tried again', 'and says what it is, and what to do'
);

select * from finish();
rollback;
