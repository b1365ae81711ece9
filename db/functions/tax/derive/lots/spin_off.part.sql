-- C.5: basis, a deferred loss and a gift's loss basis split alike; an unknown share leaves the child's basis unknown.
v_m := v_m + 1;
v_source[v_m] := v_source[v_s];
v_number[v_m] := v_number[v_s];
v_pool[v_m] := v_target;
v_opened[v_m] := v_t;
v_quantity[v_m] := v_t;
v_cost[v_m] := round(v_cost[v_s] * v_x.basis_fraction, 2);
v_native[v_m] := round(v_native[v_s] * v_x.basis_fraction, p_history.instrument_native_scale[v_instrument]);
if v_x.basis_fraction is not null then
    v_cost[v_s] := v_cost[v_s] - v_cost[v_m];
    v_native[v_s] := v_native[v_s] - v_native[v_m];
    v_wash[v_m] := round(v_wash[v_s] * v_x.basis_fraction, 2);
    v_wash[v_s] := v_wash[v_s] - v_wash[v_m];
    if v_gift_basis[v_s] is not null then
        v_gift_basis[v_m] := round(v_gift_basis[v_s] * v_x.basis_fraction, 2);
        v_gift_basis[v_s] := v_gift_basis[v_s] - v_gift_basis[v_m];
        v_gift_on[v_m] := v_gift_on[v_s];
    end if;
end if;
v_acquired[v_m] := v_acquired[v_s];
v_acquired_at[v_m] := v_acquired_at[v_s];
v_held_from[v_m] := v_held_from[v_s];
v_used[v_m] := v_used[v_s];
v_no_purchase[v_m] := true;
v_inherited[v_m] := v_inherited[v_s];
v_covered[v_m] := v_covered[v_s];
v_arrived[v_m] := v_event_date[v_k];
v_placed_by[v_m] := v_k;
v_link_count := v_link_count + 1;
v_links[v_link_count] := v_m;
