-- An append at the end does not read the past again: what an appended trade can still reach is in the tables. Of the lots, those that a sale takes
-- first, and those young enough to replace a loss; of the losses, those whose window is open and which nothing has replaced yet. The event loop goes
-- on from there. Whatever is not plain (a corporate action in the window, an average, lots named, a row that is not the last one) is derived whole.

create type tax.standing as (
    first_event integer,
    lot_id bigint[],
    lot_event integer[],
    lot_number integer[],
    lot_last_number integer[],
    lot_pool integer[],
    lot_opened numeric[],
    lot_quantity numeric[],
    lot_cost numeric[],
    lot_native numeric[],
    lot_acquired date[],
    lot_acquired_at timestamptz[],
    lot_held_from date[],
    lot_wash numeric[],
    lot_used boolean[],
    lot_no_purchase boolean[],
    lot_gift_basis numeric[],
    lot_gift_on date[],
    lot_inherited boolean[],
    lot_covered boolean[],
    lot_arrived date[],
    loss_id bigint[],
    loss_event integer[],
    loss_source integer[],
    loss_ordinal integer[],
    loss_pool integer[],
    loss_kind tax.closing_kind[],
    loss_quantity numeric[],
    loss_lot numeric[],
    loss_other numeric[],
    loss_held_from date[],
    loss_disallowed numeric[],
    loss_permanent numeric[],
    loss_rest numeric[],
    loss_left numeric[],
    loss_matches integer[]
);

comment on type tax.standing is
    'Where the book of a group stands, as far as appended trades can reach it: open lots in lot order and losses whose window is open. Events before first_event are only those that these refer to.';

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
    c_window constant integer := 30;
    -- An instant lies within five days of its date of trade.
    c_slack constant interval := '6 days';
    v_h tax.history;
    v_s tax.standing;
    v_result tax.resumption;
    v_instruments integer;
    v_first_day date;
    v_pool record;
    v_side core.lot_side;
    v_ids bigint[];
    v_lot_ids bigint[] := '{}';
    v_loss_ids bigint[] := '{}';
    v_event_ids bigint[];
    v_pools integer[];
    v_dates date[];
    v_ats timestamptz[];
    v_orders text[];
    v_reinvested boolean[];
    v_known integer;
    v_is_spread boolean;
    v_is_foreign boolean;
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

    -- include resume/must_be_plain.part.sql

    -- include resume/reach.part.sql

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

        -- include resume/waiting_losses.part.sql
    end if;

    -- include resume/lots.part.sql

    -- include resume/trades.part.sql

    v_h.is_plain := false;

    v_h.has_native := v_h.has_native or v_is_foreign;

    -- include resume/losses.part.sql

    v_result.history := v_h;
    v_result.standing := v_s;
    return v_result;
end
$$;

comment on function tax.resume(uuid, bigint, bigint[]) is
    'What the event loop needs to go on with appended transactions of one group; null if they must be derived together with the whole history.';
