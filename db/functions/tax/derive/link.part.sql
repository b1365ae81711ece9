-- New pieces go to their place in lot order (A.2); most belong at the end.
-- Reads: v_acquisitions, v_event, v_has_option, v_has_short, v_is_sorted, v_new_piece, v_new_pieces, v_piece_next, v_piece_no_purchase,
--   v_piece_pool, v_piece_source, v_piece_waits_before, v_pool_head, v_pool_is_long, v_pool_ranked_by, v_pool_replaces, v_pool_tail,
--   v_pool_waiting.
-- Changes: v_acquisitions, v_has_short, v_new_pieces, v_piece_next, v_piece_previous, v_piece_waits_before, v_pool_head, v_pool_tail,
--   v_pool_waiting.
declare
    v_piece integer;
    v_pool integer;
    v_before integer;
    v_behind integer;
    v_linked integer := 0;
begin
    for v_place in 1 .. v_new_pieces loop
        v_piece := v_new_piece[v_place];
        v_pool := v_piece_pool[v_piece];
        v_before := v_pool_tail[v_pool];
        if not v_is_sorted and v_before <> 0 then
            -- include link/place.part.sql
        end if;
        v_linked := v_piece;
        if v_before = 0 then
            v_behind := v_pool_head[v_pool];
            v_pool_head[v_pool] := v_piece;
        else
            v_behind := v_piece_next[v_before];
            v_piece_next[v_before] := v_piece;
        end if;
        v_piece_previous[v_piece] := v_before;
        v_piece_next[v_piece] := v_behind;
        if v_behind = 0 then
            v_pool_tail[v_pool] := v_piece;
        else
            v_piece_previous[v_behind] := v_piece;
        end if;
        if v_pool_ranked_by[v_pool] is not null and v_piece_waits_before[v_piece] is null then
            v_piece_waits_before[v_piece] := v_pool_waiting[v_pool];
            v_pool_waiting[v_pool] := v_piece;
        end if;
        v_has_short := v_has_short or not v_pool_is_long[v_pool];
        if (not v_pool_is_long[v_pool] or v_has_option) and v_piece_source[v_piece] = v_event and v_piece_no_purchase[v_piece] is null then
            -- include link/flags.part.sql
        end if;
        if v_pool_replaces[v_pool] and v_piece_source[v_piece] = v_event and v_piece_no_purchase[v_piece] is null then
            v_acquisitions := v_acquisitions || v_piece;
        end if;
    end loop;
    v_new_pieces := 0;
end;
