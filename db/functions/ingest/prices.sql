-- Which instruments a published price is of, and when a jump of it is explained.

create function ingest.jump_limit(p_type core.instrument_type)
returns numeric
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select case
        when p_type in ('stock', 'fund', 'bond') then 1.4
        when p_type = 'currency' then 1.2
        when p_type in ('digital', 'future', 'other') then 2
    end
$$;

comment on function ingest.jump_limit(core.instrument_type) is 'How many times a close may be the last one, up or down, before the bar is held; null: any.';

create function ingest.has_action_between(p_instrument_id bigint, p_from timestamptz, p_to timestamptz)
returns boolean
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select exists (
        select from ingest.price_actions a
        where a.instrument_id = p_instrument_id
        and a.acted_on between p_from::date - 1 and p_to::date + 1
    )
$$;

comment on function ingest.has_action_between(bigint, timestamptz, timestamptz) is 'Whether an administrator has said that a corporate action explains a jump of the price.';

create function ingest.is_price_of_all(p_type text, p_currency text)
returns boolean
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(p_type in ('option', 'future', 'future_option') and p_currency <> '', false)
$$;

comment on function ingest.is_price_of_all(text, text) is 'Whether a price of this kind and currency is that of every multiplier.';

-- The catalogue's instruments for a symbol; a pair of currencies is made, nothing else is. Anybody may have added another identity of a known
-- symbol, so a symbol alone that is several names none of them; kind, currency and the usual multiplier name one. Derivatives have no usual
-- multiplier, and a price is by the point whatever a point is worth: kind and currency name all of theirs, or else whoever adds one more would
-- take the price from those who hold the other. At most a hundred, so that nobody makes a price cost without end.
create function ingest.priced_instruments(p_symbol text, p_type text, p_currency text)
returns bigint[]
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '2s'
as $$
declare
    v_ids bigint[];
    v_usual bigint[];
begin
    select array_agg(i.id order by i.id), array_agg(i.id order by i.id) filter (where i.multiplier = ingest.default_multiplier(i.instrument_type))
    into v_ids, v_usual
    from core.instruments i
    where i.symbol = p_symbol
    and (p_type is null or i.instrument_type::text = p_type)
    and (p_currency is null or i.currency = p_currency);
    if v_ids is null and p_type = 'currency' and p_symbol ~ '^[A-Z]{3}\.[A-Z]{3}$' then
        insert into core.instruments (symbol, instrument_type, currency)
        values (p_symbol, 'currency', right(p_symbol, 3))
        on conflict on constraint instruments_identity_taken do nothing;
        select array_agg(i.id)
        into v_ids
        from core.instruments i
        where i.symbol = p_symbol
        and i.instrument_type = 'currency';
    end if;
    return case
        when ingest.is_price_of_all(p_type, p_currency) then coalesce((v_usual || v_ids)[:100], '{}')
        when cardinality(v_ids) > 1 and p_type is not null and p_currency is not null and cardinality(v_usual) = 1 then v_usual
        else coalesce(v_ids, '{}')
    end;
end
$$;

comment on function ingest.priced_instruments(text, text, text) is
    'The instruments that a price is of: none, one, those of all multipliers (ingest.is_price_of_all), or several that more must be said about.';

create function ingest.instrument_keys(p_instrument_ids bigint[])
returns text[]
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select array_agg(concat_ws('|', i.instrument_type, i.symbol, i.currency, nullif(trim_scale(i.multiplier), ingest.default_multiplier(i.instrument_type))) order by i.id)
    from core.instruments i
    where i.id = any (p_instrument_ids)
$$;

comment on function ingest.instrument_keys(bigint[]) is 'Identities as type|symbol|currency, with the multiplier where it is not the usual one.';

create function ingest.named_bars(p_prices jsonb)
returns table (
    symbol text, type text, currency text, day date, open numeric, high numeric, low numeric, close numeric, adjusted_close numeric, volume numeric,
    source text, is_explained boolean, as_of timestamptz, ids bigint[], instrument_id bigint
)
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
    with bars as materialized (
        select b.*, (b.day)::timestamp at time zone 'America/New_York' as as_of
        from jsonb_to_recordset(p_prices) as b (
            symbol text, type text, currency text, day date, open numeric, high numeric, low numeric, close numeric,
            adjusted_close numeric, volume numeric, source text, is_explained boolean
        )
    ),
    named as materialized (
        select n.symbol, n.type, n.currency, ingest.priced_instruments(n.symbol, n.type, n.currency) as ids
        from (select distinct b.symbol, b.type, b.currency from bars b) n
    )
    select b.*, n.ids, one.id
    from bars b
    join named n
        on n.symbol is not distinct from b.symbol
        and n.type is not distinct from b.type
        and n.currency is not distinct from b.currency
    left join lateral (
        select distinct u.id
        from unnest(n.ids) u (id)
        where cardinality(n.ids) = 1
        or ingest.is_price_of_all(n.type, n.currency)
    ) one on true
$$;

comment on function ingest.named_bars(jsonb) is
    'Bars as they are given, each with all instruments that its symbol, type and currency may mean, and the one that it prices; a row for each where it prices several.';

grant execute on function ingest.jump_limit(core.instrument_type), ingest.is_price_of_all(text, text), ingest.named_bars(jsonb) to quantmatrix_engine;

alter function ingest.has_action_between(bigint, timestamptz, timestamptz) owner to quantmatrix_engine;
alter function ingest.priced_instruments(text, text, text) owner to quantmatrix_engine;
alter function ingest.instrument_keys(bigint[]) owner to quantmatrix_engine;
