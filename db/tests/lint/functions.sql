-- Rules about functions and views, asked of the catalogue.
begin;
create temporary table ours as
select p.*
from pg_proc p
where p.pronamespace in (select s.oid from tests.schemas s);
create temporary table views as
select c.*
from pg_class c
where c.relkind in ('v', 'm')
    and c.relnamespace in (select s.oid from tests.schemas s);

select plan(20);
select cmp_ok((select count(*) from ours), '>=', 20::bigint, 'there are functions to look at');
select cmp_ok((select count(*) from views), '>=', 2::bigint, 'there are views to look at');

select is_empty(
    $$
        select o.oid::regprocedure
        from ours o
        where o.prokind <> 'a'
            and not exists (
                select
                from unnest(o.proconfig) setting
                where setting in ('search_path=pg_catalog, pg_temp', 'search_path="pg_catalog", "pg_temp"')
            )
    $$,
    'every function pins its search path to pg_catalog, pg_temp'
);
select is_empty(
    $$
        select o.oid::regprocedure
        from ours o
        cross join lateral aclexplode(coalesce(o.proacl, acldefault('f', o.proowner))) a
        where a.grantee = 0
    $$,
    'nothing may be executed by everybody'
);
select is_empty(
    $$
        select o.oid::regprocedure, o.proowner::regrole
        from ours o
        where o.prosecdef
            and o.proowner::regrole::text not in (
                'quantmatrix_owner', 'quantmatrix_writer', 'quantmatrix_engine', 'quantmatrix_keeper', 'quantmatrix_eraser',
                'quantmatrix_warden'
            )
    $$,
    'functions with their owner''s rights belong to the six owners'
);
select is_empty(
    $$
        select o.oid::regprocedure, o.proowner::regrole
        from ours o
        join pg_roles r on r.oid = o.proowner
        where r.rolsuper
            or r.rolbypassrls
            or r.rolcanlogin
    $$,
    'no function belongs to somebody whom policies do not bind, or who can log in'
);
select is_empty(
    $$
        select o.oid::regprocedure
        from ours o
        where o.proleakproof
    $$,
    'no function of ours runs before a policy'
);
select is_empty(
    $$
        select o.oid::regprocedure
        from ours o
        where o.provolatile = 'i'
            and o.prosrc ~* 'current_setting|now\(\)|current_user|session_user|current_date|auth\.'
    $$,
    'what never changes does not ask who or when'
);
select is_empty(
    $$
        select o.oid::regprocedure, r.rolname
        from ours o
        cross join pg_roles r
        where o.prorettype in ('trigger'::regtype, 'event_trigger'::regtype)
            and r.rolname in ('anon', 'authenticator', 'quantmatrix_user', 'quantmatrix_readonly', 'quantmatrix_admin')
            and has_function_privilege(r.oid, o.oid, 'execute')
    $$,
    'nobody executes a trigger''s function'
);
select is_empty(
    $$
        select o.oid::regprocedure, r.rolname
        from ours o
        cross join pg_roles r
        where o.pronamespace not in ('core'::regnamespace, 'auth'::regnamespace, 'api'::regnamespace)
            and o.prosecdef
            and r.rolname in ('anon', 'authenticator', 'quantmatrix_user', 'quantmatrix_readonly', 'quantmatrix_admin')
            and has_function_privilege(r.oid, o.oid, 'execute')
    $$,
    'people execute functions with an owner''s rights in api alone'
);
select is_empty(
    $$
        select v.oid::regclass
        from views v
        where v.relkind = 'm'
            or not coalesce(v.reloptions, '{}') && array['security_invoker=true', 'security_invoker=on']
    $$,
    'every view asks as its caller, and none keeps a copy'
);
select is_empty(
    $$
        select a.attrelid::regclass, a.attname
        from pg_attribute a
        join pg_class c on c.oid = a.attrelid
        where c.relnamespace in (select s.oid from tests.schemas s)
            and a.attnum > 0
            and a.atttypid in ('real'::regtype, 'double precision'::regtype, 'money'::regtype, 'real[]'::regtype, 'double precision[]'::regtype)
    $$,
    'no column holds a floating point number'
);
select is_empty(
    $$
        select o.oid::regprocedure
        from ours o
        where o.prorettype in ('real'::regtype, 'double precision'::regtype, 'money'::regtype)
            or o.proargtypes::oid[] && array['real'::regtype::oid, 'double precision'::regtype::oid, 'money'::regtype::oid]
    $$,
    'no function takes or gives one'
);
select is_empty(
    $$
        select o.oid::regprocedure
        from ours o
        where o.prosrc ~* '\mexecute\s+[^;]*\|\|'
            and o.prosrc !~* 'execute format\('
    $$,
    'what is executed is formatted, with quoted names and values, never strung together'
);
select is_empty(
    $$
        select o.oid::regprocedure
        from ours o
        where o.prosrc ~* 'gen_salt\(\s*''bf''\s*\)'
    $$,
    'no password is hashed at the cost that the extension takes by itself'
);
select is_empty(
    $$
        select i.indexrelid::regclass, j.indexrelid::regclass
        from pg_index i
        join pg_index j on j.indrelid = i.indrelid
            and j.indexrelid > i.indexrelid
            and (j.indkey, j.indclass, j.indoption, j.indisunique) = (i.indkey, i.indclass, i.indoption, i.indisunique)
            and coalesce(pg_get_expr(j.indpred, j.indrelid), '') = coalesce(pg_get_expr(i.indpred, i.indrelid), '')
            and coalesce(pg_get_expr(j.indexprs, j.indrelid), '') = coalesce(pg_get_expr(i.indexprs, i.indrelid), '')
        join pg_class c on c.oid = i.indrelid
        where c.relnamespace in (select s.oid from tests.schemas s)
    $$,
    'no index is there twice'
);
select is_empty(
    $$
        select o.oid::regprocedure
        from ours o
        where o.prokind <> 'a'
            and obj_description(o.oid, 'pg_proc') is null
    $$,
    'every function says what it does'
);
select is_empty(
    $$
        select v.oid::regclass
        from views v
        where obj_description(v.oid, 'pg_class') is null
    $$,
    'every view says what it shows'
);
select is_empty(
    $$
        select v.oid::regclass, a.attname
        from views v
        join pg_attribute a on a.attrelid = v.oid and a.attnum > 0
        where v.relnamespace = 'api'::regnamespace
            and col_description(v.oid, a.attnum) is null
    $$,
    'every column of api says what it means'
);
select is_empty(
    $$
        select v.oid::regclass, a.attname
        from views v
        join pg_attribute a on a.attrelid = v.oid and a.attnum > 0
        where v.relnamespace = 'api'::regnamespace
            and a.atttypid = 'numeric'::regtype
    $$,
    'no number leaves as a json number that loses digits'
);

select * from finish();
rollback;
