-- Rules about rows and tenants, asked of the catalogue, so that what is added tomorrow keeps them or fails here.
begin;
create temporary table ours as
select s.*
from tests.schemas s;
create temporary table people as
select r.oid, r.rolname::text as name
from pg_roles r
where r.rolname in (
    'anon', 'authenticator', 'quantmatrix_user', 'quantmatrix_readonly', 'quantmatrix_importer', 'quantmatrix_admin', 'quantmatrix_service'
);

select plan(19);
select is((select count(*) from ours), 11::bigint, 'all schemas are there');
select is((select count(*) from people), 7::bigint, 'all roles that serve people are there');

select is_empty(
    $$
        select c.oid::regclass
        from pg_class c
        join ours o on o.oid = c.relnamespace
        where c.relkind in ('r', 'p')
            and not (c.relrowsecurity and c.relforcerowsecurity)
            -- COPY is refused under row-level security; policies/staging.sql shows that nobody reads it.
            and c.oid <> 'ingest.staging'::regclass
    $$,
    'row-level security is enabled and forced on every table'
);
select is_empty(
    $$
        select t.table_name, count(p.polname)
        from tests.tenant_tables t
        left join pg_policy p on p.polrelid = t.table_oid and not p.polpermissive and p.polname not like 'account_isolation%'
        where t.table_name <> 'ingest.staging'
        group by t.table_name
        having count(p.polname) <> 1
            or min(p.polname::text) <> 'tenant_isolation'
    $$,
    'every table with a tenant has exactly one restrictive policy, tenant_isolation, beside those for accounts'
);
select is_empty(
    $$
        select p.polrelid::regclass
        from pg_policy p
        join tests.tenant_tables t on t.table_oid = p.polrelid
        where p.polname = 'tenant_isolation'
            and (
                p.polcmd <> '*'
                or array(select r.rolname::text from pg_roles r where r.oid = any (p.polroles) order by 1)
                    <> array['anon', 'quantmatrix_admin', 'quantmatrix_readonly', 'quantmatrix_user']
                or pg_get_expr(p.polqual, p.polrelid) <> format('(%I = ( SELECT auth.user_id() AS user_id))', t.tenant_column)
                or pg_get_expr(p.polwithcheck, p.polrelid) <> pg_get_expr(p.polqual, p.polrelid)
            )
    $$,
    'tenant_isolation is for all commands, for every role that serves people, on both sides, evaluated once'
);
select is_empty(
    $$
        select t.table_name
        from tests.tenant_tables t
        where t.table_name !~ '^auth\.'
            and t.table_name not in ('core.users', 'ingest.staging')
            and not exists (
                select
                from pg_policy p
                left join pg_attribute a on a.attrelid = t.table_oid
                    and a.attname = case t.table_name when 'core.accounts' then 'id' else 'account_id' end
                where p.polrelid = t.table_oid
                    and p.polname = 'account_isolation'
                    and not p.polpermissive
                    and p.polcmd = '*'
                    and array(select r.rolname::text from pg_roles r where r.oid = any (p.polroles) order by 1)
                        = array['anon', 'quantmatrix_admin', 'quantmatrix_readonly', 'quantmatrix_user']
                    and pg_get_expr(p.polqual, p.polrelid) = case when a.attname is null
                        then '( SELECT auth.sees_all_accounts() AS sees_all_accounts)'
                        else format(
                            '(( SELECT auth.sees_all_accounts() AS sees_all_accounts) OR (%s = ANY (( SELECT auth.visible_accounts() AS visible_accounts)::bigint[])))',
                            a.attname
                        )
                    end
                    and pg_get_expr(p.polwithcheck, p.polrelid) = pg_get_expr(p.polqual, p.polrelid)
            )
    $$,
    'account_isolation limits keys and shares to their accounts, on every table with a tenant, evaluated once'
);
select is_empty(
    $$
        select p.polrelid::regclass, p.polname
        from pg_policy p
        where p.polcmd in ('*', 'a', 'w')
            and p.polwithcheck is null
    $$,
    'every policy that lets write says what may be written'
);
select is_empty(
    $$
        select p.polrelid::regclass, p.polname
        from pg_policy p
        where p.polpermissive
            and (pg_get_expr(p.polqual, p.polrelid) = 'true' or pg_get_expr(p.polwithcheck, p.polrelid) = 'true')
            and (p.polrelid::regclass::text, p.polname::text) not in (
                -- Prices are the same for everybody.
                ('core.market_data', 'read_by_people')
            )
            and exists (
                select
                from unnest(p.polroles) role_oid
                where role_oid = 0
                    or role_oid in (select o.oid from people o)
                    or role_oid = 'quantmatrix_writer'::regrole
            )
    $$,
    'no policy for people, or for the functions that act for them, is always true'
);
select is_empty(
    $$
        select p.polrelid::regclass, p.polname
        from pg_policy p
        where 0 = any (p.polroles)
    $$,
    'no policy is for everybody'
);
select is_empty(
    $$
        select p.polrelid::regclass, p.polname
        from pg_policy p
        where regexp_replace(
            concat(pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)),
            'SELECT auth\.(user_id|is_admin|sees_all_accounts|visible_accounts)\(\)', '', 'g'
        ) ~ 'auth\.'
    $$,
    'policies ask who acts in a sub-select, once for each query'
);
select is_empty(
    $$
        select c.oid::regclass
        from pg_class c
        join ours o on o.oid = c.relnamespace
        where c.relkind = 'r'
            and c.relrowsecurity
            and not exists (select from pg_policy p where p.polrelid = c.oid)
    $$,
    'no table is closed to everybody by having no policy'
);

