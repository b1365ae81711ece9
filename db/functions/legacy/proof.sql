-- The proof: what came in and where each row went, totals before and after, holdings against positions, positions against lots. Made from V1 as staged
-- and from the tables as they stand, never from what the load believes it did.

create function legacy.sources(p_user_id uuid, p_load_id uuid)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
as $$
    with judged as (
        select r.payload ->> 'table' as source, r.payload ->> 'reason' as reason, (r.payload ->> 'id')::bigint as id, r.line_number
        from ingest.staging r
        where r.load_id = p_load_id
        and r.user_id = p_user_id
        and r.kind = 'v1_read'
        union all
        select 'holdings', h.reason, h.id, 2147483647
        from legacy.holdings(p_user_id, p_load_id) h
        union all
        -- A second row of one broker number is kept too: its rows are those of the account it maps to.
        select 'accounts', null, a.v1_id, 2147483648
        from legacy.accounts(p_user_id, p_load_id) a
        union all
        select w.source, w.reason, w.id, case w.source when 'alerts' then 2147483649 else 2147483650 end
        from legacy.alerts(p_user_id, p_load_id) w
    ),
    counted as (
        select j.source, j.reason, min(j.line_number) as line_number, count(*) as number, jsonb_agg(j.id order by j.id) filter (where j.reason is not null) as ids
        from judged j
        group by j.source, j.reason
        union all
        -- An empty table is a source too.
        select e.source, null, e.line_number, 0, null
        from (
            values
                ('transactions', 0), ('dividends', 1), ('holdings', 2147483647), ('accounts', 2147483648), ('alerts', 2147483649),
                ('alert_conditions', 2147483650)
        ) e (source, line_number)
    )
    select coalesce(
        jsonb_agg(
            jsonb_build_object(
                'source', s.source,
                'rows_in', s.rows_in,
                'kept', s.kept,
                'rejected', s.rejected,
                'rejected_total', s.rows_in - s.kept,
                'rejected_ids', s.rejected_ids
            )
            order by s.line_number, s.source
        ), '[]'
    )
    from (
        select
            c.source, min(c.line_number) as line_number, sum(c.number) as rows_in, coalesce(sum(c.number) filter (where c.reason is null), 0) as kept,
            coalesce(jsonb_object_agg(c.reason, c.number) filter (where c.reason is not null), '{}') as rejected,
            coalesce(jsonb_object_agg(c.reason, c.ids) filter (where c.reason is not null), '{}') as rejected_ids
        from counted c
        group by c.source
    ) s
$$;

comment on function legacy.sources(uuid, uuid) is 'For each input: rows in = kept + rejected by reason, with the ids of the rejected. Holdings that are kept are compared, not imported; kept conditions are in their alerts.';

-- What the same accounts hold from elsewhere: broker files imported before or since, entries by hand, and the owner's files where this run was given none.
create function legacy.elsewhere(p_user_id uuid, p_load_id uuid, p_with_files boolean)
returns table (account text, symbol text, currency text, quantity numeric, amount numeric)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select a.account_number, i.symbol, t.currency, sum(coalesce(t.quantity, 0)), sum(t.net_amount)
    from core.transactions t
    join core.accounts a on a.user_id = t.user_id and a.id = t.account_id
    join (select distinct k.broker, k.account from legacy.accounts(p_user_id, p_load_id) k) k
        on k.broker = a.broker and k.account = a.account_number
    left join core.instruments i on i.id = t.instrument_id
    where t.user_id = p_user_id
    and not t.metadata ?| array['v1_transactions', 'v1_dividends']
    and not (p_with_files and t.metadata ? 'v1_file')
    group by a.account_number, i.symbol, t.currency
$$;

comment on function legacy.elsewhere(uuid, uuid, boolean) is 'Units and cash that the accounts of V1 have from rows that are not of V1.';

create function legacy.proof(p_user_id uuid, p_load_id uuid, p_migration jsonb, p_frozen_at timestamptz)
returns jsonb
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_sources jsonb := legacy.sources(p_user_id, p_load_id);
    v_holdings jsonb;
    v_after jsonb;
    v_quantities jsonb;
    v_cash jsonb;
    v_accounts jsonb;
    v_with_files constant boolean := jsonb_array_length(coalesce(p_migration -> 'files', '[]')) > 0;
