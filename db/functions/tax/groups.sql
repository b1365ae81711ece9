-- Which instruments must be rebuilt together, and who may rebuild now. A group is everything that lots can move between or that wash sales
-- compare: options and their underlying, old and new of corporate actions, instruments that the person declares identical or says to follow one
-- index, linked rows.

create function tax.lock_taxpayer(p_user_id uuid)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    update tax.rebuild_state s
    set rebuilds = s.rebuilds + 1
    where s.user_id = p_user_id;
    if not found then
        insert into tax.rebuild_state as s (user_id, rebuilds)
        select u.id, 1
        from core.users u
        where u.id = p_user_id
        on conflict (user_id) do update
        set rebuilds = s.rebuilds + 1;
    end if;
exception
    -- A request waits as long as its role's lock_timeout says: its connection is everybody's.
    when lock_not_available then
        perform auth.refuse(
            409, 'QM121', 'another request or job is changing this book', 'nothing was changed: try again in a moment',
            jsonb_build_object('Retry-After', '5')
        );
end
$$;

comment on function tax.lock_taxpayer(uuid) is
    'The first act of whoever changes what lots depend on: waits for the taxpayer''s other writer, over HTTP for seconds (QM121). Nothing happens for a person who is gone.';

grant execute on function tax.lock_taxpayer(uuid) to quantmatrix_writer;
alter function tax.lock_taxpayer(uuid) owner to quantmatrix_engine;

-- Instruments that are linked with one of the given ones, directly. What an option is on is what the person's own facts say; the shared catalogue is
-- not asked. All of it is the person's own and is joined by hash: statistics that do not know this person yet would let a nested loop read all
-- their rows for each of their rows.
create function tax.linked_instruments(p_user_id uuid, p_instrument_ids bigint[])
returns table (instrument_id bigint, linked_id bigint)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_mergejoin = off
as $$
    with asked as materialized (
        select distinct a.id
        from unnest(p_instrument_ids) a (id)
    ),
    edges as (
        select f.instrument_id as one, f.underlying_instrument_id as other
        from asked a
        join tax.instrument_facts f on f.user_id = p_user_id and f.instrument_id = a.id
        where f.underlying_instrument_id is not null
        union all
        select f.instrument_id, a.id
        from asked a
        join tax.instrument_facts f on f.user_id = p_user_id and f.underlying_instrument_id = a.id
        join tax.instrument_groups g on g.user_id = p_user_id and g.instrument_id = f.instrument_id
        union all
        select t.instrument_id, x.new_instrument_id
        from asked a
        join core.transactions t on t.user_id = p_user_id and t.instrument_id = a.id
        join tax.transaction_terms x on x.user_id = p_user_id and x.transaction_id = t.id
        where x.new_instrument_id is not null
        union all
        select t.instrument_id, x.new_instrument_id
        from asked a
        join tax.transaction_terms x on x.new_instrument_id = a.id and x.user_id = p_user_id
        join core.transactions t on t.user_id = p_user_id and t.id = x.transaction_id
        where t.instrument_id is not null
        union all
        select f.instrument_id, other.instrument_id
        from asked a
        join tax.instrument_facts f on f.user_id = p_user_id and f.instrument_id = a.id
        join tax.instrument_facts other on other.user_id = p_user_id and other.identical_group = f.identical_group
        union all
        select f.instrument_id, other.instrument_id
        from asked a
        join tax.instrument_facts f on f.user_id = p_user_id and f.instrument_id = a.id
        join tax.instrument_facts other on other.user_id = p_user_id and other.index_family = f.index_family
        union all
        -- An option on what was merged away is one on what counts for it.
        select f.instrument_id, f.merged_into_instrument_id
        from tax.instrument_facts f
        where f.user_id = p_user_id
        and f.merged_into_instrument_id is not null
        and (f.instrument_id in (select a.id from asked a) or f.merged_into_instrument_id in (select a.id from asked a))
        union all
        select t.instrument_id, other.instrument_id
        from tax.transaction_links l
        join core.transactions t on t.user_id = p_user_id and t.id = l.from_id
        join core.transactions other on other.user_id = p_user_id and other.id = l.to_id
        where l.user_id = p_user_id
        and t.instrument_id <> other.instrument_id
        and (t.instrument_id in (select a.id from asked a) or other.instrument_id in (select a.id from asked a))
    )
    select distinct e.one, e.other
    from edges e
    where e.one <> e.other
