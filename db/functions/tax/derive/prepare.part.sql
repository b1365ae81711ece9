-- Before the first event: places, what the rules ask of each pool, order where lots can arrive late, fills of one order, basis that came later.
-- Reads: v_account_flow, v_account_taxable, v_event_date, v_event_id, v_event_kind, v_event_pool, v_events, v_has_washes,
--   v_instrument_wash_class, v_is_sorted, v_piece_cost, v_piece_source, v_pool_account, v_pool_head, v_pool_instrument, v_pool_is_long,
--   v_pools.
-- Changes: v_account_flow, v_event_first_fill, v_event_last_fill, v_event_rank, v_event_unrated, v_piece_cost, v_piece_next, v_piece_number,
--   v_piece_previous, v_piece_source, v_pool_call_class, v_pool_head, v_pool_is_taxable, v_pool_least, v_pool_loses, v_pool_replaces,
--   v_pool_shares, v_pool_tail, v_pool_wash_class, v_reports, v_year_ends.
select array_agg(p.place), array_fill(1, array[v_events]), array_fill(0, array[v_events]), array_fill(0, array[v_events])
into v_piece_source, v_piece_number, v_piece_next, v_piece_previous
from generate_series(1, v_events) p (place);
v_pool_head := array_fill(0, array[v_pools]);
v_pool_tail := v_pool_head;
if v_has_washes then
    -- By pool, what the rules ask of its account and instrument; a unit of an option counts as the shares it delivers (F.8).
    select
        array_agg(v_instrument_wash_class[i.place] order by p.pool),
        array_agg(case when i.is_long then p_history.instrument_call_class[i.place] else 0 end order by p.pool),
        array_agg(v_account_taxable[i.account] order by p.pool),
        array_agg(
            v_account_taxable[i.account] and v_instrument_wash_class[i.place] > 0 and (i.is_long or p_history.instrument_strike[i.place] is null)
            order by p.pool
        ),
        array_agg(v_instrument_wash_class[i.place] + p_history.instrument_call_class[i.place] > 0 order by p.pool),
        array_agg(p_history.instrument_deliverable[i.place] order by p.pool),
        array_agg(10::numeric ^ (- p_history.instrument_scale[i.place]) order by p.pool)
    into v_pool_wash_class, v_pool_call_class, v_pool_is_taxable, v_pool_loses, v_pool_replaces, v_pool_shares, v_pool_least
    from generate_series(1, v_pools) p (pool)
    cross join lateral (
        select v_pool_account[p.pool] as account, v_pool_instrument[p.pool] as place, v_pool_is_long[p.pool] as is_long
    ) i;
end if;

if not v_is_sorted then
    select array_agg(r.rank order by r.place)
    into v_event_rank
    from (
        select
            u.place,
            (row_number() over (
                order by
                    tax.turn_of_day(t.transaction_type, t.position_effect, t.executed_at is not null, true),
                    t.sequence, array_position(p_history.account_id, t.account_id), t.source collate "C", t.dedupe_key collate "C"
            ))::integer as rank
        from unnest(v_event_id) with ordinality u (id, place)
        left join core.transactions t on t.user_id = p_user_id and t.id = u.id
    ) r;
end if;

