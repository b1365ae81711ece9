-- Before each request, and what anybody may ask.

-- PostgREST verifies the signature and the times that a token states; that it states them, and whom it is for, is demanded here. Runs as the role of the
-- request, on GET in a read-only transaction, and so writes nothing.
create function api.check_request()
returns void
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_claims jsonb := nullif(current_setting('request.jwt.claims', true), '')::jsonb;
    v_role text := v_claims ->> 'role';
    v_missing text;
    v_user core.users;
begin
    if v_role is null or v_role = 'anon' then
        return;
    end if;
    select string_agg(c.name, ', ')
    into v_missing
    from unnest(array['sub', 'exp', 'aud']) c (name)
    where v_claims -> c.name is null
    or v_claims -> c.name = 'null';
    if v_missing is not null then
        raise exception 'the token lacks %', v_missing
            using errcode = 'PT401', hint = 'get a new one: quantmatrix user token';
    end if;

    select u.*
    into v_user
    from core.users u
    where u.id = auth.user_id();
    if not found then
        raise exception 'the token is for nobody here' using errcode = 'PT401', hint = 'get a new one: quantmatrix user token';
    elsif v_user.status <> 'active' then
        raise exception 'this user is disabled' using errcode = 'PT403', hint = 'an administrator can enable it: quantmatrix user disable --undo';
    elsif not (
        v_user.role = 'admin'
        or v_role = 'quantmatrix_readonly'
        or v_role = 'quantmatrix_user' and v_user.role = 'user'
    ) then
        raise exception 'the token claims more than this user may do' using errcode = 'PT403', hint = 'get a new one: quantmatrix user token';
    end if;
exception
    when invalid_text_representation then
        raise exception 'the token is for nobody here' using errcode = 'PT401', hint = 'get a new one: quantmatrix user token';
end
$$;

comment on function api.check_request() is $$Check the request
Called by the server before each request: refuses tokens without sub, exp or aud, and disabled users.$$;

-- The bookkeeping of migrations lies in a schema of its own, which is made by the program that migrates; a database built from the sources alone has none.
create function api.schema_version()
returns text
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_version text;
begin
    if to_regclass('migrations.applied') is not null and to_regclass('migrations.repeatable') is not null then
        select concat_ws(
            ' ',
            (select max(regexp_replace(m.name, '\.sql$', '')) from migrations.applied m),
            (select left(r.digest, 12) from migrations.repeatable r)
        )
        into v_version;
    end if;
    return coalesce(nullif(v_version, ''), 'unversioned');
end
$$;

comment on function api.schema_version() is $$Version of the schema
The last migration and the first twelve characters of the digest of functions and policies; poll it after migrating.$$;

grant execute on function api.check_request(), api.schema_version() to anon, quantmatrix_user, quantmatrix_readonly, quantmatrix_admin;

alter function api.check_request() owner to quantmatrix_writer;
