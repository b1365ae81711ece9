-- Every change of the nine other core tables, written by triggers. An insert records the key (the row itself holds the values),
-- an update the changed columns, a delete the whole old row. No foreign key: the log outlives what it speaks of.

create table core.audit_logs (
    id bigint not null generated always as identity,
    user_id uuid,
    actor_id uuid,
    table_name text not null,
    record_key text not null,
    action core.audit_action not null,
    old_values jsonb,
    new_values jsonb,
    changed_columns text[],
    transaction_xid xid8 not null default pg_current_xact_id(),
    context jsonb,
    created_at timestamptz not null default now(),
    constraint audit_logs_pkey primary key (id)
);

create index audit_logs_of_user on core.audit_logs (user_id, id);
create index audit_logs_in_sealing_order on core.audit_logs (transaction_xid, id);

comment on table core.audit_logs is 'Every change of the core tables: who, what, when; sealed into a chain by audit.seal().
tenancy: logged';
comment on column core.audit_logs.id is 'Number of the entry.';
comment on column core.audit_logs.user_id is 'The tenant whose row changed; null for shared tables.';
comment on column core.audit_logs.actor_id is 'The person who acted, if one was signed in; null for the platform itself.';
comment on column core.audit_logs.table_name is 'Table within core.';
comment on column core.audit_logs.record_key is 'Key of the row within the tenant.';
comment on column core.audit_logs.action is 'Insert, update or delete.';
comment on column core.audit_logs.old_values is 'Changed columns before (update), the whole row (delete); null for an insert.';
comment on column core.audit_logs.new_values is 'Changed columns after (update); null otherwise.';
comment on column core.audit_logs.changed_columns is 'Names of the changed columns (update); null otherwise.';
comment on column core.audit_logs.transaction_xid is 'Database transaction; entries with the same number happened together.';
comment on column core.audit_logs.context is 'Database role, login, request and the reason that was given: an object; null where nothing is known.';
comment on column core.audit_logs.created_at is 'When the database transaction began.';
