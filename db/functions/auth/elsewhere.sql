-- Signing in elsewhere (OAuth 2, OpenID Connect). The sign-in page ('quantmatrix serve') talks to the provider; what must not be forged or used twice
-- is kept here: state, nonce and code verifier of a sign-in that has begun, and the ticket for which the client collects its tokens. The ticket
-- passes through addresses, and is worth nothing without the secret whose digest came with the beginning.

create function auth.oauth_begin(
    p_provider text, p_redirect_uri text, p_return_to text, p_challenge text, p_link_ticket text default null, p_address text default null
)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_state text := auth.random_token();
    v_nonce text := auth.random_token();
    v_verifier text := auth.random_token();
    v_site text := (select s.site_url from auth.settings s);
    v_link_to uuid;
begin
    -- Of one origin 140 in the ten minutes that one is kept: it takes hundreds of origins to reach what all together may begin.
    if auth.throttle_origin('begin', auth.origin_of(p_address), 20, 5) > 0 then
        raise exception 'too many sign-ins have begun here' using errcode = 'QM051', hint = 'try again in a minute';
    end if;
    delete from auth.oauth_requests o
    where o.expires_at < now();
    if (select count(*) from auth.oauth_requests o) >= 50000 then
        raise exception 'too many sign-ins have begun' using errcode = 'QM051', hint = 'try again in ten minutes';
    end if;
    if coalesce(p_challenge, '') !~ '^[A-Za-z0-9_-]{43}$' then
        raise exception 'challenge: the base64url of a SHA-256 is wanted' using errcode = 'QM002';
    end if;
    -- Back to the person's own machine, or to the platform's own pages: nowhere else. It ends up in a header, and the ticket is added to it.
    if p_return_to is null
        or length(p_return_to) > 2000
        or p_return_to !~ '^http://(127\.0\.0\.1|\[::1\]):[0-9]{1,5}/[A-Za-z0-9/_-]*$'
        and (
            v_site is null
            or p_return_to <> v_site
            and not (starts_with(p_return_to, v_site || '/') and substr(p_return_to, length(v_site) + 1) ~ '^[A-Za-z0-9/._~-]*$')
        ) then
        raise exception 'return_to: this address is not ours' using errcode = 'QM002', hint = 'a loopback address, or one below site_url of the settings';
    end if;
    if p_link_ticket is not null then
        delete from auth.oauth_requests o
        where o.ticket_digest = auth.digest_of(p_link_ticket)
        and o.provider = 'link'
        returning o.person_id into v_link_to;
        if v_link_to is null then
            raise exception 'this link is unknown, used or expired' using errcode = 'QM053', hint = 'ask for a new one: `identity_link`';
        end if;
    end if;
    insert into auth.oauth_requests (state_digest, provider, nonce, code_verifier, redirect_uri, return_to, challenge, link_to, expires_at)
    values (
        auth.digest_of(v_state), p_provider, v_nonce, v_verifier, p_redirect_uri, p_return_to, p_challenge, v_link_to,
        now() + interval '10 minutes'
    );
    return jsonb_build_object('state', v_state, 'nonce', v_nonce, 'code_challenge', auth.base64url(sha256(convert_to(v_verifier, 'UTF8'))));
end
$$;

comment on function auth.oauth_begin(text, text, text, text, text, text) is
    'Keeps a sign-in that begins and returns {state, nonce, code_challenge} for the provider. p_link_ticket: link to the person who asked for it. p_address: of the caller, as the proxy states it.';

create function auth.oauth_take(p_state text, p_provider text)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_request auth.oauth_requests;
begin
    delete from auth.oauth_requests o
    where o.state_digest = auth.digest_of(p_state)
    and o.provider = p_provider
    and o.ticket_digest is null
    and o.expires_at > now()
    returning o.* into v_request;
    if not found then
        raise exception 'this sign-in is unknown, used or expired' using errcode = 'QM053', hint = 'begin again';
    end if;
    return jsonb_build_object(
        'nonce', v_request.nonce, 'code_verifier', v_request.code_verifier, 'redirect_uri', v_request.redirect_uri,
        'return_to', v_request.return_to, 'challenge', v_request.challenge, 'link_to', v_request.link_to
    );
end
$$;

comment on function auth.oauth_take(text, text) is 'What was kept of a sign-in that the provider sends back; good once.';

create function auth.link_identity(p_user_id uuid, p_provider text, p_subject text, p_email text, p_is_wanted boolean)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    insert into auth.identities (user_id, provider, subject, email, is_wanted)
    values (p_user_id, p_provider, p_subject, p_email, p_is_wanted)
    on conflict on constraint identities_pkey do update
    set is_wanted = auth.identities.is_wanted or excluded.is_wanted;
    perform audit.note(p_user_id, 'auth.identities', p_provider, 'insert', null, 'sign-in linked');
    perform auth.post(
        (select u.email from core.users u where u.id = p_user_id), 'A sign-in was linked',
        format('From now on %s signs you in at QuantMatrix. If it was not you, write to whoever runs this platform at once.', p_provider)
    );
end
$$;

