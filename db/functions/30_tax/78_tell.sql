-- A trace in words: what each event did to a piece, with the arithmetic that anybody can check. Formulas are shown only where they give the very figure.

create function tax.shown_units(p_units numeric)
returns text
language sql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(trim_scale(p_units)::text, 'unknown')
$$;

comment on function tax.shown_units(numeric) is 'A quantity, price or ratio as a person writes it.';

create function tax.shown_money(p_amount numeric)
returns text
language sql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(case when scale(trim_scale(p_amount)) < 2 then round(p_amount, 2) else trim_scale(p_amount) end::text, 'unknown')
$$;

comment on function tax.shown_money(numeric) is 'An amount with at least two decimals.';

create function tax.tell_share(p_total numeric, p_units numeric, p_of numeric, p_share numeric)
returns text
language sql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select case
        when p_total is null or p_share is null then 'unknown'
        when p_units = p_of and p_total = p_share then 'all of ' || tax.shown_money(p_total)
        when p_of <> 0 and round(p_total * p_units / p_of, 2) = p_share
            then format('round(%s × %s / %s, 2) = %s', tax.shown_money(p_total), tax.shown_units(p_units), tax.shown_units(p_of), tax.shown_money(p_share))
        else format('%s of %s', tax.shown_money(p_share), tax.shown_money(p_total))
    end
$$;

comment on function tax.tell_share(numeric, numeric, numeric, numeric) is 'N.4 in words: the share of some units in an amount.';

create function tax.tell_gross(p_detail tax.event_detail, p_multiplier numeric, p_is_trade boolean)
returns text
language sql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select case
        when (p_detail.native_gross is null or abs(p_detail.quantity) * p_detail.price * p_multiplier = p_detail.native_gross)
            and p_detail.quantity is not null and p_detail.price is not null
            and (p_is_trade or p_detail.native_amount = abs(p_detail.quantity) * p_detail.price * p_multiplier)
            then format(
                '%s × %s%s%s = %s', tax.shown_units(abs(p_detail.quantity)), tax.shown_units(p_detail.price),
                case when p_multiplier <> 1 then ' × ' || tax.shown_units(p_multiplier) else '' end,
                case when p_detail.rate <> 1 then ' × ' || tax.shown_units(p_detail.rate) else '' end,
                tax.shown_money(round(abs(p_detail.quantity) * p_detail.price * p_multiplier * p_detail.rate, 2))
            )
        when p_detail.rate = 1 then 'amount as stated ' || tax.shown_money(p_detail.amount)
        else format(
            'amount as stated %s × rate %s = %s', tax.shown_money(p_detail.native_amount), coalesce(tax.shown_units(p_detail.rate), 'unknown'),
            tax.shown_money(p_detail.amount)
        )
    end
$$;

comment on function tax.tell_gross(tax.event_detail, numeric, boolean) is 'N.3.1 in words: the gross amount of a transaction in the tax currency.';

-- Gross, fees and what remains of them: cost of a purchase, proceeds of a sale.
create function tax.tell_net(p_detail tax.event_detail, p_multiplier numeric, p_net numeric, p_is_sale boolean)
returns text[]
language sql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select array_remove(array[
        tax.tell_gross(p_detail, p_multiplier, true),
        case when p_detail.costs <> 0 then format(
            '%s %s fees %s = %s', tax.shown_money(case when p_is_sale then p_net + p_detail.costs else p_net - p_detail.costs end),
            case when p_is_sale then '−' else '+' end, tax.shown_money(p_detail.costs), tax.shown_money(p_net)
        ) end
    ], null)
$$;

comment on function tax.tell_net(tax.event_detail, numeric, numeric, boolean) is 'B.1 in words: a purchase with its fees, a sale without them.';

