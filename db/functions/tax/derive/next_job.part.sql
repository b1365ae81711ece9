-- An event may be several jobs: the shares of each option piece, then a fraction paid in cash.
exit when v_code <= 5 or v_code is null;
if v_legs > v_leg then
    v_leg := v_leg + 1;
    v_left := v_leg_quantity[v_leg];
    v_amount := v_leg_amount[v_leg];
    v_native_amount := v_leg_native[v_leg];
    v_long := v_target;
    v_pick_leg := 'stock';
    v_open := v_k;
    v_pool[v_k] := v_target;
    if v_leg_buys then
        v_from := v_target + 1;
        v_kind := 'cover';
        v_then := c_open_long;
        v_method := 0;
        v_m := v_m + 1;
        v_open := v_m;
        v_source[v_m] := v_k;
        v_number[v_m] := v_leg;
        v_last_number[v_k] := v_leg;
        v_pool[v_m] := v_target;
        v_acquired[v_m] := v_event_date[v_k];
        v_acquired_at[v_m] := v_event_at[v_k];
        v_held_from[v_m] := v_event_date[v_k];
        v_wash[v_m] := v_leg_wash[v_leg];
        v_used[v_m] := v_leg_used[v_leg];
    else
        v_from := v_target;
        v_kind := 'sale';
        v_then := c_sold;
        v_method := case
            when p_options ? 'method' then tax.override_code(
                p_user_id, p_history.pool_account[v_target], p_history.pool_instrument[v_target], (p_options ->> 'method')::core.lot_method
            )
            when exists (
                select from tax.lot_picks p
                where p.user_id = p_user_id
                and p.transaction_id = v_pick_id
                and p.leg = 'stock'
            ) then 9
            else tax.lot_method(p_user_id, p_history.pool_account[v_target], p_history.pool_instrument[v_target], v_event_date[v_k], v_x.lot_method)
        end;
    end if;
elsif v_fraction > 0 then
    v_from := v_fraction_pool;
    v_long := v_fraction_pool - (v_fraction_pool + 1) % 2;
    v_left := v_fraction;
    v_amount := v_fraction_cash;
    v_native_amount := v_fraction_native;
    v_price := v_fraction_cash / v_fraction;
    v_then := c_final;
    v_kind := case v_code when 30 then 'expire' when 45 then 'merger_cash' else 'cash_in_lieu' end;
    v_fraction := 0;
    v_method := 0;
    if v_from % 2 = 1 then
        v_method := case
            when p_options ? 'method' then tax.override_code(
                p_user_id, p_history.pool_account[v_from], p_history.pool_instrument[v_from], (p_options ->> 'method')::core.lot_method
            )
            else tax.lot_method(p_user_id, p_history.pool_account[v_from], p_history.pool_instrument[v_from], v_event_date[v_k], v_x.lot_method)
        end;
    end if;
else
    exit;
end if;
