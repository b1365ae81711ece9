-- The engine's own functions call the plain ones of this schema, which the owner of tables owns.

do $$
declare
    v_function record;
begin
    for v_function in
        select p.oid::regprocedure as signature
        from pg_catalog.pg_proc p
        where p.pronamespace = 'tax'::regnamespace
        and p.proowner = current_user::regrole
    loop
        execute format('grant execute on function %s to quantmatrix_engine', v_function.signature);
    end loop;
end
$$;

-- Views count terms by the one rule.
grant execute on function tax.first_long_date(date) to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin, quantmatrix_writer;

-- Functions that act for a person ask for these rules too.
grant execute on function tax.lot_method(uuid, bigint, bigint, date, core.lot_method), tax.may_average(uuid, bigint, bigint), tax.selling_method(core.lot_method),
    tax.settlement_date(date, date), tax.opens_unknown_lots(uuid, bigint), tax.spinoffs_without_share(uuid, bigint, bigint)
    to quantmatrix_writer;
