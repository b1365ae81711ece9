-- Options that expire, are exercised or assigned: D.2, D.3.
-- The side: as stated, else what the kind of event says, else what is open.
v_side := case
    when v_x.quantity < 0 then 1
    when v_x.quantity > 0 then 2
    when v_code = 31 then 1
    when v_code = 32 then 2
    when v_held[1] > 0 then 1
    else 2
end;
v_from := v_long + v_side - 1;
v_left := coalesce(v_units, v_held[v_side]);
v_costs := v_x.costs;
v_native_costs := v_x.native_costs;
if v_side = 1 then
    v_method := v_event_method[v_k];
end if;
if v_x.quantity is null and v_held[v_side] = 0 then
    v_problem_code := 'unknown_direction';
    v_problem := 'The row does not say whether it closes a bought or a written option, and none is open.';
    v_left := 0;
end if;

if v_code = 30 then
    if v_units is null and v_held[1] > 0 and v_held[2] > 0 then
        -- D.2: what was bought and what was written expires, the latter in a second job.
        v_fraction := v_held[2];
        v_fraction_pool := v_long + 1;
        v_fraction_cash := 0;
        v_fraction_native := 0;
    end if;
    v_kind := 'expire';
    v_then := c_unmatched;
    v_price := 0;
    v_amount := case v_side when 1 then - v_costs else v_costs end;
    v_native_amount := case v_side when 1 then - v_native_costs else v_native_costs end;
elsif v_x.exercise_settlement = 'cash' then
    v_kind := case v_side when 1 then 'sale' else 'cover' end;
    v_then := c_unmatched;
    v_amount := coalesce(v_x.amount, 0) + case v_side when 1 then - v_costs else v_costs end;
    v_native_amount := coalesce(v_x.native_amount, 0) + case v_side when 1 then - v_native_costs else v_native_costs end;
elsif v_y.kind = 'exercise' then
    v_then := c_exercise;
    v_target := v_partner_pool;
    if v_left = 0 then
        -- Without the option the shares still moved.
        v_left := v_y.units / p_history.instrument_deliverable[v_instrument];
    end if;
elsif v_x.exercise_settlement = 'linked' or p_history.instrument_underlying[v_instrument] is null then
    -- I.4: without its shares the premium has nowhere to go; the figures still foot.
    v_problem := coalesce(v_problem, 'The shares of this exercise or assignment are not known; until they are, the option counts as expired.');
    v_kind := 'expire';
    v_then := c_unmatched;
    v_amount := case v_side when 1 then - v_costs else v_costs end;
    v_native_amount := case v_side when 1 then - v_native_costs else v_native_costs end;
else
    v_then := c_exercise;
    v_target := ((v_account - 1) * v_instruments + p_history.instrument_underlying[v_instrument]) * 2 - 1;
end if;
