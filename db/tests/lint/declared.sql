-- What each table says of its rows (functions/auth/tenancy.sql) against what it is: its columns, its policies, and who has which right on it. Policies
-- and rights of a word are said here once more, on purpose; what a table has beside them, by name.
begin;
create temporary table declared as
select t.*, t.table_name::oid as table_oid
from auth.tenancies() t;

create temporary table by_word (kind text, is_personal boolean, policies text[], readers text[], writer text);
insert into by_word
values
    (
        'input', true, array['tenant_isolation', 'own_rows', 'written_for_oneself', 'engine_reads'],
        array['quantmatrix_user', 'quantmatrix_readonly', 'quantmatrix_admin', 'quantmatrix_engine'], 'quantmatrix_writer'
    ),
    (
        'derived', true, array['tenant_isolation', 'own_rows', 'writer_reads', 'engine_derives'],
        array['quantmatrix_user', 'quantmatrix_readonly', 'quantmatrix_admin', 'quantmatrix_writer'], 'quantmatrix_engine'
    ),
    (
        'logged', true, array['tenant_isolation', 'own_rows'],
        array['quantmatrix_user', 'quantmatrix_readonly', 'quantmatrix_admin', 'quantmatrix_writer', 'quantmatrix_engine'], null
    ),
    ('asked', true, array['tenant_isolation', 'own_rows', 'kept'], '{}', 'quantmatrix_keeper'),
    ('secret', null, array['kept'], '{}', 'quantmatrix_keeper'),
    (
        'shared', false, '{}',
        array['quantmatrix_user', 'quantmatrix_readonly', 'quantmatrix_admin', 'quantmatrix_writer', 'quantmatrix_engine'], null
    ),
    ('platform', false, '{}', '{}', null),
    ('staged', true, '{}', '{}', null);

select plan(9);
select is_empty(
    $$
        select c.oid::regclass
        from pg_class c
        join tests.schemas s on s.oid = c.relnamespace
        left join declared d on d.table_oid = c.oid
        where c.relkind in ('r', 'p')
            and (d.kind is null or d.kind not in (select w.kind from by_word w))
    $$,
    'every table says whose its rows are: the last line of its comment is tenancy and one of eight words'
);
select results_eq(
    $$select d.table_name::text collate "default" from declared d where d.kind = 'staged'$$,
    array['ingest.staging'],
    'row-level security is switched off in one place alone'
);
select is_empty(
    $$
        select d.table_name
        from declared d
        where d.table_name::text ~ '^(matching|reconcile|sync|legacy)\.'
    $$,
    'the schemas of functions alone have no tables'
);
select is_empty(
    $$
        select d.table_name, d.kind, d.tenant_column
        from declared d
        join by_word w using (kind)
        where w.is_personal <> (d.tenant_column is not null)
    $$,
    'a table of persons'' rows has a column that names the person, and a table of nobody''s rows has none'
);
select is_empty(
    $$
        select t.table_name, t.tenant_column, d.tenant_column
        from tests.tenant_tables t
        full join declared d on d.table_oid = t.table_oid
        where t.tenant_column is distinct from d.tenant_column
    $$,
    'the tests find the same tables of persons'' rows'
);

select is_empty(
    $$
        select d.table_name, d.kind, p.name
        from declared d
        join by_word w using (kind)
        cross join unnest(w.policies || case when d.kind = 'secret' and d.tenant_column is not null then array['tenant_isolation'] end) p (name)
        where not exists (select from pg_policy y where y.polrelid = d.table_oid and y.polname = p.name)
    $$,
    'every table has the policies of its word'
);
select results_eq(
    $$
        select d.table_name::text collate "default", y.polname::text collate "default"
        from declared d
        join by_word w using (kind)
        join pg_policy y on y.polrelid = d.table_oid
        where y.polname <> all (w.policies)
            and not (y.polname = 'tenant_isolation' and d.tenant_column is not null)
            -- tenancy.sql looks at those for accounts.
            and y.polname not in ('account_isolation', 'account_isolation_of_functions')
        order by 1, 2
    $$,
    $$
        values
            ('audit.checkpoints', 'chained'),
            ('audit.epochs', 'chained'),
            ('audit.erasures', 'noted'),
            ('audit.erasures', 'verified'),
            ('audit.links', 'chained'),
            ('auth.database_logins', 'looked_up'),
            ('auth.settings', 'kept'),
            ('core.accounts', 'kept'),
            ('core.audit_logs', 'blanked'),
            ('core.audit_logs', 'logged'),
            ('core.instruments', 'catalogued'),
            ('core.instruments', 'used_by_the_person'),
            ('core.market_data', 'loaded'),
            ('core.market_data', 'read_by_people'),
            ('core.sync_history', 'kept'),
            ('core.users', 'administered'),
            ('core.users', 'kept'),
            ('core.users', 'looked_for'),
            ('ingest.feeds', 'kept'),
            ('ingest.held_prices', 'loaded'),
            ('ingest.price_actions', 'loaded'),
            ('work.heartbeats', 'kept'),
            ('work.turns', 'kept')
    $$,
    'and no other policies than these'
);

