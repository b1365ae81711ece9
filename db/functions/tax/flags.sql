-- What the engine does not compute it says (S.4). These notices look at what the event loop derived as a whole: which positions were open
-- side by side, and what lies near a loss. They never change a number, and they are asked for only where there are shorts, options, funds of a named index or rare events.
-- Everything is counted along the order of events or joined by month: a comparison of each piece with each would not end for an active trader.

create function tax.flags(p_history tax.history, p_derivation tax.derivation, p_merged_old integer[], p_merged_new integer[])
returns setof tax.flag
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_nestloop = off
as $$
declare
    v_pool_account integer[] := p_history.pool_account_place;
    v_pool_instrument integer[] := p_history.pool_instrument_place;
    v_pool_is_long boolean[] := p_history.pool_is_long;
    v_class integer[] := p_history.instrument_wash_class;
    v_index_family text[] := p_history.instrument_index_family;
    v_strike numeric[] := p_history.instrument_strike;
    v_is_call boolean[] := p_history.instrument_call;
    v_underlying integer[] := p_history.instrument_underlying;
    v_is_1256 boolean[] := p_history.instrument_1256;
    v_taxable boolean[] := p_history.account_taxable;
    v_event_id bigint[] := p_derivation.event_id;
    v_event_kind tax.event_kind[] := p_history.event_kind;
    v_event_pool integer[] := p_history.event_pool;
    v_event_date date[] := p_history.event_date;
    v_source integer[] := p_derivation.piece_source;
    v_pool integer[] := p_derivation.piece_pool;
    v_opened numeric[] := p_derivation.piece_opened;
    v_closed_by integer[] := p_derivation.piece_closed_by;
    v_acquired date[] := p_derivation.piece_acquired;
    v_no_purchase boolean[] := p_derivation.piece_no_purchase;
