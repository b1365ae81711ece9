-- One lot, or one closing, from the broker's line to the figure.

create function api.lots_explain(lot bigint default null, closing bigint default null)
returns jsonb
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_user();
    v_tax_currency text := (select u.tax_currency from core.users u where u.id = v_user_id);
    v_lot core.tax_lots;
    v_closing tax.closings;
    v_group_id bigint;
    v_trace jsonb;
    v_state jsonb;
    v_piece integer;
    v_until integer := 2147483647;
    v_steps jsonb := '[]';
    v_symbol text;
    v_account text;
begin
    if (lots_explain.lot is null) = (lots_explain.closing is null) then
        raise exception 'say which one: the number of a lot, or that of a closing'
            using errcode = 'QM002', hint = '`lots` and `closings` show their numbers';
    end if;
    if lots_explain.lot is not null then
        select l.*
        into v_lot
        from core.tax_lots l
        where l.user_id = v_user_id
        and l.id = lots_explain.lot;
        if not found then
            raise exception 'there is no lot %', lots_explain.lot
                using errcode = 'QM001', hint = '`lots` shows their numbers';
        end if;
    else
        select c.*
        into v_closing
        from tax.closings c
        where c.user_id = v_user_id
        and c.id = lots_explain.closing;
        if not found then
            raise exception 'there is no closing %', lots_explain.closing
                using errcode = 'QM001', hint = '`closings` shows their numbers';
        end if;
    end if;
    select g.group_id
    into v_group_id
    from tax.instrument_groups g
    where g.user_id = v_user_id
    and g.instrument_id = coalesce(v_lot.instrument_id, v_closing.instrument_id);
    v_trace := tax.trace(v_user_id, v_group_id, array_remove(array[coalesce(v_lot.opening_transaction_id, v_closing.opening_transaction_id)], null));

    if v_lot.id is not null then
        -- The piece that bears these names at the end.
        select (s ->> 'piece')::integer
        into v_piece
        from (
            select distinct on (s ->> 'piece') s
            from jsonb_array_elements(v_trace -> 'states') s
            order by s ->> 'piece', (s ->> 'event')::integer desc
        ) o (s)
        where (s ->> 'account_id')::bigint = v_lot.account_id
        and (s ->> 'instrument_id')::bigint = v_lot.instrument_id
        and s ->> 'side' = v_lot.side::text
        and (s ->> 'number')::integer = v_lot.piece;
    else
        select (c ->> 'piece')::integer, (c ->> 'event')::integer
        into v_piece, v_until
        from jsonb_array_elements(v_trace -> 'closings') c
        where (c ->> 'transaction_id')::bigint = v_closing.closing_transaction_id
        and (c ->> 'ordinal')::integer = v_closing.ordinal;
    end if;

    if v_piece > 0 then
        select s
        into v_state
        from jsonb_array_elements(v_trace -> 'states') s
        where (s ->> 'piece')::integer = v_piece
        limit 1;
        if (v_state ->> 'source')::integer is not null then
            v_steps := tax.explain_options(v_user_id, v_group_id, v_trace, (v_state ->> 'source')::integer, v_tax_currency);
        end if;
        v_steps := v_steps || tax.explain_steps(v_user_id, v_trace, v_piece, v_until, v_tax_currency);
    end if;

    select i.symbol, a.account_number
    into v_symbol, v_account
    from core.instruments i
    cross join core.accounts a
    where i.id = coalesce(v_lot.instrument_id, v_closing.instrument_id)
    and a.user_id = v_user_id
    and a.id = coalesce(v_lot.account_id, v_closing.account_id);

    if v_closing.id is not null then
        if v_until < 2147483647 then
            v_steps := tax.explain_options(v_user_id, v_group_id, v_trace, v_until, v_tax_currency) || v_steps;
        end if;
        v_steps := v_steps || jsonb_build_object(
            'transaction_id', v_closing.closing_transaction_id,
            'date', v_closing.closed_on,
            'account', v_account,
            'symbol', v_symbol,
            'what', format('%s: closing %s, %s of %s units', v_symbol, v_closing.id, replace(v_closing.kind::text, '_', ' '), tax.shown_units(v_closing.quantity)),
            'arithmetic', to_jsonb(tax.explain_closing(v_user_id, v_closing, v_trace, v_tax_currency)),
            'after', null,
            'sources', tax.explain_sources(v_user_id, v_closing.closing_transaction_id)
        );
        return jsonb_build_object(
            'kind', 'closing', 'id', v_closing.id, 'account', v_account, 'symbol', v_symbol, 'currency', v_tax_currency,
            'title', format(
                'Closing %s: %s %s in account %s, recognized %s', v_closing.id, tax.shown_units(v_closing.quantity), v_symbol, v_account,
                tax.shown_money(v_closing.proceeds - v_closing.basis + v_closing.disallowed + v_closing.permanently_disallowed)
            ),
            'quantity', trim_scale(v_closing.quantity)::text, 'proceeds', round(v_closing.proceeds, 2)::text, 'basis', round(v_closing.basis, 2)::text,
            'disallowed', round(v_closing.disallowed, 2)::text, 'permanently_disallowed', round(v_closing.permanently_disallowed, 2)::text,
            'recognized', round(v_closing.proceeds - v_closing.basis + v_closing.disallowed + v_closing.permanently_disallowed, 2)::text,
            'term', v_closing.term, 'tax_year', v_closing.tax_year, 'steps', v_steps
        );
    end if;
    return jsonb_build_object(
        'kind', 'lot', 'id', v_lot.id, 'account', v_account, 'symbol', v_symbol, 'currency', v_tax_currency,
        'title', format(
            'Lot %s: %s of %s %s open in account %s, basis %s', v_lot.id, tax.shown_units(v_lot.quantity_remaining),
            tax.shown_units(v_lot.quantity_opened), v_symbol, v_account, tax.shown_money(v_lot.cost_remaining)
        ),
        'quantity', trim_scale(v_lot.quantity_remaining)::text, 'basis', round(v_lot.cost_remaining, 2)::text,
        'wash_sale_adjustment', round(v_lot.wash_sale_adjustment, 2)::text, 'holding_start', v_lot.holding_start,
        'first_long_date', case when v_lot.side = 'long' then tax.first_long_date(v_lot.holding_start) end, 'steps', v_steps
    );
end
$$;

comment on function api.lots_explain(bigint, bigint) is $$Explain a lot or a closing
lot or closing: the number of one of them, as the views lots and closings show it. Returns its figures and the steps that led to them, from the purchase on: fees, shares of an amount, splits, returns of capital, transfers, options that went into shares, wash sales. Each step has the transaction, a sentence, the arithmetic line by line, the state after it (quantity, basis, wash_sale_adjustment, holding_start), and its sources: import, file, line and raw text; none where a person typed it.$$;
grant execute on function api.lots_explain(bigint, bigint) to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin;

alter function api.lots_explain(bigint, bigint) owner to quantmatrix_writer;
