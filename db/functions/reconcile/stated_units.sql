-- Units as rows state them, without the engine: what there is to hold its positions and its splits against.

-- Units that transactions state, where every row of the account and instrument states them: no corporate action, no leg that the engine makes.
create function reconcile.stated_positions(p_user_id uuid, p_account_id bigint)
returns table (account_id bigint, instrument_id bigint, quantity numeric)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    with moving as (
        select t.account_id, t.instrument_id, t.quantity, t.transaction_type
        from core.transactions t
        where t.user_id = p_user_id
        and (p_account_id is null or t.account_id = p_account_id)
        and t.instrument_id is not null
    ),
    computed as (
        select distinct t.instrument_id
        from core.transactions t
        where t.user_id = p_user_id
        and t.transaction_type in (
            'split', 'stock_dividend', 'spinoff', 'symbol_change', 'merger_cash', 'merger_stock', 'merger_mixed', 'cash_in_lieu', 'other'
        )
        union
        select k.new_instrument_id
        from tax.transaction_terms k
        where k.user_id = p_user_id
        and k.new_instrument_id is not null
        union
        select coalesce(f.merged_into_instrument_id, o.underlying_instrument_id)
        from core.transactions t
        join tax.instrument_facts o on o.user_id = t.user_id and o.instrument_id = t.instrument_id
        left join tax.instrument_facts f on f.user_id = t.user_id and f.instrument_id = o.underlying_instrument_id
        where t.user_id = p_user_id
        and t.transaction_type in ('option_exercise', 'option_assignment')
        and o.underlying_instrument_id is not null
    )
    select m.account_id, m.instrument_id, sum(m.quantity)
    from moving m
    where not exists (select from computed c where c.instrument_id = m.instrument_id)
    and m.transaction_type in (
        'buy', 'sell', 'reinvest', 'option_exercise', 'option_assignment', 'option_expiration',
        'transfer_in', 'transfer_out', 'gift_in', 'gift_out', 'inheritance', 'promotion'
    )
    group by m.account_id, m.instrument_id
    having bool_and(m.quantity is not null)
$$;

comment on function reconcile.stated_positions(uuid, bigint) is
    'Signed sum of the quantities of transactions, where no quantity has to be computed. Shares delivered against an own short change nothing.';

-- Units from row to row: a split multiplies what is there, anything else adds.
create function reconcile.carry_units(p_units numeric, p_quantity numeric, p_ratio numeric)
returns numeric
language sql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select round(p_units * coalesce(p_ratio, 1), 8) + coalesce(p_quantity, 0)
$$;

comment on function reconcile.carry_units(numeric, numeric, numeric) is 'Units after a row of a given quantity or ratio.';

create aggregate reconcile.carried_units(numeric, numeric) (
    sfunc = reconcile.carry_units,
    stype = numeric,
    initcond = '0'
);

comment on aggregate reconcile.carried_units(numeric, numeric) is 'Units after a series of rows, each with its quantity or its ratio; the order matters.';

-- What a split added by our history, beside what the broker printed. Fractions may have been paid out or rounded up, so less than a unit is no difference.
create function reconcile.stated_splits(p_user_id uuid, p_account_id bigint)
returns table (transaction_id bigint, account_id bigint, instrument_id bigint, trade_date date, ours numeric, stated numeric)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    with split as materialized (
        select distinct t.account_id, t.instrument_id
        from tax.transaction_terms k
        join core.transactions t on t.user_id = k.user_id and t.id = k.transaction_id
        where k.user_id = p_user_id
        and k.stated_quantity is not null
        and t.transaction_type in ('split', 'stock_dividend')
        and (p_account_id is null or t.account_id = p_account_id)
    ),
    rows_of_them as (
        select
            t.id, t.account_id, t.instrument_id, t.trade_date, t.transaction_type, t.executed_at, t.sequence,
            case when t.transaction_type <> 'delivery' then t.quantity end as quantity,
            case t.transaction_type
                when 'split' then k.ratio_numerator / k.ratio_denominator
                when 'stock_dividend' then 1 + k.ratio_numerator / k.ratio_denominator
            end as ratio,
            k.stated_quantity
        from split s
        join core.transactions t on t.user_id = p_user_id and t.account_id = s.account_id and t.instrument_id = s.instrument_id
        left join tax.transaction_terms k on k.user_id = t.user_id and k.transaction_id = t.id
        where t.transaction_type not in ('dividend', 'payment_in_lieu', 'capital_gain_distribution', 'interest', 'fee', 'tax_withheld')
    ),
    carried as (
        select
            r.*,
            reconcile.carried_units(r.quantity, r.ratio) over (
                partition by r.account_id, r.instrument_id
                order by r.trade_date, r.ratio is null, r.executed_at nulls first, r.sequence, r.id
                rows between unbounded preceding and 1 preceding
            ) as units
        from rows_of_them r
    )
    select c.id, c.account_id, c.instrument_id, c.trade_date, round(coalesce(c.units, 0) * (c.ratio - 1), 8), c.stated_quantity
    from carried c
    where c.ratio is not null
    and c.stated_quantity is not null
    and abs(coalesce(c.units, 0) * (c.ratio - 1) - c.stated_quantity) >= 1
    and not exists (
        select from core.transactions t
        left join tax.transaction_terms k on k.user_id = t.user_id and k.transaction_id = t.id
        where t.user_id = p_user_id
        and (
            t.instrument_id = c.instrument_id
            and t.transaction_type in ('spinoff', 'symbol_change', 'merger_cash', 'merger_stock', 'merger_mixed', 'other')
            or k.new_instrument_id = c.instrument_id
        )
    )
$$;

comment on function reconcile.stated_splits(uuid, bigint) is
    'Splits that added other units by our history than the broker prints; holdings that came from other corporate actions are left to the comparison of positions.';

grant execute on function
    reconcile.carry_units(numeric, numeric, numeric), reconcile.carried_units(numeric, numeric), reconcile.stated_splits(uuid, bigint),
    reconcile.stated_positions(uuid, bigint)
    to quantmatrix_writer;
