-- What an instrument counts for in a person's book: itself, or the one that the person merged it into.

-- Instruments that another one counts for in this person's book: {from: into}.
create function ingest.merged_instruments(p_user_id uuid)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(jsonb_object_agg(f.instrument_id, f.merged_into_instrument_id), '{}')
    from tax.instrument_facts f
    where f.user_id = p_user_id
    and f.merged_into_instrument_id is not null
$$;

comment on function ingest.merged_instruments(uuid) is 'Merges of instruments that hold: {from: into}.';

create function ingest.counted_instrument(p_user_id uuid, p_instrument_id bigint)
returns bigint
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(
        (
            select f.merged_into_instrument_id
            from tax.instrument_facts f
            where f.user_id = p_user_id
            and f.instrument_id = p_instrument_id
        ),
        p_instrument_id
    )
$$;

comment on function ingest.counted_instrument(uuid, bigint) is 'The instrument itself, or the one that it was merged into.';

grant execute on function ingest.merged_instruments(uuid), ingest.counted_instrument(uuid, bigint) to quantmatrix_writer;