-- The piece that another one was cut from: at the event of its birth that one lost what this one got (units, or with a spin-off basis).
create function tax.traced_parent(p_states jsonb, p_piece integer)
returns integer
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    with state as (
        select s.*, lag(s.quantity) over w as quantity_before, lag(s.cost) over w as cost_before, row_number() over w as turn
        from jsonb_to_recordset(p_states) as s (event integer, piece integer, source integer, quantity numeric, cost numeric)
        window w as (partition by s.piece order by s.event)
    ),
    born as (
        select s.*
        from state s
        where s.piece = p_piece
        and s.turn = 1
    )
    select o.piece
    from born b
    join state o on o.event = b.event and o.source = b.source and o.piece <> b.piece and o.turn > 1
    where b.event <> b.source
    order by
        (o.quantity_before - o.quantity = b.quantity) desc,
        (o.quantity_before - o.quantity >= b.quantity) desc,
        (o.cost_before - o.cost = b.cost) desc nulls last,
        abs(o.piece - b.piece)
    limit 1
$$;

comment on function tax.traced_parent(jsonb, integer) is 'The piece that this one was cut from; null if a purchase made it.';

create function tax.tell_sentence(p_type core.transaction_type, p_is_birth boolean, p_is_cut boolean, p_side text)
returns text
language sql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select case
        when p_is_birth and p_side = 'short' then 'sold short'
        when p_is_birth then case p_type
            when 'buy' then 'bought'
            when 'reinvest' then 'reinvested'
            when 'transfer_in' then 'came in by transfer'
            when 'gift_in' then 'came as a gift'
            when 'inheritance' then 'inherited'
            when 'promotion' then 'given by the broker'
            when 'option_exercise' then 'bought by exercise of an option'
            when 'option_assignment' then 'bought by assignment of an option'
            when 'merger_mixed' then 'received in a taxable exchange, which is a purchase'
            else 'acquired (' || p_type || ')'
        end
        else case p_type
            when 'buy' then case when p_side = 'short' then 'covered' else 'bought, and so replaced shares sold at a loss' end
            when 'reinvest' then 'reinvested, and so replaced shares sold at a loss'
            when 'sell' then 'sold'
            when 'split' then 'split'
            when 'stock_dividend' then 'stock dividend'
            when 'spinoff' then case when p_is_cut then 'received in a spin-off' else 'spin-off' end
            when 'symbol_change' then 'renamed'
            when 'merger_stock' then 'merger for stock'
            when 'merger_cash' then 'merger for cash'
            when 'merger_mixed' then 'merger for stock and cash'
            when 'return_of_capital' then 'return of capital'
            when 'cash_in_lieu' then 'cash for a fraction'
            when 'transfer_out' then 'moved by transfer'
            when 'gift_out' then 'given away'
            when 'mark_to_market' then 'marked to market at the end of the year'
            when 'option_exercise' then 'exercise of an option'
            when 'option_assignment' then 'assignment of an option'
            when 'option_expiration' then 'expired'
            when 'delivery' then 'delivered against a short'
            else replace(p_type::text, '_', ' ')
        end
    end
$$;

comment on function tax.tell_sentence(core.transaction_type, boolean, boolean, text) is 'What an event is to a piece.';

-- What one event did to one piece. Before is null where the event made it; cut means that it came from another piece, whose state before is given.
create function tax.tell_change(
    p_user_id uuid, p_trace jsonb, p_before jsonb, p_after jsonb, p_is_cut boolean, p_tax_currency text
)
returns text[]
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_event constant integer := p_after ->> 'event';
    v_piece constant integer := p_after ->> 'piece';
    v_code constant integer := p_after ->> 'code';
    v_is_short constant boolean := p_after ->> 'side' = 'short';
    v_units numeric := p_before ->> 'quantity';
    v_cost numeric := p_before ->> 'cost';
    v_to_units constant numeric := p_after ->> 'quantity';
    v_to_cost constant numeric := p_after ->> 'cost';
    v_washed numeric;
    v_row record;
    v_total_units numeric;
    v_total numeric;
    v_base numeric;
    v_part numeric;
    v_x tax.event_detail;
    v_partner tax.event_partner;
    v_multiplier numeric;
    v_lines text[] := '{}';
