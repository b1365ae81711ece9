-- A.11: a short opened against shares with a gain, a put bought on shares held for a year or less.
v_own := (v_p - 1) / 2 % v_instruments + 1;
if v_taxable[(v_p - 1) / 2 / v_instruments + 1]
    and (
        v_p % 2 = 0 and p_history.instrument_strike[v_own] is null
        or v_p % 2 = 1 and not p_history.instrument_call[v_own] and not p_history.instrument_1256[v_own]
    )
then
    if v_stocks is null then
        select coalesce(array_agg(i.place), '{}')
        into v_stocks
        from unnest(p_history.instrument_strike, v_wash_class) with ordinality i (strike, class, place)
        where i.strike is null
        and i.class > 0;
    end if;
    <<look_at_shares>>
    foreach v_stock in array v_stocks loop
        continue when v_wash_class[v_stock] <> v_wash_class[case v_p % 2 when 0 then v_own else p_history.instrument_underlying[v_own] end];
        for v_holder in 1 .. cardinality(v_taxable) loop
            continue when not v_taxable[v_holder];
            v_held_piece := v_head[((v_holder - 1) * v_instruments + v_stock) * 2 - 1];
            while v_held_piece <> 0 loop
                if v_p % 2 = 0 and v_cost[v_held_piece] * v_quantity[v_s] < v_cost[v_s] * v_quantity[v_held_piece]
                    or v_p % 2 = 1 and v_event_date[v_k] < tax.first_long_date(v_held_from[v_held_piece])
                then
                    v_notices := v_notices + 1;
                    v_n_code[v_notices] := case v_p % 2 when 0 then 'constructive_sale_1259' else 'put_on_short_held_stock' end;
                    v_n_transaction[v_notices] := v_event_id[v_k];
                    v_n_related[v_notices] := v_event_id[v_source[v_held_piece]];
                    v_n_sentence[v_notices] := case v_p % 2
                        when 0 then 'A short was opened against identical shares with a gain: it may count as their sale.'
                        else 'A put was bought on shares held for a year or less: their holding period may start anew.'
                    end;
                    exit look_at_shares;
                end if;
                v_held_piece := v_next[v_held_piece];
            end loop;
        end loop;
    end loop;
end if;
