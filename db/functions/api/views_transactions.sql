-- What happened, and where it came from. File and line are looked up for the rows of an answer only: they stand in the select list, which is
-- evaluated after order and limit, and not at all where nobody asks for them. Left joins although the rows exist: the planner then follows the order
-- of the transactions and leaves out what nobody asks for.

create view api.transactions
with (security_invoker = true)
as
select
    t.id,
    t.account_id,
    a.account_number as account,
    a.name as account_name,
    a.broker,
    t.transaction_type,
    t.position_effect,
    t.instrument_id,
    i.symbol,
    i.instrument_type,
    t.executed_at,
    t.trade_date,
    t.settlement_date,
    t.sequence,
    trim_scale(t.quantity)::api.exact as quantity,
    t.price::api.exact as price,
    t.gross_amount::api.exact as gross_amount,
    t.commission::api.exact as commission,
    t.fees::api.exact as fees,
    t.net_amount::api.exact as net_amount,
    t.currency,
    k.fee_currency,
    t.metadata ->> 'description' as description,
    t.order_id,
    t.source,
    t.external_id,
    t.dedupe_key,
    t.sync_id as import_id,
    (
        select f.name
        from ingest.lines l
        join core.sync_history h on h.user_id = l.user_id and h.id = l.sync_id and h.status = 'finished'
        left join ingest.files f on f.user_id = l.user_id and f.sync_id = l.sync_id
        where l.user_id = t.user_id
        and l.transaction_id = t.id
        order by (l.sync_id = t.sync_id) desc, l.sync_id, l.line_number, l.part
        limit 1
    ) as file,
    (
        select l.line_number
        from ingest.lines l
        join core.sync_history h on h.user_id = l.user_id and h.id = l.sync_id and h.status = 'finished'
        left join ingest.files f on f.user_id = l.user_id and f.sync_id = l.sync_id
        where l.user_id = t.user_id
        and l.transaction_id = t.id
        order by (l.sync_id = t.sync_id) desc, l.sync_id, l.line_number, l.part
        limit 1
    ) as line
from core.transactions t
left join core.accounts a on a.user_id = t.user_id and a.id = t.account_id
left join core.instruments i on i.id = t.instrument_id
left join tax.transaction_terms k on k.user_id = t.user_id and k.transaction_id = t.id;

comment on view api.transactions is 'Transactions
Complete trade and cash history, one row per event, quantities and amounts signed in the account''s view; each leads back to its file and line.';
comment on column api.transactions.id is 'Number of the transaction; it orders nothing.';
comment on column api.transactions.account_id is 'Number of the account.';
comment on column api.transactions.account is 'The broker''s number of the account.';
comment on column api.transactions.account_name is 'The person''s name for the account.';
comment on column api.transactions.broker is 'Broker of the account.';
comment on column api.transactions.transaction_type is 'What happened.';
comment on column api.transactions.position_effect is 'Whether the source marks it as opening or closing; auto where it does not say.';
comment on column api.transactions.instrument_id is 'What was traded; null for plain cash.';
comment on column api.transactions.symbol is 'Symbol of the instrument; null for plain cash.';
comment on column api.transactions.instrument_type is 'Kind of the instrument; null for plain cash.';
comment on column api.transactions.executed_at is 'Instant; null where the source states only a date.';
comment on column api.transactions.trade_date is 'Date on the exchange; the date that taxes count.';
comment on column api.transactions.settlement_date is 'When cash and shares change hands; null if not stated.';
comment on column api.transactions.sequence is 'Rank within account and day in the source''s own time order.';
comment on column api.transactions.quantity is 'Signed units, + into the account; null where the engine computes it.';
comment on column api.transactions.price is 'Price per unit as quoted; null if none.';
comment on column api.transactions.gross_amount is 'Signed cash before costs; null if the source states none.';
comment on column api.transactions.commission is 'Signed cash: a cost is negative.';
comment on column api.transactions.fees is 'Signed cash: other costs and taxes on the trade.';
comment on column api.transactions.net_amount is 'Signed cash effect in currency.';
comment on column api.transactions.currency is 'Currency of the amounts.';
comment on column api.transactions.fee_currency is 'Currency of commission and fees where it differs; null otherwise.';
comment on column api.transactions.description is 'Words of the source; null if none.';
comment on column api.transactions.order_id is 'Order to which fills belong; null if not stated.';
comment on column api.transactions.source is 'Format or service that states it; manual if entered by hand.';
comment on column api.transactions.external_id is 'The broker''s own row id; null where the source has none.';
comment on column api.transactions.dedupe_key is 'Identity within account and source.';
comment on column api.transactions.import_id is 'The import that brought it first; null if entered by hand.';
comment on column api.transactions.file is 'File that attests it; null if entered by hand. import_lines lists all of them.';
comment on column api.transactions.line is 'Line of that file.';

