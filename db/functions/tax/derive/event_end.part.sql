-- What the jobs of an event that is no plain trade leave to be done.
-- Reads: v_closing_kind, v_closings, v_closings_before, v_fraction_transaction, v_is_trade.
-- Changes: v_closing_transaction, v_piece_waits_before, v_pool_ranked_by, v_pool_waiting.
if not v_is_trade then
    if v_fraction_transaction is not null then
        -- The row that brought the cash for a fraction is the one that closed it.
        for v_closing in v_closings_before + 1 .. v_closings loop
            if v_closing_kind[v_closing] = 'cash_in_lieu' then
                v_closing_transaction[v_closing] := v_fraction_transaction;
            end if;
        end loop;
    end if;
    -- Anything may have changed: pools that are sold from by cost are ranked anew.
    v_pool_ranked_by := array[null];
    v_pool_waiting := array[null];
    v_piece_waits_before := array[null];
end if;
