-- Signing in elsewhere, as clients see it: the tokens are collected here, and sign-ins that belong to a person are linked, listed and unlinked.

create function api.oauth_collect(ticket text, verifier text, code text default null)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_request auth.oauth_requests;
begin
    perform auth.require_request();
    delete from auth.oauth_requests o
    where o.ticket_digest = auth.digest_of(oauth_collect.ticket)
    and o.provider <> 'link'
    and o.expires_at > now()
    returning o.* into v_request;
    if not found or v_request.challenge is distinct from auth.base64url(auth.digest_of(oauth_collect.verifier)) then
        perform auth.refuse(401, 'QM053', 'this ticket is unknown, used or expired', 'sign in again: `sign_in`');
    end if;
    -- A refusal leaves the ticket as it was, for the code that comes next; counters stay.
    if exists (select from auth.credentials c where c.user_id = v_request.person_id and c.totp_confirmed_at is not null) then
        if nullif(btrim(oauth_collect.code), '') is null then
            perform auth.refuse(401, 'QM052', 'a second factor is wanted', 'send code: six digits of your authenticator, or a recovery code');
        end if;
        perform pg_advisory_xact_lock(hashtextextended('sign in ' || v_request.person_id, 0));
        perform auth.throttle_proof('elsewhere', v_request.person_id);
        if not auth.use_code(v_request.person_id, oauth_collect.code) then
            perform auth.refuse(401, 'QM050', 'the code is wrong', 'a recovery code will do, too');
        end if;
        perform auth.throttle_release('own', 'elsewhere ' || v_request.person_id, 60);
    end if;
    if v_request.subject is not null then
        perform pg_advisory_xact_lock(hashtextextended('identity ' || v_request.provider || ' ' || v_request.subject, 0));
        if exists (
            select from auth.identities i
            where i.provider = v_request.provider
            and i.subject = v_request.subject
            and i.user_id <> v_request.person_id
        ) then
            raise exception 'this sign-in belongs to another person here' using errcode = 'QM002';
        end if;
        if not exists (
            select from auth.identities i
            where i.provider = v_request.provider
            and i.subject = v_request.subject
            and i.is_wanted
        ) then
            perform auth.link_identity(v_request.person_id, v_request.provider, v_request.subject, v_request.email, true);
        end if;
    end if;
    return auth.start_session(v_request.person_id, 'oauth:' || v_request.provider, null);
end
$$;

comment on function api.oauth_collect(text, text, text) is $$Collect the tokens of a sign-in elsewhere
ticket: as the sign-in page hands it over. verifier: the secret whose SHA-256 (base64url) began the sign-in. code: of the second factor, where one is set up (QM052 asks for it, and the ticket stays good). {access_token, token_type, expires_in, expires_at, refresh_token}.$$;

create function api.identity_link()
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_session();
    v_ticket text := auth.random_token();
begin
    insert into auth.oauth_requests (state_digest, provider, nonce, code_verifier, redirect_uri, ticket_digest, person_id, expires_at)
    values (auth.digest_of('link ' || v_ticket), 'link', '', '', '', auth.digest_of(v_ticket), v_user_id, now() + interval '10 minutes');
    return jsonb_build_object('link', v_ticket);
end
$$;

comment on function api.identity_link() is $$Link a sign-in elsewhere
{link}: give it to the start of the sign-in page (?link=…) within ten minutes; oauth_collect with the ticket and the secret of that start then makes the sign-in elsewhere this person's.$$;

create function api.identity_list()
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
            'provider', i.provider, 'email', i.email, 'created_at', i.created_at, 'used_at', i.used_at
        ) order by i.provider, i.created_at), '[]')
        from auth.identities i
        where i.user_id = v_user_id
    );
end
$$;

comment on function api.identity_list() is $$List sign-ins elsewhere
A list of {provider, email, created_at, used_at}.$$;

create function api.identity_unlink(provider text)
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
    delete from auth.identities i
    where i.user_id = v_user_id
    and i.provider = identity_unlink.provider;
    get diagnostics v_count = row_count;
    if v_count = 0 then
        raise exception 'no sign-in of "%" is linked', identity_unlink.provider using errcode = 'QM001', hint = '`identity_list` shows them';
    end if;
    perform audit.note(v_user_id, 'auth.identities', identity_unlink.provider, 'delete', null, 'sign-in unlinked');
    return v_count;
end
$$;

comment on function api.identity_unlink(text) is $$Unlink a sign-in elsewhere
All of this provider; sessions go on. Returns how many were linked.$$;

grant execute on function api.oauth_collect(text, text, text) to anon, quantmatrix_user, quantmatrix_readonly, quantmatrix_admin;
grant execute on function api.identity_link(), api.identity_list(), api.identity_unlink(text)
    to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin;

alter function api.oauth_collect(text, text, text) owner to quantmatrix_keeper;
alter function api.identity_link() owner to quantmatrix_keeper;
alter function api.identity_list() owner to quantmatrix_keeper;
alter function api.identity_unlink(text) owner to quantmatrix_keeper;
