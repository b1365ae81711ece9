-- Whether the chain holds. Each link is checked against the stored link before it, all at once; the first that fails is named.
--
-- It sees: an entry changed, removed, moved or slipped in behind the seal; a link changed or removed between others.
-- It cannot see: an entry that was removed or changed before it was sealed (numbers of rolled-back writers leave the same gaps), or a chain
-- that somebody with the owner's rights computed anew from some place on. Against the second there is p_noted: a head printed earlier and
-- kept elsewhere must still stand in the chain. Against the first: seal often.

create function audit.verify(p_noted text default null)
returns jsonb
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    with chain as (
        select
            l.position,
            l.log_id,
            row_number() over by_position as expected_position,
            d.log_id is null as is_missing,
            (d.transaction_xid, d.log_id) < lag((d.transaction_xid, d.log_id)) over by_position
                or (d.transaction_xid, d.log_id) > lead((d.transaction_xid, d.log_id)) over by_position as is_misplaced,
            d.values_digest is distinct from l.values_digest and not coalesce(d.is_blanked, false) as has_other_values,
            l.link_digest,
            l.values_digest || d.fixed_fields as covered,
            sha256(
                coalesce(lag(l.link_digest) over by_position, decode(repeat('00', 32), 'hex')) || l.values_digest || d.fixed_fields
            ) as expected_digest
        from audit.links l
        left join audit.digests d on d.log_id = l.log_id
        window by_position as (order by l.position)
    ),
    judged as (
        select
            c.position,
            c.expected_position,
            c.log_id,
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
    ),
    sealed_last as (
        select e.transaction_xid, e.id
        from audit.links l
        join core.audit_logs e on e.id = l.log_id
        order by l.position desc
        limit 1
    ),
    waiting as (
        select e.id, e.transaction_xid, (e.transaction_xid, e.id) < (s.transaction_xid, s.id) as is_behind_the_seal
        from core.audit_logs e
        left join sealed_last s on true
        where not exists (
            select
            from audit.links l
            where l.log_id = e.id
        )
    ),
    faults as (
        select j.expected_position as position, case when j.what <> 'link_missing' then j.log_id end as log_id, j.what
        from judged j
        where j.what is not null
        union all
        select
            (
                select min(l.position)
                from audit.links l
                join core.audit_logs e on e.id = l.log_id
                where (e.transaction_xid, e.id) > (w.transaction_xid, w.id)
            ),
            w.id,
            'entry_inserted'
        from waiting w
        where w.is_behind_the_seal
        union all
        select null, null, 'head_unknown'
        where p_noted is not null
            and not exists (
                select
                from audit.links l
                where encode(l.link_digest, 'hex') = lower(btrim(p_noted))
            )
    )
    select jsonb_build_object(
        'sealed', (select count(*) from audit.links),
        'unsealed', (select count(*) from waiting),
        'head', (select encode(l.link_digest, 'hex') from audit.links l order by l.position desc limit 1),
        'broken', (
            select jsonb_build_object('position', f.position, 'log_id', f.log_id, 'what', f.what)
            from faults f
            order by f.position nulls last, f.log_id
            limit 1
        )
    )
$$;

comment on function audit.verify(text) is
    'Object {sealed, unsealed, head, broken: null or {position, log_id, what}} with the first broken link; what is entry_missing, entry_changed, '
    'entry_inserted, link_missing, link_changed, order or head_unknown. p_noted: a head from earlier that must still stand in the chain.';
