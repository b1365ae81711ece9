-- Sources that do not mark openings: a sale of an option that is not held may close what was bought before the rows begin, or write it. Which of the two, a
-- later row may prove: an assignment, an expiry with the sign of a short, purchases that bring the option exactly back to zero (A.13).

create function tax.written_options(p_user_id uuid, p_history tax.history)
returns boolean[]
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_event_id bigint[] := p_history.event_id;
    v_event_kind tax.event_kind[] := p_history.event_kind;
    v_event_pool integer[] := p_history.event_pool;
    v_event_quantity numeric[] := p_history.event_quantity;
    v_account_may_short boolean[] := p_history.account_may_short;
    v_pool_account integer[] := p_history.pool_account_place;
    v_pool_instrument integer[] := p_history.pool_instrument_place;
    v_strike numeric[] := p_history.instrument_strike;
    v_writes boolean[] := array_fill(false, array[cardinality(p_history.event_id)]);
    v_has_any boolean := false;
    -- By pool: what is held, what is short, how much of that purchases covered, and the sales that are not proven yet.
    v_held numeric[] := array_fill(0::numeric, array[cardinality(p_history.pool_account)]);
    v_short numeric[] := v_held;
    v_covered numeric[] := v_held;
    v_sales text[] := array_fill(''::text, array[cardinality(p_history.pool_account)]);
    v_kind tax.event_kind;
    v_pool integer;
    v_units numeric;
    v_signed numeric;
    v_taken numeric;
    v_is_proven boolean;
    v_sale integer;
begin
    for v_event in 1 .. cardinality(v_event_id) loop
        v_pool := v_event_pool[v_event];
        continue when v_strike[v_pool_instrument[v_pool]] is null or v_account_may_short[v_pool_account[v_pool]];
        v_kind := v_event_kind[v_event];
        v_units := coalesce(v_event_quantity[v_event], 0);
        v_is_proven := false;
        case v_kind
            when 'sell', 'sell_to_close' then
                v_taken := least(v_units, v_held[v_pool]);
                v_held[v_pool] := v_held[v_pool] - v_taken;
                if v_kind = 'sell' and v_units > v_taken then
                    v_short[v_pool] := v_short[v_pool] + v_units - v_taken;
                    v_sales[v_pool] := v_sales[v_pool] || ' ' || v_event;
                end if;
            when 'sell_short' then
                v_short[v_pool] := v_short[v_pool] + v_units;
            when 'buy' then
                v_taken := least(v_units, v_short[v_pool]);
                v_short[v_pool] := v_short[v_pool] - v_taken;
                v_covered[v_pool] := v_covered[v_pool] + v_taken;
                v_held[v_pool] := v_held[v_pool] + v_units - v_taken;
                v_is_proven := v_taken > 0 and v_taken = v_units and v_short[v_pool] = 0;
            when 'option_assignment', 'option_expiration', 'option_exercise' then
                select t.quantity, abs(coalesce(t.quantity, x.stated_quantity))
                into v_signed, v_units
                from core.transactions t
                left join tax.transaction_terms x on x.user_id = t.user_id and x.transaction_id = t.id
                where t.user_id = p_user_id
                and t.id = v_event_id[v_event];
                if v_kind = 'option_assignment' or v_kind = 'option_expiration' and v_signed > 0 then
                    v_is_proven := v_short[v_pool] > 0;
                    v_short[v_pool] := greatest(v_short[v_pool] - coalesce(v_units, v_short[v_pool]), 0);
                elsif v_kind = 'option_exercise' or v_signed < 0 then
                    v_held[v_pool] := greatest(v_held[v_pool] - coalesce(v_units, v_held[v_pool]), 0);
                end if;
            when 'transfer_out', 'gift_out' then
                v_held[v_pool] := greatest(v_held[v_pool] - v_units, 0);
            when 'buy_to_open', 'transfer_in', 'gift_in', 'inheritance', 'promotion' then
                v_held[v_pool] := v_held[v_pool] + v_units;
            else
                null;
        end case;
        if v_is_proven then
            foreach v_sale in array string_to_array(ltrim(v_sales[v_pool]), ' ')::integer[] loop
                v_writes[v_sale] := true;
                v_has_any := true;
            end loop;
            v_sales[v_pool] := '';
        end if;
        if v_short[v_pool] = 0 and (v_covered[v_pool] > 0 or v_sales[v_pool] <> '') then
            -- Without a proof what was bought is held.
            if v_sales[v_pool] <> '' then
                v_held[v_pool] := v_held[v_pool] + v_covered[v_pool];
            end if;
            v_covered[v_pool] := 0;
            v_sales[v_pool] := '';
        end if;
    end loop;
    return case when v_has_any then v_writes end;
end
$$;

comment on function tax.written_options(uuid, tax.history) is
    'By event, whether it is a sale that wrote an option which the account does not hold, as a later row proves (A.13); null if none is. Sales that are marked need no proof.';
