-- What plpgsql_check finds in each function in PL/pgSQL; a trigger's once for each table that it is of, with the
-- transition tables of all its triggers there, as the body branches by the event.

with bodies as (
    select p.oid as function_id, t.tgrelid as table_id, max(t.tgoldtable) as old_rows, max(t.tgnewtable) as new_rows
    from pg_proc p
    join pg_language l on l.oid = p.prolang and l.lanname = 'plpgsql'
    join pg_namespace n on n.oid = p.pronamespace
    left join pg_trigger t on t.tgfoid = p.oid and not t.tgisinternal
    where pg_get_userbyid(n.nspowner) = 'quantmatrix_owner'
    group by p.oid, t.tgrelid
)
select
    b.function_id::regprocedure::text as function,
    b.table_id::regclass::text as of_table,
    c.lineno as line,
    c.level,
    nullif(concat_ws(': ', c.message, c.detail), '') as message
from bodies b
left join lateral plpgsql_check.plpgsql_check_function_tb(
    b.function_id, coalesce(b.table_id, 0), fatal_errors => false, other_warnings => true, performance_warnings => true,
    extra_warnings => true, security_warnings => true, oldtable => b.old_rows, newtable => b.new_rows
) c on true
order by 1, 2, 3, 5
