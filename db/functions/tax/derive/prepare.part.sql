-- Before the first event: places, what the rules ask of each pool, order where lots can arrive late, fills of one order, basis that came later.
select array_agg(p.place), array_fill(1, array[v_n]), array_fill(0, array[v_n]), array_fill(0, array[v_n])
into v_source, v_number, v_next, v_previous
from generate_series(1, v_n) p (place);
v_head := array_fill(0, array[cardinality(p_history.pool_account)]);
v_tail := v_head;
if v_washes then
    -- By pool, what the rules ask of its account and instrument; a unit of an option counts as the shares it delivers.
    select
        array_agg(v_wash_class[i.place] order by p.pool), array_agg(case p.pool % 2 when 1 then v_call_class[i.place] else 0 end order by p.pool),
        array_agg(v_taxable[i.account] order by p.pool),
        array_agg(
            v_taxable[i.account] and v_wash_class[i.place] > 0 and (p.pool % 2 = 1 or p_history.instrument_strike[i.place] is null) order by p.pool
        ),
        array_agg(v_wash_class[i.place] + v_call_class[i.place] > 0 order by p.pool),
        array_agg(p_history.instrument_deliverable[i.place] order by p.pool),
        array_agg(10::numeric ^ (- p_history.instrument_scale[i.place]) order by p.pool)
    into v_pool_class, v_pool_call_class, v_pool_taxable, v_pool_judged, v_pool_may_replace, v_pool_shares, v_pool_least
    from generate_series(1, cardinality(p_history.pool_account)) p (pool)
    cross join lateral (
        select (p.pool - 1) / 2 / v_instruments + 1 as account, (p.pool - 1) / 2 % v_instruments + 1 as place
    ) i;
end if;
v_usual := v_washes and v_sorted and not v_has_option;

if not v_sorted then
    select array_agg(r.rank order by r.place)
    into v_event_rank
    from (
        select
            u.place,
            (row_number() over (
                order by t.sequence, array_position(p_history.account_id, t.account_id), t.source collate "C", t.dedupe_key collate "C"
            ))::integer as rank
        from unnest(v_event_id) with ordinality u (id, place)
        left join core.transactions t on t.user_id = p_user_id and t.id = u.id
    ) r;
end if;

-- F.4, F.6: fills of one account, order and day are one purchase, or one sale.
if v_washes then
    if p_history.has_orders then
        select array_agg(o.first_fill order by o.place), array_agg(o.last_fill order by o.place)
        into v_event_group, v_event_last
        from (
            select
                e.place,
                case when e.order_id is null then e.place
                    else min(e.place) over (partition by e.account, e.order_id, e.day)
                end as first_fill,
                case when e.order_id is null then e.place
                    else max(e.place) over (partition by e.account, e.order_id, e.day, e.code in (1, 4))
                end as last_fill
            from (
                select
                    generate_series(1, v_n) as place,
                    (unnest(v_event_pool) - 1) / 2 / v_instruments as account,
                    unnest(v_event_order) as order_id,
                    unnest(v_event_date) as day,
                    unnest(v_event_code) as code
            ) e
        ) o;
    else
        v_event_group := v_source;
        v_event_last := v_source;
    end if;
    if not v_sorted then
        -- C.1, F.6: a corporate action is one event for all accounts, whatever rows tell of it. Its losses are judged when every account
        -- has it: what the same action takes away replaces nothing, and units of before are never compared with units of after.
        -- What it brings is one purchase (F.4).
        for v_action in
            select array_agg(e.place) as places, min(e.place) as first_row, max(e.place) as last_row
            from unnest(v_event_code, v_event_pool, v_event_date) with ordinality e (code, pool, day, place)
            where e.code between 40 and 47
            group by e.day, e.code, (e.pool - 1) / 2 % v_instruments
            having count(*) > 1
        loop
            foreach v_j in array v_action.places loop
                v_event_group[v_j] := v_action.first_row;
                v_event_last[v_j] := v_action.last_row;
            end loop;
        end loop;
    end if;
end if;

-- E.5: a purchase of unknown cost may get its basis later. Arrivals in kind look for theirs when their turn comes.
for v_later in
    select b.to_id, b.basis
    from tax.supplied_basis(p_user_id, v_event_id) b
    where exists (select from tax.transaction_links l where l.user_id = p_user_id and l.kind = 'basis')
    and b.basis is not null
loop
    v_j := array_position(v_event_id, v_later.to_id);
    if v_event_code[v_j] in (1, 4) then
        v_account := (v_event_pool[v_j] - 1) / 2 / v_instruments + 1;
        v_flow[v_account] := v_flow[v_account] + coalesce(v_cost[v_j], 0) - v_later.basis;
        v_cost[v_j] := v_later.basis;
        v_event_unrated[v_j] := false;
    end if;
end loop;

-- A.7: an average is drawn when reporting too; such pools get one more turn after the last event.
if p_history.has_averages then
    select coalesce(array_agg(p.place * 2 - 1 order by p.place), '{}')
    into v_reports
    from generate_series(1, cardinality(p_history.pool_account) / 2) p (place)
    where case
        when p_options ? 'method' then tax.override_code(
            p_user_id, p_history.pool_account[p.place * 2], p_history.pool_instrument[p.place * 2], (p_options ->> 'method')::core.lot_method
        ) = 4
        else tax.lot_method(
            p_user_id, p_history.pool_account[p.place * 2], p_history.pool_instrument[p.place * 2],
            coalesce((p_options ->> 'as_of')::date, date '2199-12-31')
        ) = 4
    end;
end if;
