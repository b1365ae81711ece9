-- The lot goes on as another instrument (C.7); cash beside the shares lowers its basis (C.8).
-- Reads: v_account, v_account_flow, v_cash, v_detail, v_event, v_is_long, v_kind, v_native_cash, v_new_pieces, v_new_units, v_piece,
--   v_piece_cost, v_piece_gift_basis, v_piece_native, v_realised, v_recognized, v_to_pool.
-- Changes: v_account_flow, v_basis, v_closes, v_native_basis, v_new_piece, v_new_pieces, v_piece_cost, v_piece_gift_basis, v_piece_native,
--   v_piece_opened, v_piece_placed_by, v_piece_pool, v_piece_quantity, v_realised, v_recognized.
if v_kind = 'merger_mixed' and v_cash is not null then
    -- What is recognized is the gain up to the cash, never a loss; an unknown value or basis leaves it unknown.
    v_realised := v_cash + round(v_new_units * v_detail.value_per_new_share * v_detail.rate, 2) - v_piece_cost[v_piece];
    v_recognized := case when v_realised is not null and v_is_long then greatest(0, least(v_realised, v_cash)) when not v_is_long then 0 end;
    v_piece_cost[v_piece] := v_piece_cost[v_piece] - v_cash + v_recognized;
    v_piece_native[v_piece] := v_piece_native[v_piece] - v_native_cash + round(v_recognized / v_detail.rate, 8);
    v_account_flow[v_account] := v_account_flow[v_account] + case when v_is_long then v_cash else - v_cash end;
    if v_is_long then
        v_closes := 'boot';
        v_basis := v_cash - v_recognized;
        v_native_basis := v_native_cash - round(v_recognized / v_detail.rate, 8);
        if v_piece_gift_basis[v_piece] is not null then
            v_piece_gift_basis[v_piece] := greatest(0, v_piece_gift_basis[v_piece] - v_cash + v_recognized);
        end if;
    end if;
end if;
v_piece_pool[v_piece] := v_to_pool;
v_piece_placed_by[v_piece] := v_event;
v_piece_opened[v_piece] := v_new_units;
v_piece_quantity[v_piece] := v_new_units;
v_new_pieces := v_new_pieces + 1;
v_new_piece[v_new_pieces] := v_piece;
