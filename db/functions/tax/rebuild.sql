-- Rebuilding what a change touched, and proving that what is stored is what is derived.

create function tax.rebuild_groups(p_user_id uuid, p_group_ids bigint[])
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_group_id bigint;
    v_place bigint := 0;
    v_changed bigint := 0;
begin
    if not exists (select from core.users u where u.id = p_user_id) then
        return 0;
    end if;
    foreach v_group_id in array p_group_ids loop
        perform work.report_progress(v_place, cardinality(p_group_ids), 'groups derived');
        v_place := v_place + 1;
        v_changed := v_changed + tax.store_group(p_user_id, v_group_id);
    end loop;
    if v_changed > 0 then
        update tax.rebuild_state s
        set rebuilt_at = now()
        where s.user_id = p_user_id;
    end if;
    perform tax.forget_unused(p_user_id, p_group_ids);
    return v_changed;
end
$$;

comment on function tax.rebuild_groups(uuid, bigint[]) is
    'Derives these groups anew and writes the rows that differ; returns how many. The caller holds the taxpayer''s lock.';

create function tax.rebuild_instruments(p_user_id uuid, p_instrument_ids bigint[])
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    if cardinality(array_remove(p_instrument_ids, null)) > 0
        and exists (select from core.users u where u.id = p_user_id)
    then
        return tax.rebuild_groups(p_user_id, tax.regroup(p_user_id, array_remove(p_instrument_ids, null)));
    end if;
    return 0;
end
$$;

comment on function tax.rebuild_instruments(uuid, bigint[]) is
    'Regroups what hangs together with these instruments, then rebuilds the groups; returns how many rows changed.';

-- New transactions: each group goes on where it stands, if they are plain trades at its end, and is derived whole if not.
create function tax.rebuild_appended(p_user_id uuid, p_transaction_ids bigint[], p_instrument_ids bigint[])
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_group record;
    v_resumption tax.resumption;
    v_instrument_ids bigint[];
    v_written bigint;
    v_changed bigint := 0;
begin
    if not exists (select from core.users u where u.id = p_user_id) then
        return 0;
    end if;
    -- An instrument that is new to the person may join others: only regrouping knows.
    select array_agg(i.id)
    into v_instrument_ids
    from unnest(p_instrument_ids) i (id)
    where not exists (select from core.positions p where p.user_id = p_user_id and p.instrument_id = i.id);
    for v_group in
        select g.group_id, array_agg(g.instrument_id) as instrument_ids
        from unnest(p_instrument_ids) i (id)
        cross join lateral (
            select own.instrument_id, own.group_id
            from tax.instrument_groups own
            where own.user_id = p_user_id
            and own.instrument_id = i.id
            offset 0
        ) g
        where not i.id = any (coalesce(v_instrument_ids, '{}'))
        group by g.group_id
        order by g.group_id
    loop
        v_written := null;
        v_resumption := tax.resume(p_user_id, v_group.group_id, p_transaction_ids);
        if v_resumption is not null then
            v_written := tax.append_to_group(p_user_id, v_group.group_id, v_resumption);
        end if;
        if v_written is null then
            v_instrument_ids := v_instrument_ids || v_group.instrument_ids;
        else
            v_changed := v_changed + v_written;
        end if;
    end loop;
    if v_changed > 0 then
        update tax.rebuild_state s
        set rebuilt_at = now()
        where s.user_id = p_user_id;
    end if;
    if v_instrument_ids is not null then
        v_changed := v_changed + tax.rebuild_instruments(p_user_id, v_instrument_ids);
    end if;
    return v_changed;
end
$$;

comment on function tax.rebuild_appended(uuid, bigint[], bigint[]) is
    'Brings lots in line with new transactions of these instruments; returns how many rows changed. The caller holds the taxpayer''s lock.';

create function tax.rebuild_all(p_user_id uuid)
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_instrument_ids bigint[];
begin
    perform tax.lock_taxpayer(p_user_id);
    select array_agg(i.id order by i.id)
    into v_instrument_ids
    from (
        select t.instrument_id as id
        from core.transactions t
        where t.user_id = p_user_id
        union
        select g.instrument_id
        from tax.instrument_groups g
        where g.user_id = p_user_id
    ) i;
    return tax.rebuild_instruments(p_user_id, v_instrument_ids);
