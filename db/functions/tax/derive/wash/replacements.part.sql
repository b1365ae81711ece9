-- Rounds: each loss looks for replacements still held, then each acquisition looks for losses whose window is open (F.7).
-- Reads: c_window, v_account_flow, v_acquisitions, v_closing_disallowed, v_closing_event, v_closing_held_from, v_closing_lot,
--   v_closing_other, v_closing_permanent, v_closing_piece, v_closing_pool, v_closing_quantity, v_closing_sold_on, v_event, v_event_date,
--   v_event_first_fill, v_event_last_fill, v_first_loss, v_free_head, v_free_in_window, v_free_next, v_free_previous, v_has_native,
--   v_is_broker_scope, v_judged, v_loss_closing, v_loss_left, v_loss_matches, v_loss_on, v_loss_pool, v_loss_purchase, v_loss_rest, v_losses,
--   v_matches, v_piece_acquired, v_piece_cost, v_piece_held_from, v_piece_native, v_piece_no_purchase, v_piece_pool, v_piece_quantity,
--   v_piece_source, v_piece_used, v_piece_waits_before, v_piece_wash, v_pool_account, v_pool_call_class, v_pool_instrument, v_pool_is_long,
--   v_pool_is_taxable, v_pool_least, v_pool_ranked_by, v_pool_shares, v_pool_waiting, v_pool_wash_class.
-- Changes: v_account_flow, v_closing_disallowed, v_closing_permanent, v_free_head, v_free_in_window, v_free_next, v_free_previous,
--   v_free_tail, v_loss_closing, v_loss_left, v_loss_matches, v_loss_on, v_loss_pool, v_loss_purchase, v_loss_rest, v_losses, v_match_amount,
--   v_match_closing, v_match_order, v_match_permanent, v_match_piece, v_match_pool, v_match_quantity, v_matches, v_piece_cost,
--   v_piece_held_from, v_piece_native, v_piece_used, v_piece_waits_before, v_piece_wash, v_pool_waiting.
declare
    -- Whether a loss walks along the pieces, or a piece along the losses.
    v_is_loss_round boolean;
    v_loss integer;
    v_piece integer;
    v_following integer;
    v_before integer;
    v_remainder integer;
    v_pool integer;
    v_lost_pool integer;
    v_fits boolean;
    v_closing integer;
    v_quantity numeric;
    v_matched numeric;
    v_shares numeric;
    v_disallowed numeric;
