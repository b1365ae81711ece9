-- The states of the pieces asked for, after each event that changed them (lots_explain).
if v_tracing then
    -- What the event before did to the pieces asked for.
    if v_k > 1 and v_event_id[v_k - 1] = any (v_trace) and v_opened[v_k - 1] is not null then
        v_traced := v_traced || (v_k - 1);
    end if;
    for v_s in v_looked + 1 .. v_m loop
        if v_event_id[v_source[v_s]] = any (v_trace) then
            v_traced := v_traced || v_s;
        end if;
    end loop;
    v_looked := v_m;
    for v_i in 1 .. cardinality(v_traced) loop
        v_s := v_traced[v_i];
        v_state := (
            v_pool[v_s], v_quantity[v_s], case when v_quantity[v_s] > 0 then v_cost[v_s] when v_cost[v_s] is not null then 0 end,
            case when v_quantity[v_s] > 0 then coalesce(v_wash[v_s], 0) else 0 end, v_gift_basis[v_s], v_held_from[v_s], v_acquired[v_s]
        );
        if v_state::text is distinct from v_states[v_i] then
            v_states[v_i] := v_state::text;
            v_steps := v_steps + 1;
            v_t_event[v_steps] := v_k - 1;
            v_t_piece[v_steps] := v_s;
            v_t_state[v_steps] := v_state;
        end if;
    end loop;
    exit when v_k > v_n + cardinality(v_reports);
end if;
