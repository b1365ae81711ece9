-- What the engine does not compute it flags (tax-rules 0.5): short sales and options beside shares, mergers, arrivals from outside, all judged after
-- the last event of a group, from the pieces and closings that came out. Only groups that hold more than purchases and sales are looked at. Whether
-- something was open at an event is counted by running sums over the events, never by comparing each piece with each.

create function tax.warnings(p_history tax.history, p_derivation tax.derivation)
returns table (code tax.notice_code, transaction_id bigint, related_transaction_id bigint, sentence text)
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_instruments integer := cardinality(p_history.instrument_id);
    v_id bigint[] := p_derivation.event_id;
    v_code integer[] := p_history.event_code;
    v_date date[] := p_history.event_date;
    v_amount numeric[] := p_history.event_amount;
    v_quantity numeric[] := p_history.event_quantity;
    v_source integer[] := p_derivation.piece_source;
    v_pool integer[] := p_derivation.piece_pool;
    v_opened numeric[] := p_derivation.piece_opened;
    v_cost numeric[] := p_derivation.piece_cost;
    v_acquired date[] := p_derivation.piece_acquired;
    v_held_from date[] := p_derivation.piece_held_from;
    v_closed_by integer[] := p_derivation.piece_closed_by;
    v_left numeric[] := p_derivation.piece_quantity;
    v_class integer[] := p_history.instrument_wash_class;
    v_underlying integer[] := p_history.instrument_underlying;
    v_strike numeric[] := p_history.instrument_strike;
    v_call boolean[] := p_history.instrument_call;
