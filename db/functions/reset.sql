-- The repeatable part starts here: everything that holds no data is dropped and made anew in one transaction, so that nothing stale survives
-- and every file below may assume an empty place. Tables, types and the functions of core, on which constraints depend, are not touched.

drop schema if exists api cascade;
create schema api;
comment on schema api is $$QuantMatrix
Lots, positions, cash and transactions that agree with each other, and a named cause where the broker differs. Money, prices and quantities are strings: exact decimals.$$;

do $$
declare
    v_schemas constant oid[] := array[
        'core'::regnamespace, 'tax'::regnamespace, 'ingest'::regnamespace, 'matching'::regnamespace, 'reconcile'::regnamespace, 'sync'::regnamespace,
        'legacy'::regnamespace, 'auth'::regnamespace, 'audit'::regnamespace, 'work'::regnamespace
    ];
    v_commands text[];
    v_command text;
begin
    -- Written down before the first is run: what a cascade took away is no error, and its name could not be told any more.
    select array_agg(c.command)
    into v_commands
    from (
        select format('drop policy if exists %I on %s', p.polname, p.polrelid::regclass) as command
        from pg_catalog.pg_policy p
        join pg_catalog.pg_class t on t.oid = p.polrelid
        where t.relnamespace = any (v_schemas)
        union all
        select format('drop view if exists %s cascade', v.oid::regclass)
        from pg_catalog.pg_class v
        where v.relkind = 'v'
        and v.relnamespace = any (v_schemas)
        union all
        select format('drop routine if exists %s cascade', f.oid::regprocedure)
        from pg_catalog.pg_proc f
        where f.pronamespace = any (v_schemas)
        and f.pronamespace <> 'core'::regnamespace
        union all
        select format('drop type if exists %s cascade', t.oid::regtype)
        from pg_catalog.pg_type t
        join pg_catalog.pg_class c on c.oid = t.typrelid and c.relkind = 'c'
        where t.typnamespace = any (v_schemas)
    ) c;
    foreach v_command in array coalesce(v_commands, '{}') loop
        execute v_command;
    end loop;
end
$$;

alter default privileges revoke execute on functions from public;

-- A function owner creates in its schema only while this transaction runs: policies/grants.sql takes the right back.
grant usage, create on schema tax, ingest, auth, audit, api to quantmatrix_writer, quantmatrix_engine, quantmatrix_keeper;
grant usage on schema matching, reconcile, sync, legacy to quantmatrix_writer, quantmatrix_engine, quantmatrix_keeper;
grant usage, create on schema work to quantmatrix_keeper, quantmatrix_warden;
grant usage on schema work to quantmatrix_writer, quantmatrix_engine;
grant usage on schema core to quantmatrix_writer, quantmatrix_engine, quantmatrix_keeper;
grant usage, create on schema audit to quantmatrix_eraser;
grant usage on schema core to quantmatrix_eraser;
