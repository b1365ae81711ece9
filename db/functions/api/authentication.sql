-- Signing in. What anybody may call answers the same, and takes as long, whether an address exists or not. What checks a password returns nothing
-- and gives its tokens in headers: there is no result that a caller could filter on, and counters are sequences, which no failure undoes.

create function api.register(email text, password text, display_name text default null)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_begun timestamptz := clock_timestamp();
    v_email text := auth.address_of(register.email);
    v_token text := auth.random_token();
    v_hash text;
begin
    perform auth.require_request();
    if not (select s.registration_open from auth.settings s) then
        raise exception 'nobody can register here' using errcode = '42501', hint = 'an administrator can add you';
    end if;
    perform auth.check_password(register.password, v_email);
    if length(register.display_name) > 200 then
        raise exception 'display_name: more than 200 letters' using errcode = 'QM002';
    end if;
    perform auth.throttle_mail(v_email);
    v_hash := auth.hash_password(register.password);
    delete from auth.registrations r
    where r.expires_at < now();
    if exists (select from core.users u where u.email = v_email) then
        perform auth.post(
            v_email, 'You have an account already',
            'Somebody, perhaps you, wants to register with this address at QuantMatrix, where it is registered already. '
            'If you forgot your password, ask for a new one. If it was not you, there is nothing to do.'
        );
    else
        insert into auth.registrations (token_digest, email, display_name, password_hash, expires_at)
        values (auth.digest_of(v_token), v_email, nullif(btrim(register.display_name), ''), v_hash, now() + interval '1 day');
        perform auth.post(
            v_email, 'Confirm your address',
            'Somebody, perhaps you, registered at QuantMatrix with this address. If it was you, confirm it within a day. '
            'If it was not, do nothing: without the confirmation there is no account.', 'verify', v_token
        );
    end if;
    perform auth.wait_until_elapsed(v_begun, '0.5 s');
end
$$;

comment on function api.register(text, text, text) is $$Register
Mails a token to the address; verify_email with it makes the account. Answers the same if the address is registered already.$$;

create function api.verify_email(token text)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_registration auth.registrations;
    v_change auth.one_time_tokens;
    v_old_email text;
    v_user_id uuid;
begin
    perform auth.require_request();
    delete from auth.registrations r
    where r.token_digest = auth.digest_of(verify_email.token)
    and r.expires_at > now()
    returning r.* into v_registration;
    if found then
        insert into core.users (email, display_name, email_verified_at)
        values (v_registration.email, v_registration.display_name, now())
        on conflict on constraint users_email_taken do nothing
        returning id into v_user_id;
        delete from auth.registrations r
        where r.email = v_registration.email;
        if v_user_id is not null then
            insert into auth.credentials (user_id, password_hash, password_changed_at)
            values (v_user_id, v_registration.password_hash, now());
            return;
        end if;
    end if;
    delete from auth.one_time_tokens t
    where t.token_digest = auth.digest_of(verify_email.token)
    and t.purpose = 'email'
    and t.expires_at > now()
    returning t.* into v_change;
    if found and not exists (select from core.users u where u.email = v_change.email) then
        select u.email into v_old_email
        from core.users u
        where u.id = v_change.user_id
        for update;
        update core.users u
        set email = v_change.email,
            email_verified_at = now(),
            updated_at = now()
        where u.id = v_change.user_id;
        -- A reset that was mailed to the old address must not outlive it.
        delete from auth.one_time_tokens t
        where t.user_id = v_change.user_id;
        perform auth.post(
            v_old_email, 'Your address was changed',
            'The address of your account at QuantMatrix is another one now. If it was not you, write to whoever runs this platform at once.'
        );
        return;
    end if;
    perform auth.refuse(400, 'QM053', 'this token is unknown, used or expired', 'ask for a new one');
end
$$;

comment on function api.verify_email(text) is $$Confirm an address
The token of a mail, which is good once and for a day: makes the account that was registered, or changes the address.$$;

create function api.sign_in(email text, password text, code text default null, label text default null)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_email text := lower(btrim(coalesce(sign_in.email, '')));
    v_pair text := auth.origin() || ' ' || v_email;
    v_is_known boolean;
    v_user core.users;
    v_credentials auth.credentials;
    v_is_right boolean;
