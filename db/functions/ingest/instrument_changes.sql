-- What a merge or a split of instruments does in one person's book: what counts for what, which lines are applied again, and the evidence that follows.

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
            using errcode = 'QM001', hint = '`instruments` shows symbols and numbers';
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

-- All that files state of these instruments is applied again, whole days at a time because a day''s rows are ranked together.
create function ingest.apply_lines_of_instruments(p_user_id uuid, p_instrument_ids bigint[])
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
    v_applied record;
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
        v_ids := v_ids || matching.match_days(p_user_id, v_accounts, v_days, '{}');
    end if;
    select * into v_applied from matching.apply_lines(p_user_id, v_ids);
    perform matching.pair_transfers(p_user_id);
    return jsonb_build_object('added', v_applied.inserted, 'changed', v_applied.updated, 'removed', v_applied.deleted);
end
$$;

comment on function ingest.apply_lines_of_instruments(uuid, bigint[]) is 'Applies the lines of these instruments again; returns how many were added, changed and removed.';

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

grant execute on function
    ingest.own_instrument(uuid, text), ingest.require_all_accounts(), ingest.flatten_merges(uuid), ingest.apply_lines_of_instruments(uuid, bigint[]),
    ingest.move_evidence(uuid), ingest.move_identifiers(uuid, bigint, bigint, text[])
    to quantmatrix_writer;
