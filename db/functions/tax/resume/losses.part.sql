-- The losses that wait, and how much of each is replaced already.
select
    coalesce(array_agg(c.id order by i.place), '{}'), coalesce(array_agg(array_position(v_event_ids, c.closing_transaction_id) order by i.place), '{}'),
    coalesce(array_agg(array_position(v_event_ids, c.opening_transaction_id) order by i.place), '{}'),
    coalesce(array_agg(c.ordinal order by i.place), '{}'), coalesce(array_agg(c.pool order by i.place), '{}'),
    coalesce(array_agg(c.kind order by i.place), '{}'), coalesce(array_agg(c.quantity order by i.place), '{}'),
    coalesce(array_agg(case c.side when 'long' then c.basis else c.proceeds end order by i.place), '{}'),
    coalesce(array_agg(case c.side when 'long' then c.proceeds else c.basis end order by i.place), '{}'),
    coalesce(array_agg(c.holding_start order by i.place), '{}'), coalesce(array_agg(c.disallowed order by i.place), '{}'),
    coalesce(array_agg(c.permanently_disallowed order by i.place), '{}'),
    coalesce(array_agg(c.quantity * v_h.instrument_deliverable[v_h.pool_instrument_place[c.pool]] - c.replaced order by i.place), '{}'),
    coalesce(array_agg(c.basis - c.proceeds - c.disallowed - c.permanently_disallowed order by i.place), '{}'),
    coalesce(array_agg(c.matches order by i.place), '{}')
into
    v_s.loss_id, v_s.loss_event, v_s.loss_source, v_s.loss_ordinal, v_s.loss_pool, v_s.loss_kind, v_s.loss_quantity, v_s.loss_lot, v_s.loss_other,
    v_s.loss_held_from, v_s.loss_disallowed, v_s.loss_permanent, v_s.loss_rest, v_s.loss_left, v_s.loss_matches
from unnest(v_loss_ids) with ordinality i (id, place)
cross join lateral (
    select
        own.*, m.replaced, m.matches,
        tax.pool_of(
            array_position(v_h.account_id, own.account_id), array_position(v_h.instrument_id, own.instrument_id), own.side, v_instruments
        ) as pool
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
