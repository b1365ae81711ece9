-- A sale before it is made: what it would close, what would count for tax, and what would be left.

create function api.what_if_sale(
    account text, instrument text, quantity numeric, price numeric, date date default null, method text default null,
    fees numeric default 0, fx_rate numeric default null
)
returns jsonb
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_user();
    v_account_id bigint := ingest.require_account(v_user_id, what_if_sale.account);
    v_instrument core.instruments;
    v_tax_currency text;
    v_group_id bigint;
    v_on date := coalesce(what_if_sale.date, (now() at time zone 'America/New_York')::date);
    v_method core.lot_method;
    v_rate numeric;
    v_native numeric;
    v_amount numeric;
    v_sale jsonb;
    v_held numeric;
    v_remaining jsonb;
begin
    select i.*
    into v_instrument
    from core.instruments i
    where i.id = ingest.require_instrument(v_user_id, what_if_sale.instrument);
    select u.tax_currency
    into v_tax_currency
    from core.users u
    where u.id = v_user_id;
    if not coalesce(what_if_sale.quantity > 0 and what_if_sale.quantity < 'Infinity', false) then
        raise exception 'quantity: how many units would be sold?' using errcode = 'QM002', hint = 'a number above 0';
    elsif not coalesce(what_if_sale.price >= 0 and what_if_sale.price < 'Infinity', false) then
        raise exception 'price: at which price, in %?', v_instrument.currency using errcode = 'QM002', hint = 'a number, 0 or more';
    elsif not coalesce(what_if_sale.fees >= 0 and what_if_sale.fees < 'Infinity', false) then
        raise exception 'fees: a number, 0 or more, in %', v_instrument.currency using errcode = 'QM002';
    elsif not coalesce(what_if_sale.fx_rate > 0 and what_if_sale.fx_rate < 'Infinity', true) then
        raise exception 'fx_rate: % for one %, above 0', v_tax_currency, v_instrument.currency using errcode = 'QM002';
    end if;
    if what_if_sale.method is not null then
        v_method := (ingest.read_methods(array[what_if_sale.method]))[1];
    end if;
    v_method := tax.lot_method(v_user_id, v_account_id, v_instrument.id, v_on, v_method);

    -- Gross and fees are translated and rounded one by one (N.3.1, N.3.2). Without a rate the amounts stay unknown (N.1).
    v_rate := coalesce(what_if_sale.fx_rate, case when v_instrument.currency = v_tax_currency then 1 end);
    v_native := what_if_sale.quantity * what_if_sale.price * v_instrument.multiplier;
    v_amount := round(v_native * v_rate, 2) - round(what_if_sale.fees * v_rate, 2);
    if v_instrument.currency = v_tax_currency then
        v_native := round(v_native, 2);
    end if;
    v_sale := jsonb_build_object(
        'account_id', v_account_id, 'instrument_id', v_instrument.id, 'quantity', what_if_sale.quantity, 'date', v_on, 'method', v_method,
        'amount', v_amount, 'native_amount', case when v_rate = 1 then v_amount else v_native - what_if_sale.fees end,
        'unit_price', what_if_sale.price * v_rate
    );

    select g.group_id
    into v_group_id
    from tax.instrument_groups g
    where g.user_id = v_user_id
    and g.instrument_id = v_instrument.id;

    select s.held, s.remaining
    into v_held, v_remaining
    from tax.lots_beside_sale(v_user_id, v_group_id, v_sale) s;
    if v_held < what_if_sale.quantity then
        raise exception 'only % units of % are held in account % on %', trim_scale(v_held), v_instrument.symbol, what_if_sale.account, v_on
            using errcode = 'QM030',
                detail = format('asked for %s', trim_scale(what_if_sale.quantity)),
                hint = '`lots(is_open => true)` shows what is open';
    end if;

    return tax.sale_outcome(v_user_id, v_group_id, v_sale) || (
        select jsonb_build_object(
            'account', a.account_number, 'symbol', v_instrument.symbol, 'quantity', trim_scale(what_if_sale.quantity)::text,
            'price', trim_scale(what_if_sale.price)::text, 'fees', trim_scale(what_if_sale.fees)::text, 'date', v_on,
            'method', v_method,
            'currency', v_tax_currency, 'taxable', a.account_type = 'taxable',
            'remaining', v_remaining
        )
        from core.accounts a
        where a.user_id = v_user_id
        and a.id = v_account_id
    );
end
$$;

comment on function api.what_if_sale(text, text, numeric, numeric, date, text, numeric, numeric) is $$Try a sale
What selling so many units would do, by the same engine that derives the lots, with nothing written: the lots it would close with gain and term, the wash sales it would trigger (an empty loss_transaction_id is this sale), what would be recognized, closings of other transactions that would change, and the lots that would remain in the account at the end of that day.
account: number or name. instrument: symbol. price and fees in the instrument's currency; fx_rate (tax currency for one unit of it) where that is another. date: today if left out; it may lie in the past or ahead. method: instead of the one that holds. loss_still_exposed is the part of a loss that a purchase until window_open_until would still defer.$$;

grant execute on function api.what_if_sale(text, text, numeric, numeric, date, text, numeric, numeric)
    to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin;
alter function api.what_if_sale(text, text, numeric, numeric, date, text, numeric, numeric) owner to quantmatrix_writer;
