-- Whatever lots depend on rebuilds what it touched, in the same transaction: one trigger for each event of each table, once a statement.
-- People come from the transition tables, never from claims. Deleting a transaction deletes its terms, links and picks row by row, and each of
-- those statements ends here too: rows whose transaction is gone, or came with the same command (xmin and cmin), are somebody else's business.
-- The bulk functions that write these tables plan without nested loops; the engine looks single rows up, so its triggers switch them on again.

create function tax.rebuild_touched(p_user_id uuid, p_instrument_ids bigint[])
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    perform tax.lock_taxpayer(p_user_id);
    perform tax.rebuild_instruments(p_user_id, p_instrument_ids);
end
$$;

comment on function tax.rebuild_touched(uuid, bigint[]) is 'One taxpayer of one statement: lock, then rebuild.';

create function tax.on_transactions_change()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set enable_nestloop = on
set enable_mergejoin = on
as $$
declare
    v_touched record;
begin
    if tg_op = 'INSERT' then
        for v_touched in
            select n.user_id, array_agg(n.id) as transaction_ids, array_agg(distinct n.instrument_id) as instrument_ids
            from new_rows n
            where n.instrument_id is not null
            group by n.user_id
            order by n.user_id
        loop
            perform tax.lock_taxpayer(v_touched.user_id);
            perform tax.rebuild_appended(v_touched.user_id, v_touched.transaction_ids, v_touched.instrument_ids);
        end loop;
    elsif tg_op = 'DELETE' then
        for v_touched in
            select o.user_id, array_agg(distinct o.instrument_id) as instrument_ids
            from old_rows o
            where o.instrument_id is not null
            group by o.user_id
            order by o.user_id
        loop
            perform tax.rebuild_touched(v_touched.user_id, v_touched.instrument_ids);
        end loop;
    else
        -- Planned anew each time: how old and new rows are best put together depends on how many there are.
        for v_touched in execute $sql$
            select c.user_id, array_agg(distinct c.instrument_id) as instrument_ids
            from (
                select o.user_id, unnest(array[o.instrument_id, n.instrument_id]) as instrument_id
                from old_rows o
                join new_rows n on n.user_id = o.user_id and n.id = o.id
                where (
                    o.account_id, o.instrument_id, o.transaction_type, o.position_effect, o.source, o.dedupe_key, o.order_id, o.executed_at,
                    o.trade_date, o.settlement_date, o.sequence, o.quantity, o.price, o.gross_amount, o.commission, o.fees, o.net_amount,
                    o.currency
                ) is distinct from (
                    n.account_id, n.instrument_id, n.transaction_type, n.position_effect, n.source, n.dedupe_key, n.order_id, n.executed_at,
                    n.trade_date, n.settlement_date, n.sequence, n.quantity, n.price, n.gross_amount, n.commission, n.fees, n.net_amount,
                    n.currency
                )
            ) c
            where c.instrument_id is not null
            group by c.user_id
            order by c.user_id
        $sql$
        loop
            perform tax.rebuild_touched(v_touched.user_id, v_touched.instrument_ids);
        end loop;
    end if;
    return null;
end
$$;

comment on function tax.on_transactions_change() is 'Trigger of core.transactions: rebuilds the instruments that the statement touched.';

-- Terms, links and picks: each names transactions; their instruments are touched.
create function tax.on_detail_change()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set enable_nestloop = on
set enable_mergejoin = on
as $$
declare
    v_user_id uuid;
    v_instrument_ids bigint[];
    v_rows text := case tg_op
        when 'INSERT' then 'select n.* from new_rows n'
        when 'DELETE' then 'select o.* from old_rows o'
        else 'select o.* from old_rows o union all select n.* from new_rows n'
    end;
    v_named text;
    v_table text := format('%I.%I', tg_table_schema, tg_table_name);
    v_key text;