grant select on api.transactions to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin, quantmatrix_writer;

create view api.imports
with (security_invoker = true)
as
select
    h.id,
    h.account_id,
    a.account_number as account,
    a.name as account_name,
    h.kind,
    h.source,
    f.name as file,
    f.layout,
    f.size_bytes,
    h.content_sha256,
    h.status,
    h.started_at,
    h.finished_at,
    h.rows_in,
    h.rows_accepted,
    h.rejects,
    f.warnings,
    h.error,
    f.period_start,
    f.period_end,
    f.generated_at
from core.sync_history h
left join ingest.files f on f.user_id = h.user_id and f.sync_id = h.id
left join core.accounts a on a.user_id = h.user_id and a.id = h.account_id
where h.kind <> 'sync';

comment on view api.imports is 'Imports
Every file that brought rows, those that a sync fetched too: rows_in = rows_accepted + the sum of rejects. Attempts of feeds are sync_attempts.';
comment on column api.imports.id is 'Number of the import.';
comment on column api.imports.account_id is 'The account it was for; null where one file holds several.';
comment on column api.imports.account is 'The broker''s number of that account.';
comment on column api.imports.account_name is 'The person''s name for that account.';
comment on column api.imports.kind is 'import, manual, migration.';
comment on column api.imports.source is 'Format or service.';
comment on column api.imports.file is 'File name; null if there was none.';
comment on column api.imports.layout is 'Which layout of the format was found.';
comment on column api.imports.size_bytes is 'Length of the file.';
comment on column api.imports.content_sha256 is 'Digest of the file.';
comment on column api.imports.status is 'running, finished, failed, undone.';
comment on column api.imports.started_at is 'When it began.';
comment on column api.imports.finished_at is 'When it ended; null while it runs.';
comment on column api.imports.rows_in is 'Rows read that carry or attest a transaction, refused ones included.';
comment on column api.imports.rows_accepted is 'New, known and changed rows.';
comment on column api.imports.rejects is 'Refused rows by reason.';
comment on column api.imports.warnings is 'Warnings of the parser and the load: a list of {line, column, text, reason}.';
comment on column api.imports.error is 'What ended a failed run; null otherwise.';
comment on column api.imports.period_start is 'First day the statement covers; null if not stated.';
comment on column api.imports.period_end is 'Last day the statement covers; null if not stated.';
comment on column api.imports.generated_at is 'When the broker made the statement; null if not stated.';

grant select on api.imports to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin, quantmatrix_writer;

create view api.import_lines
with (security_invoker = true)
as
select
    l.sync_id as import_id,
    f.name as file,
    l.line_number as line,
    l.part,
    l.verdict,
    l.section,
    l.transaction_id,
    l.source,
    l.only_attests,
    l.reason,
    l.refused_column,
    l.raw as text
from ingest.lines l
join ingest.files f on f.user_id = l.user_id and f.sync_id = l.sync_id;

comment on view api.import_lines is 'Lines of imports
Every record of every imported file, with its verdict and the transaction it attests.';
comment on column api.import_lines.import_id is 'The import.';
comment on column api.import_lines.file is 'File name.';
comment on column api.import_lines.line is 'First physical line of the record.';
comment on column api.import_lines.part is 'Several transactions of one record are told apart by this.';
comment on column api.import_lines.verdict is 'new, known, changed, refused; evidence, skipped or unknown for lines without a transaction.';
comment on column api.import_lines.section is 'Section of the file.';
comment on column api.import_lines.transaction_id is 'The transaction attested; null if none, or if it was removed.';
comment on column api.import_lines.source is 'Source of the row; null for lines without a transaction.';
comment on column api.import_lines.only_attests is 'Whether another source''s row counts for this event; import_matches says which.';
comment on column api.import_lines.reason is 'Why it was refused or is remarkable.';
comment on column api.import_lines.refused_column is 'Column of the refusal; null if the whole record.';
comment on column api.import_lines.text is 'The record as it stood in the file.';

grant select on api.import_lines to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin, quantmatrix_writer;
