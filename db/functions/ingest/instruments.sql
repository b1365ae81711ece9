-- From what a file calls an instrument to one identity of the shared catalogue. The only writer of the catalogue for people, and it only ever
-- inserts keys, with what the key itself says: nothing a tenant brings can change what another tenant sees. What else a file states of an
-- instrument (name, exchange, what an option is on) goes to the person's own tax.instrument_facts.

create function ingest.default_multiplier(p_instrument_type core.instrument_type)
returns numeric
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select case p_instrument_type
        when 'option' then 100::numeric
        when 'bond' then 0.01
        else 1
    end
$$;

comment on function ingest.default_multiplier(core.instrument_type) is 'Money per point of price where a source states no multiplier.';

create function ingest.identifier_list(p_identifiers jsonb)
returns text[]
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(array_agg(i.key || ':' || i.value order by i.key), '{}')
    from jsonb_each_text(coalesce(p_identifiers, '{}')) i
    where i.key in ('conid', 'isin', 'cusip', 'figi')
    and length(i.value) between 1 and 40
$$;

comment on function ingest.identifier_list(jsonb) is 'Identifiers as words: conid:265598, isin:US0378331005.';

-- Issuers as the identifiers show them: eight characters of an ISIN hold the country and the issuer, six of a CUSIP the issuer.
create function ingest.issuers(p_identifiers text[])
returns text[]
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(array_agg(distinct issuer), '{}')
    from (
        select case
            when i like 'isin:US%' then substr(i, 8, 6)
            when i like 'isin:CA%' then substr(i, 8, 6)
            when i like 'isin:%' then substr(i, 6, 8)
            when i like 'cusip:%' then substr(i, 7, 6)
        end as issuer
        from unnest(p_identifiers) i
    ) found
    where issuer is not null
$$;

comment on function ingest.issuers(text[]) is 'Issuers behind ISINs and CUSIPs.';

-- Read once: bounds, the one spelling of a symbol that says its terms, and no contradiction between the symbol and what is stated beside it.
create function ingest.read_descriptor(p_descriptor jsonb)
returns jsonb
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_type core.instrument_type := (p_descriptor ->> 'type')::core.instrument_type;
    v_symbol text := p_descriptor ->> 'symbol';
    v_said text := left(core.plain_text(p_descriptor ->> 'symbol'), 64);
    v_multiplier numeric := trim_scale(coalesce((p_descriptor ->> 'multiplier')::numeric, ingest.default_multiplier(v_type)));
    v_option_type core.option_type := (p_descriptor ->> 'option_type')::core.option_type;
    v_strike numeric := trim_scale((p_descriptor ->> 'strike')::numeric);
    v_expiration date := (p_descriptor ->> 'expiration')::date;
    v_underlying text := core.plain_text(p_descriptor ->> 'underlying');
    v_root text;
    v_wrong text;
