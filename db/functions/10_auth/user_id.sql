-- Who this session is. Claims count only in a session that logged in as authenticator, the login of PostgREST and of the command line, which set
-- them from a verified token; whoever can type SQL can forge a setting, but not a login, so a personal login is looked up instead.
-- In PL/pgSQL, which keeps its plan: measured, a function in SQL is planned anew in every query and costs ten times as much.

create function auth.user_id()
returns uuid
language plpgsql
stable
security definer
parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    if session_user = 'authenticator' then
        return nullif(nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub', '')::uuid;
    end if;
    return (
        select l.user_id
        from auth.database_logins l
        where l.login_name = session_user
    );
end
$$;

comment on function auth.user_id() is 'The person of this session, or null. Policies call it as (select auth.user_id()), so that it is evaluated once.';

create function auth.is_admin()
returns boolean
language sql
stable
security definer
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select session_user = 'authenticator'
        and coalesce(nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role' = 'quantmatrix_admin', false)
$$;

comment on function auth.is_admin() is 'Whether the session''s verified claims name the administrator''s role.';

create function auth.require_user()
returns uuid
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.user_id();
begin
    if v_user_id is null then
        raise exception 'nobody is signed in'
            using errcode = '42501', hint = 'sign in, or choose a user with --user';
    end if;
    return v_user_id;
end
$$;

comment on function auth.require_user() is 'The person of this session; refuses if there is none.';
