-- A taxable exchange disposes of each lot at the average (A.7).
-- Reads: v_lot, v_native_scale, v_piece_cost, v_piece_native, v_piece_quantity, v_piece_wash.
-- Changes: v_piece_cost, v_piece_native, v_piece_wash.
declare
    v_known constant integer[] := array(
        select l.piece
        from unnest(v_lot) with ordinality l (piece, place)
        where v_piece_cost[l.piece] is not null
        order by l.place
    );
    v_weights constant numeric[] := array(
        select v_piece_quantity[k.piece]
        from unnest(v_known) with ordinality k (piece, place)
        order by k.place
    );
    v_costs constant numeric[] := tax.apportion((select sum(v_piece_cost[k.piece]) from unnest(v_known) k (piece)), v_weights);
    v_natives constant numeric[] := tax.apportion((select sum(v_piece_native[k.piece]) from unnest(v_known) k (piece)), v_weights, v_native_scale);
    v_washes constant numeric[] := tax.apportion((select sum(coalesce(v_piece_wash[k.piece], 0)) from unnest(v_known) k (piece)), v_weights);
begin
    for v_place in 1 .. cardinality(v_known) loop
        v_piece_cost[v_known[v_place]] := v_costs[v_place];
        v_piece_native[v_known[v_place]] := v_natives[v_place];
        v_piece_wash[v_known[v_place]] := v_washes[v_place];
    end loop;
end;
