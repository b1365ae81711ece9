-- One group of instruments as of a day, asked of the engine. The one place of reconciliation that knows the shape of its answer.

create function reconcile.held_at(p_user_id uuid, p_group_id bigint, p_as_of date)
returns table (
    part text, account_id bigint, instrument_id bigint, side core.lot_side, acquired_on date, quantity numeric, native_cost numeric, cost numeric,
    wash_sale_adjustment numeric, opening_transaction_id bigint
)
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    return query
    with derived as materialized (
        select r.kind, r.lot, r."position"
        from tax.run(p_user_id, p_group_id, jsonb_build_object('as_of', p_as_of)) r
        where r.kind in ('position', 'lot')
    )
    select
        d.kind, (d."position").account_id, (d."position").instrument_id, null::core.lot_side, null::date, (d."position").quantity,
        null::numeric, null::numeric, null::numeric, null::bigint
    from derived d
    where d.kind = 'position'
    union all
    select
        d.kind, (d.lot).account_id, (d.lot).instrument_id, (d.lot).side, ((d.lot).acquired_at at time zone 'America/New_York')::date,
        (d.lot).quantity_remaining, (d.lot).native_cost_remaining, (d.lot).cost_remaining, (d.lot).wash_sale_adjustment,
        (d.lot).opening_transaction_id
    from derived d
    where d.kind = 'lot'
    and (d.lot).quantity_remaining > 0;
end
$$;

comment on function reconcile.held_at(uuid, bigint, date) is 'Positions and open lots of a group at the end of a day, derived aside.';

grant execute on function reconcile.held_at(uuid, bigint, date) to quantmatrix_writer;
