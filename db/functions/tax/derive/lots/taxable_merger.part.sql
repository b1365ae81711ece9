-- C.8, last part: a sale for cash and value, and a purchase at value.
v_kind := 'merger_taxable';
v_units := v_q;
v_value := round(v_t * v_x.value_per_new_share * v_x.rate, 2);
v_part := coalesce(v_cash, 0) + v_value;
v_native_part := coalesce(v_native_cash, 0) + case v_x.rate when 1 then v_value else v_t * v_x.value_per_new_share end;
if v_side = 1 and v_gift_basis[v_s] is not null and v_part <= v_of_lot then
    v_forfeited[v_account] := v_forfeited[v_account] + v_of_lot - greatest(v_part, v_gift_basis[v_s]);
    v_of_lot := greatest(v_part, v_gift_basis[v_s]);
    if v_part < v_gift_basis[v_s] then
        v_opened_on := v_gift_on[v_s];
        v_from_day := v_gift_on[v_s];
    end if;
end if;
v_flow[v_account] := v_flow[v_account] + case v_side when 1 then 1 else -1 end * coalesce(v_cash, 0);
v_quantity[v_s] := 0;
v_closed_by[v_s] := v_k;
v_m := v_m + 1;
v_source[v_m] := v_k;
v_number[v_m] := v_i;
v_last_number[v_k] := v_i;
v_pool[v_m] := v_target;
v_opened[v_m] := v_t;
v_quantity[v_m] := v_t;
v_cost[v_m] := v_value;
v_native[v_m] := v_native_part - coalesce(v_native_cash, 0);
v_acquired[v_m] := v_event_date[v_k];
v_acquired_at[v_m] := v_event_at[v_k];
v_held_from[v_m] := v_event_date[v_k];
v_link_count := v_link_count + 1;
v_links[v_link_count] := v_m;
