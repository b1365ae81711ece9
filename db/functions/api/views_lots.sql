-- Lots, what closed them, and what the engine flags. Terms and days are counted in the time zone of the exchange.

create view api.lots
with (security_invoker = true)
as
select
    l.id,
    l.account_id,
    a.account_number as account,
    a.name as account_name,
    l.instrument_id,
    i.symbol,
    l.side,
    l.acquired_at,
    (l.acquired_at at time zone 'America/New_York')::date as acquired_on,
    l.holding_start,
    coalesce((l.closed_at at time zone 'America/New_York')::date, d.today) - l.holding_start as days_held,
    case
        when tax.is_section_1256(f.section_1256, i.instrument_type, coalesce(f.exchange, i.exchange), i.currency) then '1256'
        when s.is_inherited then 'long'
        when l.side = 'short' then 'short'
        when l.holding_start is null then 'unknown'
        when coalesce((l.closed_at at time zone 'America/New_York')::date, d.today) >= tax.first_long_date(l.holding_start) then 'long'
        else 'short'
    end::tax.holding_term as term,
    t.long_term_on,
    case when l.closed_at is null then greatest(t.long_term_on - d.today, 0) end as days_until_long,
    trim_scale(l.quantity_opened)::api.exact as quantity_opened,
    trim_scale(l.quantity_remaining)::api.exact as quantity_remaining,
    l.cost_remaining::api.exact as cost_remaining,
    l.native_cost_remaining::api.exact as native_cost_remaining,
    i.currency,
    l.wash_sale_adjustment::api.exact as wash_sale_adjustment,
    l.basis_status,
    l.closed_at is null as is_open,
    l.closed_at,
    l.opening_transaction_id,
    l.piece
from core.tax_lots l
left join core.accounts a on a.user_id = l.user_id and a.id = l.account_id
left join core.instruments i on i.id = l.instrument_id
left join tax.instrument_facts f on f.user_id = l.user_id and f.instrument_id = l.instrument_id
left join tax.lot_state s on s.user_id = l.user_id and s.lot_id = l.id
cross join (
    select (now() at time zone 'America/New_York')::date as today
) d
cross join lateral (
    -- No day makes these long-term, or they are from the start.
    select case
        when l.side = 'long'
            and s.is_inherited is not true
            and not coalesce(tax.is_section_1256(f.section_1256, i.instrument_type, coalesce(f.exchange, i.exchange), i.currency), false)
            then tax.first_long_date(l.holding_start)
    end as long_term_on
) t;

comment on view api.lots is 'Tax lots
Every lot, open and closed, one row for each piece, with days held and its term as of today. lots_explain shows how one came to its figures.';
comment on column api.lots.id is 'Number of the lot.';
comment on column api.lots.account_id is 'Number of the account.';
comment on column api.lots.account is 'The broker''s number of the account.';
comment on column api.lots.account_name is 'The person''s name for the account.';
comment on column api.lots.instrument_id is 'Number of the instrument.';
comment on column api.lots.symbol is 'Symbol now, after symbol changes and mergers.';
comment on column api.lots.side is 'long or short.';
comment on column api.lots.acquired_at is 'Actual acquisition; start of the exchange day where only a date is known; null if unknown.';
comment on column api.lots.acquired_on is 'Its date on the exchange.';
comment on column api.lots.holding_start is 'Date from which the holding period counts, after tacking; null if unknown.';
comment on column api.lots.days_held is 'Days since holding_start, to today or to its end.';
comment on column api.lots.term is 'Term if it were sold today, or at its end: short, long, 1256, unknown.';
comment on column api.lots.long_term_on is 'First day on which a sale is long-term; null where no day decides it (short positions, section 1256, inherited, date unknown).';
comment on column api.lots.days_until_long is 'Days until then, 0 once it is reached; null for closed lots and where no day decides it.';
comment on column api.lots.quantity_opened is 'Units when it came into being in this account and instrument.';
comment on column api.lots.quantity_remaining is 'Units still open.';
comment on column api.lots.cost_remaining is 'Basis of the open units in the tax currency, opening proceeds for a short; null if unknown.';
comment on column api.lots.native_cost_remaining is 'Cost of the open units in the trading currency; null if unknown.';
comment on column api.lots.currency is 'Trading currency.';
comment on column api.lots.wash_sale_adjustment is 'Deferred loss inside the basis.';
comment on column api.lots.basis_status is 'Whether the basis is known, and if not, why.';
comment on column api.lots.is_open is 'Whether units remain.';
comment on column api.lots.closed_at is 'When the last unit left; null while open.';
comment on column api.lots.opening_transaction_id is 'The transaction that acquired it, or sold it short.';
comment on column api.lots.piece is 'Number of the piece among those of the same transaction.';

