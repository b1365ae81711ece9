-- F.12: pending losses are counted in new units, once for the taxpayer, however many accounts have a row for it.
if v_washes and v_whole and v_code in (40, 41, 43) then
    v_scaled_key := concat_ws(' ', v_instrument, v_event_date[v_k], trim_scale(v_num / v_den), v_new_place);
    if not v_scaled_key = any (v_scaled) then
        v_scaled := v_scaled || v_scaled_key;
        for v_j in v_loss_first .. v_loss loop
            if (v_loss_pool[v_j] - 1) / 2 % v_instruments + 1 = v_instrument then
                v_loss_rest[v_j] := round(v_loss_rest[v_j] * v_num / v_den, v_scale);
                if v_code = 43 then
                    v_loss_pool[v_j] := v_loss_pool[v_j] + (v_new_place - v_instrument) * 2;
                end if;
            end if;
        end loop;
    end if;
end if;
