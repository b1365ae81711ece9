-- Whose the rows of a table are. The table says it itself, beside its columns: the last line of its comment is 'tenancy: ' and one of these words.
-- A comment is in the catalogue, goes with its table, is in every dump, and needs neither a row that could be forgotten nor rights on it.
--
--   input     a person's; the person gives it, functions of the writer write it
--   derived   a person's; the engine makes it, and could make it anew
--   logged    a person's; written beside what it tells of, by nobody's wish
--   asked     a person's; the person asks for it, the platform's functions do it
--   secret    a person's or nobody's; seen by functions of the keeper alone
--   shared    nobody's; read by everybody who is signed in
--   platform  nobody's; seen by the platform's functions alone
--   staged    a person's for a moment; written by COPY, which row-level security would refuse, and read by nobody
--
-- policies/ gives each table the policies and rights of its word; what only some tables have stands there by name. A table without a word gets none:
-- it is closed to everybody, and a test names it.

create function auth.tenancies()
returns table (table_name regclass, kind text, tenant_column text)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select
        c.oid::regclass,
        substring(obj_description(c.oid, 'pg_class') from e'\ntenancy: ([a-z]+)$'),
        (
            select a.attname::text
            from pg_attribute a
            where a.attrelid = c.oid
            and a.attname = case when c.oid = 'core.users'::regclass then 'id' else 'user_id' end
            and not a.attisdropped
        )
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p')
    and c.relowner = 'quantmatrix_owner'::regrole
    and n.nspname <> 'migrations'
    order by n.nspname, c.relname
$$;

comment on function auth.tenancies() is 'Every table: whose its rows are, null where it does not say so, and the column that names the person.';

-- Not about anybody's rows: what belongs to a person is exported by it.
grant execute on function auth.tenancies() to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin;
