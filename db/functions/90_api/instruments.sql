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

create function api.instrument_merge(from_instrument text, into_instrument text, reason text)
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

comment on function api.instrument_merge(text, text, text) is $$Merge two names of one instrument
Everything stated of from_instrument counts for into_instrument, in your books alone: transactions, the broker's positions, what later imports bring, and what options are on. Instruments are named by symbol, type|symbol|currency or #NUMBER. Lots are rebuilt. instrument_change_undo takes it back.$$;

-- The broker's own figures follow what counts; the name that the file states stays beside them.
create function ingest.move_evidence(p_user_id uuid)
returns void
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
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

create function api.instrument_split(
    from_instrument text, reason text, into_instrument text default null, transactions bigint[] default null, since date default null,
    until date default null, account text default null, identifiers text[] default null
)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_user();
    v_reason constant text := btrim(instrument_split.reason);
    v_by_day constant boolean := num_nonnulls(instrument_split.since, instrument_split.until, instrument_split.account) > 0;
    v_from core.instruments;
    v_into core.instruments;
    v_symbol text := btrim(instrument_split.into_instrument);
    v_account_id bigint;
    v_number integer := 1;
    v_ids bigint[];
    v_missing text;
    v_identifiers text[] := coalesce(instrument_split.identifiers, '{}');
    v_change_id bigint;
    v_moved jsonb;
    v_settled jsonb;