-- Fills of one account, order and day are one purchase, or one sale (F.4, F.6).
if v_has_washes then
    if p_history.has_orders then
        select array_agg(o.first_fill order by o.place), array_agg(o.last_fill order by o.place)
        into v_event_first_fill, v_event_last_fill
        from (
            select
                e.place,
                case when e.order_id is null then e.place
                    else min(e.place) over (partition by e.account, e.order_id, e.day)
                end as first_fill,
                case when e.order_id is null then e.place
                    else max(e.place) over (partition by e.account, e.order_id, e.day, e.kind in ('buy', 'buy_to_open'))
                end as last_fill
            from (
                select u.place, v_pool_account[u.pool] as account, u.order_id, u.day, u.kind
                from (
                    select
                        generate_series(1, v_events) as place, unnest(v_event_pool) as pool, unnest(p_history.event_order) as order_id,
                        unnest(v_event_date) as day, unnest(v_event_kind) as kind
                ) u
            ) e
        ) o;
    else
        v_event_first_fill := v_piece_source;
        v_event_last_fill := v_piece_source;
    end if;
    if not v_is_sorted then
        -- A corporate action is one event for all accounts, whatever rows tell of it (C.1, F.6). Its losses are judged when every account
        -- has it: what the same action takes away replaces nothing, and units of before are never compared with units of after.
        -- What it brings is one purchase (F.4).
        declare
            v_action record;
            v_row integer;
        begin
            for v_action in
                select array_agg(e.place) as places, min(e.place) as first_row, max(e.place) as last_row
                from unnest(v_event_kind, v_event_pool, v_event_date) with ordinality e (kind, pool, day, place)
                where e.kind in (
                    'split', 'stock_dividend', 'spinoff', 'symbol_change', 'merger_stock', 'merger_cash', 'merger_mixed', 'return_of_capital'
                )
                group by e.day, e.kind, v_pool_instrument[e.pool]
                having count(*) > 1
            loop
                foreach v_row in array v_action.places loop
                    v_event_first_fill[v_row] := v_action.first_row;
                    v_event_last_fill[v_row] := v_action.last_row;
                end loop;
            end loop;
        end;
    end if;
end if;

-- A purchase of unknown cost may get its basis later (E.5). Arrivals in kind look for theirs when their turn comes.
declare
    v_later record;
    v_purchase integer;
    v_owner integer;
begin
    for v_later in
        select b.to_id, b.basis
        from tax.supplied_basis(p_user_id, v_event_id) b
        where exists (select from tax.transaction_links l where l.user_id = p_user_id and l.kind = 'basis')
        and b.basis is not null
    loop
        v_purchase := array_position(v_event_id, v_later.to_id);
        if v_event_kind[v_purchase] in ('buy', 'buy_to_open') then
            v_owner := v_pool_account[v_event_pool[v_purchase]];
            v_account_flow[v_owner] := v_account_flow[v_owner] + coalesce(v_piece_cost[v_purchase], 0) - v_later.basis;
            v_piece_cost[v_purchase] := v_later.basis;
            v_event_unrated[v_purchase] := false;
        end if;
    end loop;
end;

-- An average is drawn when reporting too (A.7): such pools get one more turn after the last event.
if p_history.has_averages then
    select coalesce(array_agg(p.pool order by p.pool), '{}')
    into v_reports
    from generate_series(1, v_pools) p (pool)
    where v_pool_is_long[p.pool]
    and case
        when p_options ? 'method' then tax.tried_method(
            p_user_id, p_history.pool_account[p.pool], p_history.pool_instrument[p.pool], (p_options ->> 'method')::core.lot_method
        ) = 'average'
        else tax.lot_method(
            p_user_id, p_history.pool_account[p.pool], p_history.pool_instrument[p.pool], coalesce((p_options ->> 'as_of')::date, date '2199-12-31')
        ) = 'average'
    end;
end if;

-- Settlements and marks of section 1256 behind which a year ends with the contract held: the next event of the pool is of another year; after the last
-- event the calendar says it (D.7).
if not v_is_sorted then
    select coalesce(array_agg(e.place::integer), '{}')
    into v_year_ends
    from (
        select
            u.place, u.kind, u.pool, u.day,
            lead(u.day) over (partition by u.pool order by u.place) as next_day
        from unnest(v_event_kind, v_event_pool, v_event_date) with ordinality u (kind, pool, day, place)
    ) e
    where e.kind = 'mark_to_market'
    and p_history.instrument_1256[v_pool_instrument[e.pool]]
    and case
        when e.next_day is null then e.day >= tax.last_business_day(date_part('year', e.day)::integer)
        else date_part('year', e.next_day) > date_part('year', e.day)
    end;
end if;
