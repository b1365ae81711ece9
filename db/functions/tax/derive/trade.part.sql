-- A plain trade: a purchase covers what is short and opens a lot, a sale takes from what is held (A.12).
-- Reads: v_event, v_event_id, v_event_method, v_is_plain, v_kind, v_piece_cost, v_piece_native, v_piece_quantity, v_pool_head, v_short_pool.
-- Changes: v_amount_left, v_closes_as, v_from_pool, v_method, v_native_left, v_new_piece, v_new_pieces, v_outcome, v_pick_leg,
--   v_pick_transaction, v_piece_pool, v_price, v_units_left.
if v_kind = 'buy' and v_pool_head[v_short_pool] = 0 or v_kind = 'buy_to_open' then
    v_new_piece[1] := v_event;
    v_new_pieces := 1;
elsif v_kind = 'sell_short' then
    v_piece_pool[v_event] := v_short_pool;
    v_new_piece[1] := v_event;
    v_new_pieces := 1;
else
    v_units_left := v_piece_quantity[v_event];
    v_amount_left := v_piece_cost[v_event];
    if not v_is_plain then
        v_native_left := v_piece_native[v_event];
        v_price := null;
        v_pick_transaction := v_event_id[v_event];
        v_pick_leg := 'transaction';
    end if;
    if v_kind = 'buy' then
        v_from_pool := v_short_pool;
        v_closes_as := 'cover';
        v_outcome := 'open_long';
    else
        v_closes_as := 'sale';
        v_method := v_event_method[v_event];
        if v_kind = 'sell' then
            v_outcome := 'close_or_short';
        end if;
    end if;
end if;
