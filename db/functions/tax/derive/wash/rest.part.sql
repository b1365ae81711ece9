-- F.10: the part that is not matched becomes a piece of its own; in lot order it comes behind what was cut off before (A.2).
v_m := v_m + 1;
v_r := v_m;
v_source[v_r] := v_source[v_s];
v_last_number[v_source[v_s]] := coalesce(v_last_number[v_source[v_s]], 1) + 1;
v_number[v_r] := v_last_number[v_source[v_s]];
v_pool[v_r] := v_p;
v_quantity[v_r] := v_q - v_t;
v_opened[v_r] := v_q - v_t;
v_opened[v_s] := v_opened[v_s] - v_q + v_t;
v_quantity[v_s] := v_t;
v_part := round(v_cost[v_s] * v_t / v_q, 2);
v_cost[v_r] := v_cost[v_s] - v_part;
v_cost[v_s] := v_part;
if v_has_native then
    v_native_part := round(v_native[v_s] * v_t / v_q, p_history.instrument_native_scale[v_instrument]);
    v_native[v_r] := v_native[v_s] - v_native_part;
    v_native[v_s] := v_native_part;
end if;
if v_wash[v_s] is not null then
    v_extra := round(v_wash[v_s] * v_t / v_q, 2);
    v_wash[v_r] := v_wash[v_s] - v_extra;
    v_wash[v_s] := v_extra;
end if;
v_acquired[v_r] := v_acquired[v_s];
v_acquired_at[v_r] := v_acquired_at[v_s];
v_held_from[v_r] := v_held_from[v_s];
if v_is_rare then
    v_covered[v_r] := v_covered[v_s];
    v_arrived[v_r] := v_arrived[v_s];
end if;
-- In lot order it comes behind what was cut off before (A.2).
v_one := v_s;
v_a := v_next[v_s];
while v_a <> 0 and v_source[v_a] = v_source[v_s] and v_number[v_a] < v_number[v_r] loop
    v_one := v_a;
    v_a := v_next[v_a];
end loop;
v_next[v_one] := v_r;
v_previous[v_r] := v_one;
v_next[v_r] := v_a;
if v_a = 0 then
    v_tail[v_p] := v_r;
else
    v_previous[v_a] := v_r;
end if;
if v_forward then
    v_one := v_s;
    while v_b <> 0 and v_source[v_b] = v_source[v_s] and v_number[v_b] < v_number[v_r] loop
        v_one := v_b;
        v_b := v_free_next[v_b];
    end loop;
    v_free_next[v_r] := v_b;
    v_free_previous[v_r] := v_one;
    v_free_next[v_one] := v_r;
    if v_b = 0 then
        v_free_tail := v_r;
    else
        v_free_previous[v_b] := v_r;
    end if;
end if;
