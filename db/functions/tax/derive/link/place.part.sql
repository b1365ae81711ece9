-- The place of a piece that may be older than the newest (A.2) becomes v_before: looked for from the piece that was linked just now, or from the
-- end; unknown dates come first.
-- Reads: v_before, v_behind, v_event_rank, v_linked, v_piece, v_piece_acquired, v_piece_acquired_at, v_piece_next, v_piece_number,
--   v_piece_pool, v_piece_previous, v_piece_source, v_pool.
-- Changes: v_before, v_behind.
if v_linked <> 0 and v_piece_pool[v_linked] = v_pool
    and (
        coalesce(v_piece_acquired[v_linked], '-infinity'), coalesce(v_piece_acquired_at[v_linked], '-infinity'),
        v_event_rank[v_piece_source[v_linked]], v_piece_number[v_linked]
    ) <= (
        coalesce(v_piece_acquired[v_piece], '-infinity'), coalesce(v_piece_acquired_at[v_piece], '-infinity'),
        v_event_rank[v_piece_source[v_piece]], v_piece_number[v_piece]
    )
then
    v_before := v_linked;
    loop
        v_behind := v_piece_next[v_before];
        exit when v_behind = 0
            or (
                coalesce(v_piece_acquired[v_piece], '-infinity'), coalesce(v_piece_acquired_at[v_piece], '-infinity'),
                v_event_rank[v_piece_source[v_piece]], v_piece_number[v_piece]
            ) < (
                coalesce(v_piece_acquired[v_behind], '-infinity'), coalesce(v_piece_acquired_at[v_behind], '-infinity'),
                v_event_rank[v_piece_source[v_behind]], v_piece_number[v_behind]
            );
        v_before := v_behind;
    end loop;
else
    while v_before <> 0
        and (
            coalesce(v_piece_acquired[v_piece], '-infinity'), coalesce(v_piece_acquired_at[v_piece], '-infinity'),
            v_event_rank[v_piece_source[v_piece]], v_piece_number[v_piece]
        ) < (
            coalesce(v_piece_acquired[v_before], '-infinity'), coalesce(v_piece_acquired_at[v_before], '-infinity'),
            v_event_rank[v_piece_source[v_before]], v_piece_number[v_before]
        )
    loop
        v_before := v_piece_previous[v_before];
    end loop;
end if;
