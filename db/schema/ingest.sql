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
    stored_bytes bigint not null default 65536,
    reading text,
    constraint files_pkey primary key (user_id, sync_id),
    constraint files_belong_to_a_run foreign key (user_id, sync_id) references core.sync_history (user_id, id) on delete cascade,
    constraint files_size_is_not_negative check (size_bytes >= 0),
    constraint files_warnings_is_a_list check (jsonb_typeof(warnings) = 'array'),
    constraint files_report_is_an_object check (jsonb_typeof(report) = 'object'),
    constraint files_stored_is_not_negative check (stored_bytes >= 0),
    constraint files_reading_is_sha256 check (reading ~ '^[0-9a-f]{64}$')
);

create index files_by_reading on ingest.files (user_id, reading) where reading is not null;

comment on table ingest.files is 'What an imported file said about itself.
tenancy: input';
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
comment on column ingest.files.stored_bytes is 'What counts against the person''s quota: its records as they were staged, and 64 kB at least.';
comment on column ingest.files.reading is
    'SHA-256 of all that decides what is read: the file, its name, the format, the options, the readers'' own code; null where that is not known.';
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

comment on table ingest.lines is 'Every record of every imported file, with its verdict and the transaction it attests.
tenancy: input';
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

comment on table ingest.line_links is 'Which lines of a file are one event, as the file shows it.
tenancy: input';
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

comment on table ingest.line_picks is 'Lots that a file names for its closings.
tenancy: input';
comment on column ingest.line_picks.user_id is 'The tenant.';
comment on column ingest.line_picks.sync_id is 'The import.';
comment on column ingest.line_picks.line_number is 'Line of the closing.';
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

comment on table ingest.corrections is 'What a person put right by hand: stands above all imports, which never undo it.
tenancy: input';
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

comment on table ingest.broker_positions is 'Evidence: what the broker says it holds at the end of a day. Compared, never used to compute.
tenancy: input';
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

comment on table ingest.broker_lots is 'Evidence: the broker''s own open lots at the end of a day.
tenancy: input';
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

comment on table ingest.broker_cash is 'Evidence: balances that the broker states.
tenancy: input';
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

comment on table ingest.reconciliations is 'Each reconciliation that was run, with a digest of what it compared.
tenancy: input';
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

comment on table ingest.findings is 'Differences that a reconciliation found, each with one named cause.
tenancy: input';
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
    chunk integer,
    constraint staging_kind_is_known check (
        kind in (
            'line', 'transaction', 'instrument', 'link', 'pick', 'statement', 'position', 'lot', 'cash', 'warning', 'refusal'
        )
        or kind ~ '^v1_[a-z_]{1,40}$'
    )
);

create index staging_of_load on ingest.staging (load_id, kind);

comment on table ingest.staging is 'Parsed records on their way in, one row each. Without row-level security because COPY needs that; nobody may read it, and user_id cannot be chosen.
tenancy: staged';
comment on column ingest.staging.load_id is 'The load, chosen by the client.';
comment on column ingest.staging.user_id is 'Whose session wrote it; set by default, never by the client.';
comment on column ingest.staging.kind is 'Kind of record; v1_TABLE for rows of the old database.';
comment on column ingest.staging.line_number is 'Line of the file.';
comment on column ingest.staging.part is 'Which transaction of the line.';
comment on column ingest.staging.payload is 'The record as an object; keys as in the load function''s comment.';
comment on column ingest.staging.raw is 'Text of the line (kind line).';
comment on column ingest.staging.staged_at is 'When; rows of an abandoned load are swept after two hours.';
comment on column ingest.staging.chunk is 'Which chunk of the load, counted by the client; null where COPY or one call brought it.';

-- What each statement staged. Unlogged as the rows themselves are: a crash empties both, and a load that counts then finds too few.
create unlogged table ingest.staged_parts (
    user_id uuid not null,
    load_id uuid not null,
    chunk integer,
    records bigint not null,
    bytes bigint not null,
    staged_at timestamptz not null default now(),
    constraint staged_parts_come_once unique (user_id, load_id, chunk),
    constraint staged_parts_records_is_positive check (records > 0),
    constraint staged_parts_bytes_is_positive check (bytes > 0)
);

create index staged_parts_by_age on ingest.staged_parts (staged_at);

comment on table ingest.staged_parts is 'How much each statement staged: quotas and sweeps look here, and a chunk that comes twice is found here.
tenancy: derived';
comment on column ingest.staged_parts.user_id is 'Whose it is.';
comment on column ingest.staged_parts.load_id is 'The load.';
comment on column ingest.staged_parts.chunk is 'Which chunk of the load; null: not numbered.';
comment on column ingest.staged_parts.records is 'Rows of ingest.staging.';
comment on column ingest.staged_parts.bytes is 'About what they take on disk.';
comment on column ingest.staged_parts.staged_at is 'When.';

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

comment on table ingest.held_prices is 'Price bars that jump without a known corporate action; an administrator takes them over or throws them away.
tenancy: platform';
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
