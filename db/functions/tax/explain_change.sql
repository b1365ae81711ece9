-- What an event did to the units and the cost of a piece: it made the piece, cut it from another one, or changed it.

-- What wash sales added with this event to the cost of a piece; short pieces sell dearer, so there it is negative.
create function tax.deferred_into(p_trace jsonb, p_before jsonb, p_after jsonb)
returns numeric
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(sum((m ->> 'amount')::numeric) filter (where not (m ->> 'is_permanent')::boolean), 0) * case when p_after ->> 'side' = 'short' then -1 else 1 end
    from jsonb_array_elements(p_trace -> 'matches') m
    where (m ->> 'piece')::integer = (p_after ->> 'piece')::integer
    and (
        (m ->> 'event')::integer = (p_after ->> 'event')::integer
        or (m ->> 'event')::integer < (p_after ->> 'event')::integer
        and not exists (
            -- Fills of one order are judged after its last one.
            select from jsonb_array_elements(p_trace -> 'states') s
            where (s ->> 'piece')::integer = (p_after ->> 'piece')::integer
            and (s ->> 'event')::integer between (m ->> 'event')::integer and (p_after ->> 'event')::integer - 1
            and (s ->> 'wash')::numeric <> 0
        )
    )
    and (p_after ->> 'wash')::numeric <> coalesce((p_before ->> 'wash')::numeric, 0)
$$;

comment on function tax.deferred_into(jsonb, jsonb, jsonb) is
    'Losses of wash sales that an event deferred into a piece, as they change its cost: added to a long one, taken off a short one.';

-- The event made the piece, perhaps with others: what they cost together, then its share.
create function tax.explain_opening(
    p_user_id uuid, p_trace jsonb, p_after jsonb, p_event tax.event_detail, p_washed numeric, p_tax_currency text
)
returns text[]
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_event constant integer := p_after ->> 'event';
    v_kind constant tax.event_kind := p_after ->> 'kind';
    v_is_short constant boolean := p_after ->> 'side' = 'short';
    v_to_units constant numeric := p_after ->> 'quantity';
    v_total_units numeric;
    v_total numeric;
    v_multiplier numeric;
    v_premiums numeric;
    v_partner tax.event_partner;
    v_row record;
    v_lines text[] := '{}';
begin
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

    if v_kind in ('buy', 'buy_to_open', 'sell', 'sell_to_close', 'sell_short') then
        select i.multiplier
        into v_multiplier
        from core.instruments i
        where i.id = (p_after ->> 'instrument_id')::bigint;
        v_lines := v_lines || tax.explain_net(p_event, v_multiplier, (p_after ->> 'net')::numeric, v_kind in ('sell', 'sell_to_close', 'sell_short'));
        if v_total_units < (p_after ->> 'net_quantity')::numeric then
            v_lines := v_lines || format(
                '%s of %s units closed what was open before, for %s; %s is left for the rest',
                tax.shown_units((p_after ->> 'net_quantity')::numeric - v_total_units), tax.shown_units((p_after ->> 'net_quantity')::numeric),
                tax.shown_money((p_after ->> 'net')::numeric - v_total), tax.shown_money(v_total)
            );
        elsif v_total is distinct from (p_after ->> 'net')::numeric then
            v_lines := v_lines || format('basis supplied later: %s', tax.shown_money(v_total));
        end if;
    elsif v_kind in ('option_exercise', 'option_assignment') then
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
        into v_premiums
        from jsonb_to_recordset(p_trace -> 'premiums') as m (event integer, amount numeric)
        where m.event = v_event;
        -- A bought call adds what it cost, a written put takes off what it brought.
        v_premiums := case when v_kind = 'option_assignment' then -1 else 1 end * coalesce(v_premiums, 0);
        v_lines := v_lines || format(
            'paid at the strike with fees %s %s option %s = %s', tax.shown_money(v_total - v_premiums), case when v_premiums < 0 then '−' else '+' end,
            tax.shown_money(abs(v_premiums)), tax.shown_money(v_total)
        );
    else
        v_partner := tax.read_partner(p_user_id, (p_after ->> 'transaction_id')::bigint, p_tax_currency);
        v_lines := v_lines || case
            when v_total is null then format('no basis is known; `basis_set(transaction_id => %s)` supplies it', p_after ->> 'transaction_id')
            when v_partner.later_basis is not null then format('basis supplied later: %s', tax.shown_money(v_total))
            when v_kind = 'gift_in' then format(
                'the donor''s basis %s%s', tax.shown_money(v_total),
                case when p_after ->> 'gift_basis' is not null
                    then format('; for a loss the value at the gift, %s', tax.shown_money((p_after ->> 'gift_basis')::numeric))
                    else ''
                end
            )
            when v_kind = 'inheritance' then format('value at death %s', tax.shown_money(v_total))
            else format('basis as delivered %s', tax.shown_money(v_total))
        end;
        if p_after ->> 'acquired' is distinct from p_after ->> 'date' then
            v_lines := v_lines || format('acquired %s', coalesce(p_after ->> 'acquired', 'on an unknown day'));
        end if;
    end if;
    if v_total_units <> v_to_units then
        v_lines := v_lines || format(
            'this piece, %s of %s units: %s', tax.shown_units(v_to_units), tax.shown_units(v_total_units),
            tax.explain_share(v_total, v_to_units, v_total_units, (p_after ->> 'cost')::numeric - p_washed)
        );
    end if;
    return v_lines;
