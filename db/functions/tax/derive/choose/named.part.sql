-- The lots named, in the order named, pieces in lot order; FIFO for what they do not cover (A.6).
-- Reads: v_event_id, v_list, v_list_limit, v_notices, v_pick_leg, v_pick_transaction, v_piece_quantity, v_piece_source.
-- Changes: v_list, v_list_limit, v_notice_code, v_notice_related, v_notice_sentence, v_notice_transaction, v_notices, v_pieces_from.
declare
    v_named integer[] := '{}';
    v_names integer := 0;
    v_pick record;
    v_piece integer;
    v_missing numeric;
    v_free numeric;
begin
    v_list_limit := '{}';
    for v_pick in
        select
            p.opening_transaction_id, p.quantity,
            p.identified_at > (tax.settlement_date(t.trade_date, t.settlement_date) + 1)::timestamp at time zone 'America/New_York' as is_late
        from tax.lot_picks p
        join core.transactions t on t.user_id = p.user_id and t.id = p.transaction_id
        where p.user_id = p_user_id
        and p.transaction_id = v_pick_transaction
        and p.leg = v_pick_leg
        order by p.pick_order
    loop
        if v_pick.is_late then
            v_notices := v_notices + 1;
            v_notice_code[v_notices] := 'late_identification';
            v_notice_transaction[v_notices] := v_pick_transaction;
            v_notice_related[v_notices] := v_pick.opening_transaction_id;
            v_notice_sentence[v_notices] := 'Lots were named after the settlement date of the sale; they are kept but not applied.';
            continue;
        end if;
        v_missing := v_pick.quantity;
        foreach v_piece in array v_list loop
            exit when v_missing = 0;
            if v_event_id[v_piece_source[v_piece]] = v_pick.opening_transaction_id then
                v_free := v_piece_quantity[v_piece];
                for v_name in 1 .. v_names loop
                    if v_named[v_name] = v_piece then
                        v_free := v_free - v_list_limit[v_name];
                    end if;
                end loop;
                if v_free > 0 then
                    v_names := v_names + 1;
                    v_named[v_names] := v_piece;
                    v_list_limit[v_names] := least(v_free, v_missing);
                    v_missing := v_missing - v_list_limit[v_names];
                end if;
            end if;
        end loop;
        if v_missing > 0 then
            raise exception 'transaction % names % units of the lot of transaction %, but % are held',
                v_pick_transaction, trim_scale(v_pick.quantity), v_pick.opening_transaction_id, trim_scale(v_pick.quantity - v_missing)
                using errcode = 'QM030',
                detail = format(
                    'transaction %s, lot of transaction %s, short by %s', v_pick_transaction, v_pick.opening_transaction_id, trim_scale(v_missing)
                ),
                hint = 'name lots that are open in the account on that day, or fewer units';
        end if;
    end loop;
    v_list := v_named;
    if v_names > 0 then
        v_pieces_from := 'list';
    end if;
end;
