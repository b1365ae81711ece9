-- The fraction is that of the account's total (C.3): rounded up at no cost, or sold for cash in a job of its own, or kept.
-- Reads: v_detail, v_event, v_event_id, v_new_left, v_notices, v_partner, v_second_native_amount, v_second_units, v_to_pool.
-- Changes: v_fraction_transaction, v_notice_code, v_notice_sentence, v_notice_transaction, v_notices, v_rounded_up, v_second_amount,
--   v_second_native_amount, v_second_pool, v_second_units.
if v_detail.fraction_handling = 'round_up' then
    v_rounded_up := ceil(v_new_left) - v_new_left;
elsif v_second_units = 0
    and (
        v_detail.fraction_handling = 'cash'
        or v_detail.fraction_handling is null and (v_detail.cash_in_lieu is not null or v_partner.kind = 'cash_in_lieu')
    )
then
    v_second_units := v_new_left - trunc(v_new_left);
    v_second_pool := v_to_pool;
    v_second_native_amount := coalesce(abs(v_detail.cash_in_lieu), v_partner.native_amount);
    v_second_amount := coalesce(round(abs(v_detail.cash_in_lieu) * v_detail.rate, 2), v_partner.amount);
    v_fraction_transaction := case when v_partner.kind = 'cash_in_lieu' then v_partner.transaction_id end;
    if v_second_units > 0 and v_second_native_amount is null then
        v_notices := v_notices + 1;
        v_notice_code[v_notices] := 'missing_terms';
        v_notice_transaction[v_notices] := v_event_id[v_event];
        v_notice_sentence[v_notices] := 'A fraction was paid in cash, but how much is not known; until it is, the fraction is kept.';
        v_second_units := 0;
    end if;
end if;
