-- Rules that are one formula each (N.4, T.2, A.5, A.6, A.8, A.9, D.7). Pure functions: everything that apportions, counts days or ranks lots asks here.

create function tax.take(p_total numeric, p_quantity numeric, p_of numeric, p_scale integer default 2)
returns numeric
language sql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select case
        when p_quantity = p_of then p_total
        else round(p_total * p_quantity / p_of, p_scale)
    end
$$;

comment on function tax.take(numeric, numeric, numeric, integer) is
    'N.4: the share of p_quantity out of p_of in p_total; the last taker gets all that is left.';

create function tax.apportion(p_total numeric, p_weights numeric[], p_scale integer default 2)
returns numeric[]
language plpgsql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    v_left numeric := p_total;
    v_weight numeric := 0;
    v_share numeric;
    v_shares numeric[] := '{}';
begin
    foreach v_share in array p_weights loop
        v_weight := v_weight + v_share;
    end loop;
    for v_place in 1 .. cardinality(p_weights) loop
        if p_weights[v_place] = v_weight then
            v_share := v_left;
        else
            v_share := round(v_left * p_weights[v_place] / v_weight, p_scale);
        end if;
        v_shares[v_place] := v_share;
        v_left := v_left - v_share;
        v_weight := v_weight - p_weights[v_place];
    end loop;
    return v_shares;
end
$$;

comment on function tax.apportion(numeric, numeric[], integer) is
    'N.4 over a list: p_total over p_weights in their order, each rounded to p_scale, the residue to the last.';

-- Brokers print units with three decimals or more, and often without the zeros behind.
create function tax.printed_rounding(p_units numeric, p_scale integer)
returns numeric
language sql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select power(10::numeric, -greatest(3, least(scale(p_units), p_scale)))
$$;

comment on function tax.printed_rounding(numeric, integer) is 'By how much units may differ from those that a broker prints, cut or rounded; p_scale: decimals that the instrument has at most.';

create function tax.simple_ratio(p_new numeric, p_old numeric, p_rounding numeric)
returns numeric[]
language plpgsql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    -- Splits are of few for few: the smaller number of the ratio.
    c_most constant integer := 20;
    v_new numeric;
    v_old numeric;
begin
    if not coalesce(p_new > 0 and p_old > 0, false) then
        return null;
    end if;
    for v_few in 1 .. c_most loop
        v_new := case when p_new >= p_old then round(v_few * p_new / p_old) else v_few end;
        v_old := case when p_new >= p_old then v_few else round(v_few * p_old / p_new) end;
        if abs(p_old * v_new - p_new * v_old) <= p_rounding * v_old then
            return array[v_new, v_old];
        end if;
    end loop;
    return null;
end
$$;

comment on function tax.simple_ratio(numeric, numeric, numeric) is
    'C.2: the simplest ratio of new units to old ones that gives the new units within what the broker rounds; null if none of up to twenty for so many does.';

create function tax.first_long_date(p_held_from date)
returns date
language sql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select greatest((p_held_from + 1 + interval '1 year')::date, (p_held_from + interval '1 year')::date + 1)
$$;

comment on function tax.first_long_date(date) is
    'A.9: first day on which a closing of property held from this date is long-term. Neither half alone is right around 29 February.';

create function tax.settlement_date(p_trade_date date, p_stated date)
returns date
language sql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(
        p_stated,
        (
            select max(d.day)
            from (
                select p_trade_date + o.days as day
                from generate_series(1, 9) o (days)
                where extract(isodow from p_trade_date + o.days) < 6
                and (extract(month from p_trade_date + o.days), extract(day from p_trade_date + o.days)) not in ((1, 1), (12, 25))
                order by o.days
                limit case
                    when p_trade_date >= date '2024-05-28' then 1
                    when p_trade_date >= date '2017-09-05' then 2
                    else 3
                end
            ) d
        )
    )
$$;

comment on function tax.settlement_date(date, date) is
    'Settlement date: the stated one, else the market''s cycle of the time (three days, two from September 2017, one from 28 May 2024).';

create function tax.start_of_day(p_day date)
returns timestamptz
language sql
stable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select p_day::timestamp at time zone 'America/New_York'
$$;

comment on function tax.start_of_day(date) is 'T.2: a row without a time of day counts as 00:00 on the exchange.';

-- The order in which a method uses the lots of one pool (A.5, A.8). Arrays are parallel and in lot order; the answer holds places in them.
-- In PL/pgSQL, which keeps its plan.
create function tax.selection_key(p_method core.lot_method, p_quantity numeric, p_cost numeric, p_multiplier numeric)
returns numeric
language plpgsql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_cost is null then
        return 'infinity';
    end if;
    return case p_method when 'lofo' then 1 else -1 end * round(p_cost / (p_quantity * p_multiplier), 4);
end
$$;

comment on function tax.selection_key(core.lot_method, numeric, numeric, numeric) is
    'What lots that are chosen by their unit cost (N.6) are sorted by, smallest first: the lowest cost under LOFO, else the highest; unknown basis last.';

