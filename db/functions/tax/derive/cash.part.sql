-- Cash of what a rare event closed (F.11); plain trades are summed beforehand, shares from options with their own job.
-- Reads: v_account_flow, v_closing_lot, v_closing_other, v_closing_pool, v_closings, v_closings_before_job, v_is_trade, v_leg, v_leg_amount,
--   v_leg_buys, v_legs, v_pool_account, v_pool_is_long, v_sets_aside.
-- Changes: v_account_flow.
if not v_is_trade and not v_sets_aside and v_legs = 0 then
    declare
        v_owner integer;
    begin
        for v_closing in v_closings_before_job + 1 .. v_closings loop
            v_owner := v_pool_account[v_closing_pool[v_closing]];
            v_account_flow[v_owner] := v_account_flow[v_owner]
                + case when v_pool_is_long[v_closing_pool[v_closing]] then 1 else -1 end * coalesce(v_closing_other[v_closing], 0);
        end loop;
    end;
elsif v_leg > 0 and not v_leg_buys and v_leg_amount[v_leg] is null then
    -- Shares that went for an unknown amount leave with their basis: neither counts until the option is known (E.4).
    for v_closing in v_closings_before_job + 1 .. v_closings loop
        v_account_flow[v_pool_account[v_closing_pool[v_closing]]] := v_account_flow[v_pool_account[v_closing_pool[v_closing]]] + coalesce(v_closing_lot[v_closing], 0);
    end loop;
end if;
