-- The best piece of a pool that is sold from by cost or by tax. Each turn puts one piece into its heap, takes one out, or finds the best.
v_becomes_long := 0;
loop
    v_s := v_waiting[v_from];
    if v_becomes_long <> 0 then
        -- The piece that has just joined the short-term heap will be long-term on a day that is known.
        v_heap := v_from + 2 * v_pools;
        v_node := v_node + 1;
        v_node_piece[v_node] := v_becomes_long;
        v_node_key[v_node] := tax.first_long_date(v_held_from[v_becomes_long]) - date '2000-01-01';
        v_node_left[v_node] := 0;
        v_node_right[v_node] := 0;
        v_one := v_root[v_heap];
        v_other := v_node;
        v_becomes_long := 0;
    elsif v_s <> 0 then
        v_waiting[v_from] := v_waits_before[v_s];
        v_waits_before[v_s] := null;
        continue when v_quantity[v_s] = 0;
        v_heap := v_from;
        if v_method = 5 then
            -- Only around the anniversary does the calendar have to be asked.
            v_is_long[v_s] := v_inherited[v_s]
                or v_event_date[v_k] - v_held_from[v_s] > 367
                or v_event_date[v_k] - v_held_from[v_s] > 365 and v_event_date[v_k] >= tax.first_long_date(v_held_from[v_s]);
            if v_is_long[v_s] then
                v_heap := v_from + v_pools;
            elsif v_held_from[v_s] is not null then
                v_becomes_long := v_s;
            end if;
        end if;
        v_node := v_node + 1;
        v_node_of[v_s] := v_node;
        v_node_piece[v_node] := v_s;
        v_node_key[v_node] := tax.selection_key(
            v_method, v_quantity[v_s], v_cost[v_s], p_history.instrument_multiplier[(v_from - 1) / 2 % v_instruments + 1]
        );
        v_node_left[v_node] := 0;
        v_node_right[v_node] := 0;
        v_one := v_root[v_heap];
        v_other := v_node;
    else
        v_a := v_root[v_from];
        v_b := v_root[v_from + v_pools];
        v_one := v_root[v_from + 2 * v_pools];
        if v_a <> 0 and (v_node_of[v_node_piece[v_a]] <> v_a or v_quantity[v_node_piece[v_a]] = 0) then
            v_heap := v_from;
        elsif v_b <> 0 and (v_node_of[v_node_piece[v_b]] <> v_b or v_quantity[v_node_piece[v_b]] = 0) then
            v_heap := v_from + v_pools;
        elsif v_one <> 0 and v_node_key[v_one] <= v_event_date[v_k] - date '2000-01-01' then
            v_heap := v_from + 2 * v_pools;
            v_s := v_node_piece[v_one];
            if v_quantity[v_s] > 0 and v_is_long[v_s] is not true then
                v_waits_before[v_s] := 0;
                v_waiting[v_from] := v_s;
            end if;
        else
            -- A.8: losses first, short-term before long-term; then what is neither; then gains, long-term before short-term; unknown basis last.
            -- The dearest piece of each heap is the next of its heap in every case.
            v_s := case
                when v_a = 0 and v_b = 0 then 0
                when v_b = 0 then v_node_piece[v_a]
                when v_a = 0 then v_node_piece[v_b]
                when v_node_key[v_a] = 'infinity' then v_node_piece[v_b]
                when v_node_key[v_b] = 'infinity' then v_node_piece[v_a]
                when - v_node_key[v_a] > v_price then v_node_piece[v_a]
                when - v_node_key[v_b] > v_price then v_node_piece[v_b]
                when - v_node_key[v_a] = v_price then v_node_piece[v_a]
                else v_node_piece[v_b]
            end;
            exit;
        end if;
        v_one := v_root[v_heap];
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
            v_root[v_heap] := v_one;
        else
            v_node_left[v_parent] := v_one;
        end if;
        exit when v_other = 0;
        v_parent := v_one;
        v_one := v_node_right[v_parent];
        v_node_right[v_parent] := v_node_left[v_parent];
    end loop;
end loop;
