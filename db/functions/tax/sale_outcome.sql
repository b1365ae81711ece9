-- What the engine answers about a sale that did not happen.

create function tax.lots_beside_sale(p_user_id uuid, p_group_id bigint, p_sale jsonb)
returns table (held numeric, remaining jsonb)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select
        coalesce(sum((r.lot).quantity_remaining) filter (where not r.is_after), 0),
        jsonb_build_object(
            'quantity', trim_scale(coalesce(sum((r.lot).quantity_remaining) filter (where r.is_after), 0))::text,
            'lots', coalesce(
                jsonb_agg(
                    jsonb_build_object(
                        'opening_transaction_id', (r.lot).opening_transaction_id, 'piece', (r.lot).piece,
                        'acquired_on', ((r.lot).acquired_at at time zone 'America/New_York')::date, 'holding_start', (r.lot).holding_start,
                        'first_long_date', tax.first_long_date((r.lot).holding_start), 'quantity', trim_scale((r.lot).quantity_remaining)::text,
                        'basis', round((r.lot).cost_remaining, 2)::text, 'wash_sale_adjustment', round((r.lot).wash_sale_adjustment, 2)::text
                    )
                    order by (r.lot).acquired_at nulls first, (r.lot).opening_transaction_id, (r.lot).piece
                ) filter (where r.is_after),
                '[]'
            )
        )
    from (
        select d.lot, false as is_after
        from tax.run(p_user_id, p_group_id, jsonb_build_object('as_of', p_sale ->> 'date')) d
        where d.kind = 'lot'
        union all
        select d.lot, true
        from tax.run(p_user_id, p_group_id, jsonb_build_object('as_of', p_sale ->> 'date', 'sale', p_sale)) d
        where d.kind = 'lot'
    ) r
    where (r.lot).account_id = (p_sale ->> 'account_id')::bigint
    and (r.lot).instrument_id = (p_sale ->> 'instrument_id')::bigint
    and (r.lot).side = 'long'
    and (r.lot).quantity_remaining > 0
$$;

comment on function tax.lots_beside_sale(uuid, bigint, jsonb) is
    'Units that the account holds at the end of the day without the sale, and the lots that would be left with it.';

