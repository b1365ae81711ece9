-- The columns that the loop leaves behind, and the notices that need them all.
-- An exchange elsewhere may have another day than New York at that instant: the day of the trade is kept, the time of day is given up.
-- Reads: v_account_flow, v_account_forfeited, v_closing_disallowed, v_closing_event, v_closing_held_from, v_closing_kind, v_closing_lot,
--   v_closing_native_lot, v_closing_native_other, v_closing_opened, v_closing_ordinal, v_closing_other, v_closing_permanent,
--   v_closing_piece, v_closing_pool, v_closing_quantity, v_closing_term_on, v_closing_transaction, v_closings, v_event_date, v_event_id,
--   v_event_unrated, v_has_family, v_has_option, v_has_short, v_is_sorted, v_match_amount, v_match_closing, v_match_order,
--   v_match_permanent, v_match_piece, v_match_pool, v_match_quantity, v_merged_new, v_merged_old, v_notice_code, v_notice_related,
--   v_notice_sentence, v_notice_transaction, v_notices, v_piece_acquired, v_piece_acquired_at, v_piece_arrived, v_piece_closed_by,
--   v_piece_cost, v_piece_covered, v_piece_gift_basis, v_piece_gift_on, v_piece_held_from, v_piece_inherited, v_piece_native,
--   v_piece_no_purchase, v_piece_number, v_piece_opened, v_piece_placed_by, v_piece_pool, v_piece_quantity, v_piece_source, v_piece_used,
--   v_piece_wash, v_pool_instrument, v_pool_unmatched, v_premium_amount, v_premium_event, v_premium_piece, v_premium_quantity, v_result,
--   v_step_event, v_step_piece, v_step_state.
-- Changes: v_notice_code, v_notice_related, v_notice_sentence, v_notice_transaction, v_notices, v_piece_acquired_at, v_result.
declare
    v_piece integer;
begin
    for v_piece in
        select e.place
        from unnest(v_piece_acquired, v_piece_acquired_at) with ordinality e (day, at, place)
        where not e.at - e.day::timestamp at time zone 'UTC' between interval '5 hours' and interval '28 hours'
        and (e.at at time zone 'America/New_York')::date <> e.day
    loop
        v_piece_acquired_at[v_piece] := tax.start_of_day(v_piece_acquired[v_piece]);
    end loop;
end;

v_result.event_id := v_event_id;
v_result.event_unrated := v_event_unrated;
v_result.piece_source := v_piece_source;
v_result.piece_number := v_piece_number;
v_result.piece_pool := v_piece_pool;
v_result.piece_opened := v_piece_opened;
v_result.piece_quantity := v_piece_quantity;
v_result.piece_cost := v_piece_cost;
v_result.piece_native := v_piece_native;
v_result.piece_acquired := v_piece_acquired;
v_result.piece_acquired_at := v_piece_acquired_at;
v_result.piece_held_from := v_piece_held_from;
v_result.piece_closed_by := v_piece_closed_by;
v_result.piece_wash := v_piece_wash;
v_result.piece_used := v_piece_used;
v_result.piece_no_purchase := v_piece_no_purchase;
v_result.piece_gift_basis := v_piece_gift_basis;
v_result.piece_gift_on := v_piece_gift_on;
v_result.piece_inherited := v_piece_inherited;
v_result.piece_covered := v_piece_covered;
v_result.piece_arrived := v_piece_arrived;
v_result.piece_placed_by := v_piece_placed_by;
-- Closings that were only set aside (transfers, exercises) lie beyond the last real one.
v_result.closing_event := v_closing_event[1 : v_closings];
v_result.closing_transaction := v_closing_transaction[1 : v_closings];
v_result.closing_ordinal := v_closing_ordinal[1 : v_closings];
v_result.closing_piece := v_closing_piece[1 : v_closings];
v_result.closing_pool := v_closing_pool[1 : v_closings];
v_result.closing_kind := v_closing_kind[1 : v_closings];
v_result.closing_quantity := v_closing_quantity[1 : v_closings];
v_result.closing_lot := v_closing_lot[1 : v_closings];
v_result.closing_other := v_closing_other[1 : v_closings];
v_result.closing_native_lot := v_closing_native_lot[1 : v_closings];
v_result.closing_native_other := v_closing_native_other[1 : v_closings];
v_result.closing_opened := v_closing_opened[1 : v_closings];
v_result.closing_held_from := v_closing_held_from[1 : v_closings];
v_result.closing_term_on := v_closing_term_on[1 : v_closings];
v_result.closing_disallowed := v_closing_disallowed[1 : v_closings];
v_result.closing_permanent := v_closing_permanent[1 : v_closings];
v_result.match_closing := v_match_closing;
v_result.match_order := v_match_order;
v_result.match_piece := v_match_piece;
v_result.match_pool := v_match_pool;
v_result.match_permanent := v_match_permanent;
v_result.match_quantity := v_match_quantity;
v_result.match_amount := v_match_amount;
v_result.pool_unmatched := v_pool_unmatched;
v_result.account_flow := v_account_flow;
v_result.account_forfeited := v_account_forfeited;
v_result.trace_event := v_step_event;
v_result.trace_piece := v_step_piece;
v_result.trace_state := v_step_state;
v_result.premium_event := v_premium_event;
v_result.premium_piece := v_premium_piece;
v_result.premium_quantity := v_premium_quantity;
v_result.premium_amount := v_premium_amount;
declare
    v_late bigint;
begin
    -- A future of section 1256 that no row marked at the end of a year: what it had gained by then is not in that year (D.7).
    if 'future' = any (p_history.instrument_type) and true = any (p_history.instrument_1256) then
        for v_late in
            select v_event_id[e.event]
            from (
                select
                    c.piece, max(c.event) as event,
                    min(date_part('year', v_piece_acquired[c.piece])) as opened,
                    max(date_part('year', v_event_date[c.event])) as closed,
                    count(distinct date_part('year', v_event_date[c.event])) filter (where c.kind = 'mtm') as marked
                from unnest(v_closing_event[1 : v_closings], v_closing_piece[1 : v_closings], v_closing_kind[1 : v_closings]) c (event, piece, kind)
                where c.piece <> 0
                and p_history.instrument_type[v_pool_instrument[v_piece_pool[c.piece]]] = 'future'
                and p_history.instrument_1256[v_pool_instrument[v_piece_pool[c.piece]]]
                group by c.piece
            ) e
            where e.closed - e.opened > e.marked
            group by e.event
            order by e.event
        loop
            v_notices := v_notices + 1;
            v_notice_code[v_notices] := 'missing_terms';
            v_notice_transaction[v_notices] := v_late;
            v_notice_sentence[v_notices]
                := 'A future was held over the end of a year without its price of that day: all of its result lies in the year of the closing.';
        end loop;
    end if;
end;
declare
    v_flag tax.flag;
begin
    if p_standing.first_event is null and (v_has_short or v_has_option or v_has_family or not v_is_sorted) then
        for v_flag in
            select f.*
            from tax.flags(p_history, v_result, v_merged_old, v_merged_new) f
        loop
            v_notices := v_notices + 1;
            v_notice_code[v_notices] := v_flag.code;
            v_notice_transaction[v_notices] := v_flag.transaction_id;
            v_notice_related[v_notices] := v_flag.related_id;
            v_notice_sentence[v_notices] := v_flag.sentence;
        end loop;
    end if;
end;
v_result.notice_code := v_notice_code;
v_result.notice_transaction := v_notice_transaction;
v_result.notice_related := v_notice_related;
v_result.notice_sentence := v_notice_sentence;
