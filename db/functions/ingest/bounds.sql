-- Bounds of what a person can make one by one, far above what honest work needs: no table grows without end by one tenant's hand.
-- What files bring is bounded by the bytes of the files; what is derived, by what it is derived from.

create function ingest.keep_within()
returns trigger
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_most constant integer := tg_argv[0];
    v_user_id uuid;
    v_number integer;
begin
    for v_user_id in
        select distinct a.user_id
        from added a
    loop
        execute format('select count(*) from (select from %s t where t.user_id = $1 limit %s) k', tg_relid::regclass, v_most + 1)
        into v_number
        using v_user_id;
        if v_number > v_most then
            raise exception 'a person may have at most % %', v_most, tg_argv[1]
                using errcode = 'QM063', hint = 'remove what is not needed, or ask an administrator';
        end if;
    end loop;
    return null;
end
$$;

comment on function ingest.keep_within() is 'Trigger (most, what): refuses rows beyond what one person may have in the table.';

do $$
declare
    v_bound record;
begin
    for v_bound in
        select *
        from (
            values
                ('core.accounts', 500, 'accounts'),
                ('core.alerts', 10000, 'alerts'),
                ('core.sync_history', 250000, 'imports and synchronisations'),
                ('tax.lot_method_elections', 10000, 'choices of a lot method'),
                ('ingest.corrections', 200000, 'corrections'),
                ('ingest.decisions', 50000, 'decisions'),
                ('ingest.instrument_changes', 10000, 'changes of instruments'),
                ('ingest.feeds', 100, 'feeds'),
                ('ingest.reconciliations', 20000, 'reconciliations'),
                ('ingest.today_executions', 100000, 'executions of today'),
                ('auth.api_keys', 10000, 'keys, revoked ones too'),
                ('auth.grants', 10000, 'shares, revoked ones too'),
                ('auth.identities', 100, 'sign-ins elsewhere')
        ) b (table_name, most, what)
    loop
        execute format(
            'create trigger bounded after insert on %s referencing new table as added for each statement execute function ingest.keep_within(%L, %L)',
            v_bound.table_name, v_bound.most, v_bound.what
        );
    end loop;
end
$$;
