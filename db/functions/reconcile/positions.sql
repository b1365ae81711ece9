-- Positions and lots: our side against the broker's, by full outer join, each pair with its figures and its one cause. An instrument that we hold and the
-- newest statement does not list is compared with 0, where that statement lists positions of the account at all.

create function reconcile.lots_differ(p_ours jsonb, p_broker jsonb)
returns boolean
language sql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select case
        when p_broker is null then null
        else exists (
            select
            from (
                select (e.lot ->> 'acquired_on')::date as acquired_on, sum((e.lot ->> 'quantity')::numeric) as quantity
                from jsonb_array_elements(p_ours) e (lot)
                group by 1
            ) o
            full join (
                select (e.lot ->> 'acquired_on')::date as acquired_on, sum((e.lot ->> 'quantity')::numeric) as quantity
                from jsonb_array_elements(p_broker) e (lot)
                group by 1
            ) b on b.acquired_on = o.acquired_on
            where abs(coalesce(o.quantity, 0) - coalesce(b.quantity, 0)) > reconcile.quantity_tolerance()
        )
    end
$$;

comment on function reconcile.lots_differ(jsonb, jsonb) is
    'Whether two lists of {acquired_on, quantity} show different units by acquisition date; null where the broker lists no lots.';

-- Equal rows beyond the first, by quantity: each, all of one kind, and all together. Equal fills are normal; a cause only where they are the difference.
create function reconcile.repeated_rows(p_user_id uuid, p_account_id bigint, p_instrument_id bigint, p_as_of date)
returns table (quantity numeric, extra numeric, transaction_ids bigint[])
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select t.quantity, t.quantity * (count(*) - 1), array_agg(t.id order by t.id)
    from core.transactions t
    where t.user_id = p_user_id
    and t.account_id = p_account_id
    and t.instrument_id = p_instrument_id
    and t.trade_date <= p_as_of
    and t.quantity <> 0
    group by t.transaction_type, t.trade_date, t.quantity, coalesce(t.price, abs(t.net_amount))
    having count(*) > 1
$$;

comment on function reconcile.repeated_rows(uuid, bigint, bigint, date) is 'Rows of one account and instrument that repeat another in type, date, quantity and price.';

-- The first day on which more had left than had come, by stated quantities.
create function reconcile.first_shortfall(p_user_id uuid, p_account_id bigint, p_instrument_id bigint, p_as_of date)
returns date
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select min(r.trade_date)
    from (
        select
            t.trade_date,
            -- Of a day without times, what comes in is there before anything leaves (T.2).
            sum(t.quantity) over (order by t.trade_date, t.executed_at nulls first, t.quantity < 0, t.sequence, t.id) as running
        from core.transactions t
        where t.user_id = p_user_id
        and t.account_id = p_account_id
        and t.instrument_id = p_instrument_id
        and t.trade_date <= p_as_of
        and t.quantity is not null
    ) r
    where r.running < -reconcile.quantity_tolerance()
$$;

comment on function reconcile.first_shortfall(uuid, bigint, bigint, date) is 'First day on which the running quantity falls below zero; null if it never does.';

