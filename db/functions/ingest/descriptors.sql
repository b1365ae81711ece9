-- What a file states of an instrument, read into what identifies one and what is said of it. A descriptor that contradicts itself is refused.

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

grant execute on function
    ingest.default_multiplier(core.instrument_type), ingest.identifier_list(jsonb), ingest.issuers(text[]), ingest.read_descriptor(jsonb),
    ingest.underlying_key(jsonb), ingest.described_load(uuid, uuid)
    to quantmatrix_writer, quantmatrix_engine;
