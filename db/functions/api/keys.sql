-- Keys for programs, and books that are shared.

create function api.key_create(name text, scopes text[] default '{read}', accounts text[] default null, expires_at timestamptz default null)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_session();
    v_user core.users;
    v_scopes auth.key_scope[];
    v_prefix text := encode(extensions.gen_random_bytes(4), 'hex');
    v_secret text := format('qm_%s_%s', v_prefix, auth.random_token());
    v_account_ids bigint[];
    v_key auth.api_keys;
begin
    select u.* into v_user
    from core.users u
    where u.id = v_user_id
    for update;
    if length(btrim(coalesce(key_create.name, ''))) not between 1 and 100 then
        raise exception 'name: 1 to 100 letters are wanted' using errcode = 'QM002';
    end if;
    begin
        v_scopes := array(select distinct lower(btrim(s.word))::auth.key_scope from unnest(key_create.scopes) s (word) order by 1);
    exception
        when invalid_text_representation then
            raise exception 'scopes: "%" is not among read, write, import, admin', array_to_string(key_create.scopes, ', ') using errcode = 'QM002';
    end;
    if cardinality(v_scopes) = 0 or array_position(v_scopes, null) is not null then
        raise exception 'scopes: say what the key may do: read, write, import, admin' using errcode = 'QM002';
    end if;
    if v_user.role = 'readonly' and v_scopes <> '{read}' or v_user.role = 'user' and 'admin' = any (v_scopes) then
        raise exception 'a key may do no more than its owner' using errcode = '42501', hint = 'leave out what you may not do yourself';
    end if;
    if 'admin' = any (v_scopes) and key_create.accounts is not null then
        raise exception 'accounts: an administrator''s key is not limited to accounts' using errcode = 'QM002';
    end if;
    if key_create.expires_at <= now() then
        raise exception 'expires_at: is in the past' using errcode = 'QM002';
    end if;
    if (select count(*) from auth.api_keys k where k.user_id = v_user_id and k.revoked_at is null) >= 100 then
        raise exception 'there are a hundred keys already' using errcode = 'QM002', hint = 'revoke those that are not used: `key_revoke`';
    end if;
    if key_create.accounts is not null then
        v_account_ids := array(select distinct ingest.require_account(v_user_id, a.reference) from unnest(key_create.accounts) a (reference));
        if cardinality(v_account_ids) not between 1 and 1000 then
            raise exception 'accounts: name at least one, or leave it out for all' using errcode = 'QM002';
        end if;
    end if;
    insert into auth.api_keys (user_id, name, prefix, key_digest, scopes, account_ids, expires_at)
    values (v_user_id, btrim(key_create.name), v_prefix, auth.digest_of(v_secret), v_scopes, v_account_ids, key_create.expires_at)
    returning * into v_key;
    perform audit.note(
        v_user_id, 'auth.api_keys', v_key.id::text, 'insert', jsonb_build_object('name', v_key.name, 'scopes', v_key.scopes), 'key made'
    );
    return auth.key_shown(v_key) || jsonb_build_object('key', v_secret);
end
$$;

comment on function api.key_create(text, text[], text[], timestamptz) is $$Make a key
For a program: key_exchange gives it short-lived tokens. scopes: read; import (and read); write (everything but people, keys and sessions); admin. accounts: the only ones it sees, numbers or names (null: all). The field key of the answer is shown here and never again.$$;

create function api.key_list()
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
        select coalesce(jsonb_agg(auth.key_shown(k) order by k.id), '[]')
        from auth.api_keys k
        where k.user_id = v_user_id
    );
end
$$;

comment on function api.key_list() is $$List keys
A list of {id, name, prefix, scopes, accounts, created_at, expires_at, used_at, revoked_at}; never the keys themselves.$$;

create function api.key_revoke(id bigint)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_session();
begin
    update auth.api_keys k
    set revoked_at = coalesce(k.revoked_at, now())
    where k.user_id = v_user_id
    and k.id = key_revoke.id;
    if not found then
        raise exception 'there is no key %', key_revoke.id using errcode = 'QM001', hint = '`key_list` shows them';
    end if;
    perform audit.note(v_user_id, 'auth.api_keys', key_revoke.id::text, 'update', null, 'key revoked');
end
$$;

comment on function api.key_revoke(bigint) is $$Revoke a key
Its tokens are refused at once.$$;

