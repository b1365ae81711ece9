-- The pieces go where they are sent, with all that they carry; or they leave for good (E.1, E.6).
-- Reads: v_account_flow, v_closing_gift_basis, v_closing_lot, v_closing_native_lot, v_closing_piece, v_closing_quantity, v_closing_wash,
--   v_closings, v_closings_before, v_event, v_event_date, v_event_last_number, v_facts, v_free_next, v_from_pool, v_has_native, v_long_pool,
--   v_new_pieces, v_outcome, v_piece_acquired, v_piece_acquired_at, v_piece_closed_by, v_piece_covered, v_piece_gift_on, v_piece_held_from,
--   v_piece_inherited, v_piece_no_purchase, v_piece_number, v_piece_source, v_piece_used, v_pieces, v_plan, v_pool_account, v_pool_is_long,
--   v_pool_unmatched, v_units_left.
-- Changes: v_account_flow, v_closings, v_event_last_number, v_free_next, v_free_previous, v_free_tail, v_new_piece, v_new_pieces,
--   v_piece_acquired, v_piece_acquired_at, v_piece_arrived, v_piece_closed_by, v_piece_cost, v_piece_covered, v_piece_gift_basis,
--   v_piece_gift_on, v_piece_held_from, v_piece_inherited, v_piece_native, v_piece_no_purchase, v_piece_number, v_piece_opened,
--   v_piece_placed_by, v_piece_pool, v_piece_quantity, v_piece_source, v_piece_used, v_piece_wash, v_pieces, v_pool_unmatched.
if v_units_left > 0 then
    v_pool_unmatched[v_long_pool] := coalesce(v_pool_unmatched[v_long_pool], 0) + v_units_left;
    if v_outcome = 'move' then
        -- What left without being held arrives without a lot: the other account has the units, and nobody knows more.
        v_pool_unmatched[v_facts.partner_long_pool] := coalesce(v_pool_unmatched[v_facts.partner_long_pool], 0) - v_units_left;
    end if;
end if;
declare
    v_giver integer := v_pool_account[v_from_pool];
    v_taker integer := v_pool_account[v_plan.target_pool];
    v_piece integer;
    v_moved integer;
    v_value numeric;
    v_before integer;
    v_behind integer;
begin
    for v_closing in v_closings_before + 1 .. v_closings loop
        v_piece := v_closing_piece[v_closing];
        v_value := case when v_pool_is_long[v_from_pool] then 1 else -1 end * coalesce(v_closing_lot[v_closing], 0);
        v_account_flow[v_giver] := v_account_flow[v_giver] + v_value;
        continue when v_outcome = 'leave';
        v_account_flow[v_taker] := v_account_flow[v_taker] - v_value;
        v_moved := v_piece;
        if v_piece_closed_by[v_piece] is distinct from v_event or v_plan.loses_cover and v_piece_covered[v_piece] is distinct from false then
            -- A part moves, or one whose earlier sales were still covered: a piece of its own, with all that the lot carries.
            v_pieces := v_pieces + 1;
            v_moved := v_pieces;
            v_piece_source[v_moved] := v_piece_source[v_piece];
            v_event_last_number[v_piece_source[v_piece]] := coalesce(v_event_last_number[v_piece_source[v_piece]], 1) + 1;
            v_piece_number[v_moved] := v_event_last_number[v_piece_source[v_piece]];
            v_piece_acquired[v_moved] := v_piece_acquired[v_piece];
            v_piece_acquired_at[v_moved] := v_piece_acquired_at[v_piece];
            v_piece_held_from[v_moved] := v_piece_held_from[v_piece];
            v_piece_used[v_moved] := v_piece_used[v_piece];
            v_piece_no_purchase[v_moved] := v_piece_no_purchase[v_piece];
            v_piece_gift_on[v_moved] := v_piece_gift_on[v_piece];
            v_piece_inherited[v_moved] := v_piece_inherited[v_piece];
            v_piece_covered[v_moved] := v_piece_covered[v_piece];
            if v_free_next[v_piece] is not null then
                v_before := v_piece;
                v_behind := v_free_next[v_piece];
                while v_behind <> 0
                    and v_piece_source[v_behind] = v_piece_source[v_piece]
                    and v_piece_number[v_behind] < v_piece_number[v_moved]
                loop
                    v_before := v_behind;
                    v_behind := v_free_next[v_behind];
                end loop;
                v_free_next[v_moved] := v_behind;
                v_free_previous[v_moved] := v_before;
                v_free_next[v_before] := v_moved;
                if v_behind = 0 then
                    v_free_tail := v_moved;
                else
                    v_free_previous[v_behind] := v_moved;
                end if;
            end if;
        end if;
        v_piece_closed_by[v_moved] := null;
        v_piece_quantity[v_moved] := v_closing_quantity[v_closing];
        v_piece_opened[v_moved] := v_closing_quantity[v_closing];
        v_piece_cost[v_moved] := v_closing_lot[v_closing];
        v_piece_native[v_moved] := case when v_has_native then v_closing_native_lot[v_closing] else v_closing_lot[v_closing] end;
        v_piece_wash[v_moved] := v_closing_wash[v_closing];
        v_piece_gift_basis[v_moved] := v_closing_gift_basis[v_closing];
        v_piece_pool[v_moved] := v_plan.target_pool;
        v_piece_arrived[v_moved] := v_event_date[v_event];
        v_piece_placed_by[v_moved] := v_event;
        if v_plan.loses_cover then
            v_piece_covered[v_moved] := false;
        end if;
        v_new_pieces := v_new_pieces + 1;
        v_new_piece[v_new_pieces] := v_moved;
    end loop;
end;
v_closings := v_closings_before;
