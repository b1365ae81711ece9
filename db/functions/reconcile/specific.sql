-- Causes that say more than that units are missing or that nothing explains a difference (I.2): looked for in the rows of one account and instrument.

-- Shares that moved at the strike within a week after an option's last day: it was perhaps exercised or assigned.
create function reconcile.shares_at_strike(p_user_id uuid, p_account_id bigint, p_instrument_id bigint)
returns table (transaction_id bigint, symbol text, quantity numeric)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select t.id, u.symbol, t.quantity
    from core.instruments i
    join tax.instrument_facts f on f.user_id = p_user_id and f.instrument_id = i.id
    join core.instruments u on u.id = f.underlying_instrument_id
    join core.transactions t on t.user_id = p_user_id and t.account_id = p_account_id and t.instrument_id = u.id
    where i.id = p_instrument_id
    and t.transaction_type in ('buy', 'sell')
    and t.trade_date between i.expiration and i.expiration + 7
    and coalesce(t.price, abs(t.gross_amount / nullif(t.quantity, 0))) = i.strike
    order by t.trade_date, t.id
    limit 10
$$;

comment on function reconcile.shares_at_strike(uuid, bigint, bigint) is
    'Trades in the underlying of an option at its strike, from its last day to a week later: rows that an assignment or exercise may have made.';

create function reconcile.expiry_step(p_user_id uuid, p_account_id bigint, p_instrument_id bigint)
returns text
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select reconcile.next_step('past_expiry', 'position') || coalesce(
        (
            select format(
                '. It was perhaps exercised or assigned: %s at the strike (transaction %s); if so, add option_exercise or option_assignment, linked with that row',
                string_agg(format('%s %s %s', trim_scale(abs(s.quantity)), s.symbol, case when s.quantity < 0 then 'were sold' else 'were bought' end), ', '),
                string_agg(s.transaction_id::text, ', ')
            )
            from reconcile.shares_at_strike(p_user_id, p_account_id, p_instrument_id) s
            having count(*) > 0
        ),
        ''
    )
$$;

comment on function reconcile.expiry_step(uuid, bigint, bigint) is 'What to do about an option that is held after its last day, with the trades that it may have become.';

-- A purchase that its source marks as closing, and that opened a lot: the short that it closed was written or sold before the rows begin.
create function reconcile.closes_what_is_not_there(p_user_id uuid, p_account_id bigint, p_instrument_id bigint)
returns boolean
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select exists (
        select from core.transactions t
        join core.tax_lots l on l.user_id = t.user_id and l.opening_transaction_id = t.id and l.side = 'long' and l.closed_at is null
        where t.user_id = p_user_id
        and t.account_id = p_account_id
        and t.instrument_id = p_instrument_id
        and t.transaction_type = 'buy'
        and t.position_effect = 'close'
    )
$$;

comment on function reconcile.closes_what_is_not_there(uuid, bigint, bigint) is
    'Whether a purchase that is marked as closing found nothing short to close, and is held as a lot.';

-- Rows that are kept without an effect, although they state units.
create function reconcile.has_unsupported_units(p_user_id uuid, p_account_id bigint, p_instrument_id bigint)
returns boolean
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select exists (
        select from core.transactions t
        left join tax.transaction_terms x on x.user_id = t.user_id and x.transaction_id = t.id
        where t.user_id = p_user_id
        and t.account_id = p_account_id
        and t.instrument_id = p_instrument_id
        and t.transaction_type = 'other'
        and coalesce(t.quantity, x.stated_quantity, 0) <> 0
    )
$$;

comment on function reconcile.has_unsupported_units(uuid, bigint, bigint) is 'Whether a row of this account and instrument states units, but is kept as other.';

-- What was sold without being held: an option may have been written; of shares, all may have been bought back, or the broker's own position is short.
create function reconcile.unmatched_cause(p_user_id uuid, p_account_id bigint, p_instrument_id bigint)
returns ingest.finding_cause
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select case
        when reconcile.has_unsupported_units(p_user_id, p_account_id, p_instrument_id) then 'unsupported_action'
        when i.instrument_type in ('option', 'future_option')
            or p.quantity = 0
            or exists (
                select from ingest.broker_positions b
                where b.user_id = p_user_id
                and b.account_id = p_account_id
                and b.instrument_id = p_instrument_id
                and b.quantity < 0
            )
            then 'short_not_allowed'
        else 'missing_history'
    end::ingest.finding_cause
    from core.positions p
    join core.instruments i on i.id = p.instrument_id
    where p.user_id = p_user_id
    and p.account_id = p_account_id
    and p.instrument_id = p_instrument_id
$$;

comment on function reconcile.unmatched_cause(uuid, bigint, bigint) is 'Why more was sold than held: missing history, a short that the account may not have, or a row without an effect.';

create function reconcile.specific_cause(
    p_user_id uuid, p_account_id bigint, p_instrument_id bigint, p_ours numeric, p_broker numeric, p_as_of date, p_cause ingest.finding_cause
)
returns ingest.finding_cause
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select case
        when p_cause not in ('missing_history', 'unexplained') then p_cause
        when i.instrument_type not in ('digital', 'currency') and abs(p_ours - p_broker) < 0.001 then 'rounding'
        when reconcile.has_unsupported_units(p_user_id, p_account_id, p_instrument_id) then 'unsupported_action'
        when p_ours > p_broker and reconcile.closes_what_is_not_there(p_user_id, p_account_id, p_instrument_id) then 'missing_history'
        when i.instrument_type not in ('option', 'future_option') then p_cause
        -- What was closed without being in the book was written before its rows begin.
        when p.unmatched_quantity < 0 then 'missing_history'
        when i.expiration < p_as_of and p_broker = 0 then 'past_expiry'
        when p.unmatched_quantity > 0 then 'short_not_allowed'
        else p_cause
    end::ingest.finding_cause
    from core.instruments i
    left join core.positions p on p.user_id = p_user_id and p.account_id = p_account_id and p.instrument_id = i.id
    where i.id = p_instrument_id
$$;

comment on function reconcile.specific_cause(uuid, bigint, bigint, numeric, numeric, date, ingest.finding_cause) is
    'The cause of a difference in units, where one says more than that history is missing or that nothing explains it.';

grant execute on function
    reconcile.shares_at_strike(uuid, bigint, bigint), reconcile.expiry_step(uuid, bigint, bigint), reconcile.has_unsupported_units(uuid, bigint, bigint),
    reconcile.closes_what_is_not_there(uuid, bigint, bigint), reconcile.unmatched_cause(uuid, bigint, bigint),
    reconcile.specific_cause(uuid, bigint, bigint, numeric, numeric, date, ingest.finding_cause)
    to quantmatrix_writer;
