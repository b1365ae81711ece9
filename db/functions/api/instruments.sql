-- Which names are one thing, and which one name is two. The catalogue of identities is shared by all tenants, so nobody's opinion may change it: a merge
-- or a split holds in one person's books alone. Files keep the name they state; what counts is decided when their rows are settled, so that later
-- imports follow and a change can be taken back whenever.

-- Two currencies or kinds may share a symbol: type|symbol|currency tells them apart, and #NUMBER always does.
create function ingest.own_instrument(p_user_id uuid, p_reference text)
returns core.instruments
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_instrument core.instruments;
    v_id bigint;
begin
    if btrim(coalesce(p_reference, '')) ~ '^#[0-9]{1,18}$' then
        v_id := substr(btrim(p_reference), 2)::bigint;
    else
        v_id := ingest.require_instrument(p_user_id, p_reference);
    end if;
    select i.*
    into v_instrument
    from core.instruments i
    where i.id = v_id;
    if not found then
        raise exception 'there is no instrument "%" among yours', p_reference
            using errcode = 'QM001', hint = 'quantmatrix instruments list shows symbols and numbers';
    end if;
    return v_instrument;
end
$$;

comment on function ingest.own_instrument(uuid, text) is 'An instrument that the person uses, by symbol, type|symbol|currency or #NUMBER; QM001 or QM003 otherwise.';

-- A name is one for all accounts: who sees some of them must not move the rows of the others.
create function ingest.require_all_accounts()
returns void
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    if not auth.sees_all_accounts() then
        raise exception 'names of instruments hold for all accounts, and this session sees some'
            using errcode = '42501', hint = 'sign in as the owner of the book, with no key or share for single accounts';
    end if;
end
$$;

comment on function ingest.require_all_accounts() is 'Refuses (42501) a session that a key or a share limits to some accounts.';

-- Merges that hold, each to its last instrument: A into B and B into C is A into C.
create function ingest.flatten_merges(p_user_id uuid)
returns bigint[]
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_mergejoin = off
as $$
    with recursive chain (from_id, into_id, depth) as (
        select c.from_instrument_id, c.into_instrument_id, 1
        from ingest.instrument_changes c
        where c.user_id = p_user_id
        and c.kind = 'merge'
        and c.undone_at is null
        union all
        select h.from_id, c.into_instrument_id, h.depth + 1
        from chain h
        join ingest.instrument_changes c
            on c.user_id = p_user_id and c.kind = 'merge' and c.undone_at is null and c.from_instrument_id = h.into_id
        where h.depth < 100
    ),
    wanted as (
        select distinct on (h.from_id) h.from_id, h.into_id
        from chain h
        order by h.from_id, h.depth desc
    ),
    changed as (
        update tax.instrument_facts f
        set merged_into_instrument_id = w.into_id
        from tax.instrument_facts own
        left join wanted w on w.from_id = own.instrument_id
        where own.user_id = p_user_id
        and f.user_id = own.user_id
        and f.instrument_id = own.instrument_id
        and f.merged_into_instrument_id is distinct from w.into_id
        returning f.instrument_id
    )
    select coalesce(array_agg(c.instrument_id), '{}')
    from changed c
$$;

comment on function ingest.flatten_merges(uuid) is 'Writes for each instrument which one counts for it; returns the instruments for which that changed.';

-- Everything a file states of these instruments is settled again, whole days at a time because a day''s rows are ranked together.
create function ingest.settle_instruments(p_user_id uuid, p_instrument_ids bigint[])
returns jsonb
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_mergejoin = off
as $$
declare
    v_ids bigint[];
    v_accounts bigint[];
    v_days date[];
    v_settled record;
begin
    with named as materialized (
        select t.id, t.account_id, t.source, t.trade_date
        from core.transactions t
        where t.user_id = p_user_id
        and t.instrument_id = any (p_instrument_ids)
        union
        select t.id, t.account_id, t.source, t.trade_date
        from tax.transaction_terms k
        join core.transactions t on t.user_id = k.user_id and t.id = k.transaction_id
        where k.user_id = p_user_id
        and k.new_instrument_id = any (p_instrument_ids)
    ),
    days as (
        select distinct n.account_id, n.source, n.trade_date
        from named n
    )
    select array_agg(distinct t.id), array_agg(d.account_id), array_agg(d.trade_date)
    into v_ids, v_accounts, v_days
    from days d
    join core.transactions t on t.user_id = p_user_id and t.account_id = d.account_id and t.source = d.source and t.trade_date = d.trade_date;

    -- Two sources may have named one thing differently: now they tell the same.
    if exists (
        select from core.sync_history h
        where h.user_id = p_user_id and h.status = 'finished' and h.kind in ('import', 'migration')
        having count(distinct h.source) > 1 or bool_or(h.source = 'quantmatrix_csv')
    ) then
        v_ids := v_ids || ingest.match_days(p_user_id, v_accounts, v_days, '{}');
    end if;
    select * into v_settled from ingest.settle(p_user_id, v_ids);
    perform ingest.pair_transfers(p_user_id);
    return jsonb_build_object('added', v_settled.inserted, 'changed', v_settled.updated, 'removed', v_settled.deleted);