end
$$;

comment on function tax.rebuild_all(uuid) is 'Rebuilds everything of one person; returns how many rows changed, 0 if all was right.';

create function tax.verify(p_user_id uuid)
returns table (table_name text, row_key jsonb, stored jsonb, derived jsonb)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_mergejoin = off
as $$
begin
    return query
    with run as materialized (
        select g.group_id, r.kind, r.lot, r."position", r.closing, r.match, r.notice
        from (
            select i.group_id, row_number() over (order by i.group_id) - 1 as place, count(*) over () as groups
            from tax.instrument_groups i
            where i.user_id = p_user_id
            group by i.group_id
        ) g
        cross join lateral (select work.report_progress(g.place, g.groups, 'groups derived')) told
        cross join lateral tax.run(p_user_id, g.group_id) r
    ),
    derived_rows as (
        select 'core.tax_lots' as name, to_jsonb(r.lot) as content,
            array['opening_transaction_id', 'account_id', 'instrument_id', 'side', 'piece'] as key
        from run r
        where r.kind = 'lot'
        union all
        select 'core.positions', to_jsonb(r."position"), array['account_id', 'instrument_id']
        from run r
        where r.kind = 'position'
        union all
        select 'tax.closings', to_jsonb(r.closing) || jsonb_build_object('group_id', r.group_id), array['closing_transaction_id', 'ordinal']
        from run r
        where r.kind = 'closing'
        union all
        select 'tax.wash_matches', to_jsonb(r.match) || jsonb_build_object('group_id', r.group_id),
            array['loss_transaction_id', 'loss_ordinal', 'match_order']
        from run r
        where r.kind = 'match'
        union all
        select 'tax.notices', to_jsonb(r.notice) || jsonb_build_object('group_id', r.group_id),
            array['code', 'transaction_id', 'related_transaction_id']
        from run r
        where r.kind = 'notice'
    ),
    stored_rows as (
        select 'core.tax_lots' as name,
            to_jsonb(l) - array['user_id', 'id', 'rebuilt_at', 'metadata'] || jsonb_build_object(
                'arrived_on', s.arrived_on, 'is_purchase', coalesce(s.is_purchase, true), 'is_used', coalesce(s.is_used, false),
                'gift_loss_basis', s.gift_loss_basis, 'gift_loss_holding_start', s.gift_loss_holding_start,
                'is_inherited', coalesce(s.is_inherited, false), 'is_covered', s.is_covered
            ) as content,
            array['opening_transaction_id', 'account_id', 'instrument_id', 'side', 'piece'] as key
        from core.tax_lots l
        left join tax.lot_state s on s.user_id = l.user_id and s.lot_id = l.id
        where l.user_id = p_user_id
        union all
        select 'core.positions', to_jsonb(p) - array['user_id', 'id', 'metadata', 'created_at', 'updated_at'], array['account_id', 'instrument_id']
        from core.positions p
        where p.user_id = p_user_id
        union all
        select 'tax.closings', to_jsonb(c) - array['user_id', 'id'], array['closing_transaction_id', 'ordinal']
        from tax.closings c
        where c.user_id = p_user_id
        union all
        select 'tax.wash_matches', to_jsonb(m) - array['user_id', 'id'], array['loss_transaction_id', 'loss_ordinal', 'match_order']
        from tax.wash_matches m
        where m.user_id = p_user_id
        union all
        select 'tax.notices', to_jsonb(n) - array['user_id', 'id'], array['code', 'transaction_id', 'related_transaction_id']
        from tax.notices n
        where n.user_id = p_user_id
    ),
    keyed_derived as (
        select d.name, (select jsonb_object_agg(k.name, d.content -> k.name) from unnest(d.key) k (name)) as key, d.content
        from derived_rows d
    ),
    keyed_stored as (
        select s.name, (select jsonb_object_agg(k.name, s.content -> k.name) from unnest(s.key) k (name)) as key, s.content
        from stored_rows s
    )
    select coalesce(s.name, d.name), coalesce(s.key, d.key), s.content, d.content
    from keyed_stored s
    full join keyed_derived d on d.name = s.name and d.key = s.key
    where s.content is distinct from d.content
    union all
    select 'tax.lot_state', jsonb_build_object('lot_id', s.lot_id), to_jsonb(s), null
    from tax.lot_state s
    left join core.tax_lots l on l.user_id = s.user_id and l.id = s.lot_id
    where s.user_id = p_user_id
    and l.id is null;
