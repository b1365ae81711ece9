-- What was sold without being held opens a short where the account may, where a later row proves that an option was written, or where it is a
-- future that settles nothing (A.13); else the history does not show where these units came from (A.12, E.1).
-- Reads: v_account_may_short, v_amount_left, v_closings, v_closings_before, v_closings_before_job, v_event, v_event_id, v_event_writes,
--   v_from_pool, v_is_trade, v_long_pool, v_native_left, v_new_pieces, v_outcome, v_piece_to_open, v_pool_account, v_pool_instrument,
--   v_pool_unmatched, v_short_pool, v_units_left.
-- Changes: v_closing_event, v_closing_held_from, v_closing_kind, v_closing_lot, v_closing_native_lot, v_closing_native_other,
--   v_closing_ordinal, v_closing_other, v_closing_piece, v_closing_pool, v_closing_quantity, v_closings, v_new_piece, v_new_pieces,
--   v_piece_cost, v_piece_native, v_piece_opened, v_piece_pool, v_piece_quantity, v_pool_unmatched.
if v_units_left > 0 and v_outcome = 'close_or_short'
    and (
        v_account_may_short[v_pool_account[v_long_pool]]
        or v_event_writes[v_event]
        or p_history.instrument_type[v_pool_instrument[v_long_pool]] = 'future'
        and (v_closings > v_closings_before_job or not tax.settles_a_result(p_user_id, v_event_id[v_event]))
    )
then
    if v_is_trade and v_closings > v_closings_before_job and p_history.instrument_type[v_pool_instrument[v_long_pool]] = 'future' then
        -- include turn.part.sql
    end if;
    v_piece_quantity[v_piece_to_open] := v_units_left;
    v_piece_opened[v_piece_to_open] := v_units_left;
    v_piece_cost[v_piece_to_open] := v_amount_left;
    v_piece_native[v_piece_to_open] := v_native_left;
    v_piece_pool[v_piece_to_open] := v_short_pool;
    v_new_pieces := v_new_pieces + 1;
    v_new_piece[v_new_pieces] := v_piece_to_open;
elsif v_units_left > 0 and v_from_pool = v_long_pool then
    v_pool_unmatched[v_from_pool] := coalesce(v_pool_unmatched[v_from_pool], 0) + v_units_left;
    if v_outcome <> 'close_held' then
        v_closings := v_closings + 1;
        v_closing_event[v_closings] := v_event;
        v_closing_ordinal[v_closings] := v_closings - v_closings_before;
        v_closing_piece[v_closings] := 0;
        v_closing_pool[v_closings] := v_from_pool;
        v_closing_kind[v_closings] := 'unmatched';
        v_closing_quantity[v_closings] := v_units_left;
        v_closing_lot[v_closings] := null;
        v_closing_other[v_closings] := v_amount_left;
        v_closing_native_lot[v_closings] := null;
        v_closing_native_other[v_closings] := v_native_left;
        v_closing_held_from[v_closings] := null;
    end if;
elsif v_units_left > 0 and v_outcome = 'close_held' then
    -- What a short closes without being in the book was written before its rows begin (E.1).
    v_pool_unmatched[v_long_pool] := coalesce(v_pool_unmatched[v_long_pool], 0) - v_units_left;
end if;
