-- What happens if: a statement is run and undone, and its outcome returned as text, so that many can be compared in one assertion.

create function tests.attempt(p_statement text)
returns text
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_count bigint;
begin
    execute p_statement;
    get diagnostics v_count = row_count;
    raise exception using errcode = 'TS000', message = v_count;
exception
    when sqlstate 'TS000' then
        return sqlerrm;
    when others then
        return sqlstate;
end
$$;

comment on function tests.attempt(text) is 'Runs a statement and undoes it: the number of rows it touched, else the SQLSTATE.';

create function tests.broken_constraint(p_statement text)
returns text
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_constraint text;
    v_message text;
begin
    execute p_statement;
    raise exception using errcode = 'TS000', message = 'accepted';
exception
    when sqlstate 'TS000' then
        return sqlerrm;
    when others then
        get stacked diagnostics v_constraint = constraint_name, v_message = message_text;
        return coalesce(nullif(v_constraint, ''), sqlstate || ': ' || v_message);
end
$$;

comment on function tests.broken_constraint(text) is 'Runs a statement and undoes it: accepted, the name of the constraint that refused it, or the error.';

create view tests.schemas as
select n.oid, n.nspname::text as name
from pg_catalog.pg_namespace n
where n.nspname !~ '^pg_'
    and n.nspname not in ('information_schema', 'public', 'extensions', 'migrations', 'tap', 'tests');

comment on view tests.schemas is 'Every schema of the product, from the catalogue.';
grant select on tests.schemas to public;

create view tests.tenant_tables as
select
    c.oid as table_oid,
    c.oid::regclass::text as table_name,
    case c.oid::regclass::text when 'core.users' then 'id' else 'user_id' end as tenant_column
from pg_catalog.pg_class c
where c.relnamespace in (select s.oid from tests.schemas s)
    and c.relkind in ('r', 'p')
    and (
        c.oid = 'core.users'::regclass
        or exists (
            select
            from pg_catalog.pg_attribute a
            where a.attrelid = c.oid
                and a.attname = 'user_id'
                and not a.attisdropped
        )
    );

comment on view tests.tenant_tables is 'Every table whose rows belong to a person, from the catalogue.';
grant select on tests.tenant_tables to public;

create function tests.rows_of(p_user_id uuid)
returns jsonb
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table record;
    v_rows jsonb;
    v_all jsonb := '{}';
begin
    for v_table in select t.table_name, t.tenant_column from tests.tenant_tables t order by t.table_name loop
        execute format(
            'select coalesce(jsonb_agg(to_jsonb(t) order by to_jsonb(t)::text), ''[]'') from %s t where t.%I = $1',
            v_table.table_name, v_table.tenant_column
        ) into v_rows using p_user_id;
        v_all := v_all || jsonb_build_object(v_table.table_name, v_rows);
    end loop;
    return v_all;
end
$$;

comment on function tests.rows_of(uuid) is 'Every row of a person in every table: to see that something changed nothing. Call as superuser.';
