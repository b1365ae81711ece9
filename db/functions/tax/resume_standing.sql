-- Where the book of a group stands, read from the tables: parts of tax.resume (resume.sql).

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

create type tax.standing_lots as (
    standing tax.standing,
    event_id bigint[],
    event_pool integer[],
    event_date date[],
    event_at timestamptz[],
    event_order text[],
    event_reinvested boolean[],
    is_foreign boolean
);

comment on type tax.standing_lots is 'Lots that are reached, and the purchases that opened them.';

create function tax.standing_lots(p_user_id uuid, p_history tax.history, p_lot_ids bigint[])
returns tax.standing_lots
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
    v_instruments constant integer := cardinality(p_history.instrument_id);
    v_s tax.standing;
    v_lots tax.standing_lots;
    v_is_spread boolean;
begin
    -- The lots that are reached, in lot order, and the purchases that opened them, in the order of events.
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
        v_is_spread, v_lots.is_foreign,
        v_lots.event_id, v_lots.event_pool, v_lots.event_date, v_lots.event_at, v_lots.event_order, v_lots.event_reinvested
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
                            array_position(p_history.account_id, t.account_id) as account_place,
                            coalesce(t.executed_at, t.trade_date::timestamp at time zone 'America/New_York') as at,
                            tax.pool_of(
                                array_position(p_history.account_id, t.account_id),
                                array_position(p_history.instrument_id, t.instrument_id), 'long', v_instruments
                            ) as opened_by_pool,
                            s.is_used, s.is_purchase, s.gift_loss_basis, s.gift_loss_holding_start, s.is_inherited, s.is_covered, s.arrived_on,
                            tax.pool_of(
                                array_position(p_history.account_id, o.account_id),
                                array_position(p_history.instrument_id, o.instrument_id), o.side, v_instruments
                            ) as pool,
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
                        from unnest(p_lot_ids) i (id)
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
    v_lots.standing := v_s;
    return v_lots;
end
$$;

comment on function tax.standing_lots(uuid, tax.history, bigint[]) is
    'The lots that are reached, in lot order, with the purchases that opened them, in the order of events; null if they cannot be told apart.';

create function tax.standing_losses(
    p_user_id uuid, p_group_id bigint, p_history tax.history, p_standing tax.standing, p_loss_ids bigint[], p_event_ids bigint[]
)
returns tax.standing
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
    v_instruments constant integer := cardinality(p_history.instrument_id);
    v_s tax.standing := p_standing;
begin
    -- The losses that wait, and how much of each is replaced already.
    select
        coalesce(array_agg(c.id order by i.place), '{}'), coalesce(array_agg(array_position(p_event_ids, c.closing_transaction_id) order by i.place), '{}'),
        coalesce(array_agg(array_position(p_event_ids, c.opening_transaction_id) order by i.place), '{}'),
        coalesce(array_agg(c.ordinal order by i.place), '{}'), coalesce(array_agg(c.pool order by i.place), '{}'),
        coalesce(array_agg(c.kind order by i.place), '{}'), coalesce(array_agg(c.quantity order by i.place), '{}'),
        coalesce(array_agg(case c.side when 'long' then c.basis else c.proceeds end order by i.place), '{}'),
        coalesce(array_agg(case c.side when 'long' then c.proceeds else c.basis end order by i.place), '{}'),
        coalesce(array_agg(c.holding_start order by i.place), '{}'), coalesce(array_agg(c.disallowed order by i.place), '{}'),
        coalesce(array_agg(c.permanently_disallowed order by i.place), '{}'),
        coalesce(array_agg(c.quantity * p_history.instrument_deliverable[p_history.pool_instrument_place[c.pool]] - c.replaced order by i.place), '{}'),
        coalesce(array_agg(c.basis - c.proceeds - c.disallowed - c.permanently_disallowed order by i.place), '{}'),
        coalesce(array_agg(c.matches order by i.place), '{}')
    into
        v_s.loss_id, v_s.loss_event, v_s.loss_source, v_s.loss_ordinal, v_s.loss_pool, v_s.loss_kind, v_s.loss_quantity, v_s.loss_lot, v_s.loss_other,
        v_s.loss_held_from, v_s.loss_disallowed, v_s.loss_permanent, v_s.loss_rest, v_s.loss_left, v_s.loss_matches
    from unnest(p_loss_ids) with ordinality i (id, place)
    cross join lateral (
        select
            own.*, m.replaced, m.matches,
            tax.pool_of(
                array_position(p_history.account_id, own.account_id),
                array_position(p_history.instrument_id, own.instrument_id), own.side, v_instruments
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
    return v_s;
end
$$;

comment on function tax.standing_losses(uuid, bigint, tax.history, tax.standing, bigint[], bigint[]) is
    'The standing with the losses that wait, and how much of each is replaced already.';
