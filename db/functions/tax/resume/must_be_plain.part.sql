-- Plain trades only, whose amounts are known, and with nothing said about their lots.
if v_h.has_averages
    or exists (
        select from unnest(v_h.event_kind, v_h.event_method, v_h.event_amount, v_h.event_native, v_h.event_unrated)
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
    return null;
end if;

-- What lies beside a short, an option or another fund of an index is said from the whole history (section 0.5).
if exists (select from unnest(v_h.instrument_strike) i (strike) where i.strike is not null)
    or exists (select from unnest(v_h.instrument_index_family) i (family) where i.family is not null)
    or 'sell_short' = any (v_h.event_kind)
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
