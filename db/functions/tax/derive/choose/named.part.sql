-- A.6: the lots named, in the order named, pieces in lot order; FIFO for what they do not cover.
v_named := '{}';
v_caps := '{}';
v_i := 0;
for v_pick in
    select
        p.opening_transaction_id, p.quantity,
        p.identified_at > (tax.settles_on(t.trade_date, t.settlement_date) + 1)::timestamp at time zone 'America/New_York' as is_late
    from tax.lot_picks p
    join core.transactions t on t.user_id = p.user_id and t.id = p.transaction_id
    where p.user_id = p_user_id
    and p.transaction_id = v_pick_id
    and p.leg = v_pick_leg
    order by p.pick_order
loop
    if v_pick.is_late then
        v_notices := v_notices + 1;
        v_n_code[v_notices] := 'late_identification';
        v_n_transaction[v_notices] := v_pick_id;
        v_n_related[v_notices] := v_pick.opening_transaction_id;
        v_n_sentence[v_notices] := 'Lots were named after the settlement date of the sale; they are kept but not applied.';
        continue;
    end if;
    v_rest := v_pick.quantity;
    foreach v_s in array v_list loop
        exit when v_rest = 0;
        if v_event_id[v_source[v_s]] = v_pick.opening_transaction_id then
            v_q := v_quantity[v_s];
            for v_j in 1 .. v_i loop
                if v_named[v_j] = v_s then
                    v_q := v_q - v_caps[v_j];
                end if;
            end loop;
            if v_q > 0 then
                v_i := v_i + 1;
                v_named[v_i] := v_s;
                v_caps[v_i] := least(v_q, v_rest);
                v_rest := v_rest - v_caps[v_i];
            end if;
        end if;
    end loop;
    if v_rest > 0 then
        raise exception 'transaction % names % units of the lot of transaction %, but % are held',
            v_pick_id, trim_scale(v_pick.quantity), v_pick.opening_transaction_id, trim_scale(v_pick.quantity - v_rest)
            using errcode = 'QM030',
            detail = format('transaction %s, lot of transaction %s, short by %s', v_pick_id, v_pick.opening_transaction_id, trim_scale(v_rest)),
            hint = 'name lots that are open in the account on that day, or fewer units';
    end if;
end loop;
v_list := v_named;
v_select := case when v_i > 0 then 2 else 0 end;
