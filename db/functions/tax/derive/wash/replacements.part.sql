-- Rounds: each loss looks for replacements still held, then each acquisition looks for losses whose window is open.
for v_round in 1 .. cardinality(v_settled) + cardinality(v_acquisitions) loop
    if v_round <= cardinality(v_settled) then
        v_i := v_settled[v_round];
        v_p := v_c_pool[v_i];
        v_loss := v_loss + 1;
        v_j := v_loss;
        v_loss_closing[v_j] := v_i;
        v_loss_pool[v_j] := v_p;
        v_loss_group[v_j] := v_event_group[v_source[v_c_piece[v_i]]];
        v_loss_on[v_j] := coalesce(v_c_sold_on[v_i], v_event_date[v_c_event[v_i]]);
        v_loss_rest[v_j] := v_c_quantity[v_i] * v_pool_shares[v_p];
        v_loss_left[v_j] := case v_p % 2 when 1 then v_c_lot[v_i] - v_c_other[v_i] else v_c_other[v_i] - v_c_lot[v_i] end;
        v_loss_matches[v_j] := 0;
        v_s := case when v_c_sold_on[v_i] is null then v_free_start else v_free_head end;
        v_forward := true;
    else
        v_s := v_acquisitions[v_round - cardinality(v_settled)];
        v_j := v_loss_first;
        v_forward := false;
    end if;

    loop
        exit when v_s = 0 or v_j > v_loss;
        if v_forward then
            exit when v_loss_rest[v_j] = 0;
            v_b := v_free_next[v_s];
            if v_used[v_s] or v_quantity[v_s] = 0 or v_no_purchase[v_s] then
                -- No replacement any more: it leaves the list for good.
                v_a := v_free_previous[v_s];
                if v_a = 0 then
                    v_free_head := v_b;
                else
                    v_free_next[v_a] := v_b;
                end if;
                if v_b = 0 then
                    v_free_tail := v_a;
                else
                    v_free_previous[v_b] := v_a;
                end if;
                if v_free_start = v_s then
                    v_free_start := v_b;
                end if;
                v_free_next[v_s] := null;
                v_s := v_b;
                continue;
            end if;
        else
            exit when v_used[v_s] or v_quantity[v_s] = 0;
            v_b := v_s;
        end if;

        v_p := v_pool[v_s];
        v_a := v_loss_pool[v_j];
        v_fits := v_loss_rest[v_j] > 0
            and v_p % 2 = v_a % 2
            and abs(v_acquired[v_s] - v_loss_on[v_j]) <= 30
            -- F.4: what was bought later may well be of the same purchase, but not what the same exchange brought and sold in part.
            and (
                v_event_group[v_source[v_s]] <> v_loss_group[v_j]
                or not v_forward and v_event_last[v_c_event[v_loss_closing[v_j]]] <> v_k
            )
            and case
                when v_broker_scope then v_p = v_a
                else v_pool_class[v_p] = v_pool_class[v_a] or v_pool_call_class[v_p] = v_pool_class[v_a]
            end;
        if not v_fits then
            if v_forward then
                v_s := v_b;
            else
                v_j := v_j + 1;
            end if;
            continue;
        end if;

        -- F.10: as much of the piece as the loss needs; the matched part keeps its number, the rest gets the next.
        v_instrument := (v_p - 1) / 2 % v_instruments + 1;
        v_factor := v_pool_shares[v_p];
        v_q := v_quantity[v_s];
        v_t := v_q;
        v_units := v_q * v_factor;
        if v_units > v_loss_rest[v_j] then
            v_units := v_loss_rest[v_j];
            v_t := greatest(round(v_units / v_factor, p_history.instrument_scale[v_instrument]), v_pool_least[v_p]);
        end if;
        v_r := 0;
        if v_t < v_q then
            -- include rest.part.sql
        end if;

        v_i := v_loss_closing[v_j];
        v_part := case when v_units = v_loss_rest[v_j] then v_loss_left[v_j] else round(v_loss_left[v_j] * v_units / v_loss_rest[v_j], 2) end;
        v_loss_rest[v_j] := v_loss_rest[v_j] - v_units;
        v_loss_left[v_j] := v_loss_left[v_j] - v_part;
        v_loss_matches[v_j] := v_loss_matches[v_j] + 1;
        v_used[v_s] := true;
        if v_pool_taxable[v_p] then
            v_c_disallowed[v_i] := coalesce(v_c_disallowed[v_i], 0) + v_part;
            v_wash[v_s] := coalesce(v_wash[v_s], 0) + v_part;
            if v_p % 2 = 1 then
                if v_has_native then
                    v_native[v_s] := v_native[v_s] + case when v_cost[v_s] <> 0 then round(v_part * v_native[v_s] / v_cost[v_s], 8) else v_part end;
                end if;
                v_cost[v_s] := v_cost[v_s] + v_part;
                v_held_from[v_s] := coalesce(v_held_from[v_s] - (v_loss_on[v_j] - v_c_held_from[v_i]), v_held_from[v_s]);
            else
                if v_has_native then
                    v_native[v_s] := v_native[v_s] - case when v_cost[v_s] <> 0 then round(v_part * v_native[v_s] / v_cost[v_s], 8) else v_part end;
                end if;
                v_cost[v_s] := v_cost[v_s] - v_part;
            end if;
        else
            v_c_permanent[v_i] := coalesce(v_c_permanent[v_i], 0) + v_part;
        end if;
        v_match := v_match + 1;
        v_m_closing[v_match] := v_i;
        v_m_order[v_match] := v_loss_matches[v_j];
        v_m_piece[v_match] := v_s;
        v_m_pool[v_match] := v_p;
        v_m_permanent[v_match] := not v_pool_taxable[v_p];
        v_m_quantity[v_match] := v_units;
        v_m_amount[v_match] := v_part;

        if v_ranked_by[v_p] is not null then
            if v_waits_before[v_s] is null then
                v_waits_before[v_s] := v_waiting[v_p];
                v_waiting[v_p] := v_s;
            end if;
            if v_r <> 0 then
                v_waits_before[v_r] := v_waiting[v_p];
                v_waiting[v_p] := v_r;
            end if;
        end if;

        if v_forward then
            v_s := case v_r when 0 then v_b else v_r end;
        else
            v_s := v_r;
            v_j := v_j + 1;
        end if;
    end loop;

    -- include keep.part.sql
end loop;
