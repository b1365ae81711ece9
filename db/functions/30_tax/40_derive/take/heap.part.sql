-- The top of a skew heap of the pool, whose waiting pieces join it first.
loop
    v_s := v_waiting[v_from];
    if v_s <> 0 then
        v_waiting[v_from] := v_waits_before[v_s];
        v_waits_before[v_s] := null;
        continue when v_quantity[v_s] = 0;
        v_node := v_node + 1;
        v_node_piece[v_node] := v_s;
        v_node_key[v_node] := tax.selection_key(
            v_method, v_quantity[v_s], v_cost[v_s], p_history.instrument_multiplier[(v_from - 1) / 2 % v_instruments + 1]
        );
        v_node_quantity[v_node] := v_quantity[v_s];
        v_node_cost[v_node] := v_cost[v_s];
        v_node_left[v_node] := 0;
        v_node_right[v_node] := 0;
        v_one := v_root[v_from];
        v_other := v_node;
    else
        v_one := v_root[v_from];
        exit when v_one = 0;
        v_s := v_node_piece[v_one];
        exit when v_quantity[v_s] = v_node_quantity[v_one] and v_cost[v_s] is not distinct from v_node_cost[v_one];
        if v_quantity[v_s] > 0 and v_waits_before[v_s] is null then
            v_waits_before[v_s] := v_waiting[v_from];
            v_waiting[v_from] := v_s;
        end if;
        v_other := v_node_right[v_one];
        v_one := v_node_left[v_one];
    end if;
    -- Two heaps become one down their right sides, the children of each node met changing places; equal costs in lot order (A.2).
    v_parent := 0;
    loop
        if v_one = 0 then
            v_one := v_other;
            v_other := 0;
        elsif v_other <> 0 then
            v_a := v_node_piece[v_one];
            v_b := v_node_piece[v_other];
            if v_node_key[v_other] < v_node_key[v_one]
                or v_node_key[v_other] = v_node_key[v_one] and (
                    v_sorted and (v_source[v_b], v_number[v_b]) < (v_source[v_a], v_number[v_a])
                    or not v_sorted
                        and (coalesce(v_acquired[v_b], '-infinity'), coalesce(v_acquired_at[v_b], '-infinity'), v_event_rank[v_source[v_b]], v_number[v_b])
                            < (coalesce(v_acquired[v_a], '-infinity'), coalesce(v_acquired_at[v_a], '-infinity'), v_event_rank[v_source[v_a]], v_number[v_a])
                )
            then
                v_a := v_one;
                v_one := v_other;
                v_other := v_a;
            end if;
        end if;
        if v_parent = 0 then
            v_root[v_from] := v_one;
        else
            v_node_left[v_parent] := v_one;
        end if;
        exit when v_other = 0;
        v_parent := v_one;
        v_one := v_node_right[v_parent];
        v_node_right[v_parent] := v_node_left[v_parent];
    end loop;
end loop;
if v_one = 0 then
    v_s := 0;
end if;
