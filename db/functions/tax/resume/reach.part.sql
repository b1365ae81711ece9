-- What is sold takes lots by its method, what is bought covers the oldest shorts first. However they share them, all of them together take no
-- more than their units from the front of each order.
for v_pool in
    select
        p.pool, p.method, u.units, u.sales
    from (
        select distinct case when e.kind in ('buy', 'buy_to_open') then e.pool + 1 else e.pool end as pool,
            case when e.kind in ('buy', 'buy_to_open') then 'fifo' else e.method end as method
        from unnest(v_h.event_pool, v_h.event_kind, v_h.event_method) e (pool, kind, method)
    ) p
    cross join lateral (
        select sum(e.quantity) as units, count(*) as sales
        from unnest(v_h.event_pool, v_h.event_kind, v_h.event_quantity) e (pool, kind, quantity)
        where case when e.kind in ('buy', 'buy_to_open') then e.pool + 1 else e.pool end = p.pool
    ) u
loop
    v_side := case when v_h.pool_is_long[v_pool.pool] then 'long' else 'short' end;
    if tax.has_undated_lots(p_user_id, v_h.pool_account[v_pool.pool], v_h.pool_instrument[v_pool.pool], v_side) then
        return null;
    end if;
    if v_pool.method in ('hifo', 'lofo', 'mintax') then
        v_ids := tax.lots_by_cost(
            p_user_id, v_h.pool_account[v_pool.pool], v_h.pool_instrument[v_pool.pool], v_pool.units, v_pool.sales, v_pool.method,
            v_h.instrument_multiplier[v_h.pool_instrument_place[v_pool.pool]], v_first_day, v_h.event_date[cardinality(v_h.event_date)],
            case when v_h.wash_scope = 'none' then 'infinity' else (v_first_day - c_window)::timestamptz - c_slack end,
            array(
                select s.lot_id
                from tax.lot_state s
                where s.user_id = p_user_id
                and s.instrument_id = v_h.pool_instrument[v_pool.pool]
                and s.is_inherited
            )
        );
    else
        v_ids := tax.lots_by_date(
            p_user_id, v_h.pool_account[v_pool.pool], v_h.pool_instrument[v_pool.pool], v_side, v_pool.units, v_pool.method = 'lifo'
        );
    end if;
    -- Two methods may reach the same lot.
    v_lot_ids := array(
        select unnest(v_lot_ids)
        union
        select unnest(v_ids)
    );
end loop;
