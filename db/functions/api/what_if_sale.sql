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
    v_scope core.wash_scope;
    v_group_id bigint;
    v_on date := coalesce(what_if_sale.date, (now() at time zone 'America/New_York')::date);
    v_method core.lot_method;
    v_rate numeric;
    v_native numeric;
    v_amount numeric;
    v_sale jsonb;
    v_held numeric;
    v_report jsonb;
begin
    select i.*
    into v_instrument
    from core.instruments i
    where i.id = ingest.require_instrument(v_user_id, what_if_sale.instrument);
    select u.tax_currency, u.wash_scope
    into v_tax_currency, v_scope
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
    if v_instrument.instrument_type = 'future' and exists (
        select from core.tax_lots l
        join core.transactions t on t.user_id = l.user_id and t.id = l.opening_transaction_id
        where l.user_id = v_user_id
        and l.account_id = v_account_id
        and l.instrument_id = v_instrument.id
        and l.closed_at is null
        and abs(t.gross_amount) is distinct from abs(t.quantity) * t.price * v_instrument.multiplier
        and t.gross_amount is not null
    ) then
        raise exception '% is settled in cash each day: what a sale would bring beyond that follows from its last settlement, which no row states', v_instrument.symbol
            using errcode = 'QM002', hint = 'what it has brought so far is in `lots`: a negative basis is a gain that was paid';
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

    -- What is held at the end of that day, and what would be left of it.
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
    into v_held, v_report
    from (
        select d.lot, false as is_after
        from tax.run(v_user_id, v_group_id, jsonb_build_object('as_of', v_on)) d
        where d.kind = 'lot'
        union all
        select d.lot, true
        from tax.run(v_user_id, v_group_id, jsonb_build_object('as_of', v_on, 'sale', v_sale)) d
        where d.kind = 'lot'
    ) r
    where (r.lot).account_id = v_account_id
    and (r.lot).instrument_id = v_instrument.id
    and (r.lot).side = 'long'
    and (r.lot).quantity_remaining > 0;
    if v_held < what_if_sale.quantity then
        raise exception 'only % units of % are held in account % on %', trim_scale(v_held), v_instrument.symbol, what_if_sale.account, v_on
            using errcode = 'QM030',
                detail = format('asked for %s', trim_scale(what_if_sale.quantity)),
                hint = 'quantmatrix lots list shows what is open';
    end if;

    return (
        with run as materialized (
            select d.kind, d.closing, d.match
            from tax.run(v_user_id, v_group_id, jsonb_build_object('sale', v_sale)) d
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
                where w.user_id = v_user_id
                and w.group_id = v_group_id
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
                where o.user_id = v_user_id
                and o.group_id = v_group_id
            ) c on c.closing_transaction_id = n.closing_transaction_id and c.ordinal = n.ordinal
            group by 1
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
                coalesce(sum(- s.recognized) filter (where s.recognized < 0 and s.taxable and s.term <> '1256'), 0) as exposed
            from sold s
        )
        select jsonb_build_object(
            'account', a.account_number, 'symbol', v_instrument.symbol, 'quantity', trim_scale(what_if_sale.quantity)::text,
            'price', trim_scale(what_if_sale.price)::text, 'fees', trim_scale(what_if_sale.fees)::text, 'date', v_on,
            'method', v_method,
            'currency', v_tax_currency, 'taxable', a.account_type = 'taxable',
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
                left join core.accounts ra on ra.user_id = v_user_id and ra.id = w.replacement_account_id
                left join core.instruments ri on ri.id = w.replacement_instrument_id
                left join core.transactions rt on rt.user_id = v_user_id and rt.id = w.replacement_transaction_id
            ),
            'loss_still_exposed', round(t.exposed, 2)::text,
            'window_open_until', case when t.exposed > 0 and v_scope <> 'none' then v_on + 30 end,
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
            ),
            'remaining', v_report
        )
        from sums t
        join core.accounts a on a.user_id = v_user_id and a.id = v_account_id
    );
end
$$;

comment on function api.what_if_sale(text, text, numeric, numeric, date, text, numeric, numeric) is $$Try a sale
What selling so many units would do, by the same engine that derives the lots, with nothing written: the lots it would close with gain and term, the wash sales it would trigger (an empty loss_transaction_id is this sale), what would be recognized, closings of other transactions that would change, and the lots that would remain in the account at the end of that day.
account: number or name. instrument: symbol. price and fees in the instrument's currency; fx_rate (tax currency for one unit of it) where that is another. date: today if left out; it may lie in the past or ahead. method: instead of the one that holds. loss_still_exposed is the part of a loss that a purchase until window_open_until would still defer.$$;

grant execute on function api.what_if_sale(text, text, numeric, numeric, date, text, numeric, numeric)
    to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin;
alter function api.what_if_sale(text, text, numeric, numeric, date, text, numeric, numeric) owner to quantmatrix_writer;
