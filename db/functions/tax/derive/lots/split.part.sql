-- C.2, C.4: more or fewer units of the same.
v_opened[v_s] := case when v_opened[v_s] = v_q then v_t else greatest(round(v_opened[v_s] * v_num / v_den, v_scale), v_t) end;
v_quantity[v_s] := v_t;
