-- What the books leave open, beside what was compared: no difference is little comfort where gains are not known.

create function reconcile.unknown_effects(p_user_id uuid, p_account_ids bigint[])
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_mergejoin = off
as $$
    with closing as (
        select count(*) as number, sum(c.proceeds) as proceeds
        from tax.closings c
        where c.user_id = p_user_id
        and (p_account_ids is null or c.account_id = any (p_account_ids))
        and (c.basis is null or c.proceeds is null)
    ),
    lot as (
        select count(*) as number
        from core.tax_lots l
        where l.user_id = p_user_id
        and (p_account_ids is null or l.account_id = any (p_account_ids))
        and l.closed_at is null
        and l.cost_remaining is null
    ),
    unclear as materialized (
        select
            t.id,
            case when coalesce(t.quantity, x.stated_quantity) is null then coalesce(x.new_instrument_id, t.instrument_id) else t.instrument_id end as instrument_id,
            abs(coalesce(t.quantity, x.stated_quantity, x.stated_new_quantity)) as units,
            abs(t.net_amount) as money,
            t.currency
        from core.transactions t
        left join tax.transaction_terms x on x.user_id = p_user_id and x.transaction_id = t.id
        where t.user_id = p_user_id
        and (p_account_ids is null or t.account_id = any (p_account_ids))
        and (
            t.transaction_type = 'other'
            and (coalesce(t.quantity, x.stated_quantity, 0) <> 0 or t.net_amount <> 0)
            or t.id in (
                select n.transaction_id
                from tax.notices n
                where n.user_id = p_user_id
                and n.code in ('missing_terms', 'unknown_direction')
            )
        )
    )
    select jsonb_build_object(
        'closings_without_gain', (select c.number from closing c),
        'proceeds_without_gain', (select reconcile.money_text(coalesce(c.proceeds, 0)) from closing c),
        'lots_without_basis', (select l.number from lot l),
        'rows_of_unknown_effect', (select count(*) from unclear),
        'rows_without_rate', (
            select coalesce(jsonb_object_agg(r.currency, r.number), '{}')
            from (
                select t.currency, count(*) as number
                from tax.notices n
                join core.transactions t on t.user_id = p_user_id and t.id = n.transaction_id
                where n.user_id = p_user_id
                and n.code = 'unknown_rate'
                and (p_account_ids is null or t.account_id = any (p_account_ids))
                group by t.currency
            ) r
        ),
        'units', (
            select coalesce(jsonb_object_agg(u.symbol, trim_scale(u.units)::text), '{}')
            from (
                select i.symbol, sum(c.units) as units
                from unclear c
                join core.instruments i on i.id = c.instrument_id
                where c.units <> 0
                group by i.symbol
            ) u
        ),
        'money', (
            select coalesce(jsonb_object_agg(m.currency, reconcile.money_text(m.money)), '{}')
            from (
                select c.currency, sum(c.money) as money
                from unclear c
                where c.money <> 0
                group by c.currency
            ) m
        )
    )
$$;

comment on function reconcile.unknown_effects(uuid, bigint[]) is
    'What is not known of these accounts, null for all: closings without a gain and their proceeds in the tax currency, open lots without a basis, rows without an exchange rate by currency, rows whose effect on lots or tax is unknown with their units by symbol and money by currency.';

grant execute on function reconcile.unknown_effects(uuid, bigint[]) to quantmatrix_writer;
