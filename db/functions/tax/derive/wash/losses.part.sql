-- Closings at a loss wait for the last fill of their order (F.1, F.2, F.6).
-- Reads: v_closing_kind, v_closing_lot, v_closing_other, v_closing_pool, v_closings, v_closings_before, v_pool_is_long, v_pool_loses,
--   v_unjudged.
-- Changes: v_unjudged.
declare
    v_pool integer;
begin
    for v_closing in v_closings_before + 1 .. v_closings loop
        v_pool := v_closing_pool[v_closing];
        if v_pool_loses[v_pool]
            and (
                case when v_pool_is_long[v_pool] then v_closing_lot[v_closing] > v_closing_other[v_closing]
                    else v_closing_other[v_closing] > v_closing_lot[v_closing]
                end
            )
            and v_closing_kind[v_closing] not in ('mtm', 'boot', 'roc_excess', 'unmatched')
        then
            v_unjudged := v_unjudged || v_closing;
        end if;
    end loop;
end;