create function tax.sale_outcome(p_user_id uuid, p_group_id bigint, p_sale jsonb)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    with run as materialized (
        select d.kind, d.closing, d.match
        from tax.run(p_user_id, p_group_id, jsonb_build_object('sale', p_sale)) d
        where d.kind in ('closing', 'match')
    ),
    sold as (
        select c.*, c.proceeds - c.basis as gain, c.proceeds - c.basis + c.disallowed + c.permanently_disallowed as recognized
        from (
            select (r.closing).*
            from run r
            where r.kind = 'closing'
            and (r.closing).closing_transaction_id = 0
        ) c
    ),
    -- Matches that are not there today: of this sale, and of others that it would change.
    washed as (
        select m.*
        from (
            select (r.match).*
            from run r
            where r.kind = 'match'
        ) m
        where not exists (
            select from tax.wash_matches w
            where w.user_id = p_user_id
            and w.group_id = p_group_id
            and w.loss_transaction_id = m.loss_transaction_id
            and w.loss_ordinal = m.loss_ordinal
            and w.match_order = m.match_order
            and (w.replacement_transaction_id, w.replacement_account_id, w.replacement_instrument_id, w.is_permanent, w.quantity, w.amount)
                = (m.replacement_transaction_id, m.replacement_account_id, m.replacement_instrument_id, m.is_permanent, m.quantity, m.amount)
        )
    ),
    changed as (
        select
            coalesce(n.closing_transaction_id, c.closing_transaction_id) as transaction_id,
            sum(c.proceeds - c.basis + c.disallowed + c.permanently_disallowed) as recorded,
            sum(n.proceeds - n.basis + n.disallowed + n.permanently_disallowed) as then_recognized
        from (
            select (r.closing).*
            from run r
            where r.kind = 'closing'
            and (r.closing).closing_transaction_id <> 0
        ) n
        full join (
            select o.*
            from tax.closings o
            where o.user_id = p_user_id
            and o.group_id = p_group_id
        ) c on c.closing_transaction_id = n.closing_transaction_id and c.ordinal = n.ordinal
        group by coalesce(n.closing_transaction_id, c.closing_transaction_id)
        having sum(c.proceeds - c.basis + c.disallowed + c.permanently_disallowed)
            is distinct from sum(n.proceeds - n.basis + n.disallowed + n.permanently_disallowed)
    ),
    sums as (
        select
            sum(s.proceeds) as proceeds,
            case when bool_and(s.basis is not null) then sum(s.basis) end as basis,
            case when bool_and(s.gain is not null) then sum(s.gain) end as gain,
            sum(s.disallowed) as disallowed,
            sum(s.permanently_disallowed) as permanently_disallowed,
            case when bool_and(s.recognized is not null) then sum(s.recognized) end as recognized,
            coalesce(sum(-s.recognized) filter (where s.recognized < 0 and s.taxable and s.term <> '1256'), 0) as exposed
        from sold s
    )
    select jsonb_build_object(
        'proceeds', round(t.proceeds, 2)::text, 'basis', round(t.basis, 2)::text, 'gain', round(t.gain, 2)::text, 'disallowed', round(t.disallowed, 2)::text,
        'permanently_disallowed', round(t.permanently_disallowed, 2)::text, 'recognized', round(t.recognized, 2)::text,
        'by_term', (
            select coalesce(jsonb_object_agg(b.term, jsonb_build_object('gain', round(b.gain, 2)::text, 'recognized', round(b.recognized, 2)::text)), '{}')
            from (
                select s.term, sum(s.gain) as gain, sum(s.recognized) as recognized
                from sold s
                group by s.term
            ) b
        ),
        'closings', (
            select coalesce(
                jsonb_agg(
                    jsonb_build_object(
                        'opening_transaction_id', s.opening_transaction_id, 'piece', s.piece, 'quantity', trim_scale(s.quantity)::text,
                        'opened_on', s.opened_on, 'holding_start', s.holding_start, 'closed_on', s.closed_on, 'proceeds', round(s.proceeds, 2)::text,
                        'basis', round(s.basis, 2)::text, 'gain', round(s.gain, 2)::text, 'disallowed', round(s.disallowed, 2)::text,
                        'permanently_disallowed', round(s.permanently_disallowed, 2)::text, 'recognized', round(s.recognized, 2)::text, 'term', s.term,
                        'tax_year', s.tax_year, 'box', s.box
                    )
                    order by s.ordinal
                ),
                '[]'
            )
            from sold s
        ),
        'wash_sales', (
            select coalesce(
                jsonb_agg(
                    jsonb_build_object(
                        'loss_transaction_id', nullif(w.loss_transaction_id, 0), 'replacement_transaction_id', nullif(w.replacement_transaction_id, 0),
                        'replacement_account', ra.account_number, 'replacement_symbol', ri.symbol, 'replacement_date', rt.trade_date,
                        'quantity', trim_scale(w.quantity)::text, 'amount', round(w.amount, 2)::text, 'is_permanent', w.is_permanent
                    )
                    order by w.loss_transaction_id, w.loss_ordinal, w.match_order
                ),
                '[]'
            )
            from washed w
            left join core.accounts ra on ra.user_id = p_user_id and ra.id = w.replacement_account_id
            left join core.instruments ri on ri.id = w.replacement_instrument_id
            left join core.transactions rt on rt.user_id = p_user_id and rt.id = w.replacement_transaction_id
        ),
        'loss_still_exposed', round(t.exposed, 2)::text,
        'window_open_until', case when t.exposed > 0 and u.wash_scope <> 'none' then (p_sale ->> 'date')::date + 30 end,
        'other_closings_changed', (
            select coalesce(
                jsonb_agg(
                    jsonb_build_object(
                        'transaction_id', c.transaction_id, 'recorded', round(c.recorded, 2)::text, 'recognized', round(c.then_recognized, 2)::text
                    )
                    order by c.transaction_id
                ),
                '[]'
            )
            from changed c
        )
    )
    from sums t
    cross join core.users u
    where u.id = p_user_id
$$;

comment on function tax.sale_outcome(uuid, bigint, jsonb) is
    'What the sale would close and recognize, which wash sales it would make, and which closings of other transactions it would change; p_sale as for tax.with_sale.';

grant execute on function tax.lots_beside_sale(uuid, bigint, jsonb), tax.sale_outcome(uuid, bigint, jsonb) to quantmatrix_writer;
