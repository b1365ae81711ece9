-- B.6.
v_whole := true;
v_num := 1;
v_den := 1;
if v_held[1] > 0 and coalesce(v_held[1] * v_x.amount_per_share, v_x.native_amount) * v_x.rate is null then
    v_whole := false;
    v_problem_code := case when v_x.rate is null then 'unknown_rate' else 'missing_terms' end;
    v_problem := 'The capital returned is not known in the tax currency.';
end if;
