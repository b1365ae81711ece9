-- A.12: what a purchase has left after covering is a lot.
if v_left = 0 then
    v_opened[v_open] := null;
else
    v_quantity[v_open] := v_left;
    v_opened[v_open] := v_left;
    v_cost[v_open] := v_amount;
    v_native[v_open] := v_native_amount;
    v_pool[v_open] := v_long;
    if v_wash[v_open] <> 0 then
        -- What covered a short took its share of what a wash sale had deferred into the option.
        v_wash[v_open] := tax.take(v_wash[v_open], v_left, v_leg_quantity[v_leg]);
    end if;
    v_link_count := v_link_count + 1;
    v_links[v_link_count] := v_open;
end if;