begin
    if v_type is null or v_symbol is null or p_descriptor ->> 'currency' is null then
        raise exception 'an instrument needs type, symbol and currency' using errcode = 'QM002', detail = left(p_descriptor::text, 200);
    elsif v_said is distinct from v_symbol or length(v_underlying) > 64 then
        raise exception 'symbol: "%" has blanks at its ends, characters that do not print, or more than 64 characters', v_said using errcode = 'QM002';
    elsif not (v_multiplier between 1e-12 and 1e12 and scale(v_multiplier) <= 12) then
        raise exception 'multiplier: that of "%" is not of a possible size', v_said using errcode = 'QM002';
    elsif v_expiration not between '1900-01-01' and '2199-12-31' then
        raise exception 'expiration: that of "%" is not a possible day', v_said using errcode = 'QM002';
    elsif v_type not in ('option', 'future_option') then
        if num_nonnulls(v_option_type, v_strike) > 0 then
            raise exception '%: not a property of a % ("%")', case when v_strike is null then 'option_type' else 'strike' end, v_type, v_said
                using errcode = 'QM002';
        end if;
        return jsonb_strip_nulls(jsonb_build_object(
            'type', v_type, 'symbol', v_symbol, 'currency', p_descriptor ->> 'currency', 'multiplier', v_multiplier,
            'stated_expiration', v_expiration,
            'name', left(core.plain_text(p_descriptor ->> 'name'), 200), 'exchange', left(core.plain_text(p_descriptor ->> 'exchange'), 40),
            'identifiers', to_jsonb(ingest.identifier_list(p_descriptor -> 'identifiers'))
        ));
    end if;

    if v_type = 'option' and v_symbol ~* '^[A-Z0-9.]{1,6} *[0-9]{6}[CP][0-9]{8}$' then
        v_symbol := rpad(btrim(left(v_symbol, -15)), 6) || upper(right(v_symbol, 15));
        v_symbol := upper(v_symbol);
    end if;
    if core.option_parts(v_symbol) is null then
        if num_nulls(v_option_type, v_strike, v_expiration) > 0 then
            raise exception 'the option "%" says no terms: option_type, strike and expiration are wanted', v_said
                using errcode = 'QM002', hint = 'or the 21 characters of its symbol: root of six, YYMMDD, C or P, strike x 1000 in eight digits';
        end if;
        v_symbol := concat(v_symbol, ' ', to_char(v_expiration, 'YYMMDD'), case v_option_type when 'call' then 'C' else 'P' end, v_strike);
        if length(v_symbol) > 64 or core.expiration_of(v_symbol) is distinct from v_expiration or core.strike_of(v_symbol) is distinct from v_strike then
            raise exception 'the terms of the option "%" do not fit into a symbol', v_said
                using errcode = 'QM002', hint = 'a strike below 1e12 with at most nine decimals, an expiration from 1980 to 2079';
        end if;
    elsif core.expiration_of(v_symbol) is null then
        raise exception 'the symbol "%" names a day that no calendar has', v_said using errcode = 'QM002';
    end if;
    v_wrong := case
        when v_option_type <> core.option_type_of(v_symbol) then 'option_type'
        when v_strike <> core.strike_of(v_symbol) then 'strike'
        when v_expiration <> core.expiration_of(v_symbol) then 'expiration'
    end;
    if v_wrong is not null then
        raise exception '%: "%" contradicts the symbol "%"', v_wrong, left(p_descriptor ->> v_wrong, 40), v_symbol
            using errcode = 'QM013',
                detail = format('the symbol says %s %s, last day %s', core.option_type_of(v_symbol), core.strike_of(v_symbol), core.expiration_of(v_symbol)),
                hint = 'nothing was kept; leave the terms away, or give the symbol that says them';
    end if;

    v_root := (core.option_parts(v_symbol))[1];
    return jsonb_strip_nulls(jsonb_build_object(
        'type', v_type, 'symbol', v_symbol, 'currency', p_descriptor ->> 'currency', 'multiplier', v_multiplier,
        'option_type', core.option_type_of(v_symbol), 'strike', core.strike_of(v_symbol), 'expiration', core.expiration_of(v_symbol),
        'underlying', coalesce(
            v_underlying,
            -- A root with a digit behind letters is an adjusted contract of the ticker without it.
            case
                when v_type = 'option' and length(v_symbol) = 21
                    then case when v_root ~ '^[A-Z.]+[0-9]+$' then rtrim(v_root, '0123456789') else v_root end
            end
        ),
        'underlying_type', coalesce(p_descriptor ->> 'underlying_type', case v_type when 'option' then 'stock' else 'future' end),
        'name', left(core.plain_text(p_descriptor ->> 'name'), 200), 'exchange', left(core.plain_text(p_descriptor ->> 'exchange'), 40),
        'identifiers', to_jsonb(ingest.identifier_list(p_descriptor -> 'identifiers'))
    ));
end
$$;

