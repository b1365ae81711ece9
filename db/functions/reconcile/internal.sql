-- Checks that need no broker, our own rows against each other (I.4). Each returns only what is wrong: a defect of the program, or what the history lacks.

-- The last day of which an account tells anything: its newest transaction, evidence or statement period. An option is not overdue before that.
create function reconcile.known_until(p_user_id uuid, p_as_of date)
returns table (account_id bigint, day date)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select
        a.id,
        least(p_as_of, greatest(
            (select max(t.trade_date) from core.transactions t where t.user_id = a.user_id and t.account_id = a.id),
            (select max(b.as_of) from ingest.broker_positions b where b.user_id = a.user_id and b.account_id = a.id),
            (select max(b.as_of) from ingest.broker_cash b where b.user_id = a.user_id and b.account_id = a.id)
        ))
    from core.accounts a
    where a.user_id = p_user_id
$$;

comment on function reconcile.known_until(uuid, date) is 'Last day of which each account tells anything.';

create function reconcile.dangling_references(p_user_id uuid, p_account_id bigint)
returns table (account_id bigint, instrument_id bigint, table_name text, number numeric, row_ids jsonb)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_indexscan = off
set enable_mergejoin = off
as $$
    select c.account_id, c.instrument_id, 'closings', count(*)::numeric, jsonb_agg(c.id order by c.id)
    from tax.closings c
    left join core.transactions closing on closing.user_id = p_user_id and closing.id = c.closing_transaction_id
    left join core.transactions opening on opening.user_id = p_user_id and opening.id = c.opening_transaction_id
    where c.user_id = p_user_id
    and (p_account_id is null or c.account_id = p_account_id)
    and (
        closing.id is null
        or c.opening_transaction_id is not null
        and opening.id is null
        or c.opening_transaction_id is null
        and c.kind <> 'unmatched'
    )
    group by c.account_id, c.instrument_id

    union all

    select w.replacement_account_id, w.replacement_instrument_id, 'wash_matches', count(*), jsonb_agg(w.id order by w.id)
    from tax.wash_matches w
    left join core.transactions replacement on replacement.user_id = p_user_id and replacement.id = w.replacement_transaction_id
    left join tax.closings loss
        on loss.user_id = p_user_id and loss.group_id = w.group_id
        and loss.closing_transaction_id = w.loss_transaction_id and loss.ordinal = w.loss_ordinal
    where w.user_id = p_user_id
    and (p_account_id is null or w.replacement_account_id = p_account_id)
    and (replacement.id is null or loss.id is null)
    group by w.replacement_account_id, w.replacement_instrument_id

    union all

    select null, null, 'notices', count(*), jsonb_agg(n.id order by n.id)
    from tax.notices n
    where n.user_id = p_user_id
    and p_account_id is null
    and not exists (select from core.transactions t where t.user_id = p_user_id and t.id = n.transaction_id)
    having count(*) > 0

    union all

    select null, null, 'lot_state', count(*), jsonb_agg(s.lot_id order by s.lot_id)
    from tax.lot_state s
    where s.user_id = p_user_id
    and p_account_id is null
    and not exists (select from core.tax_lots l where l.user_id = p_user_id and l.id = s.lot_id)
    having count(*) > 0
$$;

comment on function reconcile.dangling_references(uuid, bigint) is
    'Derived rows that point at a transaction, a closing or a lot that is not there: how many of each table, and which.';

