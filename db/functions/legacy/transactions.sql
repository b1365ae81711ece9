-- What is read of V1's transactions: each row is judged once, first match decides, and its verdict is staged as v1_read: kept rows in our words, rejected
-- ones with a reason and, where they are copies, the row that survives. Everything after this reads the verdicts alone.
-- Staging has no statistics: these functions do without nested loops, and pair rows by windows instead of joins.

-- Nothing can have happened after V1 was last written.
create function legacy.frozen_at(p_user_id uuid, p_load_id uuid)
returns timestamptz
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(
        max(w.written_at) filter (where isfinite(w.written_at)) at time zone 'UTC',
        now()
    )
    from ingest.staging s
    cross join lateral (values ((s.payload ->> 'last_updated')::timestamp), ((s.payload ->> 'synced_at')::timestamp)) w (written_at)
    where s.load_id = p_load_id
    and s.user_id = p_user_id
    and s.kind in ('v1_transactions', 'v1_holdings', 'v1_dividends')
$$;

comment on function legacy.frozen_at(uuid, uuid) is 'When V1 was last written by a sync; now if it does not say.';

-- Rows in, in our words, before anything is compared with anything.
create function legacy.stated_transactions(p_user_id uuid, p_load_id uuid, p_zone text, p_frozen_at timestamptz)
returns table (
    id bigint, account text, broker text, reason text, type text, side text, symbol text, instrument_type text, currency text, instant timestamptz,
    day date, units numeric, price numeric, amount numeric, net numeric, commission numeric, fees numeric, broker_id text, order_id text, source text,
    is_statement boolean, effect text
)
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
    -- Materialized, so that each cell is understood once and not wherever it is asked about.
    spelled as materialized (
        select
            t.*,
            k.account,
            k.broker,
            -- V1 lets every one of these be null.
            coalesce(upper(btrim(t.contract_type)), '') as contract,
            coalesce(upper(btrim(t.transaction_type)), '') as stated_type,
            coalesce(legacy.side(t.transaction_type), legacy.side(t.action)) as stated_side,
            coalesce(legacy.symbol(t.symbol), 'UNKNOWN') as canonical,
            -- The statement importer stored the wall clock of the exchange, everybody else UTC.
            t.transaction_date at time zone case when t.source = 'ibkr_csv_import' then p_zone else 'UTC' end as at,
            abs(legacy.number(t.quantity, case when upper(t.contract_type) ~ 'CRYPTO' then 8 else 6 end)) as whole,
            abs(legacy.number(t.price, 8)) as quoted
        from ingest.staging s
        cross join lateral jsonb_to_record(s.payload) as t (
            id bigint, account_id bigint, external_id text, order_id text, execution_id text, symbol text, description text, transaction_type text,
            action text, quantity numeric, price numeric, amount numeric, commission numeric, fees numeric, net_amount numeric, currency text,
            contract_type text, transaction_date timestamp, source text
        )
        left join known k on k.v1_id = t.account_id
        where s.load_id = p_load_id
        and s.user_id = p_user_id
        and s.kind = 'v1_transactions'
    ),
    typed as materialized (
        select
            s.*,
            -- IBKR has a stock of that name; TastyTrade calls by it what moves only cash.
            s.contract = 'CASH' or (s.canonical = 'CASH' and (s.contract = '' or s.broker <> 'ibkr')) as is_cash,
            s.stated_type = 'DIVIDEND' as is_dividend,
            coalesce(legacy.is_option(s.canonical), false) as is_option,
            s.contract ~ 'OPT' or s.contract = 'FOP' as is_option_contract,
            -- The only use of the description, beside expirations: whether a trade opened or closed.
            case
                when concat_ws(' ', s.action, s.description) ~* 'to[ _]open' then 'open'
                when concat_ws(' ', s.action, s.description) ~* 'to[ _]close' then 'close'
            end as stated_effect
        from spelled s
    ),
    judged as (
        select
            t.*,
            case
                when t.account is null then 'orphan_account'
                when t.at is null or t.transaction_date < '2000-01-01' or t.at > p_frozen_at + interval '1 day' then 'implausible_date'
                when t.is_cash then case when coalesce(legacy.number(t.net_amount, 8), 0) = 0 then 'zero_amount' end
                when coalesce(t.whole, 0) = 0 then 'zero_quantity'
                when t.canonical = 'UNKNOWN' then 'unknown_symbol'
                when t.source = 'realistic_sample' or t.description in ('Bought AAPL stock', 'Sold TSLA stock', 'Bought ACN options') then 'phantom_sample'
                when t.is_option_contract and not t.is_option
                    then case t.broker when 'ibkr' then 'ibkr_option_unresolvable' else 'option_unresolvable' end
                when length(t.canonical) > 64 or t.contract like 'FUT%' then 'unsupported_contract'
                when t.quoted is null then 'no_price'
                when not t.is_dividend and t.stated_side is null then 'unknown_type'
            end as reason
        from typed t
    )
    select
        j.id, j.account, j.broker, j.reason,
        case
            when j.is_cash and j.net_amount > 0 then 'deposit'
            when j.is_cash then 'withdrawal'
            when j.is_dividend then 'dividend'
            -- Removed at no price; an option that somebody closed for nothing is a trade and says so.
            when j.is_option and j.quoted = 0 and (j.stated_effect is null or j.description ~* 'expir') then 'option_expiration'
            else j.stated_side
        end,
        j.stated_side,
        case when not j.is_cash then j.canonical end,
        case
            when j.is_cash then null
            when j.is_option then 'option'
            when j.contract ~ 'CRYPTO' then 'digital'
            else 'stock'
        end,
        case when upper(btrim(j.currency)) ~ '^[A-Z]{3,5}$' then upper(btrim(j.currency)) else 'USD' end,
        j.at,
        case
            -- A dividend carries a day, printed as midnight.
            when j.is_dividend then j.transaction_date::date
            else (j.at at time zone 'America/New_York')::date
        end,
        j.whole,
        j.quoted,
        abs(legacy.number(j.amount, 8)),
        legacy.number(j.net_amount, 8),
        coalesce(abs(legacy.number(j.commission, 8)), 0),
        coalesce(abs(legacy.number(j.fees, 8)), 0),
        coalesce(nullif(btrim(j.external_id), ''), nullif(btrim(j.execution_id), '')),
        nullif(btrim(j.order_id), ''),
        j.source,
        coalesce(j.source = 'ibkr_csv_import', false),
        j.stated_effect
    from judged j