$$;

comment on function tax.linked_instruments(uuid, bigint[]) is 'Pairs of instruments that must be rebuilt together, as far as one of the given ones is in them.';

create function tax.regroup(p_user_id uuid, p_instrument_ids bigint[])
returns bigint[]
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_mergejoin = off
as $$
declare
    v_known bigint[];
    v_asked bigint[];
    v_found bigint[];
    v_one bigint[];
    v_other bigint[];
    v_edges_one bigint[] := '{}';
    v_edges_other bigint[] := '{}';
    v_groups jsonb;
    v_instrument_ids bigint[];
    v_group_ids bigint[];
    v_smaller integer;
    v_rebuild bigint[];
begin
    -- New instruments are known from here on; old groups are taken whole, for a link that went may split them.
    insert into tax.instrument_groups (user_id, instrument_id, group_id)
    select distinct p_user_id, i.id, i.id
    from unnest(p_instrument_ids) i (id)
    where i.id is not null
    on conflict do nothing;

    select array_agg(g.instrument_id)
    into v_known
    from tax.instrument_groups g
    where g.user_id = p_user_id
    and g.group_id in (
        select own.group_id
        from tax.instrument_groups own
        where own.user_id = p_user_id
        and own.instrument_id in (select i.id from unnest(p_instrument_ids) i (id))
    );
    v_asked := v_known;
    while cardinality(v_asked) > 0 loop
        select array_agg(l.instrument_id), array_agg(l.linked_id)
        into v_one, v_other
        from tax.linked_instruments(p_user_id, v_asked) l;
        v_edges_one := v_edges_one || v_one;
        v_edges_other := v_edges_other || v_other;
        select array_agg(distinct e.id)
        into v_found
        from unnest(v_one || v_other) e (id)
        where e.id not in (select k.id from unnest(v_known) k (id));
        -- An instrument met through a link brings its whole old group with it.
        select array_agg(distinct m.id)
        into v_asked
        from (
            select f.id
            from unnest(v_found) f (id)
            union
            select g.instrument_id
            from tax.instrument_groups g
            where g.user_id = p_user_id
            and g.group_id in (
                select own.group_id
                from tax.instrument_groups own
                where own.user_id = p_user_id
                and own.instrument_id in (select f.id from unnest(v_found) f (id))
            )
            and g.instrument_id not in (select k.id from unnest(v_known) k (id))
        ) m;
        v_known := v_known || v_asked;
        insert into tax.instrument_groups (user_id, instrument_id, group_id)
        select p_user_id, i.id, i.id
        from unnest(v_found) i (id)
        on conflict do nothing;
    end loop;

    -- Each instrument takes the smallest number among those it is linked with, until nothing changes.
    select array_agg(k.id order by k.id), array_agg(k.id order by k.id)
    into v_instrument_ids, v_group_ids
    from unnest(v_known) k (id);
    loop
        select array_agg(least(n.group_id, n.linked) order by n.id), count(*) filter (where n.linked < n.group_id)
        into v_group_ids, v_smaller
        from (
            select l.id, l.group_id, min(other.group_id) as linked
            from unnest(v_instrument_ids, v_group_ids) l (id, group_id)
            left join (
                select e.one, e.other from unnest(v_edges_one, v_edges_other) e (one, other)
                union
                select e.other, e.one from unnest(v_edges_one, v_edges_other) e (one, other)
            ) e on e.one = l.id
            left join unnest(v_instrument_ids, v_group_ids) other (id, group_id) on other.id = e.other
            group by l.id, l.group_id
        ) n;
        exit when v_smaller is null or v_smaller = 0;
    end loop;

    with moved as (
        update tax.instrument_groups g
        set group_id = n.group_id
        from unnest(v_instrument_ids, v_group_ids) n (instrument_id, group_id)
        where g.user_id = p_user_id
        and g.instrument_id = n.instrument_id
        and g.group_id <> n.group_id
        returning g.instrument_id, g.group_id
    )
    select coalesce(jsonb_object_agg(m.instrument_id, m.group_id), '{}'), array_agg(distinct m.group_id)
    into v_groups, v_rebuild
    from moved m;

    -- What was derived under another number of the group follows; the merge then compares like with like.
    if v_groups <> '{}' then
        update tax.closings c
        set group_id = (v_groups ->> c.instrument_id::text)::bigint
        where c.user_id = p_user_id
        and v_groups ? c.instrument_id::text
        and c.group_id <> (v_groups ->> c.instrument_id::text)::bigint;
        update tax.wash_matches w
        set group_id = (v_groups ->> w.replacement_instrument_id::text)::bigint
        where w.user_id = p_user_id
        and v_groups ? w.replacement_instrument_id::text
        and w.group_id <> (v_groups ->> w.replacement_instrument_id::text)::bigint;
        update tax.notices n
        set group_id = (v_groups ->> t.instrument_id::text)::bigint
        from core.transactions t
        where n.user_id = p_user_id
        and t.user_id = p_user_id
        and t.id = n.transaction_id
        and v_groups ? t.instrument_id::text
        and n.group_id <> (v_groups ->> t.instrument_id::text)::bigint;
    end if;

    -- Where a group fell apart, the part that kept the number has lost something too.
    select array_agg(distinct g.group_id order by g.group_id)
    into v_rebuild
    from tax.instrument_groups g
    where g.user_id = p_user_id
    and g.instrument_id in (select i.id from unnest(case when v_rebuild is null then p_instrument_ids else v_known end) i (id));
    return coalesce(v_rebuild, '{}');
