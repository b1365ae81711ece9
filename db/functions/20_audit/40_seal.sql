-- The chain. A trigger that chained would make writers wait for each other until commit; sealing afterwards costs them nothing. Only entries
-- whose database transaction is older than every running one are taken: nothing can come before them any more, so their order is final.

create view audit.digests
with (security_invoker = true)
as
select
    e.id as log_id,
    e.transaction_xid,
    -- What an erased person's entries may lose: values and the words in the context.
    sha256(convert_to(jsonb_build_array(e.old_values, e.new_values, e.context)::text, 'UTF8')) as values_digest,
    num_nonnulls(e.old_values, e.new_values, e.context) = 0
        and exists (select from audit.erasures r where r.person_id = e.user_id) as is_blanked,
    -- What every entry keeps. Arrays of json are unambiguous, and none of these depends on a session's settings.
    convert_to(jsonb_build_array(
        e.id, e.user_id, e.actor_id, e.table_name, e.record_key, e.action, e.changed_columns, e.transaction_xid::text,
        extract(epoch from e.created_at)
    )::text, 'UTF8') as fixed_fields
from core.audit_logs e;

comment on view audit.digests is 'Each entry as the chain takes it: one definition for sealing and verifying.';

create function audit.seal(p_limit integer default 10000)
returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_position bigint;
    v_link bytea;
    v_xid xid8;
    v_log_id bigint;
    v_entry record;
    v_log_ids bigint[] := '{}';
    v_values bytea[] := '{}';
    v_links bytea[] := '{}';
begin
    -- Two sealers would give the same position twice; readers go on.
    lock table audit.links in share row exclusive mode;

    select l.position, l.link_digest
    into v_position, v_link
    from audit.links l
    order by l.position desc
    limit 1;
    v_position := coalesce(v_position, 0);
    v_link := coalesce(v_link, decode(repeat('00', 32), 'hex'));

    -- The last link whose entry is still there: a removed entry is for audit.verify to name and must not stop the sealing of others.
    select e.transaction_xid, e.id
    into v_xid, v_log_id
    from audit.links l
    join core.audit_logs e on e.id = l.log_id
    order by l.position desc
    limit 1;

    for v_entry in
        select d.log_id, d.values_digest, d.fixed_fields
        from audit.digests d
        where (d.transaction_xid, d.log_id) > (coalesce(v_xid, '0'::xid8), coalesce(v_log_id, 0))
            and d.transaction_xid < pg_snapshot_xmin(pg_current_snapshot())
        order by d.transaction_xid, d.log_id
        limit p_limit
    loop
        v_link := sha256(v_link || v_entry.values_digest || v_entry.fixed_fields);
        v_log_ids := v_log_ids || v_entry.log_id;
        v_values := v_values || v_entry.values_digest;
        v_links := v_links || v_link;
    end loop;

    insert into audit.links (position, log_id, values_digest, link_digest)
    select v_position + s.place, s.log_id, s.values_digest, s.link_digest
    from unnest(v_log_ids, v_values, v_links) with ordinality s (log_id, values_digest, link_digest, place);
    return cardinality(v_log_ids);
end
$$;

comment on function audit.seal(integer) is
    'Chains up to p_limit finished entries in the order of transaction and id, and returns how many. Call again while it returns p_limit.';
