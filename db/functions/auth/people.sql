-- What only administrators may ask, and the person whom they name.

create function auth.require_admin()
returns void
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    if not auth.is_admin() then
        raise exception 'only an administrator may do this'
            using errcode = '42501', hint = 'act as an administrator';
    end if;
end
$$;

comment on function auth.require_admin() is 'Refuses anybody but an administrator.';

create function auth.require_person(p_email text)
returns uuid
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_id uuid;
begin
    select u.id
    into v_id
    from core.users u
    where u.email = lower(btrim(p_email));
    if not found then
        raise exception 'there is no user "%"', coalesce(p_email, '')
            using errcode = 'QM001', hint = '`user_list` shows all';
    end if;
    return v_id;
end
$$;

comment on function auth.require_person(text) is 'The person of an address; QM001 if there is none.';

grant execute on function auth.require_admin(), auth.require_person(text) to quantmatrix_writer, quantmatrix_keeper;
grant execute on function auth.require_admin(), auth.require_user() to quantmatrix_engine;
