-- Plans of units that come and go in kind, and of held shares that are delivered against a short (plan.sql).

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
        v_plan.loses_cover := p_facts.is_digital or not coalesce(p_partner.covered, p_detail.covered, true);
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
    if p_facts.kind in ('gift_in', 'inheritance') or p_facts.kind = 'transfer_in' and p_facts.is_digital then
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