begin
    perform auth.require_request();
    v_is_known := exists (
        select from core.users u
        join auth.sessions s on s.user_id = u.id
        where u.email = v_email
        and s.origin_digest = auth.digest_of(auth.origin())
    );
    perform auth.refuse_too_many(auth.throttle_sign_in(v_email, auth.origin(), v_is_known));

    select u.* into v_user
    from core.users u
    where u.email = v_email;
    select c.* into v_credentials
    from auth.credentials c
    where c.user_id = v_user.id;
    v_is_right := auth.password_is(v_credentials.password_hash, left(sign_in.password, 1000));
    if v_is_right and v_user.status = 'active' and v_credentials.totp_confirmed_at is not null then
        if nullif(btrim(sign_in.code), '') is null then
            perform auth.refuse(401, 'QM052', 'a second factor is wanted', 'send code: six digits of your authenticator, or a recovery code');
        end if;
        v_is_right := auth.use_code(v_user.id, sign_in.code);
    end if;
    if not v_is_right or v_user.status is distinct from 'active' then
        perform auth.refuse(401, 'QM050', 'address, password or code is wrong', 'a new password can be asked for: `password_forgot`');
    end if;

    if v_is_known then
        perform auth.throttle_release('known', v_pair, 60);
    else
        perform auth.throttle_release('pair', v_pair, 60), auth.throttle_release('account', v_email, 20);
    end if;
    if split_part(v_credentials.password_hash, '$', 3)::integer < (select s.bcrypt_cost from auth.settings s) then
        update auth.credentials c
        set password_hash = auth.hash_password(sign_in.password)
        where c.user_id = v_user.id;
    end if;
    perform auth.give_in_headers(auth.start_session(v_user.id, 'password', sign_in.label));
end
$$;

comment on function api.sign_in(text, text, text, text) is $$Sign in
Returns nothing; the headers Access-Token, Refresh-Token and Expires-In (seconds) of the answer carry the tokens. code: of the second factor, where one is set up (QM052 asks for it). label: what the client calls itself, for the list of sessions. QM050: something is wrong, and nobody says what. QM051 with Retry-After: too many attempts.$$;

create function api.refresh(refresh_token text)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_token auth.refresh_tokens;
    v_session auth.sessions;
    v_user core.users;
    v_origin_digest bytea := case when auth.origin() <> '' then auth.digest_of(auth.origin()) end;
    v_is_repeated boolean;
begin
    perform auth.require_request();
    select t.* into v_token
    from auth.refresh_tokens t
    where t.token_digest = auth.digest_of(refresh.refresh_token);
    if found then
        -- The session is locked first: of two who come at once with one token, the second sees it used.
        select s.* into v_session
        from auth.sessions s
        where s.user_id = v_token.user_id
        and s.id = v_token.session_id
        for update;
        select t.* into v_token
        from auth.refresh_tokens t
        where t.user_id = v_token.user_id
        and t.session_id = v_token.session_id
        and t.token_digest = v_token.token_digest;
        select u.* into v_user
        from core.users u
        where u.id = v_token.user_id;
    end if;
    -- Where the answer was lost the client has the last token still, and nobody the one that it was exchanged for: that one is replaced, and whoever
    -- should have it after all ends the session with it.
    v_is_repeated := coalesce(v_token.used_at > now() - interval '30 seconds', false)
        and v_token.used_origin_digest is not distinct from v_origin_digest
        and exists (
            select from auth.refresh_tokens t
            where t.user_id = v_token.user_id
            and t.session_id = v_token.session_id
            and t.follows = v_token.token_digest
            and t.used_at is null
        );
    if v_token.used_at is not null and not v_is_repeated and v_session.ended_at is null then
        update auth.sessions s
        set ended_at = now(),
            ended_because = 'refresh token replayed'
        where s.user_id = v_session.user_id
        and s.id = v_session.id;
        -- Not raised: that would undo the end of the session.
        perform set_config('response.status', '401', true);
        return jsonb_build_object(
            'code', 'QM055', 'message', 'this refresh token was used before: the session is ended', 'details', null,
            'hint', 'somebody may have stolen it; sign in again: `sign_in`'
        );
    end if;
    if v_session.id is null or v_session.ended_at is not null or v_session.expires_at <= now() or v_user.status <> 'active' then
        perform auth.refuse(401, 'QM055', 'the session has ended', 'sign in again: `sign_in`');
    end if;
    -- Each leaves a row behind, and a session may hold many. They are counted in these rows, under the session's lock: a person has as many sessions
    -- as counters that all share would have to bear. What was used longer ago than a session lasts unused would have ended with it.
    if (
        select count(*)
        from auth.refresh_tokens t
        where t.user_id = v_token.user_id
        and t.session_id = v_token.session_id
        and t.used_at > now() - interval '10 minutes'
    ) >= 20 then
        perform auth.refuse_too_many(30);
    end if;
    delete from auth.refresh_tokens t
    where t.user_id = v_token.user_id
    and t.session_id = v_token.session_id
    and t.used_at < now() - make_interval(days => (select g.session_days from auth.settings g));
    update auth.refresh_tokens t
    set used_at = now(),
        used_origin_digest = case when not v_is_repeated then v_origin_digest end
    where t.user_id = v_token.user_id
    and t.session_id = v_token.session_id
    and t.used_at is null;
    update auth.sessions s
    set used_at = now(),
        expires_at = now() + make_interval(days => (select g.session_days from auth.settings g))
    where s.user_id = v_session.user_id
    and s.id = v_session.id;
    return auth.access_token(v_token.user_id, auth.role_of(v_token.user_id), jsonb_build_object('sid', v_session.id))
        || jsonb_build_object('refresh_token', auth.new_refresh_token(v_token.user_id, v_session.id, v_token.token_digest));
