-- Cash: the one definition of what a transaction does to which balance, and its comparison with the balances that brokers state.

-- Futures of which the source prints prices and no cash: what each contract was worth when it was opened, and when it ended if it did.
create view reconcile.priced_futures
with (security_invoker = true)
as
select
    f.user_id,
    c.account_id,
    c.instrument_id,
    c.side,
    c.quantity * i.multiplier as units,
    o.trade_date as opened_on,
    o.price as opened_at,
    e.trade_date as ended_on,
    e.price as ended_at,
    e.id as ended_by,
    e.settlement_date,
    o.currency
from tax.instrument_facts f
join core.instruments i on i.id = f.instrument_id and i.instrument_type = 'future'
join tax.instrument_groups g on g.user_id = f.user_id and g.instrument_id = f.instrument_id
join tax.closings c on c.user_id = g.user_id and c.group_id = g.group_id and c.instrument_id = g.instrument_id and c.kind <> 'mtm'
join core.transactions o on o.user_id = c.user_id and o.id = c.opening_transaction_id and o.gross_amount is null
join core.transactions e on e.user_id = c.user_id and e.id = c.closing_transaction_id and e.gross_amount is null
union all
select
    f.user_id,
    l.account_id,
    l.instrument_id,
    l.side,
    l.quantity_remaining * i.multiplier,
    o.trade_date,
    o.price,
    null,
    null,
    null,
    null,
    o.currency
from tax.instrument_facts f
join core.instruments i on i.id = f.instrument_id and i.instrument_type = 'future'
join core.tax_lots l on l.user_id = f.user_id and l.instrument_id = f.instrument_id and l.closed_at is null
join core.transactions o on o.user_id = l.user_id and o.id = l.opening_transaction_id and o.gross_amount is null;

comment on view reconcile.priced_futures is
    'Contracts of futures whose result follows from prices (D.10), by lot and what closed it; units are contracts times their size.';

create view reconcile.settled_by_price
with (security_invoker = true)
as
select
    p.user_id,
    p.account_id,
    p.ended_by as transaction_id,
    p.ended_on as trade_date,
    p.settlement_date,
    p.currency,
    case p.side when 'long' then 1 else -1 end * (p.ended_at - p.opened_at) * p.units as amount
from reconcile.priced_futures p
where p.ended_at is not null
union all
-- What an open contract is worth at the end of a day is settled by then: until its next price, or its end, which says it anew.
select
    p.user_id,
    p.account_id,
    m.id,
    d.day,
    null,
    p.currency,
    d.sign * case p.side when 'long' then 1 else -1 end * (m.price - p.opened_at) * p.units
from reconcile.priced_futures p
join core.transactions m on m.user_id = p.user_id
    and m.account_id = p.account_id
    and m.instrument_id = p.instrument_id
    and m.transaction_type = 'mark_to_market'
    and m.price is not null
    and m.trade_date >= p.opened_on
    and (p.ended_on is null or m.trade_date < p.ended_on)
cross join lateral (
    select least(min(n.trade_date), p.ended_on) as day
    from core.transactions n
    where n.user_id = m.user_id
    and n.account_id = m.account_id
    and n.instrument_id = m.instrument_id
    and n.transaction_type = 'mark_to_market'
    and n.price is not null
    and n.trade_date > m.trade_date
) next
cross join lateral (
    values (m.trade_date, 1), (next.day, -1)
) d (day, sign)
where d.day is not null;

comment on view reconcile.settled_by_price is
    'Cash of futures that follows from prices: results of what ended, and what an open contract had settled by the last price of a day that is known.';

create view reconcile.cash_movements
with (security_invoker = true)
as
select
    t.user_id,
    t.account_id,
    t.id as transaction_id,
    t.trade_date,
    t.settlement_date,
    t.currency,
    t.net_amount as amount
from core.transactions t
union all
select
    t.user_id,
    t.account_id,
    t.id,
    t.trade_date,
    t.settlement_date,
    k.fee_currency,
    t.commission + t.fees
from tax.transaction_terms k
join core.transactions t on t.user_id = k.user_id and t.id = k.transaction_id
where k.fee_currency is not null
and k.fee_currency <> t.currency
union all
select
    t.user_id,
    t.account_id,
    t.id,
    t.trade_date,
    t.settlement_date,
    i.symbol,
    t.quantity
