-- What the event loop reads of one group: one ordered scan (T.2) into columns, amounts already in the tax currency (N.3.1, N.3.2, B.4).

-- Rows that another row speaks for: corrected ones and their cancellation, arriving legs, stock legs, cash for a fraction.
create function tax.spoken_for(p_user_id uuid)
returns bigint[]
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(array_agg(distinct s.id), '{}')
    from (
        select l.to_id as id
        from tax.transaction_links l
        where l.user_id = p_user_id
        and l.kind in ('correction', 'transfer', 'exercise')
        union all
        select l.from_id
        from tax.transaction_links l
        where l.user_id = p_user_id
        and l.kind = 'cash_in_lieu'
        union all
        select l.from_id
        from tax.transaction_links l
        cross join lateral (
            select t.quantity, t.net_amount
            from core.transactions t
            where t.user_id = l.user_id
            and t.id = l.from_id
            offset 0
        ) own
        cross join lateral (
            select t.quantity, t.net_amount
            from core.transactions t
            where t.user_id = l.user_id
            and t.id = l.to_id
            offset 0
        ) wrong
        where l.user_id = p_user_id
        and l.kind = 'correction'
        and coalesce(sign(own.quantity) = -sign(wrong.quantity), sign(own.net_amount) = -sign(wrong.net_amount), true)
    ) s
$$;

comment on function tax.spoken_for(uuid) is 'Transactions of a person that are no events of their own, because a linked row speaks for them.';

-- Days are printed more often than times, and not in the order of execution: what a day opens comes before what it closes, whatever the order of the
-- rows. A transfer between own accounts arrives before anything is sold there. A row with a time needs no such guess.
create function tax.turn_of_day(p_type core.transaction_type, p_effect core.position_effect, p_has_time boolean, p_is_moved boolean)
returns integer
language plpgsql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    return case
        when p_has_time then 1
        when p_type = 'sell' then case p_effect when 'open' then 0 else 3 end
        when p_type = 'buy' then case p_effect when 'close' then 4 else 1 end
        when p_type = 'transfer_out' then case when p_is_moved then 2 else 3 end
        when p_type in ('gift_out', 'cash_in_lieu') then 3
        when p_type = 'delivery' then 4
        else 1
    end;
end
$$;

comment on function tax.turn_of_day(core.transaction_type, core.position_effect, boolean, boolean) is
    'T.2: the turn of a row among those of its day that have no time: shorts that are marked so, purchases and arrivals, transfers to own accounts, sales and departures, what closes a short.';

create function tax.moved_between_accounts(p_user_id uuid)
returns bigint[]
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(array_agg(distinct l.from_id), '{}')
    from tax.transaction_links l
    where l.user_id = p_user_id
    and l.kind = 'transfer'
$$;

comment on function tax.moved_between_accounts(uuid) is 'Departing legs of a person''s transfers between own accounts.';

create function tax.read_history(p_user_id uuid, p_group_id bigint, p_options jsonb, p_only bigint[] default null)
returns tax.history
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_nestloop = off
set enable_seqscan = off
set jit = off
as $$
declare
    v_h tax.history;
    v_person uuid[] := array[p_user_id];
    v_default core.lot_method;
    v_override core.lot_method := p_options ->> 'method';
    v_tried constant core.lot_method := tax.selling_method((p_options ->> 'method')::core.lot_method);
    v_as_of date := p_options ->> 'as_of';
    v_has_choices boolean;
    v_has_picks boolean;
    v_spoken_for bigint[] := tax.spoken_for(p_user_id);
    v_moved bigint[] := tax.moved_between_accounts(p_user_id);
    v_has_terms boolean := exists (select from tax.transaction_terms x where x.user_id = p_user_id);
