-- The roles behind the functions. The writer acts for the person in the claims and for nobody else; the engine reads what people gave and
-- writes what it derives; nobody else writes anything.
begin;

create temporary table declared as
select t.table_name::text as table_name, t.kind
from auth.tenancies() t;
create temporary table derived as
select d.table_name
from declared d
where d.kind = 'derived';
create temporary table probes (table_name text, statements text[], own_rows text, kind text);
grant select on probes to public;

create function pg_temp.outcomes_as(p_role text, p_claims jsonb)
returns table (table_name text, kind text, own_rows text, outcomes text[])
language plpgsql
as $$
declare
    v_outcomes jsonb := '{}';
    v_probe record;
begin
    perform tests.become_role(p_role, coalesce(p_claims::text, ''));
    for v_probe in select p.table_name, p.statements from probes p loop
        v_outcomes := v_outcomes || jsonb_build_object(v_probe.table_name, tests.outcomes(v_probe.statements));
    end loop;
    perform tests.reset();
    return query
    select p.table_name, p.kind, p.own_rows, array(select jsonb_array_elements_text(v_outcomes -> p.table_name))
    from probes p
    order by p.table_name;
end
$$;

select plan((
    select 10 + 5 * (select count(*) from tests.tenant_tables t where t.table_name <> 'ingest.staging')
)::integer);

select tests.fixture_two_tenants();
insert into probes
select
    p.table_name,
    p.statements,
    jsonb_array_length(tests.rows_of(tests.user_id('ann')) -> p.table_name)::text,
    (select d.kind from declared d where d.table_name = p.table_name)
from tests.probes('ann', 'bob') p
where p.table_name <> 'ingest.staging';
select tests.silence_triggers();
-- Nobody can become an owner over HTTP; the test lets authenticator, so that claims count.
grant quantmatrix_writer, quantmatrix_engine to authenticator;

select is(
    o.outcomes,
    case o.kind
        when 'input' then array[o.own_rows, o.own_rows, o.own_rows, '1', '42501']
        when 'derived' then array[o.own_rows, '42501', '42501', '42501', '42501']
        else array[case o.table_name when 'core.audit_logs' then '0' else '42501' end, '42501', '42501', '42501', '42501']
    end,
    o.table_name || ': the writer for the person'
)
from pg_temp.outcomes_as('quantmatrix_writer', jsonb_build_object('sub', tests.user_id('ann'))) o;

select is(
    o.outcomes,
    case o.kind
        when 'input' then array['0', '0', '0', '42501', '0']
        when 'derived' then array['0', '42501', '42501', '42501', '42501']
        else array[case o.table_name when 'core.audit_logs' then '0' else '42501' end, '42501', '42501', '42501', '42501']
    end,
    o.table_name || ': the writer for another person'
)
from pg_temp.outcomes_as('quantmatrix_writer', jsonb_build_object('sub', tests.user_id('bob'))) o;

select is(
    o.outcomes,
    case o.kind
        when 'input' then array['0', '0', '0', '42501', '0']
        when 'derived' then array['0', '42501', '42501', '42501', '42501']
        else array[case o.table_name when 'core.audit_logs' then '0' else '42501' end, '42501', '42501', '42501', '42501']
    end,
    o.table_name || ': the writer for nobody'
)
from pg_temp.outcomes_as('quantmatrix_writer', null) o;

-- The administrator keeps people, and nothing of theirs.
select is(
    o.outcomes[1:3],
    case
        when o.table_name = 'core.users' then array[o.own_rows, o.own_rows, o.own_rows]
        when o.kind = 'input' then array['0', '0', '0']
        when o.kind = 'derived' then array['0', '42501', '42501']
        else array[case o.table_name when 'core.audit_logs' then '0' else '42501' end, '42501', '42501']
    end,
    o.table_name || ': the writer for an administrator'
)
from pg_temp.outcomes_as('quantmatrix_writer', jsonb_build_object('sub', tests.user_id('bob'), 'role', 'quantmatrix_admin')) o;

-- The engine takes the taxpayer as an argument: claims are nothing to it.
select is(
    o.outcomes[1:4],
    case o.kind
        when 'input' then array[o.own_rows, '42501', '42501', '42501']
        when 'derived' then array[o.own_rows, o.own_rows, o.own_rows, '1']
        else array[case o.table_name when 'core.audit_logs' then '0' else '42501' end, '42501', '42501', '42501']
    end,
    o.table_name || ': the engine'
)
from pg_temp.outcomes_as('quantmatrix_engine', jsonb_build_object('sub', tests.user_id('bob'))) o;

-- Who holds a right to write, from the catalogue. The owner of the tables holds all of them and passes no policy.
create temporary table writers as
select
    c.oid::regclass::text as table_name,
    string_agg(distinct r.rolname, ', ' order by r.rolname) filter (where has_any_column_privilege(r.oid, c.oid, 'insert')) as inserts,
    string_agg(distinct r.rolname, ', ' order by r.rolname) filter (
        where has_table_privilege(r.oid, c.oid, 'update') or has_table_privilege(r.oid, c.oid, 'delete')
    ) as changes
