-- By which method a sale takes its lots, and where average basis is allowed (A.1, A.7).

create function tax.selling_method(p_method core.lot_method)
returns core.lot_method
language sql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select case when p_method in ('lifo', 'hifo', 'lofo', 'average', 'mintax') then p_method else 'fifo' end
$$;

comment on function tax.selling_method(core.lot_method) is
    'The method by which a sale takes its lots where none are named: FIFO also serves specific identification.';

-- Average basis is for funds, and for stock of a reinvestment plan (A.7).
create function tax.may_average(p_user_id uuid, p_account_id bigint, p_instrument_id bigint)
returns boolean
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select
        exists (select from core.instruments i where i.id = p_instrument_id and i.instrument_type = 'fund')
        or exists (
            select from core.transactions t
            where t.user_id = p_user_id
            and t.account_id = p_account_id
            and t.instrument_id = p_instrument_id
            and t.transaction_type = 'reinvest'
        )
$$;

comment on function tax.may_average(uuid, bigint, bigint) is 'Whether average basis is allowed for an instrument in an account.';

create function tax.tried_method(p_user_id uuid, p_account_id bigint, p_instrument_id bigint, p_method core.lot_method)
returns core.lot_method
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select case
        when p_method = 'average' and not tax.may_average(p_user_id, p_account_id, p_instrument_id) then 'fifo'
        else tax.selling_method(p_method)
    end
$$;

comment on function tax.tried_method(uuid, bigint, bigint, core.lot_method) is
    'The method that is tried instead of every chosen one; FIFO where average is not allowed.';

-- The election for the instrument comes before that for the account, the account's own method and the person's (A.1). An average that was not chosen for this
-- very instrument holds for funds and reinvested stock only; one that was, is refused elsewhere (A.7).
create function tax.lot_method(p_user_id uuid, p_account_id bigint, p_instrument_id bigint, p_on date, p_named core.lot_method default null)
returns core.lot_method
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_chosen core.lot_method := p_named;
    v_general core.lot_method;
begin
    if v_chosen is null then
        select e.method
        into v_chosen
        from tax.lot_method_elections e
        where e.user_id = p_user_id
        and e.account_id = p_account_id
        and e.instrument_id = p_instrument_id
        and e.effective_from <= p_on
        order by e.effective_from desc
        limit 1;
    end if;
    if v_chosen is null then
        select coalesce(
            (
                select e.method
                from tax.lot_method_elections e
                where e.user_id = p_user_id
                and e.account_id = p_account_id
                and e.instrument_id is null
                and e.effective_from <= p_on
                order by e.effective_from desc
                limit 1
            ),
            a.lot_method,
            u.default_lot_method
        )
        into v_general
        from core.users u
        left join core.accounts a on a.user_id = u.id and a.id = p_account_id
        where u.id = p_user_id;
    end if;
    if coalesce(v_chosen, v_general) = 'average' and not tax.may_average(p_user_id, p_account_id, p_instrument_id) then
        if v_chosen is not null then
            raise exception 'average basis is not allowed for %', (select i.symbol from core.instruments i where i.id = p_instrument_id)
                using errcode = 'QM031',
                detail = format('account %s, instrument %s', p_account_id, p_instrument_id),
                hint = 'average basis is for fund shares and stock of a reinvestment plan; choose fifo, lifo, hifo, lofo or mintax';
        end if;
        return 'fifo';
    end if;
    return tax.selling_method(coalesce(v_chosen, v_general));
end
$$;

comment on function tax.lot_method(uuid, bigint, bigint, date, core.lot_method) is 'The method by which lots of an account and instrument are chosen on a day.';
