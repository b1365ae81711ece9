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
    deliverable numeric
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
    is_unrated boolean,
    problem_code tax.notice_code,
    problem text
);

comment on type tax.event_plan is
    'What an event asks for: units out of from_pool by a method, what they are closed for, and what becomes of them; the same for a second job; or whole pools, lot by lot, with the ratio of new units to old. A problem is a notice: what the row does not say is never guessed.';

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

create function tax.plan_departure(p_facts tax.event_facts, p_detail tax.event_detail, p_partner tax.event_partner)
returns tax.event_plan
language plpgsql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    v_plan tax.event_plan := tax.new_plan(p_facts);
begin
    if coalesce(p_facts.units, 0) = 0 then
        v_plan.problem := 'The row says that units went out, but not how many.';
        return v_plan;
    end if;
    v_plan.units := p_facts.units;
    v_plan.method := p_facts.method;
    v_plan.outcome := 'leave';
    if p_partner.kind = 'transfer' then
        -- A transfer between accounts of one taxpayer moves lots with all that they carry (E.1).
        v_plan.outcome := 'move';
        v_plan.target_pool := p_facts.partner_long_pool;
        -- Cover outlasts a move only with a transfer statement, and with a digital asset never (E.8).
        v_plan.loses_cover := p_facts.scale = 18 or not coalesce(p_partner.covered, p_detail.covered, true);
        if p_detail.position_effect = 'open'
            or p_detail.position_effect = 'auto' and p_facts.long_is_flat and p_facts.partner_is_short
        then
            -- By its sign, a short position goes out where it arrives: the units leave the account of the other leg.
            v_plan.from_pool := p_facts.partner_short_pool;
            v_plan.target_pool := p_facts.short_pool;
            v_plan.method := 'fifo';
        end if;
    end if;
    return v_plan;
end
$$;

comment on function tax.plan_departure(tax.event_facts, tax.event_detail, tax.event_partner) is
    'Units that leave in kind: to another account of the taxpayer, or for good (E.1, E.6).';

create function tax.plan_option(p_facts tax.event_facts, p_detail tax.event_detail, p_partner tax.event_partner)
returns tax.event_plan
language plpgsql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    v_plan tax.event_plan := tax.new_plan(p_facts);
    v_held numeric;
    v_net_of_costs numeric;
    v_native_net_of_costs numeric;
begin
    -- The side is as stated, else what the kind of event says, else what is open.
    v_plan.side := case
        when p_detail.quantity < 0 then 'long'
        when p_detail.quantity > 0 then 'short'
        when p_facts.kind = 'option_exercise' then 'long'
        when p_facts.kind = 'option_assignment' then 'short'
        when p_facts.held_long > 0 then 'long'
        else 'short'
    end;
    v_plan.costs := p_detail.costs;
    v_plan.native_costs := p_detail.native_costs;
    if v_plan.side = 'long' then
        v_held := p_facts.held_long;
        v_plan.method := p_facts.method;
        v_net_of_costs := - p_detail.costs;
        v_native_net_of_costs := - p_detail.native_costs;
    else
        v_held := p_facts.held_short;
        v_plan.from_pool := p_facts.short_pool;
        v_net_of_costs := p_detail.costs;
        v_native_net_of_costs := p_detail.native_costs;
    end if;
    v_plan.units := coalesce(p_facts.units, v_held);
    if p_detail.quantity is null and v_held = 0 then
        v_plan.problem_code := 'unknown_direction';
        v_plan.problem := 'The row does not say whether it closes a bought or a written option, and none is open.';
        v_plan.units := 0;
    end if;

    if p_facts.kind = 'option_expiration' then
        -- What was bought is sold for nothing, what was written is bought back for nothing (D.2); if both are open, in two jobs.
        if p_facts.units is null and p_facts.held_long > 0 and p_facts.held_short > 0 then
            v_plan.second_units := p_facts.held_short;
            v_plan.second_pool := p_facts.short_pool;
            v_plan.second_amount := 0;
            v_plan.second_native_amount := 0;
        end if;
        v_plan.closing_kind := 'expire';
        v_plan.outcome := 'close_held';
        v_plan.price := 0;
        v_plan.amount := v_net_of_costs;
        v_plan.native_amount := v_native_net_of_costs;
    elsif p_detail.exercise_settlement = 'cash' then
        v_plan.closing_kind := case v_plan.side when 'long' then 'sale' else 'cover' end;
        v_plan.outcome := 'close_held';
        v_plan.amount := coalesce(p_detail.amount, 0) + v_net_of_costs;
        v_plan.native_amount := coalesce(p_detail.native_amount, 0) + v_native_net_of_costs;
    elsif p_partner.kind = 'exercise' then
        v_plan.outcome := 'exercise';
        v_plan.target_pool := p_facts.partner_long_pool;
        if v_plan.units = 0 then
            -- Without the option the shares still moved.
            v_plan.units := p_partner.units / p_facts.deliverable;
        end if;
    elsif p_detail.exercise_settlement = 'linked' or p_facts.underlying_pool is null then
        -- Without its shares the premium has nowhere to go; counted as expired, the figures still foot.
        v_plan.problem := coalesce(
            v_plan.problem, 'The shares of this exercise or assignment are not known; until they are, the option counts as expired.'
        );
        v_plan.closing_kind := 'expire';
        v_plan.outcome := 'close_held';
        v_plan.amount := v_net_of_costs;
        v_plan.native_amount := v_native_net_of_costs;
    else
        v_plan.outcome := 'exercise';
        v_plan.target_pool := p_facts.underlying_pool;
    end if;
    return v_plan;
