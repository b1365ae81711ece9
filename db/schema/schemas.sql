-- Who keeps what. The API schema is not here: it holds no data and is made anew with the functions.

create schema core;
create schema tax;
create schema ingest;
create schema matching;
create schema reconcile;
create schema sync;
create schema legacy;
create schema auth;
create schema audit;

comment on schema core is 'The ten tables: people, accounts, instruments, transactions, and what is derived from them.';
comment on schema tax is 'What the lot engine reads about a transaction, and what it derives beside the lots.';
comment on schema ingest is 'Where rows came from: files, lines, the broker''s own figures as evidence, staging; and the functions that load them.';
comment on schema matching is 'Functions alone: which rows of several sources are one event, and what counts where they differ.';
comment on schema reconcile is 'Functions and views alone: the broker''s figures beside ours, and the cause of each difference.';
comment on schema sync is 'Functions alone: what is fetched from a service, when, and whether it may be loaded.';
comment on schema legacy is 'Functions alone: the old database read in our words, and the proof of what became of it.';
comment on schema auth is 'Who a session is. Secrets live here and nowhere else.';
comment on schema audit is 'Seals that chain the audit log, and their verification.';
