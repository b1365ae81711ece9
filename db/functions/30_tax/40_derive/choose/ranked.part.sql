-- A.5, A.8: by cost, or by the tax that the sale would cause. What depends on the sale is a list for it, the rest a heap that stays.
if v_method = 5 and v_price is null and v_event_id[v_k] = 0 then
    v_price := p_options #>> '{sale,unit_price}';
elsif v_method = 5 and v_price is null then
    select coalesce(t.price, abs(t.gross_amount / nullif(t.quantity, 0)) / p_history.instrument_multiplier[(v_from - 1) / 2 % v_instruments + 1])
        * case when t.currency = p_history.tax_currency then coalesce(x.fx_rate, 1) else x.fx_rate end
    into v_price
    from core.transactions t
    left join tax.transaction_terms x on x.user_id = t.user_id and x.transaction_id = t.id
    where t.user_id = p_user_id
    and t.id = v_event_id[v_k];
end if;
if v_method <> 5 or v_price is not null then
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
if v_code <= 5 and v_method < 4 then
    -- Ranked pieces in a row are a heap already.
    v_a := v_waiting[v_from];
    while v_a <> 0 loop
        v_b := v_waits_before[v_a];
        v_waits_before[v_a] := null;
        v_a := v_b;
    end loop;
    v_waiting[v_from] := 0;
    v_ranked_by[v_from] := v_method;
    v_root[v_from] := v_node + 1;
    foreach v_s in array v_list loop
        v_node := v_node + 1;
        v_node_piece[v_node] := v_s;
        v_node_key[v_node] := tax.selection_key(
            v_method, v_quantity[v_s], v_cost[v_s], p_history.instrument_multiplier[(v_from - 1) / 2 % v_instruments + 1]
        );
        v_node_quantity[v_node] := v_quantity[v_s];
        v_node_cost[v_node] := v_cost[v_s];
        v_node_left[v_node] := v_node + 1;
        v_node_right[v_node] := 0;
    end loop;
    v_node_left[v_node] := 0;
    v_select := 3;
end if;
