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
        if exists (
            select from core.tax_lots l
            where l.user_id = p_user_id
            and l.account_id = p_account_id
            and l.instrument_id = p_instrument_id
            and l.side = v_side
            and l.closed_at is null
            and l.acquired_at is null
        ) then
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

    -- Plain trades only, whose amounts are known, and with nothing said about their lots.
    if v_h.has_averages
        or exists (
            select from unnest(v_h.event_code, v_h.event_method, v_h.event_amount, v_h.event_native, v_h.event_unrated)
                e (code, method, amount, native, unrated)
            where e.code > 5
            or e.method in (4, 9)
            or e.amount is null
            or e.native is null
            or e.unrated
        )
        or exists (select from tax.transaction_links l where l.user_id = p_user_id and l.from_id = any (p_appended))
        or exists (select from tax.transaction_links l where l.user_id = p_user_id and l.to_id = any (p_appended))
    then
        return null;
    end if;

    -- What lies beside a short, an option or another fund of an index is said from the whole history (section 0.5).
    if exists (select from unnest(v_h.instrument_strike) i (strike) where i.strike is not null)
        or exists (select from unnest(v_h.instrument_index_family) i (family) where i.family is not null)
        or 5 = any (v_h.event_code)
        or exists (
            select from unnest(v_h.account_id) a (id)
            cross join unnest(v_h.instrument_id) i (id)
            cross join lateral (
                select l.id
                from core.tax_lots l
                where l.user_id = p_user_id
                and l.account_id = a.id
                and l.instrument_id = i.id
                and l.side = 'short'
                and l.closed_at is null
                -- In an order that only the index of open lots has: it knows the side, whatever the table was like when this was planned.
                order by l.acquired_at
                limit 1
            ) short
        )
    then
        return null;
    end if;

    -- They must be the last ones, of orders of their own, and no other kind of event may lie in the window.
    if exists (
        select from unnest(v_h.instrument_id) i (id)
        cross join lateral (
            select t.*
            from core.transactions t
            where t.user_id = p_user_id
            and t.instrument_id = i.id
            and t.trade_date >= v_first_day - c_window
            and not t.id = any (p_appended)
            offset 0
        ) t
        cross join lateral (
            select n.*
            from core.transactions n
            where n.user_id = p_user_id
            and n.id = v_h.event_id[1]
            offset 0
        ) first
        where not t.transaction_type in ('buy', 'sell', 'reinvest') and not tax.leaves_lots_alone(t.transaction_type)
        or t.transaction_type in ('buy', 'sell', 'reinvest')
            and t.trade_date >= v_first_day
            and (
                (
                    t.trade_date, coalesce(t.executed_at, t.trade_date::timestamp at time zone 'America/New_York'), t.sequence,
                    array_position(v_h.account_id, t.account_id), t.source collate "C", t.dedupe_key collate "C"
                ) > (
                    first.trade_date, coalesce(first.executed_at, first.trade_date::timestamp at time zone 'America/New_York'), first.sequence,
                    array_position(v_h.account_id, first.account_id), first.source collate "C", first.dedupe_key collate "C"
                )
                or t.order_id = any (v_h.event_order)
            )
    ) then
        return null;
    end if;

    -- Every account trades what it has traded before, and all that the group holds is known.
    if exists (
        select from unnest(v_h.event_pool) e (pool)
        where not exists (
            select from core.positions p
            where p.user_id = p_user_id
            and p.instrument_id = v_h.pool_instrument[e.pool]
            and p.account_id = v_h.pool_account[e.pool]
        )
    ) or exists (
        select from unnest(v_h.instrument_id) i (id)
        cross join lateral (
            select p.*
            from core.positions p
            where p.user_id = p_user_id
            and p.instrument_id = i.id
            offset 0
        ) p
        where p.cost_basis is null
        or p.native_cost is null
        or p.unknown_basis_quantity > 0
    ) then
        return null;
    end if;

    -- What is sold takes lots by its method, what is bought covers the oldest shorts first. However they share them, all of them together take no
    -- more than their units from the front of each order.
    for v_pool in
        select
            p.pool, p.method, u.units
        from (
            select distinct case when e.code in (1, 4) then e.pool + 1 else e.pool end as pool, case when e.code in (1, 4) then 0 else e.method end as method
            from unnest(v_h.event_pool, v_h.event_code, v_h.event_method) e (pool, code, method)
        ) p
        cross join lateral (
            select sum(e.quantity) as units
            from unnest(v_h.event_pool, v_h.event_code, v_h.event_quantity) e (pool, code, quantity)
            where case when e.code in (1, 4) then e.pool + 1 else e.pool end = p.pool
        ) u
    loop
        if v_pool.method in (2, 3, 5) then
            v_ids := tax.lots_by_cost(
                p_user_id, v_h.pool_account[v_pool.pool], v_h.pool_instrument[v_pool.pool], v_pool.units, v_pool.method,
                v_h.instrument_multiplier[(v_pool.pool - 1) / 2 % v_instruments + 1], v_first_day, v_h.event_date[cardinality(v_h.event_date)],
                case when v_h.wash_scope = 'none' then 'infinity' else (v_first_day - c_window)::timestamptz - c_slack end,
                array(
                    select s.lot_id
                    from tax.lot_state s
                    where s.user_id = p_user_id
                    and s.instrument_id = v_h.pool_instrument[v_pool.pool]
                    and s.is_inherited
                )
            );
        else
            v_ids := tax.lots_by_date(
                p_user_id, v_h.pool_account[v_pool.pool], v_h.pool_instrument[v_pool.pool],
                case v_pool.pool % 2 when 1 then 'long' else 'short' end::core.lot_side, v_pool.units, v_pool.method = 1
            );
        end if;
        if v_ids is null then
            return null;
        end if;
        -- Two methods may reach the same lot.
        v_lot_ids := array(
            select unnest(v_lot_ids)
            union
            select unnest(v_ids)
        );
    end loop;

    if v_h.wash_scope <> 'none' then
        -- What is closed may be a loss, which lots bought lately replace, unless they have replaced one.
        if not v_h.event_code <@ array[1, 4] then
            v_lot_ids := v_lot_ids || tax.lots_to_replace(
                p_user_id, v_h.instrument_id, v_lot_ids,
                -- What replaces the loss of one sale may be what the next one sells, when it has become dear by that.
                (
                    select case when count(*) = 1 then sum(e.quantity) end
                    from unnest(v_h.event_code, v_h.event_quantity) e (code, quantity)
                    where not e.code in (1, 4)
                ),
                v_first_day, v_h.event_date[cardinality(v_h.event_date)]
            );
        end if;

        -- F.1, F.10: losses that nothing has replaced in full, where something is bought or sold short. Fills of one order are judged together:
        -- such are derived whole.
        if exists (
            select from unnest(v_h.event_code, v_h.event_pool) e (code, pool)
            where e.code in (1, 4, 5)
            or e.code = 2 and v_h.account_may_short[(e.pool - 1) / 2 / v_instruments + 1]
        ) then
            select
                array_agg(
                    l.id
                    order by l.trade_date, l.at, l.sequence, l.account_place, l.source collate "C", l.dedupe_key collate "C",
                        l.opened_on, l.opened_at, l.opened_sequence, l.opened_place, l.opened_source collate "C", l.opened_key collate "C", l.piece
                ),
                count(l.sibling_id)
            into v_loss_ids, v_known
            from (
                select
                    c.id, c.piece, c.opened_on, t.trade_date, t.sequence, t.source, t.dedupe_key,
                    coalesce(o.executed_at, o.trade_date::timestamp at time zone 'America/New_York') as opened_at, o.sequence as opened_sequence,
                    array_position(v_h.account_id, o.account_id) as opened_place, o.source as opened_source, o.dedupe_key as opened_key,
                    coalesce(t.executed_at, t.trade_date::timestamp at time zone 'America/New_York') as at,
                    array_position(v_h.account_id, t.account_id) as account_place,
                    (
                        select min(other.id)
                        from core.transactions other
                        where other.user_id = p_user_id
                        and other.instrument_id = any (v_h.instrument_id)
                        and other.trade_date = t.trade_date
                        and other.account_id = t.account_id
                        and other.order_id = t.order_id
                        and other.id <> t.id
                    ) as sibling_id
                from unnest(v_h.instrument_id) with ordinality i (id, place)
                cross join lateral (
                    select own.*
                    from core.transactions own
                    where own.user_id = p_user_id
                    and own.instrument_id = i.id
                    and own.trade_date >= v_first_day - c_window
                    and own.transaction_type in ('buy', 'sell')
                    and not own.id = any (p_appended)
                    offset 0
                ) t
                cross join lateral (
                    select own.*
                    from tax.closings own
                    where own.user_id = p_user_id
                    and own.group_id = p_group_id
                    and own.closing_transaction_id = t.id
                    offset 0
                ) c
                cross join lateral (
                    select own.*
                    from core.transactions own
                    where own.user_id = p_user_id
                    and own.id = c.opening_transaction_id
                    offset 0
                ) o
                where c.taxable
                and c.kind not in ('mtm', 'boot', 'roc_excess', 'unmatched')
                and c.basis - c.proceeds > 0
                and v_h.instrument_wash_class[i.place] > 0
                and (c.side = 'long' or v_h.instrument_strike[i.place] is null)
                and c.quantity * v_h.instrument_deliverable[i.place] > coalesce((
                    select sum(m.quantity)
                    from tax.wash_matches m
                    where m.user_id = p_user_id
                    and m.group_id = p_group_id
                    and m.loss_transaction_id = c.closing_transaction_id
                    and m.loss_ordinal = c.ordinal
                ), 0)
            ) l;
            if v_known > 0 then
                return null;
            end if;
            v_loss_ids := coalesce(v_loss_ids, '{}');
        end if;
    end if;

    select
        coalesce(array_agg(l.id order by l.place), '{}'),
        array_agg(l.event order by l.place),
        array_agg(l.piece order by l.place),
        array_agg(l.last_piece order by l.place),
        array_agg(l.pool order by l.place),
        array_agg(l.quantity_opened order by l.place),
        array_agg(l.quantity_remaining order by l.place),
        array_agg(l.cost_remaining order by l.place),
        array_agg(l.native_cost_remaining order by l.place),
        array_agg(l.acquired order by l.place),
        array_agg(l.ordered_at order by l.place),
        array_agg(l.holding_start order by l.place),
        array_agg(nullif(l.wash_sale_adjustment, 0) order by l.place),
        array_agg(nullif(l.is_used, false) order by l.place),
        array_agg(case when not l.is_purchase then true end order by l.place),
        array_agg(l.gift_loss_basis order by l.place),
        array_agg(l.gift_loss_holding_start order by l.place),
        array_agg(nullif(l.is_inherited, false) order by l.place),
        array_agg(l.is_covered order by l.place),
        array_agg(l.arrived_on order by l.place),
        count(distinct l.opening_transaction_id) <> count(distinct (l.opening_transaction_id, l.pool)),
        coalesce(bool_or(l.native_cost_remaining <> l.cost_remaining), false),
        array_agg(l.opening_transaction_id order by l.place) filter (where l.is_first),
        array_agg(l.opened_by_pool order by l.place) filter (where l.is_first),
        array_agg(l.trade_date order by l.place) filter (where l.is_first),
        array_agg(l.at order by l.place) filter (where l.is_first),
        array_agg(l.order_id order by l.place) filter (where l.is_first),
        array_agg(l.is_reinvested order by l.place) filter (where l.is_first)
    into
        v_s.lot_id, v_s.lot_event, v_s.lot_number, v_s.lot_last_number, v_s.lot_pool, v_s.lot_opened, v_s.lot_quantity, v_s.lot_cost,
        v_s.lot_native, v_s.lot_acquired, v_s.lot_acquired_at, v_s.lot_held_from, v_s.lot_wash, v_s.lot_used, v_s.lot_no_purchase,
        v_s.lot_gift_basis, v_s.lot_gift_on, v_s.lot_inherited, v_s.lot_covered, v_s.lot_arrived,
        v_is_spread, v_is_foreign,
        v_event_ids, v_pools, v_dates, v_ats, v_orders, v_reinvested
    from (
        select
            g.*,
            (dense_rank() over (order by g.first_place))::integer as event,
            g.place = g.first_place as is_first
        from (
            select
                n.*,
                min(n.place) over (partition by n.opening_transaction_id) as first_place
            from (
                select
                    h.*,
                    row_number() over (
                        order by h.acquired, h.ordered_at, h.sequence, h.account_place, h.source collate "C", h.dedupe_key collate "C", h.piece
                    ) as place
                from (
                    select k.*, case when k.acquired = k.trade_date then k.at else k.acquired_at end as ordered_at
                    from (
                        select
                            o.*, t.trade_date, t.sequence, t.source, t.dedupe_key, t.order_id, t.transaction_type = 'reinvest' as is_reinvested,
                            array_position(v_h.account_id, t.account_id) as account_place,
                            coalesce(t.executed_at, t.trade_date::timestamp at time zone 'America/New_York') as at,
                            ((array_position(v_h.account_id, t.account_id) - 1) * v_instruments + array_position(v_h.instrument_id, t.instrument_id)) * 2
                                - 1 as opened_by_pool,
                            s.is_used, s.is_purchase, s.gift_loss_basis, s.gift_loss_holding_start, s.is_inherited, s.is_covered, s.arrived_on,
                            ((array_position(v_h.account_id, o.account_id) - 1) * v_instruments + array_position(v_h.instrument_id, o.instrument_id)) * 2
                                - case o.side when 'long' then 1 else 0 end as pool,
                            -- What was supplied as a day stands for its first instant in New York.
                            case
                                when o.acquired_at = coalesce(t.executed_at, t.trade_date::timestamp at time zone 'America/New_York') then t.trade_date
                                else (o.acquired_at at time zone 'America/New_York')::date
                            end as acquired,
                            (
                                select max(p.piece)
                                from core.tax_lots p
                                where p.user_id = p_user_id
                                and p.instrument_id = o.instrument_id
                                and p.account_id = o.account_id
                                and p.opening_transaction_id = o.opening_transaction_id
                                and p.side = o.side
                            ) as last_piece
                        from unnest(v_lot_ids) i (id)
                        cross join lateral (
                            select own.*
                            from core.tax_lots own
                            where own.user_id = p_user_id
                            and own.id = i.id
                            offset 0
                        ) o
                        cross join lateral (
                            select
                                own.trade_date, own.sequence, own.source, own.dedupe_key, own.order_id, own.transaction_type, own.account_id,
                                own.instrument_id, own.executed_at
                            from core.transactions own
                            where own.user_id = p_user_id
                            and own.id = o.opening_transaction_id
                            offset 0
                        ) t
                        left join lateral (
                            select own.*
                            from tax.lot_state own
                            where own.user_id = p_user_id
                            and own.lot_id = o.id
                            offset 0
                        ) s on true
                    ) k
                ) h
            ) n
        ) g
    ) l;
    -- Pieces of one purchase in two places share their numbers: rare, and derived whole.
    if v_is_spread or array_position(v_s.lot_pool, null) is not null then
        return null;
    end if;
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
            ((array_position(v_h.account_id, own.account_id) - 1) * v_instruments + array_position(v_h.instrument_id, own.instrument_id)) * 2 - 1 as pool
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
        v_h.event_code := array_fill(0, array[v_known]) || v_h.event_code;
        v_h.event_pool := v_pools || v_h.event_pool;
        v_h.event_date := v_dates || v_h.event_date;
        v_h.event_at := v_ats || v_h.event_at;
        v_h.event_settled := array_fill(null::date, array[v_known]) || v_h.event_settled;
        v_h.event_method := array_fill(0, array[v_known]) || v_h.event_method;
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

    v_h.has_native := v_h.has_native or v_is_foreign;

    select
        coalesce(array_agg(c.id order by i.place), '{}'), coalesce(array_agg(array_position(v_event_ids, c.closing_transaction_id) order by i.place), '{}'),
        coalesce(array_agg(array_position(v_event_ids, c.opening_transaction_id) order by i.place), '{}'),
        coalesce(array_agg(c.ordinal order by i.place), '{}'), coalesce(array_agg(c.pool order by i.place), '{}'),
        coalesce(array_agg(c.kind order by i.place), '{}'), coalesce(array_agg(c.quantity order by i.place), '{}'),
        coalesce(array_agg(case c.side when 'long' then c.basis else c.proceeds end order by i.place), '{}'),
        coalesce(array_agg(case c.side when 'long' then c.proceeds else c.basis end order by i.place), '{}'),
        coalesce(array_agg(c.holding_start order by i.place), '{}'), coalesce(array_agg(c.disallowed order by i.place), '{}'),
        coalesce(array_agg(c.permanently_disallowed order by i.place), '{}'),
        coalesce(array_agg(c.quantity * v_h.instrument_deliverable[(c.pool - 1) / 2 % v_instruments + 1] - c.replaced order by i.place), '{}'),
        coalesce(array_agg(c.basis - c.proceeds - c.disallowed - c.permanently_disallowed order by i.place), '{}'),
        coalesce(array_agg(c.matches order by i.place), '{}')
    into
        v_s.loss_id, v_s.loss_event, v_s.loss_source, v_s.loss_ordinal, v_s.loss_pool, v_s.loss_kind, v_s.loss_quantity, v_s.loss_lot, v_s.loss_other,
        v_s.loss_held_from, v_s.loss_disallowed, v_s.loss_permanent, v_s.loss_rest, v_s.loss_left, v_s.loss_matches
    from unnest(v_loss_ids) with ordinality i (id, place)
    cross join lateral (
        select
            own.*, m.replaced, m.matches,
            ((array_position(v_h.account_id, own.account_id) - 1) * v_instruments + array_position(v_h.instrument_id, own.instrument_id)) * 2
                - case own.side when 'long' then 1 else 0 end as pool
        from tax.closings own
        cross join lateral (
            select coalesce(sum(w.quantity), 0) as replaced, count(*)::integer as matches
            from tax.wash_matches w
            where w.user_id = p_user_id
            and w.group_id = p_group_id
            and w.loss_transaction_id = own.closing_transaction_id
            and w.loss_ordinal = own.ordinal
        ) m
        where own.user_id = p_user_id
        and own.id = i.id
        offset 0
    ) c;

    v_result.history := v_h;
    v_result.standing := v_s;
    return v_result;
end
$$;

comment on function tax.resume(uuid, bigint, bigint[]) is
    'What the event loop needs to go on with appended transactions of one group; null if they must be derived together with the whole history.';
