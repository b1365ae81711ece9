-- Who acts, and why, as one object for every entry of a statement. Without nulls, and without headers: those carry the bearer token.
-- Method, path and request id count only from authenticator, whose settings PostgREST and the command line write themselves.

create function audit.context()
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_strip_nulls(jsonb_build_object(
        'role', nullif(current_setting('role'), 'none'),
        'session', session_user,
        'reason', left(nullif(btrim(current_setting('quantmatrix.reason', true)), ''), 1000),
        'request', case when session_user = 'authenticator' then left(nullif(concat_ws(' ',
            nullif(current_setting('request.method', true), ''),
            nullif(current_setting('request.path', true), ''),
            nullif(current_setting('request.headers', true), '')::jsonb ->> 'x-request-id'
        ), ''), 200) end
    ))
$$;

comment on function audit.context() is
    'Object {role, session, reason, request} of the running statement; the reason is the setting quantmatrix.reason, which functions of api set locally.';
