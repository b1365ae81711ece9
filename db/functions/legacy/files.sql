-- What the owner knows and V1 does not: files of trades and transfers, one for one account, parsed as any import and staged under a load of their own.
-- A trade that V1 has too (same day on the exchange, the n-th of equal ones) is known already; everything else joins V1's rows.

create function legacy.read_file(
    p_user_id uuid, p_load_id uuid, p_file_load_id uuid, p_name text, p_account text, p_first_line integer
)
returns integer
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_mergejoin = off
as $$
declare
    v_account text;
    v_last_line integer;
begin
    select a.account
    into v_account
    from legacy.accounts(p_user_id, p_load_id) a
    where p_account in (a.account, a.name)
    order by a.account = p_account desc
    limit 1;
    if not found then
        raise exception 'V1 has no account %, which % is said to belong to', p_account, p_name
            using errcode = 'QM010',
                detail = 'accounts of V1: ' || (select string_agg(distinct a.account, ', ') from legacy.accounts(p_user_id, p_load_id) a),
                hint = 'name one of them for each file, in the order of the files: `legacy_migrate(csv_account => ACCOUNT)`';
    end if;

    insert into ingest.staging (load_id, user_id, kind, line_number, payload)
    with stated as (
        select
            s.line_number, s.part, s.payload, v_account as account,
            r.type, split_part(r.instrument, '|', 2) as symbol, abs(coalesce(r.quantity, (r.terms ->> 'stated_quantity')::numeric)) as units,
            r.price, r.trade_date as day, r.quantity, r.gross_amount, r.commission, r.fees, r.currency,
            row_number() over (
                partition by r.type, split_part(r.instrument, '|', 2), abs(r.quantity), r.price, r.trade_date
                order by s.line_number, s.part
            ) as place
        from ingest.staging s
        cross join lateral jsonb_to_record(s.payload) as r (
            type text, instrument text, quantity numeric, price numeric, gross_amount numeric, commission numeric, fees numeric, currency text,
            trade_date date, terms jsonb
        )
        where s.load_id = p_file_load_id
        and s.user_id = p_user_id
        and s.kind = 'transaction'
    ),
    known as materialized (
        select
            (k.payload ->> 'id')::bigint as id, k.payload ->> 'table' as source_table, r.type, r.symbol, r.units, r.price, r.day,
            row_number() over (partition by r.type, r.symbol, r.units, r.price, r.day order by k.line_number, k.part) as place
        from ingest.staging k
        cross join lateral jsonb_to_record(k.payload) as r (type text, symbol text, units numeric, price numeric, day date)
        where k.load_id = p_load_id
        and k.user_id = p_user_id
        and k.kind = 'v1_read'
        and k.payload ->> 'account' = v_account
        and k.payload ->> 'reason' is null
        and r.type in ('buy', 'sell')
    )
    select
        p_load_id, p_user_id, 'v1_read', p_first_line - 1 + s.line_number,
        jsonb_strip_nulls(jsonb_build_object(
            'table', p_name,
            'id', s.line_number,
            'account', s.account,
            'symbol', s.symbol,
            'reason', case
                when k.source_table = 'transactions' then 'already_in_v1'
                when k.id is not null then 'already_in_a_file'
            end,
            'survivor', coalesce(k.id, s.line_number),
            'survivor_table', coalesce(k.source_table, p_name)
        ) || case
            when k.id is not null then '{}'
            else jsonb_build_object(
                'type', s.type,
                'currency', s.currency,
                'day', s.day,
                'quantity', s.quantity,
                'units', s.units,
                'price', s.price,
                'gross', coalesce(s.gross_amount, 0),
                'commission', coalesce(s.commission, 0),
                'fees', coalesce(s.fees, 0),
                'source', 'simple_csv',
                'record', s.payload || jsonb_build_object(
                    'account', s.account,
                    'original_source', 'simple_csv',
                    'metadata', jsonb_build_object('v1_file', p_name, 'v1_file_line', s.line_number)
                )
            )
        end)
    from stated s
    left join known k
        on s.type in ('buy', 'sell')
        and k.type = s.type
        and k.symbol = s.symbol
        and k.units = s.units
        and k.price = s.price
        and k.day = s.day
        and k.place = s.place;

    -- Its lines and what it trades go the way of all others; headings and blank lines carry nothing.
    insert into ingest.staging (load_id, user_id, kind, line_number, payload, raw)
    select p_load_id, p_user_id, 'v1_file_line', p_first_line - 1 + s.line_number, jsonb_build_object('file', p_name, 'line', s.line_number), s.raw
    from ingest.staging s
    where s.load_id = p_file_load_id
    and s.user_id = p_user_id
    and s.kind = 'line';
    insert into ingest.staging (load_id, user_id, kind, line_number, payload)
    select p_load_id, p_user_id, 'instrument', 0, s.payload
    from ingest.staging s
    where s.load_id = p_file_load_id
    and s.user_id = p_user_id
    and s.kind = 'instrument';

    select coalesce(max(s.line_number), 0)
    into v_last_line
    from ingest.staging s
    where s.load_id = p_file_load_id
    and s.user_id = p_user_id
    and s.kind = 'line';
    return v_last_line;
