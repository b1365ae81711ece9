-- How many identities a person may add to the catalogue, which all share and which only grows.

create function api.user_instruments(email text, allowed bigint default null)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid;
    v_told jsonb;
begin
    perform auth.require_admin();
    if user_instruments.allowed not between 0 and 10000000 then
        raise exception 'allowed: a number from 0 to 10,000,000, or null for what everybody may' using errcode = 'QM002';
    end if;
    v_user_id := auth.require_person(user_instruments.email);
    v_told := ingest.allow_identities(v_user_id, user_instruments.allowed);
    perform audit.note(v_user_id, 'ingest.identity_counts', v_user_id::text, 'update', v_told, 'instruments allowed');
    return jsonb_build_object('email', lower(btrim(user_instruments.email))) || v_told;
end
$$;

comment on function api.user_instruments(text, bigint) is $$Say how many instruments a user may add
Administrators only. Identities that nobody had before are added to the catalogue that all share, and stay; allowed is how many of them this user may add in all (null: what everybody may). Returns {email, added, allowed}.$$;

grant execute on function api.user_instruments(text, bigint) to quantmatrix_admin;

alter function api.user_instruments(text, bigint) owner to quantmatrix_keeper;
