-- Where every row came from, and what a person put right.

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
