-- Access tokens, signed here, and the sessions whose refresh tokens renew them.

-- The key set of PostgREST, read from its file by whoever migrates: the same keys in the same order, so that both sides rotate together.
create function auth.load_signing_keys(p_key_set jsonb)
returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_count integer;
begin
    delete from auth.signing_keys;
    insert into auth.signing_keys (key_id, secret, place)
    select
        coalesce(k.key ->> 'kid', 'key-' || k.place),
        decode(rpad(translate(k.key ->> 'k', '-_', '+/'), (length(k.key ->> 'k') + 3) / 4 * 4, '='), 'base64'),
        k.place
    from jsonb_array_elements(p_key_set -> 'keys') with ordinality k (key, place)
    where k.key ->> 'kty' = 'oct';
    get diagnostics v_count = row_count;
    if v_count = 0 then
        raise exception 'the key set holds no symmetric key' using errcode = 'QM002', hint = 'give the file that PostgREST reads as jwt-secret';
    end if;
    return v_count;
end
$$;

comment on function auth.load_signing_keys(jsonb) is 'Replaces the signing keys by those of a JSON Web Key Set: the first signs. Returns how many there are.';

create function auth.sign(p_claims jsonb)
returns text
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_key auth.signing_keys;
    v_text text;
begin
    select k.* into v_key
    from auth.signing_keys k
    order by k.place
    limit 1;
    if not found then
        raise exception 'no signing key is loaded' using errcode = 'QM058', hint = 'the operator loads it: `signing_keys_load`';
    end if;
    v_text := auth.base64url(convert_to(jsonb_build_object('alg', 'HS256', 'typ', 'JWT', 'kid', v_key.key_id)::text, 'UTF8'))
        || '.' || auth.base64url(convert_to(p_claims::text, 'UTF8'));
    return v_text || '.' || auth.base64url(extensions.hmac(convert_to(v_text, 'UTF8'), v_key.secret, 'sha256'));
end
$$;

comment on function auth.sign(jsonb) is 'A JSON Web Token of these claims, by HMAC-SHA256 with the first key.';

create function auth.access_token(p_user_id uuid, p_role text, p_more jsonb)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_now bigint := floor(extract(epoch from clock_timestamp()))::bigint;
    v_seconds integer := 60 * (select s.access_minutes from auth.settings s);
begin
    return jsonb_build_object(
        'access_token', auth.sign(
            jsonb_build_object(
                'sub', p_user_id, 'role', p_role, 'aud', 'quantmatrix', 'iat', v_now, 'exp', v_now + v_seconds, 'jti', gen_random_uuid()
            ) || p_more
        ),
        'token_type', 'Bearer',
        'expires_in', v_seconds,
        'expires_at', to_timestamp(v_now + v_seconds)
    );
end
$$;

comment on function auth.access_token(uuid, text, jsonb) is 'Object {access_token, token_type, expires_in, expires_at}; p_more are further claims: sid, key, book.';

create function auth.new_refresh_token(p_user_id uuid, p_session_id uuid, p_follows bytea default null)
returns text
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_token text := 'qmr_' || auth.random_token();
begin
    insert into auth.refresh_tokens (user_id, session_id, token_digest, follows)
    values (p_user_id, p_session_id, auth.digest_of(v_token), p_follows);
    return v_token;
end
$$;

comment on function auth.new_refresh_token(uuid, uuid, bytea) is 'The next refresh token of a session; p_follows is the digest of the one that it is given for.';

create function auth.role_of(p_user_id uuid)
returns text
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select 'quantmatrix_' || u.role
    from core.users u
    where u.id = p_user_id
$$;

comment on function auth.role_of(uuid) is 'The database role of a person.';

