-- Units that come in kind are a piece with all that they carry, paid for with their basis as far as cash is concerned (E.3, F.11).
-- Reads: v_account, v_account_flow, v_detail, v_event, v_facts, v_kind, v_partner, v_plan.
-- Changes: v_account_flow, v_new_piece, v_new_pieces, v_piece_acquired, v_piece_acquired_at, v_piece_arrived, v_piece_cost, v_piece_covered,
--   v_piece_gift_basis, v_piece_gift_on, v_piece_held_from, v_piece_inherited, v_piece_native, v_piece_no_purchase, v_piece_opened,
--   v_piece_quantity.
if v_kind in ('promotion', 'transfer_in', 'gift_in', 'inheritance') and v_plan.problem is null then
    declare
        v_arrival tax.arrival := tax.read_arrival(v_facts, v_detail, v_partner);
    begin
        v_piece_quantity[v_event] := v_facts.units;
        v_piece_opened[v_event] := v_facts.units;
        v_piece_no_purchase[v_event] := true;
        v_piece_cost[v_event] := v_arrival.cost;
        v_piece_native[v_event] := v_arrival.native;
        v_piece_acquired[v_event] := v_arrival.acquired;
        v_piece_held_from[v_event] := v_arrival.acquired;
        if v_arrival.arrived is not null then
            v_piece_acquired_at[v_event] := tax.start_of_day(v_arrival.acquired);
            v_piece_arrived[v_event] := v_arrival.arrived;
        end if;
        if v_arrival.gift_on is not null then
            v_piece_gift_basis[v_event] := v_arrival.gift_basis;
            v_piece_gift_on[v_event] := v_arrival.gift_on;
        end if;
        if v_arrival.is_inherited then
            v_piece_inherited[v_event] := true;
        end if;
        if v_arrival.is_covered is not null then
            v_piece_covered[v_event] := v_arrival.is_covered;
        end if;
        v_account_flow[v_account] := v_account_flow[v_account] - coalesce(v_arrival.cost, 0);
    end;
    v_new_piece[1] := v_event;
    v_new_pieces := 1;
end if;
