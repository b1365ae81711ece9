-- Cash for a fraction that no corporate action speaks for: B.7.
v_left := coalesce(v_units, v_held[1] - trunc(v_held[1]));
if v_left = 0 then
    v_problem := 'Cash for a fraction of a share, but no fraction is held and the row names none.';
else
    v_kind := 'cash_in_lieu';
    v_then := c_sold_closing;
    v_method := v_event_method[v_k];
    v_amount := v_x.amount - v_x.costs;
    v_native_amount := v_x.native_amount - v_x.native_costs;
    v_price := v_x.amount / v_left;
end if;