grant select on api.lots to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin, quantmatrix_writer;

create view api.closings
with (security_invoker = true)
as
select
    c.id,
    c.account_id,
    a.account_number as account,
    a.name as account_name,
    c.instrument_id,
    i.symbol,
    c.side,
    c.kind,
    trim_scale(c.quantity)::api.exact as quantity,
    c.opened_on,
    c.holding_start,
    c.closed_on,
    c.proceeds::api.exact as proceeds,
    c.basis::api.exact as basis,
    (c.proceeds - c.basis)::api.exact as gain,
    c.disallowed::api.exact as disallowed,
    c.permanently_disallowed::api.exact as permanently_disallowed,
    (c.proceeds - c.basis + c.disallowed + c.permanently_disallowed)::api.exact as recognized,
    c.term,
    c.taxable,
    c.tax_year,
    c.box,
    c.native_proceeds::api.exact as native_proceeds,
    c.native_basis::api.exact as native_basis,
    i.currency,
    c.closing_transaction_id,
    c.ordinal,
    c.opening_transaction_id,
    c.piece
from tax.closings c
left join core.accounts a on a.user_id = c.user_id and a.id = c.account_id
left join core.instruments i on i.id = c.instrument_id;

comment on view api.closings is 'Closings
Units of one piece disposed of by one transaction: the row that becomes a line of Form 8949. ?tax_year=eq.2024 shows a year, tax_years its totals, lots_explain how one came to its figures.';
comment on column api.closings.id is 'Number of the closing.';
comment on column api.closings.account_id is 'Number of the account.';
comment on column api.closings.account is 'The broker''s number of the account.';
comment on column api.closings.account_name is 'The person''s name for the account.';
comment on column api.closings.instrument_id is 'Number of the instrument.';
comment on column api.closings.symbol is 'Symbol.';
comment on column api.closings.side is 'Side of the lot that was closed.';
comment on column api.closings.kind is 'How it was closed; unmatched: the history does not show where the units came from.';
comment on column api.closings.quantity is 'Units.';
comment on column api.closings.opened_on is 'Acquisition date, opening date of a short; null if unknown.';
comment on column api.closings.holding_start is 'Date from which the holding period counted; null if unknown.';
comment on column api.closings.closed_on is 'Trade date of the closing.';
comment on column api.closings.proceeds is 'Proceeds in the tax currency; null if no exchange rate is known.';
comment on column api.closings.basis is 'Basis in the tax currency; null if unknown.';
comment on column api.closings.gain is 'proceeds - basis, before wash sales; null if unknown.';
comment on column api.closings.disallowed is 'Part of a loss deferred into a replacement lot.';
comment on column api.closings.permanently_disallowed is 'Part of a loss lost to a retirement account.';
comment on column api.closings.recognized is 'What counts for tax; null if unknown.';
comment on column api.closings.term is 'short, long, 1256, unknown.';
comment on column api.closings.taxable is 'Whether the account is taxable.';
comment on column api.closings.tax_year is 'Year in which it counts.';
comment on column api.closings.box is 'Box of Form 8949; null if it is not on the form.';
comment on column api.closings.native_proceeds is 'Proceeds in the trading currency.';
comment on column api.closings.native_basis is 'Cost in the trading currency; null if unknown.';
comment on column api.closings.currency is 'Trading currency.';
comment on column api.closings.closing_transaction_id is 'The transaction that disposed.';
comment on column api.closings.ordinal is 'Rank among the closings of that transaction.';
comment on column api.closings.opening_transaction_id is 'The transaction that had opened the lot; null if unmatched.';
comment on column api.closings.piece is 'Piece of the lot; null if unmatched.';

