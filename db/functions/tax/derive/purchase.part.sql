-- A purchase where no short is open: most events. It is its own piece, at the end of its pool, and its turn ends here.
-- Reads: c_window, v_event, v_event_date, v_first_loss, v_free_in_window, v_free_tail, v_has_usual_washes, v_is_plain, v_kind, v_long_pool,
--   v_loss_on, v_loss_rest, v_losses, v_pool_head, v_pool_ranked_by, v_pool_replaces, v_pool_tail, v_pool_waiting, v_short_pool, v_unjudged.
-- Changes: v_first_loss, v_free_head, v_free_in_window, v_free_next, v_free_previous, v_free_tail, v_piece_next, v_piece_previous,
--   v_piece_waits_before, v_pool_head, v_pool_tail, v_pool_waiting.
if v_is_plain and (v_kind = 'buy' and v_pool_head[v_short_pool] = 0 or v_kind = 'buy_to_open') then
    declare
        v_newest integer := v_pool_tail[v_long_pool];
    begin
        if v_newest = 0 then
            v_pool_head[v_long_pool] := v_event;
        else
            v_piece_next[v_newest] := v_event;
        end if;
    end;
    v_pool_tail[v_long_pool] := v_event;
    continue;
end if;

-- With wash sales the same, where no loss waits for a replacement or for the last fill of its order: it may replace a loss to come.
if v_has_usual_washes and (v_kind = 'buy' and v_pool_head[v_short_pool] = 0 or v_kind = 'buy_to_open') then
    while v_first_loss <= v_losses and (v_loss_rest[v_first_loss] = 0 or v_loss_on[v_first_loss] < v_event_date[v_event] - c_window) loop
        v_first_loss := v_first_loss + 1;
    end loop;
    if v_first_loss > v_losses and v_unjudged = '{}' then
        declare
            v_newest integer := v_pool_tail[v_long_pool];
        begin
            v_piece_previous[v_event] := v_newest;
            if v_newest = 0 then
                v_pool_head[v_long_pool] := v_event;
            else
                v_piece_next[v_newest] := v_event;
            end if;
        end;
        v_pool_tail[v_long_pool] := v_event;
        if v_pool_ranked_by[v_long_pool] is not null then
            v_piece_waits_before[v_event] := v_pool_waiting[v_long_pool];
            v_pool_waiting[v_long_pool] := v_event;
        end if;
        if v_pool_replaces[v_long_pool] then
            v_free_previous[v_event] := v_free_tail;
            v_free_next[v_event] := 0;
            if v_free_tail = 0 then
                v_free_head := v_event;
            else
                v_free_next[v_free_tail] := v_event;
            end if;
            v_free_tail := v_event;
            if v_free_in_window = 0 then
                v_free_in_window := v_event;
            end if;
        end if;
        continue;
    end if;
end if;