from pg_class c
cross join (
    select r.oid, r.rolname::text
    from pg_roles r
    where not r.rolsuper
        and r.rolname not in ('quantmatrix_owner')
        and r.rolname !~ '^pg_'
) r
where c.relnamespace in (select s.oid from tests.schemas s)
    and c.relkind in ('r', 'p')
group by c.oid;

select is_empty(
    $$
        select w.table_name, w.inserts, w.changes
        from writers w
        join derived d using (table_name)
        where w.inserts is distinct from 'quantmatrix_engine'
            or w.changes is distinct from 'quantmatrix_engine'
    $$,
    'nobody but the engine writes derived rows'
);
select is(
    (select count(*) from writers w join derived d using (table_name)),
    11::bigint,
    'all derived tables were looked at'
);
select is_empty(
    $$
        select w.table_name, w.inserts, w.changes
        from writers w
        join probes p using (table_name)
        where p.kind = 'input'
            and (
                replace(w.inserts, 'quantmatrix_keeper, ', case w.table_name when 'core.users' then '' else '?' end) is distinct from 'quantmatrix_writer'
                or replace(w.changes, 'quantmatrix_keeper, ', case w.table_name when 'core.users' then '' else '?' end) is distinct from 'quantmatrix_writer'
            )
    $$,
    'nobody but the writer writes what people give, and the keeper people themselves'
);
select results_eq(
    $$select w.inserts || coalesce(', ' || w.changes, '') collate "default" from writers w where w.table_name = 'core.instruments'$$,
    array['quantmatrix_engine'],
    'the engine adds to the catalogue, and nobody changes it'
);
select is_empty(
    $$
        select w.table_name, w.inserts, w.changes
        from writers w
        where w.table_name in ('core.audit_logs', 'audit.links')
            and (w.inserts is not null or w.changes is not null)
    $$,
    'nobody but the owner writes the log and the chain'
);
select is_empty(
    $$
        select w.table_name, w.inserts, w.changes
        from writers w
        where w.table_name like 'auth.%'
            and (coalesce(w.inserts, 'quantmatrix_keeper') <> 'quantmatrix_keeper' or coalesce(w.changes, 'quantmatrix_keeper') <> 'quantmatrix_keeper')
    $$,
    'nobody but the keeper writes what people prove themselves with'
);
select is_empty(
    $$
        select m.roleid::regrole, m.member::regrole
        from pg_auth_members m
        join pg_roles r on r.oid = m.member
        where m.roleid::regrole::text in (
            'quantmatrix_owner', 'quantmatrix_writer', 'quantmatrix_engine', 'quantmatrix_keeper', 'quantmatrix_eraser', 'quantmatrix_backup'
        )
            and not r.rolsuper
            and (m.roleid::regrole::text, m.member::regrole::text) not in (
                ('quantmatrix_owner', 'quantmatrix_migrator'),
                ('quantmatrix_writer', 'quantmatrix_owner'),
                ('quantmatrix_engine', 'quantmatrix_owner'),
                ('quantmatrix_keeper', 'quantmatrix_owner'),
                ('quantmatrix_eraser', 'quantmatrix_owner'),
                -- Given by this test.
                ('quantmatrix_writer', 'authenticator'),
                ('quantmatrix_engine', 'authenticator')
            )
    $$,
    'nobody else can become an owner'
);
select is_empty(
    $$
        select r.rolname
        from pg_roles r
        where (r.rolname ~ '^quantmatrix_' or r.rolname in ('anon', 'authenticator'))
            and (
                r.rolsuper or r.rolcreaterole or r.rolcreatedb or r.rolreplication
                or (r.rolbypassrls and r.rolname <> 'quantmatrix_backup')
                or (r.rolcanlogin and r.rolname not in (
                    'authenticator', 'quantmatrix_migrator', 'quantmatrix_entrance', 'quantmatrix_page', 'quantmatrix_mailer'
                ))
            )
    $$,
    'no role of ours is more than it must be'
);
select results_eq(
    $$
        select m.roleid::regrole::text collate "default"
        from pg_auth_members m
        where m.member = 'authenticator'::regrole
            and m.roleid::regrole::text not in ('quantmatrix_writer', 'quantmatrix_engine')
        order by 1
    $$,
    array['anon', 'quantmatrix_admin', 'quantmatrix_importer', 'quantmatrix_readonly', 'quantmatrix_service', 'quantmatrix_user'],
    'authenticator can become those that serve requests, and the platform''s own helper'
);
select results_eq(
    $$
        select m.member::regrole::text collate "default", m.roleid::regrole::text collate "default"
        from pg_auth_members m
        where m.member::regrole::text in ('quantmatrix_entrance', 'quantmatrix_page', 'quantmatrix_mailer')
        order by 1
    $$,
    $$values ('quantmatrix_entrance', 'anon'), ('quantmatrix_mailer', 'quantmatrix_service'), ('quantmatrix_page', 'quantmatrix_service')$$,
    'the API for signing in, the page and the mailer can do their work, and become nobody else'
);

select * from finish();
rollback;
