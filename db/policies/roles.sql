-- The roles of the platform. Roles belong to the whole cluster, so an administrator runs this once per cluster, before the first
-- migration, and may run it again: it changes nothing that is right. Passwords are set elsewhere; no role here has one.
--
--   people    anon, quantmatrix_user, quantmatrix_readonly, quantmatrix_admin: what a request may become
--   login     authenticator: may do nothing but become one of those; quantmatrix_migrator: changes the schema
--   owners    quantmatrix_owner (tables, views), quantmatrix_writer (functions that write what a person may write, scoped to that person),
--             quantmatrix_engine (functions that derive lots), quantmatrix_backup (reads everything, for dumps)

do $$
declare
    v_role text;
begin
    perform pg_advisory_xact_lock(hashtextextended('quantmatrix roles', 0));
    foreach v_role in array array[
        'anon', 'quantmatrix_user', 'quantmatrix_readonly', 'quantmatrix_admin',
        'quantmatrix_owner', 'quantmatrix_writer', 'quantmatrix_engine', 'quantmatrix_backup'
    ] loop
        if not exists (select from pg_catalog.pg_roles r where r.rolname = v_role) then
            execute format('create role %I nologin noinherit', v_role);
        end if;
    end loop;
    foreach v_role in array array['authenticator', 'quantmatrix_migrator'] loop
        if not exists (select from pg_catalog.pg_roles r where r.rolname = v_role) then
            execute format('create role %I login noinherit', v_role);
        end if;
    end loop;
end
$$;

alter role quantmatrix_backup bypassrls;

grant anon, quantmatrix_user, quantmatrix_readonly, quantmatrix_admin to authenticator;
grant quantmatrix_owner to quantmatrix_migrator;
grant quantmatrix_writer, quantmatrix_engine to quantmatrix_owner;

-- A request that hangs is ended; PostgREST and the command line apply these when they become the role.
alter role anon set statement_timeout = '5s';
alter role quantmatrix_user set statement_timeout = '10min';
alter role quantmatrix_readonly set statement_timeout = '1min';
alter role quantmatrix_admin set statement_timeout = '10min';
