-- Basis, a deferred loss and a gift's loss basis split alike; while the share is unknown, so is the basis of both (C.5).
-- Reads: v_account, v_account_flow, v_detail, v_event, v_event_date, v_is_long, v_native_scale, v_new_pieces, v_new_units, v_piece,
--   v_piece_acquired, v_piece_acquired_at, v_piece_cost, v_piece_covered, v_piece_gift_basis, v_piece_gift_on, v_piece_held_from,
--   v_piece_inherited, v_piece_native, v_piece_number, v_piece_source, v_piece_used, v_piece_wash, v_pieces, v_to_pool.
-- Changes: v_account_flow, v_new_piece, v_new_pieces, v_piece_acquired, v_piece_acquired_at, v_piece_arrived, v_piece_cost, v_piece_covered,
--   v_piece_gift_basis, v_piece_gift_on, v_piece_held_from, v_piece_inherited, v_piece_native, v_piece_no_purchase, v_piece_number,
--   v_piece_opened, v_piece_placed_by, v_piece_pool, v_piece_quantity, v_piece_source, v_piece_used, v_piece_wash, v_pieces.
v_pieces := v_pieces + 1;
v_piece_source[v_pieces] := v_piece_source[v_piece];
v_piece_number[v_pieces] := v_piece_number[v_piece];
v_piece_pool[v_pieces] := v_to_pool;
v_piece_opened[v_pieces] := v_new_units;
v_piece_quantity[v_pieces] := v_new_units;
v_piece_cost[v_pieces] := round(v_piece_cost[v_piece] * v_detail.basis_fraction, 2);
v_piece_native[v_pieces] := round(v_piece_native[v_piece] * v_detail.basis_fraction, v_native_scale);
if v_detail.basis_fraction is null then
    -- What was paid counts again when the share is supplied.
    v_account_flow[v_account] := v_account_flow[v_account] + case when v_is_long then 1 else -1 end * coalesce(v_piece_cost[v_piece], 0);
    v_piece_cost[v_piece] := null;
    v_piece_native[v_piece] := null;
else
    v_piece_cost[v_piece] := v_piece_cost[v_piece] - v_piece_cost[v_pieces];
    v_piece_native[v_piece] := v_piece_native[v_piece] - v_piece_native[v_pieces];
    v_piece_wash[v_pieces] := round(v_piece_wash[v_piece] * v_detail.basis_fraction, 2);
    v_piece_wash[v_piece] := v_piece_wash[v_piece] - v_piece_wash[v_pieces];
    if v_piece_gift_basis[v_piece] is not null then
        v_piece_gift_basis[v_pieces] := round(v_piece_gift_basis[v_piece] * v_detail.basis_fraction, 2);
        v_piece_gift_basis[v_piece] := v_piece_gift_basis[v_piece] - v_piece_gift_basis[v_pieces];
        v_piece_gift_on[v_pieces] := v_piece_gift_on[v_piece];
    end if;
end if;
v_piece_acquired[v_pieces] := v_piece_acquired[v_piece];
v_piece_acquired_at[v_pieces] := v_piece_acquired_at[v_piece];
v_piece_held_from[v_pieces] := v_piece_held_from[v_piece];
v_piece_used[v_pieces] := v_piece_used[v_piece];
v_piece_no_purchase[v_pieces] := true;
v_piece_inherited[v_pieces] := v_piece_inherited[v_piece];
v_piece_covered[v_pieces] := v_piece_covered[v_piece];
v_piece_arrived[v_pieces] := v_event_date[v_event];
v_piece_placed_by[v_pieces] := v_event;
v_new_pieces := v_new_pieces + 1;
v_new_piece[v_new_pieces] := v_pieces;
