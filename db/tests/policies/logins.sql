-- Who a session is. Claims count from authenticator alone; a personal login is what the mapping says, whatever settings it types.
begin;
select plan(32);
select tests.fixture_two_tenants();
create role qm_zqann login inherit in role quantmatrix_user;
create role qm_zqbob login inherit in role quantmatrix_readonly;
create role qm_zqnobody login inherit in role quantmatrix_user;

select tests.become('ann');
select is(auth.user_id(), tests.user_id('ann'), 'claims of authenticator name the person');
select ok(not auth.is_admin(), 'a person is no administrator');
select is(auth.require_user(), tests.user_id('ann'), 'require_user passes for a person');
select tests.become_role('quantmatrix_user', '');
select is(auth.user_id(), null, 'empty claims are nobody');
select throws_ok('select auth.require_user()', '42501', 'nobody is signed in', 'require_user refuses nobody');
select tests.become_role('quantmatrix_user', '{"sub": ""}');
select is(auth.user_id(), null, 'an empty subject is nobody');
select tests.become_role('quantmatrix_admin', '{"role": "quantmatrix_admin"}');
select ok(auth.is_admin(), 'claims with the role make an administrator');
select tests.become_anon();
select is(auth.user_id(), null, 'an anonymous request is nobody');
select throws_ok('select from core.users', '42501', null, 'and reaches no table');

select tests.become_login('qm_zqann');
select is(auth.user_id(), tests.user_id('ann'), 'a personal login is its person');
select results_eq('select u.email from core.users u', array['ann@example.test'], 'and sees its person''s rows alone');
do $$
begin
    perform set_config('request.jwt.claims', json_build_object('sub', tests.user_id('bob'), 'role', 'quantmatrix_admin')::text, true);
end
$$;
select is(auth.user_id(), tests.user_id('ann'), 'forged claims change nothing');
select ok(not auth.is_admin(), 'nor do they make an administrator');
select results_eq('select u.email from core.users u', array['ann@example.test'], 'nor do they show another''s rows');
select throws_ok('set role quantmatrix_admin', '42501', null, 'it cannot become an administrator');
select throws_ok('set role quantmatrix_writer', '42501', null, 'nor the writer');
select throws_ok('set role quantmatrix_owner', '42501', null, 'nor the owner');
select throws_ok(
    $$insert into core.alerts (user_id, name, alert_type, condition) values (auth.user_id(), 'x', 'price', '{}')$$,
    '42501', null, 'it writes no table'
);
select throws_ok('select from auth.database_logins', '42501', null, 'it does not read the mapping');
select throws_ok('create schema mine', '42501', null, 'it makes no schema');
select throws_ok('create table api.mine ()', '42501', null, 'nor a table in ours');
select throws_ok('create temporary table mine ()', '42501', null, 'nor a temporary one');
select throws_ok('select lo_from_bytea(0, ''x'')', '42501', null, 'nor a large object');
select throws_ok('select pg_logical_emit_message(false, ''x'', ''y'')', '42501', null, 'nor an entry in the log of changes');
select throws_ok(
    $$select pg_advisory_lock(hashtextextended('sign in bob@example.test', 0))$$, '42501', null, 'it takes no lock that others wait for'
);

select tests.become_login('qm_zqbob');
select is(auth.user_id(), tests.user_id('bob'), 'another login is another person');
select results_eq('select u.email from core.users u', array['bob@example.test'], 'with rows of its own');
select throws_ok(
    $$insert into ingest.staging (load_id, kind, line_number) values (gen_random_uuid(), 'line', 1)$$, '42501', null,
    'a login that reads stages nothing'
);
select tests.reset();
update core.users u set role = 'readonly' where u.id = tests.user_id('ann');
select tests.become_login('qm_zqann');
select is(auth.user_id(), null, 'a login that may more than its person is nobody');
select is_empty('select from core.users', 'and sees nothing');

select tests.become_login('qm_zqnobody');
select is(auth.user_id(), null, 'a login that is not mapped is nobody');
select is_empty('select from core.users', 'and sees nothing');

select tests.reset();
select * from finish();
rollback;
