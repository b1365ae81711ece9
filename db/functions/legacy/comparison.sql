-- V1's holdings beside its own lots, before, and beside our positions, after.

-- The figure that the rebuild began with: holdings against the sum of their own lots.
create function legacy.discrepancy_before(p_user_id uuid, p_load_id uuid)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
as $$
    with lots as materialized (
        select (s.payload ->> 'holding_id')::bigint as holding_id, sum(coalesce(legacy.number((s.payload ->> 'shares_remaining')::numeric, 8), 0)) as shares
        from ingest.staging s
        where s.load_id = p_load_id
        and s.user_id = p_user_id
        and s.kind = 'v1_tax_lots'
        and s.payload ->> 'holding_id' is not null
        group by 1
    ),
    compared as (
        select
            h.id, h.account, h.symbol, legacy.number(h.quantity, 6) as holding, legacy.number(l.shares, 6) as lots
        from (
            select
                (s.payload ->> 'id')::bigint as id, coalesce(legacy.number((s.payload ->> 'quantity')::numeric, 8), 0) as quantity,
                coalesce(a.account, 'V1-' || (s.payload ->> 'account_id')) as account, legacy.symbol(s.payload ->> 'symbol') as symbol
            from ingest.staging s
            left join legacy.accounts(p_user_id, p_load_id) a on a.v1_id = (s.payload ->> 'account_id')::bigint
            where s.load_id = p_load_id
            and s.user_id = p_user_id
            and s.kind = 'v1_holdings'
        ) h
        join lots l on l.holding_id = h.id
        where abs(h.quantity - l.shares) > 0.01
    )
    select jsonb_build_object(
        'holdings', count(*),
        'shares', trim_scale(coalesce(sum(abs(c.holding - c.lots)), 0))::text,
        'holding_shares', trim_scale(coalesce(sum(c.holding), 0))::text,
        'lot_shares', trim_scale(coalesce(sum(c.lots), 0))::text,
        'ratio', round(sum(c.lots) / nullif(sum(c.holding), 0), 3)::text,
        'symbols', coalesce(
            jsonb_agg(
                jsonb_build_object(
                    'v1_holding_id', c.id, 'account', c.account, 'symbol', c.symbol, 'holding', c.holding::text, 'lots', c.lots::text,
                    'difference', trim_scale(c.lots - c.holding)::text
                )
                order by c.account, c.symbol, c.id
            ), '[]'
        )
    )
    from compared c
$$;

comment on function legacy.discrepancy_before(uuid, uuid) is 'Holdings of V1 that disagree with their own lots by more than 0.01, each and in total.';

-- Positions as they stand, for the accounts of V1.
create function legacy.positions(p_user_id uuid, p_load_id uuid)
returns table (account text, account_id bigint, instrument_id bigint, symbol text, quantity numeric, open_lots integer, lot_quantity numeric, cost_basis numeric)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select
        a.account_number, a.id, p.instrument_id, i.symbol, p.quantity + 0, p.open_lots,
        coalesce(
            (
                select sum(case l.side when 'short' then -l.quantity_remaining else l.quantity_remaining end)
                from core.tax_lots l
                where l.user_id = p.user_id
                and l.account_id = p.account_id
                and l.instrument_id = p.instrument_id
            ), 0
        ),
        p.cost_basis
    from (select distinct k.broker, k.account from legacy.accounts(p_user_id, p_load_id) k) k
    join core.accounts a on a.user_id = p_user_id and a.broker = k.broker and a.account_number = k.account
    join core.positions p on p.user_id = p_user_id and p.account_id = a.id
    join core.instruments i on i.id = p.instrument_id
$$;

comment on function legacy.positions(uuid, uuid) is 'Positions and their lots in the accounts that came from V1.';

-- Each control total against its position; what differs gets one named cause.
create function legacy.comparison(p_user_id uuid, p_load_id uuid, p_frozen_at timestamptz)
returns table (account text, symbol text, v1_holding_id bigint, holding numeric, "position" numeric, open_lots integer, lot_quantity numeric, cause text)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    with stated as materialized (
        select h.id, h.account, h.symbol, h.quantity
        from legacy.evidence(p_user_id, p_load_id) h
        where h.reason is null
    ),
    held as materialized (
        select p.account, p.account_id, p.instrument_id, p.symbol, p.quantity, p.open_lots, p.lot_quantity
        from legacy.positions(p_user_id, p_load_id) p
    ),
    paired as (
        select
            coalesce(s.account, h.account) as account, coalesce(s.symbol, h.symbol) as symbol, s.id, coalesce(s.quantity, 0) as holding,
            coalesce(h.quantity, 0) as quantity, coalesce(h.open_lots, 0) as open_lots, coalesce(h.lot_quantity, 0) as lot_quantity,
            h.account_id, h.instrument_id
        from stated s
        full join held h on h.account = s.account and h.symbol = s.symbol
    )
    select
        p.account, p.symbol, p.id, p.holding, p.quantity, p.open_lots, p.lot_quantity,
        case
            when p.holding = p.quantity and p.lot_quantity = p.quantity then 'match'
            when exists (
                select from core.transactions t
                where t.user_id = p_user_id
                and t.account_id = p.account_id
                and t.instrument_id = p.instrument_id
                and not t.metadata ?| array['v1_transactions', 'v1_dividends', 'v1_file']
            ) then 'other_rows_in_v2'
            when p.holding = 0 and legacy.is_option(p.symbol)
                and make_date(2000 + substr(p.symbol, 7, 2)::integer, substr(p.symbol, 9, 2)::integer, substr(p.symbol, 11, 2)::integer) < p_frozen_at::date
                then 'expiration_not_recorded'
            when p.holding = p.quantity then 'unmatched_sale'
            when p.id is null then 'no_holding_in_v1'
            else 'missing_history'
        end
    from paired p
    where p.holding <> 0
    or p.quantity <> 0
    or p.lot_quantity <> 0
$$;

comment on function legacy.comparison(uuid, uuid, timestamptz) is 'Holdings of V1 beside our positions and lots, each with match or the one cause of its difference.';

grant execute on function legacy.discrepancy_before(uuid, uuid), legacy.positions(uuid, uuid), legacy.comparison(uuid, uuid, timestamptz)
    to quantmatrix_writer;
