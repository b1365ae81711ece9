-- What the event before did to the pieces asked for (lots_explain): their states, where they are not those of before.
-- Reads: v_event, v_event_id, v_looked_at, v_piece_acquired, v_piece_cost, v_piece_gift_basis, v_piece_held_from, v_piece_opened,
--   v_piece_pool, v_piece_quantity, v_piece_source, v_piece_wash, v_pieces, v_steps, v_trace, v_traced, v_traced_state.
-- Changes: v_looked_at, v_step_event, v_step_piece, v_step_state, v_steps, v_traced, v_traced_state.
declare
    v_piece integer;
    v_state tax.piece_state;
begin
    if v_event > 1 and v_event_id[v_event - 1] = any (v_trace) and v_piece_opened[v_event - 1] is not null then
        v_traced := v_traced || (v_event - 1);
    end if;
    for v_cut in v_looked_at + 1 .. v_pieces loop
        if v_event_id[v_piece_source[v_cut]] = any (v_trace) then
            v_traced := v_traced || v_cut;
        end if;
    end loop;
    v_looked_at := v_pieces;
    for v_place in 1 .. cardinality(v_traced) loop
        v_piece := v_traced[v_place];
        v_state := (
            v_piece_pool[v_piece], v_piece_quantity[v_piece],
            case when v_piece_quantity[v_piece] > 0 then v_piece_cost[v_piece] when v_piece_cost[v_piece] is not null then 0 end,
            case when v_piece_quantity[v_piece] > 0 then coalesce(v_piece_wash[v_piece], 0) else 0 end,
            v_piece_gift_basis[v_piece], v_piece_held_from[v_piece], v_piece_acquired[v_piece]
        );
        if v_state::text is distinct from v_traced_state[v_place] then
            v_traced_state[v_place] := v_state::text;
            v_steps := v_steps + 1;
            v_step_event[v_steps] := v_event - 1;
            v_step_piece[v_steps] := v_piece;
            v_step_state[v_steps] := v_state;
        end if;
    end loop;
end;