begin
    select
        coalesce(jsonb_agg(
            jsonb_build_object(
                'account', c.account, 'symbol', c.symbol, 'v1_holding_id', c.v1_holding_id, 'holding', trim_scale(c.holding)::text,
                'position', trim_scale(c."position")::text, 'open_lots', c.open_lots, 'open_lot_quantity', trim_scale(c.lot_quantity)::text, 'cause', c.cause
            )
            order by c.account, c.symbol
        ), '[]'),
        jsonb_build_object(
            'holdings', count(*) filter (where c.cause <> 'match'),
            'shares', trim_scale(coalesce(sum(abs(c."position" - c.holding)) filter (where c.cause <> 'match'), 0))::text,
            'lots', count(*) filter (where c.lot_quantity <> c."position"),
            'lot_shares', trim_scale(coalesce(sum(c.lot_quantity), 0))::text,
            'holding_shares', trim_scale(coalesce(sum(c.holding), 0))::text,
            'ratio', round(sum(abs(c.lot_quantity)) / nullif(sum(abs(c.holding)), 0), 3)::text
        )
    into v_holdings, v_after
    from legacy.comparison(p_user_id, p_load_id, p_frozen_at) c;

    with brought as materialized (
        select r.payload ->> 'account' as account, r.payload ->> 'symbol' as symbol, sum((r.payload ->> 'quantity')::numeric) as quantity
        from ingest.staging r
        where r.load_id = p_load_id
        and r.user_id = p_user_id
        and r.kind = 'v1_read'
        and r.payload ->> 'reason' is null
        and r.payload ->> 'symbol' is not null
        group by 1, 2
    )
    select coalesce(jsonb_agg(
        jsonb_build_object(
            'account', coalesce(b.account, p.account), 'symbol', coalesce(b.symbol, p.symbol),
            'before', trim_scale(coalesce(b.quantity, 0))::text, 'elsewhere', trim_scale(coalesce(e.quantity, 0))::text,
            'after', trim_scale(coalesce(p.quantity, 0))::text
        )
        order by coalesce(b.account, p.account), coalesce(b.symbol, p.symbol)
    ), '[]')
    into v_quantities
    from brought b
    full join legacy.positions(p_user_id, p_load_id) p on p.account = b.account and p.symbol = b.symbol
    left join (
        select o.account, o.symbol, sum(o.quantity) as quantity
        from legacy.elsewhere(p_user_id, p_load_id, v_with_files) o
        group by o.account, o.symbol
    ) e on e.account = coalesce(b.account, p.account) and e.symbol = coalesce(b.symbol, p.symbol);

    with brought as materialized (
        select
            r.payload ->> 'account' as account, r.payload ->> 'currency' as currency,
            sum((r.payload ->> 'gross')::numeric + (r.payload ->> 'commission')::numeric + (r.payload ->> 'fees')::numeric) as amount
        from ingest.staging r
        where r.load_id = p_load_id
        and r.user_id = p_user_id
        and r.kind = 'v1_read'
        and r.payload ->> 'reason' is null
        group by 1, 2
    ),
    balances as materialized (
        select a.account_number as account, m.currency, sum(m.amount) as amount
        from reconcile.cash_movements m
        join core.accounts a on a.user_id = m.user_id and a.id = m.account_id
        where m.user_id = p_user_id
        and a.account_number in (select k.account from legacy.accounts(p_user_id, p_load_id) k)
        group by 1, 2
    )
    select coalesce(jsonb_agg(
        jsonb_build_object(
            'account', coalesce(b.account, c.account), 'currency', coalesce(b.currency, c.currency),
            'before', trim_scale(coalesce(b.amount, 0))::text, 'elsewhere', trim_scale(coalesce(e.amount, 0))::text,
            'after', trim_scale(coalesce(c.amount, 0))::text
        )
        order by coalesce(b.account, c.account), coalesce(b.currency, c.currency)
    ), '[]')
    into v_cash
    from brought b
    full join balances c on c.account = b.account and c.currency = b.currency
    left join (
        select o.account, o.currency, sum(o.amount) as amount
        from legacy.elsewhere(p_user_id, p_load_id, v_with_files) o
        group by o.account, o.currency
    ) e on e.account = coalesce(b.account, c.account) and e.currency = coalesce(b.currency, c.currency);

    select coalesce(jsonb_agg(
        jsonb_build_object('broker', a.broker, 'account', a.account, 'account_type', a.account_type, 'v1_ids', a.ids) order by a.broker, a.account
    ), '[]')
    into v_accounts
    from (
        select a.broker, a.account, a.account_type, jsonb_agg(a.v1_id order by a.v1_id) as ids
        from legacy.accounts(p_user_id, p_load_id) a
        group by a.broker, a.account, a.account_type
    ) a;

    return jsonb_build_object(
        'v1_written_at', p_frozen_at,
        'accounts', v_accounts,
        'sources', v_sources,
        'quantities', v_quantities,
        'cash', v_cash,
        'holdings', v_holdings,
        'discrepancies', jsonb_build_object('before', legacy.discrepancy_before(p_user_id, p_load_id), 'after', v_after),
        'unread', coalesce(p_migration -> 'unread', '[]'),
        'discarded', jsonb_build_object(
            'tax_lots', (
                select count(*)
                from ingest.staging s
                where s.load_id = p_load_id and s.user_id = p_user_id and s.kind = 'v1_tax_lots'
            )
        )
    );
end
$$;

comment on function legacy.proof(uuid, uuid, jsonb, timestamptz) is 'The proof of a migration as one object; printed, and stored with the run.';

