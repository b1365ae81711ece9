-- The engine's writing half: what is stored of a group against what is derived, one pass for each table, and only rows that differ are written.
-- A full join, because it can only be done by hash or merge: a plan made before the tables hold anything believes them empty, and would compare
-- each row with each. For the same reason the person is written as a list of one: a list promises several rows, so that an index that knows the
-- instrument too beats one that begins with the person alone, however empty the table was when the plan was made.

create type tax.derived_state as (
    lot_id bigint,
    instrument_id bigint,
    arrived_on date,
    is_purchase boolean,
    is_used boolean,
    gift_loss_basis numeric,
    gift_loss_holding_start date,
    is_inherited boolean,
    is_covered boolean
);

comment on type tax.derived_state is 'A row of tax.lot_state.';

-- Losses that an appended purchase replaces. Updates by number are planned each time, with the numbers at hand and without nested loops: few
-- are found by the key, many by one hash, and if statistics make the key seem no better than the person alone, their rows are read once.
create function tax.disallow(p_user_id uuid, p_ids bigint[], p_disallowed numeric[], p_permanent numeric[])
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_mergejoin = off
as $$
declare
    v_changed bigint;
begin
    execute $sql$
        update tax.closings c
        set disallowed = coalesce(n.disallowed, 0),
            permanently_disallowed = coalesce(n.permanent, 0)
        from unnest($2, $3, $4) n (id, disallowed, permanent)
        where c.user_id = $1
        and c.id = any ($2)
        and c.id = n.id
        and (c.disallowed, c.permanently_disallowed) is distinct from (coalesce(n.disallowed, 0), coalesce(n.permanent, 0))
    $sql$
    using p_user_id, p_ids, p_disallowed, p_permanent;
    get diagnostics v_changed = row_count;
    return v_changed;
end
$$;

comment on function tax.disallow(uuid, bigint[], numeric[], numeric[]) is 'Gives closings the part of their loss that is disallowed now; returns how many changed.';

