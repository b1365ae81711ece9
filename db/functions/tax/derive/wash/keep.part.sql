-- What an acquisition has left may replace a later loss.
if not v_forward and v_s <> 0 and v_quantity[v_s] > 0 and v_used[v_s] is null then
    v_a := v_free_tail;
    v_b := 0;
    -- Shares from an option come last on their day, and those of a merger first, but they lie where their time puts them (A.2, F.7).
    while v_a <> 0
        and case
            when v_source[v_a] = v_source[v_s] then v_number[v_a] > v_number[v_s]
            else not v_sorted
                and (v_acquired[v_a], v_acquired_at[v_a], v_event_rank[v_source[v_a]])
                    > (v_acquired[v_s], v_acquired_at[v_s], v_event_rank[v_source[v_s]])
        end
    loop
        v_b := v_a;
        v_a := v_free_previous[v_a];
    end loop;
    v_free_next[v_s] := v_b;
    v_free_previous[v_s] := v_a;
    if v_a = 0 then
        v_free_head := v_s;
    else
        v_free_next[v_a] := v_s;
    end if;
    if v_b = 0 then
        v_free_tail := v_s;
    else
        v_free_previous[v_b] := v_s;
    end if;
    if v_free_start = v_b then
        v_free_start := v_s;
    end if;
end if;
