-- Who may do what. People read tables under row-level security and write through the functions of api alone.

revoke create on schema tax, ingest, auth, audit, api from quantmatrix_writer, quantmatrix_engine, quantmatrix_keeper, quantmatrix_eraser;
revoke create on schema work from quantmatrix_keeper, quantmatrix_warden;

grant usage on schema api to anon, quantmatrix_user, quantmatrix_readonly, quantmatrix_admin;
grant usage on schema audit to quantmatrix_keeper, quantmatrix_eraser, quantmatrix_writer;
grant usage on schema core, tax, ingest, matching, reconcile, sync, legacy, work to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin;
grant usage on schema auth to anon, quantmatrix_user, quantmatrix_readonly, quantmatrix_admin, quantmatrix_writer, quantmatrix_engine, quantmatrix_service;

revoke all on all tables in schema core, tax, ingest, matching, reconcile, sync, legacy, auth, audit, work
    from anon, quantmatrix_user, quantmatrix_readonly, quantmatrix_admin, quantmatrix_importer, quantmatrix_service,
    quantmatrix_writer, quantmatrix_engine, quantmatrix_keeper, quantmatrix_eraser, quantmatrix_warden;
revoke all on all sequences in schema auth from quantmatrix_writer, quantmatrix_engine;

-- What each table says of its rows decides (functions/auth/tenancy.sql): people, and the functions that act for them, read; one owner of
-- functions writes. A table that says nothing is nobody's.
do $$
declare
    v_table record;
begin
    for v_table in select t.* from auth.tenancies() t where t.kind in ('input', 'derived', 'logged', 'shared') loop
        execute format(
            'grant select on %s to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin, quantmatrix_writer, quantmatrix_engine',
            v_table.table_name
        );
        if v_table.kind = 'input' then
            execute format('grant insert, update, delete on %s to quantmatrix_writer', v_table.table_name);
        elsif v_table.kind = 'derived' then
            execute format('grant insert, update, delete on %s to quantmatrix_engine', v_table.table_name);
        end if;
    end loop;
end
$$;
grant select on tax.yearly, reconcile.priced_futures, reconcile.settled_by_price, reconcile.cash_movements, reconcile.standing_findings
    to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin, quantmatrix_writer, quantmatrix_engine;

-- The key and what it says: no function that acts for people can fill the other columns.
grant insert (symbol, instrument_type, currency, option_type, strike, expiration, multiplier) on core.instruments to quantmatrix_engine;
grant insert, update on core.market_data to quantmatrix_engine;
grant select, insert, update, delete on ingest.held_prices, ingest.price_actions to quantmatrix_engine;
grant usage on sequence core.transactions_id_seq to quantmatrix_writer;

grant usage on schema ingest to quantmatrix_user;
grant insert (load_id, kind, line_number, part, payload, raw) on ingest.staging to quantmatrix_user, quantmatrix_admin;
grant select, insert on ingest.staging to quantmatrix_writer;
grant select, delete on ingest.staging to quantmatrix_engine;

-- Secrets and people: the keeper alone, by its functions alone.
grant select, insert, update, delete on auth.credentials, auth.recovery_codes, auth.registrations, auth.one_time_tokens, auth.sessions,
    auth.refresh_tokens, auth.api_keys, auth.grants, auth.mails, auth.identities, auth.oauth_requests, auth.signing_keys,
    auth.feed_credentials
    to quantmatrix_keeper;
grant select, update on auth.settings to quantmatrix_keeper;
grant select, delete on auth.database_logins to quantmatrix_keeper;
grant usage, update on all sequences in schema auth to quantmatrix_keeper;
grant select, insert, update, delete on core.users to quantmatrix_keeper;
grant select on core.accounts, core.sync_history, ingest.feeds to quantmatrix_keeper;
grant usage on schema ingest to quantmatrix_keeper;
grant select (id, user_id, table_name, record_key, action, old_values, new_values, context), update (old_values, new_values, context)
    on core.audit_logs to quantmatrix_eraser;
grant select (id) on core.users to quantmatrix_eraser;
grant select, insert on audit.erasures to quantmatrix_eraser;
grant insert (load_id, kind, line_number, part, payload, raw) on ingest.staging to quantmatrix_importer;

-- A constraint of core.sync_history calls it as whoever writes the row.
revoke execute on function core.sum_of_counts(jsonb) from public;
grant execute on function core.sum_of_counts(jsonb) to quantmatrix_writer;

-- Constraints of core.instruments and tax.instrument_facts likewise.
revoke execute on function
    core.plain_text(text), core.option_parts(text), core.option_type_of(text), core.strike_of(text), core.expiration_of(text)
    from public;
grant execute on function
    core.plain_text(text), core.option_parts(text), core.option_type_of(text), core.strike_of(text), core.expiration_of(text)
    to quantmatrix_writer, quantmatrix_engine;

-- The worker: what it decides is decided by functions of the keeper. People see their own jobs, but not the claims and the result, which
-- api.job_result gives.
grant usage on schema work to quantmatrix_service;
grant select, insert, update, delete on work.jobs, work.heartbeats, work.turns to quantmatrix_keeper;
grant select (user_id, id, kind, arguments, status, done, total, progress, error, cancel_asked, asked_at, started_at, finished_at) on work.jobs
    to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin;
grant usage on schema auth to quantmatrix_warden;
grant select on auth.database_logins to quantmatrix_warden;

-- A request has the seconds of its role (roles.sql). A function that writes may take longer: it derives lots anew. PostgREST sets this limit before
-- the call; elsewhere the session's own holds.
do $$
declare
    v_function record;
begin
    for v_function in
        select p.oid::regprocedure as name, p.proowner::regrole as owner
        from pg_catalog.pg_proc p
        where p.pronamespace = 'api'::regnamespace
        and p.provolatile = 'v'
        and p.prorettype <> 'trigger'::regtype
        and not has_function_privilege('anon', p.oid, 'execute')
        order by p.oid
    loop
        execute format('set local role %s', v_function.owner);
        execute format('alter function %s set statement_timeout = %L', v_function.name, '15s');
    end loop;
    set local role quantmatrix_owner;
end
$$;