end
$$;

comment on function tax.explain_opening(uuid, jsonb, jsonb, tax.event_detail, numeric, text) is
    'The arithmetic of an event that made pieces: what they cost together, and the share of this one, before wash sales.';

-- The piece came from another one: by a spin-off, or because only a part of the other was meant.
create function tax.explain_cut(p_before jsonb, p_after jsonb, p_event tax.event_detail, p_washed numeric, p_gone_units numeric)
returns table (units numeric, cost numeric, lines text[])
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_to_units constant numeric := p_after ->> 'quantity';
    v_to_cost constant numeric := p_after ->> 'cost';
begin
    units := p_before ->> 'quantity';
    cost := p_before ->> 'cost';
    lines := '{}';
    if p_after ->> 'kind' = 'spinoff' then
        lines := lines || format(
            '%s units for %s of the parent%s', tax.shown_units(v_to_units + p_gone_units), tax.shown_units(units),
            case when p_event.ratio_numerator is not null
                then format(' (%s for %s)', tax.shown_units(p_event.ratio_numerator), tax.shown_units(p_event.ratio_denominator))
                else ''
            end
        );
        lines := lines || case
            when p_event.basis_fraction is null then 'the share of the basis is not stated, so the basis is unknown'
            else format(
                'round(%s × %s, 2) = %s of the parent''s basis', tax.shown_money(cost), tax.shown_units(p_event.basis_fraction),
                tax.shown_money(round(cost * p_event.basis_fraction, 2))
            )
        end;
        units := v_to_units + p_gone_units;
        cost := round(cost * p_event.basis_fraction, 2);
    else
        lines := lines || format(
            '%s of %s units: %s', tax.shown_units(v_to_units), tax.shown_units(units),
            tax.explain_share(cost, v_to_units, units, v_to_cost - p_washed)
        );
        cost := v_to_cost - p_washed;
    end if;
    return next;
end
$$;

comment on function tax.explain_cut(jsonb, jsonb, tax.event_detail, numeric, numeric) is
    'The arithmetic of the event that cut a piece from another one, and the units and cost that it began with, before wash sales and fractions.';

-- The piece was there and stays: its units change, its basis, or a part of it goes.
create function tax.explain_change(
    p_user_id uuid, p_trace jsonb, p_before jsonb, p_after jsonb, p_event tax.event_detail, p_washed numeric, p_gone_units numeric, p_gone numeric
)
returns table (units numeric, cost numeric, lines text[])
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_kind constant tax.event_kind := p_after ->> 'kind';
    v_to_units constant numeric := p_after ->> 'quantity';
    v_to_cost constant numeric := p_after ->> 'cost';
    v_is_subject boolean;
    v_cash numeric;
    v_recognized numeric;
