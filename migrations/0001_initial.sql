-- The first migration: db/schema as it was then, file by file.

-- 00_schemas.sql

-- Who keeps what. The API schema is not here: it holds no data and is made anew with the functions.

create schema core;
create schema tax;
create schema ingest;
create schema auth;
create schema audit;

comment on schema core is 'The ten tables: people, accounts, instruments, transactions, and what is derived from them.';
comment on schema tax is 'What the lot engine reads about a transaction, and what it derives beside the lots.';
comment on schema ingest is 'Where rows came from: files, lines, the broker''s own figures as evidence, staging.';
comment on schema auth is 'Who a session is. Secrets live here and nowhere else.';
comment on schema audit is 'Seals that chain the audit log, and their verification.';

-- 01_types.sql

-- States and kinds. Every word that a program compares is one of these.

create type core.user_role as enum ('admin', 'user', 'readonly');
create type core.user_status as enum ('active', 'disabled');
create type core.filing_status as enum ('single', 'married_joint', 'married_separate', 'head_of_household');
create type core.account_type as enum ('taxable', 'ira', 'roth_ira', '401k', 'hsa');
create type core.account_status as enum ('active', 'closed');
create type core.lot_method as enum ('fifo', 'lifo', 'hifo', 'lofo', 'average', 'mintax', 'specific', 'section_104');
create type core.wash_scope as enum ('taxpayer', 'broker', 'none');
create type core.instrument_type as enum (
    'stock', 'fund', 'bond', 'option', 'future', 'future_option', 'warrant', 'digital', 'currency', 'other'
);
create type core.option_type as enum ('call', 'put');
create type core.transaction_type as enum (
    'buy', 'sell', 'reinvest',
    'option_exercise', 'option_assignment', 'option_expiration', 'delivery', 'mark_to_market',
    'split', 'stock_dividend', 'spinoff', 'symbol_change', 'merger_cash', 'merger_stock', 'merger_mixed',
    'return_of_capital', 'cash_in_lieu',
    'transfer_in', 'transfer_out', 'set_basis', 'gift_in', 'gift_out', 'inheritance',
    'dividend', 'payment_in_lieu', 'capital_gain_distribution', 'interest', 'stock_lending_income',
    'fee', 'tax_withheld', 'deposit', 'withdrawal', 'fx_conversion', 'promotion', 'other'
);
create type core.position_effect as enum ('auto', 'open', 'close');
create type core.lot_side as enum ('long', 'short');
create type core.basis_status as enum ('known', 'unknown', 'unknown_rate');
create type core.bar_interval as enum ('1m', '5m', '1h', '1d', '1w');
create type core.alert_type as enum ('price', 'volume', 'position', 'reconciliation', 'wash_sale', 'tax', 'sync');
create type core.alert_status as enum ('active', 'paused', 'triggered', 'expired');
create type core.sync_kind as enum ('import', 'sync', 'manual', 'migration');
create type core.sync_status as enum ('running', 'finished', 'failed', 'undone');
create type core.audit_action as enum ('insert', 'update', 'delete');

create type tax.fraction_handling as enum ('keep', 'cash', 'round_up');
create type tax.exercise_settlement as enum ('derived', 'linked', 'cash');
create type tax.link_kind as enum ('exercise', 'transfer', 'correction', 'basis', 'cash_in_lieu');
create type tax.pick_leg as enum ('transaction', 'stock');
create type tax.closing_kind as enum (
    'sale', 'cover', 'delivery', 'expire', 'cash_in_lieu', 'merger_cash', 'merger_taxable', 'boot', 'roc_excess', 'mtm', 'unmatched'
);
create type tax.holding_term as enum ('short', 'long', '1256', 'unknown');
create type tax.notice_code as enum (
    'late_identification', 'short_sale_1233', 'constructive_sale_1259', 'put_on_short_held_stock', 'bond_premium', 'merger_identical',
    'straddle_1092', 'external_purchase_window', 'deep_put_written', 'similar_fund', 'provisional_loss', 'unknown_basis', 'unknown_rate',
    'unknown_direction', 'missing_terms', 'pick_exceeds_holding'
);

create type ingest.line_verdict as enum ('new', 'known', 'changed', 'refused', 'evidence', 'skipped', 'unknown');
create type ingest.finding_kind as enum ('position', 'lot', 'cash', 'internal');
create type ingest.finding_status as enum ('open', 'explained', 'accepted', 'fixed');
create type ingest.finding_cause as enum (
    'match', 'rounding', 'unknown_basis', 'wash_sale_scope', 'lot_selection', 'basis_mismatch', 'settlement_timing', 'duplicate_import',
    'split_adjusted_history', 'unprocessed_split', 'wrong_sign', 'missing_history', 'opening_balance', 'unexplained', 'defect'
);
create type ingest.balance_moment as enum ('start', 'end');
create type ingest.feed_service as enum ('ibkr', 'tastytrade', 'crypto', 'ibkr_today');
create type ingest.match_rule as enum ('equal', 'fills', 'decided');
create type ingest.same_or_different as enum ('same', 'different');
create type ingest.instrument_change as enum ('merge', 'split');

-- 10_users.sql

-- The person: one row, one taxpayer. Credentials are in auth, never here.

create table core.users (
    id uuid not null default gen_random_uuid(),
    email text not null,
    username text,
    display_name text,
    role core.user_role not null default 'user',
    status core.user_status not null default 'active',
    email_verified_at timestamptz,
    disabled_at timestamptz,
    timezone text not null default 'America/New_York',
    base_currency text not null default 'USD',
    tax_currency text not null default 'USD',
    default_lot_method core.lot_method not null default 'fifo',
    wash_scope core.wash_scope not null default 'taxpayer',
    filing_status core.filing_status not null default 'single',
    preferences jsonb not null default '{}',
    metadata jsonb not null default '{}',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint users_pkey primary key (id),
    constraint users_email_taken unique (email),
    constraint users_username_taken unique (username),
    constraint users_email_is_lower_case_address check (email = lower(email) and email ~ '^[^@[:space:]]+@[^@[:space:]]+$' and length(email) <= 254),
    constraint users_username_is_short_and_plain check (username ~ '^[a-z0-9][a-z0-9_.-]{1,39}$'),
    constraint users_display_name_is_not_blank check (length(btrim(display_name)) between 1 and 200),
    constraint users_base_currency_is_a_code check (base_currency ~ '^[A-Z]{3,5}$'),
    constraint users_tax_currency_is_a_code check (tax_currency ~ '^[A-Z]{3,5}$'),
    constraint users_disabled_has_a_date check ((status = 'disabled') = (disabled_at is not null)),
    constraint users_preferences_is_an_object check (jsonb_typeof(preferences) = 'object'),
    constraint users_metadata_is_an_object check (jsonb_typeof(metadata) = 'object')
);

comment on table core.users is 'A person and taxpayer; the tenant to whom every other row belongs.';
comment on column core.users.id is 'Random, so that it tells nothing; the key of the tenant everywhere.';
comment on column core.users.email is 'Address in lower case; the name on the command line.';
comment on column core.users.username is 'Short handle, unique; null if none was chosen.';
comment on column core.users.display_name is 'The name shown to people; null if none was given.';
comment on column core.users.role is 'What the person may do on this platform.';
comment on column core.users.status is 'A disabled person cannot sign in; the data stay.';
comment on column core.users.email_verified_at is 'When the address was proved; null until then.';
comment on column core.users.disabled_at is 'When the person was disabled; null while active.';
comment on column core.users.timezone is 'IANA zone in which dates are shown; tax dates do not depend on it.';
comment on column core.users.base_currency is 'Currency in which totals are shown.';
comment on column core.users.tax_currency is 'Currency of basis, proceeds and gains.';
comment on column core.users.default_lot_method is 'Lot method where neither transaction, instrument nor account say otherwise.';
comment on column core.users.wash_scope is 'How far wash sales look: taxpayer (the law), broker (Form 1099-B), none.';
comment on column core.users.filing_status is 'Decides the limit of deductible losses.';
comment on column core.users.preferences is 'Display choices of clients: an object, keys by client name.';
comment on column core.users.metadata is 'Free notes of programs: an object; nothing computes with it.';
comment on column core.users.created_at is 'When the row was made.';
comment on column core.users.updated_at is 'When the row was last changed.';

-- 11_accounts.sql

-- An account at a broker. The pool in which lots are selected.

create table core.accounts (
    user_id uuid not null,
    id bigint not null generated by default as identity,
    broker text not null,
    account_number text not null,
    name text not null,
    account_type core.account_type not null default 'taxable',
    base_currency text not null default 'USD',
    status core.account_status not null default 'active',
    allow_short boolean,
    sync_cursor jsonb,
    last_synced_at timestamptz,
    lot_method core.lot_method,
    reports_1099 boolean not null default true,
    metadata jsonb not null default '{}',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint accounts_pkey primary key (user_id, id),
    constraint accounts_belong_to_a_user foreign key (user_id) references core.users (id) on delete cascade,
    constraint accounts_number_taken unique (user_id, broker, account_number),
    constraint accounts_name_taken unique (user_id, name),
    constraint accounts_broker_is_a_plain_name check (broker ~ '^[a-z0-9][a-z0-9_]{0,39}$'),
    constraint accounts_number_is_not_blank check (account_number = btrim(account_number) and length(account_number) between 1 and 64),
    constraint accounts_name_is_not_blank check (name = btrim(name) and length(name) between 1 and 200),
    constraint accounts_base_currency_is_a_code check (base_currency ~ '^[A-Z]{3,5}$'),
    constraint accounts_metadata_is_an_object check (jsonb_typeof(metadata) = 'object')
);

comment on table core.accounts is 'An account at a broker; lots are selected inside one account and one instrument.';
comment on column core.accounts.user_id is 'The tenant.';
comment on column core.accounts.id is 'Number of the account, for people to type.';
comment on column core.accounts.broker is 'Broker in lower case: ibkr, tastytrade, schwab, ...';
comment on column core.accounts.account_number is 'The broker''s own number for it.';
comment on column core.accounts.name is 'The person''s name for it, unique per person.';
comment on column core.accounts.account_type is 'Taxable or a kind of retirement account; decides what a wash sale does.';
comment on column core.accounts.base_currency is 'Currency in which the broker reports totals.';
comment on column core.accounts.status is 'Closed accounts keep their history.';
comment on column core.accounts.allow_short is 'Whether a plain sale beyond the holding opens a short. Null until the owner says so, and null means no.';
comment on column core.accounts.sync_cursor is 'How far each feed has fetched it: {"main": "2025-06-30"}; null before the first sync.';
comment on column core.accounts.last_synced_at is 'When the last sync finished; null before the first.';
comment on column core.accounts.lot_method is 'Lot method of the account; null means that of the person.';
comment on column core.accounts.reports_1099 is 'Whether the broker issues Form 1099-B for it.';
comment on column core.accounts.metadata is 'Free notes of programs: an object; nothing computes with it.';
comment on column core.accounts.created_at is 'When the row was made.';
comment on column core.accounts.updated_at is 'When the row was last changed.';

-- 12_instruments.sql

-- The shared catalogue of identities: what a thing is, never what somebody knows or believes about it. Facts that change a tenant's
-- numbers are in tax.instrument_facts. Nobody's import updates a row here: another multiplier or currency is another instrument.

create table core.instruments (
    id bigint not null generated by default as identity,
    symbol text not null,
    instrument_type core.instrument_type not null,
    name text,
    exchange text,
    currency text not null,
    sector text,
    industry text,
    underlying_id bigint,
    option_type core.option_type,
    strike numeric,
    expiration date,
    multiplier numeric not null default 1,
    aliases text[] not null default '{}',
    metadata jsonb not null default '{}',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint instruments_pkey primary key (id),
    constraint instruments_identity_taken unique (instrument_type, symbol, currency, multiplier),
    constraint instruments_underlying_exists foreign key (underlying_id) references core.instruments (id),
    constraint instruments_symbol_is_not_blank check (symbol = btrim(symbol) and length(symbol) between 1 and 64),
    constraint instruments_currency_is_a_code check (currency ~ '^[A-Z]{3,5}$'),
    constraint instruments_multiplier_is_positive check (multiplier > 0 and multiplier < 'Infinity'),
    constraint instruments_strike_is_not_negative check (strike >= 0 and strike < 'Infinity'),
    constraint instruments_option_terms_are_complete check (
        case
            when instrument_type in ('option', 'future_option')
                then option_type is not null and strike is not null and expiration is not null
            else option_type is null and strike is null
        end
    ),
    constraint instruments_metadata_is_an_object check (jsonb_typeof(metadata) = 'object')
);

create index instruments_by_underlying on core.instruments (underlying_id, expiration)
    where underlying_id is not null;
create index instruments_by_symbol on core.instruments (symbol);

comment on table core.instruments is 'Shared catalogue of identities: stocks, funds, bonds, options, currencies and digital assets.';
comment on column core.instruments.id is 'Number of the instrument.';
comment on column core.instruments.symbol is 'Ticker with a dot for class shares, 21 characters of the OSI form for options, a numbered ticker (GCM~2) where a ticker was used again.';
comment on column core.instruments.instrument_type is 'What kind of thing it is.';
comment on column core.instruments.name is 'Name as first seen; null if no source gave one.';
comment on column core.instruments.exchange is 'Listing exchange as first seen; null if unknown.';
comment on column core.instruments.currency is 'Currency in which it trades.';
comment on column core.instruments.sector is 'Sector, published by an administrator; null if unknown.';
comment on column core.instruments.industry is 'Industry, published by an administrator; null if unknown.';
comment on column core.instruments.underlying_id is 'The instrument that an option is on; null for others, and where the underlying is not known.';
comment on column core.instruments.option_type is 'Call or put; null unless an option.';
comment on column core.instruments.strike is 'Strike price; null unless an option.';
comment on column core.instruments.expiration is 'Last day of an option or future; null for others.';
comment on column core.instruments.multiplier is 'Money per point of price and unit: 100 for most equity options, 0.01 for bonds in percent of par.';
comment on column core.instruments.aliases is 'Published other names (conid:123, isin:US...); a tenant''s own are in tax.instrument_facts.';
comment on column core.instruments.metadata is 'Free notes of programs: an object; nothing computes with it.';
comment on column core.instruments.created_at is 'When the row was made.';
comment on column core.instruments.updated_at is 'When the row was last changed.';

-- 13_sync_history.sql

-- One row for each run that brought rows: an import, a sync, a migration.

create function core.sum_of_counts(p_counts jsonb)
returns bigint
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(sum(value::numeric), 0)::bigint
    from jsonb_each_text(p_counts)
$$;

comment on function core.sum_of_counts(jsonb) is 'Sum of the numbers of a flat object; the constraint of core.sync_history needs it.';

