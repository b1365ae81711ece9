-- From the columns of the event loop to rows: what a lot, a closing, a position is (S.1 to S.3, A.9, A.11, H.3), and two rules that the queries ask.
-- The queries themselves stand in run.sql, which returns rows, and in store.sql and append.sql, which merge them into the tables: the same text each
-- time, and a test compares the copies.

create type tax.derived_lot as (
    account_id bigint,
    instrument_id bigint,
    opening_transaction_id bigint,
    piece integer,
    side core.lot_side,
    acquired_at timestamptz,
    holding_start date,
    quantity_opened numeric,
    quantity_remaining numeric,
    native_cost_remaining numeric,
    cost_remaining numeric,
    wash_sale_adjustment numeric,
    closed_at timestamptz,
    basis_status core.basis_status,
    arrived_on date,
    is_purchase boolean,
    is_used boolean,
    gift_loss_basis numeric,
    gift_loss_holding_start date,
    is_inherited boolean,
    is_covered boolean
);

comment on type tax.derived_lot is 'A row of core.tax_lots with its row of tax.lot_state.';

create type tax.derived_state as (
    lot_id bigint,
    instrument_id bigint,
    arrived_on date,
    is_purchase boolean,
    is_used boolean,
    gift_loss_basis numeric,
    gift_loss_holding_start date,
    is_inherited boolean,
    is_covered boolean
);

comment on type tax.derived_state is 'A row of tax.lot_state.';

create type tax.derived_position as (
    account_id bigint,
    instrument_id bigint,
    quantity numeric,
    average_cost numeric,
    cost_basis numeric,
    realized_pnl numeric,
    unmatched_quantity numeric,
    open_lots integer,
    unknown_basis_quantity numeric,
    wash_sale_adjustment numeric,
    native_cost numeric,
    currency text,
    opened_at timestamptz,
    last_transaction_at timestamptz
);

comment on type tax.derived_position is 'A row of core.positions.';

create type tax.derived_closing as (
    closing_transaction_id bigint,
    ordinal integer,
    account_id bigint,
    instrument_id bigint,
    side core.lot_side,
    kind tax.closing_kind,
    quantity numeric,
    opening_transaction_id bigint,
    piece integer,
    opened_on date,
    holding_start date,
    closed_on date,
    proceeds numeric,
    basis numeric,
    native_proceeds numeric,
    native_basis numeric,
    disallowed numeric,
    permanently_disallowed numeric,
    term tax.holding_term,
    taxable boolean,
    tax_year integer,
    box text
);

comment on type tax.derived_closing is 'A row of tax.closings.';

create type tax.derived_match as (
    loss_transaction_id bigint,
    loss_ordinal integer,
    match_order integer,
    replacement_transaction_id bigint,
    replacement_account_id bigint,
    replacement_instrument_id bigint,
    replacement_piece integer,
    is_permanent boolean,
    quantity numeric,
    amount numeric
);

comment on type tax.derived_match is 'A row of tax.wash_matches.';

create type tax.derived_notice as (
    code tax.notice_code,
    transaction_id bigint,
    related_transaction_id bigint,
    sentence text
);

comment on type tax.derived_notice is 'A row of tax.notices.';

create type tax.derived_flow as (
    account_id bigint,
    amount numeric
);

comment on type tax.derived_flow is 'Net cash of one account from what touched lots, in the tax currency (F.11).';

create type tax.derived_row as (
    kind text,
    lot tax.derived_lot,
    "position" tax.derived_position,
    closing tax.derived_closing,
    match tax.derived_match,
    notice tax.derived_notice,
    flow tax.derived_flow
);

comment on type tax.derived_row is 'One derived row; kind names the one column that is filled: lot, position, closing, match, notice, flow.';

-- Numbers of pieces as they are shown: dense within opening transaction, account, instrument and side.
create function tax.piece_numbers(p_source integer[], p_pool integer[], p_number integer[], p_opened numeric[])
returns integer[]
language sql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select array_agg(n.number order by n.place)
    from (
        select
            p.place,
            (row_number() over (partition by p.opened is null, p.source, p.pool order by p.number, p.place))::integer as number
        from (
            select
                generate_series(1, cardinality(p_source)) as place,
                unnest(p_source) as source,
                unnest(p_pool) as pool,
                unnest(p_number) as number,
                unnest(p_opened) as opened
        ) p
    ) n
$$;

comment on function tax.piece_numbers(integer[], integer[], integer[], numeric[]) is 'Numbers of the pieces of one group as lots show them, by place.';

-- From when on the basis is reported, apart from what the account and the lot itself say (H.3).
create function tax.covered_from(p_type core.instrument_type, p_is_reinvested boolean)
returns date
language sql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select case
        when p_type = 'digital' then date '2026-01-01'
        when p_type in ('option', 'future_option', 'bond') then date '2014-01-01'
        when p_type = 'fund' or p_is_reinvested then date '2012-01-01'
        else date '2011-01-01'
    end
$$;

comment on function tax.covered_from(core.instrument_type, boolean) is 'H.3: the first acquisition date at which a lot of this kind is covered.';
