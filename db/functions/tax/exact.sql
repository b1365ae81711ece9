-- How an exact decimal becomes JSON. Not in api, where PostgREST would show the function as one to call.

-- PostgREST applies the representation to CSV as well, where the quotation marks of the string would become part of the value.
create function tax.exact_as_json(p_value api.exact)
returns json
language sql
stable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select case
        when current_setting('request.headers', true) like '%"accept":"text/csv"%' then p_value::numeric::text::json
        else to_json(p_value::numeric::text)
    end
$$;

comment on function tax.exact_as_json(api.exact) is 'The decimal as a JSON string, digit for digit; bare where the request accepts nothing but CSV.';

-- The server itself never applies a cast from a domain and warns of it; PostgREST reads the declaration.
set local client_min_messages = error;
create cast (api.exact as json) with function tax.exact_as_json(api.exact) as implicit;
set local client_min_messages = notice;

-- PostgREST reads the declarations as its login, and applies only what that login may call.
grant execute on function tax.exact_as_json(api.exact)
    to authenticator, quantmatrix_user, quantmatrix_readonly, quantmatrix_admin, quantmatrix_writer;