create table core.sync_history (
    user_id uuid not null,
    id bigint not null generated by default as identity,
    account_id bigint,
    kind core.sync_kind not null,
    source text not null,
    content_sha256 text,
    status core.sync_status not null default 'running',
    started_at timestamptz not null default now(),
    finished_at timestamptz,
    rows_in integer not null default 0,
    rows_accepted integer not null default 0,
    rejects jsonb not null default '{}',
    error text,
    constraint sync_history_pkey primary key (user_id, id),
    constraint sync_history_belongs_to_a_user foreign key (user_id) references core.users (id) on delete cascade,
    constraint sync_history_account_exists foreign key (user_id, account_id) references core.accounts (user_id, id) on delete cascade,
    constraint sync_history_source_is_a_plain_name check (source ~ '^[a-z0-9][a-z0-9_]{0,39}$'),
    constraint sync_history_digest_is_sha256 check (content_sha256 ~ '^[0-9a-f]{64}$'),
    constraint sync_history_counts_are_not_negative check (rows_in >= 0 and rows_accepted >= 0),
    constraint sync_history_ended_has_a_time check ((status = 'running') = (finished_at is null)),
    constraint sync_history_rejects_are_counts check (
        jsonb_typeof(rejects) = 'object'
        and not jsonb_path_exists(rejects, '$.* ? (@.type() != "number" || @ < 0)')
    ),
    constraint sync_history_every_row_is_accounted_for check (
        status not in ('finished', 'undone')
        or rows_in = rows_accepted + core.sum_of_counts(rejects)
    )
);

create unique index sync_history_file_imported_once on core.sync_history (user_id, content_sha256, account_id) nulls not distinct
    where status = 'finished' and kind = 'import';
create index sync_history_by_account on core.sync_history (user_id, account_id, started_at);

comment on table core.sync_history is 'Every run that brought rows, with its counts: rows in = rows accepted + rows rejected by reason.';
comment on column core.sync_history.user_id is 'The tenant.';
comment on column core.sync_history.id is 'Number of the run, for people to type.';
comment on column core.sync_history.account_id is 'The account it was for; null where one file holds several.';
comment on column core.sync_history.kind is 'Import of a file, automatic sync, entry by hand, migration.';
comment on column core.sync_history.source is 'Name of the format or service.';
comment on column core.sync_history.content_sha256 is 'Digest of the file, lower-case hex; null where there is no file.';
comment on column core.sync_history.status is 'An undone run stays as history; its file may be imported again.';
comment on column core.sync_history.started_at is 'When it began.';
comment on column core.sync_history.finished_at is 'When it ended, whichever way; null while it runs.';
comment on column core.sync_history.rows_in is 'Rows read that carry or attest a transaction, refused ones included.';
comment on column core.sync_history.rows_accepted is 'New, known and changed rows.';
comment on column core.sync_history.rejects is 'Refused rows by reason: {"bad_number": 2}.';
comment on column core.sync_history.error is 'What ended a failed run; null otherwise.';

-- 14_transactions.sql

-- What happened. Everything about lots, positions and cash is derived from these rows and can be derived again.

create table core.transactions (
    user_id uuid not null,
    id bigint not null generated by default as identity,
    account_id bigint not null,
    instrument_id bigint,
    sync_id bigint,
    transaction_type core.transaction_type not null,
    position_effect core.position_effect not null default 'auto',
    source text not null,
    external_id text,
    dedupe_key text not null,
    order_id text,
    executed_at timestamptz,
    trade_date date not null,
    settlement_date date,
    sequence integer not null default 0,
    quantity numeric,
    price numeric,
    gross_amount numeric,
    commission numeric not null default 0,
    fees numeric not null default 0,
    net_amount numeric not null default 0,
    currency text not null,
    metadata jsonb not null default '{}',
    constraint transactions_pkey primary key (user_id, id),
    constraint transactions_known_once unique (user_id, account_id, source, dedupe_key),
    constraint transactions_account_exists foreign key (user_id, account_id) references core.accounts (user_id, id) on delete cascade,
    constraint transactions_instrument_exists foreign key (instrument_id) references core.instruments (id),
    constraint transactions_sync_exists foreign key (user_id, sync_id) references core.sync_history (user_id, id) on delete set null (sync_id),
    constraint transactions_source_is_a_plain_name check (source ~ '^[a-z0-9][a-z0-9_]{0,39}$'),
    constraint transactions_dedupe_key_is_not_blank check (length(dedupe_key) between 1 and 200),
    constraint transactions_currency_is_a_code check (currency ~ '^[A-Z]{3,5}$'),
    constraint transactions_trade_date_is_plausible check (trade_date between date '1900-01-01' and date '2199-12-31'),
    constraint transactions_settle_near_the_trade check (settlement_date between trade_date - 366 and trade_date + 366),
    constraint transactions_instant_is_near_trade_date check (
        executed_at >= (trade_date - 4)::timestamp at time zone 'UTC'
        and executed_at < (trade_date + 5)::timestamp at time zone 'UTC'
    ),
    constraint transactions_price_is_not_negative check (price >= 0),
    -- Digits cost time: a number of a hundred thousand, which numeric holds, would keep the engine and every view of the book busy.
    constraint transactions_numbers_are_of_possible_size check (
        quantity between -1e30 and 1e30
        and price between -1e30 and 1e30
        and gross_amount between -1e30 and 1e30
        and commission between -1e30 and 1e30
        and fees between -1e30 and 1e30
        and net_amount between -1e30 and 1e30
        and greatest(scale(quantity), scale(price), scale(gross_amount), scale(commission), scale(fees), scale(net_amount)) <= 100
    ),
    constraint transactions_trades_have_an_instrument check (
        instrument_id is not null
        or transaction_type in (
            'deposit', 'withdrawal', 'transfer_in', 'transfer_out', 'interest', 'stock_lending_income', 'fee', 'tax_withheld',
            'dividend', 'payment_in_lieu', 'capital_gain_distribution', 'set_basis', 'promotion', 'other'
        )
    ),
    constraint transactions_quantity_has_the_sign_of_its_type check (
        case transaction_type
            when 'buy' then quantity > 0
            when 'reinvest' then quantity > 0
            when 'sell' then quantity < 0
            when 'gift_in' then quantity > 0
            when 'inheritance' then quantity > 0
            when 'gift_out' then quantity < 0
            when 'transfer_in' then coalesce(quantity, 0) >= 0
            when 'transfer_out' then coalesce(quantity, 0) <= 0
            when 'promotion' then coalesce(quantity, 0) >= 0
            when 'deposit' then quantity is null
            when 'withdrawal' then quantity is null
            else true
        end is true
    ),
    constraint transactions_net_is_gross_and_costs check (
        gross_amount is null
        or net_amount = gross_amount + commission + fees
        or net_amount = gross_amount
    ),
    constraint transactions_metadata_is_an_object check (jsonb_typeof(metadata) = 'object')
);

create index transactions_by_date on core.transactions (user_id, trade_date, id);
create index transactions_of_sync on core.transactions (user_id, sync_id) where sync_id is not null;
-- The instrument first: it serves the reference to the catalogue too.
create index transactions_of_instrument on core.transactions (instrument_id, user_id, trade_date);

comment on table core.transactions is 'Complete trade and cash history, one row per economic event, quantities and amounts signed in the account''s view.';
comment on column core.transactions.user_id is 'The tenant.';
comment on column core.transactions.id is 'Number of the transaction; it orders nothing.';
comment on column core.transactions.account_id is 'The account it happened in.';
comment on column core.transactions.instrument_id is 'What was traded; null for plain cash.';
comment on column core.transactions.sync_id is 'The run that brought it first; null if that was entered by hand.';
comment on column core.transactions.transaction_type is 'What happened, in one vocabulary for all brokers.';
comment on column core.transactions.position_effect is 'Whether the source marks it as opening or closing; auto where it does not say.';
comment on column core.transactions.source is 'Name of the format or service that states it; manual if entered by hand.';
comment on column core.transactions.external_id is 'The broker''s own row id; null where the source has none.';
comment on column core.transactions.dedupe_key is 'Identity within account and source: the broker''s id, else a digest of the values and the ordinal among equal lines.';
comment on column core.transactions.order_id is 'Order to which fills belong; null if not stated.';
comment on column core.transactions.executed_at is 'Instant; null where the source states only a date.';
comment on column core.transactions.trade_date is 'Date on the exchange; the date that taxes count.';
comment on column core.transactions.settlement_date is 'When cash and shares change hands; null if not stated.';
comment on column core.transactions.sequence is 'Rank within account and day in the source''s own time order; independent of the order of imports.';
comment on column core.transactions.quantity is 'Signed units, + into the account, contracts for options; null where the engine computes it.';
comment on column core.transactions.price is 'Price per unit as quoted, unsigned; null if none.';
comment on column core.transactions.gross_amount is 'Signed cash before costs; null if the source states none.';
comment on column core.transactions.commission is 'Signed cash: a cost is negative, a rebate positive.';
comment on column core.transactions.fees is 'Signed cash: exchange, regulatory and other costs and taxes on the trade.';
comment on column core.transactions.net_amount is 'Signed cash effect in currency; costs in another currency are not in it.';
comment on column core.transactions.currency is 'Currency of the amounts.';
comment on column core.transactions.metadata is 'Description and other words of the source: an object; nothing computes with it.';

-- 15_positions.sql

-- Derived: what is held now, one row for each account and instrument that ever moved.

create table core.positions (
    user_id uuid not null,
    id bigint not null generated by default as identity,
    account_id bigint not null,
    instrument_id bigint not null,
    quantity numeric not null,
    average_cost numeric,
    cost_basis numeric,
    realized_pnl numeric not null default 0,
    unmatched_quantity numeric not null default 0,
    open_lots integer not null default 0,
    unknown_basis_quantity numeric not null default 0,
    wash_sale_adjustment numeric not null default 0,
    native_cost numeric,
    currency text not null,
    opened_at timestamptz,
    last_transaction_at timestamptz,
    metadata jsonb not null default '{}',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint positions_pkey primary key (user_id, id),
    constraint positions_account_exists foreign key (user_id, account_id) references core.accounts (user_id, id) on delete cascade,
    constraint positions_instrument_exists foreign key (instrument_id) references core.instruments (id),
    constraint positions_open_lots_is_not_negative check (open_lots >= 0),
    constraint positions_unknown_basis_is_not_negative check (unknown_basis_quantity >= 0),
    constraint positions_currency_is_a_code check (currency ~ '^[A-Z]{3,5}$'),
    constraint positions_metadata_is_an_object check (jsonb_typeof(metadata) = 'object')
);

create index positions_of_account on core.positions (user_id, account_id);
create index positions_instrument_reference on core.positions (instrument_id);
-- The instrument first: the engine works instrument by instrument, and lots refer to it.
alter table core.positions add constraint positions_one_per_account_and_instrument unique (user_id, instrument_id, account_id);

comment on table core.positions is 'Derived by the engine: current holdings. quantity = open lots - unmatched_quantity.';
comment on column core.positions.user_id is 'The tenant.';
comment on column core.positions.id is 'Number of the position.';
comment on column core.positions.account_id is 'The account.';
comment on column core.positions.instrument_id is 'The instrument; currencies are cash, not positions.';
comment on column core.positions.quantity is 'Signed units by the transactions: open long lots - open short lots - unmatched sales.';
comment on column core.positions.average_cost is 'Cost basis per unit and multiplier, for display; null if flat or unknown.';
comment on column core.positions.cost_basis is 'Basis of the open lots in the tax currency, opening proceeds of shorts negative; null if any is unknown.';
comment on column core.positions.realized_pnl is 'Realised gains in the tax currency before wash sale adjustments; closings with unknown basis left out.';
comment on column core.positions.unmatched_quantity is 'Units that went beyond what the history explains; negative: units that came from an own account which does not explain them.';
comment on column core.positions.open_lots is 'Number of open lots.';
comment on column core.positions.unknown_basis_quantity is 'Open units whose basis is unknown.';
comment on column core.positions.wash_sale_adjustment is 'Deferred losses inside the basis of the open lots.';
comment on column core.positions.native_cost is 'Cost of the open lots in the trading currency; null if any is unknown.';
comment on column core.positions.currency is 'Trading currency of native_cost.';
comment on column core.positions.opened_at is 'Acquisition of the oldest open lot; null if flat or unknown.';
comment on column core.positions.last_transaction_at is 'Instant or start of the day of the last transaction that the engine saw.';
comment on column core.positions.metadata is 'Free notes of programs: an object; nothing computes with it.';
comment on column core.positions.created_at is 'When the row was made.';
comment on column core.positions.updated_at is 'When the row was last changed.';

-- 16_tax_lots.sql

-- Derived: every lot, open or closed, one row for each piece. Keys lead with the instrument: the engine writes instrument by instrument, and so
-- appends to one place of each index. A lot belongs to a position, whose account and instrument exist: one reference instead of two.

create table core.tax_lots (
    user_id uuid not null,
    id bigint not null generated by default as identity,
    account_id bigint not null,
    instrument_id bigint not null,
    opening_transaction_id bigint not null,
    piece integer not null default 1,
    side core.lot_side not null,
    acquired_at timestamptz,
    holding_start date,
    quantity_opened numeric not null,
    quantity_remaining numeric not null,
    native_cost_remaining numeric,
    cost_remaining numeric,
    wash_sale_adjustment numeric not null default 0,
    closed_at timestamptz,
    basis_status core.basis_status not null,
    rebuilt_at timestamptz not null default now(),
    metadata jsonb not null default '{}',
    constraint tax_lots_pkey primary key (user_id, id),
    constraint tax_lots_belong_to_a_position foreign key (user_id, instrument_id, account_id)
        references core.positions (user_id, instrument_id, account_id) on update cascade on delete cascade,
    constraint tax_lots_opening_transaction_exists foreign key (user_id, opening_transaction_id)
        references core.transactions (user_id, id) on delete cascade,
    constraint tax_lots_piece_counts_from_one check (piece >= 1),
    constraint tax_lots_quantity_opened_is_positive check (quantity_opened > 0),
    constraint tax_lots_remaining_is_within_opened check (quantity_remaining between 0 and quantity_opened),
    constraint tax_lots_closed_when_nothing_remains check ((quantity_remaining = 0) = (closed_at is not null)),
    constraint tax_lots_unknown_basis_is_null_not_zero check ((basis_status = 'known') = (cost_remaining is not null)),
    constraint tax_lots_cost_is_in_cents check (cost_remaining = round(cost_remaining, 2)),
    constraint tax_lots_metadata_is_an_object check (jsonb_typeof(metadata) = 'object')
);

create index tax_lots_open on core.tax_lots (user_id, account_id, instrument_id, side, acquired_at) where closed_at is null;
-- Sales by cost or tax start at an end of it; an open lot has units, which only the planner does not know.
create index tax_lots_by_unit_cost on core.tax_lots (user_id, account_id, instrument_id, side, (cost_remaining / nullif(quantity_remaining, 0)))
    where closed_at is null;
create index tax_lots_of_opening on core.tax_lots (user_id, opening_transaction_id);
-- The instrument first: the engine works instrument by instrument, and appends to one place of the index.
alter table core.tax_lots
    add constraint tax_lots_one_per_piece unique (user_id, instrument_id, account_id, opening_transaction_id, side, piece);

