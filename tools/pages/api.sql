-- Views and functions of api. A view's columns are one text each: name, type, meaning.

select
    'view' as kind,
    c.relname::text as name,
    obj_description(c.oid, 'pg_class') as comment,
    (
        select json_agg(
            json_build_array(a.attname, format_type(a.atttypid, a.atttypmod), true, coalesce(col_description(c.oid, a.attnum), ''))
            order by a.attnum
        )
        from pg_attribute a
        where a.attrelid = c.oid
        and a.attnum > 0
        and not a.attisdropped
    ) as columns
from pg_class c
where c.relnamespace = 'api'::regnamespace
and c.relkind = 'v'
union all
select
    'function',
    p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ') → ' || pg_get_function_result(p.oid),
    obj_description(p.oid, 'pg_proc'),
    null
from pg_proc p
where p.pronamespace = 'api'::regnamespace
order by 1, 2
