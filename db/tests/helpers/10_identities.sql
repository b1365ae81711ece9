-- Helpers of the tests, made only in the test template, after pgTAP, by a superuser. A test becomes a person exactly as PostgREST and the
-- command line do: it logs in as authenticator, then sets role and claims for the transaction. Everything is local, so a rollback undoes it.

create schema tests;
comment on schema tests is 'Helpers of the tests; exists in test databases only.';

create table tests.people (
    label text primary key,
    user_id uuid not null,
    role text not null
);
grant usage on schema tests, tap to public;
grant select on tests.people to public;

create function tests.create_user(p_label text, p_role core.user_role default 'user')
returns uuid
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid;
begin
    insert into core.users (email, display_name, role)
    values (lower(p_label) || '@example.test', p_label || ' of the tests', p_role)
    returning id into v_user_id;
    insert into tests.people (label, user_id, role)
    values (p_label, v_user_id, 'quantmatrix_' || p_role);
    return v_user_id;
end
$$;

comment on function tests.create_user(text, core.user_role) is 'A person with the address label@example.test, known to tests.become under the label.';

create function tests.user_id(p_label text)
returns uuid
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select p.user_id
    from tests.people p
    where p.label = p_label
$$;

comment on function tests.user_id(text) is 'The id behind a label.';

create function tests.claims(p_role text, p_user_id uuid)
returns text
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select json_build_object(
        'role', p_role, 'sub', p_user_id, 'aud', 'quantmatrix', 'exp', extract(epoch from now() + interval '1 hour')::bigint
    )::text
$$;

comment on function tests.claims(text, uuid) is 'The claims of a token as the platform issues them.';

create function tests.become_role(p_role text, p_claims text)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    perform set_config('session_authorization', 'authenticator', true);
    perform set_config('role', p_role, true);
    perform set_config('request.jwt.claims', p_claims, true);
end
$$;

comment on function tests.become_role(text, text) is 'Logs in as authenticator, then sets role and the text of the claims, whatever it is.';

create function tests.become(p_label text)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_person tests.people;
begin
    select * into strict v_person
    from tests.people p
    where p.label = p_label;
    perform tests.become_role(v_person.role, tests.claims(v_person.role, v_person.user_id));
end
$$;

comment on function tests.become(text) is 'A request of this person, with the role the person was made with.';

create function tests.become_readonly(p_label text)
returns void
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select tests.become_role('quantmatrix_readonly', tests.claims('quantmatrix_readonly', tests.user_id(p_label)))
$$;

comment on function tests.become_readonly(text) is 'A request of this person that may only read.';

create function tests.become_anon()
returns void
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select tests.become_role('anon', '{"role": "anon"}')
$$;

comment on function tests.become_anon() is 'A request without a token.';

create function tests.become_login(p_login text)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    perform set_config('session_authorization', p_login, true);
    perform set_config('request.jwt.claims', '', true);
end
$$;

comment on function tests.become_login(text) is 'Direct SQL with a personal login, which must exist in the cluster.';

create function tests.reset()
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    -- Allowed because the connection itself was made by a superuser; 10 is the one that initdb made.
    perform set_config('session_authorization', (select r.rolname from pg_roles r where r.oid = 10), true);
    perform set_config('request.jwt.claims', '', true);
end
$$;

comment on function tests.reset() is 'The superuser again, without claims.';
