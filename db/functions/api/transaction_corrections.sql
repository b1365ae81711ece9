-- Transactions corrected and voided. A correction is kept beside the row's identity and stands above all imports; the audit log keeps old values and
-- reason; lots are rebuilt by triggers in the same transaction.

create function api.transaction_correct(transaction_id bigint, changes jsonb, reason text, dry_run boolean default false)
returns setof api.transactions
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_user();
    v_old core.transactions;
    v_new core.transactions;
    v_old_terms jsonb;
    v_fields jsonb;
    v_terms jsonb;
    v_kept jsonb;
    v_instrument_id bigint;
    v_constraint text;
begin
    if transaction_correct.dry_run then
        return query
        select r.*
        from jsonb_populate_record(null::api.transactions, auth.dry_run(format(
            'select to_jsonb(r) from api.transaction_correct(%L, %L, %L) r',
            transaction_correct.transaction_id, transaction_correct.changes, transaction_correct.reason
        ))) r;
        return;
    end if;
    perform tax.lock_taxpayer(v_user_id);
    perform ingest.require_reason(transaction_correct.reason);
    v_old := ingest.transaction_key(v_user_id, transaction_correct.transaction_id);
    perform ingest.refuse_unknown_fields(
        transaction_correct.changes,
        array(select jsonb_object_keys(ingest.transaction_fields() - 'external_id' - 'metadata')) || ingest.instrument_fields('') || array['terms'],
        'changes'
    );
    v_fields := ingest.read_fields(transaction_correct.changes, ingest.transaction_fields());
    if transaction_correct.changes ? 'terms' then
        perform ingest.refuse_unknown_fields(
            transaction_correct.changes -> 'terms', array(select jsonb_object_keys(ingest.terms_fields())), 'terms'
        );
    end if;
    v_terms := ingest.read_fields(coalesce(transaction_correct.changes -> 'terms', '{}'), ingest.terms_fields());
    if transaction_correct.changes = '{}' then
        raise exception 'changes: nothing to change' using errcode = 'QM002';
    end if;
    if transaction_correct.changes ? 'symbol' then
        v_instrument_id := ingest.named_instrument(
            v_user_id, transaction_correct.changes, '',
            case coalesce(v_fields ->> 'transaction_type', v_old.transaction_type::text) when 'fx_conversion' then 'currency' end,
            coalesce(v_fields ->> 'currency', v_old.currency)
        );
        v_fields := v_fields || jsonb_build_object('instrument_id', v_instrument_id);
    end if;
    select to_jsonb(k) - 'user_id' - 'transaction_id' - 'new_instrument_id'
    into v_old_terms
    from tax.transaction_terms k
    where k.user_id = v_user_id
    and k.transaction_id = v_old.id;

    -- The new instant decides the date, unless a date is given too; amounts of a trade follow quantity, price and costs, unless they are given.
    if v_fields ? 'executed_at' and v_fields ->> 'executed_at' is not null and not v_fields ? 'trade_date' then
        v_fields := v_fields || jsonb_build_object(
            'trade_date', ((v_fields ->> 'executed_at')::timestamptz at time zone 'America/New_York')::date
        );
    end if;
    v_new := jsonb_populate_record(v_old, v_fields - 'description');
    v_fields := v_fields || ingest.corrected_amounts(v_old, v_new, v_fields, v_terms, v_old_terms);
    v_new := jsonb_populate_record(v_old, v_fields - 'description');
    v_new.metadata := case
        when not v_fields ? 'description' then v_old.metadata
        when v_fields ->> 'description' is null then v_old.metadata - 'description'
        else v_old.metadata || jsonb_build_object('description', v_fields -> 'description')
    end;

    -- Terms are kept whole: a later import replaces all of them at once.
    v_kept := v_fields || case
        when v_terms = '{}' then '{}'
        else jsonb_build_object('terms', jsonb_strip_nulls(coalesce(v_old_terms, '{}') || v_terms))
    end;

    insert into ingest.corrections as c (user_id, account_id, source, dedupe_key, corrected, original, reason)
    values (
        v_user_id, v_old.account_id, v_old.source, v_old.dedupe_key, v_kept,
        to_jsonb(v_old) || jsonb_build_object('terms', v_old_terms), btrim(transaction_correct.reason)
    )
    on conflict on constraint corrections_pkey do update
    set corrected = c.corrected || excluded.corrected,
        reason = excluded.reason,
        created_at = now();

    perform ingest.write_correction(v_new, case when v_terms <> '{}' then v_kept -> 'terms' end);
    perform matching.pair_transfers(v_user_id);
    return query select t.* from api.transactions t where t.id = v_old.id;