end
$$;

comment on function legacy.read_file(uuid, uuid, uuid, text, text, integer) is
    'Judges the rows of the owner''s own file against those of V1; returns the number of its last line.';

-- Holdings are the control total, never rows of ours: the newest row of each account and instrument, and why the others do not count.
create function legacy.holdings(p_user_id uuid, p_load_id uuid)
returns table (id bigint, account text, broker text, symbol text, instrument_type text, currency text, quantity numeric, as_of date, reason text)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
as $$
    with known as materialized (
        select a.v1_id, a.broker, a.account
        from legacy.accounts(p_user_id, p_load_id) a
    ),
    stated as (
        select
            h.id, k.account, k.broker, legacy.symbol(h.symbol) as symbol,
            case
                when legacy.is_option(legacy.symbol(h.symbol)) then 'option'
                when upper(h.contract_type) ~ 'CRYPTO' then 'digital'
                else 'stock'
            end as instrument_type,
            case when upper(btrim(h.currency)) ~ '^[A-Z]{3,5}$' then upper(btrim(h.currency)) else 'USD' end as currency,
            coalesce(legacy.number(h.quantity, case when upper(h.contract_type) ~ 'CRYPTO' then 8 else 6 end), 0) as quantity,
            case when isfinite(h.last_updated) then h.last_updated end as last_updated,
            upper(btrim(h.contract_type)) ~ 'OPT|^FOP$' as is_option_contract
        from ingest.staging s
        cross join lateral jsonb_to_record(s.payload) as h (
            id bigint, account_id bigint, symbol text, quantity numeric, currency text, contract_type text, last_updated timestamp
        )
        left join known k on k.v1_id = h.account_id
        where s.load_id = p_load_id
        and s.user_id = p_user_id
        and s.kind = 'v1_holdings'
    ),
    judged as (
        select
            s.*,
            case
                when s.account is null then 'orphan_account'
                when s.is_option_contract and s.instrument_type <> 'option'
                    then case s.broker when 'ibkr' then 'ibkr_option_unresolvable' else 'option_unresolvable' end
                when coalesce(s.symbol, 'UNKNOWN') = 'UNKNOWN' or length(s.symbol) > 64 then 'unknown_symbol'
            end as alone
        from stated s
    )
    select
        j.id, j.account, j.broker, j.symbol, j.instrument_type, j.currency, j.quantity, (j.last_updated at time zone 'UTC' at time zone 'America/New_York')::date,
        coalesce(
            j.alone,
            case
                when j.quantity = 0 then 'zero_quantity'
                when j.id <> first_value(j.id) over (
                    partition by j.alone is null, j.account, j.symbol
                    order by j.last_updated desc nulls last, j.id desc
                ) then 'stale_duplicate_account'
            end
        )
    from judged j
$$;

comment on function legacy.holdings(uuid, uuid) is 'Every holding of V1; reason is set where it is no control total.';

grant execute on function
    legacy.read_file(uuid, uuid, uuid, text, text, integer), legacy.holdings(uuid, uuid)
    to quantmatrix_writer;
