-- Pending losses are counted in new units, once for the taxpayer, however many accounts have a row for the change (F.12).
-- Reads: v_event, v_event_date, v_facts, v_first_loss, v_has_washes, v_instrument, v_instruments, v_kind, v_loss_pool, v_loss_rest, v_losses,
--   v_plan, v_pool_account, v_pool_instrument, v_pool_is_long, v_rescaled.
-- Changes: v_loss_pool, v_loss_rest, v_rescaled.
if v_has_washes and v_plan.concerns_whole_pools and v_kind in ('split', 'stock_dividend', 'symbol_change') then
    declare
        v_change text := concat_ws(
            ' ', v_instrument, v_event_date[v_event], trim_scale(v_plan.ratio_numerator / v_plan.ratio_denominator), v_facts.new_instrument
        );
        v_pool integer;
    begin
        if not v_change = any (v_rescaled) then
            v_rescaled := v_rescaled || v_change;
            for v_loss in v_first_loss .. v_losses loop
                v_pool := v_loss_pool[v_loss];
                if v_pool_instrument[v_pool] = v_instrument then
                    v_loss_rest[v_loss] := round(v_loss_rest[v_loss] * v_plan.ratio_numerator / v_plan.ratio_denominator, v_facts.scale);
                    if v_kind = 'symbol_change' then
                        v_loss_pool[v_loss] := tax.pool_of(
                            v_pool_account[v_pool], v_facts.new_instrument, case when v_pool_is_long[v_pool] then 'long' else 'short' end::core.lot_side,
                            v_instruments
                        );
                    end if;
                end if;
            end loop;
        end if;
    end;
end if;
