-- Who this session is, and whose book it works in. Claims count only in a session that logged in as authenticator, the login of PostgREST and of
-- the command line, which set them from a verified token; whoever can type SQL can forge a setting, but not a login, so a personal login is
-- looked up instead. Another person's book opens only with a grant that holds now: auth.grants is asked in every query, not when a token is made.
-- In PL/pgSQL, which keeps its plan: measured, a function in SQL is planned anew in every query and costs ten times as much.

create function auth.person_id()
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
        join core.users u on u.id = l.user_id and u.status = 'active'
        where l.login_name = session_user
        -- Made when its person could still write: nobody's, until it is granted anew.
        and (u.role <> 'readonly' or not pg_has_role(session_user, 'quantmatrix_user', 'member'))
    );
end
$$;

comment on function auth.person_id() is 'The person who acts in this session, or null.';

create function auth.writes()
returns boolean
language plpgsql
stable
security definer
parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    if session_user = 'authenticator' then
        return nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role' is distinct from 'quantmatrix_readonly';
    end if;
    return pg_has_role(session_user, 'quantmatrix_user', 'member');
end
$$;

comment on function auth.writes() is 'Whether this session''s role may write: a grant to read does not open a book to it.';

create function auth.book_named()
returns uuid
language plpgsql
stable
security definer
parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    if session_user = 'authenticator' then
        return nullif(nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'book', '')::uuid;
    end if;
    return (
        select u.id
        from core.users u
        where u.email = lower(nullif(current_setting('quantmatrix.book', true), ''))
    );
end
$$;

comment on function auth.book_named() is
    'Whose book this session asks for: the claim book of a token, or in direct SQL the setting quantmatrix.book (an address); null: the own. '
    'To ask is free: the grant decides.';

create function auth.user_id()
returns uuid
language plpgsql
stable
security definer
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    v_claims jsonb;
    v_book uuid;
    v_person_id uuid;
    v_writes boolean;
begin
    -- Nearly every request: no book was opened. Three calls less in each query.
    if session_user = 'authenticator' then
        v_claims := nullif(current_setting('request.jwt.claims', true), '')::jsonb;
        if not coalesce(v_claims ? 'book', false) then
            return nullif(v_claims ->> 'sub', '')::uuid;
        end if;
    end if;
    v_book := auth.book_named();
    v_person_id := auth.person_id();
    if v_book is null or v_book = v_person_id then
        return v_person_id;
    end if;
    v_writes := auth.writes();
    return (
        select g.user_id
        from auth.grants g
        where g.grantee_id = v_person_id
        and g.user_id = v_book
        and g.revoked_at is null
        and (g.expires_at is null or g.expires_at > now())
        and (g.access = 'write' or not v_writes)
        limit 1
    );
end
$$;

comment on function auth.user_id() is
    'Whose rows this session works with, or null: the person''s own, or those of the book that was opened and is granted. '
    'Policies call it as (select auth.user_id()), so that it is evaluated once.';

-- Null: every account. An array: these and no others.
create function auth.visible_accounts()
returns bigint[]
language plpgsql
stable
security definer
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    v_book uuid := auth.book_named();
    v_person_id uuid := auth.person_id();
    v_key_id bigint;
    v_writes boolean;
    v_accounts bigint[];
    v_whole boolean;
begin
    if session_user = 'authenticator' then
        v_key_id := (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'key')::bigint;
    end if;
    if v_key_id is not null then
        select k.account_ids
        into v_accounts
        from auth.api_keys k
        where k.user_id = v_person_id
        and k.id = v_key_id
        and k.revoked_at is null;
        return case when found then v_accounts else '{}' end;
    end if;
    if v_book is null or v_book = v_person_id then
        return null;
    end if;
    v_writes := auth.writes();
    select coalesce(bool_or(g.account_id is null), false), coalesce(array_agg(g.account_id) filter (where g.account_id is not null), '{}')
    into v_whole, v_accounts
    from auth.grants g
    where g.grantee_id = v_person_id
    and g.user_id = v_book
    and g.revoked_at is null
    and (g.expires_at is null or g.expires_at > now())
    and (g.access = 'write' or not v_writes);
    return case when not v_whole then v_accounts end;
