-- C.3: the fraction is that of the account's total.
v_extra := 0;
if v_code between 40 and 46 then
    if v_x.fraction_handling = 'round_up' then
        v_extra := ceil(v_rest_units) - v_rest_units;
    elsif v_fraction = 0 and (v_x.fraction_handling = 'cash' or v_x.fraction_handling is null and (v_x.cash_in_lieu is not null or v_y.kind = 'cash_in_lieu')) then
        v_fraction := v_rest_units - trunc(v_rest_units);
        v_fraction_pool := v_target;
        v_fraction_native := coalesce(abs(v_x.cash_in_lieu), v_y.native_amount);
        v_fraction_cash := coalesce(round(abs(v_x.cash_in_lieu) * v_x.rate, 2), v_y.amount);
        v_fraction_id := case when v_y.kind = 'cash_in_lieu' then v_y.transaction_id end;
        if v_fraction > 0 and v_fraction_native is null then
            v_notices := v_notices + 1;
            v_n_code[v_notices] := 'missing_terms';
            v_n_transaction[v_notices] := v_event_id[v_k];
            v_n_sentence[v_notices] := 'A fraction was paid in cash, but how much is not known; until it is, the fraction is kept.';
            v_fraction := 0;
        end if;
    end if;
end if;
