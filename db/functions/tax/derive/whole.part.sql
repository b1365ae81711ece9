-- Whole pools, lot by lot in lot order: new units and cash are apportioned (N.4), then each kind does its own.
for v_side in 1 .. 2 loop
    v_p := v_long + v_side - 1;
    continue when not v_whole or v_head[v_p] = 0 or v_code = 47 and v_side = 2;
    v_target := case when v_code between 42 and 46 then v_p + (v_new_place - v_instrument) * 2 else v_p end;
    v_list := '{}';
    v_i := 0;
    v_s := v_head[v_p];
    while v_s <> 0 loop
        v_i := v_i + 1;
        v_list[v_i] := v_s;
        v_s := v_next[v_s];
    end loop;
    if v_code = 46 and v_x.taxable and v_side = 1 and v_event_method[v_k] = 4 then
        -- A.7: a taxable exchange disposes of each lot at the average.
        v_named := array(select l.piece from unnest(v_list) with ordinality l (piece, place) where v_cost[l.piece] is not null order by l.place);
        v_weights := array(select v_quantity[n.piece] from unnest(v_named) with ordinality n (piece, place) order by n.place);
        v_shares := tax.apportion((select sum(v_cost[n.piece]) from unnest(v_named) n (piece)), v_weights);
        v_native_shares := tax.apportion((select sum(v_native[n.piece]) from unnest(v_named) n (piece)), v_weights, p_history.instrument_native_scale[v_instrument]);
        v_numbers := tax.apportion((select sum(coalesce(v_wash[n.piece], 0)) from unnest(v_named) n (piece)), v_weights);
        for v_i in 1 .. cardinality(v_named) loop
            v_cost[v_named[v_i]] := v_shares[v_i];
            v_native[v_named[v_i]] := v_native_shares[v_i];
            v_wash[v_named[v_i]] := v_numbers[v_i];
        end loop;
    end if;
    v_weight := v_held[v_side];
    v_rest_units := v_weight;
    if v_code between 40 and 46 then
        v_rest_units := round(v_weight * v_num / v_den, v_scale);
    end if;
    v_native_rest := case v_code
        when 34 then v_weight * v_x.price * v_multiplier
        when 46 then v_weight * v_x.cash_per_share
        when 47 then coalesce(v_weight * v_x.amount_per_share, v_x.native_amount)
    end;
    v_rest := round(v_native_rest * v_x.rate, 2);
    if v_x.rate = 1 then
        v_native_rest := v_rest;
    end if;

    -- include lots/fraction.part.sql

    for v_i in 1 .. cardinality(v_list) loop
        v_s := v_list[v_i];
        v_q := v_quantity[v_s];
        if v_q = v_weight then
            v_t := v_rest_units;
            v_cash := v_rest;
            v_native_cash := v_native_rest;
        else
            -- More digits than are kept, so that a share of 18 decimals is rounded once.
            v_t := round(v_rest_units * round(v_q, 36) / v_weight, v_scale);
            v_cash := round(v_rest * v_q / v_weight, 2);
            v_native_cash := round(v_native_rest * v_q / v_weight, p_history.instrument_native_scale[v_instrument]);
        end if;
        if v_code between 40 and 46 then
            -- A lot never shrinks to nothing: its basis would have no units left to lie in.
            v_t := greatest(v_t, 10::numeric ^ (- v_scale));
        end if;
        v_rest_units := v_rest_units - v_t;
        v_rest := v_rest - v_cash;
        v_native_rest := v_native_rest - v_native_cash;
        v_weight := v_weight - v_q;
        if v_i = cardinality(v_list) then
            v_t := v_t + v_extra;
        end if;

        -- A closing of this lot, if the event makes one: kind null means none.
        v_kind := null;
        v_units := 0;
        v_of_lot := v_cost[v_s];
        v_of_native := v_native[v_s];
        v_part := v_cash;
        v_native_part := v_native_cash;
        v_opened_on := null;
        v_from_day := v_held_from[v_s];

        if v_code = 34 then
            -- include lots/year_end_mark.part.sql
        elsif v_code = 47 then
            -- include lots/return_of_capital.part.sql
        elsif v_code <= 41 then
            -- include lots/split.part.sql
        elsif v_code = 42 then
            -- include lots/spin_off.part.sql
        elsif v_code = 46 and v_x.taxable then
            -- include lots/taxable_merger.part.sql
        else
            -- include lots/merger.part.sql
        end if;

        if v_kind is not null then
            v_c := v_c + 1;
            v_c_event[v_c] := v_k;
            v_c_ordinal[v_c] := v_c - v_first;
            v_c_piece[v_c] := v_s;
            v_c_pool[v_c] := v_p;
            v_c_kind[v_c] := v_kind;
            v_c_quantity[v_c] := v_units;
            v_c_lot[v_c] := v_of_lot;
            v_c_other[v_c] := v_part;
            v_c_native_lot[v_c] := v_of_native;
            v_c_native_other[v_c] := v_native_part;
            v_c_opened[v_c] := v_opened_on;
            v_c_held_from[v_c] := v_from_day;
        end if;
    end loop;
    if v_code in (43, 44, 46) then
        v_head[v_p] := 0;
        v_tail[v_p] := 0;
    end if;
end loop;
