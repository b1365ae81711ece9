-- A schema for each thing that functions do with what was imported; the tables stay where they are. Functions are made anew after each
-- migration, so that here are only the places for them.

create schema matching;
create schema reconcile;
create schema sync;
create schema legacy;

comment on schema ingest is 'Where rows came from: files, lines, the broker''s own figures as evidence, staging; and the functions that load them.';
comment on schema matching is 'Functions alone: which rows of several sources are one event, and what counts where they differ.';
comment on schema reconcile is 'Functions and views alone: the broker''s figures beside ours, and the cause of each difference.';
comment on schema sync is 'Functions alone: what is fetched from a service, when, and whether it may be loaded.';
comment on schema legacy is 'Functions alone: the old database read in our words, and the proof of what became of it.';

comment on column ingest.sync_attempts.failure is 'Code of sync.failures(); null while it runs and if it succeeded.';