$$;

comment on function legacy.stated_transactions(uuid, uuid, text, timestamptz) is
    'The transactions of V1 in our words; reason is set where a row by itself cannot be kept.';

-- Which rows tell one trade: copies under one id of the broker, a statement's row beside another source's, an order beside its fills.
create function legacy.decided_transactions(p_user_id uuid, p_load_id uuid, p_zone text, p_frozen_at timestamptz)
returns table (
    id bigint, account text, broker text, type text, side text, symbol text, instrument_type text, currency text, instant timestamptz, day date,
    units numeric, price numeric, amount numeric, net numeric, full_fees numeric, broker_id text, order_id text, source text, effect text,
    full_commission numeric, reason text, survivor_id bigint
)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_mergejoin = off
as $$
    with stated as materialized (
        select t.*
        from legacy.stated_transactions(p_user_id, p_load_id, p_zone, p_frozen_at) t
    ),
    -- One broker id, one transaction. Only rows that could be kept take part, so that a broken copy never wins; a row of the broker's own interface
    -- wins over one of a statement, then the oldest.
    copied as materialized (
        select
            t.*,
            case when t.reason is null and t.broker_id is not null then first_value(t.id) over copies end as chosen_id,
            case when t.reason is null and t.broker_id is not null then max(t.commission) over whole else t.commission end as full_commission,
            case when t.reason is null and t.broker_id is not null then max(t.fees) over whole else t.fees end as full_fees
        from stated t
        window
            copies as (partition by t.reason is null, t.account, t.broker_id order by t.is_statement, t.id),
            whole as (partition by t.reason is null, t.account, t.broker_id)
    ),
    -- A statement's row and one of another source: the n-th of equal ones with the n-th. Two of the same source are two trades.
    numbered as (
        select
            c.*,
            row_number() over (
                partition by c.account, c.symbol, c.type, c.units, c.price, date_trunc('second', c.instant), c.is_statement
                order by c.id
            ) as place
        from copied c
        where c.reason is null
        and c.type in ('buy', 'sell')
        and coalesce(c.chosen_id, c.id) = c.id
    ),
    paired as materialized (
        select
            n.*,
            first_value(n.id) over (
                partition by n.account, n.symbol, n.type, n.units, n.price, date_trunc('second', n.instant), n.place
                order by n.is_statement
            ) as survivor_id,
            max(n.full_commission) over twin as twin_commission,
            count(*) over twin as rows_of_it
        from numbered n
        window twin as (partition by n.account, n.symbol, n.type, n.units, n.price, date_trunc('second', n.instant), n.place)
    ),
    -- A statement tells an order in one row, at its average price; the interface each of its fills.
    orders as (
        select
            p.account, p.symbol, p.type, min(p.id) as first_id, sum(p.units) as units, sum(p.units * p.price) as worth,
            min(p.instant) as began_at, max(p.instant) as ended_at, sum(p.full_commission) as commission
        from paired p
        where p.rows_of_it = 1
        and not p.is_statement
        and p.order_id is not null
        group by p.account, p.symbol, p.type, p.order_id
        having count(*) > 1
    ),
    whole_orders as materialized (
        select w.statement_id, w.first_id, w.more_commission
        from (
            select
                p.id as statement_id, o.first_id, greatest(p.full_commission - o.commission, 0) as more_commission,
                row_number() over (partition by o.first_id order by p.id) as of_the_order,
                row_number() over (partition by p.id order by o.first_id) as of_the_statement
            from paired p
            join orders o
                on o.account = p.account
                and o.symbol = p.symbol
                and o.type = p.type
                and o.units = p.units
                and date_trunc('second', p.instant) between date_trunc('second', o.began_at) and o.ended_at
                and abs(p.price * o.units - o.worth) <= 0.0001 * o.units
            where p.rows_of_it = 1
            and p.is_statement
        ) w
        where w.of_the_order = 1
        and w.of_the_statement = 1
    ),
    twins as materialized (
        select
            p.id, coalesce(s.first_id, p.survivor_id) as survivor_id,
            p.twin_commission + coalesce(f.more_commission, 0) as full_commission
        from paired p
        left join whole_orders s on s.statement_id = p.id
        left join whole_orders f on f.first_id = p.id
    )
    select
        c.id, c.account, c.broker, c.type, c.side, c.symbol, c.instrument_type, c.currency, c.instant, c.day, c.units, c.price, c.amount, c.net,
        c.full_fees, c.broker_id, c.order_id, c.source, c.effect,
        coalesce(t.full_commission, c.full_commission) as full_commission,
        coalesce(
            c.reason,
            case
                when c.chosen_id <> c.id then 'duplicate_broker_id'
                when t.survivor_id <> c.id then 'duplicate_cross_source'
            end
        ) as reason,
        -- A copy of a statement row whose twin came another way points at that twin.
        case when c.reason is null then coalesce(t.survivor_id, c.chosen_id, c.id) end as survivor_id
    from copied c
    left join twins t on t.id = coalesce(c.chosen_id, c.id)
