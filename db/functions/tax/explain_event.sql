-- The arithmetic of one event on one piece, in words.

-- What one event did to one piece. Before is null where the event made it; cut means that it came from another piece, whose state before is given.
create function tax.explain_event(
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
    v_kind constant tax.event_kind := p_after ->> 'kind';
    v_is_short constant boolean := p_after ->> 'side' = 'short';
    v_units numeric := p_before ->> 'quantity';
    v_cost numeric := p_before ->> 'cost';
    v_to_units constant numeric := p_after ->> 'quantity';
    v_to_cost constant numeric := p_after ->> 'cost';
    v_washed numeric;
    v_row record;
    v_gone_units numeric;
    v_gone numeric;
    v_x tax.event_detail;
    v_lines text[] := '{}';
begin
    v_x := tax.read_event(p_user_id, (p_after ->> 'transaction_id')::bigint, p_tax_currency);
    v_washed := tax.deferred_into(p_trace, p_before, p_after);

    -- What the event took away: closings, among them a fraction of what the event itself brought.
    select coalesce(sum(c.quantity), 0), coalesce(sum(c.lot) filter (where c.quantity > 0), 0)
    into v_gone_units, v_gone
    from jsonb_to_recordset(p_trace -> 'closings') as c (event integer, piece integer, quantity numeric, lot numeric)
    where c.event = v_event
    and c.piece = v_piece;

    if p_before is null and v_kind = 'merger_mixed' then
        v_units := v_to_units + v_gone_units;
        v_cost := round(v_units * v_x.value_per_new_share * v_x.rate, 2);
        v_lines := v_lines || case
            when v_cost is null then 'its value or the rate is not known, so the basis is unknown'
            else format(
                '%s × value %s%s = %s', tax.shown_units(v_units), tax.shown_units(v_x.value_per_new_share),
                case when v_x.rate <> 1 then format(' × rate %s', tax.shown_units(v_x.rate)) else '' end, tax.shown_money(v_cost)
            )
        end;

    elsif p_before is null then
        v_lines := tax.explain_opening(p_user_id, p_trace, p_after, v_x, v_washed, p_tax_currency);
        v_cost := v_to_cost - v_washed;

    elsif p_is_cut then
        select c.units, c.cost, c.lines
        into v_units, v_cost, v_lines
        from tax.explain_cut(p_before, p_after, v_x, v_washed, v_gone_units) c;

    else
        select c.units, c.cost, c.lines
        into v_units, v_cost, v_lines
        from tax.explain_change(p_user_id, p_trace, p_before, p_after, v_x, v_washed, v_gone_units, v_gone) c;
    end if;

    if v_kind in ('spinoff', 'merger_mixed') or v_kind <> 'mark_to_market' and v_gone_units > 0 and p_before is not null and not p_is_cut then
        if v_cost <> v_to_cost - v_washed + v_gone then
            v_lines := v_lines || format(
                'as average over all lots of known basis: %s becomes %s', tax.shown_money(v_cost), tax.shown_money(v_to_cost - v_washed + v_gone)
            );
            v_cost := v_to_cost - v_washed + v_gone;
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
                tax.explain_share(v_cost, v_row.quantity, v_units, v_row.lot)
            );
            v_units := v_units - v_row.quantity;
            v_cost := v_cost - v_row.lot;
        end loop;
    end if;

    if p_before ->> 'account_id' <> p_after ->> 'account_id' then
        v_lines := v_lines || format(
            'from account %s to %s; dates and basis go along',
            (select a.account_number from core.accounts a where a.user_id = p_user_id and a.id = (p_before ->> 'account_id')::bigint),
            (select a.account_number from core.accounts a where a.user_id = p_user_id and a.id = (p_after ->> 'account_id')::bigint)
        );
    end if;
    if v_kind <> 'spinoff' and p_before ->> 'instrument_id' <> p_after ->> 'instrument_id' then
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

comment on function tax.explain_event(uuid, jsonb, jsonb, jsonb, boolean, text) is
    'The arithmetic of one event on one piece, line by line, from its state before and after.';

grant execute on function
    tax.explain_event(uuid, jsonb, jsonb, jsonb, boolean, text), tax.read_event(uuid, bigint, text), tax.read_partner(uuid, bigint, text),
    tax.supplied_basis(uuid, bigint[])
    to quantmatrix_writer;