begin
    select u.tax_currency, coalesce((p_options ->> 'wash_scope')::core.wash_scope, u.wash_scope), u.default_lot_method
    into v_h.tax_currency, v_h.wash_scope, v_default
    from core.users u
    where u.id = p_user_id;

    select
        array_agg(a.id order by a.broker collate "C", a.account_number collate "C"),
        array_agg(a.account_type = 'taxable' order by a.broker collate "C", a.account_number collate "C"),
        array_agg(coalesce(a.allow_short, false) order by a.broker collate "C", a.account_number collate "C"),
        array_agg(a.reports_1099 order by a.broker collate "C", a.account_number collate "C"),
        bool_or(a.lot_method = 'average')
    into v_h.account_id, v_h.account_taxable, v_h.account_may_short, v_h.account_reports, v_has_choices
    from core.accounts a
    where a.user_id = p_user_id;

    v_has_choices := coalesce(v_has_choices, false)
        or v_default = 'average'
        or exists (select from tax.lot_method_elections e where e.user_id = p_user_id);
    v_h.has_averages := v_has_choices or v_override = 'average';
    v_has_picks := v_override is null and exists (select from tax.lot_picks p where p.user_id = p_user_id);

    v_h := tax.with_instruments(v_h, p_user_id, p_group_id);
    if v_h.account_id is null or v_h.instrument_id is null then
        return v_h;
    end if;

    v_h := tax.with_pools(v_h);

    with named as (
        select distinct p.transaction_id as id
        from tax.lot_picks p
        where p.user_id = p_user_id
        and p.leg = 'transaction'
    ),
    -- Where a method is tried, FIFO stands in for an average that is not allowed.
    may_average as materialized (
        select a.id as account_id, i.id as instrument_id
        from unnest(v_h.account_id) a (id)
        cross join unnest(v_h.instrument_id) i (id)
        where v_override = 'average'
        and tax.may_average(p_user_id, a.id, i.id)
    ),
    event as (
        select
            t.id,
            case t.transaction_type
                when 'buy' then case t.position_effect when 'open' then 'buy_to_open'::tax.event_kind else 'buy' end
                when 'sell' then case t.position_effect when 'open' then 'sell_short'::tax.event_kind when 'close' then 'sell_to_close' else 'sell' end
                when 'reinvest' then 'buy_to_open'
                when 'promotion' then 'promotion'
                when 'transfer_in' then 'transfer_in'
                when 'transfer_out' then 'transfer_out'
                when 'gift_in' then 'gift_in'
                when 'gift_out' then 'gift_out'
                when 'inheritance' then 'inheritance'
                when 'option_expiration' then 'option_expiration'
                when 'option_exercise' then 'option_exercise'
                when 'option_assignment' then 'option_assignment'
                when 'delivery' then 'delivery'
                when 'mark_to_market' then 'mark_to_market'
                when 'split' then 'split'
                when 'stock_dividend' then 'stock_dividend'
                when 'spinoff' then 'spinoff'
                when 'symbol_change' then 'symbol_change'
                when 'merger_stock' then 'merger_stock'
                when 'merger_cash' then 'merger_cash'
                when 'merger_mixed' then 'merger_mixed'
                when 'return_of_capital' then 'return_of_capital'
                when 'cash_in_lieu' then 'cash_in_lieu'
                -- Cash that is about a future is what was settled (D.10).
                when 'other' then case when i.type = 'future' and t.gross_amount is not null then 'mark_to_market'::tax.event_kind end
            end as kind,
            t.transaction_type in ('buy', 'sell', 'reinvest') as is_trade,
            t.transaction_type = 'sell' as is_sale,
            a.place as account_place,
            i.place as instrument_place,
            t.trade_date,
            coalesce(t.executed_at, t.trade_date::timestamp at time zone 'America/New_York') as at,
            t.executed_at is not null as has_time,
            -- As tax.turn_of_day has it; a call for each row would cost more than reading it.
            case
                when t.executed_at is not null then 1
                when t.transaction_type = 'sell' then case t.position_effect when 'open' then 0 else 3 end
                when t.transaction_type = 'buy' then case t.position_effect when 'close' then 4 else 1 end
                when t.transaction_type = 'transfer_out' then case when t.id in (select m.id from unnest(v_moved) m (id)) then 2 else 3 end
                when t.transaction_type in ('gift_out', 'cash_in_lieu') then 3
                when t.transaction_type = 'delivery' then 4
                else 1
            end as turn,
            t.transaction_type = 'reinvest' as is_reinvested,
            t.settlement_date,
            t.order_id,
            case
                when v_has_picks and t.id in (select n.id from named n) then 'specific'
                when v_override = 'average' and (t.account_id, t.instrument_id) not in (select m.account_id, m.instrument_id from may_average m) then 'fifo'
                when v_override is not null then v_tried
                when x.lot_method is not null or v_has_choices
                    then tax.lot_method(p_user_id, t.account_id, t.instrument_id, t.trade_date, x.lot_method)
                else a.method
            end as method,
            abs(t.quantity) as quantity,
            -- A future settles a result, whose sign counts: a purchase may bring cash, a sale may cost some (D.10).
            case
                when i.type = 'future' and t.gross_amount is not null
                    then case when t.transaction_type in ('buy', 'reinvest') then - t.gross_amount else t.gross_amount end
                else coalesce(
                    abs(t.gross_amount), abs(t.quantity) * t.price * i.multiplier, abs(nullif(t.net_amount - t.commission - t.fees, 0))
                )
            end as gross,
            - (t.commission + t.fees) as costs,
            case when t.currency = v_h.tax_currency then coalesce(x.fx_rate, 1) else x.fx_rate end as rate,
            case
                when x.fee_currency is null or x.fee_currency = t.currency
                    then coalesce(x.fee_fx_rate, case when t.currency = v_h.tax_currency then coalesce(x.fx_rate, 1) else x.fx_rate end)
                when x.fee_currency = v_h.tax_currency then coalesce(x.fee_fx_rate, 1)
                else x.fee_fx_rate
            end as fee_rate,
            coalesce(x.fee_currency, t.currency) <> t.currency as has_foreign_fee,
            t.currency,
            t.sequence,
            t.source,
            t.dedupe_key
        from unnest(v_h.instrument_id, v_h.instrument_multiplier, v_h.instrument_type) with ordinality i (id, multiplier, type, place)
        -- Fenced, and the person as a list of one (store.sql): found by person and instrument whatever the planner believes of the table.
        cross join lateral (
            select own.*
            from core.transactions own
            where p_only is null
            and own.user_id = any (v_person)
            and own.instrument_id = i.id
            union all
            select own.*
            from core.transactions own
            where own.user_id = p_user_id
            and own.id = any (p_only)
            and own.instrument_id = i.id
            offset 0
        ) t
        join (
            select u.id, u.place, tax.selling_method(coalesce(own.lot_method, v_default)) as method
            from unnest(v_h.account_id) with ordinality u (id, place)
            join core.accounts own on own.user_id = p_user_id and own.id = u.id
            offset 0
        ) a on a.id = t.account_id
        left join lateral (
            select terms.*
            from tax.transaction_terms terms
            where v_has_terms
            and terms.user_id = p_user_id
            and terms.transaction_id = t.id
            offset 0
        ) x on true
        where (v_as_of is null or t.trade_date <= v_as_of)
        and not t.id in (select s.id from unnest(v_spoken_for) s (id))
        -- The fence keeps the planner from computing these columns again wherever they are used.
        offset 0
    ),
    translated as (
        select
            e.id,
            e.kind,
            e.is_trade,
            -- As tax.pool_of has it; a call for each row would cost more than reading it.
            ((e.account_place - 1) * cardinality(v_h.instrument_id) + e.instrument_place)::integer * 2 - 1 as pool,
            e.trade_date,
            e.at,
            e.settlement_date,
            e.method,
            e.order_id,
            e.quantity,
            case
                when e.costs = 0 then round(e.gross * e.rate, 2)
                when e.is_sale then round(e.gross * e.rate, 2) - round(e.costs * e.fee_rate, 2)
                else round(e.gross * e.rate, 2) + round(e.costs * e.fee_rate, 2)
            end as amount,
            case
                when e.currency = v_h.tax_currency and e.rate = 1 and not e.has_foreign_fee then null
                else
                    case when e.currency = v_h.tax_currency then round(e.gross, 2) else e.gross end
                    + case when e.is_sale then -1 else 1 end
                    * case
                        when e.costs = 0 then 0
                        when e.has_foreign_fee then round(e.costs * e.fee_rate / e.rate, 8)
                        else e.costs
                    end
            end as native,
            e.currency <> v_h.tax_currency or e.rate <> 1 or e.has_foreign_fee as is_foreign,
            e.gross is not null and (e.rate is null or e.costs <> 0 and e.fee_rate is null) as unrated,
            e.is_reinvested,
            case
                when e.kind in (
                    'split', 'stock_dividend', 'spinoff', 'symbol_change', 'merger_stock', 'merger_cash', 'merger_mixed', 'return_of_capital'
                ) then 0
                when e.kind in ('option_expiration', 'option_exercise', 'option_assignment') and not e.has_time then 2
                -- What is settled each day takes its turn where it has a time; the year's last mark comes last.
                when e.kind = 'mark_to_market' and not (e.has_time and e.gross is not null) then 3
                else 1
            end as phase,
            e.turn,
            e.sequence,
            e.account_place,
            e.source,
            e.dedupe_key
        from event e
        where e.kind is not null
        offset 0
    ),
    ordered as (
        select t.*
        from translated t
        order by t.trade_date, t.phase, t.at, t.turn, t.sequence, t.account_place, t.source collate "C", t.dedupe_key collate "C"
    )
    select
        array_agg(o.id),
        array_agg(o.kind),
        array_agg(o.pool),
        array_agg(o.trade_date),
        array_agg(o.at),
        array_agg(o.settlement_date),
        array_agg(o.method),
        array_agg(o.order_id),
        array_agg(o.quantity),
        array_agg(case when o.kind in ('buy', 'buy_to_open', 'sell_short') then o.quantity end),
        array_agg(o.amount),
        array_agg(coalesce(o.native, o.amount)),
        array_agg(o.unrated),
        case when bool_or(o.is_reinvested) then array_agg(o.is_reinvested) end,
        bool_and(o.is_trade and o.method = 'fifo'),
        bool_and(o.is_trade),
        bool_or(o.is_foreign),
        bool_or(o.order_id is not null)
    into
        v_h.event_id, v_h.event_kind, v_h.event_pool, v_h.event_date, v_h.event_at, v_h.event_settled, v_h.event_method,
        v_h.event_order, v_h.event_quantity, v_h.event_opened, v_h.event_amount, v_h.event_native, v_h.event_unrated, v_h.event_reinvested,
        v_h.is_plain, v_h.is_sorted, v_h.has_native, v_h.has_orders
    from ordered o;

    if p_only is null and v_h.event_id is not null and 'sell' = any (v_h.event_kind)
        and exists (select from unnest(v_h.account_may_short) a (may_short) where a.may_short is not true)
        and exists (select from unnest(v_h.instrument_strike) s (strike) where s.strike is not null)
    then
        v_h.event_writes := tax.written_options(p_user_id, v_h);
    end if;
    if p_options ? 'sale' then
        v_h := tax.with_sale(v_h, p_options -> 'sale');
    end if;

    -- Net cash of plain trades by account (F.11), for the engine's own check of what it derives.
    select array_agg(coalesce(f.amount, 0) order by a.place)
    into v_h.account_plain_flow
    from unnest(v_h.account_id) with ordinality a (id, place)
    left join (
        select v_h.pool_account_place[e.pool] as place, sum(case when e.kind in ('sell', 'sell_to_close', 'sell_short') then e.amount else - e.amount end) as amount
        from (
            select unnest(v_h.event_pool) as pool, unnest(v_h.event_kind) as kind, unnest(v_h.event_amount) as amount
        ) e
        where e.kind in ('buy', 'buy_to_open', 'sell', 'sell_to_close', 'sell_short')
        group by 1
    ) f on f.place = a.place;

    v_h.is_plain := v_h.is_plain and v_h.wash_scope = 'none' and not v_h.has_native;
    return v_h;
end
$$;

comment on function tax.read_history(uuid, bigint, jsonb, bigint[]) is 'Reads one group of a person''s instruments, in the order in which the rules apply; of its transactions all, or only the given ones. Options: method (instead of every chosen one, and of lots named), wash_scope, as_of, sale (one that did not happen).';
