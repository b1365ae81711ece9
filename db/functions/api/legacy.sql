-- The migration as clients call it, after V1's rows and the owner's files are staged. It writes for the signed-in person alone, all or nothing.

create function api.legacy_migrate(load_id uuid, migration jsonb)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_matched bigint[];
    v_user_id uuid := auth.require_user();
    v_load_id uuid := legacy_migrate.load_id;
    v_migration jsonb := legacy_migrate.migration;
    v_started_at timestamptz := clock_timestamp();
    v_asked_at timestamptz;
    v_query_seconds numeric;
    v_frozen_at timestamptz;
    v_file jsonb;
    v_created jsonb;
    v_alerts integer;
    v_accounts jsonb;
    v_instruments jsonb;
    v_sync_id bigint;
    v_counts record;
    v_proof jsonb;
    v_status text := 'migrated';
begin
    perform tax.lock_taxpayer(v_user_id);
    perform set_config('quantmatrix.reason', 'migration from ' || coalesce(v_migration ->> 'name', 'V1'), true);
    v_frozen_at := legacy.read(v_user_id, v_load_id, v_migration);
    v_file := jsonb_build_object('name', v_migration ->> 'name', 'source', 'quantmatrix_v1');

    -- A second run finds every row known and leaves this block by the exception: nothing is written, not even the run.
    begin
        v_created := legacy.keep_accounts(v_user_id, v_load_id);
        perform legacy.stage(v_user_id, v_load_id);
        v_accounts := ingest.resolve_accounts(v_user_id, v_load_id, v_file, '{}');
        -- Over HTTP, and for a job, legacy_resolve has added them. An operator's session has made the person in this very transaction, and cannot.
        v_instruments := ingest.resolve_load(
            v_user_id, v_load_id, concat(current_setting('request.method', true), current_setting('quantmatrix.tells', true)) = ''
        );

        insert into core.sync_history (user_id, kind, source, content_sha256, status)
        values (
            v_user_id, 'migration', 'quantmatrix_v1',
            coalesce(
                v_migration ->> 'sha256',
                (
                    select encode(sha256(convert_to(string_agg(md5(s.payload::text), '' order by s.kind, s.line_number), 'UTF8')), 'hex')
                    from ingest.staging s
                    where s.load_id = v_load_id
                    and s.user_id = v_user_id
                    and s.kind in ('v1_accounts', 'v1_transactions', 'v1_dividends', 'v1_holdings', 'v1_alerts', 'v1_alert_conditions')
                )
            ),
            'running'
        )
        returning id into v_sync_id;
        insert into ingest.files (user_id, sync_id, name, size_bytes, layout, generated_at)
        values (
            v_user_id, v_sync_id, coalesce(v_migration ->> 'name', 'V1'), coalesce((v_migration ->> 'size')::bigint, 0), v_migration ->> 'layout',
            v_frozen_at
        );
        perform ingest.keep_evidence(v_user_id, v_load_id, v_sync_id, v_accounts, v_instruments);
        perform ingest.keep_lines(v_user_id, v_load_id, v_sync_id, 'quantmatrix_v1', false, v_accounts, v_instruments);
        v_alerts := legacy.keep_alerts(v_user_id, v_load_id, v_sync_id, v_frozen_at, v_instruments);

        select
            count(*) filter (where l.verdict = 'new') as new,
            count(*) filter (where l.verdict = 'known') as known,
            count(*) filter (where l.verdict = 'changed') as changed
        into v_counts
        from ingest.lines l
        where l.user_id = v_user_id
        and l.sync_id = v_sync_id;
        if v_counts.new + v_counts.changed + v_alerts = 0 and exists (
            select from core.sync_history h
            where h.user_id = v_user_id
            and h.kind = 'migration'
            and h.status = 'finished'
        ) then
            raise exception 'nothing new' using errcode = 'QM010';
        end if;

        perform legacy.keep_rest(v_user_id, v_load_id, v_sync_id, v_accounts);
        v_matched := matching.match_import(v_user_id, array[v_sync_id], v_sync_id);
        perform matching.apply_lines(v_user_id, matching.touched_by(v_user_id, v_sync_id) || v_matched);
        perform matching.pair_transfers(v_user_id);
    exception
        when sqlstate 'QM010' then
            if sqlerrm <> 'nothing new' then
                raise;
            end if;
            v_sync_id := null;
            v_created := '[]';
            v_alerts := 0;
            v_status := 'known';
    end;

    v_asked_at := clock_timestamp();
    perform count(*) from api.holdings;
    v_query_seconds := extract(epoch from clock_timestamp() - v_asked_at)::numeric;
    v_proof := legacy.proof(v_user_id, v_load_id, v_migration, v_frozen_at);
    v_proof := v_proof || jsonb_build_object(
        'name', v_migration ->> 'name',
        'status', v_status,
        'import_id', v_sync_id,
        'rows', jsonb_build_object('new', v_counts.new, 'known', v_counts.known, 'changed', v_counts.changed),
        'accounts_created', v_created,
        'alerts_created', v_alerts,
        'criteria', legacy.verdicts(
            v_proof, extract(epoch from clock_timestamp() - v_started_at)::numeric, v_query_seconds
        )
    );

    if v_status = 'migrated' then
        perform legacy.end_run(v_user_id, v_sync_id, v_proof);
    end if;

    perform ingest.drop_load(v_user_id, v_load_id);
    perform ingest.drop_load(v_user_id, f.load_id)
    from jsonb_to_recordset(coalesce(v_migration -> 'files', '[]')) as f (load_id uuid);
    return v_proof;
end
$$;

