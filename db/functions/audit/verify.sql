-- Whether the chain holds. Each link is checked against the stored link before it, all at once; the first that fails is named.
--
-- Three looks. audit.verify looks at everything and trusts nothing that is stored beside the chain. audit.verify_new looks at what came since
-- the last checkpoint and leaves one: it trusts that the look before was made by this function, so whoever may write as the owner can hide an
-- older change from it, and from audit.verify not. audit.verify_own looks at one person's entries, at a cost that others' do not raise.
--
-- They see: an entry changed, removed, moved or slipped in behind the seal; a link changed or removed between others; an entry blanked whose
-- person was not erased whole; an epoch or an erasure that no chained entry tells of. They cannot see: an entry that was removed or changed
-- before it was sealed (numbers of rolled-back writers leave the same gaps), or a chain that somebody with the owner's rights cut or computed
-- anew. Against the second there is p_noted: a head printed earlier and kept elsewhere must still stand. Against the first: seal often.

create function audit.chain_faults(p_after bigint, p_until bigint)
returns table ("position" bigint, log_id bigint, what text)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    with chain as (
        select
            l.position,
            l.log_id,
            -- The link of p_after is only what the next follows.
            l.position = p_after and p_after > 0 as is_before,
            coalesce(lag(l.position) over by_position, p_after) + 1 as expected_position,
            d.log_id is null as is_missing,
            (d.epoch, d.transaction_xid, d.log_id) < lag((d.epoch, d.transaction_xid, d.log_id)) over by_position
                or (d.epoch, d.transaction_xid, d.log_id) > lead((d.epoch, d.transaction_xid, d.log_id)) over by_position as is_misplaced,
            d.values_digest is distinct from l.values_digest and not coalesce(d.is_blanked, false) as has_other_values,
            l.link_digest,
            l.values_digest || d.fixed_fields as covered,
            sha256(
                coalesce(lag(l.link_digest) over by_position, decode(repeat('00', 32), 'hex')) || l.values_digest || d.fixed_fields
            ) as expected_digest
        from audit.links l
        left join audit.digests d on d.log_id = l.log_id
        where (l.position >= p_after or p_after = 0)
            and (l.position <= p_until or p_until is null)
        window by_position as (order by l.position)
    ),
    judged as (
        select
            c.expected_position,
            c.log_id,
            c.is_before,
            case
                when c.position <> c.expected_position then 'link_missing'
                when c.is_missing then 'entry_missing'
                when c.is_misplaced then 'order'
                when c.has_other_values then 'entry_changed'
                when c.link_digest = c.expected_digest then null
                -- If the next link follows from what this one should be, the entry is as it was, and the link is not.
                when lead(c.link_digest) over by_position = sha256(c.expected_digest || lead(c.covered) over by_position) then 'link_changed'
                else 'entry_changed'
            end as what
        from chain c
        window by_position as (order by c.position)
    )
    select j.expected_position, case when j.what <> 'link_missing' then j.log_id end, j.what
    from judged j
    where j.what is not null
        and not j.is_before
$$;

comment on function audit.chain_faults(bigint, bigint) is 'Links after p_after, up to p_until if it is given, that do not hold, with what is wrong with each.';

-- An entry that no link covers, though the chain has passed its place. p_from and p_to: only entries with these numbers.
create function audit.inserted_fault(p_from bigint, p_to bigint)
returns table ("position" bigint, log_id bigint, what text)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    -- Few entries have no link: only their places are compared.
    with unsealed as materialized (
        select e.id
        from core.audit_logs e
        where e.id >= p_from
            and (e.id <= p_to or p_to is null)
            and not exists (
                select
                from audit.links l
                where l.log_id = e.id
            )
    ),
    behind as (
        select d.epoch, d.transaction_xid, d.log_id
        from unsealed u
        join audit.digests d on d.log_id = u.id
        join audit.sealed_last s on (d.epoch, d.transaction_xid, d.log_id) < (s.epoch, s.transaction_xid, s.log_id)
        order by d.epoch, d.transaction_xid, d.log_id
        limit 1
    )
    select
        (
            select min(l.position)
            from audit.links l
            join audit.digests d on d.log_id = l.log_id
            where (d.epoch, d.transaction_xid, d.log_id) > (b.epoch, b.transaction_xid, b.log_id)
        ),
        b.log_id,
        'entry_inserted'
    from behind b
$$;

comment on function audit.inserted_fault(bigint, bigint) is 'The first entry that was slipped in behind the seal, and the place of the link that should have come after it.';

