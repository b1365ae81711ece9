-- One group of instruments as columns: the type, and what stands in it before any event does, instruments and pools.
-- Columns and not rows, because the loop addresses an event by its number; the number of an event is also that of the lot it may open.

create type tax.history as (
    event_id bigint[],
    event_kind tax.event_kind[],
    event_pool integer[],
    event_date date[],
    event_at timestamptz[],
    event_settled date[],
    event_method core.lot_method[],
    event_order text[],
    event_quantity numeric[],
    event_opened numeric[],
    event_amount numeric[],
    event_native numeric[],
    event_unrated boolean[],
    event_reinvested boolean[],
    event_writes boolean[],
    account_id bigint[],
    account_taxable boolean[],
    account_may_short boolean[],
    account_reports boolean[],
    account_plain_flow numeric[],
    instrument_id bigint[],
    instrument_type core.instrument_type[],
    instrument_multiplier numeric[],
    instrument_scale integer[],
    instrument_native_scale integer[],
    instrument_currency text[],
    instrument_1256 boolean[],
    instrument_call boolean[],
    instrument_strike numeric[],
    instrument_underlying integer[],
    instrument_deliverable numeric[],
    instrument_deliverable_cash numeric[],
    instrument_wash_class integer[],
    instrument_index_family text[],
    instrument_call_class integer[],
    pool_account bigint[],
    pool_instrument bigint[],
    pool_account_place integer[],
    pool_instrument_place integer[],
    pool_is_long boolean[],
    pool_long integer[],
    tax_currency text,
    wash_scope core.wash_scope,
    is_plain boolean,
    is_sorted boolean,
    has_native boolean,
    has_orders boolean,
    has_averages boolean
);

comment on type tax.history is
    'One group of instruments as columns: events in the order of T.2, accounts, instruments, and pools. A pool is one side of an account and instrument, the short one behind the long one, whose place is pool_long of both. The method of an event is specific where lots are named for it. event_writes: sales of options that later rows prove to have written them; null if there is none.';

-- Two instruments with the same wash class are substantially identical; a long call also counts as its underlying (F.8). Class 0 is exempt.
create function tax.with_instruments(p_history tax.history, p_user_id uuid, p_group_id bigint)
returns tax.history
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_nestloop = off
set enable_seqscan = off
set jit = off
as $$
declare
    v_h tax.history := p_history;
begin
    with member as (
        select
            i.*,
            -- By key, not by number: whoever added an identity first has no part in anybody's order.
            row_number() over (order by i.instrument_type, i.symbol collate "C", i.currency collate "C", i.multiplier) as place,
            tax.is_section_1256(f.section_1256, i.instrument_type, coalesce(f.exchange, i.exchange), i.currency) as is_1256,
            tax.is_wash_exempt(f.wash_exempt, i.instrument_type, coalesce(f.exchange, i.exchange))
            or tax.is_section_1256(f.section_1256, i.instrument_type, coalesce(f.exchange, i.exchange), i.currency) as is_exempt,
            coalesce(f.deliverable_shares, case i.instrument_type when 'future_option' then 1 else i.multiplier end) as deliverable,
            coalesce(f.deliverable_cash, 0) as deliverable_cash,
            coalesce(
                (
                    select u.merged_into_instrument_id
                    from tax.instrument_facts u
                    where u.user_id = g.user_id
                    and u.instrument_id = f.underlying_instrument_id
                ),
                f.underlying_instrument_id
            ) as counted_underlying_id,
            f.identical_group,
            f.index_family
        from tax.instrument_groups g
        join core.instruments i on i.id = g.instrument_id
        left join tax.instrument_facts f on f.user_id = g.user_id and f.instrument_id = g.instrument_id
        where g.user_id = p_user_id
        and g.group_id = p_group_id
    ),
    classed as (
        select
            m.*,
            case
                when m.is_exempt then 0
                else min(m.place) over (partition by coalesce(m.identical_group, ' ' || m.id))
            end as wash_class
        from member m
    )
    select
        array_agg(c.id order by c.place),
        array_agg(c.instrument_type order by c.place),
        array_agg(c.multiplier order by c.place),
        array_agg(case when c.instrument_type = 'digital' then 18 else 8 end order by c.place),
        array_agg(case when c.currency = v_h.tax_currency then 2 else 8 end order by c.place),
        array_agg(c.currency order by c.place),
        array_agg(c.is_1256 order by c.place),
        array_agg(c.option_type = 'call' order by c.place),
        array_agg(c.strike order by c.place),
        array_agg(u.place order by c.place),
        array_agg(case when c.option_type is null then 1 else c.deliverable end order by c.place),
        array_agg(c.deliverable_cash order by c.place),
        array_agg(c.wash_class order by c.place),
        array_agg(c.index_family order by c.place),
        array_agg(case when c.option_type = 'call' and c.wash_class > 0 then coalesce(u.wash_class, 0) else 0 end order by c.place)
    into
        v_h.instrument_id, v_h.instrument_type, v_h.instrument_multiplier, v_h.instrument_scale, v_h.instrument_native_scale,
        v_h.instrument_currency, v_h.instrument_1256, v_h.instrument_call, v_h.instrument_strike, v_h.instrument_underlying,
        v_h.instrument_deliverable, v_h.instrument_deliverable_cash, v_h.instrument_wash_class, v_h.instrument_index_family,
        v_h.instrument_call_class
    from classed c
    left join classed u on u.id = c.counted_underlying_id;
    return v_h;
end
$$;

comment on function tax.with_instruments(tax.history, uuid, bigint) is 'A history with the instruments of its group, as one person states them.';

create function tax.with_pools(p_history tax.history)
returns tax.history
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_nestloop = off
set enable_seqscan = off
set jit = off
as $$
declare
    v_h tax.history := p_history;
begin
    select
        array_agg(a.id order by a.place, i.place, s.side),
        array_agg(i.id order by a.place, i.place, s.side),
        array_agg(a.place::integer order by a.place, i.place, s.side),
        array_agg(i.place::integer order by a.place, i.place, s.side),
        array_agg(s.side = 'long' order by a.place, i.place, s.side),
        array_agg(tax.pool_of(a.place::integer, i.place::integer, 'long', cardinality(v_h.instrument_id)) order by a.place, i.place, s.side)
    into
        v_h.pool_account, v_h.pool_instrument, v_h.pool_account_place, v_h.pool_instrument_place, v_h.pool_is_long, v_h.pool_long
    from unnest(v_h.account_id) with ordinality a (id, place)
    cross join unnest(v_h.instrument_id) with ordinality i (id, place)
    cross join unnest(enum_range(null::core.lot_side)) s (side);
    return v_h;
end
$$;

comment on function tax.with_pools(tax.history) is 'A history with a pool for each side of each of its accounts and instruments.';
