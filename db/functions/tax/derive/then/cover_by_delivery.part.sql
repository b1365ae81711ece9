-- Each piece delivered meets the shorts in their order; both amounts are of that closing (A.11).
-- Reads: v_account, v_account_forfeited, v_closing_lot, v_closing_native_lot, v_closing_native_other, v_closing_piece, v_closing_quantity,
--   v_closings, v_closings_before, v_delivered, v_delivered_gift_basis, v_delivered_lot, v_delivered_native, v_delivered_quantity, v_event,
--   v_instrument, v_instrument_native_scale, v_long_pool, v_piece_acquired, v_piece_gift_on, v_piece_held_from.
-- Changes: v_account_forfeited, v_closing_event, v_closing_held_from, v_closing_kind, v_closing_lot, v_closing_native_lot,
--   v_closing_native_other, v_closing_opened, v_closing_ordinal, v_closing_other, v_closing_piece, v_closing_pool, v_closing_quantity,
--   v_closing_sold_on, v_closing_term_on, v_closings, v_delivered_gift_basis, v_delivered_lot, v_delivered_native, v_delivered_quantity.
declare
    v_native_scale constant integer := v_instrument_native_scale[v_instrument];
    v_cover integer[] := v_closing_piece[v_closings_before + 1 : v_closings];
    v_cover_quantity numeric[] := v_closing_quantity[v_closings_before + 1 : v_closings];
    v_cover_lot numeric[] := v_closing_lot[v_closings_before + 1 : v_closings];
    v_cover_native numeric[] := v_closing_native_lot[v_closings_before + 1 : v_closings];
    v_delivery integer := 1;
    v_place integer := 1;
    v_piece integer;
    v_short integer;
    v_taken numeric;
    v_basis numeric;
    v_proceeds numeric;
    v_gift_basis numeric;
begin
    v_closings := v_closings_before;
    while v_delivery <= cardinality(v_delivered) and v_place <= cardinality(v_cover) loop
        v_taken := least(v_delivered_quantity[v_delivery], v_cover_quantity[v_place]);
        v_piece := v_delivered[v_delivery];
        v_short := v_cover[v_place];
        v_closings := v_closings + 1;
        v_closing_event[v_closings] := v_event;
        v_closing_ordinal[v_closings] := v_closings - v_closings_before;
        v_closing_piece[v_closings] := v_piece;
        v_closing_pool[v_closings] := v_long_pool;
        v_closing_kind[v_closings] := 'delivery';
        v_closing_quantity[v_closings] := v_taken;
        v_basis := tax.take(v_delivered_lot[v_delivery], v_taken, v_delivered_quantity[v_delivery]);
        v_proceeds := tax.take(v_cover_lot[v_place], v_taken, v_cover_quantity[v_place]);
        v_gift_basis := tax.take(v_delivered_gift_basis[v_delivery], v_taken, v_delivered_quantity[v_delivery]);
        v_closing_lot[v_closings] := v_basis;
        v_closing_other[v_closings] := v_proceeds;
        v_closing_opened[v_closings] := null;
        v_closing_native_lot[v_closings] := tax.take(
            v_delivered_native[v_delivery], v_taken, v_delivered_quantity[v_delivery], v_native_scale
        );
        v_closing_native_other[v_closings] := tax.take(v_cover_native[v_place], v_taken, v_cover_quantity[v_place], v_native_scale);
        v_closing_held_from[v_closings] := v_piece_held_from[v_piece];
        v_closing_term_on[v_closings] := v_piece_acquired[v_short];
        v_closing_sold_on[v_closings] := case
            when v_piece_acquired[v_piece] <= v_piece_acquired[v_short] then v_piece_acquired[v_short]
        end;
        if v_gift_basis is not null and v_proceeds <= v_basis then
            -- What is delivered was given, for less than the donor's basis (A.10).
            v_closing_lot[v_closings] := greatest(v_proceeds, v_gift_basis);
            v_account_forfeited[v_account] := v_account_forfeited[v_account] + v_basis - v_closing_lot[v_closings];
            if v_proceeds < v_gift_basis then
                v_closing_opened[v_closings] := v_piece_gift_on[v_piece];
                v_closing_held_from[v_closings] := v_piece_gift_on[v_piece];
            end if;
        end if;
        v_delivered_gift_basis[v_delivery] := v_delivered_gift_basis[v_delivery] - v_gift_basis;
        v_delivered_lot[v_delivery] := v_delivered_lot[v_delivery] - v_basis;
        v_cover_lot[v_place] := v_cover_lot[v_place] - v_proceeds;
        v_delivered_native[v_delivery] := v_delivered_native[v_delivery] - v_closing_native_lot[v_closings];
        v_cover_native[v_place] := v_cover_native[v_place] - v_closing_native_other[v_closings];
        v_delivered_quantity[v_delivery] := v_delivered_quantity[v_delivery] - v_taken;
        v_cover_quantity[v_place] := v_cover_quantity[v_place] - v_taken;
        if v_delivered_quantity[v_delivery] = 0 then
            v_delivery := v_delivery + 1;
        end if;
        if v_cover_quantity[v_place] = 0 then
            v_place := v_place + 1;
        end if;
    end loop;
end;
