-- The story of one closing: the options that went into it, and its arithmetic line by line.

-- Steps of the options whose amounts went into an event: purchase of the option, and what befell it until then.
create function tax.explain_options(p_user_id uuid, p_group_id bigint, p_trace jsonb, p_event integer, p_tax_currency text)
returns jsonb
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_openings bigint[];
    v_trace jsonb;
    v_piece integer;
    v_steps jsonb := '[]';
begin
    select array_agg(distinct (p ->> 'opening_transaction_id')::bigint)
    into v_openings
    from jsonb_array_elements(p_trace -> 'premiums') p
    where (p ->> 'event')::integer = p_event;
    if v_openings is null then
        return v_steps;
    end if;
    v_trace := tax.trace(p_user_id, p_group_id, v_openings);
    for v_piece in
        select (p ->> 'piece')::integer
        from jsonb_array_elements(v_trace -> 'premiums') p
        where (p ->> 'event')::integer = p_event
        order by 1
    loop
        v_steps := v_steps || tax.explain_steps(p_user_id, v_trace, v_piece, p_event, p_tax_currency);
    end loop;
    return v_steps;
end
$$;

comment on function tax.explain_options(uuid, bigint, jsonb, integer, text) is 'How the options came to be that an exercise or assignment used up.';

-- The closing itself: the event's amount, this piece's share of it, gain, wash sales, term and year.
create function tax.explain_closing(p_user_id uuid, p_closing tax.closings, p_trace jsonb, p_tax_currency text)
returns text[]
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_is_short constant boolean := p_closing.side = 'short';
    v_own jsonb;
    v_row record;
    v_x tax.event_detail;
    v_type core.transaction_type;
    v_multiplier numeric;
    v_is_plain boolean;
    v_premium numeric;
    v_total numeric;
    v_units numeric;
    v_mine numeric := case when p_closing.side = 'short' then p_closing.basis else p_closing.proceeds end;
    v_word constant text := case when p_closing.side = 'short' then 'cost' else 'proceeds' end;
    v_lines text[] := '{}';
