-- From what a file calls an instrument to one identity of the shared catalogue. The only writer of the catalogue for people, and it only ever
-- inserts keys, with what the key itself says: nothing a tenant brings can change what another tenant sees. What else a file states of an
-- instrument (name, exchange, what an option is on) goes to the person's own tax.instrument_facts.

-- What is found is one of the person''s own by the strongest name, else that of the key. The same ticker with another issuer is another company:
-- it becomes a numbered identity. If nobody has it yet, id is null and symbol is what it would be called.
create function ingest.find_identity(p_user_id uuid, p_read jsonb, out id bigint, out symbol text)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_type core.instrument_type := (p_read ->> 'type')::core.instrument_type;
    v_currency text := p_read ->> 'currency';
    v_multiplier numeric := (p_read ->> 'multiplier')::numeric;
    v_identifiers text[] := array(select jsonb_array_elements_text(p_read -> 'identifiers'));
    v_issuers text[] := ingest.issuers(v_identifiers);
    v_number integer := 1;
begin
    symbol := p_read ->> 'symbol';
    select f.instrument_id
    into id
    from tax.instrument_facts f
    join core.instruments i on i.id = f.instrument_id
    where f.user_id = p_user_id
    and f.identifiers && v_identifiers
    and i.instrument_type = v_type
    and i.currency = v_currency
    and i.multiplier = v_multiplier
    and (v_type not in ('option', 'future_option') or i.symbol = find_identity.symbol)
    order by
        exists (select from unnest(f.identifiers) known where known like 'conid:%' and known = any (v_identifiers)) desc,
        f.instrument_id
    limit 1;
    if found then
        return;
    end if;
    if v_type = 'future' then
        -- The symbol of a future is one contract. Not every file shows its size, which would make two of it.
        select f.instrument_id
        into id
        from tax.instrument_facts f
        join core.instruments i on i.id = f.instrument_id
        where f.user_id = p_user_id
        and i.instrument_type = v_type
        and i.symbol = find_identity.symbol
        and i.currency = v_currency
        order by i.multiplier <> v_multiplier, f.instrument_id
        limit 1;
        if found then
            return;
        end if;
    end if;
    loop
        select i.id
        into id
        from core.instruments i
        where i.instrument_type = v_type
        and i.symbol = find_identity.symbol
        and i.currency = v_currency
        and i.multiplier = v_multiplier;
        exit when not found
            or v_type <> 'stock'
            or cardinality(v_issuers) = 0
            or not exists (
                select from tax.instrument_facts f
                where f.user_id = p_user_id
                and f.instrument_id = find_identity.id
                and cardinality(ingest.issuers(f.identifiers)) > 0
                and not ingest.issuers(f.identifiers) && v_issuers
            );
        v_number := v_number + 1;
        symbol := (p_read ->> 'symbol') || '~' || v_number;
    end loop;
end
$$;

comment on function ingest.find_identity(uuid, jsonb) is 'The identity that a read descriptor means for this person; id is null where the catalogue has none of that symbol yet.';

-- Keys that the catalogue has not yet, all in one statement and in one order, so that the time in which another person must wait for them is short and
-- nobody waits in a circle. Whoever meets somebody's key that is not committed yet gives up after two seconds. A personal login may keep a
-- transaction open for as long as it likes, so it adds nothing.
create function ingest.add_identities(p_user_id uuid, p_wanted jsonb)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '2s'
as $$
declare
    v_number bigint := jsonb_array_length(p_wanted);
    v_example text := p_wanted -> 0 ->> 'symbol';
    v_count record;
