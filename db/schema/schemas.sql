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
