-- The person, the accounts, the instruments that the person uses.

create view api.me
with (security_invoker = true)
as
select
    u.id,
    u.email,
    u.username,
    u.display_name,
    u.role,
    u.status,
    u.timezone,
    u.base_currency,
    u.tax_currency,
    u.default_lot_method,
    u.wash_scope,
    u.filing_status,
    u.preferences,
    u.created_at,
    u.updated_at
from core.users u;

comment on view api.me is 'The signed-in person
One row: who this is and how taxes are reckoned.';
comment on column api.me.id is 'The person''s key.';
comment on column api.me.email is 'Address.';
comment on column api.me.username is 'Short handle; null if none was chosen.';
comment on column api.me.display_name is 'Name shown to people; null if none was given.';
comment on column api.me.role is 'What the person may do: admin, user, readonly.';
comment on column api.me.status is 'active or disabled.';
comment on column api.me.timezone is 'Zone in which instants are shown.';
comment on column api.me.base_currency is 'Currency in which totals are shown.';
comment on column api.me.tax_currency is 'Currency of basis, proceeds and gains.';
comment on column api.me.default_lot_method is 'Lot method where nothing else says.';
comment on column api.me.wash_scope is 'How far wash sales look: taxpayer, broker, none.';
comment on column api.me.filing_status is 'Decides the limit of deductible losses.';
comment on column api.me.preferences is 'Display choices of clients.';
comment on column api.me.created_at is 'When the person was added.';
comment on column api.me.updated_at is 'When this was last changed.';

grant select on api.me to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin, quantmatrix_writer;

create view api.accounts
with (security_invoker = true)
as
select
    a.id,
    a.account_number as account,
    a.name as account_name,
    a.broker,
    a.account_type,
    a.base_currency,
    a.status,
    a.allow_short,
    a.lot_method,
    a.reports_1099,
    a.last_synced_at,
    a.created_at,
    a.updated_at
from core.accounts a;

comment on view api.accounts is 'Accounts
The person''s accounts at brokers; lots are selected inside one account and one instrument.';
comment on column api.accounts.id is 'Number of the account.';
comment on column api.accounts.account is 'The broker''s number.';
comment on column api.accounts.account_name is 'The person''s name for it, unique.';
comment on column api.accounts.broker is 'Broker: ibkr, tastytrade, ...';
comment on column api.accounts.account_type is 'taxable, ira, roth_ira, 401k, hsa: decides what a wash sale does.';
comment on column api.accounts.base_currency is 'Currency in which the broker reports totals.';
comment on column api.accounts.status is 'active or closed; a closed account keeps its history.';
comment on column api.accounts.allow_short is 'Whether a plain sale beyond the holding opens a short; null means no.';
comment on column api.accounts.lot_method is 'Lot method of the account; null means that of the person.';
comment on column api.accounts.reports_1099 is 'Whether the broker issues Form 1099-B for it.';
comment on column api.accounts.last_synced_at is 'When the last sync finished; null before the first.';
comment on column api.accounts.created_at is 'When the account was added.';
comment on column api.accounts.updated_at is 'When this was last changed.';

grant select on api.accounts to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin, quantmatrix_writer;

create view api.instruments
with (security_invoker = true)
as
select
    i.id,
    i.symbol,
    i.instrument_type,
    coalesce(f.name, i.name) as name,
    coalesce(f.exchange, i.exchange) as exchange,
    i.currency,
    i.sector,
    i.industry,
    f.underlying_instrument_id as underlying_id,
    u.symbol as underlying,
    i.option_type,
    i.strike::api.exact as strike,
    coalesce(i.expiration, f.expiration) as expiration,
    i.multiplier::api.exact as multiplier,
    f.identifiers,
    f.identical_group,
    f.index_family,
    tax.is_section_1256(f.section_1256, i.instrument_type, coalesce(f.exchange, i.exchange), i.currency) as section_1256,
    f.wash_exempt,
    f.deliverable_shares::api.exact as deliverable_shares,
    f.deliverable_cash::api.exact as deliverable_cash,
    f.merged_into_instrument_id as merged_into_id,
    m.symbol as merged_into,
    (
        select array_agg(a.instrument_type || '|' || a.symbol || '|' || a.currency order by a.symbol, a.id)
        from tax.instrument_facts o
        join core.instruments a on a.id = o.instrument_id
        where o.user_id = (select auth.user_id())
        and o.merged_into_instrument_id = i.id
    ) as counts_for
from core.instruments i
left join tax.instrument_facts f on f.user_id = (select auth.user_id()) and f.instrument_id = i.id
left join core.instruments u on u.id = f.underlying_instrument_id
left join core.instruments m on m.id = f.merged_into_instrument_id;

comment on view api.instruments is 'Instruments
Those that the person''s rows use: what they are, and what the person said about them.';
comment on column api.instruments.id is 'Number of the instrument.';
comment on column api.instruments.symbol is 'Ticker, or the 21 characters of an option.';
comment on column api.instruments.instrument_type is 'stock, fund, bond, option, future, future_option, warrant, digital, currency, other.';
comment on column api.instruments.name is 'Name as your sources state it, else as it was published; null if no source gave one.';
comment on column api.instruments.exchange is 'Listing exchange as your sources state it, else as it was published; null if unknown.';
comment on column api.instruments.currency is 'Currency in which it trades.';
comment on column api.instruments.sector is 'Sector; null if unknown.';
comment on column api.instruments.industry is 'Industry; null if unknown.';
comment on column api.instruments.underlying_id is 'What an option is on, as your sources state it, else by its root; null for others.';
comment on column api.instruments.underlying is 'Symbol of what an option is on; null for others.';
comment on column api.instruments.option_type is 'call or put; null unless an option.';
comment on column api.instruments.strike is 'Strike price; null unless an option.';
comment on column api.instruments.expiration is 'Last day of an option or future; null for others.';
comment on column api.instruments.multiplier is 'Money per point of price and unit.';
comment on column api.instruments.identifiers is 'Identifiers seen in the person''s files: conid:, isin:, cusip:, figi:.';
comment on column api.instruments.identical_group is 'Instruments with the same word are substantially identical; null: alone.';
comment on column api.instruments.index_family is 'The index that a fund follows, as you said: purchases near a loss on another fund of that index raise a notice.';
comment on column api.instruments.section_1256 is 'Contract of section 1256: as stated, else futures and options on them by their exchange.';
comment on column api.instruments.wash_exempt is 'Exempt from wash sales; null: by type.';
comment on column api.instruments.deliverable_shares is 'Shares that one contract delivers; null: its multiplier.';
comment on column api.instruments.deliverable_cash is 'Cash that one contract delivers beside the shares; null: none.';
comment on column api.instruments.merged_into_id is 'The instrument that counts for this one in the person''s book; null: itself.';
comment on column api.instruments.merged_into is 'Its symbol.';
comment on column api.instruments.counts_for is 'Instruments that were merged into this one, as type|symbol|currency; null: none.';

grant select on api.instruments to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin, quantmatrix_writer;