comment on function auth.link_identity(uuid, text, text, text, boolean) is 'Makes a sign-in elsewhere a person''s, and tells the person. p_is_wanted: asked for in a session.';

-- A provider's word for an address must not stand in for what the person proves here, nor make an administrator.
create function auth.is_guarded(p_user_id uuid)
returns boolean
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select u.role = 'admin' or coalesce(c.totp_confirmed_at is not null, false)
    from core.users u
    left join auth.credentials c on c.user_id = u.id
    where u.id = p_user_id
$$;

comment on function auth.is_guarded(uuid) is 'Whether nothing but a session of the person''s links a sign-in elsewhere: an administrator, or a second factor.';

create function auth.refuse_link()
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception 'this account is linked by its owner alone: sign in with the password, and ask for a link'
        using errcode = '42501', hint = '`identity_link` gives it';
end
$$;

comment on function auth.refuse_link() is 'Ends a sign-in elsewhere that would link, or was linked, by nothing but the provider''s word.';

create function auth.oauth_finish(
    p_provider text, p_subject text, p_email text default null, p_email_verified boolean default false, p_name text default null,
    p_request jsonb default null
)
returns text
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_ticket text := auth.random_token();
    v_email text := lower(btrim(p_email));
    v_link_to uuid := (p_request ->> 'link_to')::uuid;
    v_user core.users;
    v_user_id uuid;
    v_is_known boolean;
    v_is_wanted boolean;
begin
    perform pg_advisory_xact_lock(hashtextextended('identity ' || p_provider || ' ' || p_subject, 0));
    select i.user_id, i.is_wanted
    into v_user_id, v_is_wanted
    from auth.identities i
    where i.provider = p_provider
    and i.subject = p_subject;
    v_is_known := found;
    if v_is_known and v_link_to is not null and v_user_id <> v_link_to then
        raise exception 'this sign-in belongs to another person here' using errcode = 'QM002';
    end if;
    if v_is_known and v_link_to is null and not v_is_wanted and auth.is_guarded(v_user_id) then
        perform auth.refuse_link();
    end if;
    if v_user_id is null then
        v_user_id := v_link_to;
        if v_user_id is null and p_email_verified and v_email ~ '^[^@[:space:]]+@[^@[:space:]]+$' then
            -- The provider vouches for the address: it is the person's who proved it here, or a new person's.
            select u.* into v_user
            from core.users u
            where u.email = v_email;
            if found and v_user.email_verified_at is null then
                raise exception 'this address has an account that did not prove it yet'
                    using errcode = 'QM002', hint = 'set a password first: `password_forgot`';
            elsif found and auth.is_guarded(v_user.id) then
                perform auth.refuse_link();
            elsif found then
                v_user_id := v_user.id;
            elsif (select s.registration_open from auth.settings s) then
                insert into core.users (email, display_name, email_verified_at)
                values (v_email, left(nullif(btrim(p_name), ''), 200), now())
                returning id into v_user_id;
            end if;
        end if;
        if v_user_id is null then
            raise exception 'nobody here has this sign-in' using errcode = '42501', hint = 'register first, or use an address that the provider has verified';
        end if;
        if v_link_to is null then
            perform auth.link_identity(v_user_id, p_provider, p_subject, v_email, false);
        end if;
    end if;
    update auth.identities i
    set used_at = now()
    where i.user_id = v_user_id
    and i.provider = p_provider
    and i.subject = p_subject;
    if not exists (select from core.users u where u.id = v_user_id and u.status = 'active') then
        raise exception 'this user is disabled' using errcode = '42501';
    end if;
    -- A link waits for the secret of whoever asked for it: somebody who was sent here with another's link would give away the own sign-in.
    insert into auth.oauth_requests (
        state_digest, provider, nonce, code_verifier, redirect_uri, challenge, ticket_digest, person_id, subject, email, expires_at
    )
    values (
        auth.digest_of('ticket ' || v_ticket), p_provider, '', '', '', p_request ->> 'challenge', auth.digest_of(v_ticket), v_user_id,
        case when v_link_to is not null then p_subject end,
        case when v_link_to is not null then v_email end,
        now() + interval '5 minutes'
    );
    return v_ticket;
end
$$;

comment on function auth.oauth_finish(text, text, text, boolean, text, jsonb) is
    'Who the provider says it is becomes a person here: known, linked by a verified address (never one with a second factor or of an administrator), or new. Returns a ticket for api.oauth_collect.';

grant execute on function
    auth.oauth_begin(text, text, text, text, text, text), auth.oauth_take(text, text), auth.oauth_finish(text, text, text, boolean, text, jsonb)
    to quantmatrix_service;

alter function auth.oauth_begin(text, text, text, text, text, text) owner to quantmatrix_keeper;
alter function auth.oauth_take(text, text) owner to quantmatrix_keeper;
alter function auth.link_identity(uuid, text, text, text, boolean) owner to quantmatrix_keeper;
alter function auth.is_guarded(uuid) owner to quantmatrix_keeper;
alter function auth.refuse_link() owner to quantmatrix_keeper;
alter function auth.oauth_finish(text, text, text, boolean, text, jsonb) owner to quantmatrix_keeper;
