-- Which names are one thing, and which one name is two. The catalogue of identities is shared by all tenants, so nobody's opinion may change it: a merge
-- or a split holds in one person's book alone. Files keep the name they state; what counts is decided when their lines are applied, so that later
-- imports follow and a change can be taken back whenever.

create function api.instrument_merge(from_instrument text, into_instrument text, reason text, dry_run boolean default false)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_user();
    v_reason constant text := btrim(instrument_merge.reason);
    v_from core.instruments;
    v_into core.instruments;
    v_change_id bigint;
    v_moved jsonb;
    v_applied jsonb;
begin
    if instrument_merge.dry_run then
        return auth.dry_run(format(
            'select api.instrument_merge(%L, %L, %L)',
            instrument_merge.from_instrument, instrument_merge.into_instrument, instrument_merge.reason
        ));
    end if;
    perform ingest.require_all_accounts();
    perform tax.lock_taxpayer(v_user_id);
    perform ingest.require_reason(v_reason);
    v_from := ingest.own_instrument(v_user_id, instrument_merge.from_instrument);
    v_into := ingest.own_instrument(v_user_id, instrument_merge.into_instrument);
    if v_from.id = v_into.id then
        raise exception 'both are the same instrument, %', v_from.symbol using errcode = 'QM002';
    elsif ingest.counted_instrument(v_user_id, v_from.id) <> v_from.id or ingest.counted_instrument(v_user_id, v_into.id) <> v_into.id then
        raise exception '% was merged already', case when ingest.counted_instrument(v_user_id, v_from.id) <> v_from.id then v_from.symbol else v_into.symbol end
            using errcode = 'QM002', hint = '`instrument_changes` shows into what; merge with that one';
    elsif v_from.currency <> v_into.currency or v_from.multiplier <> v_into.multiplier then
        raise exception 'another currency or multiplier is another instrument'
            using errcode = 'QM002',
                detail = format('%s: %s x %s; %s: %s x %s', v_from.symbol, v_from.currency, v_from.multiplier, v_into.symbol, v_into.currency, v_into.multiplier);
    elsif v_from.instrument_type <> v_into.instrument_type
        and not (v_from.instrument_type in ('stock', 'fund', 'other') and v_into.instrument_type in ('stock', 'fund', 'other'))
    then
        raise exception 'a % is no %', v_from.instrument_type, v_into.instrument_type using errcode = 'QM002';
    elsif (v_from.option_type, v_from.strike, v_from.expiration) is distinct from (v_into.option_type, v_into.strike, v_into.expiration) then
        raise exception 'contracts of different terms are different instruments' using errcode = 'QM002', detail = v_from.symbol || ', ' || v_into.symbol;
    elsif exists (
        select from core.transactions t
        join tax.transaction_terms k on k.user_id = t.user_id and k.transaction_id = t.id
        where t.user_id = v_user_id
        and (t.instrument_id, k.new_instrument_id) in ((v_from.id, v_into.id), (v_into.id, v_from.id))
    ) then
        raise exception 'a corporate action carries one into the other already'
            using errcode = 'QM002', hint = 'lots pass from one to the other by it; void that transaction first if it never happened';
    end if;

    with rows_by_hand as (
        update core.transactions t
        set instrument_id = v_into.id
        where t.user_id = v_user_id
        and t.instrument_id = v_from.id
        and t.sync_id is null
        returning t.id
    ),
    terms_by_hand as (
        update tax.transaction_terms k
        set new_instrument_id = v_into.id
        where k.user_id = v_user_id
        and k.new_instrument_id = v_from.id
        and exists (
            select from core.transactions t
            where t.user_id = k.user_id
            and t.id = k.transaction_id
            and t.sync_id is null
        )
        returning k.transaction_id
    ),
    elections as (
        update tax.lot_method_elections e
        set instrument_id = v_into.id
        where e.user_id = v_user_id
        and e.instrument_id = v_from.id
        and not exists (
            select from tax.lot_method_elections o
            where o.user_id = e.user_id
            and o.account_id = e.account_id
            and o.instrument_id = v_into.id
            and o.effective_from = e.effective_from
        )
        returning e.id
    )
    select jsonb_strip_nulls(jsonb_build_object(
        'transactions', (select jsonb_agg(r.id order by r.id) from rows_by_hand r),
        'terms', (select jsonb_agg(k.transaction_id order by k.transaction_id) from terms_by_hand k),
        'elections', (select jsonb_agg(e.id order by e.id) from elections e)
    ))
    into v_moved;

    insert into ingest.instrument_changes (user_id, kind, from_instrument_id, into_instrument_id, moved, reason)
    values (v_user_id, 'merge', v_from.id, v_into.id, v_moved, v_reason)
    returning id into v_change_id;
    perform audit.note_own(
        'instrument_changes', v_change_id::text, 'insert',
        jsonb_build_object('kind', 'merge', 'from', v_from.symbol, 'from_id', v_from.id, 'into', v_into.symbol, 'into_id', v_into.id), v_reason
    );
    insert into tax.instrument_facts (user_id, instrument_id)
    values (v_user_id, v_from.id), (v_user_id, v_into.id)
    on conflict on constraint instrument_facts_pkey do nothing;
    perform ingest.flatten_merges(v_user_id);
    perform ingest.move_evidence(v_user_id);
    v_applied := ingest.apply_lines_of_instruments(v_user_id, array[v_from.id, v_into.id]);
    return jsonb_build_object('change', v_change_id, 'kind', 'merge', 'from', v_from.symbol, 'into', v_into.symbol, 'transactions', v_applied);
