-- What a file states of itself: balances and positions, beside what the books hold.

create function api.import_totals(import_id bigint)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    with me as (
        select auth.require_user() as user_id
    ),
    cash as (
        select
            c.account_id, c.currency,
            (array_agg(c.amount order by c.as_of) filter (where c.moment = 'start'))[1] as start_amount,
            (array_agg(c.amount order by c.as_of desc) filter (where c.moment = 'end'))[1] as end_amount,
            min(c.as_of) filter (where c.moment = 'start') as start_on,
            max(c.as_of) filter (where c.moment = 'end') as end_on
        from ingest.broker_cash c
        where c.user_id = (select m.user_id from me m)
        and c.sync_id = import_totals.import_id
        group by c.account_id, c.currency
    ),
    stated as (
        select b.account_id, b.instrument_id, b.as_of, sum(b.quantity) as quantity, max(b.as_of) over (partition by b.account_id) as newest
        from ingest.broker_positions b
        where b.user_id = (select m.user_id from me m)
        and b.sync_id = import_totals.import_id
        group by b.account_id, b.instrument_id, b.as_of
    )
    select jsonb_build_object(
        'cash', (
            select coalesce(
                jsonb_agg(
                    jsonb_build_object(
                        'account', a.account_number, 'currency', c.currency,
                        'start', trim_scale(c.start_amount)::text, 'stated_end', trim_scale(c.end_amount)::text,
                        'settled', trim_scale((
                            select coalesce(sum(s.amount), 0)
                            from reconcile.settled_by_price s
                            where s.user_id = a.user_id
                            and s.account_id = c.account_id
                            and s.currency = c.currency
                            and s.trade_date between c.start_on and c.end_on
                        ))::text
                    )
                    order by a.account_number, c.currency
                ), '[]'
            )
            from cash c
            join core.accounts a on a.user_id = (select m.user_id from me m) and a.id = c.account_id
        ),
        'positions', (
            select coalesce(
                jsonb_agg(
                    jsonb_build_object(
                        'account', a.account_number, 'symbol', i.symbol, 'stated', trim_scale(s.quantity)::text,
                        'recorded', trim_scale(coalesce(p.quantity, 0))::text
                    )
                    order by a.account_number, i.symbol
                ), '[]'
            )
            from stated s
            join core.accounts a on a.user_id = (select m.user_id from me m) and a.id = s.account_id
            join core.instruments i on i.id = s.instrument_id
            left join core.positions p
                on p.user_id = (select m.user_id from me m) and p.account_id = s.account_id and p.instrument_id = s.instrument_id
            where s.as_of = s.newest
        )
    )
$$;

comment on function api.import_totals(bigint) is $$What a file states of itself
An object with cash (account, currency, start, stated_end, settled: what futures settled by price in that time) and positions (account, symbol, stated, recorded: what is held now).$$;

grant execute on function api.import_totals(bigint) to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin;
