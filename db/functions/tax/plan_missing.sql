-- Units that a corporate action names and the book does not hold (plan.sql): histories are often incomplete, and what came of such units is held all the same.

create function tax.plan_missing_units(
    p_plan tax.event_plan, p_facts tax.event_facts, p_detail tax.event_detail, p_partner tax.event_partner
)
returns tax.event_plan
language plpgsql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
    v_plan tax.event_plan := p_plan;
    v_held constant numeric := p_facts.held_long;
    v_ratio constant numeric := p_plan.ratio_numerator / nullif(p_plan.ratio_denominator, 0);
    v_stated constant numeric := coalesce(p_detail.stated_quantity, p_detail.quantity);
    v_stated_new constant numeric := p_detail.stated_new_quantity + coalesce(p_partner.units, 0);
    -- Fractions may have been paid out or rounded up: less than a unit is no difference, where anything is held.
    v_least constant numeric := case when p_facts.held_long = 0 then 10::numeric ^ (- p_facts.scale) else 1 end;
    -- What the broker's figure has more than the book, by which it is judged; and the units of before and after that are missing.
    v_more numeric;
    v_old numeric;
    v_new numeric;
begin
    if p_facts.held_short > 0 or p_facts.kind not in ('split', 'stock_dividend') and p_facts.new_instrument is null then
        return v_plan;
    end if;
    if p_facts.kind in ('split', 'stock_dividend') then
        if p_detail.ratio_numerator is not null and v_ratio <> 1 then
            v_more := v_stated + coalesce(p_partner.units, 0) - v_held * (v_ratio - 1);
            v_old := round(v_more / (v_ratio - 1), p_facts.scale);
            v_new := v_old + v_more;
        elsif p_detail.ratio_numerator is null and v_held = 0 then
            v_more := v_stated;
            v_old := greatest(- v_stated, 0);
            v_new := greatest(v_stated, 0);
        end if;
    elsif p_facts.kind = 'spinoff' then
        v_old := 0;
        v_new := v_stated_new - coalesce(round(v_held * v_ratio, p_facts.scale), 0);
        v_more := v_new;
    elsif v_stated < 0 then
        v_old := - v_stated - v_held;
        v_new := coalesce(v_stated_new - round(v_held * v_ratio, p_facts.scale), round(v_old * v_ratio, p_facts.scale), v_stated_new);
        v_more := v_old;
    elsif v_stated is null then
        v_new := v_stated_new - coalesce(round(v_held * v_ratio, p_facts.scale), 0);
        v_old := coalesce(round(v_new / v_ratio, p_facts.scale), 0);
        v_more := v_new;
    end if;

    if abs(v_more) < v_least then
        return v_plan;
    elsif v_held > 0 and least(v_old, v_new) < 0 then
        v_plan.problem_code := 'missing_history';
        v_plan.problem := format(
            'The broker''s figure for this row stands for fewer units than the %s held here: a sale or a departure is not in the book.', trim_scale(v_held)
        );
    elsif v_old >= 0 and v_new >= 0 then
        -- The units of before count as unmatched, those of after are a lot of unknown basis (A.12, E.4).
        v_plan.missing_units := v_old;
        v_plan.missing_new_units := v_new;
        v_plan.problem_code := 'missing_history';
        v_plan.problem := format(
            'Of the units that this row names %s are not in the book; what became of them has no known basis until older rows are there, or it is supplied: `basis_set`.',
            trim_scale(greatest(v_old, case when v_old = 0 then v_new end))
        );
        if p_facts.kind = 'merger_mixed' then
            v_plan.missing_native_amount := coalesce(v_old * p_detail.cash_per_share, case when v_held = 0 then p_detail.native_amount end);
            v_plan.missing_amount := round(v_plan.missing_native_amount * p_detail.rate, 2);
        end if;
    end if;
    return v_plan;
end
$$;

comment on function tax.plan_missing_units(tax.event_plan, tax.event_facts, tax.event_detail, tax.event_partner) is
    'The plan of an exchange with the units that its row names beyond what is held, what they became, and cash for them (C.1, E.4).';
