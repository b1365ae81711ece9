-- Which pieces, and in what order (A.1 to A.8). v_select: 0 the head, 1 the tail, 2 a list made here, 3 the top of a heap.
v_select := 0;
if v_method = 5 and v_price is null then
    -- include choose/price.part.sql
end if;
if v_method = 1 then
    v_select := 1;
elsif v_method in (2, 3, 5) and v_code <= 5 then
    if v_method < 5 or v_price is not null then
        -- include choose/heaped.part.sql
    end if;
elsif v_method > 1 and (v_left > 0 or v_code is null) and v_head[v_from] <> 0 then
    v_list := '{}';
    v_i := 0;
    v_s := v_head[v_from];
    while v_s <> 0 loop
        v_i := v_i + 1;
        v_list[v_i] := v_s;
        v_s := v_next[v_s];
    end loop;

    if v_method = 4
        or v_method = 9 and v_code in (22, 24) and p_history.has_averages
        and tax.lot_method(p_user_id, p_history.pool_account[v_from], p_history.pool_instrument[v_from], v_event_date[v_k]) = 4
    then
        -- include choose/average.part.sql
    end if;

    if v_method = 9 then
        -- include choose/named.part.sql

    elsif v_method <> 4 then
        -- include choose/ranked.part.sql
    end if;
    v_i := 0;
end if;
