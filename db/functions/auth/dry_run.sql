-- A dry run: everything is done, as it would be, inside a block that is rolled back; the answer outlives it. It is an argument of the function
-- that is asked and never a preference of the request, which would take back what has to stay: throttling, tokens that were renewed, the log
-- of what an administrator read.

create function auth.dry_run(p_query text)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_answer jsonb;
begin
    begin
        execute p_query into v_answer;
        raise exception 'a dry run keeps nothing' using errcode = 'QM101';
    exception
        when sqlstate 'QM101' then
            null;
    end;
    return v_answer;
end
$$;

comment on function auth.dry_run(text) is 'What a query answers, an object, after which all that it did is rolled back. For functions of the API that are asked for a dry run of themselves.';

grant execute on function auth.dry_run(text) to quantmatrix_writer, quantmatrix_engine;
