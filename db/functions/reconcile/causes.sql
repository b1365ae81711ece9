-- One named cause for each difference: pure functions over one row of figures, so that a case, a test and the report ask the same question.
-- Tolerances and order are those of the rulebook (I.1, I.2): the first rule that fits names the cause.

create function reconcile.quantity_tolerance()
returns numeric
language sql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select 0.0001
$$;

comment on function reconcile.quantity_tolerance() is 'Units by which two quantities may differ and still agree.';

create function reconcile.cost_tolerance(p_our_lots integer, p_broker_lots integer)
returns numeric
language sql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select 0.01 * greatest(p_our_lots, p_broker_lots, 1)
$$;

comment on function reconcile.cost_tolerance(integer, integer) is 'Money by which two costs may differ from rounding alone: a cent for each lot.';

create function reconcile.common_split_ratios()
returns numeric[]
language sql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select array[
        2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 50,
        3 / 2.0, 4 / 3.0, 5 / 4.0, 5 / 2.0, 5 / 3.0,
        1 / 2.0, 1 / 3.0, 1 / 4.0, 1 / 5.0, 1 / 7.0, 1 / 8.0, 1 / 10.0, 1 / 15.0, 1 / 20.0, 1 / 25.0, 1 / 30.0, 1 / 40.0, 1 / 50.0, 1 / 100.0
    ]
$$;

comment on function reconcile.common_split_ratios() is 'New units for an old one in the splits that occur.';

-- The ratio by which the broker holds more or less than we do, if it is a usual one. Thirds and sevenths are compared by quantity, not by quotient.
create function reconcile.missing_split_ratio(p_ours numeric, p_broker numeric)
returns numeric
language sql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select r.ratio
    from unnest(reconcile.common_split_ratios()) r (ratio)
    where p_ours <> 0
    and abs(p_broker - p_ours * r.ratio) <= reconcile.quantity_tolerance()
    order by r.ratio
    limit 1
$$;

comment on function reconcile.missing_split_ratio(numeric, numeric) is 'The usual split ratio that turns our quantity into the broker''s; null if none does.';

create function reconcile.position_cause(
    p_ours numeric,
    p_broker numeric,
    p_our_cost numeric,
    p_broker_cost numeric,
    p_our_lots integer,
    p_broker_lots integer,
    p_has_unknown_basis boolean,
    p_wash_sale_adjustment numeric,
    p_lots_differ boolean,
    p_unsettled numeric default null,
    p_repeated numeric[] default null,
    p_split_ratios numeric[] default null,
    p_traded numeric[] default null
)
returns ingest.finding_cause
language sql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select case
        when abs(f.dq) <= f.qt then case
            when p_has_unknown_basis then 'unknown_basis'
            when p_broker_cost is null or f.db = 0 then 'match'
            when abs(f.db) <= f.ct then 'rounding'
            when p_wash_sale_adjustment <> 0 and abs(f.db - p_wash_sale_adjustment) <= f.ct then 'wash_sale_scope'
            when p_lots_differ then 'lot_selection'
            else 'basis_mismatch'
        end
        when p_unsettled <> 0 and abs(f.dq - p_unsettled) <= f.qt then 'settlement_timing'
        when exists (select from unnest(p_repeated) r where abs(f.dq - r) <= f.qt) then 'duplicate_import'
        when p_broker <> 0
            and exists (select from unnest(p_split_ratios) r where r <> 1 and abs(p_ours - p_broker * r) <= f.qt)
            then 'split_adjusted_history'
        when p_broker <> 0
            and reconcile.missing_split_ratio(p_ours, p_broker) is not null
            and (p_broker_cost is null or abs(f.db) <= f.ct)
            then 'unprocessed_split'
        when abs(p_ours + p_broker) <= f.qt then 'wrong_sign'
        when exists (select from unnest(p_traded) t where abs(f.dq - 2 * t) <= f.qt) then 'wrong_sign'
        when f.dq < 0 then 'missing_history'
        else 'unexplained'
    end::ingest.finding_cause
    from (
        select
            p_ours - p_broker as dq,
            p_our_cost - p_broker_cost as db,
            reconcile.quantity_tolerance() as qt,
            reconcile.cost_tolerance(p_our_lots, p_broker_lots) as ct
    ) f
$$;

comment on function reconcile.position_cause(
    numeric, numeric, numeric, numeric, integer, integer, boolean, numeric, boolean, numeric, numeric[], numeric[], numeric[]
) is 'Cause for one account and instrument: quantities, costs in the trading currency (short negative), numbers of lots, then what the history shows.';

