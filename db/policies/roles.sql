-- The roles of the platform. Roles belong to the whole cluster, so an administrator runs this once per cluster, before the first
-- migration, and may run it again: it changes nothing that is right. Passwords are set elsewhere; no role here has one.
--
--   people    anon, quantmatrix_user, quantmatrix_readonly, quantmatrix_admin: what a request may become
--   login     authenticator: may do nothing but become one of those; quantmatrix_migrator: changes the schema;
--             quantmatrix_entrance: the API for signing in, may only become anon; quantmatrix_page, quantmatrix_mailer: the sign-in page and the
--             sender of mails, may only what quantmatrix_service may
--   owners    quantmatrix_owner (tables, views), quantmatrix_writer (functions that write what a person may write, scoped to that person),
--             quantmatrix_engine (functions that derive lots), quantmatrix_keeper (functions that know secrets and people),
--             quantmatrix_eraser (blanks an erased person's values in the log, and nothing else), quantmatrix_warden (sees and ends sessions of
--             personal logins), quantmatrix_backup (reads everything, for dumps)
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
    -- Inherits: the right to end a session is one of a role that the server brings.
    if not exists (select from pg_catalog.pg_roles r where r.rolname = 'quantmatrix_warden') then
        create role quantmatrix_warden nologin inherit;
    end if;
    foreach v_role in array array['authenticator', 'quantmatrix_migrator', 'quantmatrix_entrance'] loop
        if not exists (select from pg_catalog.pg_roles r where r.rolname = v_role) then
            execute format('create role %I login noinherit', v_role);
        end if;
    end loop;
    foreach v_role in array array['quantmatrix_page', 'quantmatrix_mailer'] loop
        if not exists (select from pg_catalog.pg_roles r where r.rolname = v_role) then
            execute format('create role %I login inherit', v_role);
        end if;
    end loop;
end
$$;

alter role quantmatrix_backup bypassrls;

grant quantmatrix_readonly to quantmatrix_importer;
grant anon, quantmatrix_user, quantmatrix_readonly, quantmatrix_importer, quantmatrix_admin, quantmatrix_service to authenticator;
grant anon to quantmatrix_entrance;
grant quantmatrix_service to quantmatrix_page, quantmatrix_mailer;
grant quantmatrix_owner to quantmatrix_migrator;
grant quantmatrix_writer, quantmatrix_engine, quantmatrix_keeper, quantmatrix_eraser, quantmatrix_warden to quantmatrix_owner;
grant pg_signal_backend, pg_read_all_stats to quantmatrix_warden;

-- A request that hangs is ended, and one that waits for another is told so: PostgREST applies these when it becomes the role. What writes may take
-- longer (grants.sql), and what takes longer than that is a job. The command line, which has a connection of its own, sets wider ones.
do $$
declare
    v_role text;
begin
    foreach v_role in array array['anon', 'quantmatrix_user', 'quantmatrix_readonly', 'quantmatrix_importer', 'quantmatrix_admin'] loop
        execute format('alter role %I set statement_timeout = %L', v_role, '5s');
        execute format('alter role %I set lock_timeout = %L', v_role, '3s');
    end loop;
end
$$;
alter role quantmatrix_service set statement_timeout = '30s';

-- What a request gets wrong is told to whoever asked. In the server's log it would be account numbers and symbols, as often as anybody likes. Where
-- the administrator may not set these, the server's own configuration must.
do $$
declare
    v_role text;
begin
    foreach v_role in array array['authenticator', 'quantmatrix_entrance', 'quantmatrix_page', 'quantmatrix_mailer'] loop
        execute format('alter role %I set log_min_messages = %L', v_role, 'fatal');
        execute format('alter role %I set log_min_error_statement = %L', v_role, 'panic');
        execute format('alter role %I set log_error_verbosity = %L', v_role, 'terse');
    end loop;
exception
    when insufficient_privilege then
        raise warning 'the log of the server may hold what people ask: as a superuser set log_min_messages = fatal for the logins of requests';
end
$$;
