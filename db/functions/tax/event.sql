-- What the event loop reads about an event that is more than a plain trade: its transaction with terms, and the row that belongs to it.

create type tax.event_detail as (
    quantity numeric,
    price numeric,
    native_gross numeric,
    native_amount numeric,
    amount numeric,
    native_costs numeric,
    costs numeric,
    rate numeric,
    ratio_numerator numeric,
    ratio_denominator numeric,
    fraction_handling tax.fraction_handling,
    cash_in_lieu numeric,
    new_instrument_id bigint,
    basis_fraction numeric,
    cash_per_share numeric,
    value_per_new_share numeric,
    amount_per_share numeric,
    taxable boolean,
    supplied_basis numeric,
    supplied_acquired_on date,
    donor_basis numeric,
    donor_acquired_on date,
    market_value numeric,
    covered boolean,
    lot_method core.lot_method,
    stated_quantity numeric,
    stated_new_quantity numeric,
    exercise_settlement tax.exercise_settlement,
    position_effect core.position_effect
);

comment on type tax.event_detail is
    'A transaction with its terms. native_gross is what the source states, native_amount that or what follows from net or price; amount and costs are in the tax currency, costs positive.';

-- An amount is rounded where it is translated, here and for trades in history.sql, and where it is apportioned; nowhere else (N.3).
create function tax.read_event(p_user_id uuid, p_transaction_id bigint, p_tax_currency text)
returns tax.event_detail
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select
        t.quantity, t.price, abs(t.gross_amount), a.native_amount, round(a.native_amount * r.rate, 2),
        a.native_costs, case when a.native_costs = 0 then 0 else round(a.native_costs * r.fee_rate, 2) end, r.rate,
        x.ratio_numerator, x.ratio_denominator, x.fraction_handling, x.cash_in_lieu, x.new_instrument_id, x.basis_fraction, x.cash_per_share,
        x.value_per_new_share, x.amount_per_share, coalesce(x.taxable, false), x.supplied_basis, x.supplied_acquired_on, x.donor_basis,
        x.donor_acquired_on, x.market_value, x.covered, x.lot_method, x.stated_quantity, x.stated_new_quantity, x.exercise_settlement,
        t.position_effect
    from core.transactions t
    left join tax.transaction_terms x on x.user_id = t.user_id and x.transaction_id = t.id
    left join core.instruments i on i.id = t.instrument_id
    cross join lateral (
        select
            - (t.commission + t.fees) as native_costs,
            case
                when i.instrument_type = 'future' and t.gross_amount is not null
                    then case t.transaction_type when 'buy' then -t.gross_amount else t.gross_amount end
                else coalesce(
                    abs(t.gross_amount), abs(nullif(t.net_amount - t.commission - t.fees, 0)), abs(t.quantity) * t.price * i.multiplier
                )
            end as native_amount
    ) a
    cross join lateral (
        select
            o.rate,
            case
                when x.fee_currency is null or x.fee_currency = t.currency then coalesce(x.fee_fx_rate, o.rate)
                when x.fee_currency = p_tax_currency then coalesce(x.fee_fx_rate, 1)
                else x.fee_fx_rate
            end as fee_rate
        from (
            select case when t.currency = p_tax_currency then coalesce(x.fx_rate, 1) else x.fx_rate end as rate
        ) o
    ) r
    where t.user_id = p_user_id
    and t.id = p_transaction_id
$$;

comment on function tax.read_event(uuid, bigint, text) is 'A transaction with its terms, amounts in both currencies.';

-- A broker of futures either prints what a contract is worth, or moves cash: nothing when it opens, the day's result when it closes.
create function tax.settles_a_result(p_user_id uuid, p_transaction_id bigint)
returns boolean
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(t.gross_amount <> 0 and abs(t.gross_amount) is distinct from abs(t.quantity) * t.price * i.multiplier, false)
    from core.transactions t
    join core.instruments i on i.id = t.instrument_id
    where t.user_id = p_user_id
    and t.id = p_transaction_id
$$;

comment on function tax.settles_a_result(uuid, bigint) is
    'D.10: whether the cash of a future''s trade is the result of what it closes, and not what the contract is worth.';

create type tax.event_partner as (
    kind tax.link_kind,
    transaction_id bigint,
    account_id bigint,
    instrument_id bigint,
    units numeric,
    native_amount numeric,
    amount numeric,
    native_costs numeric,
    costs numeric,
    covered boolean,
    later_basis numeric,
    later_acquired_on date
);

comment on type tax.event_partner is 'The row that an event speaks for, and basis and date that were supplied later.';

