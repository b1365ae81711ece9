-- D.3: the option leaves no closing; its amount moves into the shares.
v_count := v_c - v_first;
v_weights := '{}';
v_leg_amount := '{}';
v_leg_native := '{}';
v_leg_wash := '{}';
v_leg_used := '{}';
for v_i in 1 .. v_count loop
    v_weights[v_i] := v_c_quantity[v_first + v_i];
    v_leg_amount[v_i] := v_c_lot[v_first + v_i];
    v_leg_native[v_i] := case when v_has_native then v_c_native_lot[v_first + v_i] else v_c_lot[v_first + v_i] end;
    v_leg_wash[v_i] := v_c_wash[v_first + v_i];
    v_leg_used[v_i] := v_used[v_c_piece[v_first + v_i]];
    if v_tracing then
        v_premiums := v_premiums + 1;
        v_p_event[v_premiums] := v_k;
        v_p_piece[v_premiums] := v_c_piece[v_first + v_i];
        v_p_quantity[v_premiums] := v_weights[v_i];
        v_p_amount[v_premiums] := v_leg_amount[v_i];
    end if;
end loop;
v_c := v_first;
if v_left > 0 then
    v_count := v_count + 1;
    v_weights[v_count] := v_left;
    v_leg_amount[v_count] := 0;
    v_leg_native[v_count] := 0;
    if v_side = 1 then
        v_unmatched[v_from] := coalesce(v_unmatched[v_from], 0) + v_left;
    end if;
end if;
v_total := 0;
foreach v_q in array v_weights loop
    v_total := v_total + v_q;
end loop;
v_leg_buys := p_history.instrument_call[v_instrument] = (v_side = 1);
v_value := p_history.instrument_strike[v_instrument] * v_multiplier - p_history.instrument_deliverable_cash[v_instrument];
if v_y.kind = 'exercise' then
    v_leg_quantity := tax.apportion(v_y.units, v_weights, v_scale);
    v_native_cash := coalesce(v_y.native_amount, v_total * v_value);
    v_cash := coalesce(v_y.amount, round(v_total * v_value * v_x.rate, 2));
    v_costs := v_costs + v_y.costs;
    v_native_costs := v_native_costs + v_y.native_costs;
    v_event_id[v_k] := v_y.transaction_id;
else
    v_native_cash := v_total * v_value;
    v_cash := round(v_total * v_value * v_x.rate, 2);
    v_leg_quantity := '{}';
    for v_i in 1 .. v_count loop
        v_leg_quantity[v_i] := v_weights[v_i] * p_history.instrument_deliverable[v_instrument];
    end loop;
end if;
v_price := p_history.instrument_strike[v_instrument] * v_x.rate;
if v_cash is null then
    v_event_unrated[v_k] := true;
end if;
v_account := (v_target - 1) / 2 / v_instruments + 1;
v_flow[v_account] := v_flow[v_account] - case when v_count > 0 then coalesce(v_costs, 0) else 0 end + case when v_leg_buys then - coalesce(v_cash, 0) else coalesce(v_cash, 0) end;
if v_leg_buys then
    -- One purchase for each option piece, so that what a wash sale did to it stays with its shares. What was paid is one
    -- amount, apportioned: pieces of a fraction of a contract must not change it.
    v_numbers := tax.apportion(v_costs, v_leg_quantity);
    v_native_numbers := tax.apportion(v_native_costs, v_leg_quantity, 8);
    v_shares := tax.apportion(v_cash, v_leg_quantity);
    v_native_shares := tax.apportion(v_native_cash, v_leg_quantity, 8);
    for v_i in 1 .. v_count loop
        v_leg_amount[v_i] := v_shares[v_i] + v_numbers[v_i] + case v_side when 1 then v_leg_amount[v_i] else - v_leg_amount[v_i] end;
        v_leg_native[v_i] := v_native_shares[v_i] + v_native_numbers[v_i]
            + case v_side when 1 then v_leg_native[v_i] else - v_leg_native[v_i] end;
    end loop;
    v_legs := v_count;
else
    -- One sale for all pieces together, so that proceeds are apportioned once.
    v_part := 0;
    v_native_part := 0;
    v_units := 0;
    for v_i in 1 .. v_count loop
        v_part := v_part + v_leg_amount[v_i];
        v_native_part := v_native_part + v_leg_native[v_i];
        v_units := v_units + v_leg_quantity[v_i];
    end loop;
    v_leg_quantity := array[v_units];
    v_leg_amount := array[v_cash - v_costs + case v_side when 1 then - v_part else v_part end];
    v_leg_native := array[v_native_cash - v_native_costs + case v_side when 1 then - v_native_part else v_native_part end];
    v_legs := case when v_units > 0 then 1 else 0 end;
end if;
