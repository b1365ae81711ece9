-- A.11: each piece delivered meets the shorts in their order; both amounts are of that closing.
v_delivered_short := v_c_piece[v_first + 1 : v_c];
v_leg_quantity := v_c_quantity[v_first + 1 : v_c];
v_shares := v_c_lot[v_first + 1 : v_c];
v_native_shares := v_c_native_lot[v_first + 1 : v_c];
v_c := v_first;
v_i := 1;
v_j := 1;
while v_i <= v_count and v_j <= cardinality(v_leg_quantity) loop
    v_t := least(v_weights[v_i], v_leg_quantity[v_j]);
    v_s := v_delivered[v_i];
    v_r := v_delivered_short[v_j];
    v_c := v_c + 1;
    v_c_event[v_c] := v_k;
    v_c_ordinal[v_c] := v_c - v_first;
    v_c_piece[v_c] := v_s;
    v_c_pool[v_c] := v_long;
    v_c_kind[v_c] := 'delivery';
    v_c_quantity[v_c] := v_t;
    v_of_lot := tax.take(v_leg_amount[v_i], v_t, v_weights[v_i]);
    v_part := tax.take(v_shares[v_j], v_t, v_leg_quantity[v_j]);
    v_extra := tax.take(v_leg_gift[v_i], v_t, v_weights[v_i]);
    v_c_lot[v_c] := v_of_lot;
    v_c_other[v_c] := v_part;
    v_c_opened[v_c] := null;
    v_c_native_lot[v_c] := tax.take(v_leg_native[v_i], v_t, v_weights[v_i], p_history.instrument_native_scale[v_instrument]);
    v_c_native_other[v_c] := tax.take(v_native_shares[v_j], v_t, v_leg_quantity[v_j], p_history.instrument_native_scale[v_instrument]);
    v_c_held_from[v_c] := v_held_from[v_s];
    v_c_term_on[v_c] := v_acquired[v_r];
    v_c_sold_on[v_c] := case when v_acquired[v_s] <= v_acquired[v_r] then v_acquired[v_r] end;
    if v_extra is not null and v_part <= v_of_lot then
        -- A.10 again: what was given is delivered.
        v_c_lot[v_c] := greatest(v_part, v_extra);
        v_forfeited[v_account] := v_forfeited[v_account] + v_of_lot - v_c_lot[v_c];
        if v_part < v_extra then
            v_c_opened[v_c] := v_gift_on[v_s];
            v_c_held_from[v_c] := v_gift_on[v_s];
        end if;
    end if;
    v_leg_gift[v_i] := v_leg_gift[v_i] - v_extra;
    v_leg_amount[v_i] := v_leg_amount[v_i] - v_of_lot;
    v_shares[v_j] := v_shares[v_j] - v_part;
    v_leg_native[v_i] := v_leg_native[v_i] - v_c_native_lot[v_c];
    v_native_shares[v_j] := v_native_shares[v_j] - v_c_native_other[v_c];
    v_weights[v_i] := v_weights[v_i] - v_t;
    v_leg_quantity[v_j] := v_leg_quantity[v_j] - v_t;
    if v_weights[v_i] = 0 then
        v_i := v_i + 1;
    end if;
    if v_leg_quantity[v_j] = 0 then
        v_j := v_j + 1;
    end if;
end loop;
