-- An import that counts no more: its lines stay as history, its evidence goes.
create function ingest.retire(p_user_id uuid, p_sync_id bigint)
returns void
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
    update core.sync_history h
    set status = 'undone'
    where h.user_id = p_user_id
    and h.id = p_sync_id;
    delete from ingest.broker_positions b where b.user_id = p_user_id and b.sync_id = p_sync_id;
    delete from ingest.broker_lots b where b.user_id = p_user_id and b.sync_id = p_sync_id;
    delete from ingest.broker_cash b where b.user_id = p_user_id and b.sync_id = p_sync_id;
$$;

comment on function ingest.retire(uuid, bigint) is 'Takes an import out of what is live; the lines of its transactions must be applied afterwards.';

grant execute on function ingest.retire(uuid, bigint) to quantmatrix_writer;