-- Only what at least one side holds, and only where a statement speaks of it.
create function reconcile.both_sides(p_user_id uuid, p_account_id bigint, p_as_of date)
returns table (
    account_id bigint, as_of date, file_name text, instrument_id bigint, ours numeric, broker numeric, currency text, our_cost numeric, broker_cost numeric,
    wash_sale_adjustment numeric, our_lots integer, broker_lots integer, has_unknown_basis boolean, our_list jsonb, broker_list jsonb,
    sync_id bigint, line_number integer, compares_quantity boolean, compares_lots boolean, differs boolean
)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    with broker as materialized (
        select * from reconcile.broker_side(p_user_id, p_account_id, p_as_of)
    ),
    statements as materialized (
        select s.*, f.name as file_name
        from reconcile.broker_statements(p_user_id, p_account_id, p_as_of) s
        left join ingest.files f on f.user_id = p_user_id and f.sync_id = coalesce(s.position_sync_id, s.lot_sync_id)
    ),
    book as materialized (
        select * from reconcile.our_side(p_user_id, p_account_id, p_as_of)
    ),
    person as (
        select u.tax_currency
        from core.users u
        where u.id = p_user_id
    )
    select
        s.account_id, s.as_of, s.file_name,
        coalesce(b.instrument_id, r.instrument_id) as instrument_id,
        coalesce(b.quantity, 0) as ours,
        coalesce(r.quantity, 0) as broker,
        coalesce(r.currency, b.currency) as currency,
        -- A cost stated in the tax currency is compared with ours in that one.
        case
            when b.instrument_id is null then 0
            when r.currency is null or r.currency = b.currency then b.native_cost
            when r.currency = p.tax_currency then b.cost
        end as our_cost,
        case when r.currency is null or b.currency is null or r.currency in (b.currency, p.tax_currency) then r.cost end as broker_cost,
        case when r.currency = b.currency then b.native_wash_sale_adjustment else b.wash_sale_adjustment end as wash_sale_adjustment,
        coalesce(b.lots, 0) as our_lots,
        coalesce(r.lots, 0) as broker_lots,
        coalesce(b.has_unknown_basis, false) as has_unknown_basis,
        b.lot_list as our_list,
        r.lot_list as broker_list,
        r.sync_id, r.line_number,
        s.position_sync_id is not null as compares_quantity,
        r.cost is not null or coalesce(r.lots, 0) > 0 as compares_lots,
        abs(coalesce(b.quantity, 0) - coalesce(r.quantity, 0)) > reconcile.quantity_tolerance() as differs
    from (
        select account_id, as_of, instrument_id
        from book
        union
        select account_id, as_of, instrument_id
        from broker
    ) k
    join statements s on s.account_id = k.account_id and s.as_of = k.as_of
    left join book b on b.account_id = k.account_id and b.as_of = k.as_of and b.instrument_id = k.instrument_id
    left join broker r on r.account_id = k.account_id and r.as_of = k.as_of and r.instrument_id = k.instrument_id
    cross join person p
    where s.position_sync_id is not null
    or r.instrument_id is not null
$$;

comment on function reconcile.both_sides(uuid, bigint, date) is
    'Each account and instrument that we or the newest statement hold: quantity, cost and lots of both sides, and whether the quantities differ.';

