-- A purchase where no short is open: most events. It is its own piece, at the end of its pool.
if v_plain and (v_code = 1 and v_head[v_long + 1] = 0 or v_code = 4) then
    v_s := v_tail[v_long];
    if v_s = 0 then
        v_head[v_long] := v_k;
    else
        v_next[v_s] := v_k;
    end if;
    v_tail[v_long] := v_k;
    continue;
end if;

-- With wash sales the same, where no loss waits for a replacement or for the last fill of its order: it may replace a loss to come.
if v_usual and (v_code = 1 and v_head[v_long + 1] = 0 or v_code = 4) then
    while v_loss_first <= v_loss and (v_loss_rest[v_loss_first] = 0 or v_loss_on[v_loss_first] < v_event_date[v_k] - 30) loop
        v_loss_first := v_loss_first + 1;
    end loop;
    if v_loss_first > v_loss and v_incomplete = '{}' then
        v_s := v_tail[v_long];
        v_previous[v_k] := v_s;
        if v_s = 0 then
            v_head[v_long] := v_k;
        else
            v_next[v_s] := v_k;
        end if;
        v_tail[v_long] := v_k;
        if v_ranked_by[v_long] is not null then
            v_waits_before[v_k] := v_waiting[v_long];
            v_waiting[v_long] := v_k;
        end if;
        if v_pool_may_replace[v_long] then
            v_free_previous[v_k] := v_free_tail;
            v_free_next[v_k] := 0;
            if v_free_tail = 0 then
                v_free_head := v_k;
            else
                v_free_next[v_free_tail] := v_k;
            end if;
            v_free_tail := v_k;
            if v_free_start = 0 then
                v_free_start := v_k;
            end if;
        end if;
        continue;
    end if;
end if;
