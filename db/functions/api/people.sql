-- People, kept by administrators.

create function api.user_add(email text, display_name text default null, role text default 'user')
returns setof api.me
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_read jsonb;
    v_id uuid;
begin
    perform auth.require_admin();
    v_read := ingest.read_fields(jsonb_build_object('role', user_add.role), '{"role": "core.user_role"}');
    if lower(btrim(user_add.email)) !~ '^[^@[:space:]]+@[^@[:space:]]+$' or user_add.email is null then
        raise exception 'email: "%" is not an address', coalesce(user_add.email, '') using errcode = 'QM002';
    end if;
    insert into core.users (email, display_name, role)
    values (lower(btrim(user_add.email)), nullif(btrim(user_add.display_name), ''), (v_read ->> 'role')::core.user_role)
    on conflict on constraint users_email_taken do nothing
    returning id into v_id;
    if v_id is null then
        raise exception 'there is a user "%" already', lower(btrim(user_add.email))
            using errcode = 'QM002', hint = '`user_list` shows all';
    end if;
    return query select m.* from api.me m where m.id = v_id;
end
$$;

comment on function api.user_add(text, text, text) is $$Add a user
Administrators only. role: user, readonly or admin.$$;

create function api.user_list()
returns setof api.me
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform auth.require_admin();
    return query select m.* from api.me m order by m.email;
end
$$;

comment on function api.user_list() is $$List users
Administrators only.$$;

create function api.user_set_role(email text, role text)
returns setof api.me
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_read jsonb;
    v_id uuid;
begin
    perform auth.require_admin();
    v_read := ingest.read_fields(jsonb_build_object('role', user_set_role.role), '{"role": "core.user_role"}');
    v_id := auth.require_person(user_set_role.email);
    if v_id = auth.user_id() then
        raise exception 'nobody changes the own role: another administrator can' using errcode = 'QM002';
    end if;
    update core.users u
    set role = (v_read ->> 'role')::core.user_role,
        updated_at = now()
    where u.id = v_id;
    return query select m.* from api.me m where m.id = v_id;
end
$$;

comment on function api.user_set_role(text, text) is $$Change what a user may do
Administrators only. role: user, readonly or admin. Tokens that claim more are refused from now on.$$;

create function api.user_disable(email text, disabled boolean default true)
returns setof api.me
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_id uuid;
begin
    perform auth.require_admin();
    v_id := auth.require_person(user_disable.email);
    if v_id = auth.user_id() then
        raise exception 'nobody disables the own user: another administrator can' using errcode = 'QM002';
    end if;
    update core.users u
    set status = case when coalesce(user_disable.disabled, true) then 'disabled' else 'active' end::core.user_status,
        disabled_at = case when coalesce(user_disable.disabled, true) then coalesce(u.disabled_at, now()) end,
        updated_at = now()
    where u.id = v_id;
    return query select m.* from api.me m where m.id = v_id;
end
$$;

comment on function api.user_disable(text, boolean) is $$Disable or enable a user
Administrators only. A disabled user cannot sign in and every token is refused; the data stay. disabled false enables again.$$;

create function api.user_delete(email text)
returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_deleted integer;
begin
    perform auth.require_admin();
    delete from core.users u
    where u.email = lower(btrim(user_delete.email))
    and u.id is distinct from auth.user_id();
    get diagnostics v_deleted = row_count;
    return v_deleted > 0;
end
$$;

comment on function api.user_delete(text) is $$Delete a user
Administrators only. All data of the person go with it, but for the audit log. Returns whether there was such a user; nobody deletes the own one.$$;
grant execute on function
    api.user_add(text, text, text), api.user_list(), api.user_set_role(text, text), api.user_disable(text, boolean),
    api.user_delete(text)
    to quantmatrix_admin;

alter function api.user_add(text, text, text) owner to quantmatrix_writer;
alter function api.user_list() owner to quantmatrix_writer;
alter function api.user_set_role(text, text) owner to quantmatrix_writer;
alter function api.user_disable(text, boolean) owner to quantmatrix_writer;
alter function api.user_delete(text) owner to quantmatrix_writer;
