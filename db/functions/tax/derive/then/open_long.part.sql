-- What a purchase has left after covering is a lot (A.12).
-- Reads: v_amount_left, v_closings, v_closings_before_job, v_is_trade, v_leg, v_leg_quantity, v_long_pool, v_native_left, v_new_pieces,
--   v_piece_to_open, v_piece_wash, v_pool_instrument, v_units_left.
-- Changes: v_new_piece, v_new_pieces, v_piece_cost, v_piece_native, v_piece_opened, v_piece_pool, v_piece_quantity, v_piece_wash.
if v_units_left = 0 then
    v_piece_opened[v_piece_to_open] := null;
else
    if v_is_trade and v_closings > v_closings_before_job and p_history.instrument_type[v_pool_instrument[v_long_pool]] = 'future' then
        -- include turn.part.sql
    end if;
    v_piece_quantity[v_piece_to_open] := v_units_left;
    v_piece_opened[v_piece_to_open] := v_units_left;
    v_piece_cost[v_piece_to_open] := v_amount_left;
    v_piece_native[v_piece_to_open] := v_native_left;
    v_piece_pool[v_piece_to_open] := v_long_pool;
    if v_piece_wash[v_piece_to_open] <> 0 then
        -- What covered a short took its share of what a wash sale had deferred into the option.
        v_piece_wash[v_piece_to_open] := tax.take(v_piece_wash[v_piece_to_open], v_units_left, v_leg_quantity[v_leg]);
    end if;
    v_new_pieces := v_new_pieces + 1;
    v_new_piece[v_new_pieces] := v_piece_to_open;
end if;