begin
    v_x := tax.read_event(p_user_id, (p_after ->> 'transaction_id')::bigint, p_tax_currency);
    select i.multiplier
    into v_multiplier
    from core.instruments i
    where i.id = (p_after ->> 'instrument_id')::bigint;
    select coalesce(sum((m ->> 'amount')::numeric) filter (where not (m ->> 'is_permanent')::boolean), 0) * case when v_is_short then -1 else 1 end
    into v_washed
    from jsonb_array_elements(p_trace -> 'matches') m
    where (m ->> 'piece')::integer = v_piece
    and (
        (m ->> 'event')::integer = v_event
        or (m ->> 'event')::integer < v_event
        and not exists (
            -- Fills of one order are judged after its last one.
            select from jsonb_array_elements(p_trace -> 'states') s
            where (s ->> 'piece')::integer = v_piece
            and (s ->> 'event')::integer between (m ->> 'event')::integer and v_event - 1
            and (s ->> 'wash')::numeric <> 0
        )
    )
    and (p_after ->> 'wash')::numeric <> coalesce((p_before ->> 'wash')::numeric, 0);

    if p_before is null then
        -- The event made it, perhaps with others: what they cost together, then its share.
        select sum((s ->> 'quantity')::numeric), sum((s ->> 'cost')::numeric)
            - coalesce(
                (
                    select sum((m ->> 'amount')::numeric)
                    from jsonb_array_elements(p_trace -> 'matches') m
                    where (m ->> 'event')::integer = v_event
                    and not (m ->> 'is_permanent')::boolean
                    and exists (
                        select from jsonb_array_elements(p_trace -> 'states') o
                        where (o ->> 'event')::integer = v_event
                        and (o ->> 'source')::integer = v_event
                        and (o ->> 'piece') = (m ->> 'piece')
                    )
                ),
                0
            ) * case when v_is_short then -1 else 1 end
        into v_total_units, v_total
        from jsonb_array_elements(p_trace -> 'states') s
        where (s ->> 'event')::integer = v_event
        and (s ->> 'source')::integer = v_event;

        if v_code <= 5 then
            v_lines := v_lines || tax.tell_net(v_x, v_multiplier, (p_after ->> 'net')::numeric, v_code in (2, 3, 5));
            if v_total_units < (p_after ->> 'net_quantity')::numeric then
                v_lines := v_lines || format(
                    '%s of %s units closed what was open before, for %s; %s is left for the rest',
                    tax.shown_units((p_after ->> 'net_quantity')::numeric - v_total_units), tax.shown_units((p_after ->> 'net_quantity')::numeric),
                    tax.shown_money((p_after ->> 'net')::numeric - v_total), tax.shown_money(v_total)
                );
            elsif v_total is distinct from (p_after ->> 'net')::numeric then
                v_lines := v_lines || format('basis supplied later: %s', tax.shown_money(v_total));
            end if;
        elsif v_code in (31, 32) then
            for v_row in
                select m.quantity, m.amount, m.opening_transaction_id
                from jsonb_to_recordset(p_trace -> 'premiums') as m (event integer, quantity numeric, amount numeric, opening_transaction_id bigint)
                where m.event = v_event
            loop
                v_lines := v_lines || format(
                    '%s contracts of transaction %s carry %s', tax.shown_units(v_row.quantity), v_row.opening_transaction_id, tax.shown_money(v_row.amount)
                );
            end loop;
            select sum(m.amount)
            into v_part
            from jsonb_to_recordset(p_trace -> 'premiums') as m (event integer, amount numeric)
            where m.event = v_event;
            -- A bought call adds what it cost, a written put takes off what it brought.
            v_part := case when v_code = 32 then -1 else 1 end * coalesce(v_part, 0);
            v_lines := v_lines || format(
                'paid at the strike with fees %s %s option %s = %s', tax.shown_money(v_total - v_part), case when v_part < 0 then '−' else '+' end,
                tax.shown_money(abs(v_part)), tax.shown_money(v_total)
            );
        elsif v_code = 46 then
            v_lines := v_lines || case
                when v_total_units = v_to_units then format(
                    '%s × value %s = %s', tax.shown_units(v_to_units), tax.shown_units(v_x.value_per_new_share), tax.shown_money(v_to_cost - v_washed)
                )
                else format(
                    '%s units at a value of %s each, rounded lot by lot: %s', tax.shown_units(v_total_units), tax.shown_units(v_x.value_per_new_share),
                    tax.shown_money(v_total)
                )
            end;
        else
            v_partner := tax.read_partner(p_user_id, (p_after ->> 'transaction_id')::bigint, p_tax_currency);
            v_lines := v_lines || case
                when v_total is null then 'no basis is known; quantmatrix basis set supplies it'
                when v_partner.later_basis is not null then format('basis supplied later: %s', tax.shown_money(v_total))
                when v_code = 23 then format(
                    'the donor''s basis %s%s', tax.shown_money(v_total),
                    case when p_after ->> 'gift_basis' is not null
                        then format('; for a loss the value at the gift, %s', tax.shown_money((p_after ->> 'gift_basis')::numeric))
                        else ''
                    end
                )
                when v_code = 25 then format('value at death %s', tax.shown_money(v_total))
                else format('basis as delivered %s', tax.shown_money(v_total))
            end;
            if p_after ->> 'acquired' is distinct from p_after ->> 'date' then
                v_lines := v_lines || format('acquired %s', coalesce(p_after ->> 'acquired', 'on an unknown day'));
            end if;
        end if;
        if v_total_units <> v_to_units then
            v_lines := v_lines || format(
                'this piece, %s of %s units: %s', tax.shown_units(v_to_units), tax.shown_units(v_total_units),
                tax.tell_share(v_total, v_to_units, v_total_units, v_to_cost - v_washed)
            );
        end if;
        v_cost := v_to_cost - v_washed;

    elsif p_is_cut then
        if v_code = 42 then
            v_lines := v_lines || format(
                '%s units for %s of the parent%s', tax.shown_units(v_to_units), tax.shown_units(v_units),
                case when v_x.ratio_numerator is not null
                    then format(' (%s for %s)', tax.shown_units(v_x.ratio_numerator), tax.shown_units(v_x.ratio_denominator))
                    else ''
                end
            );
            v_lines := v_lines || case
                when v_x.basis_fraction is null then 'the share of the basis is not stated, so the basis is unknown'
                else format(
                    'round(%s × %s, 2) = %s of the parent''s basis', tax.shown_money(v_cost), tax.shown_units(v_x.basis_fraction), tax.shown_money(v_to_cost)
                )
            end;
        else
            v_lines := v_lines || format(
                '%s of %s units: %s', tax.shown_units(v_to_units), tax.shown_units(v_units),
                tax.tell_share(v_cost, v_to_units, v_units, v_to_cost - v_washed)
            );
        end if;
        v_cost := v_to_cost - v_washed;

    else
        -- What the event took away: closings, or units that went elsewhere.
        select coalesce(sum(c.quantity), 0), coalesce(sum(c.lot) filter (where c.quantity > 0), 0)
        into v_total_units, v_total
        from jsonb_to_recordset(p_trace -> 'closings') as c (event integer, piece integer, quantity numeric, lot numeric)
        where c.event = v_event
        and c.piece = v_piece;

        if v_code between 40 and 46 and v_code <> 42 and v_to_units + v_total_units <> v_units then
            v_lines := v_lines || case
                when v_x.ratio_numerator is not null and v_code <> 41
                    then format(
                        '%s × %s / %s = %s units', tax.shown_units(v_units), tax.shown_units(v_x.ratio_numerator), tax.shown_units(v_x.ratio_denominator),
                        tax.shown_units(v_to_units + v_total_units)
                    )
                else format('%s units became %s', tax.shown_units(v_units), tax.shown_units(v_to_units + v_total_units))
            end;
            v_units := v_to_units + v_total_units;
        end if;

        if v_code = 34 then
            v_lines := v_lines || format('its value %s is the new basis', tax.shown_money(v_to_cost));
            v_cost := v_to_cost;
        elsif v_code = 47 and v_cost is not null then
            v_lines := v_lines || format(
                'capital returned: %s%s', tax.shown_money(v_cost - v_to_cost),
                case when v_x.amount_per_share is not null
                    then format(' (%s × %s)', tax.shown_units(v_units), tax.shown_units(v_x.amount_per_share))
                    else ' (its share of the amount, by units)'
                end
            );
            v_lines := v_lines || format('%s − %s = %s', tax.shown_money(v_cost), tax.shown_money(v_cost - v_to_cost), tax.shown_money(v_to_cost));
            v_cost := v_to_cost;
        elsif v_code = 42 and v_x.basis_fraction is not null and v_cost is not null then
            v_lines := v_lines || format(
                '%s of the basis went to what was spun off: %s − %s = %s', tax.shown_units(v_x.basis_fraction), tax.shown_money(v_cost),
                tax.shown_money(v_cost - v_to_cost), tax.shown_money(v_to_cost)
            );
            v_cost := v_to_cost;
        elsif v_code = 46 and v_cost is distinct from v_to_cost + v_total then
            select c.other, c.other - c.lot
            into v_part, v_base
            from jsonb_to_recordset(p_trace -> 'closings') as c (event integer, piece integer, quantity numeric, lot numeric, other numeric)
            where c.event = v_event
            and c.piece = v_piece
            and c.quantity = 0;
            v_lines := v_lines || format(
                '%s − cash %s + recognised %s = %s', tax.shown_money(v_cost), tax.shown_money(coalesce(v_part, v_cost - v_to_cost - v_total)),
                tax.shown_money(coalesce(v_base, 0)), tax.shown_money(v_to_cost + v_total)
            );
            v_cost := v_to_cost + v_total;
        end if;

        if v_code <> 34 and v_total_units > 0 then
            if v_cost <> v_to_cost - v_washed + v_total then
                v_lines := v_lines || format(
                    'as average over all lots of known basis: %s becomes %s', tax.shown_money(v_cost), tax.shown_money(v_to_cost - v_washed + v_total)
                );
                v_cost := v_to_cost - v_washed + v_total;
            end if;
            for v_row in
                select c.quantity, c.lot
                from jsonb_to_recordset(p_trace -> 'closings') as c (event integer, ordinal integer, piece integer, quantity numeric, lot numeric)
                where c.event = v_event
                and c.piece = v_piece
                and c.quantity > 0
                order by c.ordinal
            loop
                v_lines := v_lines || format(
                    '%s of %s units go, with %s', tax.shown_units(v_row.quantity), tax.shown_units(v_units),
                    tax.tell_share(v_cost, v_row.quantity, v_units, v_row.lot)
                );
                v_units := v_units - v_row.quantity;
                v_cost := v_cost - v_row.lot;
            end loop;
        elsif v_code <> 34 and v_to_units < v_units then
            v_lines := v_lines || case
                when v_to_units = 0 then format('all %s units go, with the basis %s', tax.shown_units(v_units), tax.shown_money(v_cost))
                else format(
                    '%s of %s units stay in this piece: %s', tax.shown_units(v_to_units), tax.shown_units(v_units),
                    tax.tell_share(v_cost, v_to_units, v_units, v_to_cost - v_washed)
                )
            end;
            v_cost := v_to_cost - v_washed;
        end if;
    end if;

    if p_before ->> 'account_id' <> p_after ->> 'account_id' then
        v_lines := v_lines || format(
            'from account %s to %s; dates and basis go along',
            (select a.account_number from core.accounts a where a.user_id = p_user_id and a.id = (p_before ->> 'account_id')::bigint),
            (select a.account_number from core.accounts a where a.user_id = p_user_id and a.id = (p_after ->> 'account_id')::bigint)
        );
    end if;
    if v_code <> 42 and p_before ->> 'instrument_id' <> p_after ->> 'instrument_id' then
        v_lines := v_lines || format(
            '%s became %s; dates go along',
            (select i.symbol from core.instruments i where i.id = (p_before ->> 'instrument_id')::bigint),
            (select i.symbol from core.instruments i where i.id = (p_after ->> 'instrument_id')::bigint)
        );
    end if;

    if v_washed <> 0 then
        for v_row in
            select m.amount, m.quantity, m.loss_transaction_id
            from jsonb_to_recordset(p_trace -> 'matches') as m (piece integer, amount numeric, quantity numeric, loss_transaction_id bigint, is_permanent boolean)
            where m.piece = v_piece
            and not m.is_permanent
        loop
            v_lines := v_lines || format(
                'wash sale: %s of the loss of transaction %s is deferred into these units: %s %s %s = %s', tax.shown_money(v_row.amount),
                v_row.loss_transaction_id, tax.shown_money(v_cost), case when v_is_short then '−' else '+' end, tax.shown_money(v_row.amount),
                tax.shown_money(v_cost + case when v_is_short then - v_row.amount else v_row.amount end)
            );
            v_cost := v_cost + case when v_is_short then - v_row.amount else v_row.amount end;
        end loop;
    end if;
    if p_after ->> 'held_from' <> coalesce(p_before ->> 'held_from', p_after ->> 'acquired') then
        v_lines := v_lines || format(
            'holding counts from %s, %s days earlier: the days of the shares sold are added', p_after ->> 'held_from',
            coalesce(p_before ->> 'held_from', p_after ->> 'acquired')::date - (p_after ->> 'held_from')::date
        );
    end if;
    for v_row in
        select m.quantity, m.amount
        from jsonb_to_recordset(p_trace -> 'premiums') as m (event integer, piece integer, quantity numeric, amount numeric)
        where m.event = v_event
        and m.piece = v_piece
    loop
        v_lines := v_lines || format('%s contracts go into the shares with %s', tax.shown_units(v_row.quantity), tax.shown_money(v_row.amount));
    end loop;
    return v_lines;