create function auth.start_session(p_user_id uuid, p_method text, p_label text)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_session_id uuid;
begin
    -- What ended long ago goes; a hundred open sessions are enough for anybody.
    delete from auth.sessions s
    where s.user_id = p_user_id
    and (
        s.expires_at < now() - interval '30 days'
        or s.ended_at < now() - interval '30 days'
        or s.ended_at is not null
        and s.id not in (
            select n.id
            from auth.sessions n
            where n.user_id = p_user_id
            order by n.created_at desc
            limit 1000
        )
    );
    update auth.sessions s
    set ended_at = now(),
        ended_because = 'too many sessions'
    where s.user_id = p_user_id
    and s.ended_at is null
    and s.id not in (
        select n.id
        from auth.sessions n
        where n.user_id = p_user_id
        and n.ended_at is null
        order by n.used_at desc
        limit 99
    );
    insert into auth.sessions (user_id, method, label, expires_at, origin_digest)
    select
        p_user_id, p_method, left(nullif(btrim(p_label), ''), 200), now() + make_interval(days => s.session_days),
        case when auth.origin() <> '' then auth.digest_of(auth.origin()) end
    from auth.settings s
    returning id into v_session_id;
    return auth.access_token(p_user_id, auth.role_of(p_user_id), jsonb_build_object('sid', v_session_id))
        || jsonb_build_object('refresh_token', auth.new_refresh_token(p_user_id, v_session_id));
end
$$;

comment on function auth.start_session(uuid, text, text) is 'A new session: its tokens as {access_token, token_type, expires_in, expires_at, refresh_token}.';

create function auth.end_sessions(p_user_id uuid, p_reason text, p_kept_id uuid default null)
returns integer
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_count integer;
begin
    update auth.sessions s
    set ended_at = now(),
        ended_because = p_reason
    where s.user_id = p_user_id
    and s.ended_at is null
    and s.id is distinct from p_kept_id;
    get diagnostics v_count = row_count;
    -- Tokens that belong to no session are refused by when they were made.
    insert into auth.credentials (user_id, tokens_from)
    values (p_user_id, now())
    on conflict on constraint credentials_pkey do update set tokens_from = excluded.tokens_from;
    return v_count;
end
$$;

comment on function auth.end_sessions(uuid, text, uuid) is 'Ends a person''s sessions but one, and refuses all tokens made before; returns how many ended.';

create function auth.session_id()
returns uuid
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select case when session_user = 'authenticator'
        then (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sid')::uuid
    end
$$;

comment on function auth.session_id() is 'The session of this request; null for a key, and for a token of the operator.';

-- Tokens go out in headers: a function that returns nothing leaves a caller nothing to filter on.
create function auth.give_in_headers(p_tokens jsonb)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    perform set_config(
        'response.headers',
        jsonb_build_array(
            jsonb_build_object('Access-Token', p_tokens ->> 'access_token'),
            jsonb_build_object('Refresh-Token', p_tokens ->> 'refresh_token'),
            jsonb_build_object('Expires-In', p_tokens ->> 'expires_in'),
            jsonb_build_object('Cache-Control', 'no-store')
        )::text,
        true
    );
end
$$;

comment on function auth.give_in_headers(jsonb) is 'Puts the tokens of a session into the headers of the answer.';

alter function auth.load_signing_keys(jsonb) owner to quantmatrix_keeper;
alter function auth.sign(jsonb) owner to quantmatrix_keeper;
alter function auth.access_token(uuid, text, jsonb) owner to quantmatrix_keeper;
alter function auth.new_refresh_token(uuid, uuid, bytea) owner to quantmatrix_keeper;
alter function auth.role_of(uuid) owner to quantmatrix_keeper;
alter function auth.start_session(uuid, text, text) owner to quantmatrix_keeper;
alter function auth.end_sessions(uuid, text, uuid) owner to quantmatrix_keeper;
alter function auth.session_id() owner to quantmatrix_keeper;
alter function auth.give_in_headers(jsonb) owner to quantmatrix_keeper;

set local role quantmatrix_keeper;
grant execute on function auth.load_signing_keys(jsonb) to quantmatrix_owner;
set local role quantmatrix_owner;
