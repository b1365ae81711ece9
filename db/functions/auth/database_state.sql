-- How the database is, for administrators and their monitoring.

create function auth.database_state()
returns jsonb
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'version', current_setting('server_version'),
        'size_bytes', pg_database_size(current_database()),
        'connections', (select count(*) from pg_stat_activity a where a.datname = current_database()),
        'max_connections', current_setting('max_connections')::integer,
        'oldest_transaction_seconds', (
            select floor(extract(epoch from now() - min(a.xact_start)))::bigint
            from pg_stat_activity a
            where a.datname = current_database()
        ),
        'dead_rows', (select sum(s.n_dead_tup) from pg_stat_user_tables s),
        'is_replica', pg_is_in_recovery()
    )
$$;

comment on function auth.database_state() is 'Health of the database: size, connections, the oldest transaction, rows that wait for vacuum.';
grant execute on function auth.database_state() to quantmatrix_keeper;
