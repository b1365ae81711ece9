-- Rows that name units which the book does not hold say so, and a difference has a cause of its own where history is not what is missing.

alter type tax.notice_code add value 'missing_history';
alter type ingest.finding_cause add value 'past_expiry';
alter type ingest.finding_cause add value 'short_not_allowed';
alter type ingest.finding_cause add value 'unsupported_action';

comment on column core.positions.unmatched_quantity is 'Units that went beyond what the history explains; negative: units that came from an own account, or closed a short, which the history does not explain.';
