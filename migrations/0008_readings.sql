-- A file that was read before, by the same readers with the same options, is recognised before it is read once more.

alter table ingest.files
    add column reading text,
    add constraint files_reading_is_sha256 check (reading ~ '^[0-9a-f]{64}$');
comment on column ingest.files.reading is
    'SHA-256 of all that decides what is read: the file, its name, the format, the options, the readers'' own code; null where that is not known.';

create index files_by_reading on ingest.files (user_id, reading) where reading is not null;