create function reconcile.cash_cause(
    p_ours numeric,
    p_broker numeric,
    p_missing_opening numeric,
    p_unsettled numeric default null,
    p_repeated numeric[] default null,
    p_has_gap boolean default false
)
returns ingest.finding_cause
language sql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select case
        when p_ours = p_broker then 'match'
        when abs(d.amount) <= 0.01 then 'rounding'
        when p_missing_opening <> 0 and abs(d.amount + p_missing_opening) <= 0.01 then 'opening_balance'
        when p_unsettled <> 0 and abs(d.amount - p_unsettled) <= 0.01 then 'settlement_timing'
        when exists (select from unnest(p_repeated) r where r <> 0 and abs(d.amount - r) <= 0.01) then 'duplicate_import'
        when p_has_gap then 'missing_history'
        else 'unexplained'
    end::ingest.finding_cause
    from (select p_ours - p_broker as amount) d
$$;

comment on function reconcile.cash_cause(numeric, numeric, numeric, numeric, numeric[], boolean) is
    'Cause for one balance: ours, the broker''s, what the first statement opened with and we do not have, money on its way, repeated amounts, a hole in the history.';

-- Understood and harmless: listed, but no reason to act.
create function reconcile.is_harmless(p_cause ingest.finding_cause)
returns boolean
language sql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select p_cause in ('rounding', 'wash_sale_scope', 'settlement_timing')
$$;

comment on function reconcile.is_harmless(ingest.finding_cause) is 'Whether a difference of this cause needs nothing done.';

-- Each cause has one next step, told to a person; nothing is mended by itself (I.3).
create function reconcile.next_step(p_cause ingest.finding_cause, p_kind ingest.finding_kind)
returns text
language sql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select case p_cause
        when 'rounding' then 'nothing to do: the two sides round at different places'
        when 'unknown_basis' then 'supply the cost: `basis_set(transaction_id => TRANSACTION, basis => AMOUNT, acquired_on => DATE)`'
        when 'wash_sale_scope' then 'nothing to do: the law looks across accounts, the broker only at its own'
        when 'lot_selection' then 'the broker sold other lots: set the account''s method to the broker''s (`method_set`)'
        when 'basis_mismatch' then 'compare fees, returns of capital and corporate actions of these lots with the broker''s'
        when 'settlement_timing' then 'nothing to do: reconcile again after settlement'
        when 'duplicate_import' then 'one event stands twice: undo one of the imports, or void one row (`transaction_void`)'
        when 'split_adjusted_history' then 'the rows are split-adjusted already: void the split (`transaction_void`)'
        when 'unprocessed_split' then 'import the statement that shows the split, or add it (`transaction_add`)'
        when 'wrong_sign' then 'a row has the wrong direction: correct it (`transaction_correct`)'
        when 'missing_history' then case p_kind
            when 'cash' then 'import the statements between the balances that do not connect'
            else 'import older statements of this account, or add a transfer_in for what is missing'
        end
        when 'past_expiry' then 'past its last day: import the statement that shows its expiry, exercise or assignment, or add it: `transaction_add`'
        when 'short_not_allowed' then 'if it was sold short, or the option was written, say that the account may: `account_set` with allow_short; else import older statements that show the purchase'
        when 'unsupported_action' then 'a row that moves these units is kept as other, without an effect: say what it was (`transaction_correct`), or add what happened (`transaction_add`)'
        when 'opening_balance' then 'import older statements, or add the opening balance as a deposit'
        when 'defect' then 'rebuild the lots (`lots_rebuild`); if it stays, report it'
        else 'compare the rows behind it with the broker''s statement; accept it with a reason if it is right'
    end
$$;

comment on function reconcile.next_step(ingest.finding_cause, ingest.finding_kind) is 'What a person can do about a difference of this cause.';

create function reconcile.money_text(p_amount numeric)
returns text
language sql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select case when scale(trim_scale(p_amount)) < 2 then round(p_amount, 2) else trim_scale(p_amount) end::text
$$;

comment on function reconcile.money_text(numeric) is 'An amount with at least two decimals and no zeros beyond.';

grant execute on function
    reconcile.quantity_tolerance(), reconcile.cost_tolerance(integer, integer), reconcile.common_split_ratios(), reconcile.missing_split_ratio(numeric, numeric),
    reconcile.position_cause(numeric, numeric, numeric, numeric, integer, integer, boolean, numeric, boolean, numeric, numeric[], numeric[], numeric[]),
    reconcile.cash_cause(numeric, numeric, numeric, numeric, numeric[], boolean),
    reconcile.is_harmless(ingest.finding_cause), reconcile.next_step(ingest.finding_cause, ingest.finding_kind), reconcile.money_text(numeric)
    to quantmatrix_writer, quantmatrix_user, quantmatrix_readonly, quantmatrix_admin;
