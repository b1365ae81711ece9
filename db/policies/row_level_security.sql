-- Row-level security of every tenant table, generated from one list so that no table is forgotten; a test compares the list with the catalogue.
-- Three layers: a restrictive floor that no later policy can widen for roles that serve people; what people read; what function owners write.

do $$
declare
    v_table text;
    v_owner_column text;
    v_account text;
    v_unassigned text;
    v_inputs constant text[] := array[
        'core.users', 'core.accounts', 'core.sync_history', 'core.transactions', 'core.alerts',
        'tax.transaction_terms', 'tax.transaction_links', 'tax.lot_picks', 'tax.instrument_facts', 'tax.lot_method_elections',
        'ingest.files', 'ingest.lines', 'ingest.line_links', 'ingest.line_picks', 'ingest.corrections',
        'ingest.broker_positions', 'ingest.broker_lots', 'ingest.broker_cash',
        'ingest.reconciliations', 'ingest.acceptances', 'ingest.findings',
        'ingest.feeds', 'ingest.sync_attempts', 'ingest.today_executions',
        'ingest.decisions', 'ingest.decision_members', 'ingest.matches', 'ingest.instrument_changes'
    ];
    v_derived constant text[] := array[
        'core.positions', 'core.tax_lots',
        'tax.rebuild_state', 'tax.instrument_groups', 'tax.lot_state', 'tax.closings', 'tax.wash_matches', 'tax.notices', 'tax.corrected_books',
        'ingest.staged_parts', 'ingest.identity_counts'
    ];
    -- Secrets and who sees what: the keeper's functions look across persons, by address or by token, and nobody else reads them.
    v_kept constant text[] := array[
        'auth.database_logins', 'auth.credentials', 'auth.recovery_codes', 'auth.one_time_tokens', 'auth.sessions', 'auth.refresh_tokens',
        'auth.api_keys', 'auth.grants', 'auth.identities', 'auth.feed_credentials'
    ];
    -- Asked by people, and done by the platform: the keeper's functions write them, people see their own.
    v_worked constant text[] := array['work.jobs'];
begin
    foreach v_table in array v_inputs || v_derived || v_kept || v_worked || array['core.audit_logs'] loop
        v_owner_column := case v_table when 'core.users' then 'id' else 'user_id' end;
        execute format('alter table %s enable row level security', v_table);
        execute format('alter table %s force row level security', v_table);
        execute format(
            'create policy tenant_isolation on %s as restrictive for all
                to anon, quantmatrix_user, quantmatrix_readonly, quantmatrix_admin
                using (%I = (select auth.user_id())) with check (%I = (select auth.user_id()))',
            v_table, v_owner_column, v_owner_column
        );
        -- A key or a grant for some accounts: rows of other accounts are not there, nor is what belongs to no account.
        if v_table <> 'core.users' and not v_table = any (v_kept) then
            select
                case when max(a.attname) is null then '' else format(' or %I = any ((select auth.visible_accounts())::bigint[])', max(a.attname)) end,
                case when bool_and(not a.attnotnull) then format(' or %I is null', max(a.attname)) else '' end
            into strict v_account, v_unassigned
            from pg_catalog.pg_attribute a
            where a.attrelid = v_table::regclass
            and a.attname = case v_table when 'core.accounts' then 'id' else 'account_id' end;
            execute format(
                'create policy account_isolation on %1$s as restrictive for all
                    to anon, quantmatrix_user, quantmatrix_readonly, quantmatrix_admin
                    using ((select auth.sees_all_accounts())%2$s) with check ((select auth.sees_all_accounts())%2$s)',
                v_table, v_account
            );
            -- Functions that write for such a session reach no other account either; they keep details, and lines of files, that name none.
            if v_account <> '' and v_table = any (v_inputs) then
                execute format(
                    'create policy account_isolation_of_functions on %1$s as restrictive for all to quantmatrix_writer
                        using ((select auth.sees_all_accounts())%2$s%3$s) with check ((select auth.sees_all_accounts())%2$s%3$s)',
                    v_table, v_account, v_unassigned
                );
            end if;
        end if;
        if not v_table = any (v_kept) then
            execute format(
                'create policy own_rows on %s for select
                    to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin
                    using (%I = (select auth.user_id()))',
                v_table, v_owner_column
            );
        end if;
    end loop;

    foreach v_table in array v_inputs loop
        v_owner_column := case v_table when 'core.users' then 'id' else 'user_id' end;
        execute format(
            'create policy written_for_oneself on %s for all to quantmatrix_writer
                using (%I = (select auth.user_id())) with check (%I = (select auth.user_id()))',
            v_table, v_owner_column, v_owner_column
        );
        execute format('create policy engine_reads on %s for select to quantmatrix_engine using (true)', v_table);
    end loop;

    foreach v_table in array v_derived loop
        execute format('create policy engine_derives on %s for all to quantmatrix_engine using (true) with check (true)', v_table);
        execute format(
            'create policy writer_reads on %s for select to quantmatrix_writer using (user_id = (select auth.user_id()))',
            v_table
        );
    end loop;