comment on table core.tax_lots is 'Derived by the engine: lots rebuilt from transactions, open and closed.';
comment on column core.tax_lots.user_id is 'The tenant.';
comment on column core.tax_lots.id is 'Number of the lot; an untouched lot keeps it.';
comment on column core.tax_lots.account_id is 'The account in which the lot lies now.';
comment on column core.tax_lots.instrument_id is 'The instrument now, after symbol changes and mergers.';
comment on column core.tax_lots.opening_transaction_id is 'The transaction that acquired it, or sold it short.';
comment on column core.tax_lots.piece is 'Number of the piece among those of the same opening transaction.';
comment on column core.tax_lots.side is 'Long or short.';
comment on column core.tax_lots.acquired_at is 'Actual acquisition; start of the exchange day where only a date is known; null if unknown. Orders lots and survives transfers.';
comment on column core.tax_lots.holding_start is 'Date from which the holding period counts, after tacking; null if unknown.';
comment on column core.tax_lots.quantity_opened is 'Units when it came into being in this account and instrument, split-adjusted.';
comment on column core.tax_lots.quantity_remaining is 'Units still open.';
comment on column core.tax_lots.native_cost_remaining is 'Cost of the open units in the trading currency, opening proceeds for a short; null if unknown.';
comment on column core.tax_lots.cost_remaining is 'Basis of the open units in the tax currency, opening proceeds for a short; null if unknown, never 0 for unknown.';
comment on column core.tax_lots.wash_sale_adjustment is 'Deferred loss inside the basis.';
comment on column core.tax_lots.closed_at is 'When the last unit left; null while open.';
comment on column core.tax_lots.basis_status is 'Whether the basis is known, and if not, why.';
comment on column core.tax_lots.rebuilt_at is 'When the engine last changed the row.';
comment on column core.tax_lots.metadata is 'Free notes of programs: an object; nothing computes with it.';

-- 17_market_data.sql

-- Prices, shared by all tenants. Filled by price loaders, read by everybody.

create table core.market_data (
    instrument_id bigint not null,
    interval core.bar_interval not null,
    as_of timestamptz not null,
    open numeric,
    high numeric,
    low numeric,
    close numeric not null,
    adjusted_close numeric,
    volume numeric,
    source text not null,
    atr_14 numeric,
    rsi_14 numeric,
    sma_20 numeric,
    sma_50 numeric,
    indicators jsonb not null default '{}',
    created_at timestamptz not null default now(),
    constraint market_data_pkey primary key (instrument_id, interval, as_of),
    constraint market_data_instrument_exists foreign key (instrument_id) references core.instruments (id) on delete cascade,
    constraint market_data_prices_are_not_negative check (least(open, high, low, close, adjusted_close, volume) >= 0),
    constraint market_data_numbers_are_of_possible_size check (
        open between -1e30 and 1e30
        and high between -1e30 and 1e30
        and low between -1e30 and 1e30
        and close between -1e30 and 1e30
        and adjusted_close between -1e30 and 1e30
        and volume between -1e30 and 1e30
        and greatest(scale(open), scale(high), scale(low), scale(close), scale(adjusted_close), scale(volume)) <= 100
    ),
    constraint market_data_high_is_highest check (high >= greatest(open, low, close)),
    constraint market_data_low_is_lowest check (low <= least(open, high, close)),
    constraint market_data_rsi_is_a_percentage check (rsi_14 between 0 and 100),
    constraint market_data_indicators_is_an_object check (jsonb_typeof(indicators) = 'object')
);

comment on table core.market_data is 'Price bars and indicators by instrument, shared.';
comment on column core.market_data.instrument_id is 'The instrument.';
comment on column core.market_data.interval is 'Length of the bar.';
comment on column core.market_data.as_of is 'Start of the bar.';
comment on column core.market_data.open is 'First price; null if only the close is known.';
comment on column core.market_data.high is 'Highest price; null if only the close is known.';
comment on column core.market_data.low is 'Lowest price; null if only the close is known.';
comment on column core.market_data.close is 'Last price.';
comment on column core.market_data.adjusted_close is 'Close adjusted for splits and dividends; null if the source has none.';
comment on column core.market_data.volume is 'Units traded; null if unknown.';
comment on column core.market_data.source is 'Where the bar came from.';
comment on column core.market_data.atr_14 is 'Average true range over 14 bars; null until computed.';
comment on column core.market_data.rsi_14 is 'Relative strength index over 14 bars; null until computed.';
comment on column core.market_data.sma_20 is 'Mean of 20 closes; null until computed.';
comment on column core.market_data.sma_50 is 'Mean of 50 closes; null until computed.';
comment on column core.market_data.indicators is 'Further indicators by name: an object of numbers as strings.';
comment on column core.market_data.created_at is 'When the row was made.';

-- 18_alerts.sql

-- What a person wants to be told.

create table core.alerts (
    user_id uuid not null,
    id bigint not null generated by default as identity,
    instrument_id bigint,
    name text not null,
    alert_type core.alert_type not null,
    condition jsonb not null,
    channels text[] not null default '{}',
    status core.alert_status not null default 'active',
    cooldown interval not null default interval '1 hour',
    trigger_count integer not null default 0,
    last_triggered_at timestamptz,
    metadata jsonb not null default '{}',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint alerts_pkey primary key (user_id, id),
    constraint alerts_belong_to_a_user foreign key (user_id) references core.users (id) on delete cascade,
    constraint alerts_instrument_exists foreign key (instrument_id) references core.instruments (id),
    constraint alerts_name_taken unique (user_id, name),
    constraint alerts_name_is_not_blank check (length(btrim(name)) between 1 and 200),
    constraint alerts_condition_is_an_object check (jsonb_typeof(condition) = 'object'),
    constraint alerts_channels_are_known check (channels <@ array['email', 'webhook', 'push']),
    constraint alerts_cooldown_is_not_negative check (cooldown >= interval '0'),
    constraint alerts_trigger_count_is_not_negative check (trigger_count >= 0),
    constraint alerts_metadata_is_an_object check (jsonb_typeof(metadata) = 'object')
);

create index alerts_instrument_reference on core.alerts (instrument_id);

comment on table core.alerts is 'Conditions a person wants to hear about.';
comment on column core.alerts.user_id is 'The tenant.';
comment on column core.alerts.id is 'Number of the alert.';
comment on column core.alerts.instrument_id is 'The instrument watched; null where the alert is about something else.';
comment on column core.alerts.name is 'The person''s name for it.';
comment on column core.alerts.alert_type is 'What is watched.';
comment on column core.alerts.condition is 'The condition: an object whose keys depend on alert_type.';
comment on column core.alerts.channels is 'Where to tell: email, webhook, push.';
comment on column core.alerts.status is 'Only active alerts are evaluated.';
comment on column core.alerts.cooldown is 'Silence after a trigger.';
comment on column core.alerts.trigger_count is 'How often it fired.';
comment on column core.alerts.last_triggered_at is 'When it last fired; null if never.';
comment on column core.alerts.metadata is 'Free notes of programs: an object; nothing computes with it.';
comment on column core.alerts.created_at is 'When the row was made.';
comment on column core.alerts.updated_at is 'When the row was last changed.';

-- 19_audit_logs.sql

-- Every change of the nine other core tables, written by triggers. An insert records the key (the row itself holds the values),
-- an update the changed columns, a delete the whole old row. No foreign key: the log outlives what it speaks of.

create table core.audit_logs (
    id bigint not null generated always as identity,
    user_id uuid,
    actor_id uuid,
    table_name text not null,
    record_key text not null,
    action core.audit_action not null,
    old_values jsonb,
    new_values jsonb,
    changed_columns text[],
    transaction_xid xid8 not null default pg_current_xact_id(),
    context jsonb,
    created_at timestamptz not null default now(),
    constraint audit_logs_pkey primary key (id)
);

create index audit_logs_of_user on core.audit_logs (user_id, id);
create index audit_logs_in_sealing_order on core.audit_logs (transaction_xid, id);

comment on table core.audit_logs is 'Every change of the core tables: who, what, when; sealed into a chain by audit.seal().';
comment on column core.audit_logs.id is 'Number of the entry.';
comment on column core.audit_logs.user_id is 'The tenant whose row changed; null for shared tables.';
comment on column core.audit_logs.actor_id is 'The person who acted, if one was signed in; null for the platform itself.';
comment on column core.audit_logs.table_name is 'Table within core.';
comment on column core.audit_logs.record_key is 'Key of the row within the tenant.';
comment on column core.audit_logs.action is 'Insert, update or delete.';
comment on column core.audit_logs.old_values is 'Changed columns before (update), the whole row (delete); null for an insert.';
comment on column core.audit_logs.new_values is 'Changed columns after (update); null otherwise.';
comment on column core.audit_logs.changed_columns is 'Names of the changed columns (update); null otherwise.';
comment on column core.audit_logs.transaction_xid is 'Database transaction; entries with the same number happened together.';
comment on column core.audit_logs.context is 'Database role, login, request and the reason that was given: an object; null where nothing is known.';
comment on column core.audit_logs.created_at is 'When the database transaction began.';

-- 30_tax_inputs.sql

-- What the lot engine reads about a transaction beyond its row: typed and checked. Written by people's own functions, never by the engine.

create table tax.transaction_terms (
    user_id uuid not null,
    transaction_id bigint not null,
    fx_rate numeric,
    fee_currency text,
    fee_fx_rate numeric,
    ratio_numerator numeric,
    ratio_denominator numeric,
    fraction_handling tax.fraction_handling,
    cash_in_lieu numeric,
    new_instrument_id bigint,
    basis_fraction numeric,
    cash_per_share numeric,
    value_per_new_share numeric,
    amount_per_share numeric,
    taxable boolean,
    supplied_basis numeric,
    supplied_acquired_on date,
    donor_basis numeric,
    donor_acquired_on date,
    market_value numeric,
    covered boolean,
    accrued_interest numeric,
    lot_method core.lot_method,
    stated_quantity numeric,
    stated_new_quantity numeric,
    exercise_settlement tax.exercise_settlement,
    constraint transaction_terms_pkey primary key (user_id, transaction_id),
    constraint transaction_terms_belong_to_a_transaction foreign key (user_id, transaction_id)
        references core.transactions (user_id, id) on delete cascade,
    constraint transaction_terms_new_instrument_exists foreign key (new_instrument_id) references core.instruments (id),
    constraint transaction_terms_rates_are_positive check (
        fx_rate > 0
        and fx_rate < 'Infinity'
        and fee_fx_rate > 0
        and fee_fx_rate < 'Infinity'
    ),
    constraint transaction_terms_fee_currency_is_a_code check (fee_currency ~ '^[A-Z]{3,5}$'),
    constraint transaction_terms_ratio_is_complete check ((ratio_numerator is null) = (ratio_denominator is null)),
    constraint transaction_terms_ratio_is_positive check (
        ratio_numerator > 0
        and ratio_numerator < 'Infinity'
        and ratio_denominator > 0
        and ratio_denominator < 'Infinity'
    ),
    constraint transaction_terms_basis_fraction_is_a_share check (basis_fraction between 0 and 1),
    constraint transaction_terms_amounts_are_not_negative check (
        least(cash_per_share, value_per_new_share, amount_per_share, supplied_basis, donor_basis, market_value) >= 0
        and greatest(cash_per_share, value_per_new_share, amount_per_share, supplied_basis, donor_basis, market_value) < 'Infinity'
    ),
    constraint transaction_terms_numbers_are_of_possible_size check (
        fx_rate between -1e30 and 1e30
        and fee_fx_rate between -1e30 and 1e30
        and ratio_numerator between -1e30 and 1e30
        and ratio_denominator between -1e30 and 1e30
        and cash_in_lieu between -1e30 and 1e30
        and basis_fraction between -1e30 and 1e30
        and cash_per_share between -1e30 and 1e30
        and value_per_new_share between -1e30 and 1e30
        and amount_per_share between -1e30 and 1e30
        and supplied_basis between -1e30 and 1e30
        and donor_basis between -1e30 and 1e30
        and market_value between -1e30 and 1e30
        and accrued_interest between -1e30 and 1e30
        and stated_quantity between -1e30 and 1e30
        and stated_new_quantity between -1e30 and 1e30
        and greatest(scale(fx_rate), scale(fee_fx_rate), scale(ratio_numerator), scale(ratio_denominator), scale(cash_in_lieu), scale(basis_fraction), scale(cash_per_share), scale(value_per_new_share), scale(amount_per_share), scale(supplied_basis), scale(donor_basis), scale(market_value), scale(accrued_interest), scale(stated_quantity), scale(stated_new_quantity)) <= 100
    )
);

create index transaction_terms_new_instrument_reference on tax.transaction_terms (new_instrument_id)
    where new_instrument_id is not null;

comment on table tax.transaction_terms is 'Facts of a transaction that only some kinds have; one to one, only where needed.';
comment on column tax.transaction_terms.user_id is 'The tenant.';
comment on column tax.transaction_terms.transaction_id is 'The transaction.';
comment on column tax.transaction_terms.fx_rate is 'Tax currency per unit of the transaction''s currency; null if not stated (1 where they are the same).';
comment on column tax.transaction_terms.fee_currency is 'Currency of commission and fees where it differs; null otherwise.';
comment on column tax.transaction_terms.fee_fx_rate is 'Tax currency per unit of the fee currency; null if not stated.';
comment on column tax.transaction_terms.ratio_numerator is 'New units (split, merger, symbol change), child units (spin-off), rate (stock dividend).';
comment on column tax.transaction_terms.ratio_denominator is 'Old or parent units; 1 for a stock dividend.';
comment on column tax.transaction_terms.fraction_handling is 'What becomes of fractions; keep if null.';
comment on column tax.transaction_terms.cash_in_lieu is 'Cash for the fraction in this account, signed; null if none.';
comment on column tax.transaction_terms.new_instrument_id is 'What the holding becomes, or the child of a spin-off.';
comment on column tax.transaction_terms.basis_fraction is 'Share of the basis that goes to the child of a spin-off.';
comment on column tax.transaction_terms.cash_per_share is 'Cash per old unit in a merger.';
comment on column tax.transaction_terms.value_per_new_share is 'Market value per new unit in a merger.';
comment on column tax.transaction_terms.amount_per_share is 'Return of capital per unit.';
comment on column tax.transaction_terms.taxable is 'True for a merger that is not a reorganisation.';
comment on column tax.transaction_terms.supplied_basis is 'Basis that came with a transfer or was supplied later; null is unknown, never 0.';
comment on column tax.transaction_terms.supplied_acquired_on is 'Acquisition date that came with a transfer or was supplied later; null is unknown.';
comment on column tax.transaction_terms.donor_basis is 'Donor''s basis of a gift, total.';
comment on column tax.transaction_terms.donor_acquired_on is 'Donor''s acquisition date.';
comment on column tax.transaction_terms.market_value is 'Value at the gift or at death, total.';
comment on column tax.transaction_terms.covered is 'Whether the broker must report the basis; null if not stated.';
comment on column tax.transaction_terms.accrued_interest is 'Bond interest paid or received with the trade; no part of basis or proceeds.';
comment on column tax.transaction_terms.lot_method is 'Lot method of this transaction alone.';
comment on column tax.transaction_terms.stated_quantity is 'The broker''s own figure where the engine computes the quantity; magnitude only for an option event without direction.';
comment on column tax.transaction_terms.stated_new_quantity is 'The broker''s own figure for the new instrument.';
comment on column tax.transaction_terms.exercise_settlement is 'derived: the engine makes the stock leg at the strike; linked: the linked row is it; cash: no stock.';

create table tax.transaction_links (
    user_id uuid not null,
    from_id bigint not null,
    to_id bigint not null,
    kind tax.link_kind not null,
    constraint transaction_links_pkey primary key (user_id, from_id, to_id, kind),
    constraint transaction_links_from_exists foreign key (user_id, from_id) references core.transactions (user_id, id) on delete cascade,
    constraint transaction_links_to_exists foreign key (user_id, to_id) references core.transactions (user_id, id) on delete cascade,
    constraint transaction_links_join_two check (from_id <> to_id)
);

