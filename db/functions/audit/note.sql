-- What happens to a person without changing a row of core, written to the person's log by hand; and what an erased person's entries lose.

create function audit.note(p_user_id uuid, p_table text, p_key text, p_action core.audit_action, p_values jsonb, p_reason text)
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_log_id bigint;
begin
    insert into core.audit_logs (user_id, actor_id, table_name, record_key, action, new_values, context)
    values (
        p_user_id, auth.person_id(), p_table, p_key, p_action, p_values,
        audit.context() || jsonb_strip_nulls(jsonb_build_object('reason', left(p_reason, 1000)))
    )
    returning id into v_log_id;
    return v_log_id;
end
$$;

comment on function audit.note(uuid, text, text, core.audit_action, jsonb, text) is
    'An entry of the log for what no trigger sees: a grant, a session that an administrator ended. Never a secret. Returns its number.';
grant execute on function audit.note(uuid, text, text, core.audit_action, jsonb, text) to quantmatrix_keeper, quantmatrix_eraser;

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

-- The role that may blank may blank nothing less than all entries of somebody who is gone, whichever way the statement came.
create function audit.only_the_erased()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_person_id uuid;
begin
    for v_person_id in select distinct n.user_id from new_rows n loop
        if v_person_id is null
            or exists (select from core.users u where u.id = v_person_id)
            or not exists (select from audit.erasures r where r.person_id = v_person_id)
            or exists (
                select
                from core.audit_logs e
                where e.user_id = v_person_id
                    and num_nonnulls(e.old_values, e.new_values, e.context) > 0
            )
        then
            raise exception 'update of core.audit_logs is refused'
                using errcode = 'QM040',
                    detail = 'Only the entries of a person who was erased are blanked, all of them.',
                    hint = 'Erase the person: `user_erase`.';
        end if;
    end loop;
    return null;
end
$$;

comment on function audit.only_the_erased() is 'Trigger: refuses with QM040 to blank less than the whole log of a person who is gone.';

create function audit.erase(p_user_id uuid)
returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_log_id bigint;
    v_count integer;
begin
    -- Told by an entry of nobody's log, which is chained as every other; without the reason, which may speak of the person.
    perform set_config('quantmatrix.reason', '', true);
    v_log_id := audit.note(null, 'audit.erasures', p_user_id::text, 'insert', null, null);
    insert into audit.erasures (person_id, log_id)
    values (p_user_id, v_log_id);
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
    'Blanks the values of the entries of a person who is gone, whose keys, times and columns stay, and returns how many. The chain verifies: it covers a digest of the values.';
grant execute on function audit.erase(uuid) to quantmatrix_keeper;

create trigger only_the_erased after update on core.audit_logs
    referencing new table as new_rows for each statement execute function audit.only_the_erased();
alter table core.audit_logs enable always trigger only_the_erased;

alter function audit.only_the_erased() owner to quantmatrix_eraser;
alter function audit.erase(uuid) owner to quantmatrix_eraser;
