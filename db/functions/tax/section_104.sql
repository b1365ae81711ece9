-- The United Kingdom's share pool (J.1), beside the lots: a closing is matched with purchases of the same day, then with those of the thirty
-- days after it, earliest first, then with the pool at its average cost. One pool for each instrument over all taxable accounts; all purchases of
-- a day are one, all sales of a day are one. Amounts are in the tax currency; splits scale quantities (C.2).

create function tax.share_days(p_user_id uuid, p_instrument_id bigint)
returns table (day date, bought numeric, cost numeric, sold numeric, proceeds numeric)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select
        e.day,
        coalesce(sum(e.units) filter (where e.is_purchase), 0) as bought,
        coalesce(sum(e.amount + e.costs) filter (where e.is_purchase), 0) as cost,
        coalesce(sum(e.units) filter (where not e.is_purchase), 0) as sold,
        coalesce(sum(e.amount - e.costs) filter (where not e.is_purchase), 0) as proceeds
    from (
        select
            t.trade_date as day,
            case when t.transaction_type in ('buy', 'sell', 'reinvest') then t.transaction_type <> 'sell' end as is_purchase,
            abs(t.quantity) as units,
            detail.amount,
            detail.costs
        from core.transactions t
        join core.users u on u.id = t.user_id
        join core.accounts a on a.user_id = t.user_id and a.id = t.account_id
        cross join lateral tax.read_event(t.user_id, t.id, u.tax_currency) detail
        where t.user_id = p_user_id
        and t.instrument_id = p_instrument_id
        and a.account_type = 'taxable'
        and t.transaction_type in ('buy', 'sell', 'reinvest', 'split', 'stock_dividend')
    ) e
    group by e.day
$$;

comment on function tax.share_days(uuid, bigint) is
    'Each day of one share in all taxable accounts: units bought and their cost, units sold and their proceeds, in the tax currency. Days of splits are among them.';

create function tax.section_104(p_user_id uuid)
returns table (
    instrument_id bigint, closed_on date, rule text, matched_on date, quantity numeric, proceeds numeric, basis numeric
)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_share record;
    v_split record;
    v_n integer;
    v_i integer;
    v_day date[];
    v_ratio numeric[];
    v_bought numeric[];
    v_cost numeric[];
    v_sold numeric[];
    v_proceeds numeric[];
    v_scale numeric;
    v_units numeric;
    v_pool_units numeric;
    v_pool_cost numeric;