end
$$;

comment on function tax.tell_change(uuid, jsonb, jsonb, jsonb, boolean, text) is
    'The arithmetic of one event on one piece, line by line, from its state before and after.';

-- The lines of files that attest a transaction or a row that is one event with it; none where a person typed it.
create function tax.tell_sources(p_user_id uuid, p_transaction_id bigint)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    with event_row as (
        select p_transaction_id as id
        union
        select k.from_id
        from tax.transaction_links k
        where k.user_id = p_user_id
        and k.to_id = p_transaction_id
        union
        select k.to_id
        from tax.transaction_links k
        where k.user_id = p_user_id
        and k.from_id = p_transaction_id
    )
    select coalesce(
        jsonb_agg(
            jsonb_build_object(
                'transaction_id', l.transaction_id, 'import', l.sync_id, 'file', f.name, 'line', l.line_number,
                'raw', coalesce(
                    nullif(l.raw, ''),
                    (
                        select o.raw
                        from ingest.lines o
                        where o.user_id = l.user_id
                        and o.sync_id = l.sync_id
                        and o.line_number = l.line_number
                        and o.raw <> ''
                        order by o.part
                        limit 1
                    )
                )
            )
            order by l.transaction_id <> p_transaction_id, l.transaction_id, l.sync_id, l.line_number, l.part
        ),
        '[]'
    )
    from event_row e
    join ingest.lines l on l.user_id = p_user_id and l.transaction_id = e.id
    join core.sync_history h on h.user_id = l.user_id and h.id = l.sync_id and h.status = 'finished'
    join ingest.files f on f.user_id = l.user_id and f.sync_id = l.sync_id