-- Whatever stands here, the engine or the load function did wrong.
create function reconcile.defects(p_user_id uuid, p_account_id bigint)
returns table (
    account_id bigint, instrument_id bigint, check_name text, ours numeric, broker numeric, cause ingest.finding_cause, evidence jsonb
)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_indexscan = off
set enable_mergejoin = off
as $$
    with open_lots as materialized (
        select l.account_id, l.instrument_id, sum(case l.side when 'long' then 1 else -1 end * l.quantity_remaining) as quantity
        from core.tax_lots l
        where l.user_id = p_user_id
        and l.closed_at is null
        and (p_account_id is null or l.account_id = p_account_id)
        group by l.account_id, l.instrument_id
    ),
    positions as materialized (
        select p.account_id, p.instrument_id, p.quantity, p.unmatched_quantity
        from core.positions p
        where p.user_id = p_user_id
        and (p_account_id is null or p.account_id = p_account_id)
    )

    -- position = open lots - unmatched
    select
        coalesce(p.account_id, l.account_id), coalesce(p.instrument_id, l.instrument_id), 'lots_make_the_position',
        coalesce(p.quantity, 0), coalesce(l.quantity, 0) - coalesce(p.unmatched_quantity, 0), 'defect'::ingest.finding_cause,
        jsonb_build_object('open_lots', coalesce(l.quantity, 0)::text, 'unmatched_quantity', coalesce(p.unmatched_quantity, 0)::text)
    from positions p
    full join open_lots l on l.account_id = p.account_id and l.instrument_id = p.instrument_id
    where coalesce(p.quantity, 0) <> coalesce(l.quantity, 0) - coalesce(p.unmatched_quantity, 0)

    union all

    -- position = sum of the transactions
    select
        s.account_id, s.instrument_id, 'transactions_make_the_position',
        coalesce(p.quantity, 0), s.quantity, 'defect', jsonb_build_object('transactions', s.quantity::text)
    from reconcile.stated_positions(p_user_id, p_account_id) s
    join core.instruments i on i.id = s.instrument_id and i.instrument_type <> 'currency'
    left join positions p on p.account_id = s.account_id and p.instrument_id = s.instrument_id
    where coalesce(p.quantity, 0) <> s.quantity

    union all

    select d.account_id, d.instrument_id, 'references_exist', d.number, 0, 'defect', jsonb_build_object('table', d.table_name, 'rows', d.row_ids)
    from reconcile.dangling_references(p_user_id, p_account_id) d

    union all

    -- gains and open basis = cash, to the cent (F.11)
    select
        null, c.group_id, 'gains_equal_cash', c.gains, c.cash, 'defect',
        jsonb_build_object(
            'group', c.group_id,
            'symbols', (
                select jsonb_agg(i.symbol order by i.symbol)
                from tax.instrument_groups g
                join core.instruments i on i.id = g.instrument_id
                where g.user_id = p_user_id
                and g.group_id = c.group_id
            )
        )
    from tax.conservation(p_user_id) c
    where p_account_id is null
    and c.gains <> c.cash
$$;

comment on function reconcile.defects(uuid, bigint) is
    'Sums and references that do not hold among our own rows, whatever was imported: the check, both figures and the rows behind it.';