begin
    return query
    with piece as materialized (
        select
            s.source,
            s.ended,
            s.acquired,
            s.is_purchase,
            s.is_short,
            s.is_delivered,
            s.is_taxable,
            s.instrument,
            v_class[s.instrument] as class,
            v_index_family[s.instrument] as index_family,
            v_strike[s.instrument] as strike,
            v_is_call[s.instrument] as is_call,
            coalesce(v_underlying[s.instrument], s.instrument) as family,
            -- Up with the price, or down.
            s.is_short = coalesce(v_is_call[s.instrument], true) as is_bearish
        from (
            select
                v_source[p.place] as source,
                v_closed_by[p.place] as ended,
                v_acquired[p.place] as acquired,
                v_no_purchase[p.place] is null as is_purchase,
                not v_pool_is_long[v_pool[p.place]] as is_short,
                coalesce(v_event_kind[v_closed_by[p.place]] = 'delivery', false) as is_delivered,
                v_taxable[v_pool_account[v_pool[p.place]]] as is_taxable,
                v_pool_instrument[v_pool[p.place]] as instrument
            from (
                select generate_series(1, cardinality(v_source)) as place
            ) p
            where v_opened[p.place] is not null
        ) s
        where not v_is_1256[s.instrument]
    ),
    loss as materialized (
        select
            c.event,
            v_event_id[c.event] as transaction_id,
            v_event_date[c.event] as day,
            c.instrument,
            v_class[c.instrument] as class,
            v_index_family[c.instrument] as index_family,
            coalesce(v_underlying[c.instrument], c.instrument) as family,
            c.is_short = coalesce(v_is_call[c.instrument], true) as is_bearish,
            c.proceeds / nullif(c.quantity, 0) as price
        from (
            select
                e.event, e.kind, e.quantity,
                v_pool_instrument[coalesce(e.pool, v_pool[e.piece])] as instrument,
                v_pool_account[coalesce(e.pool, v_pool[e.piece])] as account,
                not v_pool_is_long[coalesce(e.pool, v_pool[e.piece])] as is_short,
                case when v_pool_is_long[coalesce(e.pool, v_pool[e.piece])] then e.other else e.lot end as proceeds,
                case when v_pool_is_long[coalesce(e.pool, v_pool[e.piece])] then e.lot else e.other end as basis
            from (
                select
                    unnest(p_derivation.closing_event) as event,
                    unnest(p_derivation.closing_kind) as kind,
                    unnest(p_derivation.closing_piece) as piece,
                    unnest(p_derivation.closing_pool) as pool,
                    unnest(p_derivation.closing_quantity) as quantity,
                    unnest(p_derivation.closing_lot) as lot,
                    unnest(p_derivation.closing_other) as other
            ) e
            where e.piece <> 0
        ) c
        where c.proceeds < c.basis
        and v_taxable[c.account]
        and not v_is_1256[c.instrument]
        and coalesce(c.kind not in ('boot', 'roc_excess', 'mtm'), true)
    ),
    -- Starts and ends of held shares along the events, and the shorts that ask how many lie beside them (A.11).
    beside_short as (
        select l.class, l.source as at, 1 as turn, 1 as started, 0 as gone, null::integer as asked_by
        from piece l
        where l.is_taxable and not l.is_short and l.strike is null and not l.is_delivered
        union all
        select l.class, l.ended, 1, 0, 1, null
        from piece l
        where l.is_taxable and not l.is_short and l.strike is null and not l.is_delivered and l.ended is not null
        union all
        select s.class, s.source, 2, 0, 0, s.source
        from piece s
        where s.is_taxable and s.is_short and s.strike is null and s.class > 0
        union all
        select s.class, coalesce(s.ended, 2147483647), 0, 0, 0, s.source
        from piece s
        where s.is_taxable and s.is_short and s.strike is null and s.class > 0
    ),
    counted_beside_short as (
        select
            b.asked_by, b.turn,
            sum(b.started) over so_far as started,
            sum(b.gone) over so_far as gone
        from beside_short b
        window so_far as (partition by b.class order by b.at, b.turn rows unbounded preceding)
    ),
    -- The same for legs of one underlying that move against each other (D.9).
    legs as (
        select p.family, p.is_bearish, p.source as at, 1 as turn, 1 as change, null::integer as asked_by
        from piece p
        where p.is_taxable
        union all
        select p.family, p.is_bearish, p.ended, 1, -1, null
        from piece p
        where p.is_taxable
        and p.ended is not null
        union all
        select l.family, not l.is_bearish, l.event, 2, 0, l.event
        from loss l
    ),
    counted_legs as (
        select
            l.asked_by,
            sum(l.change) over (partition by l.family, l.is_bearish order by l.at, l.turn rows unbounded preceding) as open_pieces
        from legs l
    ),
    -- What may lie near a loss, in any account: lots of other brokers, puts written, purchases of the issuer that took over, and of funds that
    -- follow the same index without being declared identical.
    candidate as (
        select 'external_purchase_window'::tax.notice_code as code, p.source, p.acquired, p.class, null::integer as old_instrument, null::numeric as strike, null::text as index_family
        from piece p
        where v_event_kind[p.source] = 'transfer_in' and not p.is_short and p.class > 0
        union all
        select 'deep_put_written', p.source, p.acquired, v_class[p.family], null, p.strike, null
        from piece p
        where p.is_short and not p.is_call and v_class[p.family] > 0
        union all
        select 'merger_identical', p.source, p.acquired, null, m.old_instrument, null, null
        from (
            select distinct unnest(p_merged_old) as old_instrument, unnest(p_merged_new) as new_instrument
        ) m
        join piece p on p.instrument = m.new_instrument and p.is_purchase and not p.is_short
        -- Not what was bought of the old issuer and merged.
        where not v_event_kind[p.source] in ('buy', 'buy_to_open')
        or v_pool_instrument[v_event_pool[p.source]] = m.new_instrument
        union all
        select 'similar_fund', p.source, p.acquired, p.class, null, null, p.index_family
        from piece p
        where p.index_family is not null and p.is_purchase and not p.is_short and p.class > 0
    ),
    near as (
        select distinct on (c.code, c.source) c.code, c.source, l.transaction_id as loss_id
        from (
            select c.*, (c.acquired - date '1970-01-01') / 31 + o.months as month
            from candidate c
            cross join unnest(array[-1, 0, 1]) o (months)
        ) c
        join loss l on (l.day - date '1970-01-01') / 31 = c.month
        where abs(l.day - c.acquired) <= 30
        and (
            c.index_family is null and l.class = c.class
            or l.instrument = c.old_instrument
            or l.index_family = c.index_family and l.class <> c.class
        )
        and (c.strike is null or c.strike >= l.price * 1.2)
        order by c.code, c.source, l.event
    )
    select distinct 'short_sale_1233'::tax.notice_code, v_event_id[b.asked_by], null::bigint,
        'Identical shares were held or bought while this short was open and were not delivered: their holding period or the term of a loss may change.'
    from (
        select
            c.asked_by,
            max(c.started) filter (where c.turn = 0) as started,
            min(c.gone) filter (where c.turn = 2) as gone
        from counted_beside_short c
        where c.asked_by is not null
        group by c.asked_by
    ) b
    where b.started > b.gone
    union all
    select distinct 'straddle_1092'::tax.notice_code, v_event_id[c.asked_by], null::bigint,
        'A leg was closed at a loss while an offsetting position in the same underlying was open: the loss may have to wait.'
    from counted_legs c
    where c.asked_by is not null
    and c.open_pieces > 0
    union all
    select
        n.code, v_event_id[n.source], n.loss_id,
        case n.code
            when 'external_purchase_window' then 'A lot from another broker was acquired within 30 days of a loss; whether it replaces it is not decided here.'
            when 'deep_put_written' then 'A put far above the price was written within 30 days of a loss: it may count as a purchase.'
            when 'similar_fund' then 'A fund that follows the same index was bought within 30 days of a loss on another: they may be substantially identical.'
            else 'Shares of the new issuer were bought within 30 days of a loss on the old one: they may be substantially identical.'
        end
    from near n;
end
$$;

comment on function tax.flags(tax.history, tax.derivation, integer[], integer[]) is
    'Notices about positions that lie side by side and about what lies near a loss, of one group. The last two: places of instruments that merged, and into which.';
