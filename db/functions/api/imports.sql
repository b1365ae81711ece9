-- Imports as clients see them. A client stages records under a number of its own choosing, resolves instruments in a short transaction of its own, so that
-- tenants never wait for each other's loads, and then loads: one call, all or nothing.

create function api.import_stage(load_id uuid, records jsonb, chunk integer default null)
returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_user();
    v_bytes bigint;
    v_count integer;
begin
    if jsonb_typeof(import_stage.records) is distinct from 'array' then
        raise exception 'records must be a list of {kind, line, part, payload, raw}' using errcode = 'QM002';
    end if;
    begin
        insert into ingest.staging (load_id, user_id, kind, line_number, part, payload, raw, chunk)
        select import_stage.load_id, v_user_id, r.kind, r.line, coalesce(r.part, 0), r.payload, r.raw, import_stage.chunk
        from jsonb_to_recordset(import_stage.records) as r (kind text, line integer, part smallint, payload jsonb, raw text);
        get diagnostics v_count = row_count;
    exception
        when unique_violation then
            -- The chunk is there: its answer was lost, and the client sent it again.
            select p.records
            into v_count
            from ingest.staged_parts p
            where p.user_id = v_user_id
            and p.load_id = import_stage.load_id
            and p.chunk = import_stage.chunk;
            if v_count is distinct from jsonb_array_length(import_stage.records) then
                perform auth.refuse(
                    409, 'QM062', format('chunk %s of this load is staged already, with another number of records', import_stage.chunk),
                    'number the chunks of a load, each once; a new file is a new load'
                );
            end if;
            return v_count;
    end;
    select sum(p.bytes)
    into v_bytes
    from ingest.staged_parts p
    where p.user_id = v_user_id;
    if v_bytes > auth.quota('staged') then
        perform ingest.refuse_amount('staged', v_bytes);
    end if;
    return v_count;
end
$$;

comment on function api.import_stage(uuid, jsonb, integer) is $$Stage records of a file
A chunk of parsed records for a load: a list of {"kind", "line", "part", "payload", "raw"}. Kinds: line, transaction, instrument, link, pick, statement, position, lot, cash, warning, refusal. chunk: its number in the load, with which it may be sent again after a lost answer. Returns how many are staged of it: import_load wants their sum. QM063: more is staged than one person may have at a time.$$;

create function api.import_resolve(load_id uuid)
returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_instruments jsonb;
begin
    v_instruments := ingest.resolve_load(auth.require_user(), import_resolve.load_id, true);
    return (select count(*) from jsonb_object_keys(v_instruments));
end
$$;

comment on function api.import_resolve(uuid) is $$Resolve the instruments of a load
Call it between staging and loading, in a transaction of its own: it adds missing identities to the shared catalogue and nothing else. Returns how many instruments the load names, with those that options are on. QM013: what is stated of an option contradicts its symbol. QM014 (429): more new instruments than one person may add. QM015 (503): somebody adds the same ones right now, try again.$$;

-- Nothing is read and compared of a file that would give the same records: what is left is to say so. The digest is the client's word, so one that a
-- session of single accounts gave says nothing about the book.
create function api.import_known(reading text, name text, account text default null)
returns jsonb
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_user();
    v_known record;
    v_report jsonb;
begin
    select h.id, h.source, f.warnings
    into v_known
    from ingest.files f
    join core.sync_history h on h.user_id = f.user_id and h.id = f.sync_id
    where f.user_id = v_user_id
    and f.reading = import_known.reading
    and h.status = 'finished'
    and h.rows_in = h.rows_accepted
    and (import_known.account is null or h.account_id = ingest.find_account(v_user_id, import_known.account))
    order by h.id desc
    limit 1;
    if not found then
        return null;
    end if;
    v_report := ingest.load_report(
        v_user_id, null, v_known.id, jsonb_build_object('name', import_known.name, 'source', v_known.source), '{}'
    );
    return v_report || jsonb_build_object(
        'status', 'known',
        'warnings', v_known.warnings,
        'rows', v_report -> 'rows' || jsonb_build_object('new', 0, 'changed', 0, 'known', v_report -> 'rows' -> 'read')
    );
