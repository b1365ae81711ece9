-- The log as its owner reads it, and the proof that nobody rewrote it.

create view api.audit_log
with (security_invoker = true)
as
select
    e.id,
    e.created_at,
    e.table_name,
    e.record_key,
    e.action,
    e.changed_columns,
    (
        select jsonb_object_agg(v.key, case jsonb_typeof(v.value) when 'number' then to_jsonb(v.value #>> '{}') else v.value end)
        from jsonb_each(e.old_values) v
    ) as old_values,
    (
        select jsonb_object_agg(v.key, case jsonb_typeof(v.value) when 'number' then to_jsonb(v.value #>> '{}') else v.value end)
        from jsonb_each(e.new_values) v
    ) as new_values,
    e.actor_id,
    e.context ->> 'reason' as reason,
    e.context ->> 'role' as role,
    e.context ->> 'session' as session,
    e.context ->> 'request' as request,
    e.transaction_xid::text as transaction_xid
from core.audit_logs e;

comment on view api.audit_log is 'Every change of the signed-in person''s rows: what, when, by whom and why. Order by id.';
comment on column api.audit_log.id is 'Number of the entry.';
comment on column api.audit_log.created_at is 'When the database transaction began.';
comment on column api.audit_log.table_name is 'Table whose row changed.';
comment on column api.audit_log.record_key is 'Key of the row.';
comment on column api.audit_log.action is 'insert, update or delete.';
comment on column api.audit_log.changed_columns is 'Names of the changed columns of an update; null otherwise.';
comment on column api.audit_log.old_values is 'Changed columns before an update, the whole row of a delete; numbers as strings. Null for an insert.';
comment on column api.audit_log.new_values is 'Changed columns after an update; numbers as strings. Null otherwise.';
comment on column api.audit_log.actor_id is 'The person who acted; null for the platform itself.';
comment on column api.audit_log.reason is 'The reason that was given; null if none.';
comment on column api.audit_log.role is 'Database role that acted.';
comment on column api.audit_log.session is 'Login that acted.';
comment on column api.audit_log.request is 'Method, path and request id over HTTP; null otherwise.';
comment on column api.audit_log.transaction_xid is 'Entries with the same number happened together.';

grant select on api.audit_log to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin;

-- The person's own entries alone: the chain runs through all tenants, and looking at all of it is for the operator (audit.verify). It writes
-- nothing; the platform seals and looks at what is new by itself.
create function api.audit_verify(noted_head text default null)
returns jsonb
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_found jsonb;
    v_head text := lower(btrim(audit_verify.noted_head));
begin
    if v_head !~ '^[0-9]{1,18}:[0-9a-f]{64}$' then
        raise exception 'noted_head: "%" is not POSITION:DIGEST', left(v_head, 100)
            using errcode = 'QM002',
                hint = 'Give the head as `audit_verify` answered it. A digest without its place, as heads once were, is looked up by the operator: `audit_verify_all(noted_head => DIGEST)`.';
    end if;
    v_found := audit.verify_own(auth.require_user());
    if v_found ->> 'broken' is null and v_head is not null and not audit.stands(v_head) then
        return v_found || '{"broken": {"position": null, "log_id": null, "what": "head_unknown"}}';
    end if;
    return v_found;
end
$$;

comment on function api.audit_verify(text) is
    $comment$Verify your audit log
Checks every entry of the signed-in person against the chain: {entries, unsealed, head, broken}. broken is null if they hold, else {position, log_id, what}. noted_head: a head from earlier, POSITION:DIGEST, which must still stand in the chain. What was removed from the log, the operator's look at the whole chain finds.$comment$;

grant execute on function api.audit_verify(text) to quantmatrix_user, quantmatrix_admin;