begin
    for v_round in 1 .. cardinality(v_judged) + cardinality(v_acquisitions) loop
        if v_round <= cardinality(v_judged) then
            v_closing := v_judged[v_round];
            v_pool := v_closing_pool[v_closing];
            v_losses := v_losses + 1;
            v_loss := v_losses;
            v_loss_closing[v_loss] := v_closing;
            v_loss_pool[v_loss] := v_pool;
            v_loss_purchase[v_loss] := v_event_first_fill[v_piece_source[v_closing_piece[v_closing]]];
            v_loss_on[v_loss] := coalesce(v_closing_sold_on[v_closing], v_event_date[v_closing_event[v_closing]]);
            v_loss_rest[v_loss] := v_closing_quantity[v_closing] * v_pool_shares[v_pool];
            v_loss_left[v_loss] := case
                when v_pool_is_long[v_pool] then v_closing_lot[v_closing] - v_closing_other[v_closing]
                else v_closing_other[v_closing] - v_closing_lot[v_closing]
            end;
            v_loss_matches[v_loss] := 0;
            v_piece := case when v_closing_sold_on[v_closing] is null then v_free_in_window else v_free_head end;
            v_is_loss_round := true;
        else
            v_piece := v_acquisitions[v_round - cardinality(v_judged)];
            v_loss := v_first_loss;
            v_is_loss_round := false;
        end if;

        loop
            exit when v_piece = 0 or v_loss > v_losses;
            if v_is_loss_round then
                exit when v_loss_rest[v_loss] = 0;
                v_following := v_free_next[v_piece];
                if v_piece_used[v_piece] or v_piece_quantity[v_piece] = 0 or v_piece_no_purchase[v_piece] then
                    -- No replacement any more: it leaves the list for good.
                    v_before := v_free_previous[v_piece];
                    if v_before = 0 then
                        v_free_head := v_following;
                    else
                        v_free_next[v_before] := v_following;
                    end if;
                    if v_following = 0 then
                        v_free_tail := v_before;
                    else
                        v_free_previous[v_following] := v_before;
                    end if;
                    if v_free_in_window = v_piece then
                        v_free_in_window := v_following;
                    end if;
                    v_free_next[v_piece] := null;
                    v_piece := v_following;
                    continue;
                end if;
            else
                exit when v_piece_used[v_piece] or v_piece_quantity[v_piece] = 0;
                v_following := v_piece;
            end if;

            v_pool := v_piece_pool[v_piece];
            v_lost_pool := v_loss_pool[v_loss];
            v_fits := v_loss_rest[v_loss] > 0
                and v_pool_is_long[v_pool] = v_pool_is_long[v_lost_pool]
                and abs(v_piece_acquired[v_piece] - v_loss_on[v_loss]) <= c_window
                -- What was bought later may well be of the same purchase, but not what the same exchange brought and sold in part (F.4).
                and (
                    v_event_first_fill[v_piece_source[v_piece]] <> v_loss_purchase[v_loss]
                    or not v_is_loss_round and v_event_last_fill[v_closing_event[v_loss_closing[v_loss]]] <> v_event
                )
                and case
                    when v_is_broker_scope then v_pool = v_lost_pool
                    else v_pool_wash_class[v_pool] = v_pool_wash_class[v_lost_pool] or v_pool_call_class[v_pool] = v_pool_wash_class[v_lost_pool]
                end;
            if not v_fits then
                if v_is_loss_round then
                    v_piece := v_following;
                else
                    v_loss := v_loss + 1;
                end if;
                continue;
            end if;

            -- As much of the piece as the loss needs; the matched part keeps its number, the rest gets the next (F.10).
            v_quantity := v_piece_quantity[v_piece];
            v_matched := v_quantity;
            v_shares := v_quantity * v_pool_shares[v_pool];
            if v_shares > v_loss_rest[v_loss] then
                v_shares := v_loss_rest[v_loss];
                v_matched := greatest(
                    round(v_shares / v_pool_shares[v_pool], p_history.instrument_scale[v_pool_instrument[v_pool]]), v_pool_least[v_pool]
                );
            end if;
            v_remainder := 0;
            if v_matched < v_quantity then
                -- include remainder.part.sql
            end if;

            v_closing := v_loss_closing[v_loss];
            v_disallowed := case
                when v_shares = v_loss_rest[v_loss] then v_loss_left[v_loss]
                else round(v_loss_left[v_loss] * v_shares / v_loss_rest[v_loss], 2)
            end;
            v_loss_rest[v_loss] := v_loss_rest[v_loss] - v_shares;
            v_loss_left[v_loss] := v_loss_left[v_loss] - v_disallowed;
            v_loss_matches[v_loss] := v_loss_matches[v_loss] + 1;
            v_piece_used[v_piece] := true;
            if v_pool_is_taxable[v_pool] then
                v_closing_disallowed[v_closing] := coalesce(v_closing_disallowed[v_closing], 0) + v_disallowed;
                v_piece_wash[v_piece] := coalesce(v_piece_wash[v_piece], 0) + v_disallowed;
                if v_piece_cost[v_piece] is null then
                    -- What is deferred into an unknown basis is found again when that is known (F.11).
                    v_account_flow[v_pool_account[v_pool]] := v_account_flow[v_pool_account[v_pool]] + v_disallowed;
                end if;
                if v_pool_is_long[v_pool] then
                    if v_has_native then
                        v_piece_native[v_piece] := v_piece_native[v_piece] + case
                            when v_piece_cost[v_piece] <> 0 then round(v_disallowed * v_piece_native[v_piece] / v_piece_cost[v_piece], 8)
                            else v_disallowed
                        end;
                    end if;
                    v_piece_cost[v_piece] := v_piece_cost[v_piece] + v_disallowed;
                    v_piece_held_from[v_piece] := coalesce(
                        v_piece_held_from[v_piece] - (v_loss_on[v_loss] - v_closing_held_from[v_closing]), v_piece_held_from[v_piece]
                    );
                else
                    if v_has_native then
                        v_piece_native[v_piece] := v_piece_native[v_piece] - case
                            when v_piece_cost[v_piece] <> 0 then round(v_disallowed * v_piece_native[v_piece] / v_piece_cost[v_piece], 8)
                            else v_disallowed
                        end;
                    end if;
                    v_piece_cost[v_piece] := v_piece_cost[v_piece] - v_disallowed;
                end if;
            else
                v_closing_permanent[v_closing] := coalesce(v_closing_permanent[v_closing], 0) + v_disallowed;
            end if;
            v_matches := v_matches + 1;
            v_match_closing[v_matches] := v_closing;
            v_match_order[v_matches] := v_loss_matches[v_loss];
            v_match_piece[v_matches] := v_piece;
            v_match_pool[v_matches] := v_pool;
            v_match_permanent[v_matches] := not v_pool_is_taxable[v_pool];
            v_match_quantity[v_matches] := v_shares;
            v_match_amount[v_matches] := v_disallowed;

            if v_pool_ranked_by[v_pool] is not null then
                if v_piece_waits_before[v_piece] is null then
                    v_piece_waits_before[v_piece] := v_pool_waiting[v_pool];
                    v_pool_waiting[v_pool] := v_piece;
                end if;
                if v_remainder <> 0 then
                    v_piece_waits_before[v_remainder] := v_pool_waiting[v_pool];
                    v_pool_waiting[v_pool] := v_remainder;
                end if;
            end if;

            if v_is_loss_round then
                v_piece := case v_remainder when 0 then v_following else v_remainder end;
            else
                v_piece := v_remainder;
                v_loss := v_loss + 1;
            end if;
        end loop;

        if not v_is_loss_round and v_piece <> 0 and v_piece_quantity[v_piece] > 0 and v_piece_used[v_piece] is null then
            -- include keep.part.sql
        end if;
    end loop;
end;
