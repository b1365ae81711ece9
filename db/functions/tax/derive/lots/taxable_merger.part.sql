-- An exchange that is no reorganisation is a sale for cash and value, and a purchase at value (C.8).
-- Reads: v_account, v_account_flow, v_account_forfeited, v_basis, v_cash, v_detail, v_event, v_event_at, v_event_date, v_is_long,
--   v_native_cash, v_native_proceeds, v_new_pieces, v_new_units, v_old_units, v_piece, v_piece_gift_basis, v_piece_gift_on, v_pieces, v_place,
--   v_proceeds, v_to_pool, v_value.
-- Changes: v_account_flow, v_account_forfeited, v_basis, v_closed_units, v_closes, v_event_last_number, v_held_from, v_native_proceeds,
--   v_new_piece, v_new_pieces, v_opened_on, v_piece_acquired, v_piece_acquired_at, v_piece_closed_by, v_piece_cost, v_piece_held_from,
--   v_piece_native, v_piece_number, v_piece_opened, v_piece_pool, v_piece_quantity, v_piece_source, v_pieces, v_proceeds, v_value.
v_closes := 'merger_taxable';
v_closed_units := v_old_units;
v_value := round(v_new_units * v_detail.value_per_new_share * v_detail.rate, 2);
v_proceeds := coalesce(v_cash, 0) + v_value;
v_native_proceeds := coalesce(v_native_cash, 0) + case v_detail.rate when 1 then v_value else v_new_units * v_detail.value_per_new_share end;
if v_is_long and v_piece_gift_basis[v_piece] is not null and v_proceeds <= v_basis then
    -- A gift worth less than the donor's basis is judged for each closing (A.10).
    v_account_forfeited[v_account] := v_account_forfeited[v_account] + v_basis - greatest(v_proceeds, v_piece_gift_basis[v_piece]);
    v_basis := greatest(v_proceeds, v_piece_gift_basis[v_piece]);
    if v_proceeds < v_piece_gift_basis[v_piece] then
        v_opened_on := v_piece_gift_on[v_piece];
        v_held_from := v_piece_gift_on[v_piece];
    end if;
end if;
v_account_flow[v_account] := v_account_flow[v_account] + case when v_is_long then 1 else -1 end * coalesce(v_cash, 0);
v_piece_quantity[v_piece] := 0;
v_piece_closed_by[v_piece] := v_event;
v_pieces := v_pieces + 1;
v_piece_source[v_pieces] := v_event;
v_piece_number[v_pieces] := v_place;
v_event_last_number[v_event] := v_place;
v_piece_pool[v_pieces] := v_to_pool;
v_piece_opened[v_pieces] := v_new_units;
v_piece_quantity[v_pieces] := v_new_units;
v_piece_cost[v_pieces] := v_value;
v_piece_native[v_pieces] := v_native_proceeds - coalesce(v_native_cash, 0);
v_piece_acquired[v_pieces] := v_event_date[v_event];
v_piece_acquired_at[v_pieces] := v_event_at[v_event];
v_piece_held_from[v_pieces] := v_event_date[v_event];
v_new_pieces := v_new_pieces + 1;
v_new_piece[v_new_pieces] := v_pieces;