end
$$;

comment on function tax.regroup(uuid, bigint[]) is
    'Finds anew which instruments hang together with the given ones, and returns the groups that must be rebuilt.';

-- Instruments that no transaction, term or derived row of the person names any more leave their group. Positions are few and answer for
-- almost every instrument; transactions are only asked about the rest.
create function tax.forget_unused(p_user_id uuid, p_group_ids bigint[])
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_mergejoin = off
as $$
declare
    v_without_position bigint[];
begin
    select array_agg(g.instrument_id)
    into v_without_position
    from tax.instrument_groups g
    where g.user_id = p_user_id
    and g.group_id in (select own.id from unnest(p_group_ids) own (id))
    and g.instrument_id not in (select p.instrument_id from core.positions p where p.user_id = p_user_id);
    if v_without_position is null then
        return;
    end if;
    delete from tax.instrument_groups g
    where g.user_id = p_user_id
    and g.instrument_id in (select own.id from unnest(v_without_position) own (id))
    and not exists (select from core.transactions t where t.user_id = p_user_id and t.instrument_id = g.instrument_id)
    and not exists (
        select from tax.transaction_terms x
        where x.user_id = p_user_id
        and x.new_instrument_id = g.instrument_id
    )
    and not exists (
        select from (
            select o.group_id, f.underlying_instrument_id
            from tax.instrument_groups o
            join tax.instrument_facts f on f.user_id = o.user_id and f.instrument_id = o.instrument_id
            where o.user_id = p_user_id
        ) derivative
        where derivative.group_id = g.group_id
        and derivative.underlying_instrument_id = g.instrument_id
    );
end
$$;

comment on function tax.forget_unused(uuid, bigint[]) is 'Removes instruments that the person no longer uses from the given groups.';
