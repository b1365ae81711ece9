-- The plan promises ten core tables with a fixed number of columns each.
begin;
select plan(13);

select results_eq(
    $$
        select c.relname::text collate "default"
        from pg_class c
        where c.relnamespace = 'core'::regnamespace
            and c.relkind in ('r', 'p')
        order by 1
    $$,
    array[
        'accounts', 'alerts', 'audit_logs', 'instruments', 'market_data', 'positions', 'sync_history', 'tax_lots', 'transactions', 'users'
    ],
    'core holds exactly the ten tables'
);

select is(
    (
        select count(*)::integer
        from pg_attribute a
        where a.attrelid = ('core.' || t.table_name)::regclass
            and a.attnum > 0
            and not a.attisdropped
    ),
    t.columns,
    format('core.%s has %s columns', t.table_name, t.columns)
)
from (
    values
        ('users', 18), ('accounts', 16), ('instruments', 17), ('positions', 19), ('transactions', 23),
        ('tax_lots', 18), ('market_data', 16), ('alerts', 14), ('sync_history', 13), ('audit_logs', 12)
) t (table_name, columns);

select is_empty(
    $$
        select c.oid::regclass
        from pg_class c
        where c.relnamespace in (select s.oid from tests.schemas s)
            and c.relkind in ('r', 'p')
            and obj_description(c.oid, 'pg_class') is null
    $$,
    'every table says what it holds'
);

select is_empty(
    $$
        select c.oid::regclass, a.attname
        from pg_class c
        join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        where c.relnamespace in (select s.oid from tests.schemas s)
            and c.relkind in ('r', 'p')
            and col_description(c.oid, a.attnum) is null
    $$,
    'every column says what it holds'
);

select * from finish();
rollback;
