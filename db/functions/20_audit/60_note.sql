-- What happens to a person without changing a row of core, written to the person's log by hand; and what an erased person's entries lose.

create function audit.note(p_user_id uuid, p_table text, p_key text, p_action core.audit_action, p_values jsonb, p_reason text)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into core.audit_logs (user_id, actor_id, table_name, record_key, action, new_values, context)
    values (
        p_user_id, auth.person_id(), p_table, p_key, p_action, p_values,
        audit.context() || jsonb_strip_nulls(jsonb_build_object('reason', left(p_reason, 1000)))
    );
end
$$;

comment on function audit.note(uuid, text, text, core.audit_action, jsonb, text) is
    'An entry of the log for what no trigger sees: a grant, a session that an administrator ended. Never a secret.';
grant execute on function audit.note(uuid, text, text, core.audit_action, jsonb, text) to quantmatrix_keeper;

create function audit.note_own(p_table text, p_key text, p_action core.audit_action, p_values jsonb, p_reason text)
returns void
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    select audit.note(auth.require_user(), p_table, p_key, p_action, p_values, p_reason)
$$;

comment on function audit.note_own(text, text, core.audit_action, jsonb, text) is
    'An entry of the session''s own log: what a person decided that changes no row of core. No other book can be named.';
grant execute on function audit.note_own(text, text, core.audit_action, jsonb, text) to quantmatrix_writer;

create function audit.erase(p_user_id uuid)
returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_count integer;
begin
    insert into audit.erasures (person_id)
    values (p_user_id)
    on conflict on constraint erasures_pkey do nothing;
    update core.audit_logs
    set old_values = null,
        new_values = null,
        context = null
    where user_id = p_user_id;
    get diagnostics v_count = row_count;
    return v_count;
end
$$;

comment on function audit.erase(uuid) is
    'Blanks the values of a person''s entries, whose keys, times and columns stay, and returns how many. The chain verifies: it covers a digest of the values.';
grant execute on function audit.erase(uuid) to quantmatrix_keeper;

alter function audit.erase(uuid) owner to quantmatrix_eraser;
