-- The roles of the platform. Roles belong to the whole cluster, so an administrator runs this once per cluster, before the first
-- migration, and may run it again: it changes nothing that is right. Passwords are set elsewhere; no role here has one.
--
--   people    anon, quantmatrix_user, quantmatrix_readonly, quantmatrix_admin: what a request may become
--   login     authenticator: may do nothing but become one of those; quantmatrix_migrator: changes the schema
--   owners    quantmatrix_owner (tables, views), quantmatrix_writer (functions that write what a person may write, scoped to that person),
--             quantmatrix_engine (functions that derive lots), quantmatrix_keeper (functions that know secrets and people),
--             quantmatrix_eraser (blanks an erased person's values in the log, and nothing else), quantmatrix_backup (reads everything, for dumps)
--   others    quantmatrix_importer: a reader who may import, for keys; quantmatrix_service: the platform's own helpers (mail, sign-in page)

do $$
declare
    v_role text;
begin
    perform pg_advisory_xact_lock(hashtextextended('quantmatrix roles', 0));
    foreach v_role in array array[
        'anon', 'quantmatrix_user', 'quantmatrix_readonly', 'quantmatrix_admin',
        'quantmatrix_owner', 'quantmatrix_writer', 'quantmatrix_engine', 'quantmatrix_keeper', 'quantmatrix_eraser', 'quantmatrix_backup',
        'quantmatrix_service'
    ] loop
        if not exists (select from pg_catalog.pg_roles r where r.rolname = v_role) then
            execute format('create role %I nologin noinherit', v_role);
        end if;
    end loop;
    -- Inherits: policies and rights of a reader hold for it too.
    if not exists (select from pg_catalog.pg_roles r where r.rolname = 'quantmatrix_importer') then
        create role quantmatrix_importer nologin inherit;
    end if;
    foreach v_role in array array['authenticator', 'quantmatrix_migrator'] loop
        if not exists (select from pg_catalog.pg_roles r where r.rolname = v_role) then
            execute format('create role %I login noinherit', v_role);
        end if;
    end loop;
end
$$;

alter role quantmatrix_backup bypassrls;

grant quantmatrix_readonly to quantmatrix_importer;
grant anon, quantmatrix_user, quantmatrix_readonly, quantmatrix_importer, quantmatrix_admin, quantmatrix_service to authenticator;
grant quantmatrix_owner to quantmatrix_migrator;
grant quantmatrix_writer, quantmatrix_engine, quantmatrix_keeper, quantmatrix_eraser to quantmatrix_owner;

-- A request that hangs is ended; PostgREST and the command line apply these when they become the role.
alter role anon set statement_timeout = '5s';
alter role quantmatrix_user set statement_timeout = '10min';
alter role quantmatrix_readonly set statement_timeout = '1min';
alter role quantmatrix_importer set statement_timeout = '10min';
alter role quantmatrix_service set statement_timeout = '30s';
alter role quantmatrix_admin set statement_timeout = '10min';

-- What a request gets wrong is told to whoever asked. In the server's log it would be account numbers and symbols, as often as anybody likes. Where
-- the administrator may not set these, the server's own configuration must.
do $$
begin
    alter role authenticator set log_min_messages = 'fatal';
    alter role authenticator set log_min_error_statement = 'panic';
    alter role authenticator set log_error_verbosity = 'terse';
exception
    when insufficient_privilege then
        raise warning 'the log of the server may hold what people ask: set log_min_messages = fatal for authenticator as a superuser';
end
$$;
