-- What was sold without being held opens a short where the account may, else it is unmatched.
if v_left > 0 and v_then = c_sold and v_may_short[(v_long - 1) / 2 / v_instruments + 1] then
    v_quantity[v_open] := v_left;
    v_opened[v_open] := v_left;
    v_cost[v_open] := v_amount;
    v_native[v_open] := v_native_amount;
    v_pool[v_open] := v_long + 1;
    v_link_count := v_link_count + 1;
    v_links[v_link_count] := v_open;
elsif v_left > 0 and v_from = v_long then
    -- A.12, E.1: the history does not show where these units came from.
    v_unmatched[v_from] := coalesce(v_unmatched[v_from], 0) + v_left;
    if v_then <> c_unmatched then
        v_c := v_c + 1;
        v_c_event[v_c] := v_k;
        v_c_ordinal[v_c] := v_c - v_first;
        v_c_piece[v_c] := 0;
        v_c_pool[v_c] := v_from;
        v_c_kind[v_c] := 'unmatched';
        v_c_quantity[v_c] := v_left;
        v_c_lot[v_c] := null;
        v_c_other[v_c] := v_amount;
        v_c_native_lot[v_c] := null;
        v_c_native_other[v_c] := v_native_amount;
        v_c_held_from[v_c] := null;
    end if;
end if;
