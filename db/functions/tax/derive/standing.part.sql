-- Where the book stood: pieces in lot order, those that may still replace a loss in the order of their purchase, losses still looking for one.
if p_standing.first_event is not null then
    v_source := v_source || p_standing.lot_event;
    v_number := v_number || p_standing.lot_number;
    v_pool := v_pool || p_standing.lot_pool;
    v_opened := v_opened || p_standing.lot_opened;
    v_quantity := v_quantity || p_standing.lot_quantity;
    v_cost := v_cost || p_standing.lot_cost;
    v_native := v_native || p_standing.lot_native;
    v_acquired := v_acquired || p_standing.lot_acquired;
    v_acquired_at := v_acquired_at || p_standing.lot_acquired_at;
    v_held_from := v_held_from || p_standing.lot_held_from;
    v_wash := array_fill(null::numeric, array[v_n]) || p_standing.lot_wash;
    v_used := array_fill(null::boolean, array[v_n]) || p_standing.lot_used;
    v_no_purchase := array_fill(null::boolean, array[v_n]) || p_standing.lot_no_purchase;
    v_gift_basis := array_fill(null::numeric, array[v_n]) || p_standing.lot_gift_basis;
    v_gift_on := array_fill(null::date, array[v_n]) || p_standing.lot_gift_on;
    v_inherited := array_fill(null::boolean, array[v_n]) || p_standing.lot_inherited;
    v_covered := array_fill(null::boolean, array[v_n]) || p_standing.lot_covered;
    v_arrived := array_fill(null::date, array[v_n]) || p_standing.lot_arrived;
    v_m := cardinality(v_source);
    for v_s in v_n + 1 .. v_m loop
        v_last_number[v_source[v_s]] := p_standing.lot_last_number[v_s - v_n];
        v_p := v_pool[v_s];
        v_a := v_tail[v_p];
        v_previous[v_s] := v_a;
        v_next[v_s] := 0;
        if v_a = 0 then
            v_head[v_p] := v_s;
        else
            v_next[v_a] := v_s;
        end if;
        v_tail[v_p] := v_s;
        if v_pool_may_replace[v_p] and v_used[v_s] is null and v_no_purchase[v_s] is null then
            v_free_next[v_s] := 0;
            v_free_previous[v_s] := v_free_tail;
            if v_free_tail = 0 then
                v_free_head := v_s;
            else
                v_free_next[v_free_tail] := v_s;
            end if;
            v_free_tail := v_s;
        end if;
    end loop;
    v_free_start := v_free_head;
    v_c := cardinality(p_standing.loss_id);
    v_c_event := p_standing.loss_event;
    v_c_ordinal := p_standing.loss_ordinal;
    v_c_piece := p_standing.loss_source;
    v_c_pool := p_standing.loss_pool;
    v_c_kind := p_standing.loss_kind;
    v_c_quantity := p_standing.loss_quantity;
    v_c_lot := p_standing.loss_lot;
    v_c_other := p_standing.loss_other;
    v_c_held_from := p_standing.loss_held_from;
    v_c_disallowed := coalesce(nullif(p_standing.loss_disallowed, '{}'), array[null]::numeric[]);
    v_c_permanent := coalesce(nullif(p_standing.loss_permanent, '{}'), array[null]::numeric[]);
    v_loss := v_c;
    v_loss_pool := p_standing.loss_pool;
    v_loss_rest := p_standing.loss_rest;
    v_loss_left := p_standing.loss_left;
    v_loss_matches := p_standing.loss_matches;
    for v_j in 1 .. v_loss loop
        v_loss_closing[v_j] := v_j;
        v_loss_group[v_j] := v_event_group[v_source[v_c_piece[v_j]]];
        v_loss_on[v_j] := v_event_date[v_c_event[v_j]];
    end loop;
end if;
