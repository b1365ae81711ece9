-- A.5, A.8: by cost, or by the tax that the event would cause, as a list for this event.
if v_method < 5 or v_price is not null then
    select array_agg(v_list[o.place] order by o.turn), null
    into v_list, v_caps
    from (
        select array_agg(v_quantity[l.piece]) as quantities, array_agg(v_cost[l.piece]) as costs,
            array_agg(v_held_from[l.piece]) as held_from, array_agg(v_inherited[l.piece]) as inherited
        from unnest(v_list) l (piece)
    ) a
    cross join lateral unnest(tax.selection_order(
        v_method, v_price, v_event_date[v_k], p_history.instrument_multiplier[(v_from - 1) / 2 % v_instruments + 1],
        a.quantities, a.costs, a.held_from, a.inherited
    )) with ordinality o (place, turn);
    v_select := 2;
end if;
