-- The plan of options that expire, are exercised or assigned (plan.sql).

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
        if p_facts.is_future and p_detail.native_amount is null then
            v_plan.units := 0;
            v_plan.problem := 'A future ended at a price that is not stated.';
        elsif p_facts.is_future then
            -- The last day settles what the days before have not; without cash the row says what the contract was worth (D.10).
            v_plan.price := p_detail.price * p_detail.rate;
            v_plan.amount := v_plan.amount
                + case when v_plan.side = 'short' and p_detail.native_gross is not null then - p_detail.amount else p_detail.amount end;
            v_plan.native_amount := v_plan.native_amount
                + case when v_plan.side = 'short' and p_detail.native_gross is not null then - p_detail.native_amount else p_detail.native_amount end;
        end if;
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
