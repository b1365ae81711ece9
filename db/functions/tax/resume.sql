-- An append at the end does not read the past again: what an appended trade can still reach is in the tables. Of the lots, those that a sale takes
-- first, and those young enough to replace a loss; of the losses, those whose window is open and which nothing has replaced yet. The event loop goes
-- on from there. Whatever is not plain (a corporate action in the window, an average, lots named, a row that is not the last one) is derived whole.

create type tax.resumption as (
    history tax.history,
    standing tax.standing
);

comment on type tax.resumption is 'What the event loop goes on from: appended events behind those they can reach.';

-- Whether rows of this kind leave lots alone.
create function tax.leaves_lots_alone(p_type core.transaction_type)
returns boolean
language sql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select p_type in (
        'dividend', 'payment_in_lieu', 'capital_gain_distribution', 'interest', 'stock_lending_income', 'fee', 'tax_withheld', 'deposit',
        'withdrawal', 'fx_conversion', 'other'
    )
$$;

comment on function tax.leaves_lots_alone(core.transaction_type) is 'Whether rows of this kind have no part in lots.';

create function tax.opened_at(p_user_id uuid, p_account_id bigint, p_instrument_id bigint)
returns timestamptz
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
set enable_sort = off
set enable_bitmapscan = off
as $$
declare
    v_side core.lot_side;
    v_first timestamptz;
    v_opened_at timestamptz;
begin
    foreach v_side in array enum_range(null::core.lot_side) loop
        if tax.has_undated_lots(p_user_id, p_account_id, p_instrument_id, v_side) then
            return null;
        end if;
        select l.acquired_at
        into v_first
        from core.tax_lots l
        where l.user_id = p_user_id
        and l.account_id = p_account_id
        and l.instrument_id = p_instrument_id
        and l.side = v_side
        and l.closed_at is null
        order by l.side, l.acquired_at
        limit 1;
        v_opened_at := least(v_opened_at, v_first);
    end loop;
    return v_opened_at;
end
$$;

comment on function tax.opened_at(uuid, bigint, bigint) is
    'Acquisition of the oldest open lot of an account and instrument, from the index; null if flat, or if a lot has no date.';

create function tax.resume(p_user_id uuid, p_group_id bigint, p_appended bigint[])
returns tax.resumption
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
    v_h tax.history;
    v_s tax.standing;
    v_result tax.resumption;
    v_instruments integer;
    v_first_day date;
    v_lot_ids bigint[];
    v_lots tax.standing_lots;
    v_loss_ids bigint[] := '{}';
    v_event_ids bigint[];
    v_pools integer[];
    v_dates date[];
    v_ats timestamptz[];
    v_orders text[];
    v_reinvested boolean[];
    v_known integer;
