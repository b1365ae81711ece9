-- Records on their way in, and how much of them is there.

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