create function audit.erasure_faults(p_from bigint, p_person_id uuid)
returns table ("position" bigint, log_id bigint, what text)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    with erased as (
        select r.person_id, max(r.log_id) as log_id
        from audit.erasures r
        where r.log_id >= p_from
            and (r.person_id = p_person_id or p_person_id is null)
        group by r.person_id
    )
    select null::bigint, r.log_id, 'erasure_unknown'
    from audit.erasures r
    where r.log_id >= p_from
        and (r.person_id = p_person_id or p_person_id is null)
        and not exists (
            select
            from core.audit_logs e
            where e.id = r.log_id
                and e.table_name = 'audit.erasures'
                and e.record_key = r.person_id::text
        )
    union all
    select null, k.id, 'erasure_partial'
    from erased r
    cross join lateral (
        select min(e.id) as id
        from core.audit_logs e
        where e.user_id = r.person_id
            and e.id < r.log_id
            and num_nonnulls(e.old_values, e.new_values, e.context) > 0
    ) k
    where k.id is not null
    union all
    -- Who came back with an archive of the own began anew, and the log tells it.
    select null, r.log_id, 'erased_lives'
    from erased r
    where exists (
            select
            from core.users u
            where u.id = r.person_id
        )
        and not exists (
            select
            from core.audit_logs e
            where e.user_id = r.person_id
                and e.id > r.log_id
                and e.table_name = 'users'
                and e.action = 'insert'
        )
$$;

comment on function audit.erasure_faults(bigint, uuid) is
    'Erasures from entry p_from on, of one person if one is named, that no entry tells of, that left values, or whose person lives.';

alter function audit.erasure_faults(bigint, uuid) owner to quantmatrix_eraser;
set local role quantmatrix_eraser;
grant execute on function audit.erasure_faults(bigint, uuid) to quantmatrix_owner;
set local role quantmatrix_owner;

create function audit.epoch_faults()
returns table ("position" bigint, log_id bigint, what text)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select null::bigint, p.log_id, 'epoch_unknown'
    from audit.epochs p
    where not exists (
            select
            from core.audit_logs e
            where e.id = p.log_id
                and e.table_name = 'audit.epochs'
                and e.record_key = p.number::text
                and e.new_values = jsonb_build_object('first_entry', p.first_entry)
        )
        or p.first_entry <= (select max(f.first_entry) from audit.epochs f where f.number < p.number)
$$;

comment on function audit.epoch_faults() is 'Epochs that no entry tells of, or that are out of order.';

create function audit.stands(p_noted text)
returns boolean
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select case
        when lower(btrim(p_noted)) ~ '^[0-9]{1,18}:[0-9a-f]{64}$' then exists (
            select
            from audit.links l
            where l.position = split_part(btrim(p_noted), ':', 1)::bigint
                and l.link_digest = decode(split_part(lower(btrim(p_noted)), ':', 2), 'hex')
        )
        -- Noted before heads said their place.
        else exists (
            select
            from audit.links l
            where encode(l.link_digest, 'hex') = lower(btrim(p_noted))
        )
    end
$$;

comment on function audit.stands(text) is 'Whether a noted head, POSITION:DIGEST, is a link of the chain. A digest alone is looked for in all links.';

create function audit.verify(p_noted text default null)
returns jsonb
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    with faults as (
        select * from audit.chain_faults(0, null)
        union all
        select * from audit.inserted_fault(0, null)
        union all
        select * from audit.erasure_faults(0, null)
        union all
        select * from audit.epoch_faults()
        union all
        select c.position, null, 'checkpoint_unknown'
        from audit.checkpoints c
        left join audit.links l on l.position = c.position
        where l.link_digest is distinct from c.link_digest
        union all
        select null, null, 'head_unknown'
        where p_noted is not null
            and not audit.stands(p_noted)
    )
    select jsonb_build_object(
        'sealed', (select count(*) from audit.links),
        'unsealed', (
            select count(*)
            from core.audit_logs e
            where not exists (
                select
                from audit.links l
                where l.log_id = e.id
            )
        ),
        'head', audit.head(),
        'broken', (
            select jsonb_build_object('position', f.position, 'log_id', f.log_id, 'what', f.what)
            from faults f
            order by f.position nulls last, f.log_id
            limit 1
        )
    )
$$;

comment on function audit.verify(text) is
    'Looks at the whole log: {sealed, unsealed, head, broken: null or {position, log_id, what}} with the first fault; what is entry_missing, entry_changed, '
    'entry_inserted, link_missing, link_changed, order, erasure_unknown, erasure_partial, erased_lives, epoch_unknown, checkpoint_unknown or head_unknown. p_noted: a head from earlier that must still stand in the chain.';

