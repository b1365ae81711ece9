-- The second factor: a secret for an authenticator, counted from the first code that proves it, and recovery codes.

create function api.second_factor_begin(password text)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_session();
    v_secret bytea := extensions.gen_random_bytes(20);
begin
    perform auth.confirm_password(v_user_id, second_factor_begin.password);
    update auth.credentials c
    set totp_secret = v_secret,
        totp_last_step = null
    where c.user_id = v_user_id
    and c.totp_confirmed_at is null;
    if not found then
        raise exception 'a second factor is set up already' using errcode = 'QM002', hint = 'remove it first: `second_factor_remove`';
    end if;
    return jsonb_build_object(
        'secret', auth.base32(v_secret),
        'uri', format(
            'otpauth://totp/QuantMatrix:%s?secret=%s&issuer=QuantMatrix&digits=6&period=30',
            replace(replace((select u.email from core.users u where u.id = v_user_id), '%', '%25'), '&', '%26'), auth.base32(v_secret)
        )
    );
end
$$;

comment on function api.second_factor_begin(text) is $$Set up a second factor
{secret, uri} for an authenticator; it counts once second_factor_confirm saw a code. Wants the password.$$;

create function api.second_factor_confirm(code text)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_session();
begin
    perform auth.throttle_proof('confirm', v_user_id);
    if exists (select from auth.credentials c where c.user_id = v_user_id and c.totp_confirmed_at is not null) then
        raise exception 'a second factor is set up already' using errcode = 'QM002', hint = 'remove it first: `second_factor_remove`';
    end if;
    if not auth.use_code(v_user_id, second_factor_confirm.code) then
        perform auth.refuse(403, 'QM050', 'the code is wrong', 'begin again with `second_factor_begin`, or wait for the next code');
    end if;
    update auth.credentials c
    set totp_confirmed_at = now()
    where c.user_id = v_user_id;
    perform audit.note(v_user_id, 'auth.credentials', v_user_id::text, 'update', null, 'second factor set up');
    return jsonb_build_object('recovery_codes', auth.new_recovery_codes(v_user_id));
end
$$;

comment on function api.second_factor_confirm(text) is $$Confirm the second factor
With a code of the authenticator. {recovery_codes}: ten codes, each good once instead of one; they are shown here and never again.$$;

create function api.second_factor_remove(password text, code text)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_session();
begin
    perform auth.confirm_password(v_user_id, second_factor_remove.password);
    if not auth.use_code(v_user_id, second_factor_remove.code) then
        -- Given back by confirm_password, taken again here: codes are guessed no faster than passwords.
        perform auth.throttle('own', 'confirm ' || v_user_id, 5, 60);
        perform auth.refuse(403, 'QM050', 'the code is wrong', 'a recovery code will do, too');
    end if;
    delete from auth.recovery_codes r
    where r.user_id = v_user_id;
    update auth.credentials c
    set totp_secret = null,
        totp_confirmed_at = null,
        totp_last_step = null
    where c.user_id = v_user_id;
    perform audit.note(v_user_id, 'auth.credentials', v_user_id::text, 'update', null, 'second factor removed');
end
$$;

comment on function api.second_factor_remove(text, text) is $$Remove the second factor
Wants the password, and a code or recovery code.$$;

grant execute on function
    api.second_factor_begin(text), api.second_factor_confirm(text), api.second_factor_remove(text, text)
    to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin;

alter function api.second_factor_begin(text) owner to quantmatrix_keeper;
alter function api.second_factor_confirm(text) owner to quantmatrix_keeper;
alter function api.second_factor_remove(text, text) owner to quantmatrix_keeper;
