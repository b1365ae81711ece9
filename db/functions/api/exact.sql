-- Money, prices, quantities and ratios in answers: exact decimals. As JSON a string, because a number would pass through binary floating point
-- in most clients; as CSV the plain digits. PostgREST finds the cast by the domain of a column (domain representations).
--
-- Two domains, one on the other: PostgREST describes a domain by its base type, and would call a domain on numeric a number in its OpenAPI.

create domain api.decimal as numeric;
create domain api.exact as api.decimal;

comment on domain api.decimal is 'What api.exact rests on; no column has it.';
comment on domain api.exact is 'An exact decimal: a string in JSON, plain digits in CSV.';

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
