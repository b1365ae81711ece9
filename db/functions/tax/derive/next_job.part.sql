-- An event may be several jobs: the shares of each option piece, then a fraction paid in cash.
-- Reads: v_detail, v_event, v_event_at, v_event_date, v_from_pool, v_is_trade, v_kind, v_leg, v_leg_amount, v_leg_buys, v_leg_native,
--   v_leg_pool, v_leg_quantity, v_leg_used, v_leg_wash, v_legs, v_long_pool, v_pick_transaction, v_pieces, v_pool_is_long, v_pool_long,
--   v_second_amount, v_second_native_amount, v_second_pool, v_second_units, v_short_pool.
-- Changes: v_amount_left, v_closes_as, v_event_last_number, v_from_pool, v_leg, v_long_pool, v_method, v_native_left, v_outcome, v_pick_leg,
--   v_piece_acquired, v_piece_acquired_at, v_piece_held_from, v_piece_number, v_piece_pool, v_piece_source, v_piece_to_open, v_piece_used,
--   v_piece_wash, v_pieces, v_price, v_second_units, v_sets_aside, v_short_pool, v_units_left.
exit when v_is_trade or v_kind is null;
if v_legs > v_leg then
    v_leg := v_leg + 1;
    v_units_left := v_leg_quantity[v_leg];
    v_amount_left := v_leg_amount[v_leg];
    v_native_left := v_leg_native[v_leg];
    v_long_pool := v_leg_pool;
    v_short_pool := v_leg_pool + 1;
    v_pick_leg := 'stock';
    v_sets_aside := false;
    v_piece_to_open := v_event;
    v_piece_pool[v_event] := v_leg_pool;
    if v_leg_buys then
        v_from_pool := v_short_pool;
        v_closes_as := 'cover';
        v_outcome := 'open_long';
        v_method := 'fifo';
        v_pieces := v_pieces + 1;
        v_piece_to_open := v_pieces;
        v_piece_source[v_pieces] := v_event;
        v_piece_number[v_pieces] := v_leg;
        v_event_last_number[v_event] := v_leg;
        v_piece_pool[v_pieces] := v_leg_pool;
        v_piece_acquired[v_pieces] := v_event_date[v_event];
        v_piece_acquired_at[v_pieces] := v_event_at[v_event];
        v_piece_held_from[v_pieces] := v_event_date[v_event];
        v_piece_wash[v_pieces] := v_leg_wash[v_leg];
        v_piece_used[v_pieces] := v_leg_used[v_leg];
    else
        v_from_pool := v_leg_pool;
        v_closes_as := 'sale';
        v_outcome := 'close_or_short';
        v_method := case
            when p_options ? 'method' then tax.tried_method(
                p_user_id, p_history.pool_account[v_leg_pool], p_history.pool_instrument[v_leg_pool], (p_options ->> 'method')::core.lot_method
            )
            when exists (
                select from tax.lot_picks p
                where p.user_id = p_user_id
                and p.transaction_id = v_pick_transaction
                and p.leg = 'stock'
            ) then 'specific'
            else tax.lot_method(
                p_user_id, p_history.pool_account[v_leg_pool], p_history.pool_instrument[v_leg_pool], v_event_date[v_event], v_detail.lot_method
            )
        end;
    end if;
elsif v_second_units > 0 then
    v_from_pool := v_second_pool;
    v_long_pool := v_pool_long[v_from_pool];
    v_short_pool := v_long_pool + 1;
    v_units_left := v_second_units;
    v_amount_left := v_second_amount;
    v_native_left := v_second_native_amount;
    v_price := v_second_amount / v_second_units;
    v_outcome := 'close';
    v_sets_aside := false;
    v_closes_as := case v_kind when 'option_expiration' then 'expire' when 'merger_cash' then 'merger_cash' else 'cash_in_lieu' end;
    v_second_units := 0;
    v_method := 'fifo';
    if v_pool_is_long[v_from_pool] then
        v_method := case
            when p_options ? 'method' then tax.tried_method(
                p_user_id, p_history.pool_account[v_from_pool], p_history.pool_instrument[v_from_pool], (p_options ->> 'method')::core.lot_method
            )
            else tax.lot_method(
                p_user_id, p_history.pool_account[v_from_pool], p_history.pool_instrument[v_from_pool], v_event_date[v_event], v_detail.lot_method
            )
        end;
    end if;
else
    exit;
end if;
