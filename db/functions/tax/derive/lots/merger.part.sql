-- C.7, C.8: the lot goes on as another instrument; cash beside the shares lowers its basis.
if v_code = 46 and v_cash is not null then
    -- C.8: what is recognised is the gain up to the cash, never a loss; an unknown value or basis leaves it unknown.
    v_value := v_cash + round(v_t * v_x.value_per_new_share * v_x.rate, 2) - v_cost[v_s];
    v_recognised := case when v_value is not null and v_side = 1 then greatest(0, least(v_value, v_cash)) when v_side = 2 then 0 end;
    v_cost[v_s] := v_cost[v_s] - v_cash + v_recognised;
    v_native[v_s] := v_native[v_s] - v_native_cash + round(v_recognised / v_x.rate, 8);
    v_flow[v_account] := v_flow[v_account] + case v_side when 1 then v_cash else - v_cash end;
    if v_side = 1 then
        v_kind := 'boot';
        v_of_lot := v_cash - v_recognised;
        v_of_native := v_native_cash - round(v_recognised / v_x.rate, 8);
        if v_gift_basis[v_s] is not null then
            v_gift_basis[v_s] := greatest(0, v_gift_basis[v_s] - v_cash + v_recognised);
        end if;
    end if;
end if;
v_pool[v_s] := v_target;
v_placed_by[v_s] := v_k;
v_opened[v_s] := v_t;
v_quantity[v_s] := v_t;
v_link_count := v_link_count + 1;
v_links[v_link_count] := v_s;