begin
    return query
    with piece as materialized (
        select
            p.place,
            v_source[p.place] as start_event,
            case when v_left[p.place] = 0 then v_closed_by[p.place] end as end_event,
            (v_pool[p.place] - 1) / 2 % v_instruments + 1 as instrument,
            v_pool[p.place] % 2 = 1 as is_long
        from generate_series(1, cardinality(v_source)) p (place)
        where v_opened[p.place] is not null
    ),
    described as materialized (
        select
            p.*,
            v_strike[p.instrument] is not null as is_option,
            coalesce(v_underlying[p.instrument], p.instrument) as family,
            -- Shares, bought calls and written puts gain when the shares rise.
            p.is_long = coalesce(v_call[p.instrument], true) as is_bullish,
            case when v_class[p.instrument] > 0 then v_class[p.instrument] else - p.instrument end as class
        from piece p
    ),
    closing as materialized (
        -- By the pool at that time: what a merger brought elsewhere was still the old issuer's.
        select
            i.*,
            v_strike[i.instrument] is not null as is_option,
            coalesce(v_underlying[i.instrument], i.instrument) as family,
            i.is_long = coalesce(v_call[i.instrument], true) as is_bullish,
            case when v_class[i.instrument] > 0 then v_class[i.instrument] else - i.instrument end as class
        from (
            select
                c.*,
                (coalesce(c.stated_pool, v_pool[c.piece]) - 1) / 2 % v_instruments + 1 as instrument,
                coalesce(c.stated_pool, v_pool[c.piece]) % 2 = 1 as is_long
            from (
                select
                    unnest(p_derivation.closing_event) as event,
                    unnest(p_derivation.closing_piece) as piece,
                    unnest(p_derivation.closing_pool) as stated_pool,
                    unnest(p_derivation.closing_kind) as kind,
                    unnest(p_derivation.closing_quantity) as quantity,
                    unnest(p_derivation.closing_lot) as lot,
                    unnest(p_derivation.closing_other) as other
            ) c
            where c.piece > 0
        ) i
    ),
    loss as materialized (
        select c.*
        from closing c
        where c.quantity > 0
        and coalesce(c.kind not in ('boot', 'roc_excess', 'mtm', 'unmatched'), true)
        and case when c.is_long then c.lot > c.other else c.other > c.lot end
    ),
    delivered as materialized (
        select distinct c.piece
        from closing c
        where c.kind = 'delivery'
    ),

    -- Shares and shorts of one class that are open at the same time, less those that were delivered.
    share as (
        select d.*, d.place not in (select x.piece from delivered x) as is_kept
        from described d
        where not d.is_option
    ),
    share_mark as (
        select
            d.class, d.start_event as event, 0 as turn, d.is_long::integer as longs, (d.is_long and d.is_kept)::integer as kept_longs,
            (not d.is_long and d.is_kept)::integer as kept_shorts, null::integer as opened
        from share d
        union all
        select d.class, d.end_event, 0, - d.is_long::integer, - (d.is_long and d.is_kept)::integer, - (not d.is_long and d.is_kept)::integer, null
        from share d
        where d.end_event is not null
        union all
        select d.class, d.start_event, 1, 0, 0, 0, d.place
        from share d
        where not d.is_long
        or d.is_kept and v_code[d.start_event] in (1, 4)
    ),
    beside as materialized (
        select m.opened, m.longs, m.kept_longs, m.kept_shorts
        from (
            select
                s.opened,
                sum(s.longs) over w as longs,
                sum(s.kept_longs) over w as kept_longs,
                sum(s.kept_shorts) over w as kept_shorts
            from share_mark s
            window w as (partition by s.class order by s.event, s.turn)
        ) m
        where m.opened is not null
    ),

    -- Positions in one underlying that gain and lose against each other, at least one of them an option.
    leg_mark as (
        select
            d.family, d.start_event as event, 0 as turn, d.is_bullish, 1 as legs, d.is_option::integer as options, null::integer as closed,
            null::boolean as closes_option
        from described d
        union all
        select d.family, d.end_event, 0, d.is_bullish, -1, - d.is_option::integer, null, null
        from described d
        where d.end_event is not null
        union all
        select l.family, l.event, 1, l.is_bullish, 0, 0, l.event, l.is_option
        from loss l
    ),
    offset_leg as (
        select m.closed
        from (
            select
                k.closed, k.closes_option,
                case when k.is_bullish
                    then sum(k.legs) filter (where not k.is_bullish) over w
                    else sum(k.legs) filter (where k.is_bullish) over w
                end as legs,
                case when k.is_bullish
                    then sum(k.options) filter (where not k.is_bullish) over w
                    else sum(k.options) filter (where k.is_bullish) over w
                end as options
            from leg_mark k
            window w as (partition by k.family order by k.event, k.turn)
        ) m
        where m.closed is not null
        and case when m.closes_option then m.legs > 0 else m.options > 0 end
    )
    select
        'short_sale_1233'::tax.notice_code, v_id[d.start_event], null::bigint,
        case when d.is_long
            then 'Bought while identical shares are sold short and not delivered: their holding period may change (section 1233).'
            else 'Sold short while identical shares are held and not delivered: their holding period may change (section 1233).'
        end
    from beside b
    join described d on d.place = b.opened
    where case when d.is_long then b.kept_shorts > 0 else b.kept_longs > 0 end

    union all
    select distinct
        'constructive_sale_1259'::tax.notice_code, v_id[d.start_event], null::bigint,
        'Sold short against shares with an unrealised gain: this may count as a sale of those shares (section 1259).'
    from beside b
    join described d on d.place = b.opened
    join described own on own.class = d.class and own.is_long and not own.is_option
    where not d.is_long
    and b.longs > 0
    and own.start_event < d.start_event
    and (own.end_event is null or own.end_event >= d.start_event)
    and v_amount[d.start_event] * case when v_code[own.start_event] <= 5 then v_quantity[own.start_event] else v_opened[own.place] end
        > case when v_code[own.start_event] <= 5 then v_amount[own.start_event] else v_cost[own.place] end * v_quantity[d.start_event]

    union all
    select distinct
        'put_on_short_held_stock'::tax.notice_code, v_id[d.start_event], null::bigint,
        'A put was bought on shares held for one year or less: their holding period may start anew (section 1233).'
    from described d
    join described own on own.instrument = d.family and own.is_long
    where d.is_option
    and d.is_long
    and not v_call[d.instrument]
    and v_code[d.start_event] in (1, 4)
    and own.place <> d.place
    and own.start_event < d.start_event
    and (own.end_event is null or own.end_event > d.start_event)
    and v_date[d.start_event] < tax.first_long_date(v_held_from[own.place])

    union all
    select distinct
        'straddle_1092'::tax.notice_code, v_id[o.closed], null::bigint,
        'Closed at a loss while an offsetting position in the same underlying is open: the loss may have to wait (section 1092).'
    from offset_leg o

    union all
    select distinct
        'merger_identical'::tax.notice_code, v_id[l.event], v_id[bought.start_event],
        'A purchase of the successor falls into the window of this loss on the predecessor; they may count as identical, which is not assumed.'
    from (
        select distinct
            (p_history.event_pool[m.event] - 1) / 2 % v_instruments + 1 as old,
            (v_pool[e.place] - 1) / 2 % v_instruments + 1 as new
        from generate_series(1, cardinality(v_source)) e (place)
        cross join lateral (select p_derivation.piece_placed_by[e.place] as event) m
        where v_code[m.event] in (44, 46)
    ) x
    join loss l on l.instrument = x.old and l.is_long
    join described bought on bought.instrument = x.new and bought.is_long and v_code[bought.start_event] in (1, 4)
    where x.old <> x.new
    and abs(v_date[bought.start_event] - v_date[l.event]) <= 30

    union all
    select distinct
        'external_purchase_window'::tax.notice_code, v_id[l.event], v_id[came.start_event],
        'Shares delivered from outside were bought within thirty days of this loss; whether they replace it is not decided here.'
    from described came
    join loss l on l.class = came.class and l.is_long
    where v_code[came.start_event] = 21
    and came.is_long
    and abs(v_acquired[came.place] - v_date[l.event]) <= 30

    union all
    select distinct
        'deep_put_written'::tax.notice_code, v_id[written.start_event], v_id[l.event],
        'A put far in the money was written within thirty days of a loss on the shares; it may count as a purchase of them.'
    from described written
    join loss l on l.instrument = written.family and l.is_long
    where written.is_option
    and not written.is_long
    and not v_call[written.instrument]
    and abs(v_date[written.start_event] - v_date[l.event]) <= 30
    and v_strike[written.instrument] * l.quantity >= 1.2 * l.other;
end
$$;

comment on function tax.warnings(tax.history, tax.derivation) is
    'Notices about what lies outside the engine, for one group: short_sale_1233, constructive_sale_1259, put_on_short_held_stock, straddle_1092, merger_identical, external_purchase_window, deep_put_written.';