begin
    select t.transaction_type
    into v_type
    from core.transactions t
    where t.user_id = p_user_id
    and t.id = p_closing.closing_transaction_id;
    select i.multiplier
    into v_multiplier
    from core.instruments i
    where i.id = p_closing.instrument_id;
    v_x := tax.read_event(p_user_id, p_closing.closing_transaction_id, p_tax_currency);
    select c
    into v_own
    from jsonb_array_elements(p_trace -> 'closings') c
    where (c ->> 'transaction_id')::bigint = p_closing.closing_transaction_id
    and (c ->> 'ordinal')::integer = p_closing.ordinal;
    v_is_plain := v_type in ('buy', 'sell', 'reinvest') and p_closing.kind in ('sale', 'cover', 'unmatched') and not exists (
        select from jsonb_array_elements(p_trace -> 'premiums') p
        where p -> 'event' = v_own -> 'event'
    );

    if v_is_plain then
        v_total := coalesce((v_own ->> 'net')::numeric, v_x.amount - case when v_is_short then - v_x.costs else v_x.costs end);
        v_units := coalesce((v_own ->> 'net_quantity')::numeric, abs(v_x.quantity));
        v_lines := v_lines || tax.explain_net(v_x, v_multiplier, v_total, not v_is_short);
    else
        for v_row in
            select p.quantity, p.amount, p.opening_transaction_id
            from jsonb_to_recordset(p_trace -> 'premiums') as p (event integer, quantity numeric, amount numeric, opening_transaction_id bigint)
            where p.event = (v_own ->> 'event')::integer
        loop
            v_lines := v_lines || format(
                '%s contracts of transaction %s carry %s', tax.shown_units(v_row.quantity), v_row.opening_transaction_id, tax.shown_money(v_row.amount)
            );
            v_premium := coalesce(v_premium, 0) + v_row.amount;
        end loop;
        select sum(c.other), sum(c.quantity)
        into v_total, v_units
        from jsonb_to_recordset(p_trace -> 'closings') as c (event integer, quantity numeric, other numeric)
        where c.event = (v_own ->> 'event')::integer;
        if v_premium is not null then
            -- Sold: a written call adds what it brought, a bought put takes off what it cost.
            v_premium := case when v_type = 'option_assignment' or v_x.quantity > 0 and v_type <> 'option_exercise' then 1 else -1 end * v_premium;
            v_lines := v_lines || format(
                'received at the strike less fees %s %s option %s = %s', tax.shown_money(v_total - v_premium),
                case when v_premium < 0 then '−' else '+' end, tax.shown_money(abs(v_premium)), tax.shown_money(v_total)
            );
        end if;
    end if;
    for v_row in
        select c.ordinal, c.quantity, c.other
        from jsonb_to_recordset(p_trace -> 'closings') as c (event integer, ordinal integer, quantity numeric, other numeric)
        where c.event = (v_own ->> 'event')::integer
        and c.ordinal < p_closing.ordinal
        order by c.ordinal
    loop
        v_total := v_total - v_row.other;
        v_units := v_units - v_row.quantity;
    end loop;
    v_lines := v_lines || case
        when v_mine is null then format('the %s is unknown: there is no exchange rate', v_word)
        when p_closing.quantity > 0 and v_units > 0 and v_total is not null
            then format('%s for %s of %s units: %s', v_word, tax.shown_units(p_closing.quantity), tax.shown_units(v_units), tax.explain_share(v_total, p_closing.quantity, v_units, v_mine))
        else format('%s %s', v_word, tax.shown_money(v_mine))
    end;

    if p_closing.proceeds is null or p_closing.basis is null then
        v_lines := v_lines || case
            when p_closing.kind = 'unmatched' then 'the history does not show where these units came from: no basis, no gain'
            else 'the basis is unknown: no gain is counted until it is supplied'
        end;
    else
        v_lines := v_lines || format(
            'gain: %s − %s = %s', tax.shown_money(p_closing.proceeds), tax.shown_money(p_closing.basis),
            tax.shown_money(p_closing.proceeds - p_closing.basis)
        );
        for v_row in
            select m.amount, m.quantity, m.is_permanent, m.replacement_transaction_id, t.trade_date, a.account_number as account
            from tax.wash_matches m
            left join core.transactions t on t.user_id = m.user_id and t.id = m.replacement_transaction_id
            left join core.accounts a on a.user_id = m.user_id and a.id = m.replacement_account_id
            where m.user_id = p_user_id
            and m.group_id = p_closing.group_id
            and m.loss_transaction_id = p_closing.closing_transaction_id
            and m.loss_ordinal = p_closing.ordinal
            order by m.match_order
        loop
            v_lines := v_lines || format(
                'wash sale: %s shares were bought %s in account %s (transaction %s): %s of the loss is %s', tax.shown_units(v_row.quantity),
                v_row.trade_date, v_row.account, v_row.replacement_transaction_id, tax.shown_money(v_row.amount),
                case when v_row.is_permanent then 'lost for good' else 'deferred into them' end
            );
        end loop;
        if p_closing.disallowed + p_closing.permanently_disallowed <> 0 then
            v_lines := v_lines || format(
                'recognized: %s + %s = %s', tax.shown_money(p_closing.proceeds - p_closing.basis),
                tax.shown_money(p_closing.disallowed + p_closing.permanently_disallowed),
                tax.shown_money(p_closing.proceeds - p_closing.basis + p_closing.disallowed + p_closing.permanently_disallowed)
            );
        end if;
    end if;
    v_lines := v_lines || case
        when p_closing.term = '1256' then 'term: section 1256, 60 % long and 40 % short of the year''s total'
        when p_closing.term = 'unknown' then 'term: unknown, because the acquisition date is'
        when v_is_short then 'term: short, as always when a short position is closed by a purchase'
        when p_closing.holding_start is null then format('term: %s', p_closing.term)
        else format(
            'term: held from %s, long-term from %s on; closed %s: %s', p_closing.holding_start, tax.first_long_date(p_closing.holding_start),
            p_closing.closed_on, p_closing.term
        )
    end;
    return v_lines || format(
        'tax year %s%s', p_closing.tax_year,
        case
            when not p_closing.taxable then '; not taxed: a retirement account'
            when p_closing.box is not null then format(', box %s of Form 8949', p_closing.box)
            else ''
        end
    );
end
$$;

comment on function tax.explain_closing(uuid, tax.closings, jsonb, text) is 'The arithmetic of a closing, line by line.';

grant execute on function tax.explain_options(uuid, bigint, jsonb, integer, text), tax.explain_closing(uuid, tax.closings, jsonb, text) to quantmatrix_writer;
