-- Tax-optimised, lots are ranked by the gross unit price of the sale, in the tax currency (A.8).
-- Reads: c_tried_sale, v_event, v_event_id, v_from_pool, v_instrument_multiplier, v_pool_instrument.
-- Changes: v_price.
if v_event_id[v_event] = c_tried_sale then
    v_price := p_options #>> '{sale,unit_price}';
else
    select coalesce(t.price, abs(t.gross_amount / nullif(t.quantity, 0)) / v_instrument_multiplier[v_pool_instrument[v_from_pool]])
        * case when t.currency = p_history.tax_currency then coalesce(x.fx_rate, 1) else x.fx_rate end
    into v_price
    from core.transactions t
    left join tax.transaction_terms x on x.user_id = t.user_id and x.transaction_id = t.id
    where t.user_id = p_user_id
    and t.id = v_event_id[v_event];
end if;
