-- The option leaves no closing; its amount moves into the shares, which are the next jobs, the legs (D.3).
-- Reads: v_account_flow, v_closing_lot, v_closing_native_lot, v_closing_piece, v_closing_quantity, v_closing_wash, v_closings,
--   v_closings_before, v_detail, v_event, v_event_id, v_facts, v_has_native, v_instrument, v_is_tracing, v_leg_amount, v_leg_buys,
--   v_leg_native, v_leg_pool, v_leg_quantity, v_long_pool, v_notices, v_partner, v_piece_used, v_plan, v_pool_account, v_pool_unmatched,
--   v_premiums, v_units_left.
-- Changes: v_account_flow, v_closings, v_event_id, v_event_unrated, v_leg_amount, v_leg_buys, v_leg_native, v_leg_pool, v_leg_quantity,
--   v_leg_used, v_leg_wash, v_legs, v_notice_code, v_notice_sentence, v_notice_transaction, v_notices, v_pool_unmatched, v_premium_amount,
--   v_premium_event, v_premium_piece, v_premium_quantity, v_premiums, v_price.
declare
    v_is_bought constant boolean := v_plan.side = 'long';
    v_is_linked constant boolean := v_partner.kind is not distinct from 'exercise';
    v_strike constant numeric := p_history.instrument_strike[v_instrument];
    v_options integer := v_closings - v_closings_before;
    v_contracts numeric[] := '{}';
    v_all_contracts numeric;
    v_cash numeric;
    v_native_cash numeric;
    v_costs numeric := v_plan.costs;
    v_native_costs numeric := v_plan.native_costs;
    v_leg_costs numeric[];
    v_leg_native_costs numeric[];
    v_leg_cash numeric[];
    v_leg_native_cash numeric[];
    v_premium numeric := 0;
    v_native_premium numeric := 0;
    v_shares numeric := 0;
    v_buyer integer;
    -- Basis of the shares, supplied since.
    v_later_basis numeric;