-- Whatever stands here, the rows themselves tell: one of them stands twice, another one is missing.
create function reconcile.gaps_in_history(p_user_id uuid, p_account_id bigint, p_as_of date)
returns table (
    account_id bigint, instrument_id bigint, check_name text, ours numeric, broker numeric, cause ingest.finding_cause, evidence jsonb
)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_indexscan = off
set enable_mergejoin = off
as $$
    with positions as materialized (
        select p.account_id, p.instrument_id, p.quantity, p.unmatched_quantity
        from core.positions p
        where p.user_id = p_user_id
        and (p_account_id is null or p.account_id = p_account_id)
    ),
    known_until as materialized (
        select * from reconcile.known_until(p_user_id, p_as_of)
    )

    -- one row id of the broker on two transactions
    select
        t.account_id, t.instrument_id, 'broker_ids_are_unique', count(*)::numeric, 1::numeric, 'duplicate_import'::ingest.finding_cause,
        jsonb_build_object('external_id', t.external_id, 'transactions', jsonb_agg(t.id order by t.id))
    from core.transactions t
    where t.user_id = p_user_id
    and (p_account_id is null or t.account_id = p_account_id)
    and t.external_id is not null
    group by t.account_id, t.source, t.external_id, t.transaction_type, t.instrument_id, t.trade_date
    having count(*) > 1

    union all

    -- an option that is still held after its last day
    select
        p.account_id, p.instrument_id, 'options_end_at_expiry', p.quantity, 0, e.cause,
        jsonb_build_object(
            'expiration', i.expiration, 'known_until', u.day,
            'hint', case e.cause
                when 'past_expiry' then reconcile.expiry_step(p_user_id, p.account_id, p.instrument_id)
                else reconcile.next_step(e.cause, 'position')
            end
        )
    from positions p
    join known_until u on u.account_id = p.account_id
    join core.instruments i on i.id = p.instrument_id
    cross join lateral (
        select reconcile.specific_cause(p_user_id, p.account_id, p.instrument_id, p.quantity, 0, u.day, 'unexplained') as cause
    ) e
    where p.quantity <> 0
    and p.unmatched_quantity >= 0
    and i.instrument_type in ('option', 'future_option')
    and i.expiration < u.day

    union all

    -- more of a written option closed than was open
    select
        p.account_id, p.instrument_id, 'no_more_closed_than_open', p.quantity, p.quantity + p.unmatched_quantity, 'missing_history',
        jsonb_build_object(
            'unmatched_quantity', trim_scale(p.unmatched_quantity)::text,
            'hint', 'import the older statements that show how it was written, or add that sale, marked as opening: `transaction_add`'
        )
    from positions p
    join core.instruments i on i.id = p.instrument_id and i.instrument_type in ('option', 'future_option')
    where p.unmatched_quantity < 0
    and not exists (
        select from core.transactions t
        where t.user_id = p_user_id
        and t.account_id = p.account_id
        and t.instrument_id = p.instrument_id
        and t.transaction_type = 'transfer_in'
    )

    union all

    -- more sold than held, in an account that may not short; an option past its last day is said above
    select
        p.account_id, p.instrument_id, 'no_more_sold_than_held', p.quantity, p.quantity + p.unmatched_quantity, c.cause,
        jsonb_strip_nulls(jsonb_build_object(
            'unmatched_quantity', trim_scale(p.unmatched_quantity)::text,
            'first_shortfall', reconcile.first_shortfall(p_user_id, p.account_id, p.instrument_id, p_as_of),
            'hint', reconcile.next_step(c.cause, 'position')
        ))
    from positions p
    left join known_until u on u.account_id = p.account_id
    join core.instruments i on i.id = p.instrument_id
    cross join lateral (
        select reconcile.unmatched_cause(p_user_id, p.account_id, p.instrument_id) as cause
    ) c
    where p.unmatched_quantity > 0
    and not (p.quantity <> 0 and i.instrument_type in ('option', 'future_option') and coalesce(i.expiration < u.day, false))
    -- Told once: a split that names them says it already.
    and not exists (
        select from reconcile.stated_splits(p_user_id, p_account_id) s
        where s.account_id = p.account_id
        and s.instrument_id = p.instrument_id
    )

    union all

    -- a transfer to an own account that never arrived
    select
        t.account_id, t.instrument_id, 'transfers_arrive', t.quantity, 0, 'missing_history',
        jsonb_build_object(
            'transactions', jsonb_build_array(t.id), 'trade_date', t.trade_date, 'known_until', u.day,
            'hint', 'import the statement of the account it went to; if it left your accounts, accept this with a reason'
        )
    from core.transactions t
    join known_until u on u.account_id = t.account_id
    where t.user_id = p_user_id
    and (p_account_id is null or t.account_id = p_account_id)
    and t.transaction_type = 'transfer_out'
    and t.instrument_id is not null
    and t.quantity < 0
    and t.trade_date < u.day - 10
    and exists (select from known_until other where other.account_id <> t.account_id)
    and not exists (
        select from tax.transaction_links k
        where k.user_id = p_user_id
        and k.from_id = t.id
        and k.kind in ('transfer', 'correction')
    )

    union all

    -- a split that found other units than the broker's
    select
        s.account_id, s.instrument_id, 'splits_add_what_the_broker_says', s.ours, s.stated,
        case when abs(s.ours) < abs(s.stated) then 'missing_history' else 'unexplained' end::ingest.finding_cause,
        jsonb_build_object('transactions', jsonb_build_array(s.transaction_id), 'trade_date', s.trade_date)
    from reconcile.stated_splits(p_user_id, p_account_id) s

    union all

    -- an exercise whose shares are another row, which is not there
    select
        t.account_id, t.instrument_id, 'exercises_move_shares', t.quantity, 0, 'missing_history',
        jsonb_build_object(
            'transactions', jsonb_build_array(t.id), 'trade_date', t.trade_date,
            'hint', 'import the row of the shares, or correct this one to exercise_settlement derived or cash'
        )
    from tax.transaction_terms k
    join core.transactions t on t.user_id = k.user_id and t.id = k.transaction_id
    where k.user_id = p_user_id
    and k.exercise_settlement = 'linked'
    and (p_account_id is null or t.account_id = p_account_id)
    and not exists (
        select from tax.transaction_links l
        where l.user_id = p_user_id
        and l.from_id = t.id
        and l.kind = 'exercise'
    )
$$;

comment on function reconcile.gaps_in_history(uuid, bigint, date) is
    'What the rows of a history show to be missing from it, or to be in it twice: the check, both figures, the cause and the rows behind it.';

create function reconcile.internal_checks(p_user_id uuid, p_account_id bigint, p_as_of date)
returns table (
    account_id bigint, instrument_id bigint, check_name text, ours numeric, broker numeric, cause ingest.finding_cause, evidence jsonb
)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select * from reconcile.defects(p_user_id, p_account_id)
    union all
    select * from reconcile.gaps_in_history(p_user_id, p_account_id, p_as_of)
$$;

comment on function reconcile.internal_checks(uuid, bigint, date) is
    'What is wrong among our own rows: the check, both figures, the cause and the rows behind it.';

grant execute on function
    reconcile.known_until(uuid, date), reconcile.dangling_references(uuid, bigint), reconcile.defects(uuid, bigint),
    reconcile.gaps_in_history(uuid, bigint, date), reconcile.internal_checks(uuid, bigint, date)
    to quantmatrix_writer;
