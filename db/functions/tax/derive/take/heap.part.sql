-- The best piece of a pool that is sold from by cost or by tax becomes v_piece. Each turn puts one piece into its heap, takes one out, or finds the
-- best. Heaps are numbered by their pool: by cost, short-term; then long-term; then by the day on which a piece becomes long-term.
-- Reads: c_day_zero, v_event, v_event_date, v_event_rank, v_from_pool, v_heap_root, v_instrument_multiplier, v_is_sorted, v_method,
--   v_node_key, v_node_left, v_node_piece, v_node_right, v_nodes, v_piece, v_piece_acquired, v_piece_acquired_at, v_piece_cost,
--   v_piece_held_from, v_piece_inherited, v_piece_is_long_term, v_piece_node, v_piece_number, v_piece_quantity, v_piece_source,
--   v_piece_waits_before, v_pool_instrument, v_pool_waiting, v_pools, v_price.
-- Changes: v_heap_root, v_node_key, v_node_left, v_node_piece, v_node_right, v_nodes, v_piece, v_piece_is_long_term, v_piece_node,
--   v_piece_waits_before, v_pool_waiting.
declare
    v_long_term constant integer := v_from_pool + v_pools;
    v_by_anniversary constant integer := v_from_pool + 2 * v_pools;
    v_heap integer;
    v_becomes_long_term integer := 0;
    v_best integer;
    v_best_long_term integer;
    v_next_long_term integer;
    v_one integer;
    v_other integer;
    v_one_piece integer;
    v_other_piece integer;
    v_exchanged integer;
    v_parent integer;
begin
    loop
        v_piece := v_pool_waiting[v_from_pool];
        if v_becomes_long_term <> 0 then
            -- The piece that has just joined the short-term heap will be long-term on a day that is known.
            v_heap := v_by_anniversary;
            v_nodes := v_nodes + 1;
            v_node_piece[v_nodes] := v_becomes_long_term;
            v_node_key[v_nodes] := tax.first_long_date(v_piece_held_from[v_becomes_long_term]) - c_day_zero;
            v_node_left[v_nodes] := 0;
            v_node_right[v_nodes] := 0;
            v_one := v_heap_root[v_heap];
            v_other := v_nodes;
            v_becomes_long_term := 0;
        elsif v_piece <> 0 then
            v_pool_waiting[v_from_pool] := v_piece_waits_before[v_piece];
            v_piece_waits_before[v_piece] := null;
            continue when v_piece_quantity[v_piece] = 0;
            v_heap := v_from_pool;
            if v_method = 'mintax' then
                -- Only around the anniversary does the calendar have to be asked (A.9).
                v_piece_is_long_term[v_piece] := v_piece_inherited[v_piece]
                    or v_event_date[v_event] - v_piece_held_from[v_piece] > 367
                    or v_event_date[v_event] - v_piece_held_from[v_piece] > 365
                    and v_event_date[v_event] >= tax.first_long_date(v_piece_held_from[v_piece]);
                if v_piece_is_long_term[v_piece] then
                    v_heap := v_long_term;
                elsif v_piece_held_from[v_piece] is not null then
                    v_becomes_long_term := v_piece;
                end if;
            end if;
            v_nodes := v_nodes + 1;
            v_piece_node[v_piece] := v_nodes;
            v_node_piece[v_nodes] := v_piece;
            v_node_key[v_nodes] := tax.selection_key(
                v_method, v_piece_quantity[v_piece], v_piece_cost[v_piece], v_instrument_multiplier[v_pool_instrument[v_from_pool]]
            );
            v_node_left[v_nodes] := 0;
            v_node_right[v_nodes] := 0;
            v_one := v_heap_root[v_heap];
            v_other := v_nodes;
        else
            v_best := v_heap_root[v_from_pool];
            v_best_long_term := v_heap_root[v_long_term];
            v_next_long_term := v_heap_root[v_by_anniversary];
            if v_best <> 0 and (v_piece_node[v_node_piece[v_best]] <> v_best or v_piece_quantity[v_node_piece[v_best]] = 0) then
                v_heap := v_from_pool;
            elsif v_best_long_term <> 0
                and (v_piece_node[v_node_piece[v_best_long_term]] <> v_best_long_term or v_piece_quantity[v_node_piece[v_best_long_term]] = 0)
            then
                v_heap := v_long_term;
            elsif v_next_long_term <> 0 and v_node_key[v_next_long_term] <= v_event_date[v_event] - c_day_zero then
                v_heap := v_by_anniversary;
                v_piece := v_node_piece[v_next_long_term];
                if v_piece_quantity[v_piece] > 0 and v_piece_is_long_term[v_piece] is not true then
                    v_piece_waits_before[v_piece] := 0;
                    v_pool_waiting[v_from_pool] := v_piece;
                end if;
            else
                -- Losses first, short-term before long-term; then what is neither; then gains, long-term before short-term; unknown basis last
                -- (A.8). The dearest piece of each heap is the next of its heap in every case.
                v_piece := case
                    when v_best = 0 and v_best_long_term = 0 then 0
                    when v_best_long_term = 0 then v_node_piece[v_best]
                    when v_best = 0 then v_node_piece[v_best_long_term]
                    when v_node_key[v_best] = 'infinity' then v_node_piece[v_best_long_term]
                    when v_node_key[v_best_long_term] = 'infinity' then v_node_piece[v_best]
                    when - v_node_key[v_best] > v_price then v_node_piece[v_best]
                    when - v_node_key[v_best_long_term] > v_price then v_node_piece[v_best_long_term]
                    when - v_node_key[v_best] = v_price then v_node_piece[v_best]
                    else v_node_piece[v_best_long_term]
                end;
                exit;
            end if;
            v_one := v_node_left[v_heap_root[v_heap]];
            v_other := v_node_right[v_heap_root[v_heap]];
        end if;
        -- Two heaps become one down their right sides, the children of each node met changing places; equal costs in lot order (A.2).
        v_parent := 0;
        loop
            if v_one = 0 then
                v_one := v_other;
                v_other := 0;
            elsif v_other <> 0 then
                v_one_piece := v_node_piece[v_one];
                v_other_piece := v_node_piece[v_other];
                if v_node_key[v_other] < v_node_key[v_one]
                    or v_node_key[v_other] = v_node_key[v_one] and (
                        v_is_sorted
                            and (v_piece_source[v_other_piece], v_piece_number[v_other_piece])
                                < (v_piece_source[v_one_piece], v_piece_number[v_one_piece])
                        or not v_is_sorted
                            and (
                                coalesce(v_piece_acquired[v_other_piece], '-infinity'), coalesce(v_piece_acquired_at[v_other_piece], '-infinity'),
                                v_event_rank[v_piece_source[v_other_piece]], v_piece_number[v_other_piece]
                            ) < (
                                coalesce(v_piece_acquired[v_one_piece], '-infinity'), coalesce(v_piece_acquired_at[v_one_piece], '-infinity'),
                                v_event_rank[v_piece_source[v_one_piece]], v_piece_number[v_one_piece]
                            )
                    )
                then
                    v_exchanged := v_one;
                    v_one := v_other;
                    v_other := v_exchanged;
                end if;
            end if;
            if v_parent = 0 then
                v_heap_root[v_heap] := v_one;
            else
                v_node_left[v_parent] := v_one;
            end if;
            exit when v_other = 0;
            v_parent := v_one;
            v_one := v_node_right[v_parent];
            v_node_right[v_parent] := v_node_left[v_parent];
        end loop;
    end loop;
end;