begin
    perform ingest.require_all_accounts();
    perform tax.lock_taxpayer(v_user_id);
    perform ingest.require_reason(v_reason);
    v_from := ingest.own_instrument(v_user_id, instrument_split.from_instrument);
    if instrument_split.account is not null then
        v_account_id := ingest.require_account(v_user_id, instrument_split.account);
    end if;
    if not v_by_day and instrument_split.transactions is null and v_identifiers = '{}' then
        raise exception 'say what leaves %: transactions, since or until, an account, identifiers', v_from.symbol using errcode = 'QM002';
    elsif v_by_day and instrument_split.transactions is not null then
        raise exception 'transactions: name them, or say since, until and account, but not both' using errcode = 'QM002';
    elsif ingest.what_counts(v_user_id, v_from.id) <> v_from.id then
        raise exception '% was merged into another instrument: split that one, or undo the merge', v_from.symbol
            using errcode = 'QM002', hint = 'quantmatrix instruments changes';
    end if;

    select string_agg(w.word, ', ')
    into v_missing
    from unnest(v_identifiers) w (word)
    where not exists (
        select from tax.instrument_facts f
        where f.user_id = v_user_id
        and f.instrument_id = v_from.id
        and w.word = any (f.identifiers)
    );
    if v_missing is not null then
        raise exception 'identifiers: % is not known of %', v_missing, v_from.symbol
            using errcode = 'QM001', hint = 'quantmatrix instruments show ' || v_from.symbol;
    end if;
    select array_agg(t.id)
    into v_ids
    from core.transactions t
    where t.user_id = v_user_id
    and t.instrument_id = v_from.id
    and case
        when instrument_split.transactions is not null then t.id = any (instrument_split.transactions)
        else v_by_day
            and t.trade_date >= coalesce(instrument_split.since, t.trade_date)
            and t.trade_date <= coalesce(instrument_split.until, t.trade_date)
            and t.account_id = coalesce(v_account_id, t.account_id)
    end;
    select string_agg(w.id::text, ', ' order by w.id)
    into v_missing
    from unnest(instrument_split.transactions) w (id)
    where not w.id = any (coalesce(v_ids, '{}'));
    if v_missing is not null then
        raise exception 'transaction %: not one of %', v_missing, v_from.symbol
            using errcode = 'QM001', hint = 'quantmatrix transactions list --symbol ' || v_from.symbol;
    elsif v_ids is null and v_identifiers = '{}' then
        raise exception 'no transaction of % is meant by that', v_from.symbol using errcode = 'QM001';
    end if;

    -- An instrument of the person's by that name, else the shared identity of that name, else the next number of the ticker.
    if v_symbol is not null and (
        v_symbol like '#%' or v_symbol like '%|%' or exists (select from core.instruments i where i.symbol in (v_symbol, upper(v_symbol)))
    ) then
        v_into := ingest.own_instrument(v_user_id, v_symbol);
        select i.* into strict v_into from core.instruments i where i.id = ingest.what_counts(v_user_id, v_into.id);
    else
        if v_from.instrument_type in ('option', 'future_option') then
            raise exception 'into: an option is told by its parts; name the contract it is' using errcode = 'QM002';
        end if;
        if v_symbol is null then
            loop
                v_number := v_number + 1;
                v_symbol := split_part(v_from.symbol, '~', 1) || '~' || v_number;
                exit when not exists (select from core.instruments i where i.symbol = v_symbol);
            end loop;
        end if;
        v_change_id := ingest.resolve_instrument(
            v_user_id,
            jsonb_build_object('type', v_from.instrument_type, 'symbol', upper(v_symbol), 'currency', v_from.currency, 'multiplier', v_from.multiplier::text)
        );
        insert into tax.instrument_facts (user_id, instrument_id)
        values (v_user_id, v_change_id)
        on conflict on constraint instrument_facts_pkey do nothing;
        select i.* into strict v_into from core.instruments i where i.id = v_change_id;
    end if;
    if v_into.id = v_from.id then
        raise exception 'into: % is where they are', v_from.symbol using errcode = 'QM002';
    elsif v_from.currency <> v_into.currency or v_from.multiplier <> v_into.multiplier then
        raise exception 'into: another currency or multiplier' using errcode = 'QM002', detail = v_into.symbol || ' in ' || v_into.currency;
    end if;

    with chosen as materialized (
        select t.*
        from core.transactions t
        where t.user_id = v_user_id
        and t.id = any (v_ids)
    ),
    earlier as materialized (
        select c.account_id, c.source, c.dedupe_key as key, k.corrected -> 'instrument_id' as instrument_id
        from chosen c
        left join ingest.corrections k
            on k.user_id = c.user_id and k.account_id = c.account_id and k.source = c.source and k.dedupe_key = c.dedupe_key
        where c.sync_id is not null
    ),
    corrected as (
        insert into ingest.corrections as k (user_id, account_id, source, dedupe_key, corrected, original, reason)
        select
            v_user_id, c.account_id, c.source, c.dedupe_key, jsonb_build_object('instrument_id', v_into.id),
            to_jsonb(c) || jsonb_build_object('terms', (
                select to_jsonb(x) - 'user_id' - 'transaction_id'
                from tax.transaction_terms x
                where x.user_id = c.user_id
                and x.transaction_id = c.id
            )),
            v_reason
        from chosen c
        where c.sync_id is not null
        on conflict on constraint corrections_pkey do update
        set corrected = k.corrected || excluded.corrected
        returning k.dedupe_key
    ),
    rows_by_hand as (
        update core.transactions t
        set instrument_id = v_into.id
        where t.user_id = v_user_id
        and t.id = any (v_ids)
        and t.sync_id is null
        returning t.id
    ),
    positions as (
        update ingest.broker_positions b
        set instrument_id = v_into.id,
            stated_instrument_id = coalesce(b.stated_instrument_id, v_from.id)
        where v_by_day
        and b.user_id = v_user_id
        and b.instrument_id = v_from.id
        and b.as_of between coalesce(instrument_split.since, b.as_of) and coalesce(instrument_split.until, b.as_of)
        and b.account_id = coalesce(v_account_id, b.account_id)
        returning b.sync_id, b.line_number
    ),
    lots as (
        update ingest.broker_lots b
        set instrument_id = v_into.id,
            stated_instrument_id = coalesce(b.stated_instrument_id, v_from.id)
        where v_by_day
        and b.user_id = v_user_id
        and b.instrument_id = v_from.id
        and b.as_of between coalesce(instrument_split.since, b.as_of) and coalesce(instrument_split.until, b.as_of)
        and b.account_id = coalesce(v_account_id, b.account_id)
        returning b.sync_id, b.line_number
    )
    select jsonb_strip_nulls(jsonb_build_object(
        'corrected', (select jsonb_agg(to_jsonb(e) order by e.account_id, e.source, e.key) from earlier e),
        'transactions', (select jsonb_agg(r.id order by r.id) from rows_by_hand r),
        'positions', (select jsonb_agg(jsonb_build_array(p.sync_id, p.line_number)) from positions p),
        'lots', (select jsonb_agg(jsonb_build_array(l.sync_id, l.line_number)) from lots l),
        'identifiers', case when v_identifiers <> '{}' then to_jsonb(v_identifiers) end
    ))
    into v_moved;

    insert into ingest.instrument_changes (user_id, kind, from_instrument_id, into_instrument_id, moved, reason)
    values (v_user_id, 'split', v_from.id, v_into.id, v_moved, v_reason)
    returning id into v_change_id;
    perform audit.note_own(
        'instrument_changes', v_change_id::text, 'insert',
        jsonb_build_object('kind', 'split', 'from', v_from.symbol, 'from_id', v_from.id, 'into', v_into.symbol, 'into_id', v_into.id, 'transactions', to_jsonb(v_ids)),
        v_reason
    );
    perform ingest.move_identifiers(v_user_id, v_from.id, v_into.id, v_identifiers);
    v_settled := ingest.settle_instruments(v_user_id, array[v_from.id, v_into.id]);
    return jsonb_build_object(
        'change', v_change_id, 'kind', 'split', 'from', v_from.symbol, 'into', v_into.symbol, 'moved', coalesce(cardinality(v_ids), 0),
        'transactions', v_settled
    );
