-- A password and an address, changed by whoever has the password, or the mail.

create function api.password_change(current_password text, new_password text)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_session();
begin
    perform auth.confirm_password(v_user_id, password_change.current_password);
    perform auth.set_password(v_user_id, password_change.new_password, 'password changed', auth.session_id());
end
$$;

comment on function api.password_change(text, text) is $$Change the password
Wants the current one. All other sessions end; keys stay.$$;

create function api.password_forgot(email text)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_begun timestamptz := clock_timestamp();
    v_email text := auth.address_of(password_forgot.email);
    v_token text := auth.random_token();
    v_user_id uuid;
begin
    perform auth.require_request();
    perform auth.throttle_mail(v_email);
    select u.id into v_user_id
    from core.users u
    where u.email = v_email
    and u.status = 'active';
    if found then
        insert into auth.one_time_tokens (user_id, purpose, token_digest, expires_at)
        values (v_user_id, 'reset', auth.digest_of(v_token), now() + interval '1 hour')
        on conflict on constraint one_time_tokens_pkey do update
        set token_digest = excluded.token_digest,
            expires_at = excluded.expires_at;
        perform auth.post(
            v_email, 'Set a new password',
            'Somebody, perhaps you, wants a new password for your account at QuantMatrix. If it was you, set it within an hour. '
            'If it was not, do nothing: the old one stays.', 'reset', v_token
        );
    end if;
    perform auth.wait_until_elapsed(v_begun, '0.1 s');
end
$$;

comment on function api.password_forgot(text) is $$Ask for a new password
Mails a token for password_reset, good once and for an hour. Answers the same for an address that nobody has.$$;

create function api.password_reset(token text, new_password text)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid;
begin
    perform auth.require_request();
    -- Before the token is looked at: a password that is refused does not use it up, and tells nothing of it.
    perform auth.check_password(password_reset.new_password, null);
    delete from auth.one_time_tokens t
    where t.token_digest = auth.digest_of(password_reset.token)
    and t.purpose = 'reset'
    and t.expires_at > now()
    returning t.user_id into v_user_id;
    if v_user_id is null then
        perform auth.refuse(400, 'QM053', 'this token is unknown, used or expired', 'ask for a new one: `password_forgot`');
    end if;
    update core.users u
    set email_verified_at = now(),
        updated_at = now()
    where u.id = v_user_id
    and u.email_verified_at is null;
    perform auth.set_password(v_user_id, password_reset.new_password, 'password reset', null);
end
$$;

comment on function api.password_reset(text, text) is $$Set a new password
With the token of the mail. All sessions end; a second factor stays.$$;

create function api.email_change(new_email text, password text)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_session();
    v_email text := auth.address_of(email_change.new_email);
    v_token text := auth.random_token();
begin
    perform auth.confirm_password(v_user_id, email_change.password);
    perform auth.throttle_mail(v_email);
    insert into auth.one_time_tokens (user_id, purpose, token_digest, email, expires_at)
    values (v_user_id, 'email', auth.digest_of(v_token), v_email, now() + interval '1 day')
    on conflict on constraint one_time_tokens_pkey do update
    set token_digest = excluded.token_digest,
        email = excluded.email,
        expires_at = excluded.expires_at;
    if exists (select from core.users u where u.email = v_email) then
        perform auth.post(
            v_email, 'You have an account already',
            'Somebody wants to move an account at QuantMatrix to this address, which has one already. If it was not you, there is nothing to do.'
        );
    else
        perform auth.post(
            v_email, 'Confirm your new address',
            'Somebody, perhaps you, wants to move an account at QuantMatrix to this address. If it was you, confirm it within a day.', 'verify', v_token
        );
    end if;
end
$$;

comment on function api.email_change(text, text) is $$Change the address
Mails a token for verify_email to the new address; until then the old one stays. Wants the password.$$;

grant execute on function
    api.password_forgot(text), api.password_reset(text, text)
    to anon, quantmatrix_user, quantmatrix_readonly, quantmatrix_admin;
grant execute on function api.password_change(text, text), api.email_change(text, text) to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin;

alter function api.password_change(text, text) owner to quantmatrix_keeper;
alter function api.password_forgot(text) owner to quantmatrix_keeper;
alter function api.password_reset(text, text) owner to quantmatrix_keeper;
alter function api.email_change(text, text) owner to quantmatrix_keeper;