grant select on api.closings to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin, quantmatrix_writer;

create view api.tax_years
with (security_invoker = true)
as
select
    y.tax_year,
    sum(y.short_term)::api.exact as short_term,
    sum(y.long_term)::api.exact as long_term,
    sum(y.section_1256)::api.exact as section_1256,
    sum(y.unknown_term)::api.exact as unknown_term,
    sum(y.recognized)::api.exact as recognized,
    sum(y.disallowed)::api.exact as disallowed,
    sum(y.permanently_disallowed)::api.exact as permanently_disallowed,
    sum(y.unknown_basis_proceeds)::api.exact as unknown_basis_proceeds,
    sum(y.unknown_basis_closings)::integer as unknown_basis_closings,
    sum(y.proceeds)::api.exact as proceeds,
    sum(y.closings)::integer as closings,
    u.tax_currency as currency
from tax.yearly y
join core.users u on u.id = y.user_id
group by y.tax_year, u.tax_currency;

comment on view api.tax_years is 'Gains by tax year
What counts for tax, year by year, over the taxable accounts, in the tax currency. Closings of unknown basis are in no gain: their number and proceeds stand apart.';
comment on column api.tax_years.tax_year is 'The year.';
comment on column api.tax_years.short_term is 'Recognized short-term gain; a loss is negative.';
comment on column api.tax_years.long_term is 'Recognized long-term gain.';
comment on column api.tax_years.section_1256 is 'Recognized gain of section 1256 contracts, 60 % of it long-term.';
comment on column api.tax_years.unknown_term is 'Recognized gain of lots whose acquisition date is unknown.';
comment on column api.tax_years.recognized is 'The four together.';
comment on column api.tax_years.disallowed is 'Losses deferred into replacement lots.';
comment on column api.tax_years.permanently_disallowed is 'Losses lost to retirement accounts.';
comment on column api.tax_years.unknown_basis_proceeds is 'Proceeds of closings without a known basis.';
comment on column api.tax_years.unknown_basis_closings is 'How many these are.';
comment on column api.tax_years.proceeds is 'Proceeds of all closings.';
comment on column api.tax_years.closings is 'Number of closings.';
comment on column api.tax_years.currency is 'The tax currency.';

grant select on api.tax_years to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin, quantmatrix_writer;

create view api.wash_sales
with (security_invoker = true)
as
select
    m.id,
    c.account_id,
    a.account_number as account,
    a.name as account_name,
    i.symbol,
    c.closed_on as sold_on,
    c.tax_year,
    m.loss_transaction_id,
    c.id as closing_id,
    trim_scale(m.quantity)::api.exact as quantity,
    m.amount::api.exact as amount,
    m.is_permanent,
    m.replacement_transaction_id,
    t.trade_date as replaced_on,
    m.replacement_account_id,
    ra.account_number as replacement_account,
    ra.name as replacement_account_name,
    ri.symbol as replacement_symbol,
    m.replacement_piece
from tax.wash_matches m
left join tax.closings c
    on c.user_id = m.user_id
    and c.group_id = m.group_id
    and c.closing_transaction_id = m.loss_transaction_id
    and c.ordinal = m.loss_ordinal
left join core.accounts a on a.user_id = c.user_id and a.id = c.account_id
left join core.instruments i on i.id = c.instrument_id
left join core.transactions t on t.user_id = m.user_id and t.id = m.replacement_transaction_id
left join core.accounts ra on ra.user_id = m.user_id and ra.id = m.replacement_account_id
left join core.instruments ri on ri.id = m.replacement_instrument_id;

