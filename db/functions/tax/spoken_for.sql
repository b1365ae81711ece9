-- Which rows are no events of their own, because a linked row tells of them.

-- Rows that another row speaks for: corrected ones and their cancellation, arriving legs, stock legs, cash for a fraction.
create function tax.spoken_for(p_user_id uuid)
returns bigint[]
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(array_agg(distinct s.id), '{}')
    from (
        select l.to_id as id
        from tax.transaction_links l
        where l.user_id = p_user_id
        and l.kind in ('correction', 'transfer', 'exercise')
        union all
        select l.from_id
        from tax.transaction_links l
        where l.user_id = p_user_id
        and l.kind = 'cash_in_lieu'
        union all
        select l.from_id
        from tax.transaction_links l
        cross join lateral (
            select t.quantity, t.net_amount
            from core.transactions t
            where t.user_id = l.user_id
            and t.id = l.from_id
            offset 0
        ) own
        cross join lateral (
            select t.quantity, t.net_amount
            from core.transactions t
            where t.user_id = l.user_id
            and t.id = l.to_id
            offset 0
        ) wrong
        where l.user_id = p_user_id
        and l.kind = 'correction'
        and coalesce(sign(own.quantity) = - sign(wrong.quantity), sign(own.net_amount) = - sign(wrong.net_amount), true)
    ) s
$$;

comment on function tax.spoken_for(uuid) is 'Transactions of a person that are no events of their own, because a linked row speaks for them.';