create index transaction_links_backwards on tax.transaction_links (user_id, to_id);

comment on table tax.transaction_links is 'Two rows that are one event.';
comment on column tax.transaction_links.user_id is 'The tenant.';
comment on column tax.transaction_links.from_id is 'Option leg, outgoing leg, correcting row, supplied basis, cash for a fraction.';
comment on column tax.transaction_links.to_id is 'Stock leg, incoming leg, corrected row, the transfer, the corporate action.';
comment on column tax.transaction_links.kind is 'How they belong together.';

create table tax.lot_picks (
    user_id uuid not null,
    transaction_id bigint not null,
    leg tax.pick_leg not null default 'transaction',
    pick_order integer not null,
    opening_transaction_id bigint not null,
    quantity numeric not null,
    identified_at timestamptz,
    constraint lot_picks_pkey primary key (user_id, transaction_id, leg, pick_order),
    constraint lot_picks_of_a_transaction foreign key (user_id, transaction_id)
        references core.transactions (user_id, id) on delete cascade,
    constraint lot_picks_name_an_opening foreign key (user_id, opening_transaction_id)
        references core.transactions (user_id, id) on delete cascade,
    constraint lot_picks_order_counts_from_one check (pick_order >= 1),
    constraint lot_picks_quantity_is_positive check (quantity > 0 and quantity < 'Infinity')
);

create index lot_picks_of_opening on tax.lot_picks (user_id, opening_transaction_id);

comment on table tax.lot_picks is 'Lots named for a sale, transfer or exercise, in the order of use.';
comment on column tax.lot_picks.user_id is 'The tenant.';
comment on column tax.lot_picks.transaction_id is 'The transaction that disposes.';
comment on column tax.lot_picks.leg is 'The transaction itself, or the stock side of an exercise.';
comment on column tax.lot_picks.pick_order is 'Order of use.';
comment on column tax.lot_picks.opening_transaction_id is 'The transaction that acquired the named lot.';
comment on column tax.lot_picks.quantity is 'Units named.';
comment on column tax.lot_picks.identified_at is 'When the lots were named; null means in time.';

create table tax.instrument_facts (
    user_id uuid not null,
    instrument_id bigint not null,
    identifiers text[] not null default '{}',
    identical_group text,
    index_family text,
    section_1256 boolean,
    wash_exempt boolean,
    deliverable_shares numeric,
    deliverable_cash numeric,
    merged_into_instrument_id bigint,
    constraint instrument_facts_pkey primary key (user_id, instrument_id),
    constraint instrument_facts_belong_to_a_user foreign key (user_id) references core.users (id) on delete cascade,
    constraint instrument_facts_instrument_exists foreign key (instrument_id) references core.instruments (id),
    constraint instrument_facts_merged_into_exists foreign key (merged_into_instrument_id) references core.instruments (id),
    constraint instrument_facts_is_not_merged_into_itself check (merged_into_instrument_id <> instrument_id),
    constraint instrument_facts_deliverable_shares_is_positive check (deliverable_shares > 0 and deliverable_shares < 'Infinity'),
    constraint instrument_facts_numbers_are_of_possible_size check (
        deliverable_shares between -1e30 and 1e30
        and deliverable_cash between -1e30 and 1e30
        and greatest(scale(deliverable_shares), scale(deliverable_cash)) <= 100
    ),
    constraint instrument_facts_identical_group_is_not_blank check (length(btrim(identical_group)) between 1 and 100),
    constraint instrument_facts_index_family_is_not_blank check (length(btrim(index_family)) between 1 and 100)
);

create index instrument_facts_by_identifier on tax.instrument_facts using gin (identifiers);
create index instrument_facts_instrument_reference on tax.instrument_facts (instrument_id);
create index instrument_facts_merged_into_reference on tax.instrument_facts (merged_into_instrument_id)
    where merged_into_instrument_id is not null;

comment on table tax.instrument_facts is 'What one tenant knows of an instrument: names by which its files call it, and facts that change numbers.';
comment on column tax.instrument_facts.user_id is 'The tenant.';
comment on column tax.instrument_facts.instrument_id is 'The instrument.';
comment on column tax.instrument_facts.identifiers is 'Identifiers seen in the tenant''s files: conid:123, isin:US..., cusip:..., figi:....';
comment on column tax.instrument_facts.identical_group is 'Instruments with the same word are substantially identical; null: alone.';
comment on column tax.instrument_facts.index_family is 'The index that a fund follows: a loss on one fund near a purchase of another with the same word is a notice, no more; null: not said.';
comment on column tax.instrument_facts.section_1256 is 'Contract of section 1256; null: no.';
comment on column tax.instrument_facts.wash_exempt is 'Exempt from wash sales; null: by type (digital assets and currencies are).';
comment on column tax.instrument_facts.deliverable_shares is 'Shares that one contract delivers; null: its multiplier.';
comment on column tax.instrument_facts.deliverable_cash is 'Cash that one contract delivers beside the shares; null: none.';
comment on column tax.instrument_facts.merged_into_instrument_id is 'The instrument that counts for this one in the tenant''s books; null: itself.';

create table tax.lot_method_elections (
    user_id uuid not null,
    id bigint not null generated by default as identity,
    account_id bigint not null,
    instrument_id bigint,
    method core.lot_method not null,
    effective_from date not null,
    constraint lot_method_elections_pkey primary key (user_id, id),
    constraint lot_method_elections_one_per_day unique nulls not distinct (user_id, account_id, instrument_id, effective_from),
    constraint lot_method_elections_account_exists foreign key (user_id, account_id) references core.accounts (user_id, id) on delete cascade,
    constraint lot_method_elections_instrument_exists foreign key (instrument_id) references core.instruments (id)
);

create index lot_method_elections_instrument_reference on tax.lot_method_elections (instrument_id)
    where instrument_id is not null;

comment on table tax.lot_method_elections is 'Lot method of an account, or of an instrument in it, from a day on.';
comment on column tax.lot_method_elections.user_id is 'The tenant.';
comment on column tax.lot_method_elections.id is 'Number of the election.';
comment on column tax.lot_method_elections.account_id is 'The account.';
comment on column tax.lot_method_elections.instrument_id is 'The instrument; null: all of the account.';
comment on column tax.lot_method_elections.method is 'The method.';
comment on column tax.lot_method_elections.effective_from is 'First trade date it holds for.';

-- 31_tax_derived.sql

-- What the engine derives beside core.tax_lots and core.positions. Keys and checks, but no foreign keys: the engine is the only writer, and
-- `lots rebuild --verify` and `reconcile` prove the references. Deleting a person or an account deletes these rows by trigger.

create table tax.rebuild_state (
    user_id uuid not null,
    rebuilds bigint not null default 0,
    rebuilt_at timestamptz,
    constraint rebuild_state_pkey primary key (user_id),
    constraint rebuild_state_belongs_to_a_user foreign key (user_id) references core.users (id) on delete cascade
);

comment on table tax.rebuild_state is 'One row per taxpayer: whoever changes what lots depend on updates it first, and so waits for the other.';
comment on column tax.rebuild_state.user_id is 'The tenant.';
comment on column tax.rebuild_state.rebuilds is 'How often lots were rebuilt.';
comment on column tax.rebuild_state.rebuilt_at is 'When they were last rebuilt; null if never.';

create table tax.instrument_groups (
    user_id uuid not null,
    instrument_id bigint not null,
    group_id bigint not null,
    constraint instrument_groups_pkey primary key (user_id, instrument_id)
);

create index instrument_groups_members on tax.instrument_groups (user_id, group_id);

comment on table tax.instrument_groups is 'Instruments that must be rebuilt together: options and underlying, old and new of corporate actions, identical ones.';
comment on column tax.instrument_groups.user_id is 'The tenant.';
comment on column tax.instrument_groups.instrument_id is 'The instrument.';
comment on column tax.instrument_groups.group_id is 'Smallest instrument id of the group.';

create table tax.lot_state (
    user_id uuid not null,
    lot_id bigint not null,
    instrument_id bigint not null,
    arrived_on date,
    is_purchase boolean not null,
    is_used boolean not null default false,
    gift_loss_basis numeric,
    gift_loss_holding_start date,
    is_inherited boolean not null default false,
    is_covered boolean,
    constraint lot_state_pkey primary key (user_id, lot_id),
    constraint lot_state_gift_is_complete check ((gift_loss_basis is null) = (gift_loss_holding_start is null))
);

create index lot_state_of_instrument on tax.lot_state (user_id, instrument_id);

comment on table tax.lot_state is 'What the engine must remember of an open lot beyond its row. Only a lot that differs from a plain purchase has one: without it a lot arrived when it was acquired, is an unused purchase, and is covered or not by its date and kind.';
comment on column tax.lot_state.user_id is 'The tenant.';
comment on column tax.lot_state.lot_id is 'The lot.';
comment on column tax.lot_state.instrument_id is 'The lot''s instrument.';
comment on column tax.lot_state.arrived_on is 'When it came into this account; null if when it was acquired.';
comment on column tax.lot_state.is_purchase is 'Whether it counts as an acquisition for wash sales.';
comment on column tax.lot_state.is_used is 'Whether it has replaced a loss already.';
comment on column tax.lot_state.gift_loss_basis is 'Basis for a loss, of a gift worth less than its basis.';
comment on column tax.lot_state.gift_loss_holding_start is 'Holding date for a loss of such a gift.';
comment on column tax.lot_state.is_inherited is 'Inherited: always long-term.';
comment on column tax.lot_state.is_covered is 'Whether the basis is reported; null: by date and kind.';

create table tax.closings (
    user_id uuid not null,
    id bigint not null generated by default as identity,
    closing_transaction_id bigint not null,
    ordinal integer not null,
    group_id bigint not null,
    account_id bigint not null,
    instrument_id bigint not null,
    side core.lot_side not null,
    kind tax.closing_kind not null,
    quantity numeric not null,
    opening_transaction_id bigint,
    piece integer,
    opened_on date,
    holding_start date,
    closed_on date not null,
    proceeds numeric,
    basis numeric,
    native_proceeds numeric,
    native_basis numeric,
    disallowed numeric not null default 0,
    permanently_disallowed numeric not null default 0,
    term tax.holding_term not null,
    taxable boolean not null,
    tax_year integer not null,
    box text,
    constraint closings_pkey primary key (user_id, id),
    constraint closings_one_per_transaction_and_ordinal unique (user_id, group_id, closing_transaction_id, ordinal),
    constraint closings_quantity_is_not_negative check (quantity >= 0),
    constraint closings_money_is_in_cents check (proceeds = round(proceeds, 2) and basis = round(basis, 2)),
    constraint closings_disallowed_is_within_the_loss check (
        disallowed >= 0
        and permanently_disallowed >= 0
        and (disallowed + permanently_disallowed = 0 or disallowed + permanently_disallowed <= coalesce(basis - proceeds, 0))
    ),
    constraint closings_box_is_a_letter check (box ~ '^[A-L]$')
);

create index closings_by_year on tax.closings (user_id, tax_year);

comment on table tax.closings is 'Units of one piece disposed of by one transaction: the row that becomes a line of Form 8949. Keys lead with the group: the engine writes group by group, and appends to one place of the index.';
comment on column tax.closings.user_id is 'The tenant.';
comment on column tax.closings.id is 'Number of the closing; an untouched one keeps it.';
comment on column tax.closings.closing_transaction_id is 'The transaction that disposed.';
comment on column tax.closings.ordinal is 'Rank among the closings of that transaction.';
comment on column tax.closings.group_id is 'Group of instruments it was derived with.';
comment on column tax.closings.account_id is 'The account.';
comment on column tax.closings.instrument_id is 'The instrument.';
comment on column tax.closings.side is 'Side of the lot that was closed.';
comment on column tax.closings.kind is 'How it was closed; unmatched: the history does not show where the units came from.';
comment on column tax.closings.quantity is 'Units.';
comment on column tax.closings.opening_transaction_id is 'The transaction that had opened the lot; null if unmatched.';
comment on column tax.closings.piece is 'Piece of the lot; null if unmatched.';
comment on column tax.closings.opened_on is 'Acquisition date, opening date of a short; null if unknown.';
comment on column tax.closings.holding_start is 'Date from which the holding period counted; null if unknown.';
comment on column tax.closings.closed_on is 'Trade date of the closing.';
comment on column tax.closings.proceeds is 'Proceeds in cents of the tax currency; null if no exchange rate is known.';
comment on column tax.closings.basis is 'Basis in cents of the tax currency; null if unknown.';
comment on column tax.closings.native_proceeds is 'Proceeds in the trading currency.';
comment on column tax.closings.native_basis is 'Cost in the trading currency; null if unknown.';
comment on column tax.closings.disallowed is 'Part of the loss deferred into a replacement lot.';
comment on column tax.closings.permanently_disallowed is 'Part of the loss that is lost because the replacement lies in a retirement account.';
comment on column tax.closings.term is 'Short or long term, section 1256, or unknown.';
comment on column tax.closings.taxable is 'Whether the account is taxable.';
comment on column tax.closings.tax_year is 'Year in which it counts.';
comment on column tax.closings.box is 'Box of Form 8949; null if it is not on the form.';

create table tax.wash_matches (
    user_id uuid not null,
    id bigint not null generated by default as identity,
    group_id bigint not null,
    loss_transaction_id bigint not null,
    loss_ordinal integer not null,
    match_order integer not null,
    replacement_transaction_id bigint not null,
    replacement_account_id bigint not null,
    replacement_instrument_id bigint not null,
    replacement_piece integer not null,
    is_permanent boolean not null,
    quantity numeric not null,
    amount numeric not null,
    constraint wash_matches_pkey primary key (user_id, id),
    constraint wash_matches_one_per_loss_and_order unique (user_id, group_id, loss_transaction_id, loss_ordinal, match_order),
    constraint wash_matches_quantity_is_positive check (quantity > 0),
    constraint wash_matches_amount_is_in_cents check (amount >= 0 and amount = round(amount, 2))
);

comment on table tax.wash_matches is 'Which replacement took up which loss.';
comment on column tax.wash_matches.user_id is 'The tenant.';
comment on column tax.wash_matches.id is 'Number of the match.';
comment on column tax.wash_matches.group_id is 'Group of instruments it was derived with.';
comment on column tax.wash_matches.loss_transaction_id is 'The sale at a loss.';
comment on column tax.wash_matches.loss_ordinal is 'Which closing of that sale.';
comment on column tax.wash_matches.match_order is 'Rank among the matches of that closing.';
comment on column tax.wash_matches.replacement_transaction_id is 'The acquisition that replaced the units.';
comment on column tax.wash_matches.replacement_account_id is 'Account of the replacement.';
comment on column tax.wash_matches.replacement_instrument_id is 'Instrument of the replacement.';
comment on column tax.wash_matches.replacement_piece is 'Piece that was adjusted.';
comment on column tax.wash_matches.is_permanent is 'Whether the loss is lost for good.';
comment on column tax.wash_matches.quantity is 'Share equivalents at the time of the match.';
comment on column tax.wash_matches.amount is 'Loss taken up.';

