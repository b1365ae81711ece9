-- A plain sale takes from heaps that stay from sale to sale. Pieces of a pool that was not sold from in this way wait for theirs.
-- Reads: v_from_pool, v_method, v_piece_next, v_pool_head, v_pool_ranked_by, v_pool_waiting, v_pools.
-- Changes: v_heap_root, v_piece_waits_before, v_pieces_from, v_pool_ranked_by, v_pool_waiting.
v_pieces_from := 'heap';
if v_pool_ranked_by[v_from_pool] is distinct from v_method then
    v_pool_ranked_by[v_from_pool] := v_method;
    v_heap_root[v_from_pool] := 0;
    v_heap_root[v_from_pool + v_pools] := 0;
    v_heap_root[v_from_pool + 2 * v_pools] := 0;
    v_pool_waiting[v_from_pool] := 0;
    declare
        v_piece integer := v_pool_head[v_from_pool];
    begin
        while v_piece <> 0 loop
            v_piece_waits_before[v_piece] := v_pool_waiting[v_from_pool];
            v_pool_waiting[v_from_pool] := v_piece;
            v_piece := v_piece_next[v_piece];
        end loop;
    end;
end if;
