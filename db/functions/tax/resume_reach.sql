-- What an append can reach, or that it must not be tried: parts of tax.resume (resume.sql).

create function tax.must_be_derived_whole(p_user_id uuid, p_history tax.history, p_appended bigint[], p_first_day date)
returns boolean
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
    c_window constant integer := 30;
begin
    -- Plain trades only, whose amounts are known, and with nothing said about their lots.
    if p_history.has_averages
        or exists (
            select from unnest(p_history.event_kind, p_history.event_method, p_history.event_amount, p_history.event_native, p_history.event_unrated)
                e (kind, method, amount, native, unrated)
            where e.kind not in ('buy', 'buy_to_open', 'sell', 'sell_to_close', 'sell_short')
            or e.method in ('average', 'specific')
            or e.amount is null
            or e.native is null
            or e.unrated
        )
        or exists (select from tax.transaction_links l where l.user_id = p_user_id and l.from_id = any (p_appended))
        or exists (select from tax.transaction_links l where l.user_id = p_user_id and l.to_id = any (p_appended))
    then
        return true;
    end if;

    -- What lies beside a short, an option or another fund of an index is said from the whole history (S.4); a future may turn to the other side.
    if 'future' = any (p_history.instrument_type)
        or exists (select from unnest(p_history.instrument_strike) i (strike) where i.strike is not null)
        or exists (select from unnest(p_history.instrument_index_family) i (family) where i.family is not null)
        or 'sell_short' = any (p_history.event_kind)
        or exists (
            select from unnest(p_history.account_id) a (id)
            cross join unnest(p_history.instrument_id) i (id)
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
        return true;
    end if;

    -- They must be the last ones, of orders of their own, and no other kind of event may lie in the window.
    if exists (
        select from unnest(p_history.instrument_id) i (id)
        cross join lateral (
            select t.*
            from core.transactions t
            where t.user_id = p_user_id
            and t.instrument_id = i.id
            and t.trade_date >= p_first_day - c_window
            and not t.id = any (p_appended)
            offset 0
        ) t
        cross join lateral (
            select n.*
            from core.transactions n
            where n.user_id = p_user_id
            and n.id = p_history.event_id[1]
            offset 0
        ) first
        where not t.transaction_type in ('buy', 'sell', 'reinvest') and not tax.leaves_lots_alone(t.transaction_type)
        or t.transaction_type in ('buy', 'sell', 'reinvest')
            and t.trade_date >= p_first_day
            and (
                (
                    t.trade_date, coalesce(t.executed_at, t.trade_date::timestamp at time zone 'America/New_York'),
                    tax.turn_of_day(t.transaction_type, t.position_effect, t.executed_at is not null, false), t.sequence,
                    array_position(p_history.account_id, t.account_id), t.source collate "C", t.dedupe_key collate "C"
                ) > (
                    first.trade_date, coalesce(first.executed_at, first.trade_date::timestamp at time zone 'America/New_York'),
                    tax.turn_of_day(first.transaction_type, first.position_effect, first.executed_at is not null, false), first.sequence,
                    array_position(p_history.account_id, first.account_id), first.source collate "C", first.dedupe_key collate "C"
                )
                or t.order_id = any (p_history.event_order)
            )
    ) then
        return true;
    end if;

    -- Every account trades what it has traded before, and all that the group holds is known.
    if exists (
        select from unnest(p_history.event_pool) e (pool)
        where not exists (
            select from core.positions p
            where p.user_id = p_user_id
            and p.instrument_id = p_history.pool_instrument[e.pool]
            and p.account_id = p_history.pool_account[e.pool]
        )
    ) or exists (
        select from unnest(p_history.instrument_id) i (id)
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
        return true;
    end if;
    return false;
end
$$;

comment on function tax.must_be_derived_whole(uuid, tax.history, bigint[], date) is
    'Whether appended transactions are more than plain trades at the end of what is known, whose lots can be reached.';

create function tax.reachable_lots(p_user_id uuid, p_history tax.history, p_first_day date)
returns bigint[]
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
    v_pool record;
    v_side core.lot_side;
    v_ids bigint[];
    v_lot_ids bigint[] := '{}';
begin
    -- What is sold takes lots by its method, what is bought covers the oldest shorts first. However they share them, all of them together take no
    -- more than their units from the front of each order.
    for v_pool in
        select
            p.pool, p.method, u.units, u.sales
        from (
            select distinct case when e.kind in ('buy', 'buy_to_open') then e.pool + 1 else e.pool end as pool,
                case when e.kind in ('buy', 'buy_to_open') then 'fifo' else e.method end as method
            from unnest(p_history.event_pool, p_history.event_kind, p_history.event_method) e (pool, kind, method)
        ) p
        cross join lateral (
            select sum(e.quantity) as units, count(*) as sales
            from unnest(p_history.event_pool, p_history.event_kind, p_history.event_quantity) e (pool, kind, quantity)
            where case when e.kind in ('buy', 'buy_to_open') then e.pool + 1 else e.pool end = p.pool
        ) u
    loop
        v_side := case when p_history.pool_is_long[v_pool.pool] then 'long' else 'short' end;
        if tax.has_undated_lots(p_user_id, p_history.pool_account[v_pool.pool], p_history.pool_instrument[v_pool.pool], v_side) then
            return null;
        end if;
        if v_pool.method in ('hifo', 'lofo', 'mintax') then
            v_ids := tax.lots_by_cost(
                p_user_id, p_history.pool_account[v_pool.pool], p_history.pool_instrument[v_pool.pool], v_pool.units, v_pool.sales, v_pool.method,
                p_history.instrument_multiplier[p_history.pool_instrument_place[v_pool.pool]], p_first_day,
                p_history.event_date[cardinality(p_history.event_date)],
                case when p_history.wash_scope = 'none' then 'infinity' else (p_first_day - c_window)::timestamptz - c_slack end,
                array(
                    select s.lot_id
                    from tax.lot_state s
                    where s.user_id = p_user_id
                    and s.instrument_id = p_history.pool_instrument[v_pool.pool]
                    and s.is_inherited
                )
            );
        else
            v_ids := tax.lots_by_date(
                p_user_id, p_history.pool_account[v_pool.pool], p_history.pool_instrument[v_pool.pool], v_side, v_pool.units, v_pool.method = 'lifo'
            );
        end if;
        -- Two methods may reach the same lot.
        v_lot_ids := array(
            select unnest(v_lot_ids)
            union
            select unnest(v_ids)
        );
    end loop;
    return v_lot_ids;
end
$$;

comment on function tax.reachable_lots(uuid, tax.history, date) is
    'Open lots that the given trades can take units from; null if a pool has a lot without a date.';

create function tax.waiting_losses(p_user_id uuid, p_group_id bigint, p_history tax.history, p_appended bigint[], p_first_day date)
returns bigint[]
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
    c_window constant integer := 30;
    v_loss_ids bigint[];
    v_siblings bigint;
begin
    -- Losses that nothing has replaced in full (F.1, F.10), where something is bought or sold short. Fills of one order are judged together:
    -- such are derived whole.
    if exists (
        select from unnest(p_history.event_kind, p_history.event_pool) e (kind, pool)
        where e.kind in ('buy', 'buy_to_open', 'sell_short')
        or e.kind = 'sell' and p_history.account_may_short[p_history.pool_account_place[e.pool]]
    ) then
        select
            array_agg(
                l.id
                order by l.trade_date, l.at, l.turn, l.sequence, l.account_place, l.source collate "C", l.dedupe_key collate "C",
                    l.opened_on, l.opened_at, l.opened_sequence, l.opened_place, l.opened_source collate "C", l.opened_key collate "C", l.piece
            ),
            count(l.sibling_id)
        into v_loss_ids, v_siblings
        from (
            select
                c.id, c.piece, c.opened_on, t.trade_date, t.sequence, t.source, t.dedupe_key,
                tax.turn_of_day(t.transaction_type, t.position_effect, t.executed_at is not null, false) as turn,
                coalesce(o.executed_at, o.trade_date::timestamp at time zone 'America/New_York') as opened_at, o.sequence as opened_sequence,
                array_position(p_history.account_id, o.account_id) as opened_place, o.source as opened_source, o.dedupe_key as opened_key,
                coalesce(t.executed_at, t.trade_date::timestamp at time zone 'America/New_York') as at,
                array_position(p_history.account_id, t.account_id) as account_place,
                (
                    select min(other.id)
                    from core.transactions other
                    where other.user_id = p_user_id
                    and other.instrument_id = any (p_history.instrument_id)
                    and other.trade_date = t.trade_date
                    and other.account_id = t.account_id
                    and other.order_id = t.order_id
                    and other.id <> t.id
                ) as sibling_id
            from unnest(p_history.instrument_id) with ordinality i (id, place)
            cross join lateral (
                select own.*
                from core.transactions own
                where own.user_id = p_user_id
                and own.instrument_id = i.id
                and own.trade_date >= p_first_day - c_window
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
            and p_history.instrument_wash_class[i.place] > 0
            and (c.side = 'long' or p_history.instrument_strike[i.place] is null)
            and c.quantity * p_history.instrument_deliverable[i.place] > coalesce((
                select sum(m.quantity)
                from tax.wash_matches m
                where m.user_id = p_user_id
                and m.group_id = p_group_id
                and m.loss_transaction_id = c.closing_transaction_id
                and m.loss_ordinal = c.ordinal
            ), 0)
        ) l;
        if v_siblings > 0 then
            return null;
        end if;
    end if;
    return coalesce(v_loss_ids, '{}');
end
$$;

comment on function tax.waiting_losses(uuid, bigint, tax.history, bigint[], date) is
    'Closings at a loss that one of the given trades may replace, in the order in which they look for it; null if one of them is a fill of several.';
