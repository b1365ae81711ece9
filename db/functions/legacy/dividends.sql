-- What is read of V1's dividends, which it kept apart from its transactions: judged like those, and staged as verdicts.

-- Dividends are stored in two places, and a feed that was a mock wrote into one of them.
create function legacy.read_dividends(p_user_id uuid, p_load_id uuid, p_first_line integer, p_frozen_at timestamptz)
returns integer
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_mergejoin = off
as $$
declare
    v_count integer;
begin
    insert into ingest.staging (load_id, user_id, kind, line_number, payload)
    with known as materialized (
        select a.v1_id, a.broker, a.account
        from legacy.accounts(p_user_id, p_load_id) a
    ),
    stated as (
        select
            d.id, k.account, d.source, d.ex_date::date as ex_day, coalesce(d.pay_date, d.ex_date)::date as day,
            legacy.symbol(d.symbol) as symbol,
            case when upper(btrim(d.currency)) ~ '^[A-Z]{3,5}$' then upper(btrim(d.currency)) else 'USD' end as currency,
            legacy.number(d.dividend_per_share, 8) as per_share,
            legacy.number(d.shares_held, 6) as units,
            legacy.number(d.total_dividend, 8) as gross,
            coalesce(abs(legacy.number(d.tax_withheld, 8)), 0) as withheld,
            nullif(btrim(d.external_id), '') as broker_id
        from ingest.staging s
        cross join lateral jsonb_to_record(s.payload) as d (
            id bigint, account_id bigint, external_id text, symbol text, ex_date timestamp, pay_date timestamp, dividend_per_share numeric,
            shares_held numeric, total_dividend numeric, tax_withheld numeric, currency text, source text
        )
        left join known k on k.v1_id = d.account_id
        where s.load_id = p_load_id
        and s.user_id = p_user_id
        and s.kind = 'v1_dividends'
    ),
    judged as (
        select
            d.*,
            case
                when d.account is null then 'orphan_account'
                when d.source like '%estimated%' or (d.ex_day = '2024-11-15' and d.day = '2024-11-28' and d.per_share = 0.25) then 'dividend_estimated'
                when d.day is null or d.day < '2000-01-01' or d.day > (p_frozen_at + interval '366 days')::date then 'implausible_date'
                when coalesce(d.symbol, 'UNKNOWN') = 'UNKNOWN' or length(d.symbol) > 64 then 'unknown_symbol'
                when coalesce(d.gross, 0) = 0 then 'zero_amount'
            end as alone
        from stated d
    ),
    repeated as (
        select
            j.*,
            first_value(j.id) over (partition by j.alone is null, j.account, j.symbol, j.ex_day order by j.id) as first_id
        from judged j
    ),
    families as materialized (
        select r.first_id, jsonb_agg(r.id order by r.id) as ids
        from repeated r
        where r.alone is null
        group by r.first_id
    ),
    traded as materialized (
        select
            r.payload ->> 'account' as account,
            r.payload ->> 'symbol' as symbol,
            (r.payload ->> 'day')::date as day,
            round((r.payload ->> 'gross')::numeric, 2) as gross,
            min((r.payload ->> 'id')::bigint) as id
        from ingest.staging r
        where r.load_id = p_load_id
        and r.user_id = p_user_id
        and r.kind = 'v1_read'
        and r.payload ->> 'type' = 'dividend'
        group by 1, 2, 3, 4
    )
    select
        p_load_id, p_user_id, 'v1_read', p_first_line - 1 + row_number() over (order by d.day nulls first, d.id),
        jsonb_strip_nulls(jsonb_build_object(
            'table', 'dividends',
            'id', d.id,
            'account', d.account,
            'symbol', d.symbol,
            'reason', coalesce(
                d.alone,
                case
                    when d.first_id <> d.id then 'duplicate_dividend'
                    when t.id is not null then 'dividend_also_in_transactions'
                end
            ),
            'survivor', case when d.alone is null then coalesce(t.id, d.first_id) end,
            'survivor_table', case when d.alone is null and t.id is not null then 'transactions' else 'dividends' end
        ) || case
            when d.alone is not null or d.first_id <> d.id or t.id is not null then '{}'
            else jsonb_build_object(
                'ids', f.ids,
                'type', 'dividend',
                'instrument_type', case when legacy.is_option(d.symbol) then 'option' else 'stock' end,
                'currency', d.currency,
                'day', d.day,
                'units', d.units,
                'price', abs(d.per_share),
                'gross', d.gross,
                'commission', 0,
                'fees', -d.withheld,
                'broker_id', 'dividend:' || d.broker_id,
                'source', d.source
            )
        end)
    from repeated d
    left join families f on f.first_id = d.id
    left join traded t
        on d.alone is null
        and t.account = d.account
        and t.symbol = d.symbol
        and t.day = d.day
        and t.gross = round(d.gross, 2);
    get diagnostics v_count = row_count;
    return v_count;
end
$$;

comment on function legacy.read_dividends(uuid, uuid, integer, timestamptz) is 'Judges every row of V1''s dividends, after its transactions.';

grant execute on function legacy.read_dividends(uuid, uuid, integer, timestamptz) to quantmatrix_writer;
