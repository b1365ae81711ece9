-- Claims: whether they are still good, and those with which a worker acts as the session that asked.

-- Who asks, as a token of PostgREST says it: the worker becomes that for one transaction. Direct SQL has no token; its login says as much.
create function auth.acting_as()
returns jsonb
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_claims jsonb := case when session_user = 'authenticator' then nullif(current_setting('request.jwt.claims', true), '')::jsonb end;
begin
    return jsonb_strip_nulls(jsonb_build_object(
        'sub', auth.person_id(),
        'role', coalesce(v_claims ->> 'role', case when auth.writes() then 'quantmatrix_user' else 'quantmatrix_readonly' end),
        'iat', coalesce(v_claims -> 'iat', to_jsonb(floor(extract(epoch from now()))::bigint)),
        'sid', v_claims -> 'sid',
        'key', v_claims -> 'key',
        'book', auth.book_named()
    ));
end
$$;

comment on function auth.acting_as() is 'The claims that make another session act as this one: {sub, role, iat, sid, key, book}.';

-- Whether session, key, grant and person behind these claims are good at this moment. Asked before each request, and when a job begins.
create function auth.check_claims(p_claims jsonb)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_role text := p_claims ->> 'role';
    v_user core.users;
    v_tokens_from timestamptz;
    v_key auth.api_keys;
begin
    select u.*
    into v_user
    from core.users u
    where u.id = (p_claims ->> 'sub')::uuid;
    if not found then
        raise exception 'the token is for nobody here' using errcode = 'PT401', hint = 'get a new one: `token`';
    elsif v_user.status <> 'active' then
        raise exception 'this user is disabled' using errcode = 'PT403', hint = 'an administrator can enable it: `user_disable(disabled => false)`';
    end if;

    if p_claims ? 'key' then
        select k.*
        into v_key
        from auth.api_keys k
        where k.user_id = v_user.id
        and k.id = (p_claims ->> 'key')::bigint
        and k.revoked_at is null
        and (k.expires_at is null or k.expires_at > now());
        if not found or v_role <> auth.role_of_scopes(v_key.scopes) then
            perform auth.refuse(401, 'QM055', 'this key is revoked or expired', 'make a new one: `key_create`');
        end if;
    elsif p_claims ? 'sid' then
        if not exists (
            select from auth.sessions s
            where s.user_id = v_user.id
            and s.id = (p_claims ->> 'sid')::uuid
            and s.ended_at is null
            and s.expires_at > now()
        ) then
            perform auth.refuse(401, 'QM055', 'the session has ended', 'sign in again: `sign_in`');
        end if;
    else
        -- The operator's own tokens belong to no session.
        select c.tokens_from
        into v_tokens_from
        from auth.credentials c
        where c.user_id = v_user.id;
        if v_tokens_from is not null and coalesce((p_claims ->> 'iat')::numeric, 0) < floor(extract(epoch from v_tokens_from)) then
            perform auth.refuse(401, 'QM055', 'the token is older than the last time this user signed out everywhere', 'get a new one: `token`');
        end if;
    end if;

    if not (
        v_user.role = 'admin'
        or v_role = 'quantmatrix_readonly'
        or v_role in ('quantmatrix_user', 'quantmatrix_importer') and v_user.role = 'user'
    ) then
        raise exception 'the token claims more than this user may do' using errcode = 'PT403', hint = 'get a new one: `token`';
    end if;
    if p_claims ? 'book' and auth.user_id() is null then
        raise exception 'this book is not open to you' using errcode = 'PT403', hint = 'the grant was revoked or has ended';
    end if;
exception
    when invalid_text_representation or numeric_value_out_of_range then
        raise exception 'the token is for nobody here' using errcode = 'PT401', hint = 'get a new one: `token`';
end
$$;

comment on function auth.check_claims(jsonb) is
    'Refuses claims of disabled users, ended sessions, revoked keys, books that are not shared any more, and roles that the user may not take.';
grant execute on function auth.check_claims(jsonb) to quantmatrix_service;

alter function auth.check_claims(jsonb) owner to quantmatrix_keeper;
alter function auth.acting_as() owner to quantmatrix_keeper;
