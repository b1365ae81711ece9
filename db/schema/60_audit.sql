-- The chain over core.audit_logs. Entries are sealed in batches, out of the writers' way; each link holds the digest of its entry's values,
-- so that an erased person's values can be blanked and the chain still verifies.

create table audit.links (
    position bigint not null,
    log_id bigint not null,
    values_digest bytea not null,
    link_digest bytea not null,
    sealed_at timestamptz not null default now(),
    constraint links_pkey primary key (position),
    constraint links_one_per_entry unique (log_id),
    constraint links_digests_are_sha256 check (length(values_digest) = 32 and length(link_digest) = 32)
);

comment on table audit.links is 'The hash chain: each link covers the one before, the entry''s fixed fields and the digest of its values.';
comment on column audit.links.position is 'Place in the chain, from 1 without gaps.';
comment on column audit.links.log_id is 'The entry of core.audit_logs.';
comment on column audit.links.values_digest is 'SHA-256 of the old values, the new values and the context: what an erased person''s entries may lose.';
comment on column audit.links.link_digest is 'SHA-256 of the link before, the entry''s fixed fields and values_digest.';
comment on column audit.links.sealed_at is 'When it was sealed.';

create table audit.erasures (
    person_id uuid not null,
    erased_at timestamptz not null default now(),
    constraint erasures_pkey primary key (person_id)
);

comment on table audit.erasures is 'Who was erased: the values of these persons'' entries are gone, and the chain still verifies.';
comment on column audit.erasures.person_id is 'The key of the person; it tells nothing any more.';
comment on column audit.erasures.erased_at is 'When.';
