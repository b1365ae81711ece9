-- E.1: the pieces go where they are sent, with all that they carry; or they leave for good.
if v_left > 0 then
    v_unmatched[v_long] := coalesce(v_unmatched[v_long], 0) + v_left;
    if v_then = c_move then
        -- What left without being held arrives without a lot: the other account has the units, and nobody knows more.
        v_unmatched[v_partner_pool] := coalesce(v_unmatched[v_partner_pool], 0) - v_left;
    end if;
end if;
v_a := (v_from - 1) / 2 / v_instruments + 1;
v_b := (v_target - 1) / 2 / v_instruments + 1;
for v_i in v_first + 1 .. v_c loop
    v_s := v_c_piece[v_i];
    v_part := case v_from % 2 when 1 then 1 else -1 end * coalesce(v_c_lot[v_i], 0);
    v_flow[v_a] := v_flow[v_a] + v_part;
    continue when v_then = c_leave;
    v_flow[v_b] := v_flow[v_b] - v_part;
    v_r := v_s;
    if v_closed_by[v_s] is distinct from v_k or v_lose_cover and v_covered[v_s] is distinct from false then
        -- A part moves, or one whose earlier sales were still covered: a piece of its own, with all that the lot carries.
        v_m := v_m + 1;
        v_r := v_m;
        v_source[v_r] := v_source[v_s];
        v_last_number[v_source[v_s]] := coalesce(v_last_number[v_source[v_s]], 1) + 1;
        v_number[v_r] := v_last_number[v_source[v_s]];
        v_acquired[v_r] := v_acquired[v_s];
        v_acquired_at[v_r] := v_acquired_at[v_s];
        v_held_from[v_r] := v_held_from[v_s];
        v_used[v_r] := v_used[v_s];
        v_no_purchase[v_r] := v_no_purchase[v_s];
        v_gift_on[v_r] := v_gift_on[v_s];
        v_inherited[v_r] := v_inherited[v_s];
        v_covered[v_r] := v_covered[v_s];
        if v_free_next[v_s] is not null then
            v_one := v_s;
            v_j := v_free_next[v_s];
            while v_j <> 0 and v_source[v_j] = v_source[v_s] and v_number[v_j] < v_number[v_r] loop
                v_one := v_j;
                v_j := v_free_next[v_j];
            end loop;
            v_free_next[v_r] := v_j;
            v_free_previous[v_r] := v_one;
            v_free_next[v_one] := v_r;
            if v_j = 0 then
                v_free_tail := v_r;
            else
                v_free_previous[v_j] := v_r;
            end if;
        end if;
    end if;
    v_closed_by[v_r] := null;
    v_quantity[v_r] := v_c_quantity[v_i];
    v_opened[v_r] := v_c_quantity[v_i];
    v_cost[v_r] := v_c_lot[v_i];
    v_native[v_r] := case when v_has_native then v_c_native_lot[v_i] else v_c_lot[v_i] end;
    v_wash[v_r] := v_c_wash[v_i];
    v_gift_basis[v_r] := v_c_gift[v_i];
    v_pool[v_r] := v_target;
    v_arrived[v_r] := v_event_date[v_k];
    v_placed_by[v_r] := v_k;
    if v_lose_cover then
        v_covered[v_r] := false;
    end if;
    v_link_count := v_link_count + 1;
    v_links[v_link_count] := v_r;
end loop;
v_c := v_first;