end
$$;

comment on function ingest.settle_instruments(uuid, bigint[]) is 'Settles all transactions of these instruments again; returns how many were added, changed and removed.';

-- The broker's own figures follow what counts; the name that the file states stays beside them.
create function ingest.move_evidence(p_user_id uuid)
returns void
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_mergejoin = off
as $$
    update ingest.broker_positions b
    set instrument_id = w.counts,
        stated_instrument_id = nullif(coalesce(b.stated_instrument_id, b.instrument_id), w.counts)
    from (
        select f.instrument_id as stated, coalesce(f.merged_into_instrument_id, f.instrument_id) as counts
        from tax.instrument_facts f
        where f.user_id = p_user_id
    ) w
    where b.user_id = p_user_id
    and w.stated = coalesce(b.stated_instrument_id, b.instrument_id)
    and b.instrument_id <> w.counts
    and not exists (
        select from ingest.instrument_changes c
        where c.user_id = p_user_id
        and c.kind = 'split'
        and c.undone_at is null
        and c.moved -> 'positions' @> to_jsonb(array[array[b.sync_id, b.line_number]])
    );
    update ingest.broker_lots b
    set instrument_id = w.counts,
        stated_instrument_id = nullif(coalesce(b.stated_instrument_id, b.instrument_id), w.counts)
    from (
        select f.instrument_id as stated, coalesce(f.merged_into_instrument_id, f.instrument_id) as counts
        from tax.instrument_facts f
        where f.user_id = p_user_id
    ) w
    where b.user_id = p_user_id
    and w.stated = coalesce(b.stated_instrument_id, b.instrument_id)
    and b.instrument_id <> w.counts
    and not exists (
        select from ingest.instrument_changes c
        where c.user_id = p_user_id
        and c.kind = 'split'
        and c.undone_at is null
        and c.moved -> 'lots' @> to_jsonb(array[array[b.sync_id, b.line_number]])
    );
$$;

comment on function ingest.move_evidence(uuid) is 'Points the broker''s positions and lots at the instruments that count for those they state; a split''s own choice stays.';

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
    v_settled jsonb;
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
    elsif ingest.what_counts(v_user_id, v_from.id) <> v_from.id or ingest.what_counts(v_user_id, v_into.id) <> v_into.id then
        raise exception '% was merged already', case when ingest.what_counts(v_user_id, v_from.id) <> v_from.id then v_from.symbol else v_into.symbol end
            using errcode = 'QM002', hint = 'quantmatrix instruments changes shows into what; merge with that one';
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
    v_settled := ingest.settle_instruments(v_user_id, array[v_from.id, v_into.id]);
    return jsonb_build_object('change', v_change_id, 'kind', 'merge', 'from', v_from.symbol, 'into', v_into.symbol, 'transactions', v_settled);
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
            using errcode = 'QM001', hint = 'quantmatrix instruments changes shows numbers';
    end if;
    perform audit.note_own(
        'instrument_changes', v_change.id::text, 'update', jsonb_build_object('undo_reason', v_reason), v_reason
    );
    -- What was merged further since then stands under its last name.
    v_counted_id := ingest.what_counts(v_user_id, v_change.into_instrument_id);

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
        'transactions', ingest.settle_instruments(v_user_id, array[v_change.from_instrument_id, v_change.into_instrument_id, v_counted_id])
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

grant execute on function
    ingest.own_instrument(uuid, text), ingest.require_all_accounts(), ingest.flatten_merges(uuid), ingest.settle_instruments(uuid, bigint[]),
    ingest.move_evidence(uuid)
    to quantmatrix_writer;
grant select on api.instrument_changes to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin;
grant execute on function api.instrument_merge(text, text, text, boolean), api.instrument_change_undo(bigint, text, boolean) to quantmatrix_user, quantmatrix_admin;

alter function api.instrument_merge(text, text, text, boolean) owner to quantmatrix_writer;
alter function api.instrument_change_undo(bigint, text, boolean) owner to quantmatrix_writer;