end
$$;

comment on function api.import_known(text, text, text) is $$Look for a file that is imported already
reading: the digest that import_load was given of it. name: what the file is called now. account: where it would go, if that is said. The report of import_load with the status known, or null: read the file, and load it.$$;

create function api.import_load(load_id uuid, file jsonb, dry_run boolean default false)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_user();
    v_load_id uuid := import_load.load_id;
    v_file jsonb := import_load.file;
    v_statement jsonb;
    v_accounts jsonb;
    v_instruments jsonb;
    v_account_id bigint;
    v_known_sync_id bigint;
    v_sync_id bigint;
    v_report jsonb;
    v_status text;
    v_bytes bigint;
    v_touched bigint[];
    v_matched bigint[];
    v_edited jsonb;
    v_replaced bigint[] := '{}';
begin
    perform tax.lock_taxpayer(v_user_id);
    perform set_config('quantmatrix.reason', 'import of ' || coalesce(v_file ->> 'name', '?'), true);

    if v_file ->> 'source' is null or v_file ->> 'sha256' is null then
        raise exception 'file must hold at least name, source, sha256 and size'
            using errcode = 'QM002', hint = 'and records: how many were staged of it';
    elsif v_file ? 'dry_run' then
        -- Where it stood before. Passed over, it would let a trial be kept.
        raise exception 'file: dry_run is an argument of the function' using errcode = 'QM002';
    end if;
    v_bytes := ingest.take_load(v_user_id, v_load_id, (v_file ->> 'records')::bigint);
    perform ingest.require_short_lines(v_user_id, v_load_id);
    v_statement := ingest.load_statement(v_user_id, v_load_id);

    -- A refused, known or trial load leaves this block by the exception and so writes nothing; the report survives it.
    begin
        v_accounts := ingest.resolve_accounts(v_user_id, v_load_id, v_file, v_statement);
        v_instruments := ingest.resolve_load(v_user_id, v_load_id, false);

        if (select count(*) from jsonb_object_keys(coalesce(v_accounts -> 'ids', '{}'))) = 1 then
            select min(a.value::bigint)
            into v_account_id
            from jsonb_each_text(v_accounts -> 'ids') a;
        end if;
        select h.id
        into v_known_sync_id
        from core.sync_history h
        where h.user_id = v_user_id
        and h.content_sha256 = v_file ->> 'sha256'
        and h.account_id is not distinct from v_account_id
        and h.status = 'finished'
        and h.kind = 'import';

        v_sync_id := ingest.keep_file(v_user_id, v_account_id, v_file, v_statement, v_bytes);
        perform ingest.keep_evidence(v_user_id, v_load_id, v_sync_id, v_accounts, v_instruments);
        perform ingest.keep_lines(
            v_user_id, v_load_id, v_sync_id, v_file ->> 'source', coalesce((v_file ->> 'newest_first')::boolean, false), v_accounts, v_instruments
        );

        if v_file ->> 'replace' is not null then
            v_replaced := array[ingest.require_replaceable(v_user_id, v_sync_id, (v_file ->> 'replace')::bigint)];
            v_edited := ingest.edited_from(v_user_id, v_sync_id, v_replaced[1]);
        elsif v_file ->> 'if_edited' = 'refuse' then
            v_edited := ingest.edited_from(v_user_id, v_sync_id);
        end if;

        v_matched := matching.match_import(v_user_id, array[v_sync_id], v_sync_id);

        v_report := ingest.load_report(v_user_id, v_load_id, v_sync_id, v_file, v_accounts) || jsonb_strip_nulls(jsonb_build_object('edited', v_edited));
        v_status := case
            when (v_report -> 'rows' ->> 'refused')::integer > 0 and not coalesce((v_file ->> 'accept_refusals')::boolean, false) then 'refused'
            when v_edited is not null and v_replaced = '{}' then 'refused'
            when v_known_sync_id is not null
                and (v_report -> 'rows' ->> 'new')::integer + (v_report -> 'rows' ->> 'changed')::integer = 0
                then 'known'
            else 'imported'
        end;
        if v_status <> 'imported' or import_load.dry_run then
            raise exception 'nothing to keep' using errcode = 'QM010';
        end if;
        -- The same file, read better than last time (a refused row that is understood now), takes the place of its earlier import.
        if v_known_sync_id is not null and not v_known_sync_id = any (v_replaced) then
            v_replaced := v_replaced || v_known_sync_id;
        end if;
        v_touched := matching.touched_by(v_user_id, v_sync_id);
        foreach v_known_sync_id in array v_replaced loop
            v_touched := v_touched || matching.touched_by(v_user_id, v_known_sync_id);
            perform ingest.retire(v_user_id, v_known_sync_id);
            v_matched := v_matched || matching.match_import(v_user_id, array[v_sync_id, v_known_sync_id], v_sync_id);
        end loop;
        v_touched := v_touched || v_matched;
        perform matching.apply_lines(v_user_id, v_touched);
        perform matching.pair_transfers(v_user_id);
        if cardinality(v_matched) > 0 then
            v_report := v_report || matching.match_report(v_user_id, v_sync_id);
        end if;
        v_report := v_report || jsonb_build_object('unknown', reconcile.unknown_effects(
            v_user_id, array(select a.value::bigint from jsonb_each_text(coalesce(v_accounts -> 'ids', '{}')) a)
        ));

        update ingest.files f
        set warnings = v_report -> 'warnings'
        where f.user_id = v_user_id
        and f.sync_id = v_sync_id;

        update core.sync_history h
        set status = 'finished',
            finished_at = clock_timestamp(),
            rows_in = (v_report -> 'rows' ->> 'read')::integer,
            rows_accepted = (v_report -> 'rows' ->> 'read')::integer - (v_report -> 'rows' ->> 'refused')::integer,
            rejects = ingest.count_refusals(v_user_id, v_load_id)
        where h.user_id = v_user_id
        and h.id = v_sync_id;
    exception
        when sqlstate 'QM010' then
            v_sync_id := v_known_sync_id;
    end;

    perform ingest.drop_load(v_user_id, v_load_id);

    return v_report || jsonb_build_object('import_id', v_sync_id, 'status', v_status)
        || case v_status when 'refused' then jsonb_build_object('accounts_created', '[]'::jsonb) else '{}' end;
