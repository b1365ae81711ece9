-- Losses that nothing has replaced in full (F.1, F.10), where something is bought or sold short. Fills of one order are judged together:
-- such are derived whole.
if exists (
    select from unnest(v_h.event_kind, v_h.event_pool) e (kind, pool)
    where e.kind in ('buy', 'buy_to_open', 'sell_short')
    or e.kind = 'sell' and v_h.account_may_short[v_h.pool_account_place[e.pool]]
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
