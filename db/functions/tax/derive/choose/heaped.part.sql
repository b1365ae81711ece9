-- A plain sale takes from heaps that stay from sale to sale. Pieces of a pool that was not sold from in this way wait for theirs.
v_select := 3;
if v_ranked_by[v_from] is distinct from v_method then
    v_ranked_by[v_from] := v_method;
    v_root[v_from] := 0;
    v_root[v_from + v_pools] := 0;
    v_root[v_from + 2 * v_pools] := 0;
    v_waiting[v_from] := 0;
    v_s := v_head[v_from];
    while v_s <> 0 loop
        v_waits_before[v_s] := v_waiting[v_from];
        v_waiting[v_from] := v_s;
        v_s := v_next[v_s];
    end loop;
end if;
