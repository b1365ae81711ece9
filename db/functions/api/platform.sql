-- What administrators do beyond people.sql. They have no right on anybody's rows: to look at a book, or to correct a row in it, they open it with a
-- reason, for an hour; the person's own log keeps who, when and why, and every correction made there.

create function api.user_unlock(email text)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_email text := auth.address_of(user_unlock.email);
begin
    perform auth.require_admin();
    -- Those of one origin pass by themselves within minutes.
    perform auth.throttle_release('account', v_email), auth.throttle_release('pair', ' ' || v_email), auth.throttle_release('mail', v_email);
end
$$;

comment on function api.user_unlock(text) is $$Unlock a user
Administrators only. Forgets failed attempts to sign in with this address, which otherwise pass with time.$$;

create function api.user_sessions_end(email text)
returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid;
    v_count integer;
begin
    perform auth.require_admin();
    v_user_id := auth.require_person(user_sessions_end.email);
    v_count := auth.end_sessions(v_user_id, 'ended by an administrator');
    perform audit.note(v_user_id, 'auth.sessions', v_user_id::text, 'update', null, 'sessions ended by an administrator');
    return v_count;
end
$$;

comment on function api.user_sessions_end(text) is $$End a user's sessions
Administrators only. All tokens are refused at once; keys stay. Returns how many sessions ended.$$;

create function api.user_erase(email text, reason text)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user core.users;
    v_entries integer;
begin
    perform auth.require_admin();
    if length(btrim(coalesce(user_erase.reason, ''))) < 3 then
        raise exception 'say why, in a few words' using errcode = 'QM020', hint = 'the entry that stays names no person and no reason; the operator''s log may';
    end if;
    select u.* into v_user
    from core.users u
    where u.id = auth.require_person(user_erase.email)
    for update;
    if v_user.id = auth.person_id() then
        raise exception 'nobody erases the own user: another administrator can' using errcode = 'QM002';
    end if;
    delete from core.users u
    where u.id = v_user.id;
    delete from auth.mails m
    where m.recipient = v_user.email;
    delete from auth.registrations r
    where r.email = v_user.email;
    v_entries := audit.erase(v_user.id);
    return jsonb_build_object('id', v_user.id, 'audit_entries_blanked', v_entries);
end
$$;

comment on function api.user_erase(text, text) is $$Erase a user
Administrators only. All rows of the person go, files, sessions, keys and mails included; the values in the audit log are blanked, and its chain still verifies. Nothing brings it back: export first.$$;

create function api.book_inspect(email text, reason text, access text default 'read')
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_person_id uuid := auth.require_session();
    v_owner_id uuid;
    v_access auth.grant_right;
    v_grant auth.grants;
begin
    perform auth.require_admin();
    if length(btrim(coalesce(book_inspect.reason, ''))) < 3 then
        raise exception 'say why, in a few words' using errcode = 'QM020', hint = 'the person''s audit log keeps the reason';
    end if;
    begin
        v_access := lower(btrim(book_inspect.access))::auth.grant_right;
    exception
        when invalid_text_representation then
            raise exception 'access: "%" is not read or write', book_inspect.access using errcode = 'QM002';
    end;
    v_owner_id := auth.require_person(book_inspect.email);
    if v_access is null or v_owner_id = v_person_id then
        raise exception 'email: another person''s is wanted, and access read or write' using errcode = 'QM002';
    end if;
    insert into auth.grants (user_id, grantee_id, kind, access, reason, expires_at)
    values (v_owner_id, v_person_id, 'administration', v_access, left(btrim(book_inspect.reason), 1000), now() + interval '1 hour')
    returning * into v_grant;
    perform audit.note(v_owner_id, 'auth.grants', v_grant.id::text, 'insert', auth.grant_shown(v_grant), v_grant.reason);
    return auth.access_token(
        v_person_id, case v_access when 'write' then 'quantmatrix_user' else 'quantmatrix_readonly' end,
        jsonb_strip_nulls(jsonb_build_object('book', v_owner_id, 'sid', auth.session_id()))
    ) || jsonb_build_object('grant', auth.grant_shown(v_grant));
end
$$;

comment on function api.book_inspect(text, text, text) is $$Open a user's book as an administrator
For an hour, with a reason that the person's audit log keeps before anything is shown. A token as of book_open; access: read, or write to correct rows, each with a reason of its own.$$;

create function api.platform_settings()
returns jsonb
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform auth.require_admin();
    return (select to_jsonb(s) - 'only_row' - 'secret' from auth.settings s);
end
$$;

comment on function api.platform_settings() is $$Settings of the platform
Administrators only: {bcrypt_cost, access_minutes, session_days, registration_open, writes_per_second, site_url, staged_megabytes, stored_megabytes}.$$;

create function api.platform_settings_set(changes jsonb)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_read jsonb;
    v_constraint text;
