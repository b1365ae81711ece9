-- Wash sales (F): losses of an order are judged after its last fill, in the order in which the shares sold were acquired.
for v_i in v_first + 1 .. v_c loop
    v_p := v_c_pool[v_i];
    if v_pool_judged[v_p]
        and (case v_p % 2 when 1 then v_c_lot[v_i] > v_c_other[v_i] else v_c_other[v_i] > v_c_lot[v_i] end)
        and v_c_kind[v_i] not in ('mtm', 'boot', 'roc_excess', 'unmatched')
    then
        v_incomplete := v_incomplete || v_i;
    end if;
end loop;
continue when v_incomplete = '{}' and v_acquisitions = '{}';
v_settled := '{}';
if v_event_last[v_k] = v_k and cardinality(v_incomplete) > 0 then
    if v_c_event[v_incomplete[1]] = v_k and (cardinality(v_incomplete) = 1 or v_code <= 5 and v_method = 0) then
        -- What a plain trade takes from the head of a pool is in that order already.
        v_settled := v_incomplete;
        v_incomplete := '{}';
    else
        select
            coalesce(
                array_agg(u.closing order by v_acquired[v_c_piece[u.closing]] nulls first, v_acquired_at[v_c_piece[u.closing]] nulls first,
                    v_event_rank[v_source[v_c_piece[u.closing]]], v_source[v_c_piece[u.closing]], v_number[v_c_piece[u.closing]], u.closing)
                    filter (where v_event_last[v_c_event[u.closing]] = v_k),
                '{}'
            ),
            coalesce(array_agg(u.closing order by u.closing) filter (where v_event_last[v_c_event[u.closing]] <> v_k), '{}')
        into v_settled, v_incomplete
        from unnest(v_incomplete) u (closing);
    end if;
end if;

-- Windows that ended are forgotten.
v_day := v_event_date[v_k];
while v_loss_first <= v_loss and (v_loss_rest[v_loss_first] = 0 or v_loss_on[v_loss_first] < v_day - 30) loop
    v_loss_first := v_loss_first + 1;
end loop;
while v_free_start <> 0 and v_acquired[v_free_start] < v_day - 30 loop
    v_free_start := v_free_next[v_free_start];
end loop;