begin
    v_h := tax.read_history(p_user_id, p_group_id, '{}', p_appended);
    v_result.history := v_h;
    if exists (
        select from core.transactions t
        where t.user_id = p_user_id
        and t.id = any (p_appended)
        and not t.transaction_type in ('buy', 'sell', 'reinvest')
        and not tax.leaves_lots_alone(t.transaction_type)
    ) then
        return null;
    elsif v_h.event_id is null then
        return v_result;
    end if;
    v_instruments := cardinality(v_h.instrument_id);
    v_first_day := v_h.event_date[1];

    if tax.must_be_derived_whole(p_user_id, v_h, p_appended, v_first_day) then
        return null;
    end if;
    v_lot_ids := tax.reachable_lots(p_user_id, v_h, v_first_day);
    if v_lot_ids is null then
        return null;
    end if;

    if v_h.wash_scope <> 'none' then
        -- What is closed may be a loss, which lots bought lately replace, unless they have replaced one.
        if exists (select from unnest(v_h.event_kind) e (kind) where e.kind not in ('buy', 'buy_to_open')) then
            v_lot_ids := v_lot_ids || tax.lots_to_replace(
                p_user_id, v_h.instrument_id, v_lot_ids,
                -- What replaces the loss of one sale may be what the next one sells, when it has become dear by that.
                (
                    select case when count(*) = 1 then sum(e.quantity) end
                    from unnest(v_h.event_kind, v_h.event_quantity) e (kind, quantity)
                    where e.kind not in ('buy', 'buy_to_open')
                ),
                v_first_day, v_h.event_date[cardinality(v_h.event_date)]
            );
        end if;

        v_loss_ids := tax.waiting_losses(p_user_id, p_group_id, v_h, p_appended, v_first_day);
        if v_loss_ids is null then
            return null;
        end if;
    end if;

    v_lots := tax.standing_lots(p_user_id, v_h, v_lot_ids);
    if v_lots is null then
        return null;
    end if;
    v_s := v_lots.standing;
    v_event_ids := v_lots.event_id;
    v_pools := v_lots.event_pool;
    v_dates := v_lots.event_date;
    v_ats := v_lots.event_at;
    v_orders := v_lots.event_order;
    v_reinvested := v_lots.event_reinvested;
    -- Purchases and sales of the losses, beside the purchases of the lots.
    select
        v_event_ids || coalesce(array_agg(t.id), '{}'), v_pools || coalesce(array_agg(t.pool), '{}'), v_dates || coalesce(array_agg(t.trade_date), '{}'),
        v_ats || coalesce(array_agg(t.at), '{}'), v_orders || coalesce(array_agg(t.order_id), '{}'),
        v_reinvested || coalesce(array_agg(t.is_reinvested), '{}')
    into v_event_ids, v_pools, v_dates, v_ats, v_orders, v_reinvested
    from (
        select distinct unnest(array[c.opening_transaction_id, c.closing_transaction_id]) as id
        from unnest(v_loss_ids) i (id)
        cross join lateral (
            select own.*
            from tax.closings own
            where own.user_id = p_user_id
            and own.id = i.id
            offset 0
        ) c
    ) named
    cross join lateral (
        select
            own.id, own.trade_date, own.order_id, own.transaction_type = 'reinvest' as is_reinvested,
            coalesce(own.executed_at, own.trade_date::timestamp at time zone 'America/New_York') as at,
            tax.pool_of(
                array_position(v_h.account_id, own.account_id), array_position(v_h.instrument_id, own.instrument_id), 'long', v_instruments
            ) as pool
        from core.transactions own
        where own.user_id = p_user_id
        and own.id = named.id
        offset 0
    ) t
    where array_position(v_event_ids, t.id) is null;
    v_known := coalesce(cardinality(v_event_ids), 0);
    if array_position(v_pools, null) is not null then
        return null;
    end if;

    v_s.first_event := v_known + 1;
    if v_known > 0 then
        v_h.event_id := v_event_ids || v_h.event_id;
        v_h.event_kind := array_fill('derived_before'::tax.event_kind, array[v_known]) || v_h.event_kind;
        v_h.event_pool := v_pools || v_h.event_pool;
        v_h.event_date := v_dates || v_h.event_date;
        v_h.event_at := v_ats || v_h.event_at;
        v_h.event_settled := array_fill(null::date, array[v_known]) || v_h.event_settled;
        v_h.event_method := array_fill('fifo'::core.lot_method, array[v_known]) || v_h.event_method;
        v_h.event_order := v_orders || v_h.event_order;
        v_h.event_quantity := array_fill(0::numeric, array[v_known]) || v_h.event_quantity;
        v_h.event_opened := array_fill(null::numeric, array[v_known]) || v_h.event_opened;
        v_h.event_amount := array_fill(null::numeric, array[v_known]) || v_h.event_amount;
        v_h.event_native := array_fill(null::numeric, array[v_known]) || v_h.event_native;
        v_h.event_unrated := array_fill(false, array[v_known]) || v_h.event_unrated;
        v_h.event_reinvested := v_reinvested || coalesce(v_h.event_reinvested, array_fill(false, array[cardinality(v_h.event_id) - v_known]));
        v_h.has_orders := v_h.has_orders or v_orders <> array_fill(null::text, array[v_known]);
    end if;
    v_h.is_plain := false;
    v_h.has_native := v_h.has_native or v_lots.is_foreign;
    v_result.history := v_h;
    v_result.standing := tax.standing_losses(p_user_id, p_group_id, v_h, v_s, v_loss_ids, v_event_ids);
    return v_result;
end
$$;

comment on function tax.resume(uuid, bigint, bigint[]) is
    'What the event loop needs to go on with appended transactions of one group; null if they must be derived together with the whole history.';
