-- The old database (V1) in our words. Its rows wait in ingest.staging as kinds v1_TABLE, one object each, only with columns that are read: no secret of
-- V1 is ever staged. What these functions do not understand is null; the reading rules give it a name.

create function legacy.broker(p_broker text)
returns text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select case
        when name.word in ('ib', 'ibkr', 'interactive_brokers', 'interactivebrokers') then 'ibkr'
        when name.word in ('tasty', 'tastytrade', 'tasty_trade', 'tastyworks') then 'tastytrade'
        when name.word ~ '^[a-z0-9][a-z0-9_]{0,39}$' then name.word
        else 'unknown'
    end
    from (select btrim(regexp_replace(lower(btrim(coalesce(p_broker, ''))), '[^a-z0-9]+', '_', 'g'), '_') as word) name
$$;

comment on function legacy.broker(text) is 'A broker of V1 in our spelling.';

create function legacy.account_type(p_type text)
returns core.account_type
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select (case
        when lower(p_type) ~ 'roth' then 'roth_ira'
        when lower(p_type) ~ '401' then '401k'
        when lower(p_type) ~ 'hsa|health' then 'hsa'
        when lower(p_type) ~ '(^|[^a-z])ira([^a-z]|$)|deferred|retirement' then 'ira'
        else 'taxable'
    end)::core.account_type
$$;

comment on function legacy.account_type(text) is 'An account type of V1, free text there, as one of ours.';

-- Class shares are written BRK B, BRK/B or BRK.B; an option with and without blanks in its 21 characters.
create function legacy.symbol(p_symbol text)
returns text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select case
        when squeezed.symbol ~ '^[A-Z0-9]{1,6}[0-9]{6}[CP][0-9]{8}$'
            then rpad(left(squeezed.symbol, length(squeezed.symbol) - 15), 6) || right(squeezed.symbol, 15)
        when spelled.symbol like '% %' then replace(spelled.symbol, ' ', '.')
        else regexp_replace(spelled.symbol, '^([A-Z0-9]+)/([A-Z]{1,2})$', '\1.\2')
    end
    from (select nullif(regexp_replace(btrim(upper(p_symbol)), '\s+', ' ', 'g'), '') as symbol) spelled
    cross join lateral (select replace(spelled.symbol, ' ', '') as symbol) squeezed
$$;

comment on function legacy.symbol(text) is 'A symbol of V1 in our spelling: BRK.B, options padded to 21 characters.';

create function legacy.is_option(p_symbol text)
returns boolean
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select case
        when p_symbol ~ '^.{6}[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])[CP][0-9]{8}$'
            -- The day must exist: 250230 is no expiration.
            then substr(p_symbol, 11, 2)::integer <= extract(
                day from make_date(2000 + substr(p_symbol, 7, 2)::integer, substr(p_symbol, 9, 2)::integer, 1) + interval '1 month - 1 day'
            )
        else false
    end
$$;

comment on function legacy.is_option(text) is 'Whether a symbol in our spelling names an option contract.';

-- The identity that a kept row is about, as ingest.read_descriptor wants it.
create function legacy.instrument(p_symbol text, p_type text, p_currency text)
returns jsonb
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_strip_nulls(
        jsonb_build_object('type', p_type, 'symbol', p_symbol, 'currency', p_currency)
        || case
            when p_type = 'option' then jsonb_build_object(
                'underlying',
                case
                    -- A root with a digit behind letters is an adjusted contract of the ticker without it.
                    when btrim(left(p_symbol, 6)) ~ '^[A-Z]+[0-9]+$' then rtrim(btrim(left(p_symbol, 6)), '0123456789')
                    else btrim(left(p_symbol, 6))
                end,
                'option_type', case substr(p_symbol, 13, 1) when 'C' then 'call' else 'put' end,
                'strike', trim_scale(substr(p_symbol, 14, 8)::numeric / 1000),
                'expiration', '20' || substr(p_symbol, 7, 2) || '-' || substr(p_symbol, 9, 2) || '-' || substr(p_symbol, 11, 2),
                'multiplier', 100
            )
            else '{}'
        end
    )
$$;

comment on function legacy.instrument(text, text, text) is 'Descriptor of an instrument of V1 by its symbol in our spelling.';

create function legacy.side(p_word text)
returns text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select case
        when upper(btrim(p_word)) ~ '^(BUY|BOT|BOUGHT)' then 'buy'
        when upper(btrim(p_word)) ~ '^(SELL|SLD|SOLD)' then 'sell'
    end
$$;

comment on function legacy.side(text) is 'BUY and BOT, SELL and SLD; null for TRADE and all else.';

-- A binary float as a decimal again: 61.43750000000369 was 61.4375. What is no number at all is null.
create function legacy.number(p_number numeric, p_places integer)
returns numeric
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select case when abs(p_number) < 1e15 then trim_scale(round(p_number, p_places)) end
$$;

comment on function legacy.number(numeric, integer) is 'A float of V1 as a decimal of so many places; null for NaN, infinities and what no account can hold.';

grant execute on function
    legacy.broker(text), legacy.account_type(text), legacy.symbol(text), legacy.is_option(text),
    legacy.instrument(text, text, text), legacy.side(text), legacy.number(numeric, integer)
    to quantmatrix_writer;