begin
    if auth.is_personal_login() then
        raise exception 'a personal login adds no instruments to the catalogue, and "%" is not there yet', v_example
            using errcode = 'QM016', hint = 'the command line and the API do: `import`, `transaction_add`';
    end if;
    insert into ingest.identity_counts as c (user_id, added)
    values (p_user_id, v_number)
    on conflict on constraint identity_counts_pkey do update
    set added = c.added + excluded.added
    returning c.added, coalesce(c.allowed, ingest.identities_for_everybody()) as allowed
    into v_count;
    if v_count.added > v_count.allowed then
        perform auth.refuse(
            429, 'QM014',
            format('%s instruments that nobody had would be added, and %s of %s are left', v_number, greatest(v_count.allowed - v_count.added + v_number, 0), v_count.allowed),
            'an administrator can allow more: `user_instruments`; rows about instruments that are known go on as before'
        );
    end if;
    insert into core.instruments (symbol, instrument_type, currency, option_type, strike, expiration, multiplier)
    select distinct w.symbol, w.type, w.currency, w.option_type, w.strike, w.expiration, w.multiplier
    from jsonb_to_recordset(p_wanted) as w (
        symbol text, type core.instrument_type, currency text, option_type core.option_type, strike numeric, expiration date, multiplier numeric
    )
    order by w.type, w.symbol, w.currency, w.multiplier
    on conflict on constraint instruments_identity_taken do nothing;
exception
    when lock_not_available then
        perform auth.refuse(
            503, 'QM015', format('somebody else is adding "%s" or another instrument of these right now', v_example),
            'nothing was kept; try again in a few seconds', '{"Retry-After": "2"}'
        );
end
$$;

comment on function ingest.add_identities(uuid, jsonb) is 'Adds read descriptors to the catalogue; QM014 (429) beyond what the person may add, QM015 (503) while another transaction adds the same, QM016 for a personal login.';

create function ingest.identities_for_everybody()
returns bigint
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select 25000::bigint
$$;

comment on function ingest.identities_for_everybody() is 'How many identities a person may add where an administrator has said nothing: decades of an active trader of options who is the first on the platform.';

-- All at once: {key: descriptor} to {key: id}. What an option is on is resolved with it, under its own key type|symbol|currency; if the same
-- object describes it, that is meant.
create function ingest.resolve_described(p_user_id uuid, p_described jsonb, p_may_add boolean)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_keys text[] := '{}';
    v_reads jsonb[] := '{}';
    v_ids bigint[] := '{}';
    v_under jsonb := '{}';
    v_wanted jsonb[] := '{}';
    v_entry record;
    v_read jsonb;
    v_found record;
begin
    for v_entry in
        select d.key, d.value
        from jsonb_each(p_described) d
        order by d.key
    loop
        v_read := ingest.read_descriptor(v_entry.value);
        v_keys := v_keys || v_entry.key;
        v_reads := v_reads || v_read;
        if v_read ? 'underlying' and not p_described ? ingest.underlying_key(v_read) then
            v_under := v_under || jsonb_build_object(
                ingest.underlying_key(v_read),
                jsonb_build_object('type', v_read ->> 'underlying_type', 'symbol', v_read ->> 'underlying', 'currency', v_read ->> 'currency')
            );
        end if;
    end loop;
    for v_entry in
        select d.key, d.value
        from jsonb_each(v_under) d
        order by d.key
    loop
        v_keys := v_keys || v_entry.key;
        v_reads := v_reads || ingest.read_descriptor(v_entry.value);
    end loop;

    for v_place in 1 .. cardinality(v_keys) loop
        select f.id, f.symbol
        into v_found
        from ingest.find_identity(p_user_id, v_reads[v_place]) f;
        v_ids := v_ids || v_found.id;
        if v_found.id is null then
            v_wanted := v_wanted || (v_reads[v_place] || jsonb_build_object('symbol', v_found.symbol));
        end if;
    end loop;
    if cardinality(v_wanted) > 0 then
        if not p_may_add then
            raise exception '% instruments of this load are not resolved, "%" for one', cardinality(v_wanted), v_wanted[1] ->> 'symbol'
                using errcode = 'QM017', hint = 'call `import_resolve` first, in a request of its own: then nobody waits for this load';
        end if;
        perform ingest.add_identities(p_user_id, to_jsonb(v_wanted));
        for v_place in 1 .. cardinality(v_keys) loop
            if v_ids[v_place] is null then
                v_ids[v_place] := (select f.id from ingest.find_identity(p_user_id, v_reads[v_place]) f);
            end if;
        end loop;
    end if;
    return (
        select coalesce(jsonb_object_agg(r.key, r.id), '{}')
        from unnest(v_keys, v_ids) r (key, id)
    );
