-- Departures in kind: E.1, E.6.
if coalesce(v_units, 0) = 0 then
    v_problem := 'The row says that units went out, but not how many.';
else
    v_left := v_units;
    v_amount := null;
    v_native_amount := null;
    v_method := v_event_method[v_k];
    v_then := c_leave;
    if v_y.kind = 'transfer' then
        v_then := c_move;
        v_target := v_partner_pool;
        v_lose_cover := v_scale = 18 or not coalesce(v_y.covered, v_x.covered, true);
        if v_x.position_effect = 'open' or v_x.position_effect = 'auto' and v_head[v_long] = 0 and v_head[v_partner_pool + 1] <> 0 then
            -- By its sign, a short position goes out where it arrives: the units leave the account of the other leg.
            v_from := v_partner_pool + 1;
            v_target := v_long + 1;
            v_method := 0;
        end if;
    end if;
end if;
