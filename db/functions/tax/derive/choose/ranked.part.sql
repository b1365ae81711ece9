-- By cost, or by the tax that the event would cause, as a list for this event (A.5, A.8).
-- Reads: v_event, v_event_date, v_from_pool, v_instrument_multiplier, v_list, v_method, v_piece_cost, v_piece_held_from, v_piece_inherited,
--   v_piece_quantity, v_pool_instrument, v_price.
-- Changes: v_list, v_list_limit, v_pieces_from.
select array_agg(v_list[o.place] order by o.turn), null
into v_list, v_list_limit
from (
    select array_agg(v_piece_quantity[l.piece]) as quantities, array_agg(v_piece_cost[l.piece]) as costs,
        array_agg(v_piece_held_from[l.piece]) as held_from, array_agg(v_piece_inherited[l.piece]) as inherited
    from unnest(v_list) l (piece)
) a
cross join lateral unnest(tax.selection_order(
    v_method, v_price, v_event_date[v_event], v_instrument_multiplier[v_pool_instrument[v_from_pool]],
    a.quantities, a.costs, a.held_from, a.inherited
)) with ordinality o (place, turn);
v_pieces_from := 'list';
