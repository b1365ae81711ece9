-- Where the book stood: pieces in lot order, those that may still replace a loss in the order of their purchase, losses still looking for one.
-- Reads: v_closing_event, v_closing_piece, v_closings, v_event_date, v_event_first_fill, v_events, v_free_head, v_free_tail, v_losses,
--   v_piece_acquired, v_piece_acquired_at, v_piece_cost, v_piece_held_from, v_piece_native, v_piece_no_purchase, v_piece_number, v_piece_opened,
--   v_piece_pool, v_piece_quantity, v_piece_source, v_piece_used, v_pieces, v_pool_replaces, v_pool_tail.
-- Changes: v_closing_disallowed, v_closing_event, v_closing_held_from, v_closing_kind, v_closing_lot, v_closing_ordinal, v_closing_other,
--   v_closing_permanent, v_closing_piece, v_closing_pool, v_closing_quantity, v_closings, v_event_last_number, v_free_head, v_free_in_window,
--   v_free_next, v_free_previous, v_free_tail, v_loss_closing, v_loss_left, v_loss_matches, v_loss_on, v_loss_pool, v_loss_purchase,
--   v_loss_rest, v_losses, v_piece_acquired, v_piece_acquired_at, v_piece_arrived, v_piece_cost, v_piece_covered, v_piece_gift_basis,
--   v_piece_gift_on, v_piece_held_from, v_piece_inherited, v_piece_native, v_piece_next, v_piece_no_purchase, v_piece_number, v_piece_opened,
--   v_piece_pool, v_piece_previous, v_piece_quantity, v_piece_source, v_piece_used, v_piece_wash, v_pieces, v_pool_head, v_pool_tail.
if p_standing.first_event is not null then
    v_piece_source := v_piece_source || p_standing.lot_event;
    v_piece_number := v_piece_number || p_standing.lot_number;
    v_piece_pool := v_piece_pool || p_standing.lot_pool;
    v_piece_opened := v_piece_opened || p_standing.lot_opened;
    v_piece_quantity := v_piece_quantity || p_standing.lot_quantity;
    v_piece_cost := v_piece_cost || p_standing.lot_cost;
    v_piece_native := v_piece_native || p_standing.lot_native;
    v_piece_acquired := v_piece_acquired || p_standing.lot_acquired;
    v_piece_acquired_at := v_piece_acquired_at || p_standing.lot_acquired_at;
    v_piece_held_from := v_piece_held_from || p_standing.lot_held_from;
    v_piece_wash := array_fill(null::numeric, array[v_events]) || p_standing.lot_wash;
    v_piece_used := array_fill(null::boolean, array[v_events]) || p_standing.lot_used;
    v_piece_no_purchase := array_fill(null::boolean, array[v_events]) || p_standing.lot_no_purchase;
    v_piece_gift_basis := array_fill(null::numeric, array[v_events]) || p_standing.lot_gift_basis;
    v_piece_gift_on := array_fill(null::date, array[v_events]) || p_standing.lot_gift_on;
    v_piece_inherited := array_fill(null::boolean, array[v_events]) || p_standing.lot_inherited;
    v_piece_covered := array_fill(null::boolean, array[v_events]) || p_standing.lot_covered;
    v_piece_arrived := array_fill(null::date, array[v_events]) || p_standing.lot_arrived;
    v_pieces := cardinality(v_piece_source);
    declare
        v_pool integer;
        v_newest integer;
    begin
        for v_piece in v_events + 1 .. v_pieces loop
            v_event_last_number[v_piece_source[v_piece]] := p_standing.lot_last_number[v_piece - v_events];
            v_pool := v_piece_pool[v_piece];
            v_newest := v_pool_tail[v_pool];
            v_piece_previous[v_piece] := v_newest;
            v_piece_next[v_piece] := 0;
            if v_newest = 0 then
                v_pool_head[v_pool] := v_piece;
            else
                v_piece_next[v_newest] := v_piece;
            end if;
            v_pool_tail[v_pool] := v_piece;
            if v_pool_replaces[v_pool] and v_piece_used[v_piece] is null and v_piece_no_purchase[v_piece] is null then
                v_free_next[v_piece] := 0;
                v_free_previous[v_piece] := v_free_tail;
                if v_free_tail = 0 then
                    v_free_head := v_piece;
                else
                    v_free_next[v_free_tail] := v_piece;
                end if;
                v_free_tail := v_piece;
            end if;
        end loop;
    end;
    v_free_in_window := v_free_head;
    v_closings := cardinality(p_standing.loss_id);
    v_closing_event := p_standing.loss_event;
    v_closing_ordinal := p_standing.loss_ordinal;
    v_closing_piece := p_standing.loss_source;
    v_closing_pool := p_standing.loss_pool;
    v_closing_kind := p_standing.loss_kind;
    v_closing_quantity := p_standing.loss_quantity;
    v_closing_lot := p_standing.loss_lot;
    v_closing_other := p_standing.loss_other;
    v_closing_held_from := p_standing.loss_held_from;
    v_closing_disallowed := coalesce(nullif(p_standing.loss_disallowed, '{}'), array[null]::numeric[]);
    v_closing_permanent := coalesce(nullif(p_standing.loss_permanent, '{}'), array[null]::numeric[]);
    v_losses := v_closings;
    v_loss_pool := p_standing.loss_pool;
    v_loss_rest := p_standing.loss_rest;
    v_loss_left := p_standing.loss_left;
    v_loss_matches := p_standing.loss_matches;
    for v_loss in 1 .. v_losses loop
        v_loss_closing[v_loss] := v_loss;
        v_loss_purchase[v_loss] := v_event_first_fill[v_piece_source[v_closing_piece[v_loss]]];
        v_loss_on[v_loss] := v_event_date[v_closing_event[v_loss]];
    end loop;
end if;
