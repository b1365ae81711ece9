-- Progress is told as a notice, which reaches the worker at once, and not as a row, which nobody else would see before the end. Other callers
-- are told nothing: PostgREST would write each into its log.
create function work.report_progress(p_done bigint, p_total bigint, p_progress text)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    if current_setting('quantmatrix.tells', true) = 'on' then
        raise notice using
            errcode = 'QM100',
            message = 'progress',
            detail = jsonb_build_object('done', p_done, 'total', p_total, 'progress', p_progress)::text;
    end if;
end
$$;

comment on function work.report_progress(bigint, bigint, text) is 'Tells a worker that listens how far this is: so many of so many, and what is being done.';

grant execute on function work.report_progress(bigint, bigint, text) to quantmatrix_writer, quantmatrix_engine, quantmatrix_owner, quantmatrix_keeper;