from tax.instrument_facts f
join core.instruments i on i.id = f.instrument_id and i.instrument_type = 'currency'
join core.transactions t on t.user_id = f.user_id and t.instrument_id = f.instrument_id
where t.quantity is not null
union all
select
    s.user_id,
    s.account_id,
    s.transaction_id,
    s.trade_date,
    s.settlement_date,
    s.currency,
    s.amount
from reconcile.settled_by_price s;

comment on view reconcile.cash_movements is
    'What each transaction does to cash: net_amount in its currency, costs charged in another currency in that one, the bought or sold currency of a conversion, and the results of futures that a source states by price.';

create function reconcile.stated_balances(p_user_id uuid, p_account_id bigint, p_as_of date)
returns table (
    account_id bigint, currency text, moment ingest.balance_moment, as_of date, amount numeric, sync_id bigint, line_number integer, file_name text
)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select distinct on (b.account_id, b.currency, b.moment, b.as_of)
        b.account_id, b.currency, b.moment, b.as_of, b.amount, b.sync_id, b.line_number, f.name as file_name
    from ingest.broker_cash b
    join core.sync_history h on h.user_id = b.user_id and h.id = b.sync_id
    left join ingest.files f on f.user_id = b.user_id and f.sync_id = b.sync_id
    where b.user_id = p_user_id
    and (p_account_id is null or b.account_id = p_account_id)
    and b.as_of <= p_as_of
    order by
        b.account_id, b.currency, b.moment, b.as_of,
        matching.statement_age(f.generated_at, f.period_end) desc, h.content_sha256 desc, b.sync_id desc, b.line_number
$$;

comment on function reconcile.stated_balances(uuid, bigint, date) is
    'Balances that statements begin and end with, up to a day, and the lines that say so. Of two statements of one day the one made last counts.';

-- Equal rows beyond the first, of each kind. Equal amounts are normal; a cause only where they are the difference.
create function reconcile.repeated_amounts(p_user_id uuid, p_account_id bigint, p_currency text, p_as_of date)
returns table (trade_date date, extra numeric, transaction_ids bigint[])
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select t.trade_date, t.net_amount * (count(*) - 1), array_agg(t.id order by t.id)
    from core.transactions t
    where t.user_id = p_user_id
    and t.account_id = p_account_id
    and t.currency = p_currency
    and t.trade_date <= p_as_of
    and t.net_amount <> 0
    group by t.transaction_type, t.instrument_id, t.trade_date, t.quantity, t.net_amount
    having count(*) > 1
$$;

comment on function reconcile.repeated_amounts(uuid, bigint, text, date) is
    'Rows of one account and currency that repeat another in type, instrument, date, quantity and amount.';

