-- What the event asks for becomes its first job; what it cannot say is a notice.
-- Reads: v_detail, v_event, v_event_id, v_facts, v_instrument, v_kind, v_merged_new, v_merged_old, v_notices, v_outcome, v_partner, v_plan.
-- Changes: v_amount_left, v_closes_as, v_event_unrated, v_fraction_transaction, v_from_pool, v_leg, v_legs, v_merged_new, v_merged_old,
--   v_method, v_native_left, v_notice_code, v_notice_sentence, v_notice_transaction, v_notices, v_outcome, v_pick_leg, v_pick_transaction,
--   v_plan, v_price, v_second_amount, v_second_native_amount, v_second_pool, v_second_units, v_sets_aside, v_units_left.
v_plan := tax.plan_event(v_facts, v_detail, v_partner);
v_from_pool := v_plan.from_pool;
v_units_left := v_plan.units;
v_amount_left := v_plan.amount;
v_native_left := v_plan.native_amount;
v_method := v_plan.method;
v_price := v_plan.price;
v_closes_as := v_plan.closing_kind;
v_outcome := v_plan.outcome;
v_sets_aside := v_outcome in ('move', 'leave', 'exercise', 'deliver');
v_pick_transaction := v_event_id[v_event];
v_pick_leg := 'transaction';
v_legs := 0;
v_leg := 0;
v_second_pool := v_plan.second_pool;
v_second_units := v_plan.second_units;
v_second_amount := v_plan.second_amount;
v_second_native_amount := v_plan.second_native_amount;
v_fraction_transaction := null;
if v_plan.is_unrated then
    v_event_unrated[v_event] := true;
end if;
if v_kind in ('merger_stock', 'merger_mixed') then
    v_merged_old := v_merged_old || v_instrument;
    v_merged_new := v_merged_new || v_facts.new_instrument;
end if;
if v_plan.problem is not null then
    v_notices := v_notices + 1;
    v_notice_code[v_notices] := v_plan.problem_code;
    v_notice_transaction[v_notices] := v_event_id[v_event];
    v_notice_sentence[v_notices] := v_plan.problem;
end if;
