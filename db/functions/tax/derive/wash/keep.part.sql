-- What an acquisition has left may replace a later loss. Shares from an option come last on their day, and those of a merger first, but they lie
-- where their time puts them (A.2, F.7).
-- Reads: v_before, v_event_rank, v_free_in_window, v_free_previous, v_free_tail, v_is_sorted, v_piece, v_piece_acquired, v_piece_acquired_at,
--   v_piece_number, v_piece_source.
-- Changes: v_before, v_free_head, v_free_in_window, v_free_next, v_free_previous, v_free_tail.
declare
    v_behind integer := 0;
begin
    v_before := v_free_tail;
    while v_before <> 0
        and case
            when v_piece_source[v_before] = v_piece_source[v_piece] then v_piece_number[v_before] > v_piece_number[v_piece]
            else not v_is_sorted
                and (v_piece_acquired[v_before], v_piece_acquired_at[v_before], v_event_rank[v_piece_source[v_before]])
                    > (v_piece_acquired[v_piece], v_piece_acquired_at[v_piece], v_event_rank[v_piece_source[v_piece]])
        end
    loop
        v_behind := v_before;
        v_before := v_free_previous[v_before];
    end loop;
    v_free_next[v_piece] := v_behind;
    v_free_previous[v_piece] := v_before;
    if v_before = 0 then
        v_free_head := v_piece;
    else
        v_free_next[v_before] := v_piece;
    end if;
    if v_behind = 0 then
        v_free_tail := v_piece;
    else
        v_free_previous[v_behind] := v_piece;
    end if;
    if v_free_in_window = v_behind then
        v_free_in_window := v_piece;
    end if;
end;