-- One row for each account and currency that a statement ends with, and for each that only we hold although the broker states balances of that account.
create function reconcile.compare_cash(p_user_id uuid, p_account_id bigint, p_as_of date)
returns table (
    account_id bigint, currency text, as_of date, ours numeric, broker numeric, cause ingest.finding_cause, evidence jsonb
)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_indexscan = off
set enable_mergejoin = off
as $$
    with stated as materialized (
        select * from reconcile.stated_balances(p_user_id, p_account_id, p_as_of)
    ),
    newest as (
        select distinct on (s.account_id, s.currency) s.*
        from stated s
        where s.moment = 'end'
        order by s.account_id, s.currency, s.as_of desc
    ),
    earliest as (
        select distinct on (s.account_id, s.currency) s.*
        from stated s
        where s.moment = 'start'
        order by s.account_id, s.currency, s.as_of
    ),
    covered as (
        select n.account_id, max(n.as_of) as as_of
        from newest n
        group by n.account_id
    ),
    movements as materialized (
        select m.account_id, m.currency, m.trade_date, m.settlement_date, sum(m.amount) as amount
        from reconcile.cash_movements m
        where m.user_id = p_user_id
        and (p_account_id is null or m.account_id = p_account_id)
        and m.trade_date <= p_as_of
        group by m.account_id, m.currency, m.trade_date, m.settlement_date
    ),
    days as (
        select m.account_id, m.currency, coalesce(n.as_of, c.as_of) as as_of
        from (select distinct d.account_id, d.currency from movements d) m
        join covered c on c.account_id = m.account_id
        left join newest n on n.account_id = m.account_id and n.currency = m.currency
        union
        select n.account_id, n.currency, n.as_of
        from newest n
    ),
    summed as (
        select
            d.account_id, d.currency, d.as_of,
            coalesce(sum(m.amount) filter (where m.trade_date <= d.as_of), 0) as ours,
            coalesce(sum(m.amount) filter (where m.trade_date <= d.as_of and m.settlement_date > d.as_of), 0) as unsettled,
            coalesce(sum(m.amount) filter (where m.trade_date < e.as_of), 0) as before_first_statement
        from days d
        left join movements m on m.account_id = d.account_id and m.currency = d.currency
        left join earliest e on e.account_id = d.account_id and e.currency = d.currency
        group by d.account_id, d.currency, d.as_of
    ),
    compared as (
        select
            s.account_id, s.currency, s.as_of, s.ours, coalesce(n.amount, 0) as broker, s.unsettled,
            e.amount as opening,
            e.as_of as opening_as_of,
            e.amount - s.before_first_statement as missing_opening,
            n.sync_id, n.line_number, n.file_name,
            abs(s.ours - coalesce(n.amount, 0)) > 0.01 as differs
        from summed s
        left join newest n on n.account_id = s.account_id and n.currency = s.currency
        left join earliest e on e.account_id = s.account_id and e.currency = s.currency
        where n.amount is not null or abs(s.ours) > 0.01
    ),
    -- Only where the two differ is the history searched.
    judged as (
        select
            c.*,
            repeated.amounts as repeated,
            gap.as_of as gap_on,
            reconcile.cash_cause(
                c.ours, c.broker, c.missing_opening, c.unsettled, repeated.amounts, c.opening is null or gap.as_of is not null
            ) as cause
        from compared c
        left join lateral (
            select array_agg(r.extra) || sum(r.extra) as amounts
            from reconcile.repeated_amounts(p_user_id, c.account_id, c.currency, c.as_of) r
            where c.differs
        ) repeated on true
        left join lateral (
            select min(later.as_of) as as_of
            from stated later
            cross join lateral (
                select before.amount
                from stated before
                where before.account_id = later.account_id
                and before.currency = later.currency
                and before.moment = 'end'
                and before.as_of < later.as_of
                order by before.as_of desc
                limit 1
            ) previous
            where c.differs
            and later.account_id = c.account_id
            and later.currency = c.currency
            and later.moment = 'start'
            and abs(later.amount - previous.amount) > 0.01
        ) gap on true
    )
    select
        j.account_id, j.currency, j.as_of, j.ours, j.broker, j.cause,
        case when j.cause <> 'match' then jsonb_strip_nulls(jsonb_build_object(
            'as_of', j.as_of,
            'file', j.file_name,
            'line', j.line_number,
            'import_id', j.sync_id,
            'difference', reconcile.money_text(j.ours - j.broker),
            'opening_balance', reconcile.money_text(j.opening),
            'opening_as_of', j.opening_as_of,
            'missing_opening', reconcile.money_text(nullif(j.missing_opening, 0)),
            'unsettled', reconcile.money_text(nullif(j.unsettled, 0)),
            'balances_do_not_connect_on', j.gap_on,
            'transactions', case j.cause
                when 'duplicate_import' then (
                    select jsonb_agg(to_jsonb(d.transaction_ids))
                    from (
                        select r.transaction_ids
                        from reconcile.repeated_amounts(p_user_id, j.account_id, j.currency, j.as_of) r
                        order by r.trade_date, r.transaction_ids[1]
                        limit 50
                    ) d
                )
                when 'settlement_timing' then (
                    select jsonb_agg(distinct m.transaction_id)
                    from reconcile.cash_movements m
                    where m.user_id = p_user_id
                    and m.account_id = j.account_id
                    and m.currency = j.currency
                    and m.trade_date <= j.as_of
                    and m.settlement_date > j.as_of
                )
            end,
            'hint', reconcile.next_step(j.cause, 'cash')
        )) end
    from judged j
$$;

comment on function reconcile.compare_cash(uuid, bigint, date) is
    'Our balance against the newest one the broker states, for each account and currency at the statement''s own day; matches included.';

grant execute on function
    reconcile.stated_balances(uuid, bigint, date), reconcile.repeated_amounts(uuid, bigint, text, date), reconcile.compare_cash(uuid, bigint, date)
    to quantmatrix_writer;
