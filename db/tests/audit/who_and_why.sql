-- Who acted, as what, and why. A function of api acts with its owner's rights; the log names the person behind it.
begin;
select plan(20);
create temporary table marks (entry bigint);
grant select on marks to public;

-- What functions of api are like: the writer's rights, a reason set for the transaction.
create function tests.rename_alert(p_reason text)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform set_config('quantmatrix.reason', p_reason, true);
    update core.alerts
    set name = name || '!';
end
$$;
alter function tests.rename_alert(text) owner to quantmatrix_writer;
create function tests.disable_person(p_email text)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    update core.users
    set status = 'disabled', disabled_at = now()
    where email = p_email;
end
$$;
alter function tests.disable_person(text) owner to quantmatrix_writer;
grant execute on function tests.rename_alert(text), tests.disable_person(text) to public;

do $$
begin
    perform tests.fixture_two_tenants();
    perform tests.create_user('carl', 'admin');
end
$$;

-- The platform itself.
insert into marks select max(e.id) from core.audit_logs e;
update core.alerts
set trigger_count = 1
where name = 'zqann falls';
select results_eq(
    $$
        select e.user_id, e.actor_id, e.context
        from core.audit_logs e
        where e.id > (select m.entry from marks m)
    $$,
    format($$values (%L::uuid, null::uuid, jsonb_build_object('session', session_user))$$, tests.user_id('ann')),
    'without claims nobody acted: the login alone is known, and nothing is null in the context'
);

-- A request over HTTP, with everything that PostgREST sets.
update marks set entry = (select max(e.id) from core.audit_logs e);
do $$
begin
    perform set_config('request.method', 'POST', true);
    perform set_config('request.path', '/rpc/rename_alert', true);
    perform set_config(
        'request.headers', '{"authorization": "Bearer zqsecret", "cookie": "zqsecret", "x-request-id": "r-17", "accept": "*/*"}', true
    );
    perform tests.become('ann');
end
$$;
select lives_ok($$select tests.rename_alert('  a better name ')$$, 'a person acts through a function');
select tests.reset();
create temporary table entry as
select e.*
from core.audit_logs e
where e.id > (select m.entry from marks m);
select is((select count(*) from entry), 1::bigint, 'one entry: the other person''s alert was not touched');
select is((select e.user_id from entry e), tests.user_id('ann'), 'it is in the person''s log');
select is((select e.actor_id from entry e), tests.user_id('ann'), 'the actor is the person of the claims, not the owner of the function');
select is((select e.context ->> 'role' from entry e), 'quantmatrix_user', 'with the role of the request');
select is((select e.context ->> 'session' from entry e), 'authenticator', 'and the login');
select is((select e.context ->> 'reason' from entry e), 'a better name', 'and the reason');
select is((select e.context ->> 'request' from entry e), 'POST /rpc/rename_alert r-17', 'and the request');
select is((select e.transaction_xid from entry e), pg_current_xact_id(), 'and the database transaction');
select is((select count(*) from entry e where e::text ~* 'zqsecret|bearer|cookie|authorization'), 0::bigint, 'the token is not in the log');

-- An administrator acts on somebody else.
update marks set entry = (select max(e.id) from core.audit_logs e);
select tests.become('carl');
select lives_ok($$select tests.disable_person('bob@example.test')$$, 'an administrator acts on another person');
select tests.reset();
select results_eq(
    $$
        select e.user_id, e.actor_id, e.context ->> 'role', e.changed_columns @> '{status}'
        from core.audit_logs e
        where e.id > (select m.entry from marks m)
    $$,
    format($$values (%L::uuid, %L::uuid, 'quantmatrix_admin'::text, true)$$, tests.user_id('bob'), tests.user_id('carl')),
    'the log of that person names the administrator'
);

-- Direct SQL cannot pretend to be a request.
update marks set entry = (select max(e.id) from core.audit_logs e);
create role qm_zqann login inherit in role quantmatrix_user;
select tests.become_login('qm_zqann');
do $$
begin
    perform set_config('request.jwt.claims', json_build_object('sub', tests.user_id('bob'))::text, true);
    perform set_config('request.path', '/rpc/forged', true);
end
$$;
select lives_ok($$select tests.rename_alert('typed')$$, 'a person acts through direct SQL');
select tests.reset();
select results_eq(
    $$
        select e.actor_id, e.context
        from core.audit_logs e
        where e.id > (select m.entry from marks m)
    $$,
    format($$values (%L::uuid, '{"session": "qm_zqann", "reason": "typed"}'::jsonb)$$, tests.user_id('ann')),
    'the log names the login and its person, and no forged request'
);

-- What a person reads of the log.
select tests.become('ann');
select isnt_empty($$select from api.audit_log a where a.table_name = 'alerts' and a.reason = 'a better name'$$, 'a person reads the own log');
select is_empty($$select from api.audit_log a where a::text like '%zqbob%'$$, 'and nothing of another''s');
select tests.become('bob');
select isnt_empty($$select from api.audit_log a where a.table_name = 'users' and a.action = 'update'$$, 'the other person reads what was done to them');
select tests.reset();
update core.positions
set cost_basis = 12.5000000000000000001
where user_id = tests.user_id('ann');
select tests.become('ann');
select is(
    (
        select to_json(a.new_values) ->> 'cost_basis' || ' ' || json_typeof(to_json(a.new_values) -> 'cost_basis')
        from api.audit_log a
        where a.table_name = 'positions'
        order by a.id desc
        limit 1
    ),
    '12.5000000000000000001 string',
    'numbers leave as strings, to the last digit'
);
select tests.become_anon();
select throws_ok('select from api.audit_log', '42501', null, 'nobody without a token reads a log');
select tests.reset();

select * from finish();
rollback;
