-- The held shares are set aside; the shorts that they close are the next job (A.11).
-- Reads: v_closing_gift_basis, v_closing_lot, v_closing_native_lot, v_closing_piece, v_closing_quantity, v_closings, v_closings_before,
--   v_delivered_quantity, v_short_pool.
-- Changes: v_closings, v_delivered, v_delivered_gift_basis, v_delivered_lot, v_delivered_native, v_delivered_quantity, v_from_pool, v_method,
--   v_outcome, v_units_left.
v_delivered := v_closing_piece[v_closings_before + 1 : v_closings];
v_delivered_quantity := v_closing_quantity[v_closings_before + 1 : v_closings];
v_delivered_lot := v_closing_lot[v_closings_before + 1 : v_closings];
v_delivered_native := v_closing_native_lot[v_closings_before + 1 : v_closings];
v_delivered_gift_basis := v_closing_gift_basis[v_closings_before + 1 : v_closings];
v_units_left := (select coalesce(sum(d.quantity), 0) from unnest(v_delivered_quantity) d (quantity));
v_closings := v_closings_before;
v_from_pool := v_short_pool;
v_method := 'fifo';
v_outcome := 'cover_by_delivery';
