-- Units change, or become another instrument: C.2 to C.8.
-- The ratio: as stated, else from the broker's own figures against the position.
v_den := v_x.ratio_denominator;
v_num := case v_code when 41 then v_x.ratio_numerator + v_den else v_x.ratio_numerator end;
v_q := v_held[1] - v_held[2];
if v_num is null and v_code in (40, 41) then
    v_num := v_q + coalesce(v_x.stated_quantity, v_x.quantity) + sign(v_q) * coalesce(v_y.units, 0);
    v_den := v_q;
elsif v_num is null and v_x.stated_new_quantity is not null then
    v_num := abs(v_x.stated_new_quantity) + coalesce(v_y.units, 0);
    v_den := abs(case v_code when 42 then v_q else coalesce(v_x.stated_quantity, v_x.quantity, v_q) end);
elsif v_num is null and v_code = 43 then
    v_num := 1;
    v_den := 1;
end if;
-- A quotient has as many decimals as what is divided: enough for eighteen (N.1).
v_num := v_num + 0.00000000000000000000;
if v_code in (44, 46) then
    v_merged_old := v_merged_old || v_instrument;
    v_merged_new := v_merged_new || v_new_place;
end if;
if v_code > 41 and v_new_place is null then
    v_problem := 'The row does not say what the holding became.';
elsif v_num / nullif(v_den, 0) > 0 then
    v_whole := true;
elsif v_held[1] + v_held[2] > 0 then
    v_problem := 'The ratio is not stated and cannot be derived from the holding.';
end if;
