-- Of what is stored, gains and open basis of a group are the cash that went through it (F.11). Groups of plain trades are summed from the transactions
-- alone; where other events are, the engine is asked what cash they moved. Taxable accounts; groups without an exchange rate are left out.

-- Whether a group holds nothing but trades in the tax currency, and what these paid and brought. Statistics may not know the rows yet: no nested loops.
create function tax.traded_cash(p_user_id uuid)
returns table (group_id bigint, is_plain boolean, cash numeric)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_mergejoin = off
as $$
    with linked as (
        select l.from_id as id
        from tax.transaction_links l
        where l.user_id = p_user_id
        union
        select l.to_id
        from tax.transaction_links l
        where l.user_id = p_user_id
    )
    select
        g.group_id,
        bool_and(
            t.transaction_type in ('buy', 'sell', 'reinvest') and t.currency = (select u.tax_currency from core.users u where u.id = p_user_id) and x.fx_rate is null and x.fee_currency is null
            and k.id is null
        ),
        sum(
            case t.transaction_type when 'sell' then 1 else -1 end
            * round(
                case
                    when i.instrument_type = 'future' and t.gross_amount is not null
                        then case t.transaction_type when 'sell' then t.gross_amount else -t.gross_amount end
                    else coalesce(abs(t.gross_amount), abs(t.quantity) * t.price * i.multiplier, abs(nullif(t.net_amount - t.commission - t.fees, 0)))
                end,
                2
            )
            - round(- (t.commission + t.fees), 2)
        ) filter (where a.account_type = 'taxable')
    from core.transactions t
    join tax.instrument_groups g on g.user_id = p_user_id and g.instrument_id = t.instrument_id
    join core.instruments i on i.id = t.instrument_id
    join core.accounts a on a.user_id = p_user_id and a.id = t.account_id
    left join tax.transaction_terms x on x.user_id = p_user_id and x.transaction_id = t.id
    left join linked k on k.id = t.id
    where t.user_id = p_user_id
    and (
        t.transaction_type not in (
            'set_basis', 'dividend', 'payment_in_lieu', 'capital_gain_distribution', 'interest', 'stock_lending_income', 'fee', 'tax_withheld',
            'deposit', 'withdrawal', 'fx_conversion', 'other'
        )
        or t.transaction_type = 'other' and i.instrument_type = 'future'
    )
    group by g.group_id
$$;

comment on function tax.traded_cash(uuid) is 'Net cash of trades by group, and whether a group holds nothing else: no other event, currency or link.';

create function tax.event_cash(p_user_id uuid, p_group_id bigint)
returns numeric
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_h tax.history := tax.read_history(p_user_id, p_group_id, '{}');
    v_d tax.derivation := tax.derive(p_user_id, v_h, '{}');
begin
    return (
        select coalesce(sum(f.flow + f.forfeited), 0)
        from unnest(v_h.account_taxable, v_d.account_flow, v_d.account_forfeited) f (is_taxable, flow, forfeited)
        where f.is_taxable
    );
end
$$;

comment on function tax.event_cash(uuid, bigint) is 'Net cash of a group by the engine, with the basis of gifts that a loss forfeits.';

create function tax.conservation(p_user_id uuid)
returns table (group_id bigint, gains numeric, cash numeric)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
set enable_nestloop = on
set enable_mergejoin = on
as $$
    with gain as materialized (
        select
            c.group_id,
            sum(coalesce(c.proceeds - c.basis + c.disallowed, case when c.basis is null then c.proceeds end)) as amount
        from tax.closings c
        where c.user_id = p_user_id
        and c.taxable
        group by c.group_id
    ),
    held as materialized (
        select
            i.group_id,
            sum(case l.side when 'long' then l.cost_remaining else -l.cost_remaining end) as amount
        from core.tax_lots l
        join tax.instrument_groups i on i.user_id = p_user_id and i.instrument_id = l.instrument_id
        join core.accounts a on a.user_id = p_user_id and a.id = l.account_id
        where l.user_id = p_user_id
        and l.closed_at is null
        and a.account_type = 'taxable'
        group by i.group_id
    ),
    traded as materialized (
        select t.group_id, t.cash, t.is_plain
        from tax.traded_cash(p_user_id) t
        where not exists (
            select from tax.notices n
            where n.user_id = p_user_id
            and n.group_id = t.group_id
            and n.code = 'unknown_rate'
        )
    )
    select t.group_id, coalesce(g.amount, 0) - coalesce(h.amount, 0), case when t.is_plain then coalesce(t.cash, 0) else tax.event_cash(p_user_id, t.group_id) end
    from traded t
    left join gain g on g.group_id = t.group_id
    left join held h on h.group_id = t.group_id
$$;

comment on function tax.conservation(uuid) is
    'F.11 by group: recognized gains less what is lost for good, with proceeds of unknown basis, less open long basis, plus open short proceeds; and the cash they must equal.';

grant execute on function tax.conservation(uuid) to quantmatrix_writer;
alter function tax.conservation(uuid) owner to quantmatrix_engine;