create table tax.notices (
    user_id uuid not null,
    id bigint not null generated by default as identity,
    group_id bigint not null,
    code tax.notice_code not null,
    transaction_id bigint not null,
    related_transaction_id bigint,
    sentence text not null,
    constraint notices_pkey primary key (user_id, id),
    constraint notices_said_once unique nulls not distinct (user_id, code, transaction_id, related_transaction_id)
);

create index notices_of_group on tax.notices (user_id, group_id);

comment on table tax.notices is 'What the engine does not compute but flags; a notice never changes a number.';
comment on column tax.notices.user_id is 'The tenant.';
comment on column tax.notices.id is 'Number of the notice.';
comment on column tax.notices.group_id is 'Group of instruments it was derived with.';
comment on column tax.notices.code is 'Which notice.';
comment on column tax.notices.transaction_id is 'The transaction concerned.';
comment on column tax.notices.related_transaction_id is 'The other transaction concerned; null if there is none.';
comment on column tax.notices.sentence is 'One sentence for a person.';

-- 40_ingest.sql

-- Where every row came from, and what the broker itself says it holds.

create table ingest.files (
    user_id uuid not null,
    sync_id bigint not null,
    name text not null,
    size_bytes bigint not null,
    layout text,
    newest_first boolean not null default false,
    period_start date,
    period_end date,
    generated_at timestamptz,
    warnings jsonb not null default '[]',
    report jsonb,
    constraint files_pkey primary key (user_id, sync_id),
    constraint files_belong_to_a_run foreign key (user_id, sync_id) references core.sync_history (user_id, id) on delete cascade,
    constraint files_size_is_not_negative check (size_bytes >= 0),
    constraint files_warnings_is_a_list check (jsonb_typeof(warnings) = 'array'),
    constraint files_report_is_an_object check (jsonb_typeof(report) = 'object')
);

comment on table ingest.files is 'What an imported file said about itself.';
comment on column ingest.files.user_id is 'The tenant.';
comment on column ingest.files.sync_id is 'The import.';
comment on column ingest.files.name is 'File name without its folder.';
comment on column ingest.files.size_bytes is 'Length of the file.';
comment on column ingest.files.layout is 'Which layout of the format was found.';
comment on column ingest.files.newest_first is 'Whether the rows ran backwards in time.';
comment on column ingest.files.period_start is 'First day the statement covers; null if not stated.';
comment on column ingest.files.period_end is 'Last day the statement covers; null if not stated.';
comment on column ingest.files.generated_at is 'When the broker made the statement; null if not stated.';
comment on column ingest.files.report is 'The proof of a migration from the old database; null for files.';
comment on column ingest.files.warnings is 'Warnings of the parser and the load: list of {line, column, text, reason}.';

create table ingest.lines (
    user_id uuid not null,
    sync_id bigint not null,
    line_number integer not null,
    part smallint not null default 0,
    verdict ingest.line_verdict not null,
    transaction_id bigint,
    account_id bigint,
    instrument_id bigint,
    new_instrument_id bigint,
    source text,
    dedupe_key text,
    trade_date date,
    day_rank integer,
    values_digest text,
    section text,
    raw text not null,
    attested jsonb,
    only_attests boolean not null default false,
    refused_column text,
    reason text,
    constraint lines_pkey primary key (user_id, sync_id, line_number, part),
    constraint lines_belong_to_a_run foreign key (user_id, sync_id) references core.sync_history (user_id, id) on delete cascade,
    constraint lines_number_counts_from_one check (line_number >= 1),
    constraint lines_refused_has_a_reason check (verdict <> 'refused' or reason is not null)
);

create index lines_of_transaction on ingest.lines (user_id, transaction_id) where transaction_id is not null;

comment on table ingest.lines is 'Every record of every imported file, with its verdict and the transaction it attests.';
comment on column ingest.lines.user_id is 'The tenant.';
comment on column ingest.lines.sync_id is 'The import.';
comment on column ingest.lines.line_number is 'First physical line of the record, from 1.';
comment on column ingest.lines.part is 'Several transactions of one record are told apart by this.';
comment on column ingest.lines.verdict is 'New, known, changed or refused; evidence, skipped or unknown for lines without a transaction.';
comment on column ingest.lines.transaction_id is 'The transaction attested; null if none, or if that was removed later.';
comment on column ingest.lines.account_id is 'Account of the transaction; null if the line has none.';
comment on column ingest.lines.instrument_id is 'Instrument of the transaction; null if it has none.';
comment on column ingest.lines.new_instrument_id is 'What the holding becomes; null if not a corporate action.';
comment on column ingest.lines.source is 'Source of the transaction; an exported file keeps the source of its rows.';
comment on column ingest.lines.dedupe_key is 'Identity of the transaction within account and source.';
comment on column ingest.lines.trade_date is 'Trade date this line states.';
comment on column ingest.lines.values_digest is 'Digest of the values this line states, whatever their spelling; tells known from changed.';
comment on column ingest.lines.day_rank is 'Rank of the transaction within account and day in this file''s time order.';
comment on column ingest.lines.section is 'Section of the file.';
comment on column ingest.lines.raw is 'The record as it stood in the file; empty for further parts.';
comment on column ingest.lines.attested is 'The values this line brought; null if it brought none, or only completes another line''s event.';
comment on column ingest.lines.only_attests is 'Whether the event counts by a row of another source (ingest.matches).';
comment on column ingest.lines.refused_column is 'Column of the refusal; null if the whole record.';
comment on column ingest.lines.reason is 'Why it was refused or is remarkable.';

create table ingest.line_links (
    user_id uuid not null,
    sync_id bigint not null,
    from_line integer not null,
    from_part smallint not null default 0,
    to_line integer not null,
    to_part smallint not null default 0,
    kind tax.link_kind not null,
    constraint line_links_pkey primary key (user_id, sync_id, from_line, from_part, to_line, to_part, kind),
    constraint line_links_belong_to_a_run foreign key (user_id, sync_id) references core.sync_history (user_id, id) on delete cascade
);

comment on table ingest.line_links is 'Which lines of a file are one event, as the file shows it.';
comment on column ingest.line_links.user_id is 'The tenant.';
comment on column ingest.line_links.sync_id is 'The import.';
comment on column ingest.line_links.from_line is 'Line of the option leg, the correcting row, the supplied basis.';
comment on column ingest.line_links.from_part is 'Which transaction of that line.';
comment on column ingest.line_links.to_line is 'Line of the stock leg, the corrected row, the transfer.';
comment on column ingest.line_links.to_part is 'Which transaction of that line.';
comment on column ingest.line_links.kind is 'How they belong together.';

create table ingest.line_picks (
    user_id uuid not null,
    sync_id bigint not null,
    line_number integer not null,
    part smallint not null default 0,
    leg tax.pick_leg not null default 'transaction',
    pick_order integer not null,
    opening_line integer not null,
    opening_part smallint not null default 0,
    quantity numeric not null,
    constraint line_picks_pkey primary key (user_id, sync_id, line_number, part, leg, pick_order),
    constraint line_picks_belong_to_a_run foreign key (user_id, sync_id) references core.sync_history (user_id, id) on delete cascade,
    constraint line_picks_quantity_is_positive check (quantity > 0)
);

comment on table ingest.line_picks is 'Lots that a file names for its disposals.';
comment on column ingest.line_picks.user_id is 'The tenant.';
comment on column ingest.line_picks.sync_id is 'The import.';
comment on column ingest.line_picks.line_number is 'Line of the disposal.';
comment on column ingest.line_picks.part is 'Which transaction of that line.';
comment on column ingest.line_picks.leg is 'The transaction itself, or the stock side of an exercise.';
comment on column ingest.line_picks.pick_order is 'Order of use.';
comment on column ingest.line_picks.opening_line is 'Line of the acquisition that is named.';
comment on column ingest.line_picks.opening_part is 'Which transaction of that line.';
comment on column ingest.line_picks.quantity is 'Units named.';

create table ingest.corrections (
    user_id uuid not null,
    account_id bigint not null,
    source text not null,
    dedupe_key text not null,
    is_voided boolean not null default false,
    corrected jsonb not null default '{}',
    original jsonb not null,
    reason text not null,
    created_at timestamptz not null default now(),
    constraint corrections_pkey primary key (user_id, account_id, source, dedupe_key),
    constraint corrections_account_exists foreign key (user_id, account_id) references core.accounts (user_id, id) on delete cascade,
    constraint corrections_reason_is_given check (length(btrim(reason)) between 3 and 1000),
    constraint corrections_corrected_is_an_object check (jsonb_typeof(corrected) = 'object')
);

comment on table ingest.corrections is 'What a person put right by hand: stands above all imports, which never undo it.';
comment on column ingest.corrections.user_id is 'The tenant.';
comment on column ingest.corrections.account_id is 'Account of the transaction.';
comment on column ingest.corrections.source is 'Source of the transaction.';
comment on column ingest.corrections.dedupe_key is 'Identity of the transaction.';
comment on column ingest.corrections.is_voided is 'Whether the transaction was removed; a later import does not bring it back.';
comment on column ingest.corrections.corrected is 'Columns of the transaction with their right values.';
comment on column ingest.corrections.original is 'The whole row as it was before the first correction.';
comment on column ingest.corrections.reason is 'Why, in the person''s words.';
comment on column ingest.corrections.created_at is 'When.';

create table ingest.broker_positions (
    user_id uuid not null,
    sync_id bigint not null,
    line_number integer not null,
    account_id bigint not null,
    instrument_id bigint not null,
    stated_instrument_id bigint,
    as_of date not null,
    quantity numeric not null,
    cost_basis numeric,
    currency text not null,
    constraint broker_positions_pkey primary key (user_id, sync_id, line_number),
    constraint broker_positions_belong_to_a_run foreign key (user_id, sync_id) references core.sync_history (user_id, id) on delete cascade,
    constraint broker_positions_account_exists foreign key (user_id, account_id) references core.accounts (user_id, id) on delete cascade,
    constraint broker_positions_instrument_exists foreign key (instrument_id) references core.instruments (id),
    constraint broker_positions_stated_instrument_exists foreign key (stated_instrument_id) references core.instruments (id),
    constraint broker_positions_currency_is_a_code check (currency ~ '^[A-Z]{3,5}$'),
    constraint broker_positions_numbers_are_of_possible_size check (
        quantity between -1e30 and 1e30
        and cost_basis between -1e30 and 1e30
        and greatest(scale(quantity), scale(cost_basis)) <= 100
    )
);

create index broker_positions_newest on ingest.broker_positions (user_id, account_id, as_of, instrument_id);
create index broker_positions_instrument_reference on ingest.broker_positions (instrument_id);
create index broker_positions_stated_instrument_reference on ingest.broker_positions (stated_instrument_id)
    where stated_instrument_id is not null;

comment on table ingest.broker_positions is 'Evidence: what the broker says it holds at the end of a day. Compared, never used to compute.';
comment on column ingest.broker_positions.user_id is 'The tenant.';
comment on column ingest.broker_positions.sync_id is 'The import that brought it.';
comment on column ingest.broker_positions.line_number is 'Its line.';
comment on column ingest.broker_positions.account_id is 'The account.';
comment on column ingest.broker_positions.instrument_id is 'The instrument.';
comment on column ingest.broker_positions.stated_instrument_id is 'What the file called it, where the person merged or split that instrument; null otherwise.';
comment on column ingest.broker_positions.as_of is 'End of this day.';
comment on column ingest.broker_positions.quantity is 'Units, short negative.';
comment on column ingest.broker_positions.cost_basis is 'Cost in currency, short negative; null if not stated.';
comment on column ingest.broker_positions.currency is 'Currency of the cost.';

create table ingest.broker_lots (
    user_id uuid not null,
    sync_id bigint not null,
    line_number integer not null,
    account_id bigint not null,
    instrument_id bigint not null,
    stated_instrument_id bigint,
    as_of date not null,
    acquired_on date,
    acquired_at timestamptz,
    quantity numeric not null,
    cost_basis numeric,
    currency text not null,
    constraint broker_lots_pkey primary key (user_id, sync_id, line_number),
    constraint broker_lots_belong_to_a_run foreign key (user_id, sync_id) references core.sync_history (user_id, id) on delete cascade,
    constraint broker_lots_account_exists foreign key (user_id, account_id) references core.accounts (user_id, id) on delete cascade,
    constraint broker_lots_instrument_exists foreign key (instrument_id) references core.instruments (id),
    constraint broker_lots_stated_instrument_exists foreign key (stated_instrument_id) references core.instruments (id),
    constraint broker_lots_currency_is_a_code check (currency ~ '^[A-Z]{3,5}$'),
    constraint broker_lots_numbers_are_of_possible_size check (
        quantity between -1e30 and 1e30
        and cost_basis between -1e30 and 1e30
        and greatest(scale(quantity), scale(cost_basis)) <= 100
    )
);

create index broker_lots_newest on ingest.broker_lots (user_id, account_id, as_of, instrument_id);
create index broker_lots_instrument_reference on ingest.broker_lots (instrument_id);
create index broker_lots_stated_instrument_reference on ingest.broker_lots (stated_instrument_id)
    where stated_instrument_id is not null;

comment on table ingest.broker_lots is 'Evidence: the broker''s own open lots at the end of a day.';
comment on column ingest.broker_lots.user_id is 'The tenant.';
comment on column ingest.broker_lots.sync_id is 'The import that brought it.';
comment on column ingest.broker_lots.line_number is 'Its line.';
comment on column ingest.broker_lots.account_id is 'The account.';
comment on column ingest.broker_lots.instrument_id is 'The instrument.';
comment on column ingest.broker_lots.stated_instrument_id is 'What the file called it, where the person merged or split that instrument; null otherwise.';
comment on column ingest.broker_lots.as_of is 'End of this day.';
comment on column ingest.broker_lots.acquired_on is 'Acquisition date by the broker; null if not stated.';
comment on column ingest.broker_lots.acquired_at is 'Instant of acquisition by the broker; null if not stated.';
comment on column ingest.broker_lots.quantity is 'Units, short negative.';
comment on column ingest.broker_lots.cost_basis is 'Cost in currency, short negative; null if not stated.';
comment on column ingest.broker_lots.currency is 'Currency of the cost.';

create table ingest.broker_cash (
    user_id uuid not null,
    sync_id bigint not null,
    line_number integer not null,
    account_id bigint not null,
    currency text not null,
    as_of date not null,
    moment ingest.balance_moment not null,
    amount numeric not null,
    constraint broker_cash_pkey primary key (user_id, sync_id, line_number, moment),
    constraint broker_cash_belongs_to_a_run foreign key (user_id, sync_id) references core.sync_history (user_id, id) on delete cascade,
    constraint broker_cash_account_exists foreign key (user_id, account_id) references core.accounts (user_id, id) on delete cascade,
    constraint broker_cash_currency_is_a_code check (currency ~ '^[A-Z]{3,5}$'),
    constraint broker_cash_numbers_are_of_possible_size check (
        amount between -1e30 and 1e30
        and scale(amount) <= 100
    )
);

create index broker_cash_newest on ingest.broker_cash (user_id, account_id, as_of, currency);