end
$$;

comment on function tax.plan_option(tax.event_facts, tax.event_detail, tax.event_partner) is
    'Options that expire, are exercised or assigned (D.2, D.3).';

create function tax.plan_delivery(p_facts tax.event_facts)
returns tax.event_plan
language plpgsql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    v_plan tax.event_plan := tax.new_plan(p_facts);
begin
    v_plan.units := least(coalesce(p_facts.units, p_facts.held_short), p_facts.held_long, p_facts.held_short);
    if v_plan.units < p_facts.units then
        v_plan.problem_code := 'pick_exceeds_holding';
        v_plan.problem := format(
            'Of %s units to deliver only %s are both held and short.', trim_scale(p_facts.units), trim_scale(v_plan.units)
        );
    end if;
    v_plan.method := p_facts.method;
    v_plan.outcome := 'deliver';
    return v_plan;
end
$$;

comment on function tax.plan_delivery(tax.event_facts) is 'Held shares that are delivered against a short (A.11).';

create function tax.plan_cash_merger(p_facts tax.event_facts, p_detail tax.event_detail)
returns tax.event_plan
language plpgsql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    v_plan tax.event_plan := tax.new_plan(p_facts);
    v_native_price constant numeric := coalesce(p_detail.price, p_detail.cash_per_share);
begin
    v_plan.closing_kind := 'merger_cash';
    if p_detail.quantity > 0 or p_facts.held_long = 0 and p_facts.held_short > 0 then
        v_plan.side := 'short';
        v_plan.from_pool := p_facts.short_pool;
        v_plan.units := coalesce(p_facts.units, p_facts.held_short);
    else
        v_plan.units := coalesce(p_facts.units, p_facts.held_long);
    end if;
    v_plan.price := v_native_price * p_detail.rate;
    v_plan.native_amount := coalesce(
        p_detail.native_gross, v_plan.units * v_native_price * p_facts.multiplier, p_detail.native_amount
    );
    v_plan.amount := round(v_plan.native_amount * p_detail.rate, 2);
    if v_plan.amount is null and v_plan.units > 0 then
        v_plan.problem_code := case when v_plan.native_amount is null then 'missing_terms' else 'unknown_rate' end;
        v_plan.problem := 'What was paid for the holding is not known in the tax currency.';
        v_plan.is_unrated := true;
    end if;
    if v_plan.side = 'short' then
        v_plan.amount := v_plan.amount + p_detail.costs;
        v_plan.native_amount := v_plan.native_amount + p_detail.native_costs;
        return v_plan;
    end if;
    v_plan.amount := v_plan.amount - p_detail.costs;
    v_plan.native_amount := v_plan.native_amount - p_detail.native_costs;
    if v_plan.units < p_facts.held_long or p_facts.method = 'average' then
        v_plan.method := p_facts.method;
    end if;
    if p_detail.quantity is null and p_facts.held_short > 0 then
        -- Both sides are open: the short is covered at the price in a second job (C.6).
        v_plan.second_pool := p_facts.short_pool;
        v_plan.second_units := p_facts.held_short;
        v_plan.second_amount := round(p_facts.held_short * v_plan.price * p_facts.multiplier, 2);
        v_plan.second_native_amount := p_facts.held_short * v_native_price * p_facts.multiplier;
    end if;
    return v_plan;
