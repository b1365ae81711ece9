-- Staging is counted: each statement leaves a note of what it staged, for the load that counts, for quotas and for sweeps.
-- What is staged at this moment has no such note. It is transient, and a client that is at work is told to stage again.

truncate ingest.staging;
alter table ingest.staging add column chunk integer;
comment on column ingest.staging.staged_at is 'When; rows of an abandoned load are swept after two hours.';
comment on column ingest.staging.chunk is 'Which chunk of the load, counted by the client; null where COPY or one call brought it.';

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

comment on table ingest.staged_parts is 'How much each statement staged: quotas and sweeps look here, and a chunk that comes twice is found here.';
comment on column ingest.staged_parts.user_id is 'Whose it is.';
comment on column ingest.staged_parts.load_id is 'The load.';
comment on column ingest.staged_parts.chunk is 'Which chunk of the load; null: not numbered.';
comment on column ingest.staged_parts.records is 'Rows of ingest.staging.';
comment on column ingest.staged_parts.bytes is 'About what they take on disk.';
comment on column ingest.staged_parts.staged_at is 'When.';

alter table ingest.files
    add column stored_bytes bigint not null default 65536,
    add constraint files_stored_is_not_negative check (stored_bytes >= 0);
comment on column ingest.files.stored_bytes is 'What counts against the person''s quota: its records as they were staged, and 64 kB at least.';

alter table auth.settings
    add column staged_megabytes integer not null default 1024,
    add column stored_megabytes integer not null default 10240,
    add constraint settings_staged_is_limited check (staged_megabytes between 1 and 100000),
    add constraint settings_stored_is_limited check (stored_megabytes between 1 and 10000000);
comment on column auth.settings.staged_megabytes is 'What one person may have staged over the API at a time; four times that by COPY.';
comment on column auth.settings.stored_megabytes is 'What the files that one person imported may amount to, as they were staged.';
