-- What one person may take of what all share, as the platform's settings say.

create function auth.quota(p_what text)
returns bigint
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return (
        select case p_what when 'staged' then s.staged_megabytes when 'stored' then s.stored_megabytes end::bigint << 20
        from auth.settings s
    );
end
$$;

comment on function auth.quota(text) is 'Bytes that one person may have: staged (over the API, at a time) or stored (files imported).';

grant execute on function auth.quota(text) to quantmatrix_writer, quantmatrix_engine;

alter function auth.quota(text) owner to quantmatrix_keeper;
