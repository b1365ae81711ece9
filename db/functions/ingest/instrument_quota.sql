-- How many identities a person may add to the catalogue, which all share and which only grows.

create function ingest.allow_identities(p_user_id uuid, p_allowed bigint)
returns jsonb
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    insert into ingest.identity_counts as c (user_id, allowed)
    values (p_user_id, p_allowed)
    on conflict on constraint identity_counts_pkey do update
    set allowed = excluded.allowed
    returning jsonb_build_object('added', c.added, 'allowed', coalesce(c.allowed, ingest.identities_for_everybody()))
$$;

comment on function ingest.allow_identities(uuid, bigint) is 'Sets how many identities a person may add in all (null: what everybody may); returns {added, allowed}.';

grant execute on function ingest.allow_identities(uuid, bigint) to quantmatrix_keeper;

alter function ingest.allow_identities(uuid, bigint) owner to quantmatrix_engine;