select is_empty(
    $$
        select c.conrelid::regclass, c.conname
        from pg_constraint c
        join tests.tenant_tables f on f.table_oid = c.conrelid
        join tests.tenant_tables t on t.table_oid = c.confrelid
        where c.contype = 'f'
            -- Whom a book is shared with is another person.
            and c.conname <> 'grants_grantee_exists'
            and not exists (
                select
                from unnest(c.conkey, c.confkey) k (from_column, to_column)
                join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.from_column
                join pg_attribute b on b.attrelid = c.confrelid and b.attnum = k.to_column
                where a.attname = f.tenant_column
                    and b.attname = t.tenant_column
            )
    $$,
    'every reference between tables with a tenant carries the tenant on both sides, at the same position'
);
select is_empty(
    $$
        select i.indexrelid::regclass
        from pg_index i
        join tests.tenant_tables t on t.table_oid = i.indrelid
        where i.indisunique
            and not exists (
                select
                from pg_attribute a
                where a.attrelid = i.indrelid
                    and a.attnum = any (i.indkey)
                    and a.attname = t.tenant_column
            )
            and i.indexrelid::regclass::text not in (
                -- People are told apart by their addresses and handles; only administrators, who see all people, write either.
                'core.users_email_taken', 'core.users_username_taken',
                -- The log counts for everybody, and nobody chooses a number in it.
                'core.audit_logs_pkey',
                -- Roles belong to the whole cluster.
                'auth.database_logins_pkey',
                -- One sign-in elsewhere is one person here; the provider vouches for the key, nobody types it.
                'auth.identities_link_one_person'
            )
    $$,
    'every unique key of a table with a tenant contains the tenant'
);
select is_empty(
    $$
        select i.indexrelid::regclass
        from pg_index i
        join tests.tenant_tables t on t.table_oid = i.indrelid
        join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
        where i.indisprimary
            and a.attname <> t.tenant_column
            and i.indexrelid::regclass::text not in ('core.audit_logs_pkey', 'auth.database_logins_pkey')
    $$,
    'primary keys begin with the tenant'
);
select is_empty(
    $$
        select t.table_name
        from tests.tenant_tables t
        join pg_attribute a on a.attrelid = t.table_oid and a.attname = t.tenant_column
        where a.atttypid <> 'uuid'::regtype
            -- A shared table's change is in the log without a person.
            or (not a.attnotnull and t.table_name <> 'core.audit_logs')
    $$,
    'the tenant is a uuid and never missing'
);
select is_empty(
    $$
        select c.conrelid::regclass, c.conname
        from pg_constraint c
        join ours o on o.oid = c.connamespace
        where c.contype = 'f'
            and not exists (
                select
                from pg_index i
                where i.indrelid = c.conrelid
                    and (i.indkey::smallint[])[0:cardinality(c.conkey) - 1] @> c.conkey
                    and (
                        i.indpred is null
                        -- A partial index serves where only null is left out of it.
                        or pg_get_expr(i.indpred, i.indrelid) in (
                            select format('(%I IS NOT NULL)', a.attname)
                            from pg_attribute a
                            where a.attrelid = c.conrelid
                                and a.attnum = any (c.conkey)
                        )
                    )
            )
    $$,
    'every reference has an index that begins with it'
);
select is_empty(
    $$
        select p.name, c.oid::regclass, right_name
        from people p
        cross join pg_class c
        join ours o on o.oid = c.relnamespace
        cross join unnest(array['truncate', 'references', 'trigger']) right_name
        where c.relkind in ('r', 'p', 'v', 'm')
            and has_table_privilege(p.oid, c.oid, right_name)
    $$,
    'no role that serves people may truncate, reference or put a trigger on anything'
);
select is_empty(
    $$
        select p.name, c.oid::regclass
        from people p
        cross join pg_class c
        join ours o on o.oid = c.relnamespace
        cross join unnest(array['insert', 'update', 'delete']) right_name
        where c.relkind in ('r', 'p', 'v', 'm')
            and has_table_privilege(p.oid, c.oid, right_name)
    $$,
    'no role that serves people writes a table or a view'
);
select is_empty(
    $$
        select p.name, right_name
        from people p
        cross join unnest(array['temporary', 'create']) right_name
        where has_database_privilege(p.oid, current_database(), right_name)
        union all
        select p.name, o.name
        from people p
        cross join ours o
        where has_schema_privilege(p.oid, o.oid, 'create')
        union all
        select p.name, o.name
        from people p
        cross join ours o
        where o.name = 'audit'
            and has_schema_privilege(p.oid, o.oid, 'usage')
    $$,
    'no role that serves people makes anything, temporary things included'
);

select * from finish();
rollback;
