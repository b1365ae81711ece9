-- One group of instruments as of a day, asked of the engine. The one place of reconciliation that knows the shape of its answer.

create function ingest.book_at(p_user_id uuid, p_group_id bigint, p_as_of date)
returns table (
    part text, account_id bigint, instrument_id bigint, side core.lot_side, acquired_on date, quantity numeric, native_cost numeric, cost numeric,
    wash_sale_adjustment numeric, opening_transaction_id bigint
)
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    select
        r.part, r.account_id, r.instrument_id, r.side, r.acquired_on, r.quantity, r.native_cost, r.cost,
        r.wash_sale_adjustment, r.opening_transaction_id
    from tax.run(p_user_id, p_group_id, jsonb_build_object('as_of', p_as_of)) r
    where r.part in ('position', 'lot');
end
$$;

comment on function ingest.book_at(uuid, bigint, date) is 'Positions and open lots of a group at the end of a day, derived aside.';

grant execute on function ingest.book_at(uuid, bigint, date) to quantmatrix_writer;
