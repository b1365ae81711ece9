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

-- Seals first, so that the answer covers everything that is finished; it therefore writes, and readers' roles may not call it. The chain runs
-- through all tenants: a caller learns counts, the head and the place of a fault, never an entry.
create function api.audit_verify(noted_head text default null)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform auth.require_user();
    while audit.seal(10000) = 10000 loop
        null;
    end loop;
    return audit.verify(noted_head);
end
$$;

comment on function api.audit_verify(text) is
    $comment$Verify the audit log
Seals what is finished, then checks the whole chain: {sealed, unsealed, head, broken}. broken is null if it holds, else {position, log_id, what}. noted_head: a head from earlier, which must still stand in the chain.$comment$;

grant execute on function api.audit_verify(text) to quantmatrix_user, quantmatrix_admin;