end
$$;

comment on function api.instrument_merge(text, text, text, boolean) is $$Merge two names of one instrument
Everything stated of from_instrument counts for into_instrument, in your books alone: transactions, the broker's positions, what later imports bring, and what options are on. Instruments are named by symbol, type|symbol|currency or #NUMBER. Lots are rebuilt. instrument_change_undo takes it back. dry_run: everything is done and taken back; the answer says what it would have been.$$;

create function api.instrument_change_undo(change bigint, reason text, dry_run boolean default false)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_user();
    v_reason constant text := btrim(instrument_change_undo.reason);
    v_change ingest.instrument_changes;
    v_counted_id bigint;
begin
    if instrument_change_undo.dry_run then
        return auth.dry_run(format('select api.instrument_change_undo(%L, %L)', instrument_change_undo.change, instrument_change_undo.reason));
    end if;
    perform ingest.require_all_accounts();
    perform tax.lock_taxpayer(v_user_id);
    perform ingest.require_reason(v_reason);
    update ingest.instrument_changes c
    set undone_at = now(),
        undo_reason = v_reason
    where c.user_id = v_user_id
    and c.id = instrument_change_undo.change
    and c.undone_at is null
    returning c.* into v_change;
    if not found then
        raise exception 'there is no change % of instruments that holds', coalesce(instrument_change_undo.change::text, '')
            using errcode = 'QM001', hint = '`instrument_changes` shows numbers';
    end if;
    perform audit.note_own(
        'instrument_changes', v_change.id::text, 'update', jsonb_build_object('undo_reason', v_reason), v_reason
    );
    -- What was merged further since then stands under its last name.
    v_counted_id := ingest.counted_instrument(v_user_id, v_change.into_instrument_id);

    update core.transactions t
    set instrument_id = v_change.from_instrument_id
    where t.user_id = v_user_id
    and t.sync_id is null
    and t.instrument_id = v_counted_id
    and t.id in (select m.id::bigint from jsonb_array_elements_text(v_change.moved -> 'transactions') m (id));
    update tax.transaction_terms k
    set new_instrument_id = v_change.from_instrument_id
    where k.user_id = v_user_id
    and k.new_instrument_id = v_counted_id
    and k.transaction_id in (select m.id::bigint from jsonb_array_elements_text(v_change.moved -> 'terms') m (id));
    update tax.lot_method_elections e
    set instrument_id = v_change.from_instrument_id
    where e.user_id = v_user_id
    and e.instrument_id = v_counted_id
    and e.id in (select m.id::bigint from jsonb_array_elements_text(v_change.moved -> 'elections') m (id));
    perform ingest.move_identifiers(
        v_user_id, v_change.into_instrument_id, v_change.from_instrument_id,
        array(select jsonb_array_elements_text(v_change.moved -> 'identifiers'))
    );

    -- A correction of that row by hand since then stays.
    with was as (
        select m.*
        from jsonb_to_recordset(v_change.moved -> 'corrected') m (account_id bigint, source text, key text, instrument_id jsonb)
    )
    update ingest.corrections k
    set corrected = case
        when coalesce(w.instrument_id, 'null') = 'null' then k.corrected - 'instrument_id'
        else k.corrected || jsonb_build_object('instrument_id', w.instrument_id)
    end
    from was w
    where k.user_id = v_user_id
    and k.account_id = w.account_id
    and k.source = w.source
    and k.dedupe_key = w.key
    and k.corrected -> 'instrument_id' = to_jsonb(v_change.into_instrument_id);
    delete from ingest.corrections k
    using jsonb_to_recordset(v_change.moved -> 'corrected') w (account_id bigint, source text, key text)
    where k.user_id = v_user_id
    and k.account_id = w.account_id
    and k.source = w.source
    and k.dedupe_key = w.key
    and k.corrected = '{}'
    and not k.is_voided;

    perform ingest.flatten_merges(v_user_id);
    perform ingest.move_evidence(v_user_id);
    return jsonb_build_object(
        'change', v_change.id, 'kind', v_change.kind, 'status', 'undone',
        'transactions', ingest.apply_lines_of_instruments(v_user_id, array[v_change.from_instrument_id, v_change.into_instrument_id, v_counted_id])
    );