comment on table ingest.broker_cash is 'Evidence: balances that the broker states.';
comment on column ingest.broker_cash.user_id is 'The tenant.';
comment on column ingest.broker_cash.sync_id is 'The import that brought it.';
comment on column ingest.broker_cash.line_number is 'Its line.';
comment on column ingest.broker_cash.account_id is 'The account.';
comment on column ingest.broker_cash.currency is 'Currency of the balance.';
comment on column ingest.broker_cash.as_of is 'The day.';
comment on column ingest.broker_cash.moment is 'Start or end of that day.';
comment on column ingest.broker_cash.amount is 'The balance.';

create table ingest.reconciliations (
    user_id uuid not null,
    id bigint not null generated by default as identity,
    as_of date not null,
    account_id bigint,
    inputs_digest text not null,
    checked jsonb not null,
    differences integer not null,
    created_at timestamptz not null default now(),
    constraint reconciliations_pkey primary key (user_id, id),
    constraint reconciliations_belong_to_a_user foreign key (user_id) references core.users (id) on delete cascade,
    constraint reconciliations_account_exists foreign key (user_id, account_id) references core.accounts (user_id, id) on delete cascade,
    constraint reconciliations_digest_is_sha256 check (inputs_digest ~ '^[0-9a-f]{64}$'),
    constraint reconciliations_checked_is_an_object check (jsonb_typeof(checked) = 'object')
);

create index reconciliations_by_time on ingest.reconciliations (user_id, created_at);
create index reconciliations_of_account on ingest.reconciliations (user_id, account_id) where account_id is not null;

comment on table ingest.reconciliations is 'Each reconciliation that was run, with a digest of what it compared.';
comment on column ingest.reconciliations.user_id is 'The tenant.';
comment on column ingest.reconciliations.id is 'Number of the run.';
comment on column ingest.reconciliations.as_of is 'Newest evidence at or before this day was used.';
comment on column ingest.reconciliations.account_id is 'The account it was for; null: all.';
comment on column ingest.reconciliations.inputs_digest is 'SHA-256 over transactions, lots and evidence compared.';
comment on column ingest.reconciliations.checked is 'Comparisons made, by kind: an object of numbers.';
comment on column ingest.reconciliations.differences is 'Differences that are not explained.';
comment on column ingest.reconciliations.created_at is 'When it was run.';

create table ingest.findings (
    user_id uuid not null,
    id bigint not null generated by default as identity,
    reconciliation_id bigint not null,
    account_id bigint,
    instrument_id bigint,
    symbol text not null,
    kind ingest.finding_kind not null,
    ours numeric,
    broker numeric,
    cause ingest.finding_cause not null,
    status ingest.finding_status not null,
    evidence jsonb not null,
    reason text,
    constraint findings_pkey primary key (user_id, id),
    constraint findings_belong_to_a_reconciliation foreign key (user_id, reconciliation_id)
        references ingest.reconciliations (user_id, id) on delete cascade,
    constraint findings_account_exists foreign key (user_id, account_id) references core.accounts (user_id, id) on delete cascade,
    constraint findings_instrument_exists foreign key (instrument_id) references core.instruments (id),
    constraint findings_evidence_is_an_object check (jsonb_typeof(evidence) = 'object'),
    constraint findings_accepted_has_a_reason check (status <> 'accepted' or coalesce(length(btrim(reason)), 0) >= 3)
);

create index findings_of_reconciliation on ingest.findings (user_id, reconciliation_id);
create index findings_of_account on ingest.findings (user_id, account_id);
create index findings_instrument_reference on ingest.findings (instrument_id) where instrument_id is not null;

comment on table ingest.findings is 'Differences that a reconciliation found, each with one named cause.';
comment on column ingest.findings.user_id is 'The tenant.';
comment on column ingest.findings.id is 'Number of the finding.';
comment on column ingest.findings.reconciliation_id is 'The run that found it.';
comment on column ingest.findings.account_id is 'The account; null for a check across accounts.';
comment on column ingest.findings.instrument_id is 'The instrument; null for cash.';
comment on column ingest.findings.symbol is 'Symbol, or the currency for cash.';
comment on column ingest.findings.kind is 'What was compared.';
comment on column ingest.findings.ours is 'Our figure; null if unknown.';
comment on column ingest.findings.broker is 'The broker''s figure, or the second figure of an internal check; null if unknown.';
comment on column ingest.findings.cause is 'The one named cause.';
comment on column ingest.findings.status is 'Open, explained (harmless), accepted by the person, fixed.';
comment on column ingest.findings.evidence is 'The figures behind it: an object.';
comment on column ingest.findings.reason is 'Why the person accepted it; null otherwise.';

create unlogged table ingest.staging (
    load_id uuid not null,
    user_id uuid not null,
    kind text not null,
    line_number integer not null,
    part smallint not null default 0,
    payload jsonb,
    raw text,
    staged_at timestamptz not null default now(),
    constraint staging_kind_is_known check (
        kind in (
            'line', 'transaction', 'instrument', 'link', 'pick', 'statement', 'position', 'lot', 'cash', 'warning', 'refusal'
        )
        or kind ~ '^v1_[a-z_]{1,40}$'
    )
);

create index staging_of_load on ingest.staging (load_id, kind);

comment on table ingest.staging is 'Parsed records on their way in, one row each. Without row-level security because COPY needs that; nobody may read it, and user_id cannot be chosen.';
comment on column ingest.staging.load_id is 'The load, chosen by the client.';
comment on column ingest.staging.user_id is 'Whose session wrote it; set by default, never by the client.';
comment on column ingest.staging.kind is 'Kind of record; v1_TABLE for rows of the old database.';
comment on column ingest.staging.line_number is 'Line of the file.';
comment on column ingest.staging.part is 'Which transaction of the line.';
comment on column ingest.staging.payload is 'The record as an object; keys as in the load function''s comment.';
comment on column ingest.staging.raw is 'Text of the line (kind line).';
comment on column ingest.staging.staged_at is 'When; rows of an abandoned load are removed after a day.';

-- Price bars that jump without a known corporate action: kept apart until an administrator decides. Shared, as the bars are.
create table ingest.held_prices (
    instrument_id bigint not null,
    interval core.bar_interval not null,
    as_of timestamptz not null,
    open numeric,
    high numeric,
    low numeric,
    close numeric not null,
    adjusted_close numeric,
    volume numeric,
    source text not null,
    previous_close numeric not null,
    previous_as_of timestamptz not null,
    held_at timestamptz not null default now(),
    constraint held_prices_pkey primary key (instrument_id, interval, as_of),
    constraint held_prices_instrument_exists foreign key (instrument_id) references core.instruments (id) on delete cascade,
    constraint held_prices_are_positive check (close > 0 and previous_close > 0)
);

comment on table ingest.held_prices is 'Price bars that jump without a known corporate action; an administrator takes them over or throws them away.';
comment on column ingest.held_prices.instrument_id is 'The instrument.';
comment on column ingest.held_prices.interval is 'Length of the bar.';
comment on column ingest.held_prices.as_of is 'Start of the bar.';
comment on column ingest.held_prices.open is 'First price; null if only the close is known.';
comment on column ingest.held_prices.high is 'Highest price; null if only the close is known.';
comment on column ingest.held_prices.low is 'Lowest price; null if only the close is known.';
comment on column ingest.held_prices.close is 'Last price.';
comment on column ingest.held_prices.adjusted_close is 'Close adjusted for splits and dividends; null if the source has none.';
comment on column ingest.held_prices.volume is 'Units traded; null if unknown.';
comment on column ingest.held_prices.source is 'Where the bar came from.';
comment on column ingest.held_prices.previous_close is 'The last price that was believed.';
comment on column ingest.held_prices.previous_as_of is 'Its bar.';
comment on column ingest.held_prices.held_at is 'When the bar came.';

-- 41_sync.sql

-- What is fetched without a person: feeds, their attempts, and today's executions, which wait for the record that replaces them.

create table ingest.feeds (
    user_id uuid not null,
    id bigint not null generated by default as identity,
    name text not null,
    service ingest.feed_service not null,
    settings jsonb not null default '{}',
    since date not null,
    overlap_days integer not null default 7,
    fetched_through date,
    account_ids bigint[] not null default '{}',
    due_every interval not null default '1 day',
    silent_after interval not null default '30 days',
    is_paused boolean not null default false,
    created_at timestamptz not null default now(),
    constraint feeds_pkey primary key (user_id, id),
    constraint feeds_belong_to_a_user foreign key (user_id) references core.users (id) on delete cascade,
    constraint feeds_name_taken unique (user_id, name),
    constraint feeds_name_is_short_and_plain check (name ~ '^[a-z0-9][a-z0-9_-]{0,39}$'),
    constraint feeds_settings_is_an_object check (jsonb_typeof(settings) = 'object'),
    constraint feeds_settings_hold_no_secret check (
        not settings ?| array['token', 'secret', 'password', 'key', 'api_key', 'refresh_token', 'client_secret', 'credentials']
    ),
    constraint feeds_overlap_is_days check (overlap_days between 1 and 90),
    constraint feeds_fetched_is_after_since check (fetched_through >= since - 1),
    constraint feeds_due_in_hours_or_days check (due_every between '1 hour' and '31 days'),
    constraint feeds_silent_after_days check (silent_after between '1 day' and '400 days')
);

comment on table ingest.feeds is 'Where rows are fetched from by themselves, and how far that has come. Secrets are in auth.feed_credentials.';
comment on column ingest.feeds.user_id is 'The tenant.';
comment on column ingest.feeds.id is 'Number of the feed.';
comment on column ingest.feeds.name is 'What the person calls it.';
comment on column ingest.feeds.service is 'Whose protocol it speaks.';
comment on column ingest.feeds.settings is 'What the service must be asked for: {"query": "123456"}, {"account": "5WT00001"}, {"exchange": "kraken", "account": "kraken", "markets": ["BTC/USD"]}, {"host": "127.0.0.1", "port": 7497}. Never a secret.';
comment on column ingest.feeds.since is 'First day that is wanted.';
comment on column ingest.feeds.overlap_days is 'So many days that were fetched already are asked for again: late bookings and corrections.';
comment on column ingest.feeds.fetched_through is 'The cursor: every day to this one was fetched once it was over; null before the first success.';
comment on column ingest.feeds.account_ids is 'Accounts that it has brought: an answer without them is none.';
comment on column ingest.feeds.due_every is 'How often it should succeed; twice this without success is a warning.';
comment on column ingest.feeds.silent_after is 'Successes that bring nothing new for so long are a warning.';
comment on column ingest.feeds.is_paused is 'Whether nothing is fetched for now.';
comment on column ingest.feeds.created_at is 'When it was made.';

create table ingest.sync_attempts (
    user_id uuid not null,
    sync_id bigint not null,
    feed_id bigint not null,
    run_id uuid not null,
    try_number integer not null,
    asked_from date not null,
    asked_through date not null,
    failure text,
    retry_at timestamptz,
    rows_new integer not null default 0,
    documents jsonb not null default '[]',
    warnings jsonb not null default '[]',
    constraint sync_attempts_pkey primary key (user_id, sync_id),
    constraint sync_attempts_belong_to_a_run foreign key (user_id, sync_id) references core.sync_history (user_id, id) on delete cascade,
    constraint sync_attempts_feed_exists foreign key (user_id, feed_id) references ingest.feeds (user_id, id) on delete cascade,
    constraint sync_attempts_try_counts_from_one check (try_number >= 1),
    constraint sync_attempts_ask_for_days check (asked_from <= asked_through),
    constraint sync_attempts_failure_is_a_code check (failure ~ '^[a-z0-9_]{1,40}$'),
    constraint sync_attempts_rows_are_not_negative check (rows_new >= 0),
    constraint sync_attempts_documents_is_a_list check (jsonb_typeof(documents) = 'array'),
    constraint sync_attempts_warnings_is_a_list check (jsonb_typeof(warnings) = 'array')
);

create index sync_attempts_of_feed on ingest.sync_attempts (user_id, feed_id, sync_id);

comment on table ingest.sync_attempts is 'What core.sync_history has no columns for: each try of a feed, what it asked for, what came and why it failed.';
comment on column ingest.sync_attempts.user_id is 'The tenant.';
comment on column ingest.sync_attempts.sync_id is 'The attempt in core.sync_history.';
comment on column ingest.sync_attempts.feed_id is 'The feed.';
comment on column ingest.sync_attempts.run_id is 'Tries of one call of the command have one number.';
comment on column ingest.sync_attempts.try_number is 'Which try of the run, from 1.';
comment on column ingest.sync_attempts.asked_from is 'First day that was asked for.';
comment on column ingest.sync_attempts.asked_through is 'Last day that was asked for.';
comment on column ingest.sync_attempts.failure is 'Code of ingest.sync_failures(); null while it runs and if it succeeded.';
comment on column ingest.sync_attempts.retry_at is 'When it was to be tried again; null: not in this run.';
comment on column ingest.sync_attempts.rows_new is 'Rows that nobody had brought before.';
comment on column ingest.sync_attempts.documents is 'What was fetched: list of {from, through, sha256, bytes, rows, import, status}.';
comment on column ingest.sync_attempts.warnings is 'What is remarkable about a success: list of sentences.';

create table ingest.today_executions (
    user_id uuid not null,
    account_id bigint not null,
    execution_id text not null,
    instrument_id bigint not null,
    executed_at timestamptz not null,
    trade_date date not null,
    quantity numeric not null,
    price numeric not null,
    commission numeric,
    currency text not null,
    sync_id bigint not null,
    constraint today_executions_pkey primary key (user_id, account_id, execution_id),
    constraint today_executions_account_exists foreign key (user_id, account_id) references core.accounts (user_id, id) on delete cascade,
    constraint today_executions_belong_to_a_run foreign key (user_id, sync_id) references core.sync_history (user_id, id) on delete cascade,
    constraint today_executions_instrument_exists foreign key (instrument_id) references core.instruments (id),
    constraint today_executions_id_is_short check (length(execution_id) between 1 and 100),
    constraint today_executions_move_units check (quantity <> 0),
    constraint today_executions_price_is_not_negative check (price >= 0),
    constraint today_executions_currency_is_a_code check (currency ~ '^[A-Z]{3,5}$')
);

create index today_executions_of_run on ingest.today_executions (user_id, sync_id);
create index today_executions_of_instrument on ingest.today_executions (instrument_id);

comment on table ingest.today_executions is 'Fills that the broker''s program tells of on the day itself: shown beside the holdings, never part of the record, and no longer shown once a statement covers them.';
comment on column ingest.today_executions.user_id is 'The tenant.';
comment on column ingest.today_executions.account_id is 'The account.';
comment on column ingest.today_executions.execution_id is 'The broker''s id of the execution, without the count of its corrections.';
comment on column ingest.today_executions.instrument_id is 'What was traded.';
comment on column ingest.today_executions.executed_at is 'When.';
comment on column ingest.today_executions.trade_date is 'The day on the exchange.';
comment on column ingest.today_executions.quantity is 'Units into the account; sold ones negative.';
comment on column ingest.today_executions.price is 'Per unit.';
comment on column ingest.today_executions.commission is 'Signed cash, costs negative; null while the broker has not told.';
comment on column ingest.today_executions.currency is 'Currency of price and commission.';
comment on column ingest.today_executions.sync_id is 'The attempt that brought it last.';

