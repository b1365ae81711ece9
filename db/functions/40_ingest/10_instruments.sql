-- From what a file calls an instrument to one identity of the shared catalogue. The only writer of the catalogue, and it only ever inserts:
-- nothing a tenant brings can change what another tenant sees.

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

create function ingest.resolve_instrument(p_user_id uuid, p_descriptor jsonb)
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_type core.instrument_type := (p_descriptor ->> 'type')::core.instrument_type;
    v_symbol text := p_descriptor ->> 'symbol';
    v_candidate text := v_symbol;
    v_currency text := p_descriptor ->> 'currency';
    v_multiplier numeric := trim_scale(coalesce((p_descriptor ->> 'multiplier')::numeric, ingest.default_multiplier(v_type)));
    v_identifiers text[] := ingest.identifier_list(p_descriptor -> 'identifiers');
    v_issuers text[] := ingest.issuers(v_identifiers);
    v_underlying_id bigint;
    v_id bigint;
    v_number integer := 1;
begin
    -- The strongest name first: the broker's contract number, then the international ones.
    select f.instrument_id
    into v_id
    from tax.instrument_facts f
    join core.instruments i on i.id = f.instrument_id
    where f.user_id = p_user_id
    and f.identifiers && v_identifiers
    and i.instrument_type = v_type
    and i.currency = v_currency
    and i.multiplier = v_multiplier
    and (v_type not in ('option', 'future_option') or i.symbol = v_symbol)
    order by
        exists (select from unnest(f.identifiers) known where known like 'conid:%' and known = any (v_identifiers)) desc,
        f.instrument_id
    limit 1;
    if found then
        return v_id;
    end if;

    if v_type in ('option', 'future_option') and p_descriptor ->> 'underlying' is not null then
        v_underlying_id := ingest.resolve_instrument(
            p_user_id,
            jsonb_build_object(
                'type', coalesce(p_descriptor ->> 'underlying_type', case v_type when 'option' then 'stock' else 'future' end),
                'symbol', p_descriptor ->> 'underlying',
                'currency', v_currency
            )
        );
    end if;

    -- The same ticker with another issuer is another company: it becomes a numbered identity.
    loop
        select i.id
        into v_id
        from core.instruments i
        where i.instrument_type = v_type
        and i.symbol = v_candidate
        and i.currency = v_currency
        and i.multiplier = v_multiplier;

        if not found then
            insert into core.instruments (
                symbol, instrument_type, name, exchange, currency, underlying_id, option_type, strike, expiration, multiplier
            )
            values (
                v_candidate, v_type, left(p_descriptor ->> 'name', 200), left(p_descriptor ->> 'exchange', 40), v_currency, v_underlying_id,
                (p_descriptor ->> 'option_type')::core.option_type, (p_descriptor ->> 'strike')::numeric,
                (p_descriptor ->> 'expiration')::date, v_multiplier
            )
            on conflict on constraint instruments_identity_taken do nothing
            returning id into v_id;
            if v_id is not null then
                return v_id;
            end if;
            continue;
        end if;

        exit when v_type <> 'stock'
            or cardinality(v_issuers) = 0
            or not exists (
                select from tax.instrument_facts f
                where f.user_id = p_user_id
                and f.instrument_id = v_id
                and cardinality(ingest.issuers(f.identifiers)) > 0
                and not ingest.issuers(f.identifiers) && v_issuers
            );
        v_number := v_number + 1;
        v_candidate := v_symbol || '~' || v_number;
    end loop;
    return v_id;
end
$$;

comment on function ingest.resolve_instrument(uuid, jsonb) is
    'Identity for a descriptor {type, symbol, currency, multiplier, underlying, underlying_type, option_type, strike, expiration, name, exchange, identifiers}; inserts it if nobody had it.';

-- All instruments of a load as one object, key in the file to id. Several records of one key (a trade, then the file's own table of instruments) are one descriptor.
create function ingest.resolve_load(p_user_id uuid, p_load_id uuid)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_descriptor record;
    v_ids jsonb := '{}';
begin
    for v_descriptor in
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
        )
        select
            c.type || '|' || c.symbol || '|' || c.currency as key,
            jsonb_object_agg(c.key, c.value) || jsonb_build_object('identifiers', coalesce(n.identifiers, '{}')) as descriptor
        from chosen c
        left join named n on n.type = c.type and n.symbol = c.symbol and n.currency = c.currency
        group by c.type, c.symbol, c.currency, n.identifiers
        order by c.type, c.symbol, c.currency
    loop
        -- An option on what the same load calls a fund; funds come before options.
        if v_ids ? concat_ws('|', 'fund', v_descriptor.descriptor ->> 'underlying', v_descriptor.descriptor ->> 'currency') then
            v_descriptor.descriptor := v_descriptor.descriptor || '{"underlying_type": "fund"}';
        end if;
        v_ids := v_ids || jsonb_build_object(v_descriptor.key, ingest.resolve_instrument(p_user_id, v_descriptor.descriptor));
    end loop;
    return v_ids;
end
$$;

comment on function ingest.resolve_load(uuid, uuid) is 'Identities of all instruments of a staged load: {key in the file: id}, in sorted order so that tenants never wait for each other in a circle.';

grant execute on function
    ingest.default_multiplier(core.instrument_type), ingest.identifier_list(jsonb), ingest.issuers(text[])
    to quantmatrix_writer, quantmatrix_engine;
grant execute on function ingest.resolve_instrument(uuid, jsonb), ingest.resolve_load(uuid, uuid) to quantmatrix_writer;

alter function ingest.resolve_instrument(uuid, jsonb) owner to quantmatrix_engine;
alter function ingest.resolve_load(uuid, uuid) owner to quantmatrix_engine;
