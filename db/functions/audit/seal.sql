-- The chain. A trigger that chained would make writers wait for each other until commit; sealing afterwards costs them nothing. Only entries
-- whose database transaction is older than every running one are taken: nothing can come before them any more, so their order is final. What a
-- session with an open transaction holds back, audit.state names.

create view audit.digests
with (security_invoker = true)
as
select
    e.id as log_id,
    e.user_id,
    width_bucket(e.id, p.first_entries) as epoch,
    e.transaction_xid,
    e.created_at,
    -- What an erased person's entries may lose: values and the words in the context.
    sha256(convert_to(jsonb_build_array(e.old_values, e.new_values, e.context)::text, 'UTF8')) as values_digest,
    num_nonnulls(e.old_values, e.new_values, e.context) = 0
        and exists (select from audit.erasures r where r.person_id = e.user_id and r.log_id > e.id) as is_blanked,
    -- What every entry keeps. Arrays of json are unambiguous, and none of these depends on a session's settings. Links of the first epoch are
    -- older than epochs and do not name theirs.
    convert_to(case width_bucket(e.id, p.first_entries)
        when 0 then jsonb_build_array(
            e.id, e.user_id, e.actor_id, e.table_name, e.record_key, e.action, e.changed_columns, e.transaction_xid::text,
            extract(epoch from e.created_at)
        )
        else jsonb_build_array(
            e.id, e.user_id, e.actor_id, e.table_name, e.record_key, e.action, e.changed_columns, e.transaction_xid::text,
            extract(epoch from e.created_at), width_bucket(e.id, p.first_entries)
        )
    end::text, 'UTF8') as fixed_fields
from core.audit_logs e
cross join (
    select coalesce(array_agg(p.first_entry order by p.number), '{}') as first_entries
    from audit.epochs p
) p;

comment on view audit.digests is 'Each entry as the chain takes it: one definition for sealing and verifying. Its order is epoch, transaction_xid, log_id.';

-- The last link whose entry is still there: a removed entry is for audit.verify to name and must not stop the sealing of others.
create view audit.sealed_last
with (security_invoker = true)
as
select d.epoch, d.transaction_xid, d.log_id
from audit.links l
cross join lateral (
    select d.epoch, d.transaction_xid, d.log_id
    from audit.digests d
    where d.log_id = l.log_id
    offset 0
) d
order by l.position desc
limit 1;

comment on view audit.sealed_last is 'The place that the chain has reached in the order of the log; no row where nothing is sealed.';

create function audit.waiting(p_limit integer, p_before xid8)
returns table (log_id bigint, transaction_xid xid8, created_at timestamptz, values_digest bytea, fixed_fields bytea)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select d.log_id, d.transaction_xid, d.created_at, d.values_digest, d.fixed_fields
    from (
        select coalesce(max(s.epoch), 0) as epoch, coalesce(max(s.transaction_xid), '0') as transaction_xid, coalesce(max(s.log_id), 0) as log_id
        from audit.sealed_last s
    ) s
    join audit.epoch_ranges r on r.number >= s.epoch
    cross join lateral (
        select d.log_id, d.transaction_xid, d.created_at, d.values_digest, d.fixed_fields
        from audit.digests d
        where (d.transaction_xid, d.log_id) > (
                case when r.number = s.epoch then s.transaction_xid else '0'::xid8 end,
                case when r.number = s.epoch then s.log_id else 0 end
            )
            and d.log_id >= r.first_entry
            and (d.log_id < r.next_entry or r.next_entry is null)
            -- The transactions of an epoch that has ended are finished, whatever numbers this cluster has reached.
            and (d.transaction_xid < p_before or r.next_entry is not null or p_before is null)
        order by d.transaction_xid, d.log_id
        limit p_limit
    ) d
    order by r.number, d.transaction_xid, d.log_id
    limit p_limit
$$;

comment on function audit.waiting(integer, xid8) is
    'The next entries to seal, in their order; of the running epoch only those of transactions before p_before, if one is given.';

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

    for v_entry in
        select w.log_id, w.values_digest, w.fixed_fields
        from audit.waiting(p_limit, pg_snapshot_xmin(pg_current_snapshot())) w
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
    'Chains up to p_limit finished entries in the order of epoch, transaction and id, and returns how many. Call again while it returns p_limit.';

create function audit.head()
returns text
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select l.position || ':' || encode(l.link_digest, 'hex')
    from audit.links l
    order by l.position desc
    limit 1
$$;

comment on function audit.head() is
    'The newest link, as POSITION:DIGEST; null where nothing is sealed. Noted elsewhere, it shows later that nobody cut the chain or computed it anew.';

create function audit.state()
returns jsonb
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'sealed', coalesce((select max(l.position) from audit.links l), 0),
        'head', audit.head(),
        'last_sealed_at', (select l.sealed_at from audit.links l order by l.position desc limit 1),
        'epoch', coalesce((select max(p.number) from audit.epochs p), 0),
        'checkpoint', (
            select jsonb_build_object('position', c.position, 'verified_at', c.verified_at)
            from audit.checkpoints c
            order by c.position desc
            limit 1
        ),
        'oldest_unsealed_at', w.created_at,
        'oldest_unsealed_seconds', floor(extract(epoch from clock_timestamp() - w.created_at))::bigint,
        -- Sealing waits for the oldest transaction that still may write.
        'held_by', (
            select coalesce(jsonb_agg(distinct k.pid) filter (where w.transaction_xid >= x.oldest), '[]')
            from (select pg_snapshot_xmin(pg_current_snapshot()) as oldest) x
            join pg_locks k on k.locktype = 'transactionid' and k.granted and k.mode = 'ExclusiveLock' and k.transactionid = x.oldest::xid
            where k.pid is distinct from pg_backend_pid()
        )
    )
    from (values (true)) one
    left join audit.waiting(1, null) w on true
$$;

comment on function audit.state() is
    'How far the chain reaches, without reading it: {sealed, head, last_sealed_at, epoch, checkpoint, oldest_unsealed_at, oldest_unsealed_seconds, held_by}; held_by: processes whose open transaction holds sealing back.';

grant execute on function audit.state() to quantmatrix_keeper;