begin
    for v_share in
        select distinct t.instrument_id as id
        from core.transactions t
        join core.accounts a on a.user_id = t.user_id and a.id = t.account_id
        where t.user_id = p_user_id
        and a.account_type = 'taxable'
        and t.transaction_type in ('buy', 'sell', 'reinvest')
        order by 1
    loop
        -- One row a day: the factor of that day's splits, then what was bought and what was sold.
        select
            count(*), array_agg(d.day order by d.day), array_fill(1::numeric, array[count(*)::integer]), array_agg(d.bought order by d.day),
            array_agg(d.cost order by d.day), array_agg(d.sold order by d.day), array_agg(d.proceeds order by d.day)
        into v_n, v_day, v_ratio, v_bought, v_cost, v_sold, v_proceeds
        from tax.share_days(p_user_id, v_share.id) d;
        -- Accounts may each have a row of one split; different ones of a day follow each other (F.12).
        for v_split in
            select distinct
                t.trade_date as day,
                x.ratio_numerator / x.ratio_denominator + case t.transaction_type when 'split' then 0 else 1 end as ratio
            from core.transactions t
            join core.accounts a on a.user_id = t.user_id and a.id = t.account_id
            join tax.transaction_terms x on x.user_id = t.user_id and x.transaction_id = t.id
            where t.user_id = p_user_id
            and t.instrument_id = v_share.id
            and a.account_type = 'taxable'
            and t.transaction_type in ('split', 'stock_dividend')
            and x.ratio_numerator / x.ratio_denominator is not null
        loop
            v_i := array_position(v_day, v_split.day);
            v_ratio[v_i] := v_ratio[v_i] * v_split.ratio;
        end loop;

        for v_i in 1 .. v_n loop
            v_units := least(v_bought[v_i], v_sold[v_i]);
            if v_units > 0 then
                instrument_id := v_share.id;
                closed_on := v_day[v_i];
                rule := 'same_day';
                matched_on := v_day[v_i];
                quantity := v_units;
                proceeds := tax.take(v_proceeds[v_i], v_units, v_sold[v_i]);
                basis := tax.take(v_cost[v_i], v_units, v_bought[v_i]);
                v_proceeds[v_i] := v_proceeds[v_i] - proceeds;
                v_cost[v_i] := v_cost[v_i] - basis;
                v_sold[v_i] := v_sold[v_i] - v_units;
                v_bought[v_i] := v_bought[v_i] - v_units;
                return next;
            end if;
        end loop;

        for v_i in 1 .. v_n loop
            v_scale := 1;
            for v_j in v_i + 1 .. v_n loop
                exit when v_sold[v_i] = 0 or v_day[v_j] > v_day[v_i] + 30;
                v_scale := v_scale * v_ratio[v_j];
                v_units := least(v_bought[v_j], round(v_sold[v_i] * v_scale, 8));
                continue when v_units = 0;
                instrument_id := v_share.id;
                closed_on := v_day[v_i];
                rule := 'thirty_day';
                matched_on := v_day[v_j];
                quantity := case v_units when v_bought[v_j] then least(round(v_units / v_scale, 8), v_sold[v_i]) else v_sold[v_i] end;
                proceeds := tax.take(v_proceeds[v_i], quantity, v_sold[v_i]);
                basis := tax.take(v_cost[v_j], v_units, v_bought[v_j]);
                v_proceeds[v_i] := v_proceeds[v_i] - proceeds;
                v_cost[v_j] := v_cost[v_j] - basis;
                v_sold[v_i] := v_sold[v_i] - quantity;
                v_bought[v_j] := v_bought[v_j] - v_units;
                return next;
            end loop;
        end loop;

        v_pool_units := 0;
        v_pool_cost := 0;
        for v_i in 1 .. v_n loop
            v_pool_units := round(v_pool_units * v_ratio[v_i], 8) + v_bought[v_i];
            v_pool_cost := v_pool_cost + v_cost[v_i];
            v_units := least(v_sold[v_i], v_pool_units);
            instrument_id := v_share.id;
            closed_on := v_day[v_i];
            matched_on := null;
            if v_units > 0 then
                rule := 'pool';
                quantity := v_units;
                proceeds := tax.take(v_proceeds[v_i], v_units, v_sold[v_i]);
                basis := tax.take(v_pool_cost, v_units, v_pool_units);
                v_proceeds[v_i] := v_proceeds[v_i] - proceeds;
                v_pool_cost := v_pool_cost - basis;
                v_pool_units := v_pool_units - v_units;
                v_sold[v_i] := v_sold[v_i] - v_units;
                return next;
            end if;
            if v_sold[v_i] > 0 then
                rule := 'unmatched';
                quantity := v_sold[v_i];
                proceeds := v_proceeds[v_i];
                basis := null;
                return next;
            end if;
        end loop;

        -- What is left in the pool: no closing, no proceeds.
        instrument_id := v_share.id;
        closed_on := null;
        matched_on := null;
        rule := 'remaining';
        quantity := v_pool_units;
        proceeds := null;
        basis := v_pool_cost;
        return next;
    end loop;
end
$$;

comment on function tax.section_104(uuid) is
    'Closings of one person by the share pool of section 104, and what remains in each pool (rule remaining, basis its cost).';
grant execute on function tax.section_104(uuid) to quantmatrix_writer;
alter function tax.section_104(uuid) owner to quantmatrix_engine;
