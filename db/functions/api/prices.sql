-- Prices: shared by all, so only administrators load them. A bar that jumps is held apart, and so is what follows it at the new level, unless an
-- administrator has said that there was a corporate action; a single wrong bar holds only itself. What people have in their books says nothing
-- about a shared price: a split that one of them made up would publish a wrong bar to all.

create function api.prices_load(
    prices jsonb default null, load_id uuid default null, records bigint default null, dry_run boolean default false
)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_bar record;
    v_instrument_id bigint;
    v_of text;
    v_limit numeric;
    v_close numeric;
    v_at timestamptz;
    v_adjusted numeric;
    v_stored numeric;
    v_is_held boolean;
    v_new integer := 0;
    v_known integer := 0;
    v_changed integer := 0;
    v_held integer := 0;
    v_unknown jsonb := '{}';
    v_ambiguous jsonb := '{}';
    v_prices jsonb := prices_load.prices;
    v_user_id uuid;
    v_answer jsonb;
begin
    if prices_load.dry_run then
        v_answer := auth.dry_run(format('select api.prices_load(%L, %L, %L)', prices_load.prices, prices_load.load_id, prices_load.records));
        if prices_load.load_id is not null then
            perform ingest.drop_load(auth.require_user(), prices_load.load_id);
        end if;
        return v_answer;
    end if;
    perform auth.require_admin();
    if prices_load.load_id is not null then
        v_user_id := auth.require_user();
        perform ingest.take_load(v_user_id, prices_load.load_id, prices_load.records);
        select jsonb_agg(s.payload)
        into v_prices
        from ingest.staging s
        where s.load_id = prices_load.load_id
        and s.user_id = v_user_id;
        perform ingest.drop_load(v_user_id, prices_load.load_id);
    end if;
    for v_bar in
        select b.*
        from ingest.named_bars(v_prices) b
        order by b.symbol, b.type, b.currency, b.instrument_id, b.day
    loop
        if v_of is distinct from concat_ws('|', v_bar.symbol, v_bar.type, v_bar.currency, v_bar.instrument_id) then
            v_of := concat_ws('|', v_bar.symbol, v_bar.type, v_bar.currency, v_bar.instrument_id);
            v_instrument_id := v_bar.instrument_id;
            v_close := null;
            v_adjusted := null;
            if v_instrument_id is not null then
                select ingest.jump_limit(i.instrument_type)
                into v_limit
                from core.instruments i
                where i.id = v_instrument_id;
                select m.close, m.as_of, m.adjusted_close
                into v_close, v_at, v_adjusted
                from core.market_data m
                where m.instrument_id = v_instrument_id
                and m.interval = '1d'
                and m.as_of < v_bar.as_of
                order by m.as_of desc
                limit 1;
            end if;
        end if;
        if v_instrument_id is null and cardinality(v_bar.ids) > 1 then
            v_ambiguous := v_ambiguous || jsonb_build_object(v_bar.symbol, ingest.instrument_keys(v_bar.ids));
            continue;
        elsif v_instrument_id is null then
            v_unknown := v_unknown || jsonb_build_object(v_bar.symbol, coalesce((v_unknown ->> v_bar.symbol)::integer, 0) + 1);
            continue;
        end if;
        if v_bar.close is null or v_bar.close <= 0 or v_bar.day > current_date + 1 then
            raise exception 'a price of % on % is not a price', v_bar.symbol, v_bar.day using errcode = 'QM002';
        end if;

        v_is_held := v_close is not null
            and v_limit is not null
            and greatest(v_bar.close / v_close, v_close / v_bar.close) > v_limit
            and v_bar.as_of - v_at < interval '31 days'
            and not coalesce(v_bar.is_explained, false)
            and not coalesce(greatest(v_bar.adjusted_close / v_adjusted, v_adjusted / v_bar.adjusted_close) <= v_limit, false)
            and not ingest.has_action_between(v_instrument_id, v_at, v_bar.as_of);
        if v_is_held then
            insert into ingest.held_prices (
                instrument_id, interval, as_of, open, high, low, close, adjusted_close, volume, source, previous_close, previous_as_of
            )
            values (
                v_instrument_id, '1d', v_bar.as_of, v_bar.open, v_bar.high, v_bar.low, v_bar.close, v_bar.adjusted_close, v_bar.volume,
                v_bar.source, v_close, v_at
            )
            on conflict on constraint held_prices_pkey do update
            set close = excluded.close, source = excluded.source, previous_close = excluded.previous_close, previous_as_of = excluded.previous_as_of;
            v_held := v_held + 1;
            continue;
        end if;

        select m.close
        into v_stored
        from core.market_data m
        where m.instrument_id = v_instrument_id
        and m.interval = '1d'
        and m.as_of = v_bar.as_of;
        if not found then
            v_new := v_new + 1;
        elsif v_stored = v_bar.close then
            v_known := v_known + 1;
        else
            v_changed := v_changed + 1;
        end if;
        insert into core.market_data (instrument_id, interval, as_of, open, high, low, close, adjusted_close, volume, source)
        values (
            v_instrument_id, '1d', v_bar.as_of, v_bar.open, v_bar.high, v_bar.low, v_bar.close, v_bar.adjusted_close, v_bar.volume, v_bar.source
        )
        on conflict on constraint market_data_pkey do update
        set
            open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,
            adjusted_close = excluded.adjusted_close, volume = excluded.volume, source = excluded.source, created_at = now()
        where market_data.close <> excluded.close;
        v_close := v_bar.close;
        v_at := v_bar.as_of;
        v_adjusted := v_bar.adjusted_close;
    end loop;
    return jsonb_build_object('new', v_new, 'known', v_known, 'changed', v_changed, 'held', v_held, 'unknown', v_unknown, 'ambiguous', v_ambiguous);