create function tax.selection_order(
    p_method core.lot_method, p_price numeric, p_closed_on date, p_multiplier numeric,
    p_quantities numeric[], p_costs numeric[], p_held_from date[], p_inherited boolean[]
)
returns integer[]
language plpgsql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    -- In PL/pgSQL, which keeps its plan: a function in SQL is planned anew for each sale.
    return (
        select array_agg(
            l.place::integer
            order by
                l.unit_cost is null,
                case
                    when p_method <> 'mintax' then 0
                    when p_price < l.unit_cost then case when l.is_long then 1 else 0 end
                    when p_price = l.unit_cost then case when l.is_long then 3 else 2 end
                    else case when l.is_long then 4 else 5 end
                end,
                case when p_method = 'lofo' then l.unit_cost else - l.unit_cost end,
                l.place
        )
        from (
            select
                o.place,
                round(o.cost / (o.quantity * p_multiplier), 4) as unit_cost,
                -- Only around the anniversary does the calendar have to be asked (A.9).
                case
                    when p_method <> 'mintax' then null
                    when o.inherited then true
                    when p_closed_on - o.held_from < 366 then false
                    when p_closed_on - o.held_from > 367 then true
                    else p_closed_on >= tax.first_long_date(o.held_from)
                end as is_long
            from unnest(p_quantities, p_costs, p_held_from, p_inherited) with ordinality o (quantity, cost, held_from, inherited, place)
        ) l
    );
end
$$;

comment on function tax.selection_order(core.lot_method, numeric, date, numeric, numeric[], numeric[], date[], boolean[]) is
    'Places of the lots in the order of use: the highest cost first under HIFO, the lowest under LOFO, tax-optimised by the tax at p_price.';

create function tax.last_business_day(p_year integer)
returns date
language sql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select make_date(p_year, 12, 31) - greatest(extract(isodow from make_date(p_year, 12, 31))::integer - 5, 0)
$$;

comment on function tax.last_business_day(integer) is 'D.7: the day on which contracts of section 1256 are marked: 31 December, or the Friday before it.';

-- Exchanges as brokers call them. Of those outside the United States section 1256 names none; the IRS has, in rulings of its own (D.7).
create function tax.is_qualified_exchange(p_exchange text)
returns boolean
language sql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select upper(p_exchange) = any (array[
        'CME', 'GLOBEX', 'CBOT', 'ECBOT', 'CBT', 'NYMEX', 'COMEX', 'CMECRYPTO', 'CFE', 'CBOE', 'CBOE2', 'NYBOT', 'ICEUS', 'NYSELIFFE', 'KCBT', 'KCBOT', 'MGE', 'MGEX',
        'SMALLS', 'SMFE', 'FAIRX', 'CDERIV', 'US',
        -- Eurex Deutschland, ICE Futures Europe with what was LIFFE, ICE Futures Canada, Montreal, Dubai
        'EUREX', 'DTB', 'IPE', 'ICEEU', 'ICEEUSOFT', 'LIFFE', 'LIFFE_NF', 'ICECA', 'WCE', 'CDE', 'ME', 'DME'
    ])
$$;

comment on function tax.is_qualified_exchange(text) is
    'D.7: whether what is traded there is marked to market by section 1256: exchanges of the United States, and those elsewhere that the IRS has named.';

create function tax.is_single_stock_exchange(p_exchange text)
returns boolean
language sql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(upper(p_exchange) in ('ONE', 'ONECHICAGO', 'NQLX'), false)
$$;

comment on function tax.is_single_stock_exchange(text) is
    'D.7: exchanges of single-stock futures, which are securities: outside section 1256, and inside the rules of wash sales.';

-- What the person has stated holds. A contract in dollars of which no source names the exchange is taken to be one of the United States.
create function tax.is_section_1256(p_stated boolean, p_type core.instrument_type, p_exchange text, p_currency text)
returns boolean
language sql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(
        p_stated,
        p_type in ('future', 'future_option')
        and case when p_exchange is null then p_currency = 'USD' else tax.is_qualified_exchange(p_exchange) end
    )
$$;

comment on function tax.is_section_1256(boolean, core.instrument_type, text, text) is
    'D.7: whether a contract falls under section 1256: as stated, else futures and options on them by their exchange.';

create function tax.is_wash_exempt(p_stated boolean, p_type core.instrument_type, p_exchange text)
returns boolean
language sql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(
        p_stated,
        p_type in ('digital', 'currency') or p_type in ('future', 'future_option') and not tax.is_single_stock_exchange(p_exchange)
    )
$$;

comment on function tax.is_wash_exempt(boolean, core.instrument_type, text) is
    'F.8: what is neither stock nor a security knows no wash sale: as stated, else digital assets, currencies and futures but those on single stocks.';

grant execute on function
    tax.is_qualified_exchange(text), tax.is_single_stock_exchange(text), tax.is_section_1256(boolean, core.instrument_type, text, text),
    tax.is_wash_exempt(boolean, core.instrument_type, text)
    to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin, quantmatrix_writer;