begin
    units := p_before ->> 'quantity';
    cost := p_before ->> 'cost';
    lines := '{}';
    -- A corporate action may change lots of the other instrument too: a fraction is sold from all that is held of it.
    select t.instrument_id = (p_before ->> 'instrument_id')::bigint
    into v_is_subject
    from core.transactions t
    where t.user_id = p_user_id
    and t.id = (p_after ->> 'transaction_id')::bigint;

    if v_kind in ('split', 'stock_dividend', 'symbol_change', 'merger_stock', 'merger_cash', 'merger_mixed') and v_to_units + p_gone_units <> units then
        lines := lines || case
            when p_event.ratio_numerator is not null and v_kind <> 'stock_dividend'
                then format(
                    '%s × %s / %s = %s units', tax.shown_units(units), tax.shown_units(p_event.ratio_numerator), tax.shown_units(p_event.ratio_denominator),
                    tax.shown_units(v_to_units + p_gone_units)
                )
            else format('%s units became %s', tax.shown_units(units), tax.shown_units(v_to_units + p_gone_units))
        end;
        units := v_to_units + p_gone_units;
    end if;

    if v_kind = 'mark_to_market' and p_event.price is null then
        -- A settlement; behind the year's last one what the lot has gathered is closed at nothing (D.10).
        v_cash := case when p_gone_units > 0 then p_gone else v_to_cost end - cost;
        lines := lines || format(
            'settled: %s %s %s = %s', tax.shown_money(cost), case when v_cash < 0 then '−' else '+' end, tax.shown_money(abs(v_cash)),
            tax.shown_money(cost + v_cash)
        );
        if p_gone_units > 0 then
            lines := lines || format(
                'the year ends with all of it paid: %s is in the year''s result, and 0.00 the new basis', tax.shown_money(p_gone)
            );
        end if;
        cost := v_to_cost;
    elsif v_kind = 'mark_to_market' then
        lines := lines || format('its value %s is the new basis', tax.shown_money(v_to_cost));
        cost := v_to_cost;
    elsif v_kind = 'return_of_capital' and cost is not null then
        lines := lines || format(
            'capital returned: %s%s', tax.shown_money(cost - v_to_cost),
            case when p_event.amount_per_share is not null
                then format(' (%s × %s)', tax.shown_units(units), tax.shown_units(p_event.amount_per_share))
                else ' (its share of the amount, by units)'
            end
        );
        lines := lines || format('%s − %s = %s', tax.shown_money(cost), tax.shown_money(cost - v_to_cost), tax.shown_money(v_to_cost));
        cost := v_to_cost;
    elsif v_kind = 'spinoff' and v_is_subject and p_event.basis_fraction is not null and cost is not null then
        lines := lines || format(
            '%s of the basis went to what was spun off: %s − %s = %s', tax.shown_units(p_event.basis_fraction), tax.shown_money(cost),
            tax.shown_money(cost - v_to_cost), tax.shown_money(v_to_cost)
        );
        cost := v_to_cost;
    elsif v_kind = 'merger_mixed' and v_is_subject and cost is distinct from v_to_cost + p_gone then
        select c.other, c.other - c.lot
        into v_cash, v_recognized
        from jsonb_to_recordset(p_trace -> 'closings') as c (event integer, piece integer, quantity numeric, lot numeric, other numeric)
        where c.event = (p_after ->> 'event')::integer
        and c.piece = (p_after ->> 'piece')::integer
        and c.quantity = 0;
        v_cash := coalesce(v_cash, cost - v_to_cost - p_gone);
        v_recognized := coalesce(v_recognized, 0);
        lines := lines || format(
            '%s − cash %s + recognized %s = %s', tax.shown_money(cost), tax.shown_money(v_cash), tax.shown_money(v_recognized),
            tax.shown_money(cost - v_cash + v_recognized)
        );
        cost := cost - v_cash + v_recognized;
    end if;

    if v_kind <> 'mark_to_market' and p_gone_units = 0 and v_to_units < units then
        lines := lines || case
            when v_to_units = 0 then format('all %s units go, with the basis %s', tax.shown_units(units), tax.shown_money(cost))
            else format(
                '%s of %s units stay in this piece: %s', tax.shown_units(v_to_units), tax.shown_units(units),
                tax.explain_share(cost, v_to_units, units, v_to_cost - p_washed)
            )
        end;
        cost := v_to_cost - p_washed;
    end if;
    return next;
end
$$;

comment on function tax.explain_change(uuid, jsonb, jsonb, jsonb, tax.event_detail, numeric, numeric, numeric) is
    'The arithmetic of an event on a piece that was there before, and its units and cost after it, before wash sales and fractions.';

grant execute on function
    tax.deferred_into(jsonb, jsonb, jsonb), tax.explain_opening(uuid, jsonb, jsonb, tax.event_detail, numeric, text),
    tax.explain_cut(jsonb, jsonb, tax.event_detail, numeric, numeric),
    tax.explain_change(uuid, jsonb, jsonb, jsonb, tax.event_detail, numeric, numeric, numeric)
    to quantmatrix_writer;