do $generate$
declare
    v_by_instrument constant text := $sql$
        select own.*
        from unnest(v_h.instrument_id) i (id)
        cross join lateral (
            select stored.*
            from {target} stored
            where stored.user_id = any (v_person)
            and stored.instrument_id = i.id
            offset 0
        ) own
    $sql$;
    -- What an append can have changed: the lots that it could reach. All else that it derives is new.
    v_reached constant text := $sql$
        select stored.*
        from {target} stored
        where stored.user_id = p_user_id
        and stored.{id} = any (v_standing.lot_id)
    $sql$;
    v_none constant text := $sql$
        select stored.*
        from {target} stored
        where false
    $sql$;
    v_by_group constant text := $sql$
        select stored.*
        from {target} stored
        where stored.user_id = any (v_person)
        and stored.group_id = p_group_id
    $sql$;
    -- The state of a lot goes by the lot's number, which exists once the lots are written.
    v_states constant text := format(
        'select l.id as lot_id, n.* from (%s) n join (%s) l using (account_id, instrument_id, opening_transaction_id, piece, side)',
        tax.mapping('states'), replace(v_by_instrument, '{target}', 'core.tax_lots')
    );
    v_appended_states constant text := format(
        $sql$
            select l.id as lot_id, n.*
            from (%s) n
            cross join lateral (
                select stored.id
                from core.tax_lots stored
                where stored.user_id = any (v_person)
                and stored.instrument_id = n.instrument_id
                and stored.account_id = n.account_id
                and stored.opening_transaction_id = n.opening_transaction_id
                and stored.side = n.side
                and stored.piece = n.piece
                offset 0
            ) l
        $sql$,
        tax.mapping('states')
    );
    v_moved constant text := format(
        $sql$
            select
                p.account_id, p.instrument_id, p.quantity + n.quantity - b.quantity as quantity,
                case when u.units <> 0 then round(u.cost_basis / (u.units * u.multiplier), 6) end as average_cost,
                u.cost_basis, p.realized_pnl + n.realized_pnl - g.realized_pnl as realized_pnl,
                p.unmatched_quantity + n.unmatched_quantity as unmatched_quantity, p.open_lots + n.open_lots - b.open_lots as open_lots,
                n.unknown_basis_quantity, p.wash_sale_adjustment + n.wash_sale_adjustment - b.wash_sale_adjustment as wash_sale_adjustment,
                p.native_cost + n.native_cost - b.native_cost as native_cost, p.currency,
                tax.opened_at(p_user_id, p.account_id, p.instrument_id) as opened_at,
                greatest(p.last_transaction_at, n.last_transaction_at) as last_transaction_at
            from (%s) n
            cross join lateral (
                select stored.*
                from core.positions stored
                where stored.user_id = any (v_person)
                and stored.instrument_id = n.instrument_id
                and stored.account_id = n.account_id
                offset 0
            ) p
            cross join lateral (
                select
                    coalesce(sum(h.quantity * s.sign), 0) as quantity, coalesce(sum(h.cost * s.sign), 0) as cost_basis,
                    coalesce(sum(h.native * s.sign), 0) as native_cost, coalesce(sum(h.wash), 0) as wash_sale_adjustment, count(*)::integer as open_lots
                from (
                    select
                        unnest(v_standing.lot_pool) as pool, unnest(v_standing.lot_quantity) as quantity, unnest(v_standing.lot_cost) as cost,
                        unnest(v_standing.lot_native) as native, unnest(v_standing.lot_wash) as wash
                ) h
                cross join lateral (select case when v_pool_is_long[h.pool] then 1 else -1 end as sign) s
                where v_h.pool_account[h.pool] = n.account_id
                and v_h.pool_instrument[h.pool] = n.instrument_id
            ) b
            cross join lateral (
                select coalesce(sum(case when v_pool_is_long[l.pool] then l.other - l.lot else l.lot - l.other end), 0) as realized_pnl
                from unnest(v_standing.loss_pool, v_standing.loss_lot, v_standing.loss_other) l (pool, lot, other)
                where v_h.pool_account[l.pool] = n.account_id
                and v_h.pool_instrument[l.pool] = n.instrument_id
            ) g
            cross join lateral (
                select
                    p.quantity + p.unmatched_quantity + n.quantity + n.unmatched_quantity - b.quantity as units,
                    p.cost_basis + n.cost_basis - b.cost_basis as cost_basis,
                    v_h.instrument_multiplier[array_position(v_h.instrument_id, n.instrument_id)] as multiplier
            ) u
        $sql$,
        tax.mapping('positions')
    );
    v_same_notices constant text := format(
        $sql$
            select own.*
            from (%s) n
            cross join lateral (
                select stored.*
                from tax.notices stored
                where stored.user_id = p_user_id
                and stored.code = n.code
                and stored.transaction_id = n.transaction_id
                and coalesce(stored.related_transaction_id, 0) = coalesce(n.related_transaction_id, 0)
                offset 0
            ) own
        $sql$,
        tax.mapping('notices')
    );
    v_same_positions constant text := $sql$
        select stored.*
        from (
            select distinct v_h.pool_account[e.pool] as account_id, v_h.pool_instrument[e.pool] as instrument_id
            from (
                select unnest(v_h.event_pool) as pool
                union
                select unnest(v_pool)
            ) e
        ) n
        cross join lateral (
            select own.*
            from core.positions own
            where own.user_id = any (v_person)
            and own.instrument_id = n.instrument_id
            and own.account_id = n.account_id
            offset 0
        ) stored
    $sql$;
    v_change_template constant text := $template$
        create function tax.change_{name}(p_user_id uuid, p_ids bigint[], p_rows tax.{row_type}[])
        returns void
        language plpgsql
        volatile
        security invoker
        set search_path = pg_catalog, pg_temp
        set enable_nestloop = off
        set enable_mergejoin = off
        as $body$
        begin
            execute $sql$
                update {target} s
                set {assigned}
                from unnest($2, $3) n (changed_id)
                where s.user_id = $1
                and s.{id} = any ($2)
                and s.{id} = n.changed_id
            $sql$
            using p_user_id, p_ids, p_rows;
        end
        $body$
    $template$;
    v_merge_template constant text := $template$
        if {needed} then
            with difference as materialized (
                select s.{id} as stored_id, n.is_derived, {derived_columns}
                from (
                    select true as is_derived, derived.*
                    from ({derived}) derived
                ) n
                full join ({stored}) s on {same_key}
                where s.{id} is null
                or n.is_derived is null
                or ({stored_figures}) is distinct from ({derived_figures})
            ),
            added as (
                insert into {target} (user_id, {inserted_columns})
                select p_user_id, {inserted_values}
                from difference d
                where d.stored_id is null
            )
            select
                count(*),
                array_agg(d.stored_id order by d.stored_id) filter (where d.is_derived and d.stored_id is not null),
                array_agg(row({row_values})::tax.{row_type} order by d.stored_id) filter (where d.is_derived and d.stored_id is not null),
                array_agg(d.stored_id) filter (where d.is_derived is null)
            into v_rows, v_changed_ids, v_changed_{name}, v_gone_ids
            from difference d;
            v_changed := v_changed + v_rows;
            if v_changed_ids is not null then
                perform tax.change_{name}(p_user_id, v_changed_ids, v_changed_{name});
            end if;
            if v_gone_ids is not null then
                execute 'delete from {target} s where s.user_id = $1 and s.{id} = any ($2)' using p_user_id, v_gone_ids;
            end if;
        end if;
    $template$;
    v_table record;
    v_part record;
    v_change text;
    v_merge text;
    v_append text;
    v_merges text := '';
    v_appends text := '';
    v_last_append text;
    v_declarations text := '';
