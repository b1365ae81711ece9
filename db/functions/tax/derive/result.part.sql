-- The columns that the loop leaves behind, and the notices that need them all.
v_result.event_id := v_event_id;
v_result.event_unrated := v_event_unrated;
v_result.piece_source := v_source;
v_result.piece_number := v_number;
v_result.piece_pool := v_pool;
v_result.piece_opened := v_opened;
v_result.piece_quantity := v_quantity;
v_result.piece_cost := v_cost;
v_result.piece_native := v_native;
v_result.piece_acquired := v_acquired;
v_result.piece_acquired_at := v_acquired_at;
v_result.piece_held_from := v_held_from;
v_result.piece_closed_by := v_closed_by;
v_result.piece_wash := v_wash;
v_result.piece_used := v_used;
v_result.piece_no_purchase := v_no_purchase;
v_result.piece_gift_basis := v_gift_basis;
v_result.piece_gift_on := v_gift_on;
v_result.piece_inherited := v_inherited;
v_result.piece_covered := v_covered;
v_result.piece_arrived := v_arrived;
v_result.piece_placed_by := v_placed_by;
-- Closings that were only set aside (transfers, exercises) lie beyond the last real one.
v_result.closing_event := v_c_event[1 : v_c];
v_result.closing_transaction := v_c_transaction[1 : v_c];
v_result.closing_ordinal := v_c_ordinal[1 : v_c];
v_result.closing_piece := v_c_piece[1 : v_c];
v_result.closing_pool := v_c_pool[1 : v_c];
v_result.closing_kind := v_c_kind[1 : v_c];
v_result.closing_quantity := v_c_quantity[1 : v_c];
v_result.closing_lot := v_c_lot[1 : v_c];
v_result.closing_other := v_c_other[1 : v_c];
v_result.closing_native_lot := v_c_native_lot[1 : v_c];
v_result.closing_native_other := v_c_native_other[1 : v_c];
v_result.closing_opened := v_c_opened[1 : v_c];
v_result.closing_held_from := v_c_held_from[1 : v_c];
v_result.closing_term_on := v_c_term_on[1 : v_c];
v_result.closing_disallowed := v_c_disallowed[1 : v_c];
v_result.closing_permanent := v_c_permanent[1 : v_c];
v_result.match_closing := v_m_closing;
v_result.match_order := v_m_order;
v_result.match_piece := v_m_piece;
v_result.match_pool := v_m_pool;
v_result.match_permanent := v_m_permanent;
v_result.match_quantity := v_m_quantity;
v_result.match_amount := v_m_amount;
v_result.pool_unmatched := v_unmatched;
v_result.account_flow := v_flow;
v_result.account_forfeited := v_forfeited;
v_result.trace_event := v_t_event;
v_result.trace_piece := v_t_piece;
v_result.trace_state := v_t_state;
v_result.premium_event := v_p_event;
v_result.premium_piece := v_p_piece;
v_result.premium_quantity := v_p_quantity;
v_result.premium_amount := v_p_amount;
if p_standing.first_event is null and (v_has_short or v_has_option or v_has_family or not v_sorted) then
    for v_flag in
        select f.*
        from tax.flags(p_history, v_result, v_merged_old, v_merged_new) f
    loop
        v_notices := v_notices + 1;
        v_n_code[v_notices] := v_flag.code;
        v_n_transaction[v_notices] := v_flag.transaction_id;
        v_n_related[v_notices] := v_flag.related_id;
        v_n_sentence[v_notices] := v_flag.sentence;
    end loop;
end if;
v_result.notice_code := v_n_code;
v_result.notice_transaction := v_n_transaction;
v_result.notice_related := v_n_related;
v_result.notice_sentence := v_n_sentence;