end
$$;

comment on function auth.visible_accounts() is
    'The accounts to which a key or the grants of an open book limit this session; null: no limit.';

create function auth.sees_all_accounts()
returns boolean
language plpgsql
stable
security definer
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    v_claims jsonb;
begin
    -- Nearly every request: no key, no book, nothing to look up.
    if session_user = 'authenticator' then
        v_claims := nullif(current_setting('request.jwt.claims', true), '')::jsonb;
        if not coalesce(v_claims ? 'key' or v_claims ? 'book', false) then
            return true;
        end if;
    end if;
    return auth.visible_accounts() is null;
end
$$;

comment on function auth.sees_all_accounts() is 'Whether no key and no grant limits this session to some accounts. Policies call it as (select …), once for each query.';

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
    if v_user_id is null and auth.person_id() is not null then
        raise exception 'this book is not open to you'
            using errcode = '42501', hint = 'its owner may have revoked the grant, or it gives less than you ask for';
    elsif v_user_id is null then
        raise exception 'nobody is signed in'
            using errcode = '42501', hint = 'sign in: `sign_in`';
    end if;
    return v_user_id;
end
$$;

comment on function auth.require_user() is 'Whose rows this session works with; refuses if nobody''s.';

create function auth.require_session()
returns uuid
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_person_id uuid := auth.person_id();
begin
    if v_person_id is null then
        raise exception 'nobody is signed in' using errcode = '42501', hint = 'sign in: `sign_in`';
    end if;
    if session_user = 'authenticator' and nullif(current_setting('request.jwt.claims', true), '')::jsonb ?| array['key', 'book'] then
        raise exception 'only the person may do this, not a key, and not while another''s book is open'
            using errcode = '42501', hint = 'sign in with the password (`sign_in`) and use that token';
    end if;
    return v_person_id;
end
$$;

comment on function auth.require_session() is 'The person of this session, who is signed in and not a key, and in the own book; refuses otherwise.';

-- Whoever types SQL can set whatever a request is known by: its token, the address it came from, and for how long what it locks stays locked.
create function auth.is_personal_login()
returns boolean
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select session_user like 'qm\_%'
$$;

comment on function auth.is_personal_login() is 'Whether this session types SQL under a login of a person''s own: no setting of it says where a request came from, or whose it is.';

create function auth.require_request()
returns void
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    if auth.is_personal_login() then
        raise exception 'this is asked over HTTP, not with a personal login' using errcode = '42501', hint = 'sign in there: `sign_in`';
    end if;
end
$$;

comment on function auth.require_request() is
    'Refuses personal logins: what is counted or locked for people who are not signed in yet belongs to everybody.';

grant execute on function auth.person_id(), auth.writes(), auth.user_id(), auth.visible_accounts(), auth.sees_all_accounts(), auth.is_admin()
    to anon, quantmatrix_user, quantmatrix_readonly, quantmatrix_admin, quantmatrix_writer, quantmatrix_engine, quantmatrix_keeper,
    quantmatrix_service;
grant execute on function auth.is_personal_login() to quantmatrix_engine, quantmatrix_keeper;
grant execute on function auth.require_request() to quantmatrix_keeper;
grant execute on function auth.require_user(), auth.require_session()
    to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin, quantmatrix_writer, quantmatrix_keeper;

alter function auth.person_id() owner to quantmatrix_keeper;
alter function auth.writes() owner to quantmatrix_keeper;
alter function auth.book_named() owner to quantmatrix_keeper;
alter function auth.user_id() owner to quantmatrix_keeper;
alter function auth.visible_accounts() owner to quantmatrix_keeper;
alter function auth.sees_all_accounts() owner to quantmatrix_keeper;

-- The tables' owner, whose triggers ask who acts: a right it gave itself would have gone with the ownership.
set local role quantmatrix_keeper;
grant execute on function auth.person_id(), auth.user_id(), auth.visible_accounts(), auth.sees_all_accounts() to quantmatrix_owner;
set local role quantmatrix_owner;