create function reconcile.compare_positions(p_user_id uuid, p_account_id bigint, p_as_of date)
returns table (
    account_id bigint, instrument_id bigint, as_of date, book_quantity numeric, broker_quantity numeric, book_cost numeric, broker_cost numeric,
    compares_quantity boolean, compares_lots boolean, cause ingest.finding_cause, evidence jsonb
)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    with paired as materialized (
        select * from reconcile.both_sides(p_user_id, p_account_id, p_as_of)
    ),
    -- Only where the quantities differ is the history searched.
    judged as materialized (
        select
            p.*,
            history.unsettled, history.unsettled_ids, history.split_ratios, history.traded,
            case when p.differs then reconcile.specific_cause(
                p_user_id, p.account_id, p.instrument_id, p.ours, p.broker, p.as_of, general.cause
            ) else general.cause end as cause
        from paired p
        left join lateral (
            select
                sum(t.quantity) filter (where t.trade_date > p.as_of - 60 and tax.settlement_date(t.trade_date, t.settlement_date) > p.as_of) as unsettled,
                array_agg(t.id order by t.id) filter (
                    where t.trade_date > p.as_of - 60
                    and tax.settlement_date(t.trade_date, t.settlement_date) > p.as_of
                ) as unsettled_ids,
                array_agg(distinct case t.transaction_type
                    when 'split' then k.ratio_numerator / k.ratio_denominator
                    else 1 + k.ratio_numerator / k.ratio_denominator
                end) filter (where t.transaction_type in ('split', 'stock_dividend') and k.ratio_numerator is not null) as split_ratios,
                array_agg(distinct t.quantity) filter (where t.quantity <> 0) as traded
            from core.transactions t
            left join tax.transaction_terms k on k.user_id = t.user_id and k.transaction_id = t.id
            where p.differs
            and t.user_id = p_user_id
            and t.account_id = p.account_id
            and t.instrument_id = p.instrument_id
            and t.trade_date <= p.as_of
        ) history on true
        left join lateral (
            select array_agg(r.quantity) || array_agg(r.extra) || sum(r.extra) as quantities
            from reconcile.repeated_rows(p_user_id, p.account_id, p.instrument_id, p.as_of) r
            where p.differs
        ) repeated on true
        cross join lateral (
            select reconcile.position_cause(
                p.ours, p.broker, p.our_cost, p.broker_cost, p.our_lots, p.broker_lots, p.has_unknown_basis, p.wash_sale_adjustment,
                case when not p.differs then reconcile.lots_differ(p.our_list, p.broker_list) end,
                history.unsettled, repeated.quantities, history.split_ratios, history.traded
            ) as cause
        ) general
    )
    select
        j.account_id, j.instrument_id, j.as_of, j.ours, j.broker, j.our_cost, j.broker_cost, j.compares_quantity, j.compares_lots, j.cause,
        case when j.cause <> 'match' then jsonb_strip_nulls(jsonb_build_object(
            'as_of', j.as_of,
            'file', j.file_name,
            'line', j.line_number,
            'import_id', j.sync_id,
            'our_quantity', trim_scale(j.ours)::text,
            'broker_quantity', trim_scale(j.broker)::text,
            'quantity_difference', trim_scale(j.ours - j.broker)::text,
            'our_cost', reconcile.money_text(j.our_cost),
            'broker_cost', reconcile.money_text(j.broker_cost),
            'cost_difference', reconcile.money_text(j.our_cost - j.broker_cost),
            'currency', j.currency,
            'wash_sale_adjustment', reconcile.money_text(nullif(j.wash_sale_adjustment, 0)),
            'ratio', case j.cause
                when 'unprocessed_split' then trim_scale(round(reconcile.missing_split_ratio(j.ours, j.broker), 8))::text
                when 'split_adjusted_history' then (
                    select trim_scale(round(r, 8))::text
                    from unnest(j.split_ratios) r
                    where abs(j.ours - j.broker * r) <= reconcile.quantity_tolerance()
                    limit 1
                )
            end,
            'transactions', case j.cause
                when 'settlement_timing' then to_jsonb(j.unsettled_ids)
                when 'duplicate_import' then (
                    select jsonb_agg(to_jsonb(r.transaction_ids))
                    from reconcile.repeated_rows(p_user_id, j.account_id, j.instrument_id, j.as_of) r
                )
                when 'wrong_sign' then (
                    select jsonb_agg(t.id order by t.id)
                    from core.transactions t
                    where t.user_id = p_user_id
                    and t.account_id = j.account_id
                    and t.instrument_id = j.instrument_id
                    and t.trade_date <= j.as_of
                    and abs(j.ours - j.broker - 2 * t.quantity) <= reconcile.quantity_tolerance()
                )
                when 'split_adjusted_history' then (
                    select jsonb_agg(t.id order by t.id)
                    from core.transactions t
                    where t.user_id = p_user_id
                    and t.account_id = j.account_id
                    and t.instrument_id = j.instrument_id
                    and t.trade_date <= j.as_of
                    and t.transaction_type in ('split', 'stock_dividend')
                )
                when 'unknown_basis' then to_jsonb(coalesce(unknown.spinoffs, unknown.ids))
            end,
            'history_starts', case when j.differs then (
                select min(t.trade_date)
                from core.transactions t
                where t.user_id = p_user_id
                and t.account_id = j.account_id
                and t.instrument_id = j.instrument_id
            ) end,
            'first_shortfall', case
                when j.cause in ('missing_history', 'short_not_allowed') then reconcile.first_shortfall(p_user_id, j.account_id, j.instrument_id, j.as_of)
            end,
            'hint', case
                when j.cause = 'past_expiry' then reconcile.expiry_step(p_user_id, j.account_id, j.instrument_id)
                when unknown.spinoffs is not null then format(
                    'state how much of the basis went to what was spun off: `transaction_correct` of transaction %s with basis_fraction among the terms',
                    array_to_string(unknown.spinoffs, ' and ')
                )
                else replace(
                    reconcile.next_step(j.cause, case when j.differs then 'position' else 'lot' end::ingest.finding_kind),
                    'TRANSACTION', coalesce(unknown.ids[1]::text, 'TRANSACTION')
                )
            end
        )) || case
            when j.differs then '{}'
            when j.broker_list is null then jsonb_build_object('our_lots', j.our_list)
            else jsonb_build_object('our_lots', j.our_list, 'broker_lots', j.broker_list)
        end end
    from judged j
    left join lateral (
        select
            array_agg(distinct l.opening_transaction_id order by l.opening_transaction_id) as ids,
            tax.spinoffs_without_share(p_user_id, j.account_id, j.instrument_id) as spinoffs
        from core.tax_lots l
        where j.cause = 'unknown_basis'
        and l.user_id = p_user_id
        and l.account_id = j.account_id
        and l.instrument_id = j.instrument_id
        and l.closed_at is null
        and l.native_cost_remaining is null
    ) unknown on true
$$;

comment on function reconcile.compare_positions(uuid, bigint, date) is
    'Each account and instrument that we or the newest statement hold: figures of both sides, cause and evidence; matches included.';

grant execute on function
    reconcile.lots_differ(jsonb, jsonb), reconcile.repeated_rows(uuid, bigint, bigint, date), reconcile.first_shortfall(uuid, bigint, bigint, date),
    reconcile.both_sides(uuid, bigint, date), reconcile.compare_positions(uuid, bigint, date)
    to quantmatrix_writer;
