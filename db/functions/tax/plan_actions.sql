-- Plans of corporate actions, and of what else concerns all that is held (plan.sql).

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
    if v_plan.units = 0 and coalesce(p_detail.native_gross, p_detail.native_amount) > 0 then
        -- Nothing is held and the row names no units: what was paid is of unknown basis (C.6, E.4).
        v_plan.missing_native_amount := coalesce(p_detail.native_gross, p_detail.native_amount) - p_detail.native_costs;
        v_plan.missing_amount := round(coalesce(p_detail.native_gross, p_detail.native_amount) * p_detail.rate, 2) - p_detail.costs;
        v_plan.problem_code := 'missing_history';
        v_plan.problem := 'Cash came for a holding that is not in the book; its basis is unknown until older rows are there.';
        v_plan.is_unrated := p_detail.rate is null;
        return v_plan;
    end if;
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
    if p_detail.price is not null then
        -- Of a future any day has a price; it is marked with that of the year's last one.
        v_plan.concerns_whole_pools := not p_facts.is_future or p_facts.ends_year;
    elsif not p_facts.is_future or p_detail.native_amount is null then
        v_plan.problem := 'The year-end value is not stated.';
    elsif p_facts.held_long = 0 and p_facts.held_short = 0 then
        if p_detail.native_amount <> 0 then
            v_plan.problem := format(
                'A future was settled (%s) of which no contract is held here: this cash is in no result.', trim_scale(p_detail.native_amount)
            );
        end if;
    elsif p_detail.amount is null then
        v_plan.problem_code := 'unknown_rate';
        v_plan.problem := 'What was settled is not known in the tax currency.';
        v_plan.is_unrated := true;
    else
        v_plan.concerns_whole_pools := true;
    end if;
    return v_plan;
end
$$;

comment on function tax.plan_year_end_mark(tax.event_facts, tax.event_detail) is
    'Contracts of section 1256 at the end of the year: all that is open is marked to its value (D.7). A future with an amount and no price: what was settled of all that is open (D.10).';

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
    if p_facts.held_long = 0 and p_facts.held_short = 0 then
        v_plan.problem_code := 'missing_history';
        v_plan.problem := 'Capital was returned while nothing is held here: units are missing, or it belongs to what was sold before. It lowers no basis.';
    elsif p_facts.held_long > 0 and coalesce(p_facts.held_long * p_detail.amount_per_share, p_detail.native_amount) is null then
        v_plan.concerns_whole_pools := false;
        v_plan.problem := 'The capital returned is not stated.';
    elsif p_facts.held_long > 0 and p_detail.rate is null then
        -- The cost in the trading currency is lower all the same; the one in the tax currency is open from here on (N.1).
        v_plan.is_unrated := true;
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
    v_stated constant numeric := coalesce(p_detail.stated_quantity, p_detail.quantity);
    v_simple numeric[];
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
    -- A ratio out of units that a broker rounds is the simple one within that rounding (C.2): it keeps more decimals than it prints.
    if p_detail.ratio_numerator is null and scale(trim_scale(v_held)) <= scale(coalesce(p_detail.stated_new_quantity, v_stated)) then
        null;
    elsif p_detail.ratio_numerator is null then
        v_simple := tax.simple_ratio(
            abs(v_new_units), abs(v_old_units),
            tax.printed_rounding(coalesce(p_detail.stated_new_quantity, v_stated), p_facts.scale)
            + case
                when p_facts.kind in ('split', 'stock_dividend', 'spinoff') or v_old_units = 0 then 0
                else tax.printed_rounding(v_stated, p_facts.scale) * abs(v_new_units / v_old_units)
            end
        );
    elsif least(v_new_units, v_old_units) > 100 and p_facts.kind = 'split' and v_stated is not null and v_new_units <> v_old_units then
        v_old_units := abs(v_stated / (v_new_units / v_old_units - 1));
        v_new_units := v_old_units + v_stated;
        v_simple := tax.simple_ratio(v_new_units, v_old_units, tax.printed_rounding(v_stated, p_facts.scale));
    elsif least(v_new_units, v_old_units) > 100 and v_stated * p_detail.stated_new_quantity < 0 then
        v_simple := tax.simple_ratio(
            abs(p_detail.stated_new_quantity), abs(v_stated),
            tax.printed_rounding(p_detail.stated_new_quantity, p_facts.scale)
            + tax.printed_rounding(v_stated, p_facts.scale) * v_new_units / v_old_units
        );
    end if;
    if v_simple[1] * v_old_units <> v_simple[2] * v_new_units then
        v_new_units := v_simple[1];
        v_old_units := v_simple[2];
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
    if p_facts.kind = 'spinoff' and v_plan.concerns_whole_pools and p_facts.held_long + p_facts.held_short > 0 and p_detail.basis_fraction is null then
        v_plan.problem := 'How much of the basis went to the new shares is not stated; until it is, the basis of both is unknown: `transaction_correct` with basis_fraction.';
    end if;
    return tax.plan_missing_units(v_plan, p_facts, p_detail, p_partner);
end
$$;

comment on function tax.plan_exchange(tax.event_facts, tax.event_detail, tax.event_partner) is
    'Units change in number, or become another instrument: splits, stock dividends, spin-offs, symbol changes, mergers for shares (C.2 to C.8).';
