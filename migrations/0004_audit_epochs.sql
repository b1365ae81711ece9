-- Epochs for logs that were restored into another cluster, checkpoints for looking at what is new alone, and erasures that are told in the log
-- itself. Triggers, policies and views that go here are made anew after every migration.

alter table audit.erasures no force row level security;
drop trigger if exists refuse_change on audit.erasures;

alter table audit.erasures add column log_id bigint;

with told as (
    insert into core.audit_logs (table_name, record_key, action, new_values, context)
    select
        'audit.erasures', r.person_id::text, 'insert', jsonb_build_object('erased_at', r.erased_at),
        '{"reason": "erased before erasures were told in the log"}'
    from audit.erasures r
    returning id, record_key
)
update audit.erasures r
set log_id = t.id
from told t
where t.record_key = r.person_id::text;

alter table audit.erasures
    alter column log_id set not null,
    drop constraint erasures_pkey,
    add constraint erasures_pkey primary key (person_id, log_id);

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

comment on table audit.epochs is 'Where numbers of transactions began anew: entries from first_entry on come after all before, whatever their numbers of transactions. Before the first: epoch 0.';
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

comment on table audit.checkpoints is 'How far the chain was found whole: the next look begins here. Looking at the whole chain trusts none of these.';
comment on column audit.checkpoints.position is 'The last link that was looked at.';
comment on column audit.checkpoints.link_digest is 'What that link was: it must still be.';
comment on column audit.checkpoints.verified_at is 'When.';