create function audit.verify_new(p_limit integer default 100000)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_after audit.checkpoints;
    v_until bigint;
    v_sealed bigint;
    v_from_entry bigint;
    v_to_entry bigint;
    v_broken jsonb;
begin
    -- Two lookers would leave the same checkpoint; sealing goes on.
    lock table audit.checkpoints in share row exclusive mode;
    select * into v_after
    from audit.checkpoints c
    order by c.position desc
    limit 1;
    v_after.position := coalesce(v_after.position, 0);
    select coalesce(max(l.position), 0), least(coalesce(max(l.position), 0), v_after.position + p_limit)
    into v_sealed, v_until
    from audit.links l;
    select min(l.log_id), max(l.log_id)
    into v_from_entry, v_to_entry
    from audit.links l
    where l.position > v_after.position
        and l.position <= v_until;
    select jsonb_build_object('position', f.position, 'log_id', f.log_id, 'what', f.what)
    into v_broken
    from (
        select v_after.position, null::bigint as log_id, 'checkpoint_unknown' as what
        where v_after.link_digest is not null
            and not exists (
                select
                from audit.links l
                where l.position = v_after.position
                    and l.link_digest = v_after.link_digest
            )
        union all
        select * from audit.chain_faults(v_after.position, v_until)
        union all
        select * from audit.inserted_fault(v_from_entry, case when v_until < v_sealed then v_to_entry end)
        union all
        select * from audit.erasure_faults(v_from_entry, null)
        union all
        select * from audit.epoch_faults()
    ) f
    order by f.position nulls last, f.log_id
    limit 1;
    if v_broken is null and v_until > v_after.position then
        insert into audit.checkpoints (position, link_digest)
        select l.position, l.link_digest
        from audit.links l
        where l.position = v_until;
    end if;
    return jsonb_build_object(
        'from', v_after.position, 'to', greatest(v_until, v_after.position), 'sealed', v_sealed, 'head', audit.head(), 'broken', v_broken
    );
end
$$;

comment on function audit.verify_new(integer) is
    'Looks at up to p_limit links after the last checkpoint, and leaves one where they hold: {from, to, sealed, head, broken}. Call again while "to" is less than "sealed" and nothing is broken.';

-- By indexes alone, whatever the statistics say: the cost is of the person's entries, and nobody else's are read but their links'' digests.
create function audit.verify_own(p_user_id uuid)
returns jsonb
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
    with own as (
        select
            d.log_id,
            l.position,
            (d.epoch, d.transaction_xid, d.log_id) < (s.epoch, s.transaction_xid, s.log_id) as is_behind,
            case
                when l.position is null then null
                when l.position > 1 and b.link_digest is null then 'link_missing'
                when d.values_digest is distinct from l.values_digest and not d.is_blanked
                    or l.link_digest is distinct from
                        sha256(coalesce(b.link_digest, decode(repeat('00', 32), 'hex')) || l.values_digest || d.fixed_fields)
                    then 'entry_changed'
            end as what
        from audit.digests d
        left join audit.sealed_last s on true
        left join audit.links l on l.log_id = d.log_id
        left join audit.links b on b.position = l.position - 1
        where d.user_id = p_user_id
    ),
    counted as (
        select
            count(*) as entries,
            count(*) filter (where o.position is null) as unsealed,
            min(o.position) filter (where o.what is not null) as first_broken,
            min(o.log_id) filter (where o.position is null and o.is_behind) as first_inserted
        from own o
    )
    select jsonb_build_object(
        'entries', c.entries,
        'unsealed', c.unsealed,
        'head', audit.head(),
        'broken', coalesce(
            (
                select jsonb_build_object('position', o.position, 'log_id', o.log_id, 'what', o.what)
                from own o
                where o.position = c.first_broken
            ),
            case
                when c.first_inserted is not null
                    then jsonb_build_object('position', null, 'log_id', c.first_inserted, 'what', 'entry_inserted')
            end,
            (
                select jsonb_build_object('position', null, 'log_id', f.log_id, 'what', f.what)
                from audit.erasure_faults(0, p_user_id) f
                order by f.log_id
                limit 1
            )
        )
    )
    from counted c
$$;

comment on function audit.verify_own(uuid) is
    'Looks at the entries of one person and their links: {entries, unsealed, head, broken}. What of the person was removed only audit.verify sees.';