-- Of several statements of a basis the newest wins, basis and date each on its own (E.5).
create function tax.supplied_basis(p_user_id uuid, p_transaction_ids bigint[])
returns table (to_id bigint, basis numeric, acquired_on date)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select
        l.to_id,
        (array_agg(round(x.supplied_basis, 2) order by t.trade_date desc, t.sequence desc, t.source collate "C" desc, t.dedupe_key collate "C" desc)
            filter (where x.supplied_basis is not null))[1],
        (array_agg(x.supplied_acquired_on order by t.trade_date desc, t.sequence desc, t.source collate "C" desc, t.dedupe_key collate "C" desc)
            filter (where x.supplied_acquired_on is not null))[1]
    from tax.transaction_links l
    join core.transactions t on t.user_id = l.user_id and t.id = l.from_id and t.transaction_type = 'set_basis'
    join tax.transaction_terms x on x.user_id = l.user_id and x.transaction_id = l.from_id
    where l.user_id = p_user_id
    and l.kind = 'basis'
    and l.to_id = any (p_transaction_ids)
    group by l.to_id
$$;

comment on function tax.supplied_basis(uuid, bigint[]) is 'Basis and acquisition date supplied later for the given transactions (set_basis rows linked with them).';

-- Lots whose basis can be supplied beside those of arrivals: what a corporate action or an exercise made of units that are not in the book (E.4, E.5).
create function tax.opens_unknown_lots(p_user_id uuid, p_transaction_id bigint)
returns boolean
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select exists (
        select from core.transactions t
        where t.user_id = p_user_id
        and t.id = p_transaction_id
        and (
            t.transaction_type in (
                'split', 'stock_dividend', 'spinoff', 'symbol_change', 'merger_stock', 'merger_mixed', 'option_exercise', 'option_assignment'
            )
            or exists (
                select from tax.transaction_links l
                where l.user_id = p_user_id
                and l.to_id = t.id
                and l.kind = 'exercise'
            )
        )
    )
    and exists (
        select from core.tax_lots l
        where l.user_id = p_user_id
        and l.opening_transaction_id = p_transaction_id
        and (
            l.basis_status = 'unknown'
            or exists (
                select from tax.transaction_links b
                where b.user_id = p_user_id
                and b.to_id = p_transaction_id
                and b.kind = 'basis'
            )
        )
    )
$$;

comment on function tax.opens_unknown_lots(uuid, bigint) is
    'Whether a corporate action or an exercise opened lots of unknown basis, or did until it was supplied.';

create function tax.spinoffs_without_share(p_user_id uuid, p_account_id bigint, p_instrument_id bigint)
returns bigint[]
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select array_agg(t.id order by t.trade_date, t.id)
    from tax.instrument_groups own
    join tax.instrument_groups g on g.user_id = own.user_id and g.group_id = own.group_id
    join core.transactions t on t.user_id = own.user_id and t.instrument_id = g.instrument_id
    left join tax.transaction_terms x on x.user_id = t.user_id and x.transaction_id = t.id
    where own.user_id = p_user_id
    and own.instrument_id = p_instrument_id
    and t.account_id = p_account_id
    and t.transaction_type = 'spinoff'
    and x.basis_fraction is null
$$;

comment on function tax.spinoffs_without_share(uuid, bigint, bigint) is
    'Spin-offs of an account, among an instrument and what hangs together with it, whose share of the basis is not stated (C.5); null if there is none.';

create function tax.read_partner(p_user_id uuid, p_transaction_id bigint, p_tax_currency text)
returns tax.event_partner
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_partner tax.event_partner;
    v_detail tax.event_detail;
begin
    select l.kind, case l.kind when 'cash_in_lieu' then l.from_id else l.to_id end
    into v_partner.kind, v_partner.transaction_id
    from tax.transaction_links l
    where l.user_id = p_user_id
    and (
        l.from_id = p_transaction_id and l.kind in ('exercise', 'transfer')
        or l.to_id = p_transaction_id and l.kind = 'cash_in_lieu'
    )
    order by l.kind, l.from_id, l.to_id
    limit 1;
    if found then
        select t.account_id, t.instrument_id
        into v_partner.account_id, v_partner.instrument_id
        from core.transactions t
        where t.user_id = p_user_id
        and t.id = v_partner.transaction_id;
        v_detail := tax.read_event(p_user_id, v_partner.transaction_id, p_tax_currency);
        v_partner.units := abs(coalesce(v_detail.quantity, v_detail.stated_quantity));
        v_partner.native_amount := v_detail.native_amount;
        v_partner.amount := v_detail.amount;
        v_partner.native_costs := v_detail.native_costs;
        v_partner.costs := v_detail.costs;
        v_partner.covered := v_detail.covered;
    end if;
    select b.basis, b.acquired_on
    into v_partner.later_basis, v_partner.later_acquired_on
    from tax.supplied_basis(p_user_id, array[p_transaction_id]) b;
    return v_partner;
end
$$;

comment on function tax.read_partner(uuid, bigint, text) is 'The stock row of an exercise, the arriving leg of a transfer, the cash for a fraction; and basis supplied later.';
