-- Losses of an order are judged after its last fill, in the order in which the shares sold were acquired (F.7).
-- Reads: c_window, v_closing_event, v_closing_piece, v_event, v_event_date, v_event_last_fill, v_event_rank, v_first_loss, v_free_in_window,
--   v_free_next, v_is_trade, v_loss_on, v_loss_rest, v_losses, v_method, v_piece_acquired, v_piece_acquired_at, v_piece_number, v_piece_source,
--   v_unjudged.
-- Changes: v_first_loss, v_free_in_window, v_judged, v_unjudged.
v_judged := '{}';
if v_event_last_fill[v_event] = v_event and cardinality(v_unjudged) > 0 then
    if v_closing_event[v_unjudged[1]] = v_event and (cardinality(v_unjudged) = 1 or v_is_trade and v_method = 'fifo') then
        -- What a plain trade takes from the head of a pool is in that order already.
        v_judged := v_unjudged;
        v_unjudged := '{}';
    else
        select
            coalesce(
                array_agg(
                    u.closing
                    order by v_piece_acquired[v_closing_piece[u.closing]] nulls first, v_piece_acquired_at[v_closing_piece[u.closing]] nulls first,
                        v_event_rank[v_piece_source[v_closing_piece[u.closing]]], v_piece_source[v_closing_piece[u.closing]],
                        v_piece_number[v_closing_piece[u.closing]], u.closing
                ) filter (where v_event_last_fill[v_closing_event[u.closing]] = v_event),
                '{}'
            ),
            coalesce(array_agg(u.closing order by u.closing) filter (where v_event_last_fill[v_closing_event[u.closing]] <> v_event), '{}')
        into v_judged, v_unjudged
        from unnest(v_unjudged) u (closing);
    end if;
end if;

-- Windows that ended are forgotten.
while v_first_loss <= v_losses and (v_loss_rest[v_first_loss] = 0 or v_loss_on[v_first_loss] < v_event_date[v_event] - c_window) loop
    v_first_loss := v_first_loss + 1;
end loop;
while v_free_in_window <> 0 and v_piece_acquired[v_free_in_window] < v_event_date[v_event] - c_window loop
    v_free_in_window := v_free_next[v_free_in_window];
end loop;