-- The plan's own question, answered by figures where figures can answer it.
create function legacy.verdicts(p_proof jsonb, p_seconds numeric, p_query_seconds numeric)
returns jsonb
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    with differing as (
        select h.account, h.symbol, h.cause, a.broker
        from jsonb_to_recordset(p_proof -> 'holdings') as h (account text, symbol text, cause text)
        left join jsonb_to_recordset(p_proof -> 'accounts') as a (account text, broker text) on a.account = h.account
        where h.cause <> 'match'
    ),
    unequal as (
        select
            (
                select count(*) from jsonb_to_recordset(p_proof -> 'sources') as s (rows_in bigint, kept bigint, rejected_total bigint)
                where s.rows_in <> s.kept + s.rejected_total
            ) as rows,
            (
                select count(*) from jsonb_to_recordset(p_proof -> 'quantities') as q (before numeric, elsewhere numeric, after numeric)
                where q.before + q.elsewhere <> q.after
            ) + (
                select count(*) from jsonb_to_recordset(p_proof -> 'cash') as c (before numeric, elsewhere numeric, after numeric)
                where c.before + c.elsewhere <> c.after
            ) as totals
    ),
    answered as (
        select
            1 as place, 'history of IBKR is complete' as criterion,
            not exists (select from differing d where d.broker = 'ibkr') as is_met,
            (select count(*) from differing d where d.broker = 'ibkr') || ' of its holdings are not explained by its transactions and your files' as evidence
        union all
        select
            2, 'TastyTrade is reliable',
            not exists (select from differing d where d.broker = 'tastytrade'),
            (select count(*) from differing d where d.broker = 'tastytrade') || ' of its holdings are not explained by its transactions'
        union all
        select 3, 'every row passes the constraints', true, 'the load ran under all of them'
        union all
        select 4, 'every row is accounted for', u.rows = 0, 'rows in = kept + rejected by reason in all but ' || u.rows || ' sources'
        from unequal u
        union all
        select 5, 'nothing is lost on the way', u.totals = 0, u.totals || ' totals of quantity or cash differ before and after'
        from unequal u
        union all
        select
            6, 'no discrepancy is left',
            (p_proof #>> '{discrepancies,after,holdings}')::bigint = 0,
            format(
                'before: %s holdings, %s shares; after: %s holdings, %s shares',
                p_proof #>> '{discrepancies,before,holdings}', p_proof #>> '{discrepancies,before,shares}',
                p_proof #>> '{discrepancies,after,holdings}', p_proof #>> '{discrepancies,after,shares}'
            )
        union all
        select 7, 'it fits into the time planned', p_seconds < 14 * 86400, round(p_seconds, 1) || ' seconds; two weeks are planned'
        union all
        select 8, 'a query answers within a second', p_query_seconds < 1, 'all holdings in ' || round(p_query_seconds, 3) || ' seconds'
        union all
        select 9, 'the owner has looked at the result', null, 'compare the holdings above with what the brokers show'
    )
    select jsonb_agg(
        jsonb_build_object('criterion', a.criterion, 'verdict', case a.is_met when true then 'go' when false then 'no-go' else 'ask' end, 'evidence', a.evidence)
        order by a.place
    )
    from answered a
$$;

comment on function legacy.verdicts(jsonb, numeric, numeric) is 'The go/no-go criteria of the rebuild plan with a verdict and its evidence each.';

create function legacy.end_run(p_user_id uuid, p_sync_id bigint, p_proof jsonb)
returns void
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
    update ingest.files f
    set report = p_proof
    where f.user_id = p_user_id
    and f.sync_id = p_sync_id;

    update core.sync_history h
    set status = 'finished',
        finished_at = clock_timestamp(),
        rows_in = c.rows_in,
        rows_accepted = c.kept,
        rejects = c.rejects
    from (
        -- The run counts what moves shares or cash.
        select
            sum(s.rows_in) as rows_in, sum(s.kept) as kept,
            (
                select coalesce(jsonb_object_agg(r.reason, r.number), '{}')
                from (
                    select e.key as reason, sum(e.value::bigint) as number
                    from jsonb_array_elements(p_proof -> 'sources') k
                    cross join lateral jsonb_each_text(k -> 'rejected') e
                    where k ->> 'source' not in ('holdings', 'accounts', 'alerts', 'alert_conditions')
                    group by e.key
                ) r
            ) as rejects
        from jsonb_to_recordset(p_proof -> 'sources') as s (source text, rows_in integer, kept integer)
        where s.source not in ('holdings', 'accounts', 'alerts', 'alert_conditions')
    ) c
    where h.user_id = p_user_id
    and h.id = p_sync_id
$$;

comment on function legacy.end_run(uuid, bigint, jsonb) is 'Ends the run of a migration with its proof, and with rows kept and rejected as the proof counts them.';

grant execute on function
    legacy.sources(uuid, uuid), legacy.elsewhere(uuid, uuid, boolean), legacy.proof(uuid, uuid, jsonb, timestamptz), legacy.verdicts(jsonb, numeric, numeric),
    legacy.end_run(uuid, bigint, jsonb)
    to quantmatrix_writer;
