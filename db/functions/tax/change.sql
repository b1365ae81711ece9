-- Rows of derived tables by their number: what a merge (store.sql, append.sql) found to be different, or gone. A change is planned for the numbers at
-- hand, without nested loops: few are found by the key, many by one hash, and if statistics make the key seem no better than the person alone, their
-- rows are read once. What is gone is gone group by group, and each would read all of a person's rows: so every number is looked up, with the person
-- as a list of one, which promises several rows, so that the key is better than the person alone whatever was gathered.

create function tax.change_positions(p_user_id uuid, p_ids bigint[], p_rows tax.derived_position[])
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
set enable_nestloop = off
set enable_mergejoin = off
as $$
begin
    update core.positions s
    set quantity = n.quantity,
        average_cost = n.average_cost,
        cost_basis = n.cost_basis,
        realized_pnl = n.realized_pnl,
        unmatched_quantity = n.unmatched_quantity,
        open_lots = n.open_lots,
        unknown_basis_quantity = n.unknown_basis_quantity,
        wash_sale_adjustment = n.wash_sale_adjustment,
        native_cost = n.native_cost,
        currency = n.currency,
        opened_at = n.opened_at,
        last_transaction_at = n.last_transaction_at,
        updated_at = now()
    from unnest(p_ids, p_rows) n (changed_id)
    where s.user_id = p_user_id
    and s.id = any (p_ids)
    and s.id = n.changed_id;
end
$$;

comment on function tax.change_positions(uuid, bigint[], tax.derived_position[]) is 'Gives rows of core.positions the figures that are derived now.';

create function tax.remove_positions(p_user_id uuid, p_ids bigint[])
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
    delete from core.positions s
    where s.ctid = any (
        array(
            select own.ctid
            from unnest(p_ids) gone (id)
            cross join lateral (
                select stored.ctid
                from core.positions stored
                where stored.user_id = any (array[p_user_id])
                and stored.id = gone.id
                offset 0
            ) own
        )
    );
end
$$;

comment on function tax.remove_positions(uuid, bigint[]) is 'Removes rows of core.positions that are not derived any more.';

create function tax.change_lots(p_user_id uuid, p_ids bigint[], p_rows tax.derived_lot[])
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
set enable_nestloop = off
set enable_mergejoin = off
as $$
begin
    update core.tax_lots s
    set acquired_at = n.acquired_at,
        holding_start = n.holding_start,
        quantity_opened = n.quantity_opened,
        quantity_remaining = n.quantity_remaining,
        native_cost_remaining = n.native_cost_remaining,
        cost_remaining = n.cost_remaining,
        wash_sale_adjustment = n.wash_sale_adjustment,
        closed_at = n.closed_at,
        basis_status = n.basis_status,
        rebuilt_at = now()
    from unnest(p_ids, p_rows) n (changed_id)
    where s.user_id = p_user_id
    and s.id = any (p_ids)
    and s.id = n.changed_id;
end
$$;

comment on function tax.change_lots(uuid, bigint[], tax.derived_lot[]) is 'Gives rows of core.tax_lots the figures that are derived now.';

create function tax.remove_lots(p_user_id uuid, p_ids bigint[])
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
    delete from core.tax_lots s
    where s.ctid = any (
        array(
            select own.ctid
            from unnest(p_ids) gone (id)
            cross join lateral (
                select stored.ctid
                from core.tax_lots stored
                where stored.user_id = any (array[p_user_id])
                and stored.id = gone.id
                offset 0
            ) own
        )
    );
end
$$;

comment on function tax.remove_lots(uuid, bigint[]) is 'Removes rows of core.tax_lots that are not derived any more.';

create function tax.change_states(p_user_id uuid, p_ids bigint[], p_rows tax.derived_state[])
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
set enable_nestloop = off
set enable_mergejoin = off
as $$
begin
    update tax.lot_state s
    set arrived_on = n.arrived_on,
        is_purchase = n.is_purchase,
        is_used = n.is_used,
        gift_loss_basis = n.gift_loss_basis,
        gift_loss_holding_start = n.gift_loss_holding_start,
        is_inherited = n.is_inherited,
        is_covered = n.is_covered
    from unnest(p_ids, p_rows) n (changed_id)
    where s.user_id = p_user_id
    and s.lot_id = any (p_ids)
    and s.lot_id = n.changed_id;
end
$$;

comment on function tax.change_states(uuid, bigint[], tax.derived_state[]) is 'Gives rows of tax.lot_state the figures that are derived now.';

create function tax.remove_states(p_user_id uuid, p_ids bigint[])
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
    delete from tax.lot_state s
    where s.ctid = any (
        array(
            select own.ctid
            from unnest(p_ids) gone (id)
            cross join lateral (
                select stored.ctid
                from tax.lot_state stored
                where stored.user_id = any (array[p_user_id])
                and stored.lot_id = gone.id
                offset 0
            ) own
        )
    );
end
$$;

comment on function tax.remove_states(uuid, bigint[]) is 'Removes rows of tax.lot_state that are not derived any more.';