create function api.key_exchange(key text)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_prefix text := substring(key_exchange.key from '^qm_([0-9a-f]{8})_');
    v_key auth.api_keys;
    v_user core.users;
begin
    perform auth.require_request();
    perform auth.refuse_too_many(auth.throttle_origin('key', auth.origin(), 120, 0.5));
    -- Of keys that exist: made-up ones would use up the counters of others, and there is nothing behind them to guess.
    if exists (select from auth.api_keys k where k.prefix = v_prefix) then
        perform auth.refuse_too_many(auth.throttle('own', 'key ' || v_prefix, 60, 1));
    end if;
    select k.* into v_key
    from auth.api_keys k
    where k.prefix = v_prefix
    and k.key_digest = auth.digest_of(key_exchange.key)
    and k.revoked_at is null
    and (k.expires_at is null or k.expires_at > now());
    select u.* into v_user
    from core.users u
    where u.id = v_key.user_id
    and u.status = 'active';
    if v_user.id is null then
        perform auth.refuse(401, 'QM055', 'this key is unknown, revoked or expired', 'make a new one: `key_create`');
    end if;
    if v_key.used_at is null or v_key.used_at < now() - interval '1 minute' then
        update auth.api_keys k
        set used_at = now()
        where k.user_id = v_key.user_id
        and k.id = v_key.id;
    end if;
    return auth.access_token(v_key.user_id, auth.role_of_scopes(v_key.scopes), jsonb_build_object('key', v_key.id))
        || jsonb_build_object('scopes', v_key.scopes);
end
$$;

comment on function api.key_exchange(text) is $$Exchange a key for a token
{access_token, token_type, expires_in, expires_at, scopes}. Exchange again when it ends. QM055: the key is not good. QM051 with Retry-After: too many attempts.$$;

create function api.grant_add(email text, account text default null, access text default 'read', expires_at timestamptz default null)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_session();
    v_email text := auth.address_of(grant_add.email);
    v_grantee_id uuid;
    v_access auth.grant_right;
    v_grant auth.grants;
begin
    if not auth.writes() then
        raise exception 'a reader shares nothing' using errcode = '42501';
    end if;
    begin
        v_access := lower(btrim(grant_add.access))::auth.grant_right;
    exception
        when invalid_text_representation then
            raise exception 'access: "%" is not read or write', grant_add.access using errcode = 'QM002';
    end;
    if v_access is null then
        raise exception 'access: read or write is wanted' using errcode = 'QM002';
    end if;
    if grant_add.expires_at <= now() then
        raise exception 'expires_at: is in the past' using errcode = 'QM002';
    end if;
    -- Whom one shares with must be told by name, so this answers whether the address is registered: to people who are signed in, and slowly.
    perform auth.refuse_too_many(auth.throttle_origin('grant', auth.origin(), 60, 10));
    perform auth.refuse_too_many(auth.throttle('own', 'grant ' || v_user_id, 20, 30));
    select u.id into v_grantee_id
    from core.users u
    where u.email = v_email
    and u.status = 'active';
    if not found or v_grantee_id = v_user_id then
        raise exception 'nobody with this address can be shared with'
            using errcode = 'QM001', hint = 'the other person needs an account here first';
    end if;
    if (select count(*) from auth.grants g where g.user_id = v_user_id and g.revoked_at is null) >= 1000 then
        raise exception 'there are a thousand grants already' using errcode = 'QM002', hint = 'revoke those that are not used: `grant_revoke`';
    end if;
    -- The same once more, as after an answer that was lost, is the one that is there: revoking it must leave none behind.
    select g.*
    into v_grant
    from auth.grants g
    where g.user_id = v_user_id
    and g.grantee_id = v_grantee_id
    and g.account_id is not distinct from case when grant_add.account is not null then ingest.require_account(v_user_id, grant_add.account) end
    and g.kind = 'share'
    and g.access = v_access
    and g.expires_at is not distinct from grant_add.expires_at
    and g.revoked_at is null
    limit 1;
    if found then
        return auth.grant_shown(v_grant);
    end if;
    insert into auth.grants (user_id, grantee_id, account_id, access, expires_at)
    values (
        v_user_id, v_grantee_id, case when grant_add.account is not null then ingest.require_account(v_user_id, grant_add.account) end,
        v_access, grant_add.expires_at
    )
    returning * into v_grant;
    perform audit.note(v_user_id, 'auth.grants', v_grant.id::text, 'insert', auth.grant_shown(v_grant), 'book shared');
    return auth.grant_shown(v_grant);