$$;

comment on function legacy.decided_transactions(uuid, uuid, text, timestamptz) is
    'The transactions of V1 with the row that survives of each trade; reason is set where a row by itself, or beside that one, is not kept. The survivor has the costs of all.';

create function legacy.read_transactions(p_user_id uuid, p_load_id uuid, p_zone text, p_frozen_at timestamptz)
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
    with decided as materialized (
        select t.*
        from legacy.decided_transactions(p_user_id, p_load_id, p_zone, p_frozen_at) t
    ),
    families as materialized (
        select d.survivor_id, jsonb_agg(d.id order by d.id) as ids
        from decided d
        where d.survivor_id is not null
        group by d.survivor_id
    ),
    -- The word test of V1 says nothing about the direction of an expiration: it closes what the rows before it opened.
    directed as materialized (
        select
            d.*,
            sum(case d.type when 'buy' then d.units when 'sell' then -d.units else 0 end) filter (where d.reason is null)
                over (partition by d.account, d.symbol order by d.instant, d.id) as held
        from decided d
    )
    select
        p_load_id, p_user_id, 'v1_read', row_number() over (order by d.instant nulls first, d.id),
        jsonb_strip_nulls(jsonb_build_object(
            'table', 'transactions',
            'id', d.id,
            'account', d.account,
            'reason', d.reason,
            'survivor', d.survivor_id
        ) || case
            when d.reason is not null then jsonb_build_object('symbol', d.symbol)
            else jsonb_build_object(
                'ids', f.ids,
                'type', d.type,
                'effect', case when d.type in ('buy', 'sell') then d.effect end,
                'symbol', d.symbol,
                'instrument_type', d.instrument_type,
                'currency', d.currency,
                'executed_at', case when d.type <> 'dividend' then d.instant end,
                'day', d.day,
                'quantity', case d.type
                    when 'buy' then d.units
                    when 'sell' then -d.units
                    when 'option_expiration' then case when d.held <> 0 then -sign(d.held) * d.units end
                end,
                'units', d.units,
                'price', d.price,
                'gross', case
                    when d.type = 'deposit' then d.net
                    when d.type = 'withdrawal' then d.net
                    when d.type = 'dividend' then d.amount
                    when d.type = 'buy' then -d.units * d.price * case d.instrument_type when 'option' then 100 else 1 end
                    when d.type = 'sell' then d.units * d.price * case d.instrument_type when 'option' then 100 else 1 end
                    else 0
                end,
                'commission', case when d.type in ('buy', 'sell', 'option_expiration') then -d.full_commission else 0 end,
                'fees', case
                    when d.type in ('buy', 'sell', 'option_expiration') then -d.full_fees
                    -- Only here is the net amount of any use: it tells the tax that was withheld.
                    when d.type = 'dividend' and d.net between 0 and d.amount then d.net - d.amount
                    else 0
                end,
                'broker_id', d.broker_id,
                'order_id', d.order_id,
                'source', d.source
            )
        end)
    from directed d
    left join families f on f.survivor_id = d.id
    order by 4;
    get diagnostics v_count = row_count;
    return v_count;
end
$$;

comment on function legacy.read_transactions(uuid, uuid, text, timestamptz) is 'Judges every row of V1''s transactions and stages the verdicts (kind v1_read).';

grant execute on function
    legacy.frozen_at(uuid, uuid), legacy.stated_transactions(uuid, uuid, text, timestamptz),
    legacy.decided_transactions(uuid, uuid, text, timestamptz), legacy.read_transactions(uuid, uuid, text, timestamptz)
    to quantmatrix_writer;
