-- Section 1256 at the end of the year: D.7.
v_whole := true;
v_num := 1;
v_den := 1;
if v_x.price is null then
    v_whole := false;
    v_problem := 'The year-end value is not stated.';
end if;