create temporary table granted as
select d.table_name::text as table_name, d.kind, a.grantee::regrole::text as grantee, string_agg(lower(a.privilege_type), ' ' order by a.privilege_type) as rights
from declared d
join pg_class c on c.oid = d.table_oid
cross join aclexplode(c.relacl) a
where a.grantee <> c.relowner
group by 1, 2, 3;
create temporary table of_word as
select d.table_name::text as table_name, r.grantee, r.rights
from declared d
join by_word w using (kind)
cross join lateral (
    select unnest(w.readers) as grantee, 'select' as rights
    union all
    select w.writer, 'delete insert select update'
    where w.writer is not null
) r;

select results_eq(
    $$
        select
            coalesce(g.table_name, w.table_name) collate "default",
            coalesce(g.grantee, w.grantee) collate "default",
            coalesce(g.rights, 'none') collate "default"
        from granted g
        full join of_word w on w.table_name = g.table_name and w.grantee = g.grantee
        where g.rights is distinct from w.rights
        order by 1, 2
    $$,
    $$
        values
            ('audit.erasures', 'quantmatrix_eraser', 'insert select'),
            ('auth.database_logins', 'quantmatrix_keeper', 'delete select'),
            ('auth.database_logins', 'quantmatrix_warden', 'select'),
            ('auth.settings', 'quantmatrix_keeper', 'select update'),
            ('core.accounts', 'quantmatrix_keeper', 'select'),
            ('core.market_data', 'quantmatrix_engine', 'insert select update'),
            ('core.sync_history', 'quantmatrix_keeper', 'select'),
            ('core.users', 'quantmatrix_keeper', 'delete insert select update'),
            ('ingest.feeds', 'quantmatrix_keeper', 'select'),
            ('ingest.held_prices', 'quantmatrix_engine', 'delete insert select update'),
            ('ingest.price_actions', 'quantmatrix_engine', 'delete insert select update'),
            ('ingest.staging', 'quantmatrix_engine', 'delete select'),
            ('ingest.staging', 'quantmatrix_writer', 'insert select'),
            ('work.heartbeats', 'quantmatrix_keeper', 'delete insert select update'),
            ('work.turns', 'quantmatrix_keeper', 'delete insert select update')
    $$,
    'every right on a table is that of its word, or one of these'
);
select results_eq(
    $$
        select distinct d.table_name::text collate "default", x.grantee::regrole::text collate "default", lower(x.privilege_type) collate "default"
        from declared d
        join pg_attribute a on a.attrelid = d.table_oid
        cross join aclexplode(a.attacl) x
        order by 1, 2, 3
    $$,
    $$
        values
            ('core.audit_logs', 'quantmatrix_eraser', 'select'),
            ('core.audit_logs', 'quantmatrix_eraser', 'update'),
            ('core.instruments', 'quantmatrix_engine', 'insert'),
            ('core.users', 'quantmatrix_eraser', 'select'),
            ('ingest.staging', 'quantmatrix_admin', 'insert'),
            ('ingest.staging', 'quantmatrix_importer', 'insert'),
            ('ingest.staging', 'quantmatrix_user', 'insert'),
            ('work.jobs', 'quantmatrix_admin', 'select'),
            ('work.jobs', 'quantmatrix_readonly', 'select'),
            ('work.jobs', 'quantmatrix_user', 'select')
    $$,
    'rights on single columns are these'
);

select * from finish();
rollback;
