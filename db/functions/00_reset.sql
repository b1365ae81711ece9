-- The repeatable part starts here: everything that holds no data is dropped and made anew in one transaction, so that nothing stale survives
-- and every file below may assume an empty place. Tables, types and core.sum_of_counts, on which a constraint depends, are not touched.

drop schema if exists api cascade;
create schema api;
comment on schema api is $$QuantMatrix
Lots, positions, cash and transactions that agree with each other, and a named cause where the broker differs. Money, prices and quantities are strings: exact decimals.$$;

do $$
declare
    v_object record;
begin
    for v_object in
        select p.polname, p.polrelid::regclass as table_name
        from pg_catalog.pg_policy p
        join pg_catalog.pg_class c on c.oid = p.polrelid
        where c.relnamespace in ('core'::regnamespace, 'tax'::regnamespace, 'ingest'::regnamespace, 'auth'::regnamespace, 'audit'::regnamespace)
    loop
        execute format('drop policy %I on %s', v_object.polname, v_object.table_name);
    end loop;

    for v_object in
        select p.oid::regprocedure as signature
        from pg_catalog.pg_proc p
        where p.pronamespace in ('tax'::regnamespace, 'ingest'::regnamespace, 'auth'::regnamespace, 'audit'::regnamespace)
    loop
        execute format('drop routine if exists %s cascade', v_object.signature);
    end loop;

    for v_object in
        select t.oid::regtype as type_name
        from pg_catalog.pg_type t
        join pg_catalog.pg_class c on c.oid = t.typrelid and c.relkind = 'c'
        where t.typnamespace in ('tax'::regnamespace, 'ingest'::regnamespace, 'audit'::regnamespace)
    loop
        execute format('drop type if exists %s cascade', v_object.type_name);
    end loop;

    for v_object in
        select c.oid::regclass as view_name
        from pg_catalog.pg_class c
        where c.relkind = 'v'
        and c.relnamespace in ('core'::regnamespace, 'tax'::regnamespace, 'ingest'::regnamespace, 'auth'::regnamespace, 'audit'::regnamespace)
    loop
        execute format('drop view if exists %s cascade', v_object.view_name);
    end loop;
end
$$;

alter default privileges revoke execute on functions from public;

-- A function owner creates in its schema only while this transaction runs: policies/90_grants.sql takes the right back.
grant usage, create on schema tax, ingest, auth, audit, api to quantmatrix_writer, quantmatrix_engine;
grant usage on schema core to quantmatrix_writer, quantmatrix_engine;
