-- Units leave the pool, piece by piece. The piece gives its share of its amount, the event its share of its own; who takes the last unit takes what
-- is left (N.4). What is set aside has closings too, until it is known what becomes of it.
-- Reads: v_account_forfeited, v_amount_left, v_closes_as, v_closings, v_closings_before, v_event, v_from_pool, v_has_native,
--   v_instrument_native_scale, v_is_plain, v_list, v_list_limit, v_native_left, v_piece_cost, v_piece_gift_basis, v_piece_gift_on,
--   v_piece_held_from, v_piece_native, v_piece_next, v_piece_previous, v_piece_quantity, v_piece_waits_before, v_piece_wash, v_pieces_from,
--   v_pool_account, v_pool_head, v_pool_instrument, v_pool_ranked_by, v_pool_tail, v_pool_waiting, v_sets_aside, v_units_left.
-- Changes: v_account_forfeited, v_amount_left, v_closing_event, v_closing_gift_basis, v_closing_held_from, v_closing_kind, v_closing_lot,
--   v_closing_native_lot, v_closing_native_other, v_closing_opened, v_closing_ordinal, v_closing_other, v_closing_piece, v_closing_pool,
--   v_closing_quantity, v_closing_wash, v_closings, v_native_left, v_piece_closed_by, v_piece_cost, v_piece_gift_basis, v_piece_native,
--   v_piece_next, v_piece_previous, v_piece_quantity, v_piece_waits_before, v_piece_wash, v_pieces_from, v_pool_head, v_pool_tail,
--   v_pool_waiting, v_units_left.
declare
    v_piece integer;
    v_place integer := 0;
    v_before integer;
    v_behind integer;
    v_held numeric;
    v_taken numeric;
    v_of_lot numeric;
    v_of_native_lot numeric;
    v_of_event numeric;
    v_of_native_event numeric;
    v_of_wash numeric;
    v_of_gift_basis numeric;
    v_owner integer;
begin
    while v_units_left > 0 loop
        if v_pieces_from = 'oldest' then
            v_piece := v_pool_head[v_from_pool];
        elsif v_pieces_from = 'newest' then
            v_piece := v_pool_tail[v_from_pool];
        elsif v_pieces_from = 'heap' then
            -- include take/heap.part.sql
        else
            v_place := v_place + 1;
            v_piece := v_list[v_place];
            if v_piece is null then
                v_pieces_from := 'oldest';
                v_piece := v_pool_head[v_from_pool];
            end if;
        end if;
        exit when v_piece = 0;
        v_held := v_piece_quantity[v_piece];
        v_taken := v_units_left;
        if v_pieces_from = 'list' and v_list_limit[v_place] < v_taken then
            v_taken := v_list_limit[v_place];
        end if;
        v_closings := v_closings + 1;
        if v_held <= v_taken then
            v_taken := v_held;
            v_of_lot := v_piece_cost[v_piece];
            v_piece_quantity[v_piece] := 0;
            v_piece_closed_by[v_piece] := v_event;
            v_behind := v_piece_next[v_piece];
            if v_is_plain then
                v_pool_head[v_from_pool] := v_behind;
                if v_behind = 0 then
                    v_pool_tail[v_from_pool] := 0;
                end if;
            else
                v_of_native_lot := v_piece_native[v_piece];
                v_before := v_piece_previous[v_piece];
                if v_before = 0 then
                    v_pool_head[v_from_pool] := v_behind;
                else
                    v_piece_next[v_before] := v_behind;
                end if;
                if v_behind = 0 then
                    v_pool_tail[v_from_pool] := v_before;
                else
                    v_piece_previous[v_behind] := v_before;
                end if;
            end if;
        else
            v_of_lot := round(v_piece_cost[v_piece] * v_taken / v_held, 2);
            v_piece_quantity[v_piece] := v_held - v_taken;
            v_piece_cost[v_piece] := v_piece_cost[v_piece] - v_of_lot;
            if v_has_native then
                v_of_native_lot := round(v_piece_native[v_piece] * v_taken / v_held, v_instrument_native_scale[v_pool_instrument[v_from_pool]]);
                v_piece_native[v_piece] := v_piece_native[v_piece] - v_of_native_lot;
            end if;
            -- Rounding may have changed what a unit of the rest costs.
            if v_pool_ranked_by[v_from_pool] is not null and v_piece_waits_before[v_piece] is null then
                v_piece_waits_before[v_piece] := v_pool_waiting[v_from_pool];
                v_pool_waiting[v_from_pool] := v_piece;
            end if;
        end if;
        if v_taken = v_units_left then
            v_of_event := v_amount_left;
        else
            v_of_event := round(v_amount_left * v_taken / v_units_left, 2);
            v_amount_left := v_amount_left - v_of_event;
        end if;

        if not v_is_plain then
            if v_has_native then
                v_of_native_event := case v_taken
                    when v_units_left then v_native_left
                    else round(v_native_left * v_taken / v_units_left, v_instrument_native_scale[v_pool_instrument[v_from_pool]])
                end;
                v_native_left := v_native_left - v_of_native_event;
                v_closing_native_lot[v_closings] := v_of_native_lot;
                v_closing_native_other[v_closings] := v_of_native_event;
            end if;
            v_closing_pool[v_closings] := v_from_pool;
            v_closing_kind[v_closings] := v_closes_as;
            v_closing_held_from[v_closings] := v_piece_held_from[v_piece];
            if v_sets_aside then
                v_closing_wash[v_closings] := null;
                v_closing_gift_basis[v_closings] := null;
            end if;
            if v_piece_wash[v_piece] <> 0 then
                v_of_wash := case v_taken when v_held then v_piece_wash[v_piece] else round(v_piece_wash[v_piece] * v_taken / v_held, 2) end;
                v_piece_wash[v_piece] := v_piece_wash[v_piece] - v_of_wash;
                if v_sets_aside then
                    v_closing_wash[v_closings] := v_of_wash;
                end if;
            end if;
            if v_piece_gift_basis[v_piece] is not null then
                v_of_gift_basis := case v_taken
                    when v_held then v_piece_gift_basis[v_piece]
                    else round(v_piece_gift_basis[v_piece] * v_taken / v_held, 2)
                end;
                v_piece_gift_basis[v_piece] := v_piece_gift_basis[v_piece] - v_of_gift_basis;
                if v_sets_aside then
                    v_closing_gift_basis[v_closings] := v_of_gift_basis;
                elsif v_of_event <= v_of_lot then
                    -- A gift worth less than the donor's basis is judged for each closing (A.10).
                    v_owner := v_pool_account[v_from_pool];
                    v_account_forfeited[v_owner] := v_account_forfeited[v_owner] + v_of_lot - greatest(v_of_event, v_of_gift_basis);
                    if v_of_event < v_of_gift_basis then
                        v_of_lot := v_of_gift_basis;
                        v_closing_opened[v_closings] := v_piece_gift_on[v_piece];
                        v_closing_held_from[v_closings] := v_piece_gift_on[v_piece];
                    else
                        v_of_lot := v_of_event;
                    end if;
                end if;
            end if;
        end if;
        v_units_left := v_units_left - v_taken;
        v_closing_event[v_closings] := v_event;
        v_closing_ordinal[v_closings] := v_closings - v_closings_before;
        v_closing_piece[v_closings] := v_piece;
        v_closing_quantity[v_closings] := v_taken;
        v_closing_lot[v_closings] := v_of_lot;
        v_closing_other[v_closings] := v_of_event;
    end loop;
end;