begin
    if tg_table_name = 'transaction_links' then
        v_named := 'unnest(array[r.from_id, r.to_id])';
        v_key := 'd.user_id = r.user_id and d.from_id = r.from_id and d.to_id = r.to_id and d.kind = r.kind';
    elsif tg_table_name = 'lot_picks' then
        v_named := 'r.transaction_id';
        v_key := 'd.user_id = r.user_id and d.transaction_id = r.transaction_id and d.leg = r.leg and d.pick_order = r.pick_order';
    else
        v_named := 'r.transaction_id';
        v_key := 'd.user_id = r.user_id and d.transaction_id = r.transaction_id';
    end if;
    for v_user_id, v_instrument_ids in execute format(
        $sql$
        select t.user_id, array_agg(distinct t.instrument_id) as instrument_ids
        from (
            select r.user_id, %1$s as transaction_id, %2$s as came_with
            from (%3$s) r
        ) c
        join core.transactions t on t.user_id = c.user_id and t.id = c.transaction_id
        where t.instrument_id is not null
        and c.came_with is distinct from concat(t.xmin, ' ', t.cmin)
        group by t.user_id
        order by t.user_id
        $sql$,
        v_named,
        case tg_op
            when 'INSERT' then format('(select concat(d.xmin, '' '', d.cmin) from %s d where %s)', v_table, v_key)
            else 'null'
        end,
        v_rows
    )
    loop
        perform tax.rebuild_touched(v_user_id, v_instrument_ids);
    end loop;
    return null;
end
$$;

comment on function tax.on_detail_change() is 'Trigger of transaction terms, links and lot picks: rebuilds the instruments of the transactions named.';

create function tax.on_facts_change()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set enable_nestloop = on
set enable_mergejoin = on
as $$
declare
    v_user_id uuid;
    v_instrument_ids bigint[];
begin
    for v_user_id, v_instrument_ids in execute format(
        $sql$
        select c.user_id, array_agg(distinct c.instrument_id) as instrument_ids
        from (%s) c
        where exists (
            select from tax.instrument_groups g
            where g.user_id = c.user_id
            and g.instrument_id = c.instrument_id
        )
        group by c.user_id
        order by c.user_id
        $sql$,
        case tg_op
            when 'INSERT' then $sql$
                select n.user_id, n.instrument_id from new_rows n
                where num_nonnulls(n.identical_group, n.index_family, n.section_1256, n.wash_exempt, n.deliverable_shares, n.deliverable_cash, n.merged_into_instrument_id, n.underlying_instrument_id) > 0
                or n.exchange is not null and exists (select from core.instruments i where i.id = n.instrument_id and i.instrument_type in ('future', 'future_option'))
            $sql$
            when 'DELETE' then $sql$
                select o.user_id, o.instrument_id from old_rows o
                where num_nonnulls(o.identical_group, o.index_family, o.section_1256, o.wash_exempt, o.deliverable_shares, o.deliverable_cash, o.merged_into_instrument_id, o.underlying_instrument_id) > 0
                or o.exchange is not null and exists (select from core.instruments i where i.id = o.instrument_id and i.instrument_type in ('future', 'future_option'))
            $sql$
            else $sql$
                select o.user_id, o.instrument_id from old_rows o
                join new_rows n on n.user_id = o.user_id and n.instrument_id = o.instrument_id
                where (o.identical_group, o.index_family, o.section_1256, o.wash_exempt, o.deliverable_shares, o.deliverable_cash, o.merged_into_instrument_id, o.underlying_instrument_id)
                    is distinct from (n.identical_group, n.index_family, n.section_1256, n.wash_exempt, n.deliverable_shares, n.deliverable_cash, n.merged_into_instrument_id, n.underlying_instrument_id)
                or o.exchange is distinct from n.exchange
                and exists (select from core.instruments i where i.id = n.instrument_id and i.instrument_type in ('future', 'future_option'))
            $sql$
        end
    )
    loop
        perform tax.rebuild_touched(v_user_id, v_instrument_ids);
    end loop;
    return null;
end
$$;

comment on function tax.on_facts_change() is 'Trigger of tax.instrument_facts: rebuilds instruments whose numbers depend on the changed facts; names alone change nothing.';

create function tax.on_elections_change()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set enable_nestloop = on
set enable_mergejoin = on
as $$
declare
    v_user_id uuid;
    v_instrument_ids bigint[];
begin
    for v_user_id, v_instrument_ids in execute format(
        $sql$
        select c.user_id, array_agg(distinct p.instrument_id) as instrument_ids
        from (%s) c
        join core.positions p
            on p.user_id = c.user_id
            and p.account_id = c.account_id
            and (c.instrument_id is null or p.instrument_id = c.instrument_id)
        group by c.user_id
        order by c.user_id
        $sql$,
        case tg_op
            when 'INSERT' then 'select n.* from new_rows n'
            when 'DELETE' then 'select o.* from old_rows o'
            else 'select o.* from old_rows o union all select n.* from new_rows n'
        end
    )
    loop
        perform tax.rebuild_touched(v_user_id, v_instrument_ids);
    end loop;
    return null;
