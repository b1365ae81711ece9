-- Today's executions as a broker names them.

-- A corrected execution has another last part; the rest names the execution.
create function sync.execution_name(p_execution_id text)
returns text
language sql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select regexp_replace(p_execution_id, '\.[0-9]{1,3}$', '')
$$;

comment on function sync.execution_name(text) is 'An execution''s id without the count of its corrections.';
grant execute on function sync.execution_name(text) to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin, quantmatrix_writer;
