-- A password is asked for again, and set.

-- The person again, before something that a borrowed token must not do.
create function auth.confirm_password(p_user_id uuid, p_password text)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    perform auth.require_request();
    perform pg_advisory_xact_lock(hashtextextended('sign in ' || p_user_id, 0));
    perform auth.throttle_proof('confirm', p_user_id);
    if not auth.password_is((select c.password_hash from auth.credentials c where c.user_id = p_user_id), left(p_password, 1000)) then
        perform auth.refuse(403, 'QM050', 'the password is wrong', 'a new one can be asked for: `password_forgot`');
    end if;
    perform auth.throttle_release('own', 'confirm ' || p_user_id, 60);
end
$$;

comment on function auth.confirm_password(uuid, text) is 'Refuses unless this is the person''s password.';

create function auth.set_password(p_user_id uuid, p_password text, p_reason text, p_kept_id uuid)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_email text := (select u.email from core.users u where u.id = p_user_id);
begin
    perform auth.check_password(p_password, v_email);
    insert into auth.credentials (user_id, password_hash, password_changed_at)
    values (p_user_id, auth.hash_password(p_password), now())
    on conflict on constraint credentials_pkey do update
    set password_hash = excluded.password_hash,
        password_changed_at = excluded.password_changed_at;
    perform auth.end_sessions(p_user_id, p_reason, p_kept_id);
    delete from auth.one_time_tokens t
    where t.user_id = p_user_id;
    perform audit.note(p_user_id, 'auth.credentials', p_user_id::text, 'update', null, p_reason);
    perform auth.post(
        v_email, 'Your password was changed',
        'The password of your account at QuantMatrix was changed, and all other sessions were ended. If it was not you, ask for a new one at once.'
    );
end
$$;

comment on function auth.set_password(uuid, text, text, uuid) is 'Sets a password, ends all sessions but one, voids mailed tokens, and tells the person.';

alter function auth.confirm_password(uuid, text) owner to quantmatrix_keeper;
alter function auth.set_password(uuid, text, text, uuid) owner to quantmatrix_keeper;