begin
    v_leg_pool := v_plan.target_pool;
    v_leg_amount := '{}';
    v_leg_native := '{}';
    v_leg_wash := '{}';
    v_leg_used := '{}';
    for v_option in 1 .. v_options loop
        v_contracts[v_option] := v_closing_quantity[v_closings_before + v_option];
        v_leg_amount[v_option] := v_closing_lot[v_closings_before + v_option];
        v_leg_native[v_option] := case
            when v_has_native then v_closing_native_lot[v_closings_before + v_option]
            else v_closing_lot[v_closings_before + v_option]
        end;
        v_leg_wash[v_option] := v_closing_wash[v_closings_before + v_option];
        v_leg_used[v_option] := v_piece_used[v_closing_piece[v_closings_before + v_option]];
        if v_is_tracing then
            v_premiums := v_premiums + 1;
            v_premium_event[v_premiums] := v_event;
            v_premium_piece[v_premiums] := v_closing_piece[v_closings_before + v_option];
            v_premium_quantity[v_premiums] := v_contracts[v_option];
            v_premium_amount[v_premiums] := v_leg_amount[v_option];
        end if;
    end loop;
    v_closings := v_closings_before;
    if v_units_left > 0 then
        v_options := v_options + 1;
        v_contracts[v_options] := v_units_left;
        -- What the option had cost or brought is not known, and so is the basis of its shares (E.4).
        v_leg_amount[v_options] := null;
        v_leg_native[v_options] := null;
        v_later_basis := coalesce(
            v_partner.later_basis,
            (select b.basis from tax.supplied_basis(p_user_id, array[v_partner.transaction_id]) b)
        );
        v_pool_unmatched[v_long_pool] := coalesce(v_pool_unmatched[v_long_pool], 0) + case when v_is_bought then v_units_left else - v_units_left end;
        v_notices := v_notices + 1;
        v_notice_code[v_notices] := 'missing_history';
        v_notice_transaction[v_notices] := v_event_id[v_event];
        v_notice_sentence[v_notices] := format(
            'Of the option that was exercised or assigned %s contracts are not in the book: what they had cost or brought is missing in the basis of the shares.',
            trim_scale(v_units_left)
        );
    end if;
    v_all_contracts := (select coalesce(sum(c.contracts), 0) from unnest(v_contracts) c (contracts));
    v_leg_buys := p_history.instrument_call[v_instrument] = v_is_bought;
    -- What is paid at the strike, less what else than shares is delivered (D.8).
    v_native_cash := v_all_contracts * (v_strike * v_facts.multiplier - p_history.instrument_deliverable_cash[v_instrument]);
    v_cash := round(v_native_cash * v_detail.rate, 2);
    if v_is_linked then
        v_leg_quantity := tax.apportion(v_partner.units, v_contracts, v_facts.scale);
        v_native_cash := coalesce(v_partner.native_amount, v_native_cash);
        v_cash := coalesce(v_partner.amount, v_cash);
        v_costs := v_costs + v_partner.costs;
        v_native_costs := v_native_costs + v_partner.native_costs;
        v_event_id[v_event] := v_partner.transaction_id;
    else
        v_leg_quantity := '{}';
        for v_option in 1 .. v_options loop
            v_leg_quantity[v_option] := v_contracts[v_option] * v_facts.deliverable;
        end loop;
    end if;
    v_price := v_strike * v_detail.rate;
    if v_cash is null then
        v_event_unrated[v_event] := true;
    end if;
    v_buyer := v_pool_account[v_leg_pool];
    if v_leg_buys then
        -- One purchase for each option piece, so that what a wash sale did to it stays with its shares. What was paid is one
        -- amount, apportioned: pieces of a fraction of a contract must not change it.
        v_leg_costs := tax.apportion(v_costs, v_leg_quantity);
        v_leg_native_costs := tax.apportion(v_native_costs, v_leg_quantity, 8);
        v_leg_cash := tax.apportion(v_cash, v_leg_quantity);
        v_leg_native_cash := tax.apportion(v_native_cash, v_leg_quantity, 8);
        for v_option in 1 .. v_options loop
            if v_leg_amount[v_option] is not null then
                v_account_flow[v_buyer] := v_account_flow[v_buyer] - coalesce(v_leg_cash[v_option], 0) - coalesce(v_leg_costs[v_option], 0);
            end if;
            v_leg_amount[v_option] := v_leg_cash[v_option] + v_leg_costs[v_option]
                + case when v_is_bought then v_leg_amount[v_option] else - v_leg_amount[v_option] end;
            v_leg_native[v_option] := v_leg_native_cash[v_option] + v_leg_native_costs[v_option]
                + case when v_is_bought then v_leg_native[v_option] else - v_leg_native[v_option] end;
        end loop;
        if v_units_left > 0 and v_later_basis is not null then
            v_leg_amount[v_options] := v_later_basis;
            v_leg_native[v_options] := case v_detail.rate when 1 then v_later_basis else round(v_later_basis / v_detail.rate, 8) end;
            v_account_flow[v_buyer] := v_account_flow[v_buyer] - v_later_basis;
        end if;
        v_legs := v_options;
    else
        -- One sale for all pieces together, so that proceeds are apportioned once.
        for v_option in 1 .. v_options loop
            v_premium := v_premium + v_leg_amount[v_option];
            v_native_premium := v_native_premium + v_leg_native[v_option];
            v_shares := v_shares + v_leg_quantity[v_option];
        end loop;
        v_leg_quantity := array[v_shares];
        v_leg_amount := array[v_cash - v_costs + case when v_is_bought then - v_premium else v_premium end];
        v_leg_native := array[v_native_cash - v_native_costs + case when v_is_bought then - v_native_premium else v_native_premium end];
        v_legs := case when v_shares > 0 then 1 else 0 end;
        if v_premium is not null then
            v_account_flow[v_buyer] := v_account_flow[v_buyer] + coalesce(v_cash, 0) - case when v_options > 0 then coalesce(v_costs, 0) else 0 end;
        end if;
    end if;
end;