exception
    when check_violation or foreign_key_violation or not_null_violation then
        get stacked diagnostics v_constraint = constraint_name;
        raise exception '%', coalesce(ingest.refusal_text(nullif(v_constraint, '')), sqlerrm) using errcode = 'QM002', detail = sqlerrm;
end
$$;

comment on function api.transaction_correct(bigint, jsonb, text, boolean) is $$Correct a transaction
changes: an object with the fields to change, as in transaction_add; null takes a value away. Amounts of a trade follow quantity, price and costs unless they are given. Imports never undo it. dry_run: everything is done and taken back; the answer says what it would have been.$$;

create function api.transaction_void(transaction_id bigint, reason text, dry_run boolean default false)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_user();
    v_old core.transactions;
begin
    if transaction_void.dry_run then
        return auth.dry_run(format('select api.transaction_void(%L, %L)', transaction_void.transaction_id, transaction_void.reason));
    end if;
    perform tax.lock_taxpayer(v_user_id);
    perform ingest.require_reason(transaction_void.reason);
    -- Once more, as after an answer that was lost: it is as it should be.
    if exists (
        select from ingest.corrections c
        where c.user_id = v_user_id
        and c.is_voided
        and c.original -> 'id' = to_jsonb(transaction_void.transaction_id)
    )
    and not exists (
        select from core.transactions t where t.user_id = v_user_id and t.id = transaction_void.transaction_id
    ) then
        return jsonb_build_object('transaction_id', transaction_void.transaction_id, 'status', 'voided');
    end if;
    v_old := ingest.transaction_key(v_user_id, transaction_void.transaction_id);

    insert into ingest.corrections as c (user_id, account_id, source, dedupe_key, is_voided, original, reason)
    values (
        v_user_id, v_old.account_id, v_old.source, v_old.dedupe_key, true,
        to_jsonb(v_old) || jsonb_build_object('terms', (
            select to_jsonb(k) - 'user_id' - 'transaction_id'
            from tax.transaction_terms k
            where k.user_id = v_user_id
            and k.transaction_id = v_old.id
        )),
        btrim(transaction_void.reason)
    )
    on conflict on constraint corrections_pkey do update
    set is_voided = true,
        reason = excluded.reason,
        created_at = now();

    delete from core.transactions t
    where t.user_id = v_user_id
    and t.id = v_old.id;
    update ingest.lines l
    set transaction_id = null
    where l.user_id = v_user_id
    and l.transaction_id = v_old.id;
    perform matching.pair_transfers(v_user_id);
    return jsonb_build_object('transaction_id', v_old.id, 'status', 'voided');
end
$$;

comment on function api.transaction_void(bigint, text, boolean) is $$Void a transaction
Removes it for good: a later import does not bring it back, and the audit log keeps the old row. Lots are rebuilt. dry_run: everything is done and taken back; the answer says what it would have been.$$;

grant execute on function api.transaction_correct(bigint, jsonb, text, boolean), api.transaction_void(bigint, text, boolean)
    to quantmatrix_user, quantmatrix_admin;

alter function api.transaction_correct(bigint, jsonb, text, boolean) owner to quantmatrix_writer;
alter function api.transaction_void(bigint, text, boolean) owner to quantmatrix_writer;