comment on view api.wash_sales is 'Wash sales
Each part of a loss that an acquisition within thirty days took up: which sale, which replacement, and whether it is deferred or lost.';
comment on column api.wash_sales.id is 'Number of the match.';
comment on column api.wash_sales.account_id is 'Number of the account that sold.';
comment on column api.wash_sales.account is 'The broker''s number of it.';
comment on column api.wash_sales.account_name is 'The person''s name for it.';
comment on column api.wash_sales.symbol is 'What was sold at a loss.';
comment on column api.wash_sales.sold_on is 'Trade date of the sale.';
comment on column api.wash_sales.tax_year is 'Year in which the loss would have counted.';
comment on column api.wash_sales.loss_transaction_id is 'The sale.';
comment on column api.wash_sales.closing_id is 'Which closing of it.';
comment on column api.wash_sales.quantity is 'Units replaced, in shares, at the time of the match.';
comment on column api.wash_sales.amount is 'Loss taken up, in the tax currency.';
comment on column api.wash_sales.is_permanent is 'True: lost, because the replacement lies in a retirement account. False: deferred into the replacement.';
comment on column api.wash_sales.replacement_transaction_id is 'The acquisition that replaced the units.';
comment on column api.wash_sales.replaced_on is 'Its trade date.';
comment on column api.wash_sales.replacement_account_id is 'Number of the account that bought.';
comment on column api.wash_sales.replacement_account is 'The broker''s number of it.';
comment on column api.wash_sales.replacement_account_name is 'The person''s name for it.';
comment on column api.wash_sales.replacement_symbol is 'What was bought.';
comment on column api.wash_sales.replacement_piece is 'Piece of the lot that was adjusted.';

grant select on api.wash_sales to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin, quantmatrix_writer;

create view api.notices
with (security_invoker = true)
as
select
    n.id,
    n.code,
    n.sentence,
    n.transaction_id,
    n.related_transaction_id,
    t.account_id,
    a.account_number as account,
    a.name as account_name,
    i.symbol,
    t.trade_date
from (
    select n.user_id, n.id, n.code, n.sentence, n.transaction_id, n.related_transaction_id
    from tax.notices n
    union all
    -- What is provisional depends on the last day that any import brought, so it is said when asked (F.13). What wash sales do not look at
    -- is final at once: exempt instruments (F.8) and written options (F.9).
    select distinct
        c.user_id, null::bigint, 'provisional_loss'::tax.notice_code,
        'A purchase after the last imported day may still replace what was sold at this loss.',
        c.closing_transaction_id, null::bigint
    from tax.closings c
    join core.users u on u.id = c.user_id and u.wash_scope <> 'none'
    join core.instruments i on i.id = c.instrument_id
    left join tax.instrument_facts f on f.user_id = c.user_id and f.instrument_id = c.instrument_id
    where c.taxable
    and c.proceeds < c.basis
    and c.disallowed + c.permanently_disallowed < c.basis - c.proceeds
    and c.term <> '1256'
    and c.kind not in ('boot', 'roc_excess', 'mtm')
    and not (c.side = 'short' and i.option_type is not null)
    and not tax.is_wash_exempt(f.wash_exempt, i.instrument_type, coalesce(f.exchange, i.exchange))
    and c.closed_on > (
        select max(last.trade_date)
        from core.transactions last
        where last.user_id = c.user_id
    ) - 31
) n
join core.transactions t on t.user_id = n.user_id and t.id = n.transaction_id
left join core.accounts a on a.user_id = t.user_id and a.id = t.account_id
left join core.instruments i on i.id = t.instrument_id;

comment on view api.notices is 'Notices
What the engine does not compute but flags; a notice never changes a number.';
comment on column api.notices.id is 'Number of the notice; null for a provisional loss, which holds only until later days are imported.';
comment on column api.notices.code is 'Which notice.';
comment on column api.notices.sentence is 'One sentence for a person.';
comment on column api.notices.transaction_id is 'The transaction concerned.';
comment on column api.notices.related_transaction_id is 'The other transaction concerned; null if there is none.';
comment on column api.notices.account_id is 'Number of the account.';
comment on column api.notices.account is 'The broker''s number of the account.';
comment on column api.notices.account_name is 'The person''s name for the account.';
comment on column api.notices.symbol is 'Symbol of the transaction.';
comment on column api.notices.trade_date is 'Date of the transaction.';

grant select on api.notices to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin, quantmatrix_writer;
