-- Appended transactions, written: what the event loop derives from where the group stands, against what it could reach (resume.sql). All else that it
-- derives is new. The statements are those of store.sql, less the reading of what cannot have changed.

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
as $$
declare
    v_h tax.history := p_resumption.history;
    v_standing tax.standing := p_resumption.standing;
    v_d tax.derivation := tax.derive(p_user_id, v_h, '{}', v_standing);
    v_is_resumed constant boolean := true;

    -- Arrays that are addressed by place must be variables: only those are kept unpacked.
    v_pool_account integer[] := v_h.pool_account_place;
    v_pool_instrument integer[] := v_h.pool_instrument_place;
    v_pool_account_id bigint[] := v_h.pool_account;
    v_pool_instrument_id bigint[] := v_h.pool_instrument;
    v_account_taxable boolean[] := v_h.account_taxable;
    v_account_reports boolean[] := v_h.account_reports;
    v_instrument_1256 boolean[] := v_h.instrument_1256;
    v_instrument_type core.instrument_type[] := v_h.instrument_type;
    v_instrument_strike numeric[] := v_h.instrument_strike;
    v_pool_is_long boolean[] := v_h.pool_is_long;
    v_pool_long integer[] := v_h.pool_long;
    v_has_native boolean := v_h.has_native;
    v_is_rare boolean := v_is_resumed or not v_h.is_sorted;
    v_event_id bigint[] := v_d.event_id;
    v_event_date date[] := v_h.event_date;
    v_event_at timestamptz[] := v_h.event_at;
    v_event_unrated boolean[] := v_d.event_unrated;
    v_source integer[] := v_d.piece_source;
    v_pool integer[] := v_d.piece_pool;
    v_opened numeric[] := v_d.piece_opened;
    v_number integer[] := case
        when v_is_rare and not v_is_resumed and cardinality(v_d.piece_source) > cardinality(v_d.event_id)
            then tax.piece_numbers(v_d.piece_source, v_d.piece_pool, v_d.piece_number, v_d.piece_opened)
        else v_d.piece_number
    end;
    v_quantity numeric[] := v_d.piece_quantity;
    v_cost numeric[] := v_d.piece_cost;
    v_native numeric[] := case when v_h.has_native then v_d.piece_native else v_d.piece_cost end;
    v_acquired date[] := v_d.piece_acquired;
    v_acquired_at timestamptz[] := v_d.piece_acquired_at;
    v_held_from date[] := v_d.piece_held_from;
    v_closed_by integer[] := v_d.piece_closed_by;
    v_wash numeric[] := v_d.piece_wash;
    v_used boolean[] := v_d.piece_used;
    v_no_purchase boolean[] := v_d.piece_no_purchase;
    v_gift_basis numeric[] := v_d.piece_gift_basis;
    v_gift_on date[] := v_d.piece_gift_on;
    v_inherited boolean[] := v_d.piece_inherited;
    v_covered boolean[] := v_d.piece_covered;
    v_arrived date[] := v_d.piece_arrived;
    v_placed_by integer[] := v_d.piece_placed_by;
    v_unmatched numeric[] := v_d.pool_unmatched;
    v_is_reinvested boolean[] := v_h.event_reinvested;
    v_covered_from date[] := array(
        select tax.covered_from(i.instrument_type, false)
        from unnest(v_h.instrument_type) with ordinality i (instrument_type, place)
        order by i.place
    );
    v_reinvested_covered_from date[] := array(
        select tax.covered_from(i.instrument_type, true)
        from unnest(v_h.instrument_type) with ordinality i (instrument_type, place)
        order by i.place
    );

    v_changed_positions tax.derived_position[];
    v_changed_lots tax.derived_lot[];
    v_changed_states tax.derived_state[];
    v_changed_closings tax.derived_closing[];
    v_changed_matches tax.derived_match[];
    v_changed_notices tax.derived_notice[];
    v_person constant uuid[] := array[p_user_id];
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
    -- A short that is opened may lie beside shares that were not looked at (S.4).
    if exists (select from unnest(v_pool) p (pool) where not v_pool_is_long[p.pool]) then
        return null;
    end if;
    v_changed := tax.disallow(
        p_user_id, v_standing.loss_id, v_d.closing_disallowed[1 : cardinality(v_standing.loss_id)],
        v_d.closing_permanent[1 : cardinality(v_standing.loss_id)]
    );

    with
        -- Rows of core.tax_lots: the same text in run.sql, store.sql and append.sql.
        derived as (
            select
                v_pool_account_id[v_pool[p.place]] as account_id,
                v_pool_instrument_id[v_pool[p.place]] as instrument_id,
                v_event_id[v_source[p.place]] as opening_transaction_id,
                v_number[p.place] as piece,
                (case when v_pool_is_long[v_pool[p.place]] then 'long' else 'short' end)::core.lot_side as side,
                case when v_acquired[p.place] is not null then v_acquired_at[p.place] end as acquired_at,
                v_held_from[p.place] as holding_start,
                v_opened[p.place] as quantity_opened,
                v_quantity[p.place] as quantity_remaining,
                case when v_quantity[p.place] > 0 then v_native[p.place] when v_native[p.place] is not null then 0 end as native_cost_remaining,
                case when v_quantity[p.place] > 0 then v_cost[p.place] when v_cost[p.place] is not null then 0 end as cost_remaining,
                case when v_quantity[p.place] > 0 then coalesce(v_wash[p.place], 0) else 0 end as wash_sale_adjustment,
                case when v_quantity[p.place] = 0 then v_event_at[v_closed_by[p.place]] end as closed_at,
                (case
                    when v_cost[p.place] is not null then 'known'
                    when v_event_unrated[v_source[p.place]] then 'unknown_rate'
                    else 'unknown'
                end)::core.basis_status as basis_status
            from (
                select generate_series(1, cardinality(v_source)) as place
            ) p
            where v_opened[p.place] is not null
        ),
        stored as (
            select stored.*
            from core.tax_lots stored
            where stored.user_id = p_user_id
            and stored.id = any (v_standing.lot_id)
        ),
        difference as materialized (
            select
                s.id as stored_id, n.is_derived,
                n.account_id, n.instrument_id, n.opening_transaction_id, n.piece, n.side, n.acquired_at, n.holding_start, n.quantity_opened,
                n.quantity_remaining, n.native_cost_remaining, n.cost_remaining, n.wash_sale_adjustment, n.closed_at, n.basis_status
            from (
                select true as is_derived, derived.*
                from derived
            ) n
            full join stored s
                on s.account_id = n.account_id
                and s.instrument_id = n.instrument_id
                and s.opening_transaction_id = n.opening_transaction_id
                and s.piece = n.piece
                and s.side = n.side
            where s.id is null
            or n.is_derived is null
            or (
                s.acquired_at, s.holding_start, s.quantity_opened, s.quantity_remaining, s.native_cost_remaining, s.cost_remaining,
                s.wash_sale_adjustment, s.closed_at, s.basis_status
            ) is distinct from (
                n.acquired_at, n.holding_start, n.quantity_opened, n.quantity_remaining, n.native_cost_remaining, n.cost_remaining,
                n.wash_sale_adjustment, n.closed_at, n.basis_status
            )
        ),
        added as (
            insert into core.tax_lots (
                user_id, account_id, instrument_id, opening_transaction_id, piece, side, acquired_at, holding_start, quantity_opened,
                quantity_remaining, native_cost_remaining, cost_remaining, wash_sale_adjustment, closed_at, basis_status
            )
            select
                p_user_id, d.account_id, d.instrument_id, d.opening_transaction_id, d.piece, d.side, d.acquired_at, d.holding_start,
                d.quantity_opened, d.quantity_remaining, d.native_cost_remaining, d.cost_remaining, d.wash_sale_adjustment, d.closed_at,
                d.basis_status
            from difference d
            where d.stored_id is null
        )
    select
        (select count(*) from difference),
        array_agg(d.stored_id order by d.stored_id) filter (where d.is_derived),
        array_agg(
            row(
                d.account_id, d.instrument_id, d.opening_transaction_id, d.piece, d.side, d.acquired_at, d.holding_start, d.quantity_opened,
                d.quantity_remaining, d.native_cost_remaining, d.cost_remaining, d.wash_sale_adjustment, d.closed_at, d.basis_status, null,
                null, null, null, null, null, null
            )::tax.derived_lot
            order by d.stored_id
        ) filter (where d.is_derived),
        array_agg(d.stored_id) filter (where d.is_derived is null)
    into v_rows, v_changed_ids, v_changed_lots, v_gone_ids
    from difference d
    where d.stored_id is not null;
    v_changed := v_changed + v_rows;
    if v_changed_ids is not null then
        perform tax.change_lots(p_user_id, v_changed_ids, v_changed_lots);
    end if;
    if v_gone_ids is not null then
        perform tax.remove_lots(p_user_id, v_gone_ids);
    end if;

    with
        -- What open lots remember beyond their rows: the same text in run.sql, store.sql and append.sql.
        state as (
            select
                v_pool_account_id[v_pool[p.place]] as account_id,
                v_pool_instrument_id[v_pool[p.place]] as instrument_id,
                v_event_id[v_source[p.place]] as opening_transaction_id,
                v_number[p.place] as piece,
                (case when v_pool_is_long[v_pool[p.place]] then 'long' else 'short' end)::core.lot_side as side,
                v_arrived[p.place] as arrived_on,
                v_no_purchase[p.place] is null as is_purchase,
                coalesce(v_used[p.place], false) as is_used,
                v_gift_basis[p.place] as gift_loss_basis,
                case when v_gift_basis[p.place] is not null then v_gift_on[p.place] end as gift_loss_holding_start,
                coalesce(v_inherited[p.place], false) as is_inherited,
                v_covered[p.place] as is_covered
            from (
                select generate_series(1, greatest(
                    cardinality(v_arrived), cardinality(v_no_purchase), cardinality(v_used), cardinality(v_gift_basis), cardinality(v_inherited),
                    cardinality(v_covered)
                )) as place
            ) p
            where v_opened[p.place] is not null
            and v_quantity[p.place] > 0
            and coalesce(
                v_arrived[p.place]::text, v_no_purchase[p.place]::text, v_used[p.place]::text, v_gift_basis[p.place]::text,
                v_inherited[p.place]::text, v_covered[p.place]::text
            ) is not null
        ),
        derived as (
            select l.id as lot_id, n.*
            from state n
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
        ),
        stored as (
            select stored.*
            from tax.lot_state stored
            where stored.user_id = p_user_id
            and stored.lot_id = any (v_standing.lot_id)
        ),
        difference as materialized (
            select
                s.lot_id as stored_id, n.is_derived,
                n.lot_id, n.instrument_id, n.arrived_on, n.is_purchase, n.is_used, n.gift_loss_basis, n.gift_loss_holding_start, n.is_inherited,
                n.is_covered
            from (
                select true as is_derived, derived.*
                from derived
            ) n
            full join stored s on s.lot_id = n.lot_id and s.instrument_id = n.instrument_id
            where s.lot_id is null
            or n.is_derived is null
            or (
                s.arrived_on, s.is_purchase, s.is_used, s.gift_loss_basis, s.gift_loss_holding_start, s.is_inherited, s.is_covered
            ) is distinct from (
                n.arrived_on, n.is_purchase, n.is_used, n.gift_loss_basis, n.gift_loss_holding_start, n.is_inherited, n.is_covered
            )
        ),
        added as (
            insert into tax.lot_state (
                user_id, lot_id, instrument_id, arrived_on, is_purchase, is_used, gift_loss_basis, gift_loss_holding_start, is_inherited,
                is_covered
            )
            select
                p_user_id, d.lot_id, d.instrument_id, d.arrived_on, d.is_purchase, d.is_used, d.gift_loss_basis, d.gift_loss_holding_start,
                d.is_inherited, d.is_covered
            from difference d
            where d.stored_id is null
        )
    select
        (select count(*) from difference),
        array_agg(d.stored_id order by d.stored_id) filter (where d.is_derived),
        array_agg(
            row(
                d.lot_id, d.instrument_id, d.arrived_on, d.is_purchase, d.is_used, d.gift_loss_basis, d.gift_loss_holding_start, d.is_inherited,
                d.is_covered
            )::tax.derived_state
            order by d.stored_id
        ) filter (where d.is_derived),
        array_agg(d.stored_id) filter (where d.is_derived is null)
    into v_rows, v_changed_ids, v_changed_states, v_gone_ids
    from difference d
    where d.stored_id is not null;
    v_changed := v_changed + v_rows;
    if v_changed_ids is not null then
        perform tax.change_states(p_user_id, v_changed_ids, v_changed_states);
    end if;
    if v_gone_ids is not null then
        perform tax.remove_states(p_user_id, v_gone_ids);
    end if;

    with
        -- Rows of tax.closings: the same text in run.sql, store.sql and append.sql.
        closing as (
            select
                coalesce(c.closing_transaction, v_event_id[c.event]) as closing_transaction_id,
                c.ordinal,
                v_pool_account_id[c.pool] as account_id,
                v_pool_instrument_id[c.pool] as instrument_id,
                c.side,
                c.kind,
                c.quantity,
                v_event_id[v_source[c.piece]] as opening_transaction_id,
                v_number[c.piece] as piece,
                c.opened_on,
                c.held_from as holding_start,
                c.closed_on,
                c.proceeds,
                c.basis,
                case when v_has_native then case c.side when 'long' then c.native_other else c.native_lot end else c.proceeds end as native_proceeds,
                case when v_has_native then case c.side when 'long' then c.native_lot else c.native_other end else c.basis end as native_basis,
                coalesce(c.stated_disallowed, 0) as disallowed,
                coalesce(c.stated_permanent, 0) as permanently_disallowed,
                c.term,
                c.taxable,
                case
                    when c.kind = 'cover' and c.basis > c.proceeds and v_instrument_strike[c.instrument] is null
                        and v_instrument_type[c.instrument] <> 'future'
                        then date_part('year', tax.settlement_date(c.closed_on, v_h.event_settled[c.event]))::integer
                    else date_part('year', c.closed_on)::integer
                end as tax_year,
                case
                    when not c.taxable or c.term in ('1256', 'unknown') then null
                    when not v_account_reports[c.account]
                        then case
                            when v_instrument_type[c.instrument] = 'digital' then case c.term when 'long' then 'L' else 'I' end
                            else case c.term when 'long' then 'F' else 'C' end
                        end
                    when c.basis is not null
                        and coalesce(
                            v_covered[c.piece],
                            v_acquired[c.piece] >= case
                                when v_is_reinvested[v_source[c.piece]] then v_reinvested_covered_from[c.instrument]
                                else v_covered_from[c.instrument]
                            end
                        )
                        then case
                            when v_instrument_type[c.instrument] = 'digital' then case c.term when 'long' then 'J' else 'G' end
                            else case c.term when 'long' then 'D' else 'A' end
                        end
                    when v_instrument_type[c.instrument] = 'digital' then case c.term when 'long' then 'K' else 'H' end
                    else case c.term when 'long' then 'E' else 'B' end
                end as box
            from (
                select
                    d.*,
                    v_account_taxable[d.account] as taxable,
                    (case
                        when v_instrument_1256[d.instrument] then '1256'
                        when d.kind = 'unmatched' then 'unknown'
                        when d.side = 'short' then 'short'
                        when v_inherited[d.piece] then 'long'
                        when d.held_from is null then 'unknown'
                        when d.term_on - d.held_from < 366 then 'short'
                        when d.term_on - d.held_from > 367 or d.term_on >= tax.first_long_date(d.held_from) then 'long'
                        else 'short'
                    end)::tax.holding_term as term
                from (
                    select
                        b.*,
                        v_pool_account[b.pool] as account,
                        v_pool_instrument[b.pool] as instrument,
                        (case when b.is_long then 'long' else 'short' end)::core.lot_side as side,
                        coalesce(b.stated_kind, (case when b.is_long then 'sale' else 'cover' end)::tax.closing_kind) as kind,
                        coalesce(b.stated_opened, v_acquired[b.piece]) as opened_on,
                        coalesce(b.stated_held_from, v_held_from[b.piece]) as held_from,
                        coalesce(b.stated_term_on, v_event_date[b.event]) as term_on,
                        v_event_date[b.event] as closed_on,
                        case when b.is_long then b.other else b.lot end as proceeds,
                        case when b.is_long then b.lot else b.other end as basis
                    from (
                        select
                            u.*,
                            coalesce(u.stated_pool, v_pool[u.piece]) as pool,
                            v_pool_is_long[coalesce(u.stated_pool, v_pool[u.piece])] as is_long
                        from (
                            select
                                unnest(v_d.closing_event) as event,
                                unnest(v_d.closing_transaction) as closing_transaction,
                                unnest(v_d.closing_ordinal) as ordinal,
                                unnest(v_d.closing_piece) as piece,
                                unnest(v_d.closing_pool) as stated_pool,
                                unnest(v_d.closing_kind) as stated_kind,
                                unnest(v_d.closing_quantity) as quantity,
                                unnest(v_d.closing_lot) as lot,
                                unnest(v_d.closing_other) as other,
                                unnest(v_d.closing_native_lot) as native_lot,
                                unnest(v_d.closing_native_other) as native_other,
                                unnest(v_d.closing_opened) as stated_opened,
                                unnest(v_d.closing_held_from) as stated_held_from,
                                unnest(v_d.closing_term_on) as stated_term_on,
                                unnest(v_d.closing_disallowed) as stated_disallowed,
                                unnest(v_d.closing_permanent) as stated_permanent
                            offset 0
                        ) u
                        offset 0
                    ) b
                    offset 0
                ) d
                offset 0
            ) c
        ),
        derived as (
            select c.*
            from closing c
            where c.closing_transaction_id = any (v_h.event_id[v_standing.first_event :])
        ),
        stored as (
            select stored.*
            from tax.closings stored
            where false
        ),
        difference as materialized (
            select
                s.id as stored_id, n.is_derived,
                n.closing_transaction_id, n.ordinal, n.account_id, n.instrument_id, n.side, n.kind, n.quantity, n.opening_transaction_id,
                n.piece, n.opened_on, n.holding_start, n.closed_on, n.proceeds, n.basis, n.native_proceeds, n.native_basis, n.disallowed,
                n.permanently_disallowed, n.term, n.taxable, n.tax_year, n.box
            from (
                select true as is_derived, derived.*
                from derived
            ) n
            full join stored s on s.closing_transaction_id = n.closing_transaction_id and s.ordinal = n.ordinal
            where s.id is null
            or n.is_derived is null
            or (
                s.account_id, s.instrument_id, s.side, s.kind, s.quantity, s.opening_transaction_id, s.piece, s.opened_on, s.holding_start,
                s.closed_on, s.proceeds, s.basis, s.native_proceeds, s.native_basis, s.disallowed, s.permanently_disallowed, s.term, s.taxable,
                s.tax_year, s.box
            ) is distinct from (
                n.account_id, n.instrument_id, n.side, n.kind, n.quantity, n.opening_transaction_id, n.piece, n.opened_on, n.holding_start,
                n.closed_on, n.proceeds, n.basis, n.native_proceeds, n.native_basis, n.disallowed, n.permanently_disallowed, n.term, n.taxable,
                n.tax_year, n.box
            )
        ),
        added as (
            insert into tax.closings (
                user_id, group_id, closing_transaction_id, ordinal, account_id, instrument_id, side, kind, quantity, opening_transaction_id,
                piece, opened_on, holding_start, closed_on, proceeds, basis, native_proceeds, native_basis, disallowed, permanently_disallowed,
                term, taxable, tax_year, box
            )
            select
                p_user_id, p_group_id, d.closing_transaction_id, d.ordinal, d.account_id, d.instrument_id, d.side, d.kind, d.quantity,
                d.opening_transaction_id, d.piece, d.opened_on, d.holding_start, d.closed_on, d.proceeds, d.basis, d.native_proceeds,
                d.native_basis, d.disallowed, d.permanently_disallowed, d.term, d.taxable, d.tax_year, d.box
            from difference d
            where d.stored_id is null
        )
    select
        (select count(*) from difference),
        array_agg(d.stored_id order by d.stored_id) filter (where d.is_derived),
        array_agg(
            row(
                d.closing_transaction_id, d.ordinal, d.account_id, d.instrument_id, d.side, d.kind, d.quantity, d.opening_transaction_id,
                d.piece, d.opened_on, d.holding_start, d.closed_on, d.proceeds, d.basis, d.native_proceeds, d.native_basis, d.disallowed,
                d.permanently_disallowed, d.term, d.taxable, d.tax_year, d.box
            )::tax.derived_closing
            order by d.stored_id
        ) filter (where d.is_derived),
        array_agg(d.stored_id) filter (where d.is_derived is null)
    into v_rows, v_changed_ids, v_changed_closings, v_gone_ids
    from difference d
    where d.stored_id is not null;
    v_changed := v_changed + v_rows;
    if v_changed_ids is not null then
        perform tax.change_closings(p_user_id, v_changed_ids, v_changed_closings);
    end if;
    if v_gone_ids is not null then
        perform tax.remove_closings(p_user_id, v_gone_ids);
    end if;

    with
        -- Rows of tax.wash_matches: the same text in run.sql, store.sql and append.sql.
        derived as (
            select
                coalesce(v_d.closing_transaction[m.closing], v_event_id[v_d.closing_event[m.closing]]) as loss_transaction_id,
                v_d.closing_ordinal[m.closing] as loss_ordinal,
                m.match_order,
                v_event_id[v_source[m.piece]] as replacement_transaction_id,
                v_pool_account_id[m.pool] as replacement_account_id,
                v_pool_instrument_id[m.pool] as replacement_instrument_id,
                v_number[m.piece] as replacement_piece,
                m.is_permanent,
                m.quantity,
                m.amount
            from (
                select
                    unnest(v_d.match_closing) as closing,
                    unnest(v_d.match_order) as match_order,
                    unnest(v_d.match_piece) as piece,
                    unnest(v_d.match_pool) as pool,
                    unnest(v_d.match_permanent) as is_permanent,
                    unnest(v_d.match_quantity) as quantity,
                    unnest(v_d.match_amount) as amount
            ) m
        ),
        stored as (
            select stored.*
            from tax.wash_matches stored
            where false
        ),
        difference as materialized (
            select
                s.id as stored_id, n.is_derived,
                n.loss_transaction_id, n.loss_ordinal, n.match_order, n.replacement_transaction_id, n.replacement_account_id,
                n.replacement_instrument_id, n.replacement_piece, n.is_permanent, n.quantity, n.amount
            from (
                select true as is_derived, derived.*
                from derived
            ) n
            full join stored s on s.loss_transaction_id = n.loss_transaction_id and s.loss_ordinal = n.loss_ordinal and s.match_order = n.match_order
            where s.id is null
            or n.is_derived is null
            or (
                s.replacement_transaction_id, s.replacement_account_id, s.replacement_instrument_id, s.replacement_piece, s.is_permanent,
                s.quantity, s.amount
            ) is distinct from (
                n.replacement_transaction_id, n.replacement_account_id, n.replacement_instrument_id, n.replacement_piece, n.is_permanent,
                n.quantity, n.amount
            )
        ),
        added as (
            insert into tax.wash_matches (
                user_id, group_id, loss_transaction_id, loss_ordinal, match_order, replacement_transaction_id, replacement_account_id,
                replacement_instrument_id, replacement_piece, is_permanent, quantity, amount
            )
            select
                p_user_id, p_group_id, d.loss_transaction_id, d.loss_ordinal, d.match_order, d.replacement_transaction_id,
                d.replacement_account_id, d.replacement_instrument_id, d.replacement_piece, d.is_permanent, d.quantity, d.amount
            from difference d
            where d.stored_id is null
        )
    select
        (select count(*) from difference),
        array_agg(d.stored_id order by d.stored_id) filter (where d.is_derived),
        array_agg(
            row(
                d.loss_transaction_id, d.loss_ordinal, d.match_order, d.replacement_transaction_id, d.replacement_account_id,
                d.replacement_instrument_id, d.replacement_piece, d.is_permanent, d.quantity, d.amount
            )::tax.derived_match
            order by d.stored_id
        ) filter (where d.is_derived),
        array_agg(d.stored_id) filter (where d.is_derived is null)
    into v_rows, v_changed_ids, v_changed_matches, v_gone_ids
    from difference d
    where d.stored_id is not null;
    v_changed := v_changed + v_rows;
    if v_changed_ids is not null then
        perform tax.change_matches(p_user_id, v_changed_ids, v_changed_matches);
    end if;
    if v_gone_ids is not null then
        perform tax.remove_matches(p_user_id, v_gone_ids);
    end if;

    with
        -- Rows of tax.notices: the same text in run.sql, store.sql and append.sql.
        derived as (
            select distinct on (n.code, n.transaction_id, n.related_transaction_id) n.*
            from (
                select
                    unnest(v_d.notice_code) as code,
                    unnest(v_d.notice_transaction) as transaction_id,
                    unnest(v_d.notice_related) as related_transaction_id,
                    unnest(v_d.notice_sentence) as sentence
                union all
                select
                    'unknown_basis', coalesce(c.closing_transaction, v_event_id[c.event]), null,
                    case c.kind
                        when 'unmatched' then 'What was sold is not in the book: older statements are missing; or it was sold short or written, which `account_set` with allow_short says. Its gain is not counted.'
                        else 'What was sold has no known basis or date; its gain is not counted until they are supplied.'
                    end
                from (
                    select
                        unnest(v_d.closing_transaction) as closing_transaction,
                        unnest(v_d.closing_event) as event,
                        unnest(v_d.closing_piece) as piece,
                        unnest(v_d.closing_kind) as kind,
                        unnest(v_d.closing_pool) as pool,
                        unnest(v_d.closing_lot) as lot,
                        unnest(v_d.closing_other) as other
                ) c
                where c.piece is not null
                and (case when v_pool_is_long[coalesce(c.pool, v_pool[c.piece])] then c.lot else c.other end is null or v_acquired[c.piece] is null)
                union all
                select
                    'unknown_rate', v_event_id[e.place], null,
                    format(
                        'No rate of %s in %s is known for this row of %s; its amounts in %s are left open until it has one: `transaction_correct` with fx_rate among the terms.',
                        v_h.instrument_currency[v_pool_instrument[v_h.event_pool[e.place]]], v_h.tax_currency, v_event_date[e.place], v_h.tax_currency
                    )
                from (
                    select generate_series(1, cardinality(v_event_id)) as place
                ) e
                where v_event_unrated[e.place]
                union all
                select
                    'bond_premium', t.id, null,
                    'A bond bought away from par: amortisation of premium and market discount are not computed.'
                from core.transactions t
                join unnest(v_h.instrument_id, v_h.instrument_type, v_h.instrument_multiplier) i (id, instrument_type, multiplier)
                    on i.id = t.instrument_id and i.instrument_type = 'bond'
                where 'bond' = any (v_h.instrument_type)
                and t.user_id = p_user_id
                and t.id = any (v_event_id)
                and t.transaction_type = 'buy'
                and coalesce(t.price, abs(t.gross_amount / t.quantity) / i.multiplier) <> 100
            ) n
            where n.code is not null
            order by n.code, n.transaction_id, n.related_transaction_id, n.sentence
        ),
        stored as (
            select own.*
            from derived n
            cross join lateral (
                select stored.*
                from tax.notices stored
                where stored.user_id = p_user_id
                and stored.code = n.code
                and stored.transaction_id = n.transaction_id
                and coalesce(stored.related_transaction_id, 0) = coalesce(n.related_transaction_id, 0)
                offset 0
            ) own
        ),
        difference as materialized (
            select
                s.id as stored_id, n.is_derived,
                n.code, n.transaction_id, n.related_transaction_id, n.sentence
            from (
                select true as is_derived, derived.*
                from derived
            ) n
            full join stored s
                on s.code = n.code
                and s.transaction_id = n.transaction_id
                and coalesce(s.related_transaction_id, 0) = coalesce(n.related_transaction_id, 0)
            where s.id is null
            or n.is_derived is null
            or (
                s.sentence
            ) is distinct from (
                n.sentence
            )
        ),
        added as (
            insert into tax.notices (
                user_id, group_id, code, transaction_id, related_transaction_id, sentence
            )
            select
                p_user_id, p_group_id, d.code, d.transaction_id, d.related_transaction_id, d.sentence
            from difference d
            where d.stored_id is null
        )
    select
        (select count(*) from difference),
        array_agg(d.stored_id order by d.stored_id) filter (where d.is_derived),
        array_agg(
            row(
                d.code, d.transaction_id, d.related_transaction_id, d.sentence
            )::tax.derived_notice
            order by d.stored_id
        ) filter (where d.is_derived),
        array_agg(d.stored_id) filter (where d.is_derived is null)
    into v_rows, v_changed_ids, v_changed_notices, v_gone_ids
    from difference d
    where d.stored_id is not null;
    v_changed := v_changed + v_rows;
    if v_changed_ids is not null then
        perform tax.change_notices(p_user_id, v_changed_ids, v_changed_notices);
    end if;
    if v_gone_ids is not null then
        perform tax.remove_notices(p_user_id, v_gone_ids);
    end if;

    -- The oldest open lot is looked up, so positions come when the lots are written.
    with
        -- Rows of core.positions: the same text in run.sql, store.sql and append.sql.
        fresh as (
            select
                v_pool_account_id[p.long_pool] as account_id,
                v_pool_instrument_id[p.long_pool] as instrument_id,
                coalesce(l.quantity, 0) - coalesce(v_unmatched[p.long_pool], 0) as quantity,
                case when l.quantity <> 0 then
                    round(l.cost_basis / (l.quantity * v_h.instrument_multiplier[v_pool_instrument[p.long_pool]]), 6)
                end as average_cost,
                case when l.long_pool is null then 0 else l.cost_basis end as cost_basis,
                coalesce(c.realized_pnl, 0) as realized_pnl,
                coalesce(v_unmatched[p.long_pool], 0) as unmatched_quantity,
                coalesce(l.open_lots, 0) as open_lots,
                coalesce(l.unknown_basis_quantity, 0) as unknown_basis_quantity,
                coalesce(l.wash_sale_adjustment, 0) as wash_sale_adjustment,
                case when l.long_pool is null then 0 else l.native_cost end as native_cost,
                v_h.instrument_currency[v_pool_instrument[p.long_pool]] as currency,
                l.opened_at,
                p.last_transaction_at
            from (
                select m.long_pool, max(m.at) as last_transaction_at
                from (
                    select v_pool_long[unnest(v_h.event_pool)] as long_pool, unnest(v_event_at) as at
                    union all
                    select v_pool_long[u.pool], null
                    from unnest(v_unmatched) with ordinality u (quantity, pool)
                    where u.quantity <> 0
                    union all
                    select v_pool_long[v_pool[s.place]], v_event_at[coalesce(v_placed_by[s.place], v_source[s.place])]
                    from (
                        select generate_series(1, cardinality(v_source)) as place
                    ) s
                    where v_is_rare
                    and v_opened[s.place] is not null
                ) m
                group by m.long_pool
            ) p
            left join (
                select
                    o.long_pool,
                    sum(o.quantity * o.sign) as quantity,
                    case when count(o.cost) = count(*) then sum(o.cost * o.sign) end as cost_basis,
                    case when count(o.native) = count(*) then sum(o.native * o.sign) end as native_cost,
                    count(*)::integer as open_lots,
                    coalesce(sum(o.quantity) filter (where o.cost is null), 0) as unknown_basis_quantity,
                    coalesce(sum(o.wash), 0) as wash_sale_adjustment,
                    case when count(o.acquired) = count(*) then min(o.acquired_at) end as opened_at
                from (
                    select
                        v_pool_long[v_pool[s.place]] as long_pool, case when v_pool_is_long[v_pool[s.place]] then 1 else -1 end as sign,
                        v_quantity[s.place] as quantity, v_cost[s.place] as cost, v_native[s.place] as native, v_wash[s.place] as wash,
                        v_acquired[s.place] as acquired, v_acquired_at[s.place] as acquired_at
                    from (
                        select generate_series(1, cardinality(v_source)) as place
                    ) s
                    where v_quantity[s.place] > 0
                    and v_opened[s.place] is not null
                    offset 0
                ) o
                group by 1
            ) l on l.long_pool = p.long_pool
            left join (
                select
                    v_pool_long[coalesce(u.pool, v_pool[u.piece])] as long_pool,
                    sum(case when v_pool_is_long[coalesce(u.pool, v_pool[u.piece])] then u.other - u.lot else u.lot - u.other end) as realized_pnl
                from (
                    select
                        unnest(v_d.closing_pool) as pool, unnest(v_d.closing_piece) as piece,
                        unnest(v_d.closing_lot) as lot, unnest(v_d.closing_other) as other
                ) u
                group by 1
            ) c on c.long_pool = p.long_pool
        ),
        derived as (
            select
                p.account_id, p.instrument_id, p.quantity + n.quantity - b.quantity as quantity,
                case when u.units <> 0 then round(u.cost_basis / (u.units * u.multiplier), 6) end as average_cost,
                u.cost_basis, p.realized_pnl + n.realized_pnl - g.realized_pnl as realized_pnl,
                p.unmatched_quantity + n.unmatched_quantity as unmatched_quantity, p.open_lots + n.open_lots - b.open_lots as open_lots,
                n.unknown_basis_quantity, p.wash_sale_adjustment + n.wash_sale_adjustment - b.wash_sale_adjustment as wash_sale_adjustment,
                p.native_cost + n.native_cost - b.native_cost as native_cost, p.currency,
                tax.opened_at(p_user_id, p.account_id, p.instrument_id) as opened_at,
                greatest(p.last_transaction_at, n.last_transaction_at) as last_transaction_at
            from fresh n
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
                    coalesce(sum(h.native * s.sign), 0) as native_cost, coalesce(sum(h.wash), 0) as wash_sale_adjustment,
                    count(*)::integer as open_lots
                from (
                    select
                        unnest(v_standing.lot_pool) as pool, unnest(v_standing.lot_quantity) as quantity, unnest(v_standing.lot_cost) as cost,
                        unnest(v_standing.lot_native) as native, unnest(v_standing.lot_wash) as wash
                ) h
                cross join lateral (select case when v_pool_is_long[h.pool] then 1 else -1 end as sign) s
                where v_pool_account_id[h.pool] = n.account_id
                and v_pool_instrument_id[h.pool] = n.instrument_id
            ) b
            cross join lateral (
                select coalesce(sum(case when v_pool_is_long[l.pool] then l.other - l.lot else l.lot - l.other end), 0) as realized_pnl
                from unnest(v_standing.loss_pool, v_standing.loss_lot, v_standing.loss_other) l (pool, lot, other)
                where v_pool_account_id[l.pool] = n.account_id
                and v_pool_instrument_id[l.pool] = n.instrument_id
            ) g
            cross join lateral (
                select
                    p.quantity + p.unmatched_quantity + n.quantity + n.unmatched_quantity - b.quantity as units,
                    p.cost_basis + n.cost_basis - b.cost_basis as cost_basis,
                    v_h.instrument_multiplier[array_position(v_h.instrument_id, n.instrument_id)] as multiplier
            ) u
        ),
        stored as (
            select stored.*
            from (
                select distinct v_pool_account_id[e.pool] as account_id, v_pool_instrument_id[e.pool] as instrument_id
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
        ),
        difference as materialized (
            select
                s.id as stored_id, n.is_derived,
                n.account_id, n.instrument_id, n.quantity, n.average_cost, n.cost_basis, n.realized_pnl, n.unmatched_quantity, n.open_lots,
                n.unknown_basis_quantity, n.wash_sale_adjustment, n.native_cost, n.currency, n.opened_at, n.last_transaction_at
            from (
                select true as is_derived, derived.*
                from derived
            ) n
            full join stored s on s.account_id = n.account_id and s.instrument_id = n.instrument_id
            where s.id is null
            or n.is_derived is null
            or (
                s.quantity, s.average_cost, s.cost_basis, s.realized_pnl, s.unmatched_quantity, s.open_lots, s.unknown_basis_quantity,
                s.wash_sale_adjustment, s.native_cost, s.currency, s.opened_at, s.last_transaction_at
            ) is distinct from (
                n.quantity, n.average_cost, n.cost_basis, n.realized_pnl, n.unmatched_quantity, n.open_lots, n.unknown_basis_quantity,
                n.wash_sale_adjustment, n.native_cost, n.currency, n.opened_at, n.last_transaction_at
            )
        ),
        added as (
            insert into core.positions (
                user_id, account_id, instrument_id, quantity, average_cost, cost_basis, realized_pnl, unmatched_quantity, open_lots,
                unknown_basis_quantity, wash_sale_adjustment, native_cost, currency, opened_at, last_transaction_at
            )
            select
                p_user_id, d.account_id, d.instrument_id, d.quantity, d.average_cost, d.cost_basis, d.realized_pnl, d.unmatched_quantity,
                d.open_lots, d.unknown_basis_quantity, d.wash_sale_adjustment, d.native_cost, d.currency, d.opened_at, d.last_transaction_at
            from difference d
            where d.stored_id is null
        )
    select
        (select count(*) from difference),
        array_agg(d.stored_id order by d.stored_id) filter (where d.is_derived),
        array_agg(
            row(
                d.account_id, d.instrument_id, d.quantity, d.average_cost, d.cost_basis, d.realized_pnl, d.unmatched_quantity, d.open_lots,
                d.unknown_basis_quantity, d.wash_sale_adjustment, d.native_cost, d.currency, d.opened_at, d.last_transaction_at
            )::tax.derived_position
            order by d.stored_id
        ) filter (where d.is_derived),
        array_agg(d.stored_id) filter (where d.is_derived is null)
    into v_rows, v_changed_ids, v_changed_positions, v_gone_ids
    from difference d
    where d.stored_id is not null;
    v_changed := v_changed + v_rows;
    if v_changed_ids is not null then
        perform tax.change_positions(p_user_id, v_changed_ids, v_changed_positions);
    end if;
    if v_gone_ids is not null then
        perform tax.remove_positions(p_user_id, v_gone_ids);
    end if;
    return v_changed;
end
$$;

comment on function tax.append_to_group(uuid, bigint, tax.resumption) is
    'Goes on with appended transactions where the group stands, and writes what they change; returns how many rows, or null, with nothing written, if the group must be derived whole.';
