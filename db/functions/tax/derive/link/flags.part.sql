-- A short opened against shares with a gain, a put bought on shares held for a year or less, is a notice (A.11).
-- Reads: v_account_taxable, v_event, v_event_date, v_event_id, v_instrument_wash_class, v_notices, v_piece, v_piece_cost, v_piece_held_from,
--   v_piece_next, v_piece_quantity, v_piece_source, v_pool, v_pool_account, v_pool_head, v_pool_instrument, v_pool_is_long, v_pools,
--   v_stock_pools.
-- Changes: v_notice_code, v_notice_related, v_notice_sentence, v_notice_transaction, v_notices, v_stock_pools.
declare
    v_is_short constant boolean := not v_pool_is_long[v_pool];
    v_of constant integer := v_pool_instrument[v_pool];
    v_stock constant integer := case when v_is_short then v_of else p_history.instrument_underlying[v_of] end;
    v_stock_pool integer;
    v_share integer;
begin
    if v_account_taxable[v_pool_account[v_pool]]
        and (
            v_is_short and p_history.instrument_strike[v_of] is null
            or not v_is_short and not p_history.instrument_call[v_of] and not p_history.instrument_1256[v_of]
        )
    then
        if v_stock_pools is null then
            select coalesce(array_agg(p.pool order by v_pool_instrument[p.pool], p.pool), '{}')
            into v_stock_pools
            from generate_series(1, v_pools) p (pool)
            where v_pool_is_long[p.pool]
            and v_account_taxable[v_pool_account[p.pool]]
            and p_history.instrument_strike[v_pool_instrument[p.pool]] is null
            and v_instrument_wash_class[v_pool_instrument[p.pool]] > 0;
        end if;
        <<look_at_shares>>
        foreach v_stock_pool in array v_stock_pools loop
            continue when v_instrument_wash_class[v_pool_instrument[v_stock_pool]] <> v_instrument_wash_class[v_stock];
            v_share := v_pool_head[v_stock_pool];
            while v_share <> 0 loop
                if v_is_short and v_piece_cost[v_share] * v_piece_quantity[v_piece] < v_piece_cost[v_piece] * v_piece_quantity[v_share]
                    or not v_is_short and v_event_date[v_event] < tax.first_long_date(v_piece_held_from[v_share])
                then
                    v_notices := v_notices + 1;
                    v_notice_code[v_notices] := case when v_is_short then 'constructive_sale_1259' else 'put_on_short_held_stock' end;
                    v_notice_transaction[v_notices] := v_event_id[v_event];
                    v_notice_related[v_notices] := v_event_id[v_piece_source[v_share]];
                    v_notice_sentence[v_notices] := case
                        when v_is_short then 'A short was opened against identical shares with a gain: it may count as their sale.'
                        else 'A put was bought on shares held for a year or less: their holding period may start anew.'
                    end;
                    exit look_at_shares;
                end if;
                v_share := v_piece_next[v_share];
            end loop;
        end loop;
    end if;
end;