end
$$;

comment on function tax.on_elections_change() is 'Trigger of tax.lot_method_elections: rebuilds what the election covers.';

-- Type, permission to short, method and 1099 of an account; what else changes there is no business of lots.
create function tax.on_accounts_change()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set enable_nestloop = on
set enable_mergejoin = on
as $$
declare
    v_touched record;
begin
    if tg_op = 'DELETE' then
        -- The cascade took the transactions, and their trigger rebuilt the rest; closings have no foreign key.
        delete from tax.closings c
        using old_rows o
        where c.user_id = o.user_id
        and c.account_id = o.id;
        return null;
    end if;
    for v_touched in
        select o.user_id, array_agg(distinct p.instrument_id) as instrument_ids
        from old_rows o
        join new_rows n on n.user_id = o.user_id and n.id = o.id
        join core.positions p on p.user_id = o.user_id and p.account_id = o.id
        where (o.account_type, o.allow_short, o.lot_method, o.reports_1099, o.broker, o.account_number)
            is distinct from (n.account_type, n.allow_short, n.lot_method, n.reports_1099, n.broker, n.account_number)
        group by o.user_id
        order by o.user_id
    loop
        perform tax.rebuild_touched(v_touched.user_id, v_touched.instrument_ids);
    end loop;
    return null;
end
$$;

comment on function tax.on_accounts_change() is 'Trigger of core.accounts: rebuilds the holdings of an account whose rules changed.';

create function tax.on_users_change()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set enable_nestloop = on
set enable_mergejoin = on
as $$
declare
    v_touched record;
begin
    if tg_op = 'DELETE' then
        delete from tax.closings d using old_rows o where d.user_id = o.id;
        delete from tax.wash_matches d using old_rows o where d.user_id = o.id;
        delete from tax.notices d using old_rows o where d.user_id = o.id;
        delete from tax.lot_state d using old_rows o where d.user_id = o.id;
        delete from tax.instrument_groups d using old_rows o where d.user_id = o.id;
        return null;
    end if;
    for v_touched in
        select o.id
        from old_rows o
        join new_rows n on n.id = o.id
        where (o.default_lot_method, o.wash_scope, o.tax_currency) is distinct from (n.default_lot_method, n.wash_scope, n.tax_currency)
        order by o.id
    loop
        perform tax.rebuild_all(v_touched.id);
    end loop;
    return null;
end
$$;

comment on function tax.on_users_change() is 'Trigger of core.users: a person''s default method, wash scope or tax currency changes everything; a person who goes leaves nothing.';

do $generate$
declare
    v_table record;
    v_event text;
begin
    for v_table in
        select *
        from (
            values
                ('core.transactions', 'on_transactions_change', array['insert', 'update', 'delete']),
                ('tax.transaction_terms', 'on_detail_change', array['insert', 'update', 'delete']),
                ('tax.transaction_links', 'on_detail_change', array['insert', 'update', 'delete']),
                ('tax.lot_picks', 'on_detail_change', array['insert', 'update', 'delete']),
                ('tax.instrument_facts', 'on_facts_change', array['insert', 'update', 'delete']),
                ('tax.lot_method_elections', 'on_elections_change', array['insert', 'update', 'delete']),
                ('core.accounts', 'on_accounts_change', array['update', 'delete']),
                ('core.users', 'on_users_change', array['update', 'delete'])
        ) t (name, function_name, events)
    loop
        foreach v_event in array v_table.events loop
            execute format(
                'create trigger %I after %s on %s referencing %s for each statement execute function tax.%I()',
                'rebuild_lots_after_' || v_event, v_event, v_table.name,
                case v_event
                    when 'insert' then 'new table as new_rows'
                    when 'delete' then 'old table as old_rows'
                    else 'old table as old_rows new table as new_rows'
                end,
                v_table.function_name
            );
        end loop;
    end loop;
end
$generate$;

alter function tax.on_transactions_change() owner to quantmatrix_engine;
alter function tax.on_detail_change() owner to quantmatrix_engine;
alter function tax.on_facts_change() owner to quantmatrix_engine;
alter function tax.on_elections_change() owner to quantmatrix_engine;
alter function tax.on_accounts_change() owner to quantmatrix_engine;
alter function tax.on_users_change() owner to quantmatrix_engine;