end
$$;

comment on function api.prices_load(jsonb, uuid, bigint, boolean) is $$Load daily prices
Administrators only. prices: an array of objects with symbol, type, currency, day, open, high, low, close, adjusted_close, volume, source and is_explained; or load_id and records, the load under which so many were staged with import_stage, each the payload of a line.
Returns how many are new, known, changed and held for review, symbols that the catalogue does not have, and ambiguous: symbols of several identities, {symbol: [type|symbol|currency]}, of which nothing was loaded; give type and currency. dry_run: everything is done and taken back; the answer says what it would have been.$$;

create function api.prices_held()
returns jsonb
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform auth.require_admin();
    return coalesce((
        select jsonb_agg(
            jsonb_build_object(
                'symbol', h.symbol, 'from', h.first_day, 'bars', h.bars, 'previous_close', trim_scale(h.previous_close)::text,
                'close', trim_scale(h.close)::text, 'source', h.source
            )
            order by h.symbol
        )
        from (
            select
                i.symbol,
                (min(p.as_of) at time zone 'America/New_York')::date as first_day,
                count(*) as bars,
                (array_agg(p.previous_close order by p.as_of))[1] as previous_close,
                (array_agg(p.close order by p.as_of))[1] as close,
                (array_agg(p.source order by p.as_of))[1] as source
            from ingest.held_prices p
            join core.instruments i on i.id = p.instrument_id
            group by i.id, i.symbol
        ) h
    ), '[]');
end
$$;

comment on function api.prices_held() is $$Prices held for review
Administrators only. An array of objects: symbol, from, bars, previous_close, close, source.$$;

create function api.prices_decide(symbol text, accept boolean)
returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_count integer;
begin
    perform auth.require_admin();
    with decided as (
        delete from ingest.held_prices p
        using core.instruments i
        where i.id = p.instrument_id
        and i.symbol = prices_decide.symbol
        returning p.*
    ),
    taken as (
        insert into core.market_data (instrument_id, interval, as_of, open, high, low, close, adjusted_close, volume, source)
        select d.instrument_id, d.interval, d.as_of, d.open, d.high, d.low, d.close, d.adjusted_close, d.volume, d.source
        from decided d
        where prices_decide.accept
        on conflict on constraint market_data_pkey do update
        set close = excluded.close, adjusted_close = excluded.adjusted_close, source = excluded.source, created_at = now()
        returning 1
    )
    select count(*)
    into v_count
    from decided d;
    if v_count = 0 then
        raise exception 'no price of "%" is held', coalesce(prices_decide.symbol, '')
            using errcode = 'QM001', hint = '`prices_held`';
    end if;
    return v_count;
end
$$;

comment on function api.prices_decide(text, boolean) is $$Take held prices over, or throw them away
Administrators only. Returns how many bars.$$;

create function api.price_action_add(symbol text, day date, reason text)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_key text[] := string_to_array(price_action_add.symbol, '|');
    v_ids bigint[];
begin
    perform auth.require_admin();
    perform ingest.require_reason(price_action_add.reason);
    if price_action_add.day not between '1900-01-01' and current_date + 366 or price_action_add.day is null then
        raise exception 'day: is wanted, from 1900 to a year from now' using errcode = 'QM002';
    end if;
    v_ids := case
        when cardinality(v_key) = 3 then ingest.priced_instruments(v_key[2], v_key[1], v_key[3])
        else ingest.priced_instruments(price_action_add.symbol, null, null)
    end;
    if cardinality(v_ids) = 0 then
        raise exception 'the catalogue has no "%"', coalesce(price_action_add.symbol, '')
            using errcode = 'QM001', hint = 'give the symbol as it is in the catalogue, or type|symbol|currency';
    elsif cardinality(v_ids) > 1 and not ingest.is_price_of_all(v_key[1], v_key[3]) then
        raise exception 'the symbol "%" is of several instruments', price_action_add.symbol
            using errcode = 'QM003', detail = array_to_string(ingest.instrument_keys(v_ids), ', '), hint = 'give it as type|symbol|currency';
    end if;
    insert into ingest.price_actions (instrument_id, acted_on, reason)
    select distinct i.id, price_action_add.day, btrim(price_action_add.reason)
    from unnest(v_ids) i (id)
    on conflict on constraint price_actions_pkey do update
    set reason = excluded.reason;
    return jsonb_build_object('instrument', (ingest.instrument_keys(v_ids))[1], 'day', price_action_add.day, 'reason', btrim(price_action_add.reason));
end
$$;

comment on function api.price_action_add(text, date, text) is $$Explain a jump of a price
Administrators only. Says that a corporate action (a split, a spin-off) is why the shared price of an instrument jumps at a day, so that bars around it are not held. It changes no price and nobody's book.$$;
grant execute on function api.prices_load(jsonb, uuid, bigint, boolean), api.prices_held(), api.prices_decide(text, boolean), api.price_action_add(text, date, text) to quantmatrix_admin;

alter function api.price_action_add(text, date, text) owner to quantmatrix_engine;
alter function api.prices_load(jsonb, uuid, bigint, boolean) owner to quantmatrix_engine;
alter function api.prices_held() owner to quantmatrix_engine;
alter function api.prices_decide(text, boolean) owner to quantmatrix_engine;
