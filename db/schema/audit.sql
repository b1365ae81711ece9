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

comment on table audit.links is 'The hash chain: each link covers the one before, the entry''s fixed fields and the digest of its values.
tenancy: platform';
comment on column audit.links.position is 'Place in the chain, from 1 without gaps.';
comment on column audit.links.log_id is 'The entry of core.audit_logs.';
comment on column audit.links.values_digest is 'SHA-256 of the old values, the new values and the context: what an erased person''s entries may lose.';
comment on column audit.links.link_digest is 'SHA-256 of the link before, the entry''s fixed fields and values_digest.';
comment on column audit.links.sealed_at is 'When it was sealed.';

create table audit.erasures (
    person_id uuid not null,
    erased_at timestamptz not null default now(),
    log_id bigint not null,
    constraint erasures_pkey primary key (person_id, log_id)
);

comment on table audit.erasures is 'Who was erased: the values of these persons'' entries are gone, and the chain still verifies.
tenancy: platform';
comment on column audit.erasures.person_id is 'The key of the person; it tells nothing any more.';
comment on column audit.erasures.erased_at is 'When.';
comment on column audit.erasures.log_id is 'The entry that tells of it, itself chained: what the person has before it is blank, all of it.';

-- Numbers of transactions begin anew where a dump is restored into another cluster; numbers of entries go on. So an epoch is a range of entries.
create table audit.epochs (
    number smallint not null,
    first_entry bigint not null,
    log_id bigint not null,
    began_at timestamptz not null default now(),
    reason text not null,
    constraint epochs_pkey primary key (number),
    constraint epochs_begin_apart unique (first_entry),
    constraint epochs_are_counted check (number > 0),
    constraint epochs_begin_before_they_are_told check (first_entry > 0 and first_entry <= log_id)
);

comment on table audit.epochs is 'Where numbers of transactions began anew: entries from first_entry on come after all before, whatever their numbers of transactions. Before the first: epoch 0.
tenancy: platform';
comment on column audit.epochs.number is 'From 1 on.';
comment on column audit.epochs.first_entry is 'The first number of an entry of this epoch.';
comment on column audit.epochs.log_id is 'The entry that tells of it, itself chained.';
comment on column audit.epochs.began_at is 'When.';
comment on column audit.epochs.reason is 'Why.';

create table audit.checkpoints (
    position bigint not null,
    link_digest bytea not null,
    verified_at timestamptz not null default now(),
    constraint checkpoints_pkey primary key (position),
    constraint checkpoints_digests_are_sha256 check (length(link_digest) = 32)
);

comment on table audit.checkpoints is 'How far the chain was found whole: the next look begins here. Looking at the whole chain trusts none of these.
tenancy: platform';
comment on column audit.checkpoints.position is 'The last link that was looked at.';
comment on column audit.checkpoints.link_digest is 'What that link was: it must still be.';
comment on column audit.checkpoints.verified_at is 'When.';
