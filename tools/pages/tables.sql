-- Tables of people's and our own data, with columns, keys and references as one row each.

select
    n.nspname::text as schema,
    c.relname::text as name,
    obj_description(c.oid, 'pg_class') as comment,
    (
        select json_agg(
            json_build_array(
                a.attname,
                format_type(a.atttypid, a.atttypmod),
                a.attnotnull,
                coalesce(col_description(c.oid, a.attnum), '')
            )
            order by a.attnum
        )
        from pg_attribute a
        where a.attrelid = c.oid
        and a.attnum > 0
        and not a.attisdropped
    ) as columns,
    (
        select coalesce(json_agg(json_build_array(
            k.contype::text,
            (
                select json_agg(a.attname order by u.place)
                from unnest(k.conkey) with ordinality u (attnum, place)
                join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.attnum
            ),
            k.confrelid::regclass::text
        ) order by position(k.contype::text in 'puf'), k.conname), '[]')
        from pg_constraint k
        where k.conrelid = c.oid
        and k.contype in ('p', 'u', 'f')
    ) as keys
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p')
and n.nspname = any (%(schemas)s)
order by array_position(%(schemas)s, n.nspname::text), c.relname