comment on function api.legacy_migrate(uuid, jsonb) is $$Migrate from the old database
All or nothing, for the signed-in person. V1's rows are staged as kinds v1_users, v1_accounts, v1_holdings, v1_transactions, v1_dividends, v1_tax_lots, v1_alerts, v1_alert_conditions; files of the owner under loads of their own. The migration is an object: name, sha256, size, records (staged under load_id), layout, timezone, files [{load_id, name, account, records}], unread. Returns the proof, which is stored with the run.$$;

-- Which instruments a migration will name is known once its rows are judged, so they are judged here too, and what that wrote is taken back.
create function api.legacy_resolve(load_id uuid, migration jsonb)
returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_user();
    v_described jsonb;
begin
    begin
        perform legacy.read(v_user_id, legacy_resolve.load_id, legacy_resolve.migration);
        perform legacy.keep_accounts(v_user_id, legacy_resolve.load_id);
        perform legacy.stage(v_user_id, legacy_resolve.load_id);
        v_described := ingest.described_load(v_user_id, legacy_resolve.load_id);
        raise exception 'described' using errcode = 'QM010';
    exception
        when sqlstate 'QM010' then
            if sqlerrm <> 'described' then
                raise;
            end if;
    end;
    return (select count(*) from jsonb_object_keys(ingest.resolve_described(v_user_id, v_described, true)));
end
$$;

comment on function api.legacy_resolve(uuid, jsonb) is $$Resolve the instruments of a migration
Call it before legacy_migrate, with the same arguments and in a request of its own: it adds missing identities to the shared catalogue and nothing else, so that nobody waits for the migration. Returns how many instruments it names.$$;

create function api.legacy_inspect(load_id uuid, migration jsonb)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_user();
    v_load_id uuid := legacy_inspect.load_id;
    v_defects jsonb;
    v_found jsonb;
begin
    perform legacy.read(v_user_id, v_load_id, legacy_inspect.migration);

    with known as materialized (
        select a.v1_id, a.broker, a.account, a.first_id
        from legacy.accounts(v_user_id, v_load_id) a
    ),
    lots as materialized (
        select s.payload ->> 'account_id' as account, (s.payload ->> 'holding_id')::bigint as holding_id, (s.payload ->> 'shares_remaining')::numeric as shares
        from ingest.staging s
        where s.load_id = v_load_id and s.user_id = v_user_id and s.kind = 'v1_tax_lots'
    ),
    held as materialized (
        select (s.payload ->> 'id')::bigint as id, (s.payload ->> 'quantity')::numeric as quantity
        from ingest.staging s
        where s.load_id = v_load_id and s.user_id = v_user_id and s.kind = 'v1_holdings'
    ),
    counted as (
        select s.source as source, r.key as defect, r.value::bigint as number
        from jsonb_to_recordset(legacy.sources(v_user_id, v_load_id)) as s (source text, rejected jsonb)
        cross join lateral jsonb_each_text(s.rejected) r
        union all
        select 'accounts', 'duplicate_account', count(*) from known k where k.v1_id <> k.first_id
        union all
        select 'tax_lots', 'without_holding', count(*) from lots l where l.holding_id is null
        union all
        select 'tax_lots', 'holding_does_not_exist', count(*)
        from lots l where l.holding_id is not null and not exists (select from held h where h.id = l.holding_id)
        union all
        select 'tax_lots', 'orphan_account', count(*)
        from lots l where not exists (select from known k where l.account in (k.v1_id::text, k.account))
        union all
        select 'tax_lots', 'doubled', count(*)
        from lots l
        join (
            select t.holding_id
            from lots t
            join held h on h.id = t.holding_id
            group by t.holding_id, h.quantity
            having sum(t.shares) - h.quantity > 0.01
        ) d on d.holding_id = l.holding_id
        union all
        select 'option_instruments', 'invented_contract', count(*)
        from ingest.staging s
        where s.load_id = v_load_id and s.user_id = v_user_id and s.kind = 'v1_option_instruments' and s.payload ->> 'symbol' ~ '_OPT_[0-9]+$'
        union all
        select 'transactions', 'cash_row_about_an_option', count(*)
        from ingest.staging s
        where s.load_id = v_load_id and s.user_id = v_user_id and s.kind = 'v1_transactions'
        and s.payload ->> 'contract_type' = 'CASH'
        and s.payload ->> 'description' ~* '(call|put).*exp|to (open|close)'
    )
    select coalesce(jsonb_agg(jsonb_build_object('source', c.source, 'defect', c.defect, 'rows', c.number) order by c.source, c.defect), '[]')
    into v_defects
    from counted c
    where c.number > 0;

    v_found := jsonb_build_object(
        'defects', v_defects,
        'sources', legacy.sources(v_user_id, v_load_id),
        'discrepancy', legacy.discrepancy_before(v_user_id, v_load_id)
    );
    perform ingest.drop_load(v_user_id, v_load_id);
    return v_found;
end
$$;

comment on function api.legacy_inspect(uuid, jsonb) is $$Inspect the old database
Judges the staged rows of V1 as a migration would and returns defects by kind, rows by verdict, and holdings that disagree with their lots. Keeps nothing.$$;

grant execute on function api.legacy_migrate(uuid, jsonb), api.legacy_resolve(uuid, jsonb), api.legacy_inspect(uuid, jsonb) to quantmatrix_user, quantmatrix_admin;

alter function api.legacy_migrate(uuid, jsonb) owner to quantmatrix_writer;
alter function api.legacy_resolve(uuid, jsonb) owner to quantmatrix_writer;
alter function api.legacy_inspect(uuid, jsonb) owner to quantmatrix_writer;
