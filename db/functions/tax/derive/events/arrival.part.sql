-- Arrivals in kind, gifts and inheritances: E.3, A.10.
if coalesce(v_units, 0) = 0 then
    v_problem := 'The row says that units came in, but not how many.';
else
    v_quantity[v_k] := v_units;
    v_opened[v_k] := v_units;
    v_no_purchase[v_k] := true;
    v_cost[v_k] := round(
        coalesce(
            v_y.later_basis,
            case v_code when 23 then v_x.donor_basis when 25 then v_x.market_value else v_x.supplied_basis end
        ),
        2
    );
    v_native[v_k] := case v_x.rate when 1 then v_cost[v_k] else round(v_cost[v_k] / v_x.rate, 8) end;
    v_acquired[v_k] := coalesce(
        v_y.later_acquired_on,
        case v_code
            when 20 then coalesce(v_x.supplied_acquired_on, v_event_date[v_k])
            when 21 then v_x.supplied_acquired_on
            when 23 then v_x.donor_acquired_on
            else v_event_date[v_k]
        end
    );
    v_held_from[v_k] := v_acquired[v_k];
    if v_acquired[v_k] is distinct from v_event_date[v_k] then
        v_acquired_at[v_k] := tax.start_of_day(v_acquired[v_k]);
        v_arrived[v_k] := v_event_date[v_k];
    end if;
    if v_code = 23 and v_x.market_value < v_cost[v_k] then
        v_gift_basis[v_k] := round(v_x.market_value, 2);
        v_gift_on[v_k] := v_event_date[v_k];
    elsif v_code = 25 then
        v_inherited[v_k] := true;
    end if;
    -- E.8, H.3: a digital asset that moves loses its cover, whatever is stated, here as between own accounts.
    if v_code in (23, 25) or v_code = 21 and v_scale = 18 then
        v_covered[v_k] := false;
    elsif v_code = 21 and v_x.covered is not null then
        v_covered[v_k] := v_x.covered;
    elsif v_cost[v_k] is null or v_acquired[v_k] is null then
        v_covered[v_k] := false;
    end if;
    v_flow[v_account] := v_flow[v_account] - coalesce(v_cost[v_k], 0);
    v_links[1] := v_k;
    v_link_count := 1;
end if;
