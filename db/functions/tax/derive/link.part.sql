-- New pieces go to their place in lot order (A.2); most belong at the end.
v_hint := 0;
for v_i in 1 .. v_link_count loop
    v_s := v_links[v_i];
    v_p := v_pool[v_s];
    v_a := v_tail[v_p];
    if not v_sorted and v_a <> 0 then
        if v_hint <> 0 and v_pool[v_hint] = v_p
            and (coalesce(v_acquired[v_hint], '-infinity'), coalesce(v_acquired_at[v_hint], '-infinity'), v_event_rank[v_source[v_hint]], v_number[v_hint])
                <= (coalesce(v_acquired[v_s], '-infinity'), coalesce(v_acquired_at[v_s], '-infinity'), v_event_rank[v_source[v_s]], v_number[v_s])
        then
            v_a := v_hint;
            loop
                v_b := v_next[v_a];
                exit when v_b = 0
                    or (coalesce(v_acquired[v_s], '-infinity'), coalesce(v_acquired_at[v_s], '-infinity'), v_event_rank[v_source[v_s]], v_number[v_s])
                        < (coalesce(v_acquired[v_b], '-infinity'), coalesce(v_acquired_at[v_b], '-infinity'), v_event_rank[v_source[v_b]], v_number[v_b]);
                v_a := v_b;
            end loop;
        else
            while v_a <> 0
                and (coalesce(v_acquired[v_s], '-infinity'), coalesce(v_acquired_at[v_s], '-infinity'), v_event_rank[v_source[v_s]], v_number[v_s])
                    < (coalesce(v_acquired[v_a], '-infinity'), coalesce(v_acquired_at[v_a], '-infinity'), v_event_rank[v_source[v_a]], v_number[v_a])
            loop
                v_a := v_previous[v_a];
            end loop;
        end if;
    end if;
    v_hint := v_s;
    if v_a = 0 then
        v_b := v_head[v_p];
        v_head[v_p] := v_s;
    else
        v_b := v_next[v_a];
        v_next[v_a] := v_s;
    end if;
    v_previous[v_s] := v_a;
    v_next[v_s] := v_b;
    if v_b = 0 then
        v_tail[v_p] := v_s;
    else
        v_previous[v_b] := v_s;
    end if;
    if v_ranked_by[v_p] is not null and v_waits_before[v_s] is null then
        v_waits_before[v_s] := v_waiting[v_p];
        v_waiting[v_p] := v_s;
    end if;
    v_has_short := v_has_short or v_p % 2 = 0;
    if (v_p % 2 = 0 or v_has_option) and v_source[v_s] = v_k and v_no_purchase[v_s] is null then
        -- include link/flags.part.sql
    end if;
    if v_pool_may_replace[v_p] and v_source[v_s] = v_k and v_no_purchase[v_s] is null then
        v_acquisitions := v_acquisitions || v_s;
    end if;
end loop;