begin
    for v_table in
        select t.*, not 'instrument_id' = any (t.keys) as is_by_group
        from (
            values
                (
                    'positions', 'core.positions', 'derived_position', 'id', tax.mapping('positions'), 'true',
                    array['account_id', 'instrument_id'],
                    array[
                        'quantity', 'average_cost', 'cost_basis', 'realized_pnl', 'unmatched_quantity', 'open_lots', 'unknown_basis_quantity',
                        'wash_sale_adjustment', 'native_cost', 'currency', 'opened_at', 'last_transaction_at'
                    ],
                    ', updated_at = now()', v_same_positions, v_moved
                ),
                (
                    'lots', 'core.tax_lots', 'derived_lot', 'id', tax.mapping('lots'), 'true',
                    array['account_id', 'instrument_id', 'opening_transaction_id', 'piece', 'side'],
                    array[
                        'acquired_at', 'holding_start', 'quantity_opened', 'quantity_remaining', 'native_cost_remaining', 'cost_remaining',
                        'wash_sale_adjustment', 'closed_at', 'basis_status'
                    ],
                    ', rebuilt_at = now()', v_reached, tax.mapping('lots')
                ),
                (
                    'states', 'tax.lot_state', 'derived_state', 'lot_id', v_states,
                    'not v_h.is_plain or exists (select from tax.lot_state s where s.user_id = p_user_id)',
                    array['lot_id', 'instrument_id'],
                    array[
                        'arrived_on', 'is_purchase', 'is_used', 'gift_loss_basis', 'gift_loss_holding_start', 'is_inherited', 'is_covered'
                    ],
                    '', v_reached, v_appended_states
                ),
                (
                    'closings', 'tax.closings', 'derived_closing', 'id', tax.mapping('closings'), 'true',
                    array['closing_transaction_id', 'ordinal'],
                    array[
                        'account_id', 'instrument_id', 'side', 'kind', 'quantity', 'opening_transaction_id', 'piece', 'opened_on',
                        'holding_start', 'closed_on', 'proceeds', 'basis', 'native_proceeds', 'native_basis', 'disallowed',
                        'permanently_disallowed', 'term', 'taxable', 'tax_year', 'box'
                    ],
                    '', v_none,
                    'select * from (' || tax.mapping('closings') || ') c where c.closing_transaction_id = any (v_h.event_id[v_standing.first_event :])'
                ),
                (
                    'matches', 'tax.wash_matches', 'derived_match', 'id', tax.mapping('matches'), 'true',
                    array['loss_transaction_id', 'loss_ordinal', 'match_order'],
                    array[
                        'replacement_transaction_id', 'replacement_account_id', 'replacement_instrument_id', 'replacement_piece',
                        'is_permanent', 'quantity', 'amount'
                    ],
                    '', v_none, tax.mapping('matches')
                ),
                (
                    'notices', 'tax.notices', 'derived_notice', 'id', tax.mapping('notices'), 'true',
                    array['code', 'transaction_id', 'related_transaction_id'],
                    array['sentence'],
                    '', v_same_notices, tax.mapping('notices')
                )
        ) t (name, target, row_type, id, derived, needed, keys, figures, stamp, reached, appended)
    loop
        v_change := v_change_template;
        v_merge := v_merge_template;
        v_append := replace(
            replace(replace(v_merge_template, '{stored}', v_table.reached), '{derived}', v_table.appended), '{needed}', 'true'
        );
        for v_part in
            select p.*
            from (
                select
                    string_agg(format('n.%I', c.name), ', ' order by c.place) as derived_columns,
                    string_agg(format('%I', c.name), ', ' order by c.place) as inserted_columns,
                    string_agg(format('d.%I', c.name), ', ' order by c.place) as inserted_values,
                    string_agg(format('n.%I', c.name), ', ' order by c.place) filter (where c.is_figure) as derived_figures,
                    string_agg(format('s.%I', c.name), ', ' order by c.place) filter (where c.is_figure) as stored_figures,
                    string_agg(format('%1$I = n.%1$I', c.name), ', ' order by c.place) filter (where c.is_figure) as assigned,
                    string_agg(
                        format(case c.name when 'related_transaction_id' then 'coalesce(s.%1$I, 0) = coalesce(n.%1$I, 0)' else 's.%1$I = n.%1$I' end, c.name),
                        ' and ' order by c.place
                    ) filter (where not c.is_figure) as same_key
                from (
                    select k.name, k.place, false as is_figure
                    from unnest(v_table.keys) with ordinality k (name, place)
                    union all
                    select f.name, 100 + f.place, true
                    from unnest(v_table.figures) with ordinality f (name, place)
                ) c
            ) columns
            cross join (
                select
                    string_agg(
                        case when a.attname = any (v_table.keys || v_table.figures) then format('d.%I', a.attname) else 'null' end,
                        ', ' order by a.attnum
                    ) as row_values
                from pg_attribute a
                where a.attrelid = ('tax.' || v_table.row_type)::regclass
                and a.attnum > 0
            ) attributes
            cross join lateral (
                values
                    ('derived_columns', derived_columns),
                    ('inserted_columns', case when v_table.is_by_group then 'group_id, ' else '' end || inserted_columns),
                    ('inserted_values', case when v_table.is_by_group then 'p_group_id, ' else '' end || inserted_values),
                    ('derived_figures', derived_figures),
                    ('stored_figures', stored_figures),
                    ('assigned', assigned || v_table.stamp),
                    ('same_key', same_key),
                    ('row_values', row_values),
                    ('stored', case when v_table.is_by_group then v_by_group else v_by_instrument end),
                    ('derived', v_table.derived),
                    ('needed', v_table.needed),
                    ('name', v_table.name),
                    ('row_type', v_table.row_type),
                    ('id', v_table.id),
                    ('target', v_table.target)
            ) p (name, content)
        loop
            v_change := replace(v_change, '{' || v_part.name || '}', v_part.content);
            v_merge := replace(v_merge, '{' || v_part.name || '}', v_part.content);
            v_append := replace(v_append, '{' || v_part.name || '}', v_part.content);
        end loop;
        execute v_change;
        execute format(
            'comment on function tax.change_%s is %L',
            v_table.name || '(uuid, bigint[], tax.' || v_table.row_type || '[])',
            'Gives rows of ' || v_table.target || ' the figures that are derived now.'
        );
        v_merges := v_merges || v_merge;
        if v_table.name = 'positions' then
            -- The oldest open lot is looked up once the lots are written; an append finds its positions there.
            v_last_append := v_append;
        else
            v_appends := v_appends || v_append;
        end if;
        v_declarations := v_declarations || format('v_changed_%s tax.%s[]; ', v_table.name, v_table.row_type);
    end loop;

    execute format(
        $template$
        create function tax.store_group(p_user_id uuid, p_group_id bigint)
        returns bigint
        language plpgsql
        volatile
        security invoker
        set search_path = pg_catalog, pg_temp
        set plan_cache_mode = force_generic_plan
        set enable_nestloop = off
        set enable_seqscan = off
        set jit = off
        as $body$
        declare
            v_h tax.history := tax.read_history(p_user_id, p_group_id, '{}');
            v_d tax.derivation := tax.derive(p_user_id, v_h, '{}');
            v_is_resumed constant boolean := false;
            %1$s
            %2$s
            v_person uuid[] := array[p_user_id];
            v_changed_ids bigint[];
            v_gone_ids bigint[];
            v_rows bigint;
            v_changed bigint := 0;
        begin
            %3$s
            return v_changed;
        end
        $body$
        $template$,
        tax.mapping('variables'), v_declarations, v_merges
    );
    execute format(
        $template$
        create function tax.append_to_group(p_user_id uuid, p_group_id bigint, p_resumption tax.resumption)
        returns bigint
        language plpgsql
        volatile
        security invoker
        set search_path = pg_catalog, pg_temp
        set plan_cache_mode = force_generic_plan
        set enable_nestloop = off
        set enable_seqscan = off
        set jit = off
        as $body$
        declare
            v_h tax.history := p_resumption.history;
            v_standing tax.standing := p_resumption.standing;
            v_d tax.derivation := tax.derive(p_user_id, v_h, '{}', v_standing);
            v_is_resumed constant boolean := true;
            %1$s
            %2$s
            v_person uuid[] := array[p_user_id];
            v_changed_ids bigint[];
            v_gone_ids bigint[];
            v_rows bigint;
            v_changed bigint;
        begin
            if v_d is null or v_h.event_id is null then
                return 0;
            end if;
            -- Another trigger of the same statement (lots that it names for older rows) may have derived these rows already.
            if exists (
                select from unnest(v_h.event_id[v_standing.first_event :]) e (id)
                cross join lateral (
                    select c.id
                    from tax.closings c
                    where c.user_id = p_user_id
                    and c.group_id = p_group_id
                    and c.closing_transaction_id = e.id
                    limit 1
                ) derived
            ) or exists (
                select from unnest(v_h.event_id[v_standing.first_event :]) e (id)
                cross join lateral (
                    select l.id
                    from core.tax_lots l
                    where l.user_id = p_user_id
                    and l.opening_transaction_id = e.id
                    limit 1
                ) derived
            ) then
                return null;
            end if;
            -- A short that is opened may lie beside shares that were not looked at (section 0.5).
            if exists (select from unnest(v_pool) p (pool) where not v_pool_is_long[p.pool]) then
                return null;
            end if;
            v_changed := tax.disallow(
                p_user_id, v_standing.loss_id, v_d.closing_disallowed[1 : cardinality(v_standing.loss_id)],
                v_d.closing_permanent[1 : cardinality(v_standing.loss_id)]
            );
            %3$s
            return v_changed;
        end
        $body$
        $template$,
        tax.mapping('variables'), v_declarations, v_appends || v_last_append
    );
end
$generate$;

comment on function tax.store_group(uuid, bigint) is
    'Merges what is derived from one group into the tables and writes only rows that differ; returns how many it wrote.';
comment on function tax.append_to_group(uuid, bigint, tax.resumption) is
    'Goes on with appended transactions where the group stands, and writes what they change; returns how many rows, or null, with nothing written, if the group must be derived whole.';
