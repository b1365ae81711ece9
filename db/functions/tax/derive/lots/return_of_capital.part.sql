-- Capital returned lowers the basis, what exceeds it is a gain of the lot (B.6). Lots of unknown basis are skipped; without a rate the basis is open from here on.
-- Reads: v_account, v_account_flow, v_basis, v_cash, v_native_basis, v_native_cash, v_piece, v_piece_cost, v_piece_gift_basis, v_piece_native.
-- Changes: v_account_flow, v_basis, v_closes, v_native_basis, v_native_proceeds, v_piece_cost, v_piece_gift_basis, v_piece_native, v_proceeds.
if v_cash is null then
    v_piece_cost[v_piece] := null;
elsif v_basis is not null then
    v_account_flow[v_account] := v_account_flow[v_account] + v_cash;
    if v_cash > v_basis then
        v_closes := 'roc_excess';
        v_proceeds := v_cash - v_basis;
        v_native_proceeds := greatest(0, v_native_cash - v_native_basis);
        v_basis := 0;
        v_native_basis := 0;
    end if;
    v_piece_cost[v_piece] := greatest(0, v_piece_cost[v_piece] - v_cash);
    if v_piece_gift_basis[v_piece] is not null then
        v_piece_gift_basis[v_piece] := greatest(0, v_piece_gift_basis[v_piece] - v_cash);
    end if;
end if;
v_piece_native[v_piece] := greatest(0, v_piece_native[v_piece] - v_native_cash);
