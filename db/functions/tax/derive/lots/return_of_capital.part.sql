-- B.6: capital returned lowers the basis, what exceeds it is a gain.
-- Lots of unknown basis are skipped; the gain beyond the basis is the lot's own.
if v_of_lot is not null then
    v_flow[v_account] := v_flow[v_account] + v_cash;
    if v_cash > v_of_lot then
        v_kind := 'roc_excess';
        v_part := v_cash - v_of_lot;
        v_native_part := greatest(0, v_native_cash - v_of_native);
        v_of_lot := 0;
        v_of_native := 0;
    end if;
    v_cost[v_s] := greatest(0, v_cost[v_s] - v_cash);
    if v_gift_basis[v_s] is not null then
        v_gift_basis[v_s] := greatest(0, v_gift_basis[v_s] - v_cash);
    end if;
end if;
v_native[v_s] := greatest(0, v_native[v_s] - v_native_cash);