end
$$;

comment on function tax.plan_cash_merger(tax.event_facts, tax.event_detail) is
    'Cash for the whole holding, or for what the row names (C.6).';

create function tax.plan_cash_for_a_fraction(p_facts tax.event_facts, p_detail tax.event_detail)
returns tax.event_plan
language plpgsql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    v_plan tax.event_plan := tax.new_plan(p_facts);
begin
    v_plan.units := coalesce(p_facts.units, p_facts.held_long - trunc(p_facts.held_long));
    if v_plan.units = 0 then
        v_plan.problem := 'Cash for a fraction of a share, but no fraction is held and the row names none.';
        return v_plan;
    end if;
    v_plan.closing_kind := 'cash_in_lieu';
    v_plan.method := p_facts.method;
    v_plan.amount := p_detail.amount - p_detail.costs;
    v_plan.native_amount := p_detail.native_amount - p_detail.native_costs;
    v_plan.price := p_detail.amount / v_plan.units;
    return v_plan;
end
$$;

comment on function tax.plan_cash_for_a_fraction(tax.event_facts, tax.event_detail) is
    'Cash for a fraction of a share that no corporate action speaks for: a sale of the fraction (B.7).';

create function tax.plan_year_end_mark(p_facts tax.event_facts, p_detail tax.event_detail)
returns tax.event_plan
language plpgsql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    v_plan tax.event_plan := tax.new_plan(p_facts);
begin
    v_plan.ratio_numerator := 1;
    v_plan.ratio_denominator := 1;
    v_plan.concerns_whole_pools := p_detail.price is not null;
    if p_detail.price is null then
        v_plan.problem := 'The year-end value is not stated.';
    end if;
    return v_plan;
end
$$;

comment on function tax.plan_year_end_mark(tax.event_facts, tax.event_detail) is
    'Contracts of section 1256 at the end of the year: all that is open is marked to its value (D.7).';

create function tax.plan_return_of_capital(p_facts tax.event_facts, p_detail tax.event_detail)
returns tax.event_plan
language plpgsql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    v_plan tax.event_plan := tax.new_plan(p_facts);
begin
    v_plan.ratio_numerator := 1;
    v_plan.ratio_denominator := 1;
    v_plan.concerns_whole_pools := true;
    if p_facts.held_long > 0
        and coalesce(p_facts.held_long * p_detail.amount_per_share, p_detail.native_amount) * p_detail.rate is null
    then
        v_plan.concerns_whole_pools := false;
        v_plan.problem_code := case when p_detail.rate is null then 'unknown_rate' else 'missing_terms' end;
        v_plan.problem := 'The capital returned is not known in the tax currency.';
    end if;
    return v_plan;
end
$$;

comment on function tax.plan_return_of_capital(tax.event_facts, tax.event_detail) is
    'Capital that is returned lowers the basis of every lot held (B.6).';

create function tax.plan_exchange(p_facts tax.event_facts, p_detail tax.event_detail, p_partner tax.event_partner)
returns tax.event_plan
language plpgsql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    v_plan tax.event_plan := tax.new_plan(p_facts);
    v_new_units numeric := p_detail.ratio_numerator;
    v_old_units numeric := p_detail.ratio_denominator;
    v_held constant numeric := p_facts.held_long - p_facts.held_short;