end
$$;

comment on function api.grant_add(text, text, text, timestamptz) is $$Share a book
With the person of an address: the whole book, or one account (number or name). access: read or write. Until expires_at, or until grant_revoke.$$;

create function api.grant_list()
returns jsonb
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_session();
begin
    return jsonb_build_object(
        'given', (
            select coalesce(jsonb_agg(auth.grant_shown(g) order by g.id), '[]')
            from auth.grants g
            where g.user_id = v_user_id
        ),
        'received', (
            select coalesce(jsonb_agg(auth.grant_shown(g) order by g.user_id, g.id), '[]')
            from auth.grants g
            where g.grantee_id = v_user_id
            and g.revoked_at is null
            and (g.expires_at is null or g.expires_at > now())
        )
    );
end
$$;

comment on function api.grant_list() is $$List what is shared
{given: what others may see of the person's book, received: what the person may see of others'}.$$;

create function api.grant_revoke(id bigint)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_session();
begin
    update auth.grants g
    set revoked_at = coalesce(g.revoked_at, now())
    where g.user_id = v_user_id
    and g.id = grant_revoke.id
    and g.kind = 'share';
    if not found then
        raise exception 'there is no grant %', grant_revoke.id using errcode = 'QM001', hint = '`grant_list` shows them';
    end if;
    perform audit.note(v_user_id, 'auth.grants', grant_revoke.id::text, 'update', null, 'share revoked');
end
$$;

comment on function api.grant_revoke(bigint) is $$Stop sharing
At once: what was opened with the grant is refused from the next request on.$$;

create function api.book_open(email text, access text default 'read')
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_person_id uuid := auth.require_session();
    v_person core.users;
    v_access auth.grant_right;
    v_owner_id uuid;
    v_more jsonb;
begin
    begin
        v_access := lower(btrim(book_open.access))::auth.grant_right;
    exception
        when invalid_text_representation then
            raise exception 'access: "%" is not read or write', book_open.access using errcode = 'QM002';
    end;
    select u.* into v_person
    from core.users u
    where u.id = v_person_id;
    select u.id
    into v_owner_id
    from core.users u
    where u.email = lower(btrim(book_open.email))
    and exists (
        select from auth.grants g
        where g.grantee_id = v_person_id
        and g.user_id = u.id
        and g.revoked_at is null
        and (g.expires_at is null or g.expires_at > now())
        and (g.access = 'write' or v_access = 'read')
    );
    if v_owner_id is null or v_access = 'write' and v_person.role = 'readonly' then
        raise exception 'this book is not open to you' using errcode = '42501', hint = '`grant_list` shows what others share with you';
    end if;
    v_more := jsonb_strip_nulls(jsonb_build_object('book', v_owner_id, 'sid', auth.session_id()));
    return auth.access_token(v_person_id, case v_access when 'write' then 'quantmatrix_user' else 'quantmatrix_readonly' end, v_more);
end
$$;

comment on function api.book_open(text, text) is $$Open a shared book
A token {access_token, token_type, expires_in, expires_at} with which every view and function works on that person's book, as far as the grants reach; the log names who acted.$$;

grant execute on function api.key_exchange(text) to anon, quantmatrix_user, quantmatrix_readonly, quantmatrix_admin;
grant execute on function
    api.key_create(text, text[], text[], timestamptz), api.key_list(), api.key_revoke(bigint),
    api.grant_add(text, text, text, timestamptz), api.grant_list(), api.grant_revoke(bigint), api.book_open(text, text)
    to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin;

alter function api.key_create(text, text[], text[], timestamptz) owner to quantmatrix_keeper;
alter function api.key_list() owner to quantmatrix_keeper;
alter function api.key_revoke(bigint) owner to quantmatrix_keeper;
alter function api.key_exchange(text) owner to quantmatrix_keeper;
alter function api.grant_add(text, text, text, timestamptz) owner to quantmatrix_keeper;
alter function api.grant_list() owner to quantmatrix_keeper;
alter function api.grant_revoke(bigint) owner to quantmatrix_keeper;
alter function api.book_open(text, text) owner to quantmatrix_keeper;
