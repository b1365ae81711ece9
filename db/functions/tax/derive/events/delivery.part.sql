-- Held shares against a short: A.11.
v_left := least(coalesce(v_units, v_held[2]), v_held[1], v_held[2]);
if v_left < v_units then
    v_problem_code := 'pick_exceeds_holding';
    v_problem := format('Of %s units to deliver only %s are both held and short.', trim_scale(v_units), trim_scale(v_left));
end if;
v_amount := null;
v_native_amount := null;
v_method := v_event_method[v_k];
v_then := c_deliver;
