-- The engine's reading half: one group derived, returned as rows, nothing written. Plans are generic: a plan made for the values at hand packs
-- the arrays into constants, and each look into one then walks it from its start.

create function tax.run(p_user_id uuid, p_group_id bigint, p_options jsonb default '{}')
returns setof tax.derived_row
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_nestloop = on
set enable_mergejoin = on
set jit = off
as $$
declare
    v_h tax.history := tax.read_history(p_user_id, p_group_id, p_options);
    v_d tax.derivation := tax.derive(p_user_id, v_h, p_options);
    v_is_resumed constant boolean := false;

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
begin
    if v_d is null then
        return;
    end if;
    return query
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
        )
    select
        'lot',
        row(
            l.*, s.arrived_on, coalesce(s.is_purchase, true), coalesce(s.is_used, false), s.gift_loss_basis, s.gift_loss_holding_start,
            coalesce(s.is_inherited, false), s.is_covered
        )::tax.derived_lot,
        null::tax.derived_position,
        null::tax.derived_closing,
        null::tax.derived_match,
        null::tax.derived_notice,
        null::tax.derived_flow
    from derived l
    left join state s using (account_id, instrument_id, opening_transaction_id, piece, side);

    return query
    with
        -- Rows of core.positions: the same text in run.sql, store.sql and append.sql.
        derived as (
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
        )
    select
        'position',
        null::tax.derived_lot,
        row(d.*)::tax.derived_position,
        null::tax.derived_closing,
        null::tax.derived_match,
        null::tax.derived_notice,
        null::tax.derived_flow
    from derived d;

    return query
    with
        -- Rows of tax.closings: the same text in run.sql, store.sql and append.sql.
        derived as (
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
        )
    select
        'closing',
        null::tax.derived_lot,
        null::tax.derived_position,
        row(d.*)::tax.derived_closing,
        null::tax.derived_match,
        null::tax.derived_notice,
        null::tax.derived_flow
    from derived d;

    return query
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
        )
    select
        'match',
        null::tax.derived_lot,
        null::tax.derived_position,
        null::tax.derived_closing,
        row(d.*)::tax.derived_match,
        null::tax.derived_notice,
        null::tax.derived_flow
    from derived d;

    return query
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
        )
    select
        'notice',
        null::tax.derived_lot,
        null::tax.derived_position,
        null::tax.derived_closing,
        null::tax.derived_match,
        row(d.*)::tax.derived_notice,
        null::tax.derived_flow
    from derived d;

    return query
    select
        'flow',
        null::tax.derived_lot,
        null::tax.derived_position,
        null::tax.derived_closing,
        null::tax.derived_match,
        null::tax.derived_notice,
        row(f.account_id, f.amount)::tax.derived_flow
    from unnest(v_h.account_id, v_d.account_flow) f (account_id, amount)
    where f.amount <> 0;
end
$$;

comment on function tax.run(uuid, bigint, jsonb) is
    'Derives one group of instruments of a person and writes nothing. Options: method (instead of every chosen one), wash_scope, as_of (later events are ignored). Verification, comparison, what-if and reconciliation at a date all use it.';
grant execute on function tax.run(uuid, bigint, jsonb) to quantmatrix_writer;
alter function tax.run(uuid, bigint, jsonb) owner to quantmatrix_engine;
