-- What reconciliation found.

create view api.reconciliations
with (security_invoker = true)
as
select
    r.id,
    r.as_of,
    r.account_id,
    a.account_number as account,
    a.name as account_name,
    r.checked,
    r.differences,
    r.inputs_digest,
    r.created_at
from ingest.reconciliations r
left join core.accounts a on a.user_id = r.user_id and a.id = r.account_id;

comment on view api.reconciliations is 'Reconciliations
Each reconciliation that was run.';
comment on column api.reconciliations.id is 'Number of the run.';
comment on column api.reconciliations.as_of is 'Newest evidence at or before this day was used.';
comment on column api.reconciliations.account_id is 'The account it was for; null: all.';
comment on column api.reconciliations.account is 'The broker''s number of that account.';
comment on column api.reconciliations.account_name is 'The person''s name for that account.';
comment on column api.reconciliations.checked is 'Comparisons made, by kind.';
comment on column api.reconciliations.differences is 'Differences that are neither explained nor accepted.';
comment on column api.reconciliations.inputs_digest is 'SHA-256 over what was compared.';
comment on column api.reconciliations.created_at is 'When it was run.';

grant select on api.reconciliations to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin, quantmatrix_writer;

create view api.differences
with (security_invoker = true)
as
select
    s.id,
    s.reconciliation_id,
    s.as_of,
    s.account_id,
    a.account_number as account,
    a.name as account_name,
    s.instrument_id,
    s.symbol,
    s.kind,
    s.ours::api.exact as ours,
    s.broker::api.exact as broker,
    s.cause,
    s.status,
    s.reason,
    s.evidence
from reconcile.standing_findings s
left join core.accounts a on a.user_id = s.user_id and a.id = s.account_id;

comment on view api.differences is 'Differences
Open and explained differences by the newest reconciliation of each account, each with one named cause.';
comment on column api.differences.id is 'Number of the difference, for difference_accept.';
comment on column api.differences.reconciliation_id is 'The run that found it.';
comment on column api.differences.as_of is 'Day of that run.';
comment on column api.differences.account_id is 'Number of the account.';
comment on column api.differences.account is 'The broker''s number of the account.';
comment on column api.differences.account_name is 'The person''s name for the account.';
comment on column api.differences.instrument_id is 'Number of the instrument; null for cash.';
comment on column api.differences.symbol is 'Symbol, or the currency for cash.';
comment on column api.differences.kind is 'position (quantities), lot (cost of the open lots in the trading currency), cash, internal (our rows against each other).';
comment on column api.differences.ours is 'Our figure; null if unknown.';
comment on column api.differences.broker is 'The broker''s figure, or the second figure of an internal check; null if unknown.';
comment on column api.differences.cause is 'The one named cause.';
comment on column api.differences.status is 'open, explained (harmless) or accepted.';
comment on column api.differences.reason is 'Why the person accepted it; null otherwise.';
comment on column api.differences.evidence is 'Figures, dates, file and line behind it, and a hint what to do.';

grant select on api.differences to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin, quantmatrix_writer;

create view api.acceptances
with (security_invoker = true)
as
select
    p.id,
    p.account_id,
    a.account_number as account,
    a.name as account_name,
    p.symbol,
    p.kind,
    p.ours::api.exact as ours,
    p.broker::api.exact as broker,
    p.cause,
    p.reason,
    p.accepted_at,
    p.revoked_at,
    p.revoke_reason,
    exists (
        select from reconcile.standing_findings s
        where s.user_id = p.user_id
        and s.acceptance_id = p.id
    ) as covers_a_difference
from ingest.acceptances p
left join core.accounts a on a.user_id = p.user_id and a.id = p.account_id;

comment on view api.acceptances is 'Acceptances
Differences that you accepted, each with its reason. One holds while its figures and its cause stay the same.';
comment on column api.acceptances.id is 'Number of the acceptance, for acceptance_revoke.';
comment on column api.acceptances.account_id is 'Number of the account.';
comment on column api.acceptances.account is 'The broker''s number of the account.';
comment on column api.acceptances.account_name is 'The person''s name for the account.';
comment on column api.acceptances.symbol is 'Symbol, or the currency for cash.';
comment on column api.acceptances.kind is 'position, lot, cash or internal.';
comment on column api.acceptances.ours is 'Our figure when it was accepted; null if unknown.';
comment on column api.acceptances.broker is 'The broker''s figure when it was accepted; null if unknown.';
comment on column api.acceptances.cause is 'The cause that was named.';
comment on column api.acceptances.reason is 'Why it is right as it is.';
comment on column api.acceptances.accepted_at is 'When.';
comment on column api.acceptances.revoked_at is 'When it was taken back; null while it holds.';
comment on column api.acceptances.revoke_reason is 'Why it was taken back.';
comment on column api.acceptances.covers_a_difference is 'Whether the newest reconciliation found that difference.';

grant select on api.acceptances to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin, quantmatrix_writer;
