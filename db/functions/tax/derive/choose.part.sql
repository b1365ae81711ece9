-- Which pieces, and in what order, where the method is another than FIFO (A.1 to A.8).
-- Reads: v_event, v_event_date, v_from_pool, v_is_trade, v_kind, v_method, v_piece_next, v_pool_head, v_price, v_units_left.
-- Changes: v_list, v_pieces_from.
if v_method = 'mintax' and v_price is null then
    -- include choose/price.part.sql
end if;
if v_method = 'lifo' then
    v_pieces_from := 'newest';
elsif v_is_trade and v_method in ('hifo', 'lofo', 'mintax') then
    if v_method <> 'mintax' or v_price is not null then
        -- include choose/heaped.part.sql
    end if;
elsif (v_units_left > 0 or v_kind is null) and v_pool_head[v_from_pool] <> 0 then
    v_list := '{}';
    declare
        v_piece integer := v_pool_head[v_from_pool];
        v_length integer := 0;
    begin
        while v_piece <> 0 loop
            v_length := v_length + 1;
            v_list[v_length] := v_piece;
            v_piece := v_piece_next[v_piece];
        end loop;
    end;

    if v_method = 'average'
        or v_method = 'specific' and v_kind in ('transfer_out', 'gift_out') and p_history.has_averages
        and tax.lot_method(
            p_user_id, p_history.pool_account[v_from_pool], p_history.pool_instrument[v_from_pool], v_event_date[v_event]
        ) = 'average'
    then
        -- include choose/average.part.sql
    end if;

    if v_method = 'specific' then
        -- include choose/named.part.sql

    elsif v_method <> 'average' and (v_method <> 'mintax' or v_price is not null) then
        -- include choose/ranked.part.sql
    end if;
end if;
