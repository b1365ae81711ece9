-- The part that is not matched becomes a piece of its own (F.10); in lot order it comes behind what was cut off before (A.2).
-- Reads: v_event_last_number, v_following, v_free_next, v_has_native, v_has_rare, v_instrument_native_scale, v_is_loss_round, v_matched,
--   v_piece, v_piece_acquired, v_piece_acquired_at, v_piece_arrived, v_piece_cost, v_piece_covered, v_piece_held_from, v_piece_native,
--   v_piece_next, v_piece_number, v_piece_opened, v_piece_source, v_piece_wash, v_pieces, v_pool, v_pool_instrument, v_quantity, v_remainder.
-- Changes: v_event_last_number, v_following, v_free_next, v_free_previous, v_free_tail, v_piece_acquired, v_piece_acquired_at,
--   v_piece_arrived, v_piece_cost, v_piece_covered, v_piece_held_from, v_piece_native, v_piece_next, v_piece_number, v_piece_opened,
--   v_piece_pool, v_piece_previous, v_piece_quantity, v_piece_source, v_piece_wash, v_pieces, v_pool_tail, v_remainder.
declare
    v_of_matched numeric;
    v_last integer;
    v_behind integer;
begin
    v_pieces := v_pieces + 1;
    v_remainder := v_pieces;
    v_piece_source[v_remainder] := v_piece_source[v_piece];
    v_event_last_number[v_piece_source[v_piece]] := coalesce(v_event_last_number[v_piece_source[v_piece]], 1) + 1;
    v_piece_number[v_remainder] := v_event_last_number[v_piece_source[v_piece]];
    v_piece_pool[v_remainder] := v_pool;
    v_piece_quantity[v_remainder] := v_quantity - v_matched;
    v_piece_opened[v_remainder] := v_quantity - v_matched;
    v_piece_opened[v_piece] := v_piece_opened[v_piece] - v_quantity + v_matched;
    v_piece_quantity[v_piece] := v_matched;
    v_of_matched := round(v_piece_cost[v_piece] * v_matched / v_quantity, 2);
    v_piece_cost[v_remainder] := v_piece_cost[v_piece] - v_of_matched;
    v_piece_cost[v_piece] := v_of_matched;
    if v_has_native then
        v_of_matched := round(
            v_piece_native[v_piece] * v_matched / v_quantity, v_instrument_native_scale[v_pool_instrument[v_pool]]
        );
        v_piece_native[v_remainder] := v_piece_native[v_piece] - v_of_matched;
        v_piece_native[v_piece] := v_of_matched;
    end if;
    if v_piece_wash[v_piece] is not null then
        v_of_matched := round(v_piece_wash[v_piece] * v_matched / v_quantity, 2);
        v_piece_wash[v_remainder] := v_piece_wash[v_piece] - v_of_matched;
        v_piece_wash[v_piece] := v_of_matched;
    end if;
    v_piece_acquired[v_remainder] := v_piece_acquired[v_piece];
    v_piece_acquired_at[v_remainder] := v_piece_acquired_at[v_piece];
    v_piece_held_from[v_remainder] := v_piece_held_from[v_piece];
    if v_has_rare then
        v_piece_covered[v_remainder] := v_piece_covered[v_piece];
        v_piece_arrived[v_remainder] := v_piece_arrived[v_piece];
    end if;
    v_last := v_piece;
    v_behind := v_piece_next[v_piece];
    while v_behind <> 0
        and v_piece_source[v_behind] = v_piece_source[v_piece]
        and v_piece_number[v_behind] < v_piece_number[v_remainder]
    loop
        v_last := v_behind;
        v_behind := v_piece_next[v_behind];
    end loop;
    v_piece_next[v_last] := v_remainder;
    v_piece_previous[v_remainder] := v_last;
    v_piece_next[v_remainder] := v_behind;
    if v_behind = 0 then
        v_pool_tail[v_pool] := v_remainder;
    else
        v_piece_previous[v_behind] := v_remainder;
    end if;
    if v_is_loss_round then
        v_last := v_piece;
        while v_following <> 0
            and v_piece_source[v_following] = v_piece_source[v_piece]
            and v_piece_number[v_following] < v_piece_number[v_remainder]
        loop
            v_last := v_following;
            v_following := v_free_next[v_following];
        end loop;
        v_free_next[v_remainder] := v_following;
        v_free_previous[v_remainder] := v_last;
        v_free_next[v_last] := v_remainder;
        if v_following = 0 then
            v_free_tail := v_remainder;
        else
            v_free_previous[v_following] := v_remainder;
        end if;
    end if;
end;
