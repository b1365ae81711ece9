-- A plain trade: a purchase covers what is short and opens a lot, a sale takes from what is held.
if v_code = 1 and v_head[v_long + 1] = 0 then
    v_links[1] := v_k;
    v_link_count := 1;
elsif v_code <= 3 then
    v_left := v_quantity[v_k];
    v_amount := v_cost[v_k];
    if not v_plain then
        v_native_amount := v_native[v_k];
        v_price := null;
        v_pick_id := v_event_id[v_k];
        v_pick_leg := 'transaction';
    end if;
    if v_code = 1 then
        -- A.12: a purchase covers what is short first.
        v_from := v_long + 1;
        v_kind := 'cover';
        v_then := c_open_long;
    else
        v_kind := 'sale';
        v_then := case v_code when 2 then c_sold else c_sold_closing end;
        v_method := v_event_method[v_k];
    end if;
else
    v_links[1] := v_k;
    v_link_count := 1;
    if v_code = 5 then
        v_pool[v_k] := v_long + 1;
    end if;
end if;