create function tax.change_closings(p_user_id uuid, p_ids bigint[], p_rows tax.derived_closing[])
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
set enable_nestloop = off
set enable_mergejoin = off
as $$
begin
    update tax.closings s
    set account_id = n.account_id,
        instrument_id = n.instrument_id,
        side = n.side,
        kind = n.kind,
        quantity = n.quantity,
        opening_transaction_id = n.opening_transaction_id,
        piece = n.piece,
        opened_on = n.opened_on,
        holding_start = n.holding_start,
        closed_on = n.closed_on,
        proceeds = n.proceeds,
        basis = n.basis,
        native_proceeds = n.native_proceeds,
        native_basis = n.native_basis,
        disallowed = n.disallowed,
        permanently_disallowed = n.permanently_disallowed,
        term = n.term,
        taxable = n.taxable,
        tax_year = n.tax_year,
        box = n.box
    from unnest(p_ids, p_rows) n (changed_id)
    where s.user_id = p_user_id
    and s.id = any (p_ids)
    and s.id = n.changed_id;
end
$$;

comment on function tax.change_closings(uuid, bigint[], tax.derived_closing[]) is 'Gives rows of tax.closings the figures that are derived now.';

create function tax.remove_closings(p_user_id uuid, p_ids bigint[])
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
    delete from tax.closings s
    where s.ctid = any (
        array(
            select own.ctid
            from unnest(p_ids) gone (id)
            cross join lateral (
                select stored.ctid
                from tax.closings stored
                where stored.user_id = any (array[p_user_id])
                and stored.id = gone.id
                offset 0
            ) own
        )
    );
end
$$;

comment on function tax.remove_closings(uuid, bigint[]) is 'Removes rows of tax.closings that are not derived any more.';

create function tax.change_matches(p_user_id uuid, p_ids bigint[], p_rows tax.derived_match[])
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
set enable_nestloop = off
set enable_mergejoin = off
as $$
begin
    update tax.wash_matches s
    set replacement_transaction_id = n.replacement_transaction_id,
        replacement_account_id = n.replacement_account_id,
        replacement_instrument_id = n.replacement_instrument_id,
        replacement_piece = n.replacement_piece,
        is_permanent = n.is_permanent,
        quantity = n.quantity,
        amount = n.amount
    from unnest(p_ids, p_rows) n (changed_id)
    where s.user_id = p_user_id
    and s.id = any (p_ids)
    and s.id = n.changed_id;
end
$$;

comment on function tax.change_matches(uuid, bigint[], tax.derived_match[]) is 'Gives rows of tax.wash_matches the figures that are derived now.';

create function tax.remove_matches(p_user_id uuid, p_ids bigint[])
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
    delete from tax.wash_matches s
    where s.ctid = any (
        array(
            select own.ctid
            from unnest(p_ids) gone (id)
            cross join lateral (
                select stored.ctid
                from tax.wash_matches stored
                where stored.user_id = any (array[p_user_id])
                and stored.id = gone.id
                offset 0
            ) own
        )
    );
end
$$;

comment on function tax.remove_matches(uuid, bigint[]) is 'Removes rows of tax.wash_matches that are not derived any more.';

create function tax.change_notices(p_user_id uuid, p_ids bigint[], p_rows tax.derived_notice[])
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
set enable_nestloop = off
set enable_mergejoin = off
as $$
begin
    update tax.notices s
    set sentence = n.sentence
    from unnest(p_ids, p_rows) n (changed_id)
    where s.user_id = p_user_id
    and s.id = any (p_ids)
    and s.id = n.changed_id;
end
$$;

comment on function tax.change_notices(uuid, bigint[], tax.derived_notice[]) is 'Gives rows of tax.notices the figures that are derived now.';

create function tax.remove_notices(p_user_id uuid, p_ids bigint[])
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
    delete from tax.notices s
    where s.ctid = any (
        array(
            select own.ctid
            from unnest(p_ids) gone (id)
            cross join lateral (
                select stored.ctid
                from tax.notices stored
                where stored.user_id = any (array[p_user_id])
                and stored.id = gone.id
                offset 0
            ) own
        )
    );
end
$$;

comment on function tax.remove_notices(uuid, bigint[]) is 'Removes rows of tax.notices that are not derived any more.';

create function tax.disallow(p_user_id uuid, p_ids bigint[], p_disallowed numeric[], p_permanent numeric[])
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan
set enable_nestloop = off
set enable_mergejoin = off
as $$
declare
    v_changed bigint;
begin
    -- Losses that an appended purchase replaces.
    update tax.closings c
    set disallowed = coalesce(n.disallowed, 0),
        permanently_disallowed = coalesce(n.permanent, 0)
    from unnest(p_ids, p_disallowed, p_permanent) n (id, disallowed, permanent)
    where c.user_id = p_user_id
    and c.id = any (p_ids)
    and c.id = n.id
    and (c.disallowed, c.permanently_disallowed) is distinct from (coalesce(n.disallowed, 0), coalesce(n.permanent, 0));
    get diagnostics v_changed = row_count;
    return v_changed;
end
$$;

comment on function tax.disallow(uuid, bigint[], numeric[], numeric[]) is 'Gives closings the part of their loss that is disallowed now; returns how many changed.';
