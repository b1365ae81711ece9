-- What an event that is more than a plain trade asks of the event loop: which units leave which pool, for how much, and what then. Each kind of
-- event is a function of what its row and the holding say; it reads no table and changes nothing, so that it can be tried alone. Trades do not
-- come here: a call costs more than what is done for them.

create type tax.event_facts as (
    kind tax.event_kind,
    day date,
    method core.lot_method,
    units numeric,
    held_long numeric,
    held_short numeric,
    long_is_flat boolean,
    partner_is_short boolean,
    long_pool integer,
    short_pool integer,
    partner_long_pool integer,
    partner_short_pool integer,
    underlying_pool integer,
    new_instrument integer,
    multiplier numeric,
    scale integer,
    deliverable numeric,
    is_digital boolean,
    is_future boolean,
    ends_year boolean
);

comment on type tax.event_facts is
    'What the event loop knows of an event beside its row. units: what the row names, without sign, null if it names none; pools of the account and instrument, of the linked row, and of the underlying in the same account; new_instrument: the place of what the holding becomes.';

create type tax.event_plan as (
    side core.lot_side,
    from_pool integer,
    target_pool integer,
    units numeric,
    amount numeric,
    native_amount numeric,
    costs numeric,
    native_costs numeric,
    price numeric,
    method core.lot_method,
    closing_kind tax.closing_kind,
    outcome tax.units_outcome,
    loses_cover boolean,
    concerns_whole_pools boolean,
    ratio_numerator numeric,
    ratio_denominator numeric,
    second_pool integer,
    second_units numeric,
    second_amount numeric,
    second_native_amount numeric,
    missing_units numeric,
    missing_new_units numeric,
    missing_amount numeric,
    missing_native_amount numeric,
    is_unrated boolean,
    problem_code tax.notice_code,
    problem text
);

comment on type tax.event_plan is
    'What an event asks for: units out of from_pool by a method, what they are closed for, and what becomes of them; the same for a second job; or whole pools, lot by lot, with the ratio of new units to old. What is missing: units that the row names and the book does not hold, what became of them, and cash for them. A problem is a notice: what the row does not say is never guessed.';

create type tax.arrival as (
    cost numeric,
    native numeric,
    acquired date,
    arrived date,
    gift_basis numeric,
    gift_on date,
    is_inherited boolean,
    is_covered boolean
);

comment on type tax.arrival is 'What units carry that come in kind. arrived is null where they were acquired on the day of the event.';

create function tax.pool_of(p_account integer, p_instrument integer, p_side core.lot_side, p_instruments integer)
returns integer
language sql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select ((p_account - 1) * p_instruments + p_instrument) * 2 - case p_side when 'long' then 1 else 0 end
$$;

comment on function tax.pool_of(integer, integer, core.lot_side, integer) is
    'The pool of an account and instrument, both by their place in the group, on one side; the short pool follows the long one.';

create function tax.new_plan(p_facts tax.event_facts)
returns tax.event_plan
language plpgsql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    v_plan tax.event_plan;
begin
    v_plan.side := 'long';
    v_plan.from_pool := p_facts.long_pool;
    v_plan.units := 0;
    v_plan.method := 'fifo';
    v_plan.outcome := 'close';
    v_plan.loses_cover := false;
    v_plan.concerns_whole_pools := false;
    v_plan.second_units := 0;
    v_plan.is_unrated := false;
    v_plan.problem_code := 'missing_terms';
    return v_plan;
end
$$;

comment on function tax.new_plan(tax.event_facts) is 'The plan of an event that takes nothing.';

create function tax.plan_event(p_facts tax.event_facts, p_detail tax.event_detail, p_partner tax.event_partner)
returns tax.event_plan
language plpgsql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    return case
        when p_facts.kind in ('transfer_out', 'gift_out') then tax.plan_departure(p_facts, p_detail, p_partner)
        when p_facts.kind in ('option_expiration', 'option_exercise', 'option_assignment') then tax.plan_option(p_facts, p_detail, p_partner)
        when p_facts.kind = 'delivery' then tax.plan_delivery(p_facts)
        when p_facts.kind = 'merger_cash' then tax.plan_cash_merger(p_facts, p_detail)
        when p_facts.kind = 'cash_in_lieu' then tax.plan_cash_for_a_fraction(p_facts, p_detail)
        when p_facts.kind = 'mark_to_market' then tax.plan_year_end_mark(p_facts, p_detail)
        when p_facts.kind = 'return_of_capital' then tax.plan_return_of_capital(p_facts, p_detail)
        when p_facts.kind in ('promotion', 'transfer_in', 'gift_in', 'inheritance') then tax.plan_arrival(p_facts)
        else tax.plan_exchange(p_facts, p_detail, p_partner)
    end;
end
$$;

comment on function tax.plan_event(tax.event_facts, tax.event_detail, tax.event_partner) is
    'What an event that is no plain trade asks for, by its kind.';