end
$$;

comment on function api.refresh(text) is $$Renew the tokens
{access_token, token_type, expires_in, expires_at, refresh_token}. Each refresh token is good once; one that comes again ends the session (QM055), unless it is the last one, from the same place within 30 seconds: then its answer was lost, and another pair takes the place of that one.$$;

create function api.sign_out(everywhere boolean default false)
returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_session();
    v_count integer;
begin
    if sign_out.everywhere then
        return auth.end_sessions(v_user_id, 'signed out everywhere');
    end if;
    update auth.sessions s
    set ended_at = now(),
        ended_because = 'signed out'
    where s.user_id = v_user_id
    and s.id = auth.session_id()
    and s.ended_at is null;
    get diagnostics v_count = row_count;
    return v_count;
end
$$;

comment on function api.sign_out(boolean) is $$Sign out
Ends this session, or all of the person's (everywhere); their tokens are refused at once. Returns how many ended. Keys stay.$$;

create function api.session_list()
returns jsonb
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_session();
begin
    return (
        select coalesce(jsonb_agg(jsonb_build_object(
            'id', s.id, 'label', s.label, 'method', s.method, 'created_at', s.created_at, 'used_at', s.used_at, 'expires_at', s.expires_at,
            'is_this', s.id is not distinct from auth.session_id()
        ) order by s.used_at desc), '[]')
        from auth.sessions s
        where s.user_id = v_user_id
        and s.ended_at is null
        and s.expires_at > now()
    );
end
$$;

comment on function api.session_list() is $$List sessions
Where the person is signed in: a list of {id, label, method, created_at, used_at, expires_at, is_this}.$$;

create function api.session_end(id uuid)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_session();
begin
    update auth.sessions s
    set ended_at = now(),
        ended_because = 'signed out'
    where s.user_id = v_user_id
    and s.id = session_end.id
    and s.ended_at is null;
    if not found then
        raise exception 'there is no such session' using errcode = 'QM001', hint = '`session_list` shows them';
    end if;
end
$$;

comment on function api.session_end(uuid) is $$End a session
One of session_list; its tokens are refused at once.$$;

create function api.whoami()
returns jsonb
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_person_id uuid := auth.person_id();
    v_claims jsonb := case when session_user = 'authenticator' then nullif(current_setting('request.jwt.claims', true), '')::jsonb end;
begin
    if v_person_id is null then
        perform auth.require_user();
    end if;
    return (
        select jsonb_build_object(
            'id', u.id, 'email', u.email, 'display_name', u.display_name, 'role', u.role,
            'acts_as', coalesce(v_claims ->> 'role', session_user::text),
            'email_verified', u.email_verified_at is not null,
            'second_factor', coalesce(c.totp_confirmed_at is not null, false),
            'session', auth.session_id(),
            'key', (v_claims ->> 'key')::bigint,
            'book', case when auth.user_id() is distinct from v_person_id then (select o.email from core.users o where o.id = auth.user_id()) end,
            'accounts', auth.visible_accounts(),
            'token_expires_at', to_timestamp((v_claims ->> 'exp')::bigint)
        )
        from core.users u
        left join auth.credentials c on c.user_id = u.id
        where u.id = v_person_id
    );
end
$$;

comment on function api.whoami() is $$Who this is
The person behind the token, the role it acts in, the session or key, and whose book is open with which accounts (null: the own, all).$$;

grant execute on function
    api.register(text, text, text), api.verify_email(text), api.sign_in(text, text, text, text), api.refresh(text)
    to anon, quantmatrix_user, quantmatrix_readonly, quantmatrix_admin;
grant execute on function
    api.sign_out(boolean), api.session_list(), api.session_end(uuid), api.whoami()
    to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin;

alter function api.register(text, text, text) owner to quantmatrix_keeper;
alter function api.verify_email(text) owner to quantmatrix_keeper;
alter function api.sign_in(text, text, text, text) owner to quantmatrix_keeper;
alter function api.refresh(text) owner to quantmatrix_keeper;
alter function api.sign_out(boolean) owner to quantmatrix_keeper;
alter function api.session_list() owner to quantmatrix_keeper;
alter function api.session_end(uuid) owner to quantmatrix_keeper;
alter function api.whoami() owner to quantmatrix_keeper;