begin
    -- A stock dividend states what comes for each unit, beside the unit that stays (C.4).
    if p_facts.kind = 'stock_dividend' then
        v_new_units := v_new_units + v_old_units;
    end if;
    -- The ratio is as stated, else that of the broker's own figures against the position.
    if v_new_units is null and p_facts.kind in ('split', 'stock_dividend') then
        v_new_units := v_held + coalesce(p_detail.stated_quantity, p_detail.quantity) + sign(v_held) * coalesce(p_partner.units, 0);
        v_old_units := v_held;
    elsif v_new_units is null and p_detail.stated_new_quantity is not null then
        v_new_units := abs(p_detail.stated_new_quantity) + coalesce(p_partner.units, 0);
        v_old_units := abs(case p_facts.kind when 'spinoff' then v_held else coalesce(p_detail.stated_quantity, p_detail.quantity, v_held) end);
    elsif v_new_units is null and p_facts.kind = 'symbol_change' then
        v_new_units := 1;
        v_old_units := 1;
    end if;
    -- A quotient has as many decimals as what is divided: enough for the eighteen of a digital asset (N.1).
    v_plan.ratio_numerator := v_new_units + 0.00000000000000000000;
    v_plan.ratio_denominator := v_old_units;
    if p_facts.kind not in ('split', 'stock_dividend') and p_facts.new_instrument is null then
        v_plan.problem := 'The row does not say what the holding became.';
    elsif v_plan.ratio_numerator / nullif(v_old_units, 0) > 0 then
        v_plan.concerns_whole_pools := true;
    elsif p_facts.held_long + p_facts.held_short > 0 then
        v_plan.problem := 'The ratio is not stated and cannot be derived from the holding.';
    end if;
    return v_plan;
end
$$;

comment on function tax.plan_exchange(tax.event_facts, tax.event_detail, tax.event_partner) is
    'Units change in number, or become another instrument: splits, stock dividends, spin-offs, symbol changes, mergers for shares (C.2 to C.8).';

create function tax.plan_arrival(p_facts tax.event_facts)
returns tax.event_plan
language plpgsql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    v_plan tax.event_plan := tax.new_plan(p_facts);
begin
    if coalesce(p_facts.units, 0) = 0 then
        v_plan.problem := 'The row says that units came in, but not how many.';
    end if;
    return v_plan;
end
$$;

comment on function tax.plan_arrival(tax.event_facts) is 'Units that come in kind take nothing out of a pool; tax.read_arrival says what they carry.';

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

create function tax.read_arrival(p_facts tax.event_facts, p_detail tax.event_detail, p_partner tax.event_partner)
returns tax.arrival
language plpgsql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    v_arrival tax.arrival;
begin
    -- Basis and date are those that were supplied later, else those of the kind of arrival; each may be unknown on its own (E.3, E.5).
    v_arrival.cost := round(
        coalesce(
            p_partner.later_basis,
            case p_facts.kind
                when 'gift_in' then p_detail.donor_basis
                when 'inheritance' then p_detail.market_value
                else p_detail.supplied_basis
            end
        ),
        2
    );
    v_arrival.native := case p_detail.rate when 1 then v_arrival.cost else round(v_arrival.cost / p_detail.rate, 8) end;
    v_arrival.acquired := coalesce(
        p_partner.later_acquired_on,
        case p_facts.kind
            when 'promotion' then coalesce(p_detail.supplied_acquired_on, p_facts.day)
            when 'transfer_in' then p_detail.supplied_acquired_on
            when 'gift_in' then p_detail.donor_acquired_on
            else p_facts.day
        end
    );
    if v_arrival.acquired is distinct from p_facts.day then
        v_arrival.arrived := p_facts.day;
    end if;
    if p_facts.kind = 'gift_in' and p_detail.market_value < v_arrival.cost then
        -- A gift that is worth less than the donor's basis has a second basis, for losses (A.10).
        v_arrival.gift_basis := round(p_detail.market_value, 2);
        v_arrival.gift_on := p_facts.day;
    elsif p_facts.kind = 'inheritance' then
        v_arrival.is_inherited := true;
    end if;
    -- A digital asset that moves loses its cover, whatever is stated, here as between own accounts (E.8).
    if p_facts.kind in ('gift_in', 'inheritance') or p_facts.kind = 'transfer_in' and p_facts.scale = 18 then
        v_arrival.is_covered := false;
    elsif p_facts.kind = 'transfer_in' and p_detail.covered is not null then
        v_arrival.is_covered := p_detail.covered;
    elsif v_arrival.cost is null or v_arrival.acquired is null then
        v_arrival.is_covered := false;
    end if;
    return v_arrival;
end
$$;

comment on function tax.read_arrival(tax.event_facts, tax.event_detail, tax.event_partner) is
    'What units carry that come in kind: promotions, transfers from elsewhere, gifts, inheritances (E.3, A.10).';
