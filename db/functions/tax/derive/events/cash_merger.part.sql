-- Cash for the whole holding, or for what the row names: C.6.
v_kind := 'merger_cash';
v_side := case when v_x.quantity > 0 or v_held[1] = 0 and v_held[2] > 0 then 2 else 1 end;
v_from := v_long + v_side - 1;
v_left := coalesce(v_units, v_held[v_side]);
v_price := coalesce(v_x.price, v_x.cash_per_share) * v_x.rate;
v_native_amount := coalesce(
    v_x.native_gross, v_left * coalesce(v_x.price, v_x.cash_per_share) * v_multiplier, v_x.native_amount
);
v_amount := round(v_native_amount * v_x.rate, 2);
if v_amount is null and v_left > 0 then
    v_problem_code := case when v_native_amount is null then 'missing_terms' else 'unknown_rate' end;
    v_problem := 'What was paid for the holding is not known in the tax currency.';
    v_event_unrated[v_k] := true;
end if;
if v_side = 1 then
    v_then := c_sold_closing;
    v_amount := v_amount - v_x.costs;
    v_native_amount := v_native_amount - v_x.native_costs;
    if v_left < v_held[1] or v_event_method[v_k] = 4 then
        v_method := v_event_method[v_k];
    end if;
    if v_x.quantity is null and v_held[2] > 0 then
        -- Both sides are open: the short is covered at the price in a second job.
        v_fraction := v_held[2];
        v_fraction_pool := v_long + 1;
        v_fraction_cash := round(v_held[2] * v_price * v_multiplier, 2);
        v_fraction_native := v_held[2] * coalesce(v_x.price, v_x.cash_per_share) * v_multiplier;
        v_fraction_id := null;
    end if;
else
    v_amount := v_amount + v_x.costs;
    v_native_amount := v_native_amount + v_x.native_costs;
end if;