end
$$;

comment on function ingest.resolve_described(uuid, jsonb, boolean) is
    'Identities of described instruments and of what they are on: {key: id}. Missing ones are added, or, where that is not allowed, refused (QM017).';

create function ingest.resolve_load(p_user_id uuid, p_load_id uuid, p_may_add boolean)
returns jsonb
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    select ingest.resolve_described(p_user_id, ingest.described_load(p_user_id, p_load_id), p_may_add)
$$;

comment on function ingest.resolve_load(uuid, uuid, boolean) is 'Identities of all instruments of a staged load: {key in the file: id}.';

-- What the person's source states beyond the key, in the person's own facts: the first that was said holds, as with everything that a file calls an
-- instrument. Whoever holds an option may see what it is on.
create function ingest.keep_facts(p_user_id uuid, p_described jsonb, p_ids jsonb)
returns void
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
    insert into tax.instrument_facts as f (user_id, instrument_id, identifiers, name, exchange, underlying_instrument_id, expiration)
    select
        p_user_id, e.value::bigint,
        coalesce(array_agg(distinct word order by word) filter (where word is not null), '{}'),
        min(r.read ->> 'name'), min(r.read ->> 'exchange'),
        nullif(min((p_ids ->> ingest.underlying_key(r.read))::bigint) filter (where r.read ? 'underlying'), e.value::bigint),
        min((r.read ->> 'stated_expiration')::date)
    from jsonb_each_text(p_ids) e
    left join lateral (select ingest.read_descriptor(p_described -> e.key) as read where p_described ? e.key offset 0) r on true
    left join lateral jsonb_array_elements_text(r.read -> 'identifiers') word on true
    group by e.value::bigint
    on conflict on constraint instrument_facts_pkey do update
    set identifiers = array(
            select distinct word
            from unnest(f.identifiers || excluded.identifiers) word
            order by word
        ),
        name = coalesce(f.name, excluded.name),
        exchange = coalesce(f.exchange, excluded.exchange),
        underlying_instrument_id = coalesce(f.underlying_instrument_id, excluded.underlying_instrument_id),
        expiration = coalesce(f.expiration, excluded.expiration)
    where not f.identifiers @> excluded.identifiers
    or f.name is null and excluded.name is not null
    or f.exchange is null and excluded.exchange is not null
    or f.underlying_instrument_id is null and excluded.underlying_instrument_id is not null
    or f.expiration is null and excluded.expiration is not null;
$$;

comment on function ingest.keep_facts(uuid, jsonb, jsonb) is 'Writes to the person''s own facts what descriptors state beyond their keys; p_ids as ingest.resolve_described returns them.';

grant execute on function ingest.identities_for_everybody() to quantmatrix_engine;
grant execute on function ingest.resolve_described(uuid, jsonb, boolean), ingest.resolve_load(uuid, uuid, boolean), ingest.keep_facts(uuid, jsonb, jsonb)
    to quantmatrix_writer;

alter function ingest.find_identity(uuid, jsonb) owner to quantmatrix_engine;
alter function ingest.add_identities(uuid, jsonb) owner to quantmatrix_engine;
alter function ingest.resolve_described(uuid, jsonb, boolean) owner to quantmatrix_engine;
alter function ingest.resolve_load(uuid, uuid, boolean) owner to quantmatrix_engine;
