-- A.7: lots of known basis share one pool, spread over them again in lot order; FIFO goes on from there. A lot that is
-- named to leave in kind takes the average with it.
v_weight := 0;
v_rest := 0;
v_native_rest := 0;
v_extra := 0;
foreach v_s in array v_list loop
    if v_cost[v_s] is not null then
        v_weight := v_weight + v_quantity[v_s];
        v_rest := v_rest + v_cost[v_s];
        v_native_rest := v_native_rest + v_native[v_s];
        v_extra := v_extra + coalesce(v_wash[v_s], 0);
    end if;
end loop;
foreach v_s in array v_list loop
    if v_cost[v_s] is not null then
        v_q := v_quantity[v_s];
        if v_q = v_weight then
            v_cost[v_s] := v_rest;
            v_native[v_s] := v_native_rest;
            v_wash[v_s] := v_extra;
        else
            v_cost[v_s] := round(v_rest * v_q / v_weight, 2);
            v_native[v_s] := round(v_native_rest * v_q / v_weight, p_history.instrument_native_scale[(v_from - 1) / 2 % v_instruments + 1]);
            v_wash[v_s] := round(v_extra * v_q / v_weight, 2);
        end if;
        v_weight := v_weight - v_q;
        v_rest := v_rest - v_cost[v_s];
        v_native_rest := v_native_rest - v_native[v_s];
        v_extra := v_extra - v_wash[v_s];
    end if;
end loop;
-- What a later sale chooses by cost is ranked by the new costs.
v_ranked_by[v_from] := null;