$$;

comment on function tax.tell_sources(uuid, bigint) is 'File, line and raw text of each live line that attests a transaction, or a row linked with it.';

create function tax.tell_steps(p_user_id uuid, p_trace jsonb, p_piece integer, p_until integer, p_tax_currency text)
returns jsonb
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_parent integer := tax.traced_parent(p_trace -> 'states', p_piece);
    v_steps jsonb := '[]';
    v_before jsonb;
    v_state jsonb;
    v_is_cut boolean := false;
    v_row record;
begin
    if v_parent is not null then
        v_steps := tax.tell_steps(
            p_user_id, p_trace, v_parent,
            (
                select min((s ->> 'event')::integer) - 1
                from jsonb_array_elements(p_trace -> 'states') s
                where (s ->> 'piece')::integer = p_piece
            ),
            p_tax_currency
        );
        select s
        into v_before
        from jsonb_array_elements(p_trace -> 'states') s
        where (s ->> 'piece')::integer = v_parent
        and (s ->> 'event')::integer < (
            select min((b ->> 'event')::integer)
            from jsonb_array_elements(p_trace -> 'states') b
            where (b ->> 'piece')::integer = p_piece
        )
        order by (s ->> 'event')::integer desc
        limit 1;
        v_is_cut := true;
    end if;
    for v_state in
        select s
        from jsonb_array_elements(p_trace -> 'states') s
        where (s ->> 'piece')::integer = p_piece
        and (s ->> 'event')::integer <= p_until
        order by (s ->> 'event')::integer
    loop
        -- The shares of an exercise may be a row of their own, which then stands for the event.
        select
            case (v_state ->> 'code')::integer
                when 31 then 'option_exercise'
                when 32 then 'option_assignment'
                else t.transaction_type
            end::core.transaction_type as type,
            i.symbol, a.account_number as account
        into v_row
        from core.transactions t
        left join core.instruments i on i.id = (v_state ->> 'instrument_id')::bigint
        left join core.accounts a on a.user_id = p_user_id and a.id = (v_state ->> 'account_id')::bigint
        where t.user_id = p_user_id
        and t.id = (v_state ->> 'transaction_id')::bigint;
        v_steps := v_steps || jsonb_build_object(
            'transaction_id', (v_state ->> 'transaction_id')::bigint,
            'date', v_state ->> 'date',
            'account', v_row.account,
            'symbol', v_row.symbol,
            'what', v_row.symbol || ': ' || tax.tell_sentence(v_row.type, v_before is null, v_is_cut, v_state ->> 'side'),
            'arithmetic', to_jsonb(tax.tell_change(p_user_id, p_trace, v_before, v_state, v_is_cut, p_tax_currency)),
            'after', jsonb_build_object(
                'quantity', trim_scale((v_state ->> 'quantity')::numeric)::text, 'basis', round((v_state ->> 'cost')::numeric, 2)::text,
                'wash_sale_adjustment', round((v_state ->> 'wash')::numeric, 2)::text, 'holding_start', v_state ->> 'held_from'
            ),
            'sources', tax.tell_sources(p_user_id, (v_state ->> 'transaction_id')::bigint)
        );
        v_before := v_state;
        v_is_cut := false;
    end loop;
    return v_steps;
end
$$;

comment on function tax.tell_steps(uuid, jsonb, integer, integer, text) is
    'How a piece came to be, up to an event: one step for each event that changed it, from the purchase on, through the pieces it was cut from.';

grant execute on function
    tax.tell_sources(uuid, bigint), tax.tell_steps(uuid, jsonb, integer, integer, text), tax.tell_change(uuid, jsonb, jsonb, jsonb, boolean, text),
    tax.traced_parent(jsonb, integer), tax.tell_sentence(core.transaction_type, boolean, boolean, text), tax.shown_units(numeric),
    tax.shown_money(numeric), tax.tell_share(numeric, numeric, numeric, numeric), tax.tell_gross(tax.event_detail, numeric, boolean),
    tax.tell_net(tax.event_detail, numeric, numeric, boolean), tax.read_event(uuid, bigint, text), tax.read_partner(uuid, bigint, text),
    tax.supplied_basis(uuid, bigint[])
    to quantmatrix_writer;
