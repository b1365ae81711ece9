-- Whole pools, lot by lot in lot order: new units and cash are apportioned (C.2, N.4), then each kind of event does its own with each lot. Capital is
-- returned to what is held, not to what is owed.
-- Reads: v_account, v_closings, v_closings_before, v_detail, v_event, v_event_method, v_facts, v_instrument, v_instrument_native_scale,
--   v_instruments, v_kind, v_piece_cost, v_piece_held_from, v_piece_native, v_piece_next, v_piece_opened, v_piece_quantity, v_plan, v_pool_head,
--   v_pool_is_long.
-- Changes: v_closing_event, v_closing_held_from, v_closing_kind, v_closing_lot, v_closing_native_lot, v_closing_native_other,
--   v_closing_opened, v_closing_ordinal, v_closing_other, v_closing_piece, v_closing_pool, v_closing_quantity, v_closings, v_piece_cost,
--   v_piece_native, v_piece_opened, v_piece_quantity, v_piece_wash, v_pool_head, v_pool_tail.
if v_plan.concerns_whole_pools then
    declare
        v_is_exchange constant boolean := v_kind in ('split', 'stock_dividend', 'spinoff', 'symbol_change', 'merger_stock', 'merger_mixed');
        v_is_taxable_exchange constant boolean := v_kind = 'merger_mixed' and v_detail.taxable;
        v_is_settlement constant boolean := v_kind = 'mark_to_market' and v_detail.price is null;
        v_scale constant integer := v_facts.scale;
        v_native_scale constant integer := v_instrument_native_scale[v_instrument];
        v_pool integer;
        v_is_long boolean;
        v_to_pool integer;
        v_lot integer[];
        v_lots integer;
        v_piece integer;
        v_old_left numeric;
        v_new_left numeric;
        v_rounded_up numeric;
        v_cash_left numeric;
        v_native_cash_left numeric;
        v_old_units numeric;
        v_new_units numeric;
        v_cash numeric;
        v_native_cash numeric;
        v_value numeric;
        v_realised numeric;
        v_recognized numeric;
        v_closes tax.closing_kind;
        v_closed_units numeric;
        v_basis numeric;
        v_native_basis numeric;
        v_proceeds numeric;
        v_native_proceeds numeric;
        v_opened_on date;
        v_held_from date;
    begin
        foreach v_pool in array array[v_facts.long_pool, v_facts.short_pool] loop
            v_is_long := v_pool_is_long[v_pool];
            continue when v_pool_head[v_pool] = 0
                or v_kind = 'return_of_capital' and not v_is_long
                or v_is_settlement and not v_is_long and v_pool_head[v_facts.long_pool] <> 0;
            v_to_pool := v_pool;
            if v_is_exchange and v_kind not in ('split', 'stock_dividend') then
                v_to_pool := tax.pool_of(
                    v_account, v_facts.new_instrument, case when v_is_long then 'long' else 'short' end::core.lot_side, v_instruments
                );
            end if;
            v_lot := '{}';
            v_lots := 0;
            v_piece := v_pool_head[v_pool];
            while v_piece <> 0 loop
                v_lots := v_lots + 1;
                v_lot[v_lots] := v_piece;
                v_piece := v_piece_next[v_piece];
            end loop;
            if v_is_taxable_exchange and v_is_long and v_event_method[v_event] = 'average' then
                -- include lots/average.part.sql
            end if;
            v_old_left := case when v_is_long then v_facts.held_long else v_facts.held_short end;
            v_new_left := v_old_left;
            if v_is_exchange then
                v_new_left := round(v_old_left * v_plan.ratio_numerator / v_plan.ratio_denominator, v_scale);
            end if;
            v_native_cash_left := case v_kind
                when 'mark_to_market' then coalesce(v_old_left * v_detail.price * v_facts.multiplier, v_detail.native_amount)
                when 'merger_mixed' then v_old_left * v_detail.cash_per_share
                when 'return_of_capital' then coalesce(v_old_left * v_detail.amount_per_share, v_detail.native_amount)
            end;
            v_cash_left := round(v_native_cash_left * v_detail.rate, 2);
            if v_detail.rate = 1 then
                v_native_cash_left := v_cash_left;
            end if;
            v_rounded_up := 0;
            if v_is_exchange then
                -- include lots/fraction.part.sql
            end if;

            for v_place in 1 .. v_lots loop
                v_piece := v_lot[v_place];
                v_old_units := v_piece_quantity[v_piece];
                if v_old_units = v_old_left then
                    v_new_units := v_new_left;
                    v_cash := v_cash_left;
                    v_native_cash := v_native_cash_left;
                else
                    -- More digits than are kept, so that a share of 18 decimals is rounded once.
                    v_new_units := round(v_new_left * round(v_old_units, 36) / v_old_left, v_scale);
                    v_cash := round(v_cash_left * v_old_units / v_old_left, 2);
                    v_native_cash := round(v_native_cash_left * v_old_units / v_old_left, v_native_scale);
                end if;
                if v_is_exchange then
                    -- A lot never shrinks to nothing: its basis would have no units left to lie in.
                    v_new_units := greatest(v_new_units, 10::numeric ^ (- v_scale));
                end if;
                v_new_left := v_new_left - v_new_units;
                v_cash_left := v_cash_left - v_cash;
                v_native_cash_left := v_native_cash_left - v_native_cash;
                v_old_left := v_old_left - v_old_units;
                if v_place = v_lots then
                    v_new_units := v_new_units + v_rounded_up;
                end if;

                -- A closing of this lot, if the event makes one.
                v_closes := null;
                v_closed_units := 0;
                v_basis := v_piece_cost[v_piece];
                v_native_basis := v_piece_native[v_piece];
                v_proceeds := v_cash;
                v_native_proceeds := v_native_cash;
                v_opened_on := null;
                v_held_from := v_piece_held_from[v_piece];

                if v_is_settlement then
                    -- include lots/settlement.part.sql
                elsif v_kind = 'mark_to_market' then
                    -- Gain or loss to the day, and the value is the new basis (D.7).
                    v_closes := 'mtm';
                    v_closed_units := v_old_units;
                    v_piece_cost[v_piece] := v_cash;
                    v_piece_native[v_piece] := v_native_cash;
                    v_piece_wash[v_piece] := 0;
                elsif v_kind = 'return_of_capital' then
                    -- include lots/return_of_capital.part.sql
                elsif v_kind in ('split', 'stock_dividend') then
                    -- More or fewer units of the same (C.2, C.4).
                    v_piece_opened[v_piece] := case
                        when v_piece_opened[v_piece] = v_old_units then v_new_units
                        else greatest(round(v_piece_opened[v_piece] * v_plan.ratio_numerator / v_plan.ratio_denominator, v_scale), v_new_units)
                    end;
                    v_piece_quantity[v_piece] := v_new_units;
                elsif v_kind = 'spinoff' then
                    -- include lots/spin_off.part.sql
                elsif v_is_taxable_exchange then
                    -- include lots/taxable_merger.part.sql
                else
                    -- include lots/merger.part.sql
                end if;

                if v_closes is not null then
                    v_closings := v_closings + 1;
                    v_closing_event[v_closings] := v_event;
                    v_closing_ordinal[v_closings] := v_closings - v_closings_before;
                    v_closing_piece[v_closings] := v_piece;
                    v_closing_pool[v_closings] := v_pool;
                    v_closing_kind[v_closings] := v_closes;
                    v_closing_quantity[v_closings] := v_closed_units;
                    v_closing_lot[v_closings] := v_basis;
                    v_closing_other[v_closings] := v_proceeds;
                    v_closing_native_lot[v_closings] := v_native_basis;
                    v_closing_native_other[v_closings] := v_native_proceeds;
                    v_closing_opened[v_closings] := v_opened_on;
                    v_closing_held_from[v_closings] := v_held_from;
                end if;
            end loop;
            if v_kind in ('symbol_change', 'merger_stock', 'merger_mixed') then
                v_pool_head[v_pool] := 0;
                v_pool_tail[v_pool] := 0;
            end if;
        end loop;
    end;
end if;
