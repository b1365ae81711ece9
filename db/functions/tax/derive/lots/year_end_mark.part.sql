-- D.7: gain or loss to the day, and the value is the new basis.
v_kind := 'mtm';
v_units := v_q;
v_cost[v_s] := v_cash;
v_native[v_s] := v_native_cash;
v_wash[v_s] := 0;
