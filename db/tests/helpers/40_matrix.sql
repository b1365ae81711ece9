-- The matrix of every table and every command: what each identity may do to the rows of one person. Generated from the catalogue, so that a
-- table nobody thought of is in it.

create function tests.probes(p_label text, p_other text)
returns table (table_name text, statements text[])
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table record;
    v_row jsonb;
    v_own text;
begin
    for v_table in select t.table_name, t.tenant_column from tests.tenant_tables t order by t.table_name loop
        v_own := format('%I = %L', v_table.tenant_column, tests.user_id(p_label));
        execute format('select to_jsonb(t) from %s t where t.%s limit 1', v_table.table_name, v_own) into v_row;
        table_name := v_table.table_name;
        statements := array[
            format('select from %s where %s', v_table.table_name, v_own),
            format('update %s set %I = %I where %s', v_table.table_name, v_table.tenant_column, v_table.tenant_column, v_own),
            format('delete from %s where %s', v_table.table_name, v_own),
            -- After the delete, so that where the row may be written no key is in the way.
            format(
                'delete from %1$s where %2$s; insert into %1$s overriding system value select * from jsonb_populate_record(null::%1$s, %3$L)',
                v_table.table_name, v_own, v_row
            ),
            format(
                'update %s set %I = %L where %s', v_table.table_name, v_table.tenant_column,
                case v_table.table_name when 'core.users' then gen_random_uuid() else tests.user_id(p_other) end, v_own
            )
        ];
        return next;
    end loop;
end
$$;

comment on function tests.probes(text, text) is
    'For each table with a tenant: select, update, delete, insert of the rows of a person, and giving them to another. Call as superuser.';

create function tests.outcomes(p_statements text[])
returns text[]
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select array_agg(tests.attempt(s.statement) order by s.place)
    from unnest(p_statements) with ordinality s (statement, place)
$$;

comment on function tests.outcomes(text[]) is 'Outcomes of statements, each tried and undone by itself.';

create function tests.silence_triggers()
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table regclass;
begin
    for v_table in
        select distinct t.tgrelid::regclass
        from pg_trigger t
        join pg_class c on c.oid = t.tgrelid
        where not t.tgisinternal
            and c.relnamespace in (select s.oid from tests.schemas s)
    loop
        execute format('alter table %s disable trigger user', v_table);
    end loop;
end
$$;

comment on function tests.silence_triggers() is 'Keys, checks and policies alone answer until the rollback: no audit, no derivation, no guard of the log.';

grant execute on all functions in schema tests to public;
