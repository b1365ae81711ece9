-- The held shares are set aside; the shorts they close come next.
v_count := v_c - v_first;
v_delivered := v_c_piece[v_first + 1 : v_c];
v_weights := v_c_quantity[v_first + 1 : v_c];
v_leg_amount := v_c_lot[v_first + 1 : v_c];
v_leg_native := v_c_native_lot[v_first + 1 : v_c];
v_leg_gift := v_c_gift[v_first + 1 : v_c];
v_left := 0;
foreach v_q in array v_weights loop
    v_left := v_left + v_q;
end loop;
v_c := v_first;
v_from := v_long + 1;
v_method := 0;
v_then := c_deliver_short;
continue;