end
$$;

comment on function api.instrument_split(text, text, text, bigint[], date, date, text, text[]) is $$Split an instrument that is two
Moves transactions, by number or by since, until and account (with the broker's positions of those days), and identifiers, by which later imports find it, to into_instrument: one of yours, a new symbol, or the next number of the ticker (ABC~2) where none is named. In your books alone. Lots are rebuilt. instrument_change_undo takes it back.$$;

create function ingest.move_identifiers(p_user_id uuid, p_from_id bigint, p_into_id bigint, p_identifiers text[])
returns void
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
    update tax.instrument_facts f
    set identifiers = array(select w from unnest(f.identifiers) w where not w = any (p_identifiers) order by w)
    where f.user_id = p_user_id
    and f.instrument_id = p_from_id
    and f.identifiers && p_identifiers;
    update tax.instrument_facts f
    set identifiers = array(select distinct w from unnest(f.identifiers || p_identifiers) w order by w)
    where f.user_id = p_user_id
    and f.instrument_id = p_into_id
    and not f.identifiers @> p_identifiers;
$$;

comment on function ingest.move_identifiers(uuid, bigint, bigint, text[]) is 'Later files that state these identifiers mean the other instrument.';

create function api.instrument_change_undo(change bigint, reason text)
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

comment on function api.instrument_change_undo(bigint, text) is $$Take a merge or split of instruments back
Rows count again for what their files state; what was changed by hand since then stays. Lots are rebuilt.$$;

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
    ingest.own_instrument(uuid, text), ingest.require_all_accounts(), ingest.flatten_merges(uuid), ingest.settle_instruments(uuid, bigint[]), ingest.move_evidence(uuid),
    ingest.move_identifiers(uuid, bigint, bigint, text[])
    to quantmatrix_writer;
grant select on api.instrument_changes to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin;
grant execute on function
    api.instrument_merge(text, text, text), api.instrument_split(text, text, text, bigint[], date, date, text, text[]),
    api.instrument_change_undo(bigint, text)
    to quantmatrix_user, quantmatrix_admin;

alter function api.instrument_merge(text, text, text) owner to quantmatrix_writer;
alter function api.instrument_split(text, text, text, bigint[], date, date, text, text[]) owner to quantmatrix_writer;
alter function api.instrument_change_undo(bigint, text) owner to quantmatrix_writer;
