-- A.8: the gross unit price of the sale, in the tax currency.
if v_event_id[v_k] = 0 then
    v_price := p_options #>> '{sale,unit_price}';
else
    select coalesce(t.price, abs(t.gross_amount / nullif(t.quantity, 0)) / p_history.instrument_multiplier[(v_from - 1) / 2 % v_instruments + 1])
        * case when t.currency = p_history.tax_currency then coalesce(x.fx_rate, 1) else x.fx_rate end
    into v_price
    from core.transactions t
    left join tax.transaction_terms x on x.user_id = t.user_id and x.transaction_id = t.id
    where t.user_id = p_user_id
    and t.id = v_event_id[v_k];
end if;
