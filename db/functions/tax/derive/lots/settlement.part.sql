-- The day's result of a future is paid in cash: it lies in the lot until the contract is closed. With the year's last settlement nothing is left that
-- was not paid, so the mark of section 1256 is a value of nothing (D.7, D.10).
-- Reads: v_account, v_account_flow, v_cash, v_facts, v_is_long, v_native_cash, v_piece, v_piece_cost, v_piece_native, v_piece_quantity.
-- Changes: v_account_flow, v_basis, v_closed_units, v_closes, v_native_basis, v_native_proceeds, v_piece_cost, v_piece_native, v_proceeds.
v_account_flow[v_account] := v_account_flow[v_account] + v_cash;
v_piece_cost[v_piece] := v_piece_cost[v_piece] + case when v_is_long then - v_cash else v_cash end;
v_piece_native[v_piece] := v_piece_native[v_piece] + case when v_is_long then - v_native_cash else v_native_cash end;
if v_facts.ends_year then
    v_closes := 'mtm';
    v_closed_units := v_piece_quantity[v_piece];
    v_basis := v_piece_cost[v_piece];
    v_native_basis := v_piece_native[v_piece];
    v_proceeds := 0;
    v_native_proceeds := 0;
    v_piece_cost[v_piece] := 0;
    v_piece_native[v_piece] := 0;
end if;