end
$$;

do $$
declare
    v_table text;
begin
    foreach v_table in array array[
        'auth.database_logins', 'auth.credentials', 'auth.recovery_codes', 'auth.one_time_tokens', 'auth.sessions', 'auth.refresh_tokens',
        'auth.api_keys', 'auth.grants', 'auth.identities', 'auth.settings', 'auth.signing_keys', 'auth.registrations', 'auth.mails',
        'auth.oauth_requests', 'auth.feed_credentials', 'core.users', 'work.jobs', 'work.heartbeats', 'work.turns'
    ] loop
        execute format('alter table %s enable row level security', v_table);
        execute format('alter table %s force row level security', v_table);
        execute format('create policy kept on %s for all to quantmatrix_keeper using (true) with check (true)', v_table);
    end loop;
end
$$;
create policy kept on core.accounts for select to quantmatrix_keeper using (true);
create policy kept on core.sync_history for select to quantmatrix_keeper using (true);
create policy kept on ingest.feeds for select to quantmatrix_keeper using (true);
create policy looked_up on auth.database_logins for select to quantmatrix_warden using (true);

-- People are made and kept by administrators.
create policy administered on core.users for all to quantmatrix_writer
    using ((select auth.is_admin())) with check ((select auth.is_admin()));

-- The catalogue: a person sees the instruments that the person's rows use. As one array, made once per query,
-- it is looked up in the primary key: nothing grows with what others hold.
alter table core.instruments enable row level security;
alter table core.instruments force row level security;
create policy used_by_the_person on core.instruments for select
    to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin, quantmatrix_writer
    using (
        id = any ((select array(
            select p.instrument_id from core.positions p where p.user_id = (select auth.user_id())
            union
            select f.instrument_id from tax.instrument_facts f where f.user_id = (select auth.user_id())
        ))::bigint[])
    );
create policy catalogued on core.instruments for all to quantmatrix_engine using (true) with check (true);

alter table core.market_data enable row level security;
alter table core.market_data force row level security;
create policy read_by_people on core.market_data for select
    to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin, quantmatrix_writer, quantmatrix_engine
    using (true);

-- Prices are written by administrators through functions of the engine's owner; held ones are nobody else's.
create policy loaded on core.market_data for all to quantmatrix_engine using (true) with check (true);
alter table ingest.held_prices enable row level security;
alter table ingest.held_prices force row level security;
create policy loaded on ingest.held_prices for all to quantmatrix_engine using (true) with check (true);
alter table ingest.price_actions enable row level security;
alter table ingest.price_actions force row level security;
create policy loaded on ingest.price_actions for all to quantmatrix_engine using (true) with check (true);

-- The log and the chain are written and read whole by the owner's own functions alone.
create policy logged on core.audit_logs for all to quantmatrix_owner using (true) with check (true);
create policy blanked on core.audit_logs for all to quantmatrix_eraser using (true) with check (true);
create policy looked_for on core.users for select to quantmatrix_eraser using (true);
do $$
declare
    v_table text;
begin
    foreach v_table in array array['audit.links', 'audit.erasures', 'audit.epochs', 'audit.checkpoints'] loop
        execute format('alter table %s enable row level security', v_table);
        execute format('alter table %s force row level security', v_table);
        if v_table <> 'audit.erasures' then
            execute format('create policy chained on %s for all to quantmatrix_owner using (true) with check (true)', v_table);
        end if;
    end loop;
end
$$;
create policy noted on audit.erasures for all to quantmatrix_eraser using (true) with check (true);
create policy verified on audit.erasures for select to quantmatrix_owner using (true);

-- Staging: COPY is refused under row-level security, so there is none. Nobody selects from it, and the person is set here.
alter table ingest.staging alter column user_id set default auth.user_id();
