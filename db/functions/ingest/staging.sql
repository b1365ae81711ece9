-- Staging: counted, bounded, swept. A load says how many records it staged and is refused where others are there: staging is emptied by a crash,
-- and half a file must never pass for a whole one. A person's share of the disk is limited at every door, by a trigger, and what nobody loads goes.

create function ingest.note_staged()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_over record;
begin
    perform ingest.sweep_staging(now(), 1 << 20);
    -- A hundred bytes stand for what a row costs beside its values.
    insert into ingest.staged_parts (user_id, load_id, chunk, records, bytes)
    select
        a.user_id, a.load_id, a.chunk, count(*),
        sum(100 + coalesce(octet_length(a.raw), 0) + coalesce(pg_column_size(a.payload), 0))
    from added a
    group by a.user_id, a.load_id, a.chunk;

    select p.user_id, sum(p.bytes) as bytes
    into v_over
    from ingest.staged_parts p
    where p.user_id in (select a.user_id from added a)
    group by p.user_id
    having sum(p.bytes) > 4 * auth.quota('staged');
    if found then
        perform ingest.refuse_amount('staged', v_over.bytes::bigint);
    end if;
    return null;
end
$$;

comment on function ingest.note_staged() is 'Trigger: notes what a statement staged, and refuses what is more than a person may have there.';

create function ingest.refuse_amount(p_what text, p_bytes bigint)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    perform auth.refuse(
        413, 'QM063',
        case p_what
            when 'staged' then format('%s MB would be staged, more than one person may have there', p_bytes >> 20)
            else format('%s MB would be stored, more than one person may keep', p_bytes >> 20)
        end,
        case p_what
            when 'staged' then 'load what is staged, or wait: what nobody loads is swept after two hours; a large file is imported in parts'
            else 'undo imports that are not wanted, or ask an administrator: platform_settings_set, stored_megabytes'
        end
    );
end
$$;

comment on function ingest.refuse_amount(text, bigint) is 'Ends the request with 413: more is staged, or stored, than a person may.';

-- Holds the load, so that no sweep takes it away, and compares it with what the client counted. Returns what it amounts to.
create function ingest.take_load(p_user_id uuid, p_load_id uuid, p_records bigint)
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_staged bigint;
begin
    if p_records is null then
        raise exception 'records: how many records were staged is wanted'
            using errcode = 'QM002', hint = '`import_stage` returns how many each chunk staged; their sum is wanted here';
    end if;
    perform
    from ingest.staged_parts p
    where p.user_id = p_user_id
    and p.load_id = p_load_id
    for update;
    select count(*)
    into v_staged
    from ingest.staging s
    where s.load_id = p_load_id
    and s.user_id = p_user_id;
    if v_staged = 0 or v_staged <> p_records then
        raise exception '% of % records are staged', v_staged, p_records
            using errcode = 'QM011',
                detail = 'load ' || p_load_id,
                hint = 'stage them again under a new number; nothing was loaded';
    end if;
    return (
        select coalesce(sum(p.bytes), 0)
        from ingest.staged_parts p
        where p.user_id = p_user_id
        and p.load_id = p_load_id
    );
end
$$;

comment on function ingest.take_load(uuid, uuid, bigint) is
    'Holds a load against sweeps; QM011 unless exactly so many records are staged. Returns the bytes that they count for.';

create function ingest.drop_load(p_user_id uuid, p_load_id uuid)
returns void
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    delete from ingest.staging s
    where s.load_id = p_load_id
    and s.user_id = p_user_id;
    delete from ingest.staged_parts p
    where p.user_id = p_user_id
    and p.load_id = p_load_id;
$$;

comment on function ingest.drop_load(uuid, uuid) is 'Removes a load from staging.';

-- Two hours after the last record came nobody is going to load it. A load that is being loaded at this moment is held, and passed over.
create function ingest.sweep_staging(p_now timestamptz default now(), p_bytes bigint default null)
returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_load record;
    v_held integer;
    v_swept integer := 0;
    v_bytes bigint := 0;
begin
    for v_load in
        select p.user_id, p.load_id, count(*) as parts, sum(p.bytes) as bytes
        from ingest.staged_parts p
        where (p.user_id, p.load_id) in (
            select o.user_id, o.load_id
            from ingest.staged_parts o
            where o.staged_at < p_now - interval '2 hours'
        )
        group by p.user_id, p.load_id
        having max(p.staged_at) < p_now - interval '2 hours'
        limit 1000
    loop
        exit when v_bytes >= p_bytes;
        perform
        from ingest.staged_parts p
        where p.user_id = v_load.user_id
        and p.load_id = v_load.load_id
        for update skip locked;
        get diagnostics v_held = row_count;
        if v_held = v_load.parts then
            perform ingest.drop_load(v_load.user_id, v_load.load_id);
            v_swept := v_swept + 1;
            v_bytes := v_bytes + v_load.bytes;
        end if;
    end loop;
    return v_swept;
end
$$;

comment on function ingest.sweep_staging(timestamptz, bigint) is
    'Removes loads of everybody that nobody came back for within two hours; returns how many. p_bytes: until so much is gone; null for a thousand loads.';

create trigger staged
after insert on ingest.staging
referencing new table as added
for each statement
execute function ingest.note_staged();

grant execute on function ingest.refuse_amount(text, bigint) to quantmatrix_writer, quantmatrix_engine;
grant execute on function ingest.take_load(uuid, uuid, bigint), ingest.drop_load(uuid, uuid) to quantmatrix_writer;
grant execute on function ingest.sweep_staging(timestamptz, bigint) to quantmatrix_keeper;

alter function ingest.note_staged() owner to quantmatrix_engine;
alter function ingest.take_load(uuid, uuid, bigint) owner to quantmatrix_engine;
alter function ingest.drop_load(uuid, uuid) owner to quantmatrix_engine;
alter function ingest.sweep_staging(timestamptz, bigint) owner to quantmatrix_engine;
