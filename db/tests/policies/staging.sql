-- The one table without row-level security: COPY is refused under it. Instead nobody reads it, and nobody chooses whose rows they are.
begin;
select plan(18);
select tests.fixture_two_tenants();

select results_eq(
    $$select c.relpersistence::text, c.relrowsecurity from pg_class c where c.oid = 'ingest.staging'::regclass$$,
    $$values ('u', false)$$,
    'staging is unlogged and without row-level security'
);

select tests.become('ann');
select lives_ok(
    $$
        insert into ingest.staging (load_id, kind, line_number, part, payload, raw)
        values ('11111111-1111-4111-8111-111111111111', 'line', 1, 0, '{}', 'a,b')
    $$,
    'a person stages a row'
);
select throws_ok(
    format(
        $$insert into ingest.staging (load_id, user_id, kind, line_number) values (gen_random_uuid(), %L, 'line', 1)$$, tests.user_id('bob')
    ),
    '42501', null, 'not in the name of another'
);
select throws_ok(
    format(
        $$insert into ingest.staging (load_id, user_id, kind, line_number) values (gen_random_uuid(), %L, 'line', 1)$$, tests.user_id('ann')
    ),
    '42501', null, 'nor with the own name spelt out'
);
select throws_ok(
    $$insert into ingest.staging (load_id, kind, line_number, staged_at) values (gen_random_uuid(), 'line', 1, 'infinity')$$,
    '42501', null, 'nor with a time that is never cleared'
);
select throws_ok(
    $$insert into ingest.staging (load_id, kind, line_number) values (gen_random_uuid(), 'line', 1) returning user_id$$,
    '42501', null, 'returning would be reading'
);
select throws_ok('select from ingest.staging', '42501', null, 'a person reads nothing, the own rows included');
select throws_ok($$update ingest.staging set raw = ''$$, '42501', null, 'and changes nothing');
select throws_ok('delete from ingest.staging', '42501', null, 'and deletes nothing');
select throws_ok('truncate ingest.staging', '42501', null, 'and empties nothing');

select tests.reset();
select is(
    (select s.user_id from ingest.staging s where s.load_id = '11111111-1111-4111-8111-111111111111'),
    tests.user_id('ann'),
    'the row belongs to the person of the session'
);

select tests.become_role('quantmatrix_user', '');
select throws_ok(
    $$insert into ingest.staging (load_id, kind, line_number) values (gen_random_uuid(), 'line', 1)$$,
    '23502', null, 'nobody stages without being somebody'
);
select tests.become_readonly('ann');
select throws_ok(
    $$insert into ingest.staging (load_id, kind, line_number) values (gen_random_uuid(), 'line', 1)$$,
    '42501', null, 'a reader does not stage'
);
select throws_ok('select from ingest.staging', '42501', null, 'and does not read it');
select tests.become_anon();
select throws_ok(
    $$insert into ingest.staging (load_id, kind, line_number) values (gen_random_uuid(), 'line', 1)$$,
    '42501', null, 'nor does anybody without a token'
);
select tests.become_role('quantmatrix_admin', json_build_object('role', 'quantmatrix_admin', 'sub', tests.user_id('bob'))::text);
select throws_ok('select from ingest.staging', '42501', null, 'an administrator does not read it either');
select tests.reset();

select is_empty(
    $$
        select r.rolname, a.attname
        from pg_roles r
        cross join pg_attribute a
        where a.attrelid = 'ingest.staging'::regclass
            and a.attnum > 0
            and r.rolname in ('anon', 'quantmatrix_user', 'quantmatrix_readonly', 'quantmatrix_admin', 'authenticator')
            and (
                has_column_privilege(r.oid, a.attrelid, a.attnum, 'select')
                or has_column_privilege(r.oid, a.attrelid, a.attnum, 'update')
                or (
                    has_column_privilege(r.oid, a.attrelid, a.attnum, 'insert')
                    and (a.attname in ('user_id', 'staged_at') or r.rolname not in ('quantmatrix_user', 'quantmatrix_admin'))
                )
            )
    $$,
    'no column can be read or changed, and user_id cannot be given'
);
select is_empty(
    $$
        select r.rolname
        from pg_roles r
        where not r.rolsuper
            and r.rolname !~ '^pg_'
            and has_table_privilege(r.oid, 'ingest.staging', 'select')
            and r.rolname not in ('quantmatrix_owner', 'quantmatrix_writer', 'quantmatrix_engine')
    $$,
    'only the functions that load read it'
);

select * from finish();
rollback;
