-- Row-level security, by what each table says of its rows (functions/auth/tenancy.sql), so that no table is forgotten.
-- Three layers: a restrictive floor that no later policy can widen for roles that serve people; what people read; what function owners write.

do $$
declare
    v_table record;
    v_account text;
    v_unassigned text;
begin
    for v_table in select t.* from auth.tenancies() t where t.kind is distinct from 'staged' loop
        -- A table that says nothing has no policy below, and so is closed.
        execute format('alter table %s enable row level security', v_table.table_name);
        execute format('alter table %s force row level security', v_table.table_name);
    end loop;

    for v_table in
        select t.*
        from auth.tenancies() t
        where t.kind in ('input', 'derived', 'logged', 'asked', 'secret')
        and t.tenant_column is not null
    loop
        execute format(
            'create policy tenant_isolation on %s as restrictive for all
                to anon, quantmatrix_user, quantmatrix_readonly, quantmatrix_admin
                using (%I = (select auth.user_id())) with check (%I = (select auth.user_id()))',
            v_table.table_name, v_table.tenant_column, v_table.tenant_column
        );
        continue when v_table.kind = 'secret';
        execute format(
            'create policy own_rows on %s for select
                to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin
                using (%I = (select auth.user_id()))',
            v_table.table_name, v_table.tenant_column
        );
        -- A key or a grant for some accounts: rows of other accounts are not there, nor is what belongs to no account.
        continue when v_table.table_name = 'core.users'::regclass;
        select
            case when max(a.attname) is null then '' else format(' or %I = any ((select auth.visible_accounts())::bigint[])', max(a.attname)) end,
            case when bool_and(not a.attnotnull) then format(' or %I is null', max(a.attname)) else '' end
        into strict v_account, v_unassigned
        from pg_catalog.pg_attribute a
        where a.attrelid = v_table.table_name
        and a.attname = case when v_table.table_name = 'core.accounts'::regclass then 'id' else 'account_id' end;
        execute format(
            'create policy account_isolation on %1$s as restrictive for all
                to anon, quantmatrix_user, quantmatrix_readonly, quantmatrix_admin
                using ((select auth.sees_all_accounts())%2$s) with check ((select auth.sees_all_accounts())%2$s)',
            v_table.table_name, v_account
        );
        -- Functions that write for such a session reach no other account either; they keep details, and lines of files, that name none.
        if v_account <> '' and v_table.kind = 'input' then
            execute format(
                'create policy account_isolation_of_functions on %1$s as restrictive for all to quantmatrix_writer
                    using ((select auth.sees_all_accounts())%2$s%3$s) with check ((select auth.sees_all_accounts())%2$s%3$s)',
                v_table.table_name, v_account, v_unassigned
            );
        end if;
    end loop;

    for v_table in select t.* from auth.tenancies() t where t.kind = 'input' loop
        execute format(
            'create policy written_for_oneself on %s for all to quantmatrix_writer
                using (%I = (select auth.user_id())) with check (%I = (select auth.user_id()))',
            v_table.table_name, v_table.tenant_column, v_table.tenant_column
        );
        execute format('create policy engine_reads on %s for select to quantmatrix_engine using (true)', v_table.table_name);
    end loop;

    for v_table in select t.* from auth.tenancies() t where t.kind = 'derived' loop
        execute format('create policy engine_derives on %s for all to quantmatrix_engine using (true) with check (true)', v_table.table_name);
        execute format(
            'create policy writer_reads on %s for select to quantmatrix_writer using (%I = (select auth.user_id()))',
            v_table.table_name, v_table.tenant_column
        );
    end loop;

    -- The keeper's functions look across persons, by address or by token, and do what was asked.
    for v_table in select t.* from auth.tenancies() t where t.kind in ('secret', 'asked') loop
        execute format('create policy kept on %s for all to quantmatrix_keeper using (true) with check (true)', v_table.table_name);
    end loop;
end
$$;

-- What the keeper needs beyond that.
create policy kept on auth.settings for all to quantmatrix_keeper using (true) with check (true);
create policy kept on work.heartbeats for all to quantmatrix_keeper using (true) with check (true);
create policy kept on work.turns for all to quantmatrix_keeper using (true) with check (true);
create policy kept on core.users for all to quantmatrix_keeper using (true) with check (true);
create policy kept on core.accounts for select to quantmatrix_keeper using (true);
create policy kept on core.sync_history for select to quantmatrix_keeper using (true);
create policy kept on ingest.feeds for select to quantmatrix_keeper using (true);
create policy looked_up on auth.database_logins for select to quantmatrix_warden using (true);

-- People are made and kept by administrators.
create policy administered on core.users for all to quantmatrix_writer
    using ((select auth.is_admin())) with check ((select auth.is_admin()));

-- The catalogue: a person sees the instruments that the person's rows use. As one array, made once per query,
-- it is looked up in the primary key: nothing grows with what others hold.
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

create policy read_by_people on core.market_data for select
    to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin, quantmatrix_writer, quantmatrix_engine
    using (true);

-- Prices are written by administrators through functions of the engine's owner; held ones are nobody else's.
create policy loaded on core.market_data for all to quantmatrix_engine using (true) with check (true);
create policy loaded on ingest.held_prices for all to quantmatrix_engine using (true) with check (true);
create policy loaded on ingest.price_actions for all to quantmatrix_engine using (true) with check (true);

-- The log and the chain are written and read whole by the owner's own functions alone.
create policy logged on core.audit_logs for all to quantmatrix_owner using (true) with check (true);
create policy blanked on core.audit_logs for all to quantmatrix_eraser using (true) with check (true);
create policy looked_for on core.users for select to quantmatrix_eraser using (true);
create policy chained on audit.links for all to quantmatrix_owner using (true) with check (true);
create policy chained on audit.epochs for all to quantmatrix_owner using (true) with check (true);
create policy chained on audit.checkpoints for all to quantmatrix_owner using (true) with check (true);
create policy noted on audit.erasures for all to quantmatrix_eraser using (true) with check (true);
create policy verified on audit.erasures for select to quantmatrix_owner using (true);

-- Staging: COPY is refused under row-level security, so there is none. Nobody selects from it, and the person is set here.
alter table ingest.staging alter column user_id set default auth.user_id();
