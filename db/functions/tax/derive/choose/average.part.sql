-- Lots of known basis share one pool, spread over them again in lot order; FIFO goes on from there. A lot that is named to leave in kind takes
-- the average with it (A.7).
-- Reads: v_from_pool, v_instrument_native_scale, v_list, v_piece_cost, v_piece_native, v_piece_quantity, v_piece_wash, v_pool_instrument.
-- Changes: v_piece_cost, v_piece_native, v_piece_wash, v_pool_ranked_by.
declare
    v_piece integer;
    v_quantity numeric;
    v_quantity_left numeric := 0;
    v_cost_left numeric := 0;
    v_native_cost_left numeric := 0;
    v_wash_left numeric := 0;
begin
    foreach v_piece in array v_list loop
        if v_piece_cost[v_piece] is not null then
            v_quantity_left := v_quantity_left + v_piece_quantity[v_piece];
            v_cost_left := v_cost_left + v_piece_cost[v_piece];
            v_native_cost_left := v_native_cost_left + v_piece_native[v_piece];
            v_wash_left := v_wash_left + coalesce(v_piece_wash[v_piece], 0);
        end if;
    end loop;
    foreach v_piece in array v_list loop
        if v_piece_cost[v_piece] is not null then
            v_quantity := v_piece_quantity[v_piece];
            if v_quantity = v_quantity_left then
                v_piece_cost[v_piece] := v_cost_left;
                v_piece_native[v_piece] := v_native_cost_left;
                v_piece_wash[v_piece] := v_wash_left;
            else
                v_piece_cost[v_piece] := round(v_cost_left * v_quantity / v_quantity_left, 2);
                v_piece_native[v_piece] := round(
                    v_native_cost_left * v_quantity / v_quantity_left, v_instrument_native_scale[v_pool_instrument[v_from_pool]]
                );
                v_piece_wash[v_piece] := round(v_wash_left * v_quantity / v_quantity_left, 2);
            end if;
            v_quantity_left := v_quantity_left - v_quantity;
            v_cost_left := v_cost_left - v_piece_cost[v_piece];
            v_native_cost_left := v_native_cost_left - v_piece_native[v_piece];
            v_wash_left := v_wash_left - v_piece_wash[v_piece];
        end if;
    end loop;
end;
-- What a later sale chooses by cost is ranked by the new costs.
v_pool_ranked_by[v_from_pool] := null;
