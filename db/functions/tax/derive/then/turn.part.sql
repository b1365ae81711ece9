-- One trade of a future closes one side and opens the other: the result that it settles is that of what it closes; what it opens has no more than its
-- share of the costs (D.10).
-- Reads: v_amount_left, v_closing_native_other, v_closing_other, v_closing_quantity, v_closings, v_closings_before_job, v_event, v_event_id,
--   v_from_pool, v_has_native, v_instrument_native_scale, v_long_pool, v_native_left, v_pool_instrument, v_units_left.
-- Changes: v_amount_left, v_closing_other, v_native_left.
declare
    v_row constant tax.event_detail := tax.read_event(p_user_id, v_event_id[v_event], p_history.tax_currency);
    v_closed numeric[] := v_closing_quantity[v_closings_before_job + 1 : v_closings];
    v_own numeric;
    v_result_share numeric[];
    v_native_share numeric[];
begin
    if tax.settles_a_result(p_user_id, v_event_id[v_event]) then
        v_own := tax.take(v_row.costs, v_units_left, v_units_left + (select sum(c.units) from unnest(v_closed) c (units)));
        v_own := case when v_from_pool = v_long_pool then - v_own else v_own end;
        v_result_share := tax.apportion(v_amount_left - v_own, v_closed);
        v_amount_left := v_own;
        if v_has_native then
            v_own := tax.take(
                v_row.native_costs, v_units_left, v_units_left + (select sum(c.units) from unnest(v_closed) c (units)),
                v_instrument_native_scale[v_pool_instrument[v_from_pool]]
            );
            v_own := case when v_from_pool = v_long_pool then - v_own else v_own end;
            v_native_share := tax.apportion(v_native_left - v_own, v_closed, v_instrument_native_scale[v_pool_instrument[v_from_pool]]);
            v_native_left := v_own;
        end if;
        for v_place in 1 .. cardinality(v_closed) loop
            v_closing_other[v_closings_before_job + v_place] := v_closing_other[v_closings_before_job + v_place] + v_result_share[v_place];
            if v_has_native then
                v_closing_native_other[v_closings_before_job + v_place]
                    := v_closing_native_other[v_closings_before_job + v_place] + v_native_share[v_place];
            end if;
        end loop;
    end if;
end;
