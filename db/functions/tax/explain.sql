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

create function tax.explain_share(p_total numeric, p_units numeric, p_of numeric, p_share numeric)
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

comment on function tax.explain_share(numeric, numeric, numeric, numeric) is 'N.4 in words: the share of some units in an amount.';

create function tax.explain_gross(p_detail tax.event_detail, p_multiplier numeric, p_is_trade boolean)
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

comment on function tax.explain_gross(tax.event_detail, numeric, boolean) is 'N.3.1 in words: the gross amount of a transaction in the tax currency.';

-- Gross, fees and what remains of them: cost of a purchase, proceeds of a sale.
create function tax.explain_net(p_detail tax.event_detail, p_multiplier numeric, p_net numeric, p_is_sale boolean)
returns text[]
language sql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select array_remove(array[
        tax.explain_gross(p_detail, p_multiplier, true),
        case when p_detail.costs <> 0 then format(
            '%s %s fees %s = %s', tax.shown_money(case when p_is_sale then p_net + p_detail.costs else p_net - p_detail.costs end),
            case when p_is_sale then '−' else '+' end, tax.shown_money(p_detail.costs), tax.shown_money(p_net)
        ) end
    ], null)
$$;

comment on function tax.explain_net(tax.event_detail, numeric, numeric, boolean) is 'B.1 in words: a purchase with its fees, a sale without them.';

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

create function tax.event_sentence(p_type core.transaction_type, p_is_birth boolean, p_is_cut boolean, p_side text)
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
            when 'other' then 'settled in cash'
            when 'option_exercise' then 'exercise of an option'
            when 'option_assignment' then 'assignment of an option'
            when 'option_expiration' then 'expired'
            when 'delivery' then 'delivered against a short'
            else replace(p_type::text, '_', ' ')
        end
    end
$$;

comment on function tax.event_sentence(core.transaction_type, boolean, boolean, text) is 'What an event is to a piece.';

grant execute on function
    tax.traced_parent(jsonb, integer), tax.event_sentence(core.transaction_type, boolean, boolean, text), tax.shown_units(numeric),
    tax.shown_money(numeric), tax.explain_share(numeric, numeric, numeric, numeric), tax.explain_gross(tax.event_detail, numeric, boolean),
    tax.explain_net(tax.event_detail, numeric, numeric, boolean)
    to quantmatrix_writer;