-- Sealed by the program with a key that is in no database; the database keeps what it cannot read.
create table auth.feed_credentials (
    user_id uuid not null,
    feed_id bigint not null,
    sealed text not null,
    sealed_at timestamptz not null default now(),
    constraint feed_credentials_pkey primary key (user_id, feed_id),
    constraint feed_credentials_feed_exists foreign key (user_id, feed_id) references ingest.feeds (user_id, id) on delete cascade,
    constraint feed_credentials_are_sealed check (sealed ~ '^gAAAA[A-Za-z0-9_-]+={0,2}$' and length(sealed) between 100 and 8000)
);

comment on table auth.feed_credentials is 'Credentials of feeds, encrypted with a key outside the database.';
comment on column auth.feed_credentials.user_id is 'The tenant.';
comment on column auth.feed_credentials.feed_id is 'The feed.';
comment on column auth.feed_credentials.sealed is 'A Fernet token: authenticated ciphertext.';
comment on column auth.feed_credentials.sealed_at is 'When it was last set.';

-- 42_identity.sql

-- One event told by several sources, and one instrument known by several names: what was matched, what the person decided, and how to take it back.

create table ingest.decisions (
    user_id uuid not null,
    id bigint not null generated by default as identity,
    account_id bigint not null,
    verdict ingest.same_or_different not null,
    kept_source text,
    reason text not null,
    created_at timestamptz not null default now(),
    undone_at timestamptz,
    undo_reason text,
    constraint decisions_pkey primary key (user_id, id),
    constraint decisions_account_exists foreign key (user_id, account_id) references core.accounts (user_id, id) on delete cascade,
    constraint decisions_same_keeps_a_source check ((verdict = 'same') = (kept_source is not null)),
    constraint decisions_reason_is_given check (length(btrim(reason)) between 3 and 1000),
    constraint decisions_undone_has_a_reason check ((undone_at is null) = (undo_reason is null))
);

create index decisions_of_account on ingest.decisions (user_id, account_id);

comment on table ingest.decisions is 'What a person decided about rows of several sources: one event, or different ones. Stands above the rules of matching.';
comment on column ingest.decisions.user_id is 'The tenant.';
comment on column ingest.decisions.id is 'Number of the decision, for people to type.';
comment on column ingest.decisions.account_id is 'Account of the rows.';
comment on column ingest.decisions.verdict is 'Same: the rows of one source count, the others attest. Different: all count.';
comment on column ingest.decisions.kept_source is 'Whose rows count where they are the same; null otherwise.';
comment on column ingest.decisions.reason is 'Why, in the person''s words.';
comment on column ingest.decisions.created_at is 'When.';
comment on column ingest.decisions.undone_at is 'When it was taken back; null while it holds.';
comment on column ingest.decisions.undo_reason is 'Why it was taken back; null while it holds.';

create table ingest.decision_members (
    user_id uuid not null,
    decision_id bigint not null,
    account_id bigint not null,
    source text not null,
    dedupe_key text not null,
    trade_date date not null,
    constraint decision_members_pkey primary key (user_id, decision_id, source, dedupe_key),
    constraint decision_members_belong_to_a_decision foreign key (user_id, decision_id) references ingest.decisions (user_id, id) on delete cascade,
    constraint decision_members_account_exists foreign key (user_id, account_id) references core.accounts (user_id, id) on delete cascade
);

create index decision_members_of_day on ingest.decision_members (user_id, account_id, trade_date);

comment on table ingest.decision_members is 'The rows that a decision is about, by their identity: they may come and go with imports.';
comment on column ingest.decision_members.user_id is 'The tenant.';
comment on column ingest.decision_members.decision_id is 'The decision.';
comment on column ingest.decision_members.account_id is 'Account of the row.';
comment on column ingest.decision_members.source is 'Source of the row.';
comment on column ingest.decision_members.dedupe_key is 'Identity of the row within account and source.';
comment on column ingest.decision_members.trade_date is 'Day of the row when it was decided.';

create table ingest.matches (
    user_id uuid not null,
    account_id bigint not null,
    source text not null,
    dedupe_key text not null,
    counted_source text not null,
    counted_key text not null,
    trade_date date not null,
    rule ingest.match_rule not null,
    decision_id bigint,
    constraint matches_pkey primary key (user_id, account_id, source, dedupe_key, counted_source, counted_key),
    constraint matches_account_exists foreign key (user_id, account_id) references core.accounts (user_id, id) on delete cascade,
    constraint matches_decision_exists foreign key (user_id, decision_id) references ingest.decisions (user_id, id) on delete cascade,
    constraint matches_join_two_sources check (source <> counted_source),
    constraint matches_decided_names_its_decision check (rule <> 'decided' or decision_id is not null)
);

create index matches_of_day on ingest.matches (user_id, account_id, trade_date);
create index matches_of_counted on ingest.matches (user_id, account_id, counted_source, counted_key);
create index matches_of_decision on ingest.matches (user_id, decision_id) where decision_id is not null;

comment on table ingest.matches is 'Rows whose event counts by a row of another source. Follows from live imports and decisions, and is made anew when one of them comes or goes.';
comment on column ingest.matches.user_id is 'The tenant.';
comment on column ingest.matches.account_id is 'The account.';
comment on column ingest.matches.source is 'Source of the row that attests only.';
comment on column ingest.matches.dedupe_key is 'Its identity.';
comment on column ingest.matches.counted_source is 'Source of the row that counts.';
comment on column ingest.matches.counted_key is 'Its identity; several where one order stands for its fills.';
comment on column ingest.matches.trade_date is 'Day of the row that attests only.';
comment on column ingest.matches.rule is 'By what they were matched.';
comment on column ingest.matches.decision_id is 'The decision; null where a rule matched them.';

create table ingest.instrument_changes (
    user_id uuid not null,
    id bigint not null generated by default as identity,
    kind ingest.instrument_change not null,
    from_instrument_id bigint not null,
    into_instrument_id bigint not null,
    moved jsonb not null default '{}',
    reason text not null,
    created_at timestamptz not null default now(),
    undone_at timestamptz,
    undo_reason text,
    constraint instrument_changes_pkey primary key (user_id, id),
    constraint instrument_changes_belong_to_a_user foreign key (user_id) references core.users (id) on delete cascade,
    constraint instrument_changes_from_exists foreign key (from_instrument_id) references core.instruments (id),
    constraint instrument_changes_into_exists foreign key (into_instrument_id) references core.instruments (id),
    constraint instrument_changes_join_two check (from_instrument_id <> into_instrument_id),
    constraint instrument_changes_moved_is_an_object check (jsonb_typeof(moved) = 'object'),
    constraint instrument_changes_reason_is_given check (length(btrim(reason)) between 3 and 1000),
    constraint instrument_changes_undone_has_a_reason check ((undone_at is null) = (undo_reason is null))
);

create unique index instrument_changes_merged_once on ingest.instrument_changes (user_id, from_instrument_id)
    where kind = 'merge' and undone_at is null;
create index instrument_changes_from_reference on ingest.instrument_changes (from_instrument_id);
create index instrument_changes_into_reference on ingest.instrument_changes (into_instrument_id);

comment on table ingest.instrument_changes is 'Merges and splits of instruments in one person''s books; the shared catalogue never changes by them.';
comment on column ingest.instrument_changes.user_id is 'The tenant.';
comment on column ingest.instrument_changes.id is 'Number of the change, for people to type.';
comment on column ingest.instrument_changes.kind is 'Merge: two names of one thing. Split: two things under one name.';
comment on column ingest.instrument_changes.from_instrument_id is 'The instrument that rows left.';
comment on column ingest.instrument_changes.into_instrument_id is 'The instrument they count for now.';
comment on column ingest.instrument_changes.moved is 'What was moved and is not stated by a file: an object of lists, from which the change is taken back.';
comment on column ingest.instrument_changes.reason is 'Why, in the person''s words.';
comment on column ingest.instrument_changes.created_at is 'When.';
comment on column ingest.instrument_changes.undone_at is 'When it was taken back; null while it holds.';
comment on column ingest.instrument_changes.undo_reason is 'Why it was taken back; null while it holds.';

-- 50_auth.sql

-- Which login is which person. Credentials, tokens and keys come here with the sign-in functions.

create table auth.database_logins (
    login_name text not null,
    user_id uuid not null,
    created_at timestamptz not null default now(),
    constraint database_logins_pkey primary key (login_name),
    constraint database_logins_one_per_user unique (user_id),
    constraint database_logins_belong_to_a_user foreign key (user_id) references core.users (id) on delete cascade,
    constraint database_logins_are_our_own check (login_name ~ '^qm_[a-z0-9_]{1,55}$')
);

comment on table auth.database_logins is 'Personal login roles for direct SQL: whoever can type SQL can forge a setting, but not a login.';
comment on column auth.database_logins.login_name is 'Name of the role in the cluster.';
comment on column auth.database_logins.user_id is 'The person.';
comment on column auth.database_logins.created_at is 'When it was given.';

-- 51_auth_people.sql

-- How people prove who they are, and what others may see. Secrets are here and nowhere else: passwords as bcrypt, tokens and keys as digests of
-- at least 256 random bits. Only the functions of quantmatrix_keeper read these tables; no other role has a right on them.

create type auth.token_purpose as enum ('reset', 'email');
create type auth.key_scope as enum ('read', 'write', 'import', 'admin');
create type auth.grant_right as enum ('read', 'write');
create type auth.grant_kind as enum ('share', 'administration');
create type auth.mail_status as enum ('waiting', 'sent', 'dead');
create type auth.throttle_kind as enum ('pair', 'account', 'origin', 'mail', 'write', 'known');

create table auth.settings (
    only_row boolean not null default true,
    bcrypt_cost integer not null default 12,
    access_minutes integer not null default 15,
    session_days integer not null default 30,
    registration_open boolean not null default true,
    writes_per_second integer not null default 50,
    site_url text,
    secret bytea not null default sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')),
    constraint settings_pkey primary key (only_row),
    constraint settings_is_one_row check (only_row),
    constraint settings_bcrypt_cost_is_slow_enough check (bcrypt_cost between 10 and 16),
    constraint settings_access_is_short check (access_minutes between 1 and 60),
    constraint settings_session_ends check (session_days between 1 and 365),
    constraint settings_writes_are_limited check (writes_per_second between 1 and 1000),
    constraint settings_site_url_is_an_address check (site_url ~ '^https?://[^[:space:]]+[^/[:space:]]$')
);

insert into auth.settings default values;

comment on table auth.settings is 'How signing in works on this platform: one row, changed by administrators.';
comment on column auth.settings.only_row is 'Always true.';
comment on column auth.settings.bcrypt_cost is 'Each step doubles the work of a guess; older hashes are renewed when their people sign in.';
comment on column auth.settings.access_minutes is 'How long an access token is good.';
comment on column auth.settings.session_days is 'How long a session lasts without being used.';
comment on column auth.settings.registration_open is 'Whether people may register by themselves.';
comment on column auth.settings.writes_per_second is 'Requests that write, per person and per key; ten times as many at once.';
comment on column auth.settings.site_url is 'Address that mails name, without a slash at the end; null: mails carry the bare token.';

create table auth.signing_keys (
    key_id text not null,
    secret bytea not null,
    place integer not null,
    loaded_at timestamptz not null default now(),
    constraint signing_keys_pkey primary key (key_id),
    constraint signing_keys_one_per_place unique (place),
    constraint signing_keys_secret_is_long_enough check (length(secret) >= 32),
    constraint signing_keys_place_counts_from_one check (place >= 1)
);

comment on column auth.settings.secret is 'Nobody outside can tell which counter an attempt falls on: its digest is keyed with this.';

comment on table auth.signing_keys is 'The keys of PostgREST''s key set, in its order: the first signs, the others are on their way out.';
comment on column auth.signing_keys.key_id is 'kid of the key.';
comment on column auth.signing_keys.secret is 'The key itself, for HMAC-SHA256.';
comment on column auth.signing_keys.place is 'Place in the set, from 1.';
comment on column auth.signing_keys.loaded_at is 'When it came from the file.';

create table auth.credentials (
    user_id uuid not null,
    password_hash text,
    password_changed_at timestamptz,
    tokens_from timestamptz,
    totp_secret bytea,
    totp_confirmed_at timestamptz,
    totp_last_step bigint,
    constraint credentials_pkey primary key (user_id),
    constraint credentials_belong_to_a_user foreign key (user_id) references core.users (id) on delete cascade,
    constraint credentials_password_is_bcrypt check (password_hash ~ '^\$2[aby]\$(1[0-9])\$[./A-Za-z0-9]{53}$'),
    constraint credentials_totp_secret_is_long_enough check (length(totp_secret) >= 20),
    constraint credentials_totp_is_confirmed_with_a_secret check (totp_confirmed_at is null or totp_secret is not null)
);

comment on table auth.credentials is 'The password and the second factor of a person.';
comment on column auth.credentials.user_id is 'The person.';
comment on column auth.credentials.password_hash is 'bcrypt of the SHA-256 of the password, so that no byte of a long one is ignored; null: none was set.';
comment on column auth.credentials.password_changed_at is 'When the password was set; null: never.';
comment on column auth.credentials.tokens_from is 'Tokens issued before are refused; null: none.';
comment on column auth.credentials.totp_secret is 'Shared secret of the second factor (RFC 6238); null: none.';
comment on column auth.credentials.totp_confirmed_at is 'When the first code was right: from then on a code is wanted; null: not yet.';
comment on column auth.credentials.totp_last_step is 'The last period whose code was used: none is good twice; null: none was.';

create table auth.recovery_codes (
    user_id uuid not null,
    code_digest bytea not null,
    created_at timestamptz not null default now(),
    constraint recovery_codes_pkey primary key (user_id, code_digest),
    constraint recovery_codes_belong_to_credentials foreign key (user_id) references auth.credentials (user_id) on delete cascade,
    constraint recovery_codes_digest_is_sha256 check (length(code_digest) = 32)
);

comment on table auth.recovery_codes is 'Codes that stand in for the second factor, each once.';
comment on column auth.recovery_codes.user_id is 'The person.';
comment on column auth.recovery_codes.code_digest is 'SHA-256 of the code.';
comment on column auth.recovery_codes.created_at is 'When it was made.';

create table auth.registrations (
    token_digest bytea not null,
    email text not null,
    display_name text,
    password_hash text not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    constraint registrations_pkey primary key (token_digest),
    constraint registrations_digest_is_sha256 check (length(token_digest) = 32),
    constraint registrations_email_is_lower_case_address check (email = lower(email) and email ~ '^[^@[:space:]]+@[^@[:space:]]+$' and length(email) <= 254),
    constraint registrations_password_is_bcrypt check (password_hash ~ '^\$2[aby]\$(1[0-9])\$[./A-Za-z0-9]{53}$')
);

create index registrations_by_expiry on auth.registrations (expires_at);

comment on table auth.registrations is 'Who asked to register and has not proved the address yet. An address may wait several times: nobody reserves another''s.';
comment on column auth.registrations.token_digest is 'SHA-256 of the mailed token.';
comment on column auth.registrations.email is 'Address in lower case.';
comment on column auth.registrations.display_name is 'Name shown to people; null if none was given.';
comment on column auth.registrations.password_hash is 'As in auth.credentials.';
comment on column auth.registrations.created_at is 'When it was asked.';
comment on column auth.registrations.expires_at is 'When the token ends.';

