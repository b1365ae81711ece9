-- What is held, as the engine derived it, with the broker's newest figure beside it. Evidence and prices are joined, never stored there.

create view api.holdings
with (security_invoker = true)
as
select
    p.id,
    p.account_id,
    a.account_number as account,
    a.name as account_name,
    p.instrument_id,
    i.symbol,
    i.instrument_type,
    trim_scale(p.quantity)::api.exact as quantity,
    p.average_cost::api.exact as average_cost,
    p.cost_basis::api.exact as cost_basis,
    p.native_cost::api.exact as native_cost,
    p.currency,
    p.realized_pnl::api.exact as realized_pnl,
    trim_scale(p.unmatched_quantity)::api.exact as unmatched_quantity,
    p.open_lots,
    trim_scale(p.unknown_basis_quantity)::api.exact as unknown_basis_quantity,
    p.wash_sale_adjustment::api.exact as wash_sale_adjustment,
    p.opened_at,
    p.last_transaction_at,
    trim_scale(case when s.position_sync_id is not null then coalesce(b.quantity, 0) end)::api.exact as broker_quantity,
    b.cost::api.exact as broker_cost,
    s.as_of as broker_as_of,
    m.close::api.exact as last_price,
    m.as_of as priced_at,
    (p.quantity * m.close * i.multiplier)::api.exact as market_value
from core.positions p
left join core.accounts a on a.user_id = p.user_id and a.id = p.account_id
left join core.instruments i on i.id = p.instrument_id
left join reconcile.broker_statements((select auth.user_id()), null, 'infinity') s on s.account_id = p.account_id and s.position_sync_id is not null
left join lateral (
    select sum(e.quantity) as quantity, sum(e.cost_basis) as cost
    from ingest.broker_positions e
    where e.user_id = p.user_id
    and e.account_id = p.account_id
    and e.as_of = s.as_of
    and e.instrument_id = p.instrument_id
    and e.sync_id = s.position_sync_id
) b on true
left join lateral (
    select d.close, d.as_of
    from core.market_data d
    where d.instrument_id = p.instrument_id
    and d.interval = '1d'
    order by d.as_of desc
    limit 1
) m on true
where p.quantity <> 0
or p.open_lots > 0
or p.unmatched_quantity <> 0;

comment on view api.holdings is 'Holdings
Each instrument held in each account, with its cost, and the broker''s newest figure beside it.';
comment on column api.holdings.id is 'Number of the position.';
comment on column api.holdings.account_id is 'Number of the account.';
comment on column api.holdings.account is 'The broker''s number of the account.';
comment on column api.holdings.account_name is 'The person''s name for the account.';
comment on column api.holdings.instrument_id is 'Number of the instrument.';
comment on column api.holdings.symbol is 'Symbol.';
comment on column api.holdings.instrument_type is 'Kind of the instrument.';
comment on column api.holdings.quantity is 'Signed units: open long lots - open short lots - unmatched sales.';
comment on column api.holdings.average_cost is 'Cost per unit and multiplier in the tax currency; null if unknown.';
comment on column api.holdings.cost_basis is 'Basis of the open lots in the tax currency, shorts negative; null if any is unknown.';
comment on column api.holdings.native_cost is 'Cost of the open lots in the trading currency; null if any is unknown.';
comment on column api.holdings.currency is 'Trading currency.';
comment on column api.holdings.realized_pnl is 'Realised gains in the tax currency before wash sale adjustments; closings with unknown basis left out.';
comment on column api.holdings.unmatched_quantity is 'Units that went beyond what the history explains; negative: units that came from an own account which does not explain them.';
comment on column api.holdings.open_lots is 'Number of open lots.';
comment on column api.holdings.unknown_basis_quantity is 'Open units whose basis is unknown.';
comment on column api.holdings.wash_sale_adjustment is 'Deferred losses inside the basis.';
comment on column api.holdings.opened_at is 'Acquisition of the oldest open lot; null if unknown.';
comment on column api.holdings.last_transaction_at is 'Last transaction.';
comment on column api.holdings.broker_quantity is 'Units by the newest statement, 0 if it lists none of it; null if there is no statement.';
comment on column api.holdings.broker_cost is 'Cost by that statement; null if not stated.';
comment on column api.holdings.broker_as_of is 'Day of that statement; null if there is none.';
comment on column api.holdings.last_price is 'Last known closing price; null if none is known.';
comment on column api.holdings.priced_at is 'Day of that price.';
comment on column api.holdings.market_value is 'quantity x last_price x multiplier in the trading currency; null if no price is known.';

grant select on api.holdings to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin, quantmatrix_writer;

create view api.cash
with (security_invoker = true)
as
select
    m.account_id,
    a.account_number as account,
    a.name as account_name,
    m.currency,
    m.amount::api.exact as amount,
    m.movements,
    m.last_movement_on,
    b.amount::api.exact as broker_amount,
    b.as_of as broker_as_of
from (
    select c.user_id, c.account_id, c.currency, sum(c.amount) as amount, count(*) as movements, max(c.trade_date) as last_movement_on
    from reconcile.cash_movements c
    where c.amount <> 0
    group by c.user_id, c.account_id, c.currency
) m
left join core.accounts a on a.user_id = m.user_id and a.id = m.account_id
left join lateral (
    select e.amount, e.as_of
    from ingest.broker_cash e
    where e.user_id = m.user_id
    and e.account_id = m.account_id
    and e.currency = m.currency
    and e.moment = 'end'
    order by e.as_of desc, e.sync_id desc
    limit 1
) b on true;

comment on view api.cash is 'Cash
Balance of each account and currency by its transactions, with the broker''s newest figure beside it.';
comment on column api.cash.account_id is 'Number of the account.';
comment on column api.cash.account is 'The broker''s number of the account.';
comment on column api.cash.account_name is 'The person''s name for the account.';
comment on column api.cash.currency is 'Currency of the balance.';
comment on column api.cash.amount is 'Sum of all movements: amounts, costs charged in this currency, conversions.';
comment on column api.cash.movements is 'Number of movements.';
comment on column api.cash.last_movement_on is 'Date of the last one.';
comment on column api.cash.broker_amount is 'Newest closing balance that the broker states; null if it states none.';
comment on column api.cash.broker_as_of is 'Day of that balance.';

grant select on api.cash to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin, quantmatrix_writer;
