-- N.4: the piece gives its share of its amount, the event its share of its own; who takes the last unit takes what is left.
while v_left > 0 loop
    if v_select = 0 then
        v_s := v_head[v_from];
    elsif v_select = 1 then
        v_s := v_tail[v_from];
    elsif v_select = 3 then
        -- include take/heap.part.sql
    else
        v_i := v_i + 1;
        v_s := v_list[v_i];
        if v_s is null then
            v_select := 0;
            v_s := v_head[v_from];
        end if;
    end if;
    exit when v_s = 0;
    v_q := v_quantity[v_s];
    v_t := v_left;
    if v_select = 2 and v_caps[v_i] < v_t then
        v_t := v_caps[v_i];
    end if;
    v_c := v_c + 1;
    if v_q <= v_t then
        v_t := v_q;
        v_of_lot := v_cost[v_s];
        v_quantity[v_s] := 0;
        v_closed_by[v_s] := v_k;
        v_b := v_next[v_s];
        if v_plain then
            v_head[v_from] := v_b;
            if v_b = 0 then
                v_tail[v_from] := 0;
            end if;
        else
            v_of_native := v_native[v_s];
            v_a := v_previous[v_s];
            if v_a = 0 then
                v_head[v_from] := v_b;
            else
                v_next[v_a] := v_b;
            end if;
            if v_b = 0 then
                v_tail[v_from] := v_a;
            else
                v_previous[v_b] := v_a;
            end if;
        end if;
    else
        v_of_lot := round(v_cost[v_s] * v_t / v_q, 2);
        v_quantity[v_s] := v_q - v_t;
        v_cost[v_s] := v_cost[v_s] - v_of_lot;
        if v_has_native then
            v_of_native := round(v_native[v_s] * v_t / v_q, p_history.instrument_native_scale[(v_from - 1) / 2 % v_instruments + 1]);
            v_native[v_s] := v_native[v_s] - v_of_native;
        end if;
        -- Rounding may have changed what a unit of the rest costs.
        if v_ranked_by[v_from] is not null and v_waits_before[v_s] is null then
            v_waits_before[v_s] := v_waiting[v_from];
            v_waiting[v_from] := v_s;
        end if;
    end if;
    if v_t = v_left then
        v_part := v_amount;
    else
        v_part := round(v_amount * v_t / v_left, 2);
        v_amount := v_amount - v_part;
    end if;

    if not v_plain then
        if v_has_native then
            v_native_part := case v_t
                when v_left then v_native_amount
                else round(v_native_amount * v_t / v_left, p_history.instrument_native_scale[(v_from - 1) / 2 % v_instruments + 1])
            end;
            v_native_amount := v_native_amount - v_native_part;
            v_c_native_lot[v_c] := v_of_native;
            v_c_native_other[v_c] := v_native_part;
        end if;
        v_c_pool[v_c] := v_from;
        v_c_kind[v_c] := v_kind;
        v_c_held_from[v_c] := v_held_from[v_s];
        if v_then >= c_move then
            v_c_wash[v_c] := null;
            v_c_gift[v_c] := null;
        end if;
        if v_wash[v_s] <> 0 then
            v_extra := case v_t when v_q then v_wash[v_s] else round(v_wash[v_s] * v_t / v_q, 2) end;
            v_wash[v_s] := v_wash[v_s] - v_extra;
            if v_then >= c_move then
                v_c_wash[v_c] := v_extra;
            end if;
        end if;
        if v_gift_basis[v_s] is not null then
            v_extra := case v_t when v_q then v_gift_basis[v_s] else round(v_gift_basis[v_s] * v_t / v_q, 2) end;
            v_gift_basis[v_s] := v_gift_basis[v_s] - v_extra;
            if v_then >= c_move then
                v_c_gift[v_c] := v_extra;
            elsif v_part <= v_of_lot then
                -- A.10: a gift worth less than the donor's basis, judged for each closing.
                v_a := (v_from - 1) / 2 / v_instruments + 1;
                v_forfeited[v_a] := v_forfeited[v_a] + v_of_lot - greatest(v_part, v_extra);
                if v_part < v_extra then
                    v_of_lot := v_extra;
                    v_c_opened[v_c] := v_gift_on[v_s];
                    v_c_held_from[v_c] := v_gift_on[v_s];
                else
                    v_of_lot := v_part;
                end if;
            end if;
        end if;
    end if;
    v_left := v_left - v_t;
    v_c_event[v_c] := v_k;
    v_c_ordinal[v_c] := v_c - v_first;
    v_c_piece[v_c] := v_s;
    v_c_quantity[v_c] := v_t;
    v_c_lot[v_c] := v_of_lot;
    v_c_other[v_c] := v_part;
end loop;