end
$$;

comment on function tax.verify(uuid) is
    'Derives everything of one person aside and returns each row that differs from what is stored; stored or derived is null where the row is only in the other.';

-- What counts for tax by year, and the figures that conservation holds against each other (K.3, F.11): of taxable accounts. Groups without a rate
-- are left out of nothing here: a missing amount simply does not add.
create function tax.totals(p_user_id uuid)
returns jsonb
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    with yearly as materialized (
        select
            y.tax_year,
            sum(y.short_term) as short_term,
            sum(y.long_term) as long_term,
            sum(y.section_1256) as section_1256,
            sum(y.unknown_term) as unknown_term,
            sum(y.recognized) as recognized,
            sum(y.disallowed) as disallowed,
            sum(y.permanently_disallowed) as permanently_disallowed,
            sum(y.unknown_basis_proceeds) as unknown_basis_proceeds
        from tax.yearly y
        where y.user_id = p_user_id
        group by y.tax_year
    ),
    open_lot as (
        select l.side, l.cost_remaining, l.wash_sale_adjustment
        from core.tax_lots l
        join core.accounts a on a.user_id = l.user_id and a.id = l.account_id
        where l.user_id = p_user_id
        and l.closed_at is null
        and a.account_type = 'taxable'
    )
    select jsonb_build_object(
        'by_year', coalesce((
            select jsonb_object_agg(y.tax_year, jsonb_build_object(
                'short_term', y.short_term, 'long_term', y.long_term, 'section_1256', y.section_1256, 'unknown_term', y.unknown_term,
                'disallowed', y.disallowed, 'permanently_disallowed', y.permanently_disallowed,
                'unknown_basis_proceeds', y.unknown_basis_proceeds
            ))
            from yearly y
        ), '{}'),
        'recognized', (select coalesce(sum(y.recognized), 0) from yearly y),
        'disallowed', (select coalesce(sum(y.disallowed), 0) from yearly y),
        'permanently_disallowed', (select coalesce(sum(y.permanently_disallowed), 0) from yearly y),
        'unknown_basis_proceeds', (select coalesce(sum(y.unknown_basis_proceeds), 0) from yearly y),
        'deferred_in_open_lots', (select coalesce(sum(l.wash_sale_adjustment), 0) from open_lot l),
        'open_long_basis', (select coalesce(sum(l.cost_remaining), 0) from open_lot l where l.side = 'long'),
        'open_short_proceeds', (select coalesce(sum(l.cost_remaining), 0) from open_lot l where l.side = 'short'),
        'net_cash', (
            select coalesce(sum((r.flow).amount), 0)
            from (
                select i.group_id, row_number() over (order by i.group_id) - 1 as place, count(*) over () as groups
                from tax.instrument_groups i
                where i.user_id = p_user_id
                group by i.group_id
            ) g
            cross join lateral (select work.report_progress(g.place, g.groups, 'groups derived')) told
            cross join lateral tax.run(p_user_id, g.group_id) r
            join core.accounts a on a.user_id = p_user_id and a.id = (r.flow).account_id
            where r.kind = 'flow'
            and a.account_type = 'taxable'
        )
    )
$$;

comment on function tax.totals(uuid) is
    'Totals of one person over the taxable accounts, by year and whole, with the net cash that F.11 holds against them.';

grant execute on function tax.rebuild_all(uuid), tax.verify(uuid), tax.totals(uuid) to quantmatrix_writer;
alter function tax.rebuild_groups(uuid, bigint[]) owner to quantmatrix_engine;
alter function tax.rebuild_instruments(uuid, bigint[]) owner to quantmatrix_engine;
alter function tax.rebuild_appended(uuid, bigint[], bigint[]) owner to quantmatrix_engine;
alter function tax.rebuild_all(uuid) owner to quantmatrix_engine;
alter function tax.verify(uuid) owner to quantmatrix_engine;
alter function tax.totals(uuid) owner to quantmatrix_engine;