end
$$;

comment on function api.import_load(uuid, jsonb, boolean) is $$Load a staged file
All or nothing. The file is an object: name, source, sha256, size, records (how many are staged under this load: QM011 where that is not so), layout, newest_first, account, broker, currency, reading (a digest of all that decides what is read, for import_known), accept_refusals, replace (number of an earlier import of the same format and account whose place it takes, in one transaction), if_edited: refuse (a file in which rows of an earlier one are changed is refused; the report's edited says what differs, whoever imports then says replace, or leaves if_edited out). Returns the report: rows read = new + known + changed + refused, each an event however many lines or transactions it is, types (of transactions), unknown (what the books of its accounts leave open, as in reconcile), warnings, refusals, and the net effect on positions and cash. dry_run: report, and keep nothing. status is imported, known (the same file is imported already: nothing is written) or refused (a row cannot be read: nothing is written).$$;

create function api.import_undo(import_id bigint, dry_run boolean default false)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_user();
    v_sync_id bigint := import_undo.import_id;
    v_status core.sync_status;
    v_ids bigint[];
    v_matched bigint[];
    v_applied record;
    v_held jsonb;
begin
    if import_undo.dry_run then
        return auth.dry_run(format('select api.import_undo(%L)', import_undo.import_id));
    end if;
    perform tax.lock_taxpayer(v_user_id);
    select h.status
    into v_status
    from core.sync_history h
    where h.user_id = v_user_id
    and h.id = v_sync_id
    and h.kind in ('import', 'migration');
    if v_status = 'undone' then
        -- Once more, as after an answer that was lost: it is as it should be.
        return jsonb_build_object(
            'import_id', v_sync_id, 'status', 'undone', 'transactions', jsonb_build_object('removed', 0, 'changed', 0, 'kept', 0),
            'positions', jsonb_build_array()
        );
    elsif v_status is distinct from 'finished' then
        raise exception 'import % cannot be undone', v_sync_id
            using errcode = 'QM012',
                detail = coalesce('it is ' || v_status::text, 'there is no such import'),
                hint = '`imports` shows what can be undone';
    end if;
    perform set_config('quantmatrix.reason', 'undo of import ' || v_sync_id, true);

    v_held := ingest.units_held(v_user_id);
    v_ids := matching.touched_by(v_user_id, v_sync_id);
    perform ingest.retire(v_user_id, v_sync_id);
    -- A migration brought alerts too; one that was changed since is the person's own.
    delete from core.alerts a
    where a.user_id = v_user_id
    and a.metadata ? 'v1_alerts'
    and a.metadata -> 'sync_id' = to_jsonb(v_sync_id)
    and a.updated_at = a.created_at;
    v_matched := matching.match_import(v_user_id, array[v_sync_id]);
    select * into v_applied from matching.apply_lines(v_user_id, v_ids || v_matched);
    perform matching.pair_transfers(v_user_id);

    return jsonb_build_object(
        'import_id', v_sync_id,
        'status', 'undone',
        'transactions', jsonb_build_object(
            'removed', v_applied.deleted,
            'changed', v_applied.updated,
            'kept', cardinality(v_ids) - v_applied.deleted
        ),
        'positions', ingest.units_changed(v_held, ingest.units_held(v_user_id))
    );
end
$$;

comment on function api.import_undo(bigint, boolean) is $$Undo an import
Removes only transactions that no other import attests; for the others the newest remaining statement decides. Corrections by hand stay. The file may be imported again. positions: the units of each that changed, before and after. Lots are rebuilt in the same transaction. dry_run: everything is done and taken back; the answer says what it would have been.$$;

create function api.import_show(import_id bigint)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select to_jsonb(h) || jsonb_build_object(
        'file', to_jsonb(f) - 'user_id' - 'sync_id',
        'lines', (
            select jsonb_object_agg(v.verdict, v.number)
            from (
                select l.verdict, count(*) as number
                from ingest.lines l
                where l.user_id = h.user_id
                and l.sync_id = h.id
                group by l.verdict
            ) v
        ),
        'reported', (
            select coalesce(
                jsonb_agg(
                    jsonb_build_object('line', r.line_number, 'verdict', r.verdict, 'column', r.refused_column, 'reason', r.reason, 'text', r.raw)
                    order by r.line_number
                ), '[]'
            )
            from (
                select l.line_number, l.verdict, l.refused_column, l.reason, l.raw
                from ingest.lines l
                where l.user_id = h.user_id
                and l.sync_id = h.id
                and l.verdict in ('refused', 'unknown')
                order by l.line_number
                limit 1000
            ) r
        )
    )
    from core.sync_history h
    left join ingest.files f on f.user_id = h.user_id and f.sync_id = h.id
    where h.user_id = (select auth.user_id())
    and h.id = import_show.import_id
$$;

comment on function api.import_show(bigint) is $$Show an import
Its counts, what the file said about itself, lines by verdict, and the refused and unknown lines with their text.$$;

grant execute on function
    api.import_stage(uuid, jsonb, integer), api.import_resolve(uuid), api.import_known(text, text, text), api.import_load(uuid, jsonb, boolean),
    api.import_undo(bigint, boolean)
    to quantmatrix_user, quantmatrix_importer, quantmatrix_admin;
grant execute on function api.import_show(bigint) to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin;

alter function api.import_stage(uuid, jsonb, integer) owner to quantmatrix_writer;
alter function api.import_resolve(uuid) owner to quantmatrix_writer;
alter function api.import_known(text, text, text) owner to quantmatrix_writer;
alter function api.import_load(uuid, jsonb, boolean) owner to quantmatrix_writer;
alter function api.import_undo(bigint, boolean) owner to quantmatrix_writer;
