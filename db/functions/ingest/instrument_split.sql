-- A split of an instrument: where its rows go, and that they go there.

-- An instrument of the person's by that name, else the shared identity of that name, else the next number of the ticker.
create function ingest.split_target(p_user_id uuid, p_from core.instruments, p_symbol text)
returns core.instruments
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_symbol text := p_symbol;
    v_number integer := 1;
    v_id bigint;
    v_into core.instruments;
begin
    if v_symbol is not null and (
        v_symbol like '#%' or v_symbol like '%|%' or exists (select from core.instruments i where i.symbol in (v_symbol, upper(v_symbol)))
    ) then
        v_into := ingest.own_instrument(p_user_id, v_symbol);
        select i.* into strict v_into from core.instruments i where i.id = ingest.counted_instrument(p_user_id, v_into.id);
    else
        if p_from.instrument_type in ('option', 'future_option') then
            raise exception 'into: an option is told by its parts; name the contract it is' using errcode = 'QM002';
        end if;
        if v_symbol is null then
            loop
                v_number := v_number + 1;
                v_symbol := split_part(p_from.symbol, '~', 1) || '~' || v_number;
                exit when not exists (select from core.instruments i where i.symbol = v_symbol);
            end loop;
        end if;
        v_id := ingest.resolve_described(
            p_user_id,
            jsonb_build_object('it', jsonb_build_object(
                'type', p_from.instrument_type, 'symbol', upper(v_symbol), 'currency', p_from.currency, 'multiplier', p_from.multiplier::text
            )),
            true
        ) ->> 'it';
        insert into tax.instrument_facts (user_id, instrument_id)
        values (p_user_id, v_id)
        on conflict on constraint instrument_facts_pkey do nothing;
        select i.* into strict v_into from core.instruments i where i.id = v_id;
    end if;
    return v_into;
end
$$;

comment on function ingest.split_target(uuid, core.instruments, text) is
    'The instrument that rows of another one go to: by name, or for null the next number of the ticker, which is added to the catalogue.';

create function ingest.move_transactions(p_user_id uuid, p_into_id bigint, p_ids bigint[], p_reason text)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_moved jsonb;
begin
    with chosen as materialized (
        select t.*
        from core.transactions t
        where t.user_id = p_user_id
        and t.id = any (p_ids)
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
            p_user_id, c.account_id, c.source, c.dedupe_key, jsonb_build_object('instrument_id', p_into_id),
            to_jsonb(c) || jsonb_build_object('terms', (
                select to_jsonb(x) - 'user_id' - 'transaction_id'
                from tax.transaction_terms x
                where x.user_id = c.user_id
                and x.transaction_id = c.id
            )),
            p_reason
        from chosen c
        where c.sync_id is not null
        on conflict on constraint corrections_pkey do update
        set corrected = k.corrected || excluded.corrected
        returning k.dedupe_key
    ),
    rows_by_hand as (
        update core.transactions t
        set instrument_id = p_into_id
        where t.user_id = p_user_id
        and t.id = any (p_ids)
        and t.sync_id is null
        returning t.id
    )
    select jsonb_strip_nulls(jsonb_build_object(
        'corrected', (select jsonb_agg(to_jsonb(e) order by e.account_id, e.source, e.key) from earlier e),
        'transactions', (select jsonb_agg(r.id order by r.id) from rows_by_hand r)
    ))
    into v_moved;
    return v_moved;
end
$$;

comment on function ingest.move_transactions(uuid, bigint, bigint[], text) is
    'Transactions become those of another instrument: imported ones by a correction, those by hand themselves. Returns what was there before.';

-- The broker's figures of those days.
create function ingest.move_evidence(p_user_id uuid, p_from_id bigint, p_into_id bigint, p_account_id bigint, p_since date, p_until date)
returns jsonb
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
    with positions as (
        update ingest.broker_positions b
        set instrument_id = p_into_id,
            stated_instrument_id = coalesce(b.stated_instrument_id, p_from_id)
        where b.user_id = p_user_id
        and b.instrument_id = p_from_id
        and b.as_of between coalesce(p_since, b.as_of) and coalesce(p_until, b.as_of)
        and b.account_id = coalesce(p_account_id, b.account_id)
        returning b.sync_id, b.line_number
    ),
    lots as (
        update ingest.broker_lots b
        set instrument_id = p_into_id,
            stated_instrument_id = coalesce(b.stated_instrument_id, p_from_id)
        where b.user_id = p_user_id
        and b.instrument_id = p_from_id
        and b.as_of between coalesce(p_since, b.as_of) and coalesce(p_until, b.as_of)
        and b.account_id = coalesce(p_account_id, b.account_id)
        returning b.sync_id, b.line_number
    )
    select jsonb_strip_nulls(jsonb_build_object(
        'positions', (select jsonb_agg(jsonb_build_array(p.sync_id, p.line_number)) from positions p),
        'lots', (select jsonb_agg(jsonb_build_array(l.sync_id, l.line_number)) from lots l)
    ))
$$;

comment on function ingest.move_evidence(uuid, bigint, bigint, bigint, date, date) is
    'Positions and lots that statements of those days, of one account or all, state of one instrument are those of another. Returns which.';

grant execute on function
    ingest.split_target(uuid, core.instruments, text), ingest.move_transactions(uuid, bigint, bigint[], text),
    ingest.move_evidence(uuid, bigint, bigint, bigint, date, date)
    to quantmatrix_writer;