end
$$;

comment on function api.instrument_change_undo(bigint, text, boolean) is $$Take a merge or split of instruments back
Rows count again for what their files state; what was changed by hand since then stays. Lots are rebuilt. dry_run: everything is done and taken back; the answer says what it would have been.$$;

create view api.instrument_changes
with (security_invoker = true)
as
select
    c.id,
    c.kind,
    f.symbol as from_instrument,
    c.from_instrument_id,
    i.symbol as into_instrument,
    c.into_instrument_id,
    c.moved,
    c.reason,
    c.created_at,
    c.undone_at,
    c.undo_reason
from ingest.instrument_changes c
left join core.instruments f on f.id = c.from_instrument_id
left join core.instruments i on i.id = c.into_instrument_id;

comment on view api.instrument_changes is 'Merges and splits of instruments
What you said about names of instruments, in your books alone; each can be taken back (instrument_change_undo).';
comment on column api.instrument_changes.id is 'Number of the change.';
comment on column api.instrument_changes.kind is 'merge or split.';
comment on column api.instrument_changes.from_instrument is 'Symbol that rows left.';
comment on column api.instrument_changes.from_instrument_id is 'Its number.';
comment on column api.instrument_changes.into_instrument is 'Symbol that they count for.';
comment on column api.instrument_changes.into_instrument_id is 'Its number.';
comment on column api.instrument_changes.moved is 'What was moved besides what files state: an object of lists.';
comment on column api.instrument_changes.reason is 'Why, in your words.';
comment on column api.instrument_changes.created_at is 'When.';
comment on column api.instrument_changes.undone_at is 'When it was taken back; null while it holds.';
comment on column api.instrument_changes.undo_reason is 'Why it was taken back.';
grant select on api.instrument_changes to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin;
grant execute on function api.instrument_merge(text, text, text, boolean), api.instrument_change_undo(bigint, text, boolean) to quantmatrix_user, quantmatrix_admin;

alter function api.instrument_merge(text, text, text, boolean) owner to quantmatrix_writer;
alter function api.instrument_change_undo(bigint, text, boolean) owner to quantmatrix_writer;