begin
    perform auth.require_session();
    perform auth.require_admin();
    perform ingest.refuse_unknown_fields(
        platform_settings_set.changes,
        array['bcrypt_cost', 'access_minutes', 'session_days', 'registration_open', 'writes_per_second', 'site_url', 'staged_megabytes', 'stored_megabytes'],
        'changes'
    );
    v_read := ingest.read_fields(platform_settings_set.changes, '{
        "bcrypt_cost": "integer", "access_minutes": "integer", "session_days": "integer", "registration_open": "boolean",
        "writes_per_second": "integer", "site_url": "text", "staged_megabytes": "integer", "stored_megabytes": "integer"
    }');
    update auth.settings s
    set bcrypt_cost = coalesce((v_read ->> 'bcrypt_cost')::integer, s.bcrypt_cost),
        access_minutes = coalesce((v_read ->> 'access_minutes')::integer, s.access_minutes),
        session_days = coalesce((v_read ->> 'session_days')::integer, s.session_days),
        registration_open = coalesce((v_read ->> 'registration_open')::boolean, s.registration_open),
        writes_per_second = coalesce((v_read ->> 'writes_per_second')::integer, s.writes_per_second),
        staged_megabytes = coalesce((v_read ->> 'staged_megabytes')::integer, s.staged_megabytes),
        stored_megabytes = coalesce((v_read ->> 'stored_megabytes')::integer, s.stored_megabytes),
        site_url = case when v_read ? 'site_url' then v_read ->> 'site_url' else s.site_url end;
    perform audit.note(null, 'auth.settings', 'true', 'update', v_read, 'settings changed');
    return api.platform_settings();
exception
    when check_violation then
        get stacked diagnostics v_constraint = constraint_name;
        raise exception '%', ingest.refusal_text(v_constraint) using errcode = 'QM002', detail = v_constraint;
end
$$;

comment on function api.platform_settings_set(jsonb) is $$Change settings of the platform
Administrators only. changes: an object with some of the fields of platform_settings; site_url null: mails carry the bare token.$$;

create function api.platform_state()
returns jsonb
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform auth.require_admin();
    return jsonb_build_object(
        'people', (
            select jsonb_build_object(
                'active', count(*) filter (where u.status = 'active'), 'disabled', count(*) filter (where u.status = 'disabled'),
                'admins', count(*) filter (where u.role = 'admin'),
                'second_factor', (select count(*) from auth.credentials c where c.totp_confirmed_at is not null)
            )
            from core.users u
        ),
        'sessions', (select count(*) from auth.sessions s where s.ended_at is null and s.expires_at > now()),
        'keys', (select count(*) from auth.api_keys k where k.revoked_at is null),
        'mails', (
            select jsonb_build_object(
                'waiting', count(*) filter (where m.status = 'waiting'), 'dead', count(*) filter (where m.status = 'dead'),
                'sent', count(*) filter (where m.status = 'sent'),
                'oldest_waiting', min(m.created_at) filter (where m.status = 'waiting'),
                'last_error', (select e.last_error from auth.mails e where e.last_error is not null order by e.due_at desc limit 1)
            )
            from auth.mails m
        ),
        'syncs', (
            select jsonb_build_object(
                'running', count(*) filter (where h.status = 'running'), 'failed', count(*) filter (where h.status = 'failed'),
                'finished', count(*) filter (where h.status = 'finished'), 'last_started_at', max(h.started_at)
            )
            from core.sync_history h
        ),
        'signing_keys', (select jsonb_agg(jsonb_build_object('key_id', k.key_id, 'loaded_at', k.loaded_at) order by k.place) from auth.signing_keys k),
        'audit', audit.state(),
        'work', work.state(),
        'database', auth.database_state() || jsonb_build_object('schema_version', api.schema_version())
    );
end
$$;

comment on function api.platform_state() is $$State of the platform
Administrators only: counts of people, sessions and keys, the mail and sync queues, signing keys, the audit chain, workers and jobs, the database. Names nobody.$$;

create function api.mail_list(status text default null)
returns jsonb
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform auth.require_admin();
    return (
        select coalesce(jsonb_agg(jsonb_build_object(
            'id', m.id, 'recipient', m.recipient, 'subject', m.subject, 'status', m.status, 'attempts', m.attempts,
            'created_at', m.created_at, 'due_at', m.due_at, 'sent_at', m.sent_at, 'last_error', m.last_error
        ) order by m.id), '[]')
        from (
            select n.*
            from auth.mails n
            where mail_list.status is null
            or n.status::text = mail_list.status
            order by n.id desc
            limit 500
        ) m
    );
end
$$;

comment on function api.mail_list(text) is $$List mails
Administrators only. The newest 500 of the outbox, or those waiting, sent or dead; never what they say.$$;

create function api.mail_retry(id bigint)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform auth.require_admin();
    update auth.mails m
    set status = 'waiting',
        attempts = 0,
        due_at = now(),
        claimed_until = null
    where m.id = mail_retry.id
    and m.status = 'dead'
    and m.body is not null;
    if not found then
        raise exception 'there is no dead mail %', mail_retry.id using errcode = 'QM001', hint = '`mail_list` shows them';
    end if;
end
$$;

comment on function api.mail_retry(bigint) is $$Try a dead mail again
Administrators only.$$;
grant execute on function
    api.user_unlock(text), api.user_sessions_end(text), api.user_erase(text, text), api.book_inspect(text, text, text), api.platform_settings(),
    api.platform_settings_set(jsonb), api.platform_state(), api.mail_list(text), api.mail_retry(bigint)
    to quantmatrix_admin;

alter function api.user_unlock(text) owner to quantmatrix_keeper;
alter function api.user_sessions_end(text) owner to quantmatrix_keeper;
alter function api.user_erase(text, text) owner to quantmatrix_keeper;
alter function api.book_inspect(text, text, text) owner to quantmatrix_keeper;
alter function api.platform_settings() owner to quantmatrix_keeper;
alter function api.platform_settings_set(jsonb) owner to quantmatrix_keeper;
alter function api.platform_state() owner to quantmatrix_keeper;
alter function api.mail_list(text) owner to quantmatrix_keeper;
alter function api.mail_retry(bigint) owner to quantmatrix_keeper;
