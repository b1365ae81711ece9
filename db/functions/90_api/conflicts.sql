-- The same event from two sources counts twice, and nobody but the person can say which source is right where they differ. Executions of one
-- source and orders of another do not match row by row, so a day's units and cash of an instrument are compared.

create function api.import_conflicts(account text default null)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    with told as (
        select
            t.account_id, t.trade_date, t.instrument_id, t.currency, t.source,
            case when t.instrument_id is null then t.transaction_type end as cash_type,
            count(*) as number, sum(t.quantity) as quantity, sum(t.net_amount) as net
        from core.transactions t
        where t.user_id = (select auth.require_user())
        and (
            import_conflicts.account is null
            or t.account_id in (
                select a.id
                from core.accounts a
                where a.user_id = (select auth.user_id())
                and import_conflicts.account in (a.account_number, a.name)
            )
        )
        group by t.account_id, t.trade_date, t.instrument_id, t.currency, t.source, cash_type
    ),
    doubled as (
        select
            d.account_id, d.trade_date, d.instrument_id, d.cash_type,
            case
                when min(coalesce(d.quantity, 0)) = max(coalesce(d.quantity, 0)) and max(d.net) - min(d.net) <= 0.01 then 'same'
                else 'differs'
            end as verdict,
            jsonb_agg(
                jsonb_build_object(
                    'source', d.source, 'rows', d.number, 'quantity', trim_scale(d.quantity)::text, 'net', trim_scale(d.net)::text
                )
                order by d.source
            ) as sources
        from told d
        group by d.account_id, d.trade_date, d.instrument_id, d.currency, d.cash_type
        having count(*) > 1
    )
    select coalesce(
        jsonb_agg(
            jsonb_build_object(
                'account', a.account_number, 'day', d.trade_date, 'symbol', coalesce(i.symbol, d.cash_type::text),
                'verdict', d.verdict, 'sources', d.sources
            )
            order by d.trade_date, a.account_number, i.symbol
        ), '[]'
    )
    from doubled d
    left join core.accounts a on a.user_id = (select auth.user_id()) and a.id = d.account_id
    left join core.instruments i on i.id = d.instrument_id
$$;

comment on function api.import_conflicts(text) is $$Days that two sources tell of
An array of objects: account, day, symbol (or the kind of cash), verdict (same: units and cash agree, so the events count twice; differs) and
sources, each with its rows, quantity and net.$$;

grant execute on function api.import_conflicts(text) to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin;