comment on function ingest.read_descriptor(jsonb) is
    'A descriptor {type, symbol, currency, multiplier, underlying, underlying_type, option_type, strike, expiration, name, exchange, identifiers} in one spelling; '
    'QM013 where what is stated contradicts the symbol, QM002 where it cannot be.';

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
            using errcode = 'QM016', hint = 'the command line and the API do: quantmatrix import, quantmatrix transactions add';
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
            'an administrator can allow more: quantmatrix user instruments EMAIL NUMBER; rows about instruments that are known go on as before'
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
                using errcode = 'QM017', hint = 'call import_resolve first, in a request of its own: then nobody waits for this load';
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

create function ingest.underlying_key(p_read jsonb)
returns text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select concat_ws('|', p_read ->> 'underlying_type', p_read ->> 'underlying', p_read ->> 'currency')
$$;

comment on function ingest.underlying_key(jsonb) is 'Key of what a read descriptor of an option is on.';

-- All instruments of a load by their key in the file. Several records of one key (a trade, then the file's own table of instruments) are one descriptor.
create function ingest.described_load(p_user_id uuid, p_load_id uuid)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    with known as materialized (
        select
            s.payload ->> 'type' as type,
            s.payload ->> 'symbol' as symbol,
            s.payload ->> 'currency' as currency,
            field.key,
            field.value,
            s.line_number
        from ingest.staging s
        cross join lateral jsonb_each(s.payload) field
        where s.load_id = p_load_id
        and s.user_id = p_user_id
        and s.kind = 'instrument'
        and field.value <> 'null'
    ),
    chosen as (
        select distinct on (k.type, k.symbol, k.currency, k.key)
            k.type, k.symbol, k.currency, k.key, k.value
        from known k
        order by k.type, k.symbol, k.currency, k.key, length(k.value::text) desc, k.line_number desc
    ),
    named as (
        select k.type, k.symbol, k.currency, jsonb_object_agg(i.key, i.value) as identifiers
        from known k
        cross join lateral jsonb_each(k.value) i
        where k.key = 'identifiers'
        group by k.type, k.symbol, k.currency
    ),
    described as (
        select
            concat_ws('|', c.type, c.symbol, c.currency) as key,
            c.currency,
            jsonb_object_agg(c.key, c.value) || jsonb_build_object('identifiers', coalesce(n.identifiers, '{}')) as descriptor
        from chosen c
        left join named n on n.type = c.type and n.symbol = c.symbol and n.currency = c.currency
        group by c.type, c.symbol, c.currency, n.identifiers
    )
    select coalesce(
        jsonb_object_agg(
            d.key,
            -- An option on what the same load calls a fund.
            d.descriptor || case
                when fund.key is not null then '{"underlying_type": "fund"}'
                else '{}'
            end::jsonb
        ), '{}'
    )
    from described d
    left join described fund on fund.key = 'fund|' || (d.descriptor ->> 'underlying') || '|' || d.currency
$$;

comment on function ingest.described_load(uuid, uuid) is 'Instruments of a staged load: {key in the file: descriptor}.';

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

grant execute on function
    ingest.default_multiplier(core.instrument_type), ingest.identifier_list(jsonb), ingest.issuers(text[]), ingest.read_descriptor(jsonb),
    ingest.underlying_key(jsonb), ingest.described_load(uuid, uuid)
    to quantmatrix_writer, quantmatrix_engine;
grant execute on function ingest.identities_for_everybody() to quantmatrix_engine;
grant execute on function ingest.resolve_described(uuid, jsonb, boolean), ingest.resolve_load(uuid, uuid, boolean), ingest.keep_facts(uuid, jsonb, jsonb)
    to quantmatrix_writer;

alter function ingest.find_identity(uuid, jsonb) owner to quantmatrix_engine;
alter function ingest.add_identities(uuid, jsonb) owner to quantmatrix_engine;
alter function ingest.resolve_described(uuid, jsonb, boolean) owner to quantmatrix_engine;
alter function ingest.resolve_load(uuid, uuid, boolean) owner to quantmatrix_engine;