create table auth.one_time_tokens (
    user_id uuid not null,
    purpose auth.token_purpose not null,
    token_digest bytea not null,
    email text,
    expires_at timestamptz not null,
    constraint one_time_tokens_pkey primary key (user_id, purpose),
    constraint one_time_tokens_belong_to_a_user foreign key (user_id) references core.users (id) on delete cascade,
    constraint one_time_tokens_digest_is_sha256 check (length(token_digest) = 32),
    constraint one_time_tokens_new_email_is_named check ((purpose = 'email') = (email is not null))
);

create index one_time_tokens_by_digest on auth.one_time_tokens (token_digest);

comment on table auth.one_time_tokens is 'Mailed tokens: one for a person and purpose, used once.';
comment on column auth.one_time_tokens.user_id is 'The person.';
comment on column auth.one_time_tokens.purpose is 'reset: a new password; email: a new address.';
comment on column auth.one_time_tokens.token_digest is 'SHA-256 of the token.';
comment on column auth.one_time_tokens.email is 'The new address; null for a reset.';
comment on column auth.one_time_tokens.expires_at is 'When it ends.';

create table auth.sessions (
    user_id uuid not null,
    id uuid not null default gen_random_uuid(),
    label text,
    method text not null,
    created_at timestamptz not null default now(),
    used_at timestamptz not null default now(),
    expires_at timestamptz not null,
    ended_at timestamptz,
    ended_because text,
    origin_digest bytea,
    constraint sessions_pkey primary key (user_id, id),
    constraint sessions_belong_to_a_user foreign key (user_id) references core.users (id) on delete cascade,
    constraint sessions_label_is_short check (length(label) <= 200),
    constraint sessions_method_is_known check (method ~ '^(password|oauth:[a-z0-9_]{1,30})$'),
    constraint sessions_origin_digest_is_sha256 check (length(origin_digest) = 32),
    constraint sessions_end_has_a_reason check ((ended_at is null) = (ended_because is null))
);

comment on table auth.sessions is 'Sign-ins: each is one family of refresh tokens.';
comment on column auth.sessions.user_id is 'The person.';
comment on column auth.sessions.id is 'sid of its tokens.';
comment on column auth.sessions.label is 'What the client calls itself; null if it does not.';
comment on column auth.sessions.method is 'How the person signed in: password, oauth:NAME.';
comment on column auth.sessions.created_at is 'When it began.';
comment on column auth.sessions.used_at is 'When its tokens were last renewed.';
comment on column auth.sessions.expires_at is 'When it ends unless renewed.';
comment on column auth.sessions.ended_at is 'When it was ended; null while it goes on.';
comment on column auth.sessions.origin_digest is 'SHA-256 of the address it began from: whoever guesses elsewhere does not lock its person out there; null: not known.';
comment on column auth.sessions.ended_because is 'signed out, refresh token replayed, password changed, ended by an administrator; null while it goes on.';

create table auth.refresh_tokens (
    user_id uuid not null,
    session_id uuid not null,
    token_digest bytea not null,
    created_at timestamptz not null default now(),
    used_at timestamptz,
    constraint refresh_tokens_pkey primary key (user_id, session_id, token_digest),
    constraint refresh_tokens_session_exists foreign key (user_id, session_id) references auth.sessions (user_id, id) on delete cascade,
    constraint refresh_tokens_digest_is_sha256 check (length(token_digest) = 32)
);

create index refresh_tokens_by_digest on auth.refresh_tokens (token_digest);

comment on table auth.refresh_tokens is 'Every refresh token a session ever had: one that comes a second time was stolen, and ends the session.';
comment on column auth.refresh_tokens.user_id is 'The person.';
comment on column auth.refresh_tokens.session_id is 'The session.';
comment on column auth.refresh_tokens.token_digest is 'SHA-256 of the token.';
comment on column auth.refresh_tokens.created_at is 'When it was given out.';
comment on column auth.refresh_tokens.used_at is 'When it was exchanged for the next; null for the newest.';

create table auth.api_keys (
    user_id uuid not null,
    id bigint not null generated always as identity,
    name text not null,
    prefix text not null,
    key_digest bytea not null,
    scopes auth.key_scope[] not null,
    account_ids bigint[],
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    used_at timestamptz,
    revoked_at timestamptz,
    constraint api_keys_pkey primary key (user_id, id),
    constraint api_keys_belong_to_a_user foreign key (user_id) references core.users (id) on delete cascade,
    constraint api_keys_name_is_short_and_not_blank check (length(btrim(name)) between 1 and 100),
    constraint api_keys_prefix_is_eight_letters check (prefix ~ '^[0-9a-f]{8}$'),
    constraint api_keys_digest_is_sha256 check (length(key_digest) = 32),
    constraint api_keys_may_do_something check (cardinality(scopes) between 1 and 4),
    constraint api_keys_accounts_are_named_or_all check (cardinality(account_ids) between 1 and 1000)
);

create index api_keys_by_prefix on auth.api_keys (prefix);

comment on table auth.api_keys is 'Keys of programs: shown once, kept as a digest, exchanged for short-lived tokens.';
comment on column auth.api_keys.user_id is 'Whose key it is.';
comment on column auth.api_keys.id is 'Number of the key.';
comment on column auth.api_keys.name is 'What its owner calls it.';
comment on column auth.api_keys.prefix is 'The first letters after qm_, by which it is found and recognised.';
comment on column auth.api_keys.key_digest is 'SHA-256 of the whole key.';
comment on column auth.api_keys.scopes is 'What it may do: read; import (and read); write (everything but people and keys); admin.';
comment on column auth.api_keys.account_ids is 'The only accounts it may see; null: all.';
comment on column auth.api_keys.created_at is 'When it was made.';
comment on column auth.api_keys.expires_at is 'When it ends; null: never.';
comment on column auth.api_keys.used_at is 'When it was last exchanged; null: never.';
comment on column auth.api_keys.revoked_at is 'When it was revoked; null: it is good.';

create table auth.grants (
    user_id uuid not null,
    id bigint not null generated always as identity,
    grantee_id uuid not null,
    account_id bigint,
    kind auth.grant_kind not null default 'share',
    access auth.grant_right not null,
    reason text,
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    constraint grants_pkey primary key (user_id, id),
    constraint grants_belong_to_a_user foreign key (user_id) references core.users (id) on delete cascade,
    constraint grants_grantee_exists foreign key (grantee_id) references core.users (id) on delete cascade,
    constraint grants_account_exists foreign key (user_id, account_id) references core.accounts (user_id, id) on delete cascade,
    constraint grants_are_for_others check (grantee_id <> user_id),
    constraint grants_administration_has_reason_and_end check (kind = 'share' or (length(btrim(reason)) >= 3 and expires_at is not null))
);

create index grants_to_grantee on auth.grants (grantee_id, user_id);
create index grants_of_account on auth.grants (user_id, account_id) where account_id is not null;

comment on table auth.grants is 'Who else may see, or write, whose book: the one table that row-level security asks.';
comment on column auth.grants.user_id is 'Whose book it is.';
comment on column auth.grants.id is 'Number of the grant.';
comment on column auth.grants.grantee_id is 'Who may.';
comment on column auth.grants.account_id is 'The only account; null: the whole book.';
comment on column auth.grants.kind is 'share: given by the owner; administration: taken by an administrator, with a reason, for a short time.';
comment on column auth.grants.access is 'read, or write (and read).';
comment on column auth.grants.reason is 'Why the administrator looks; null for a share.';
comment on column auth.grants.created_at is 'When it was given.';
comment on column auth.grants.expires_at is 'When it ends; null: when it is revoked.';
comment on column auth.grants.revoked_at is 'When it was revoked; null: it holds.';

create table auth.mails (
    id bigint not null generated always as identity,
    recipient text not null,
    subject text not null,
    body text,
    status auth.mail_status not null default 'waiting',
    attempts integer not null default 0,
    created_at timestamptz not null default now(),
    due_at timestamptz not null default now(),
    claimed_until timestamptz,
    sent_at timestamptz,
    last_error text,
    constraint mails_pkey primary key (id),
    constraint mails_waiting_has_a_body check (status <> 'waiting' or body is not null),
    constraint mails_sent_keeps_no_body check (status <> 'sent' or (body is null and sent_at is not null)),
    constraint mails_attempts_count_up check (attempts >= 0)
);

create index mails_due on auth.mails (due_at) where status = 'waiting';
create index mails_to_recipient on auth.mails (recipient);

comment on table auth.mails is 'Mails on their way: written with what they speak of, sent by quantmatrix mail, so that none is lost while SMTP is down.';
comment on column auth.mails.id is 'Number of the mail; part of its Message-ID, the same in each attempt.';
comment on column auth.mails.recipient is 'Address.';
comment on column auth.mails.subject is 'Subject.';
comment on column auth.mails.body is 'Text, which may carry a token; null once sent.';
comment on column auth.mails.status is 'waiting, sent, or dead after the last attempt.';
comment on column auth.mails.attempts is 'Attempts made.';
comment on column auth.mails.created_at is 'When it was written.';
comment on column auth.mails.due_at is 'Not before: later after each failure.';
comment on column auth.mails.claimed_until is 'A sender is at it until then; null: nobody.';
comment on column auth.mails.sent_at is 'When the server took it; null before.';
comment on column auth.mails.last_error is 'What the server said to the last attempt; null: no failure.';

create table auth.identities (
    user_id uuid not null,
    provider text not null,
    subject text not null,
    email text,
    created_at timestamptz not null default now(),
    used_at timestamptz not null default now(),
    constraint identities_pkey primary key (user_id, provider, subject),
    constraint identities_belong_to_a_user foreign key (user_id) references core.users (id) on delete cascade,
    constraint identities_provider_is_a_name check (provider ~ '^[a-z0-9_]{1,30}$'),
    constraint identities_subject_is_short check (length(subject) between 1 and 255)
);

create unique index identities_link_one_person on auth.identities (provider, subject);

comment on table auth.identities is 'Sign-ins elsewhere that are this person''s.';
comment on column auth.identities.user_id is 'The person.';
comment on column auth.identities.provider is 'Name of the provider: google, github.';
comment on column auth.identities.subject is 'The provider''s own key of the person.';
comment on column auth.identities.email is 'Address that the provider stated; null if none.';
comment on column auth.identities.created_at is 'When it was linked.';
comment on column auth.identities.used_at is 'When it was last used.';

create table auth.oauth_requests (
    state_digest bytea not null,
    provider text not null,
    nonce text not null,
    code_verifier text not null,
    redirect_uri text not null,
    return_to text,
    challenge text,
    link_to uuid,
    ticket_digest bytea,
    person_id uuid,
    subject text,
    email text,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    constraint oauth_requests_pkey primary key (state_digest),
    constraint oauth_requests_linked_person_exists foreign key (link_to) references core.users (id) on delete cascade,
    constraint oauth_requests_person_exists foreign key (person_id) references core.users (id) on delete cascade,
    constraint oauth_requests_ticket_is_for_a_person check ((ticket_digest is null) = (person_id is null)),
    constraint oauth_requests_subject_waits_for_its_ticket check (subject is null or ticket_digest is not null),
    constraint oauth_requests_digest_is_sha256 check (length(state_digest) = 32),
    constraint oauth_requests_challenge_is_sha256 check (challenge ~ '^[A-Za-z0-9_-]{43}$')
);

create index oauth_requests_by_expiry on auth.oauth_requests (expires_at);
create index oauth_requests_to_link on auth.oauth_requests (link_to) where link_to is not null;
create index oauth_requests_of_person on auth.oauth_requests (person_id) where person_id is not null;
create index oauth_requests_by_ticket on auth.oauth_requests (ticket_digest) where ticket_digest is not null;

comment on table auth.oauth_requests is 'Sign-ins elsewhere that have begun: state and nonce are good once.';
comment on column auth.oauth_requests.state_digest is 'SHA-256 of the state.';
comment on column auth.oauth_requests.provider is 'Name of the provider.';
comment on column auth.oauth_requests.nonce is 'What the identity token must repeat.';
comment on column auth.oauth_requests.code_verifier is 'PKCE: what the code''s challenge was made of.';
comment on column auth.oauth_requests.redirect_uri is 'Where the provider sends the person back to.';
comment on column auth.oauth_requests.return_to is 'Where the person goes then, with a ticket; null: the ticket is shown.';
comment on column auth.oauth_requests.challenge is 'SHA-256 of the secret with which the client collects its tokens; null until it is known.';
comment on column auth.oauth_requests.link_to is 'The signed-in person to whom the identity is linked; null: a sign-in.';
comment on column auth.oauth_requests.ticket_digest is 'SHA-256 of the ticket for which the client gets its tokens; null until the provider answered.';
comment on column auth.oauth_requests.person_id is 'Who signed in; null until the provider answered.';
comment on column auth.oauth_requests.subject is 'The provider''s key of a sign-in that is linked when its ticket is collected; null: nothing is to be linked.';
comment on column auth.oauth_requests.email is 'Address that the provider stated with it; null if none.';
comment on column auth.oauth_requests.created_at is 'When it began.';
comment on column auth.oauth_requests.expires_at is 'When it ends.';

-- Counters that a caller cannot undo: a sequence does not roll back. Each holds one instant in milliseconds, up to which what was asked is paid for;
-- who asks faster than it passes waits. An attempt has two counters, found by two digests, and is refused only if both are ahead, so that
-- people share a fate only where both collide.
do $$
begin
    execute (
        select string_agg(
            format(
                'create sequence auth.throttle_%s_%s_%s as bigint minvalue 0 start with 0 no cycle; '
                'comment on sequence auth.throttle_%1$s_%2$s_%3$s is %4$L;',
                k.name, r.number, b.number, 'Counter of auth.throttle().'
            ),
            ' '
        )
        from unnest(enum_range(null::auth.throttle_kind)) k (name)
        cross join generate_series(0, 1) r (number)
        cross join generate_series(0, 127) b (number)
    );
end
$$;

-- 60_audit.sql

-- The chain over core.audit_logs. Entries are sealed in batches, out of the writers' way; each link holds the digest of its entry's values,
-- so that an erased person's values can be blanked and the chain still verifies.

create table audit.links (
    position bigint not null,
    log_id bigint not null,
    values_digest bytea not null,
    link_digest bytea not null,
    sealed_at timestamptz not null default now(),
    constraint links_pkey primary key (position),
    constraint links_one_per_entry unique (log_id),
    constraint links_digests_are_sha256 check (length(values_digest) = 32 and length(link_digest) = 32)
);

comment on table audit.links is 'The hash chain: each link covers the one before, the entry''s fixed fields and the digest of its values.';
comment on column audit.links.position is 'Place in the chain, from 1 without gaps.';
comment on column audit.links.log_id is 'The entry of core.audit_logs.';
comment on column audit.links.values_digest is 'SHA-256 of the old values, the new values and the context: what an erased person''s entries may lose.';
comment on column audit.links.link_digest is 'SHA-256 of the link before, the entry''s fixed fields and values_digest.';
comment on column audit.links.sealed_at is 'When it was sealed.';

create table audit.erasures (
    person_id uuid not null,
    erased_at timestamptz not null default now(),
    constraint erasures_pkey primary key (person_id)
);

comment on table audit.erasures is 'Who was erased: the values of these persons'' entries are gone, and the chain still verifies.';
comment on column audit.erasures.person_id is 'The key of the person; it tells nothing any more.';
comment on column audit.erasures.erased_at is 'When.';
