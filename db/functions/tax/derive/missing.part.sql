-- What the row names and the book does not hold: units of before are unmatched, those of after a lot of unknown basis, and cash a closing of
-- unknown basis (C.1, E.4).
-- Reads: v_account, v_account_flow, v_closings, v_closings_before, v_detail, v_event, v_event_date, v_event_last_number, v_facts,
--   v_instruments, v_kind, v_long_pool, v_new_pieces, v_partner, v_pieces, v_plan, v_pool_unmatched.
-- Changes: v_account_flow, v_closing_event, v_closing_held_from, v_closing_kind, v_closing_lot, v_closing_native_lot, v_closing_native_other,
--   v_closing_ordinal, v_closing_other, v_closing_piece, v_closing_pool, v_closing_quantity, v_closings, v_event_last_number, v_new_piece,
--   v_new_pieces, v_piece_acquired, v_piece_acquired_at, v_piece_arrived, v_piece_cost, v_piece_covered, v_piece_held_from, v_piece_native,
--   v_piece_no_purchase, v_piece_number, v_piece_opened, v_piece_pool, v_piece_quantity, v_piece_source, v_pieces, v_pool_unmatched.
if v_plan.missing_units > 0 then
    v_pool_unmatched[v_long_pool] := coalesce(v_pool_unmatched[v_long_pool], 0) + v_plan.missing_units;
end if;
if v_plan.missing_new_units > 0 then
    v_pieces := v_pieces + 1;
    v_event_last_number[v_event] := coalesce(v_event_last_number[v_event], 0) + 1;
    v_piece_source[v_pieces] := v_event;
    v_piece_number[v_pieces] := v_event_last_number[v_event];
    v_piece_pool[v_pieces] := case
        when v_kind in ('split', 'stock_dividend') then v_long_pool
        else tax.pool_of(v_account, v_facts.new_instrument, 'long', v_instruments)
    end;
    v_piece_quantity[v_pieces] := v_plan.missing_new_units;
    v_piece_opened[v_pieces] := v_plan.missing_new_units;
    v_piece_no_purchase[v_pieces] := true;
    v_piece_cost[v_pieces] := v_partner.later_basis;
    v_piece_native[v_pieces] := case v_detail.rate when 1 then v_partner.later_basis else round(v_partner.later_basis / v_detail.rate, 8) end;
    v_piece_acquired[v_pieces] := v_partner.later_acquired_on;
    v_piece_acquired_at[v_pieces] := tax.start_of_day(v_partner.later_acquired_on);
    v_piece_held_from[v_pieces] := v_partner.later_acquired_on;
    v_piece_arrived[v_pieces] := v_event_date[v_event];
    v_piece_covered[v_pieces] := false;
    v_account_flow[v_account] := v_account_flow[v_account] - coalesce(v_partner.later_basis, 0);
    v_new_pieces := v_new_pieces + 1;
    v_new_piece[v_new_pieces] := v_pieces;
end if;
if v_plan.missing_native_amount > 0 then
    v_closings := v_closings + 1;
    v_closing_event[v_closings] := v_event;
    v_closing_ordinal[v_closings] := v_closings - v_closings_before;
    v_closing_piece[v_closings] := 0;
    v_closing_pool[v_closings] := v_long_pool;
    v_closing_kind[v_closings] := 'unmatched';
    v_closing_quantity[v_closings] := 0;
    v_closing_lot[v_closings] := null;
    v_closing_other[v_closings] := v_plan.missing_amount;
    v_closing_native_lot[v_closings] := null;
    v_closing_native_other[v_closings] := v_plan.missing_native_amount;
    v_closing_held_from[v_closings] := null;
    v_account_flow[v_account] := v_account_flow[v_account] + coalesce(v_plan.missing_amount, 0);
end if;
