-- Before each request, and what anybody may ask.

-- PostgREST verifies the signature and the times that a token states; that it states them, for whom it is, and that session, key and book are
-- good at this moment is demanded here. Runs as the role of the request. The connections with the database are everybody's, so a person has
-- four requests at work at a time, by whatever tokens and keys: a slot is a lock that ends with the request, and only owners of functions may
-- lock, so nobody takes another's. What a person asks beside the first comes out of eight for all people together: else five who ask for what
-- takes long, or one who registered five times, would hold the twenty connections. A GET is a read-only transaction, in which nothing can be counted: the proxy limits the rate of reads, this
-- that of writes.
create function api.check_request()
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_claims jsonb := nullif(current_setting('request.jwt.claims', true), '')::jsonb;
    v_role text := v_claims ->> 'role';
    v_missing text;
    v_rate integer;
    v_has_slot boolean := false;
    v_has_room boolean := false;
begin
    perform auth.require_request();
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
            using errcode = 'PT401', hint = 'get a new one: `token`';
    end if;

    -- Before anything is looked up: what is refused here costs next to nothing.
    for v_slot in 1..4 loop
        v_has_slot := pg_try_advisory_xact_lock(hashtextextended('request of ' || (v_claims ->> 'sub'), v_slot));
        if v_has_slot then
            v_has_room := v_slot = 1;
            exit;
        end if;
    end loop;
    for v_place in 1..8 loop
        exit when v_has_room or not v_has_slot;
        v_has_room := pg_try_advisory_xact_lock(hashtextextended('request beside a first', v_place));
    end loop;
    if not v_has_room then
        perform auth.refuse(
            429, 'QM120',
            case
                when v_has_slot then 'one of your requests is at work, and there is no room for another'
                else 'four of your requests are at work'
            end,
            'wait for one of them; what takes long is asked as a job: job_add', jsonb_build_object('Retry-After', '1')
        );
    end if;

    perform auth.check_claims(v_claims);

    if current_setting('transaction_read_only') = 'off' then
        select s.writes_per_second
        into v_rate
        from auth.settings s;
        perform auth.refuse_too_many(
            auth.throttle('write', coalesce('key ' || (v_claims ->> 'key'), 'person') || ' of ' || (v_claims ->> 'sub'), 10 * v_rate, 1.0 / v_rate)
        );
    end if;
end
$$;

comment on function api.check_request() is $$Check the request
Called by the server before each request: refuses tokens without sub, exp or aud, disabled users, ended sessions, revoked keys, books that are not shared any more, more than four requests of a person at a time, and more writes than allowed.$$;

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

grant execute on function api.schema_version() to quantmatrix_keeper;

alter function api.check_request() owner to quantmatrix_keeper;
