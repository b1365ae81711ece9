-- What an import says of itself: events by verdict, transactions by type, and the net effect of the file's rows alone, from an empty start.

-- Net change of the positions in which a row leaves its quantity to the engine: the broker's own figure is used, and an option event without a
-- direction closes whatever the file has shown so far. Their rows are taken in time order.
create function ingest.ordered_positions(p_user_id uuid, p_sync_id bigint, p_account_ids bigint[], p_instrument_ids bigint[])
returns table (account_id bigint, instrument_id bigint, quantity numeric)
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
as $$
declare
    v_row record;
    v_account_id bigint;
    v_instrument_id bigint;
    v_running numeric;
begin
    for v_row in
        with stated as materialized (
            select
                l.account_id, l.instrument_id, l.new_instrument_id, l.trade_date, l.day_rank, l.line_number,
                coalesce(a.executed_at, (a.trade_date)::timestamp at time zone 'America/New_York') as moment,
                a.type, a.quantity,
                (a.terms ->> 'stated_quantity')::numeric as stated_quantity,
                (a.terms ->> 'stated_new_quantity')::numeric as stated_new_quantity,
                (a.terms ->> 'ratio_numerator')::numeric as numerator,
                (a.terms ->> 'ratio_denominator')::numeric as denominator
            from ingest.lines l
            cross join lateral jsonb_to_record(l.attested) as a (
                type core.transaction_type, executed_at timestamptz, trade_date date, quantity numeric, terms jsonb
            )
            where l.user_id = p_user_id
            and l.sync_id = p_sync_id
            and l.attested is not null
            and (l.instrument_id = any (p_instrument_ids) or l.new_instrument_id = any (p_instrument_ids))
        ),
        effects as (
            select s.account_id, s.instrument_id, s.trade_date, s.moment, s.day_rank, s.line_number, s.type, s.quantity, s.stated_quantity, s.numerator, s.denominator
            from stated s
            union all
            select s.account_id, s.new_instrument_id, s.trade_date, s.moment, s.day_rank, s.line_number, s.type, s.stated_new_quantity, null, null, null
            from stated s
            where s.new_instrument_id is not null
            and s.stated_new_quantity is not null
        )
        select
            e.account_id, e.instrument_id, e.trade_date, e.moment, e.day_rank, e.line_number,
            e.type, e.quantity, e.stated_quantity, e.numerator, e.denominator
        from effects e
        join unnest(p_account_ids, p_instrument_ids) n (account_id, instrument_id) on n.account_id = e.account_id and n.instrument_id = e.instrument_id
        order by 1, 2, 3, 4, 5, 6
    loop
        if v_account_id is distinct from v_row.account_id or v_instrument_id is distinct from v_row.instrument_id then
            if v_account_id is not null then
                account_id := v_account_id;
                instrument_id := v_instrument_id;
                quantity := v_running;
                return next;
            end if;
            v_account_id := v_row.account_id;
            v_instrument_id := v_row.instrument_id;
            v_running := 0;
        end if;
        v_running := v_running + case
            when v_row.quantity is not null then v_row.quantity
            when v_row.type in ('option_expiration', 'option_assignment', 'option_exercise')
                then -sign(v_running) * least(abs(v_running), coalesce(v_row.stated_quantity, abs(v_running)))
            when v_row.type in ('split', 'stock_dividend', 'symbol_change', 'merger_cash', 'merger_stock', 'merger_mixed')
                then coalesce(
                    v_row.stated_quantity,
                    case v_row.type
                        when 'split' then v_running * v_row.numerator / v_row.denominator - v_running
                        when 'stock_dividend' then v_running * v_row.numerator / v_row.denominator
                        else -v_running
                    end,
                    0
                )
            else 0
        end;
    end loop;
    if v_account_id is not null then
        account_id := v_account_id;
        instrument_id := v_instrument_id;
        quantity := v_running;
        return next;
    end if;
end
$$;

comment on function ingest.ordered_positions(uuid, bigint, bigint[], bigint[]) is 'Net change of these positions by the rows of one import alone, taken in time order.';

create function ingest.told_of_lines(p_user_id uuid, p_load_id uuid)
returns table (kind text, list jsonb)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select
        s.kind,
        jsonb_agg(
            jsonb_build_object('line', s.line_number, 'column', s.payload -> 'column', 'text', s.payload -> 'text', 'reason', s.payload -> 'reason')
            order by s.line_number
        )
    from ingest.staging s
    where s.load_id = p_load_id
    and s.user_id = p_user_id
    and s.kind in ('warning', 'refusal')
    group by s.kind
$$;

comment on function ingest.told_of_lines(uuid, uuid) is 'What the reader of a file said of its lines: one list of warnings, one of refusals, each with line, column, text and reason.';

create function ingest.load_report(p_user_id uuid, p_load_id uuid, p_sync_id bigint, p_file jsonb, p_accounts jsonb)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
as $$
    -- One reading of what the lines attest serves counts, positions and cash.
    with stated as materialized (
        select l.verdict, l.line_number, l.part, l.account_id, l.instrument_id, l.new_instrument_id, a.*
        from ingest.lines l
        cross join lateral jsonb_to_record(l.attested) as a (
            type core.transaction_type, currency text, quantity numeric, net_amount numeric, commission numeric, fees numeric, terms jsonb
        )
        where l.user_id = p_user_id
        and l.sync_id = p_sync_id
        and l.attested is not null
    ),
    -- An event may stand on several lines, or be several transactions: it counts once, so that never more is read than there are lines.
    counted as (
        select e.verdict, count(*) as number
        from (
            select distinct on (s.line_number) s.verdict
            from stated s
            order by s.line_number, s.part
        ) e
        group by e.verdict
        union all
        select l.verdict, count(*)
        from ingest.lines l
        where l.user_id = p_user_id
        and l.sync_id = p_sync_id
        and l.attested is null
        and l.verdict = 'refused'
        group by l.verdict
    ),
    moved as (
        select e.account_id, e.instrument_id, sum(e.quantity) as quantity, bool_or(e.quantity is null) as needs_order
        from (
            select s.account_id, s.instrument_id, s.quantity
            from stated s
            where s.instrument_id is not null
            union all
            select s.account_id, s.new_instrument_id, (s.terms ->> 'stated_new_quantity')::numeric
            from stated s
            where s.new_instrument_id is not null
            and s.instrument_id is not null
            and s.terms ? 'stated_new_quantity'
        ) e
        group by e.account_id, e.instrument_id
    ),
    positions as (
        select m.account_id, m.instrument_id, m.quantity
        from moved m
        where not m.needs_order
        union all
        select o.account_id, o.instrument_id, o.quantity
        from (
            select array_agg(m.account_id) as account_ids, array_agg(m.instrument_id) as instrument_ids
            from moved m
            where m.needs_order
        ) n
        cross join lateral ingest.ordered_positions(p_user_id, p_sync_id, n.account_ids, n.instrument_ids) o
        where n.account_ids is not null
    ),
    cash as (
        select m.account_id, m.currency, sum(m.amount) as amount
        from (
            select s.account_id, s.currency, coalesce(s.net_amount, 0) as amount
            from stated s
            union all
            select s.account_id, s.terms ->> 'fee_currency', coalesce(s.commission, 0) + coalesce(s.fees, 0)
            from stated s
            where s.terms ->> 'fee_currency' <> s.currency
            union all
            select s.account_id, i.symbol, s.quantity
            from stated s
            join core.instruments i on i.id = s.instrument_id and i.instrument_type = 'currency'
            where s.quantity is not null
        ) m
        group by m.account_id, m.currency
    ),
    told as (
        select * from ingest.told_of_lines(p_user_id, p_load_id)
    )
    select jsonb_build_object(
        'file', p_file ->> 'name',
        'source', p_file ->> 'source',
        'import_id', p_sync_id,
        'rows', (
            select jsonb_build_object(
                'read', coalesce(sum(c.number), 0),
                'new', coalesce(sum(c.number) filter (where c.verdict = 'new'), 0),
                'known', coalesce(sum(c.number) filter (where c.verdict = 'known'), 0),
                'changed', coalesce(sum(c.number) filter (where c.verdict = 'changed'), 0),
                'refused', coalesce(sum(c.number) filter (where c.verdict = 'refused'), 0)
            )
            from counted c
        ),
        'types', (
            select coalesce(jsonb_object_agg(t.type, t.number), '{}')
            from (
                select s.type, count(*) as number
                from stated s
                where s.verdict <> 'refused'
                group by s.type
            ) t
        ),
        'warnings', coalesce((select t.list from told t where t.kind = 'warning'), '[]'),
        'refusals', coalesce((select t.list from told t where t.kind = 'refusal'), '[]'),
        'accounts_created', coalesce(p_accounts -> 'created', '[]'),
        'positions', (
            select coalesce(
                jsonb_agg(
                    jsonb_build_object('account', a.account_number, 'symbol', i.symbol, 'quantity', trim_scale(p.quantity)::text)
                    order by a.account_number, i.symbol, i.id
                ), '[]'
            )
            from positions p
            join core.accounts a on a.user_id = p_user_id and a.id = p.account_id
            join core.instruments i on i.id = p.instrument_id
            where p.quantity <> 0
            and i.instrument_type <> 'currency'
        ),
        'cash', (
            select coalesce(
                jsonb_agg(
                    jsonb_build_object('account', a.account_number, 'currency', c.currency, 'amount', trim_scale(c.amount)::text)
                    order by a.account_number, c.currency
                ), '[]'
            )
            from cash c
            join core.accounts a on a.user_id = p_user_id and a.id = c.account_id
            where c.amount <> 0
        )
    )
$$;

comment on function ingest.load_report(uuid, uuid, bigint, jsonb, jsonb) is 'The report of an import, shaped as the command line prints it.';

grant execute on function
    ingest.ordered_positions(uuid, bigint, bigint[], bigint[]), ingest.told_of_lines(uuid, uuid),
    ingest.load_report(uuid, uuid, bigint, jsonb, jsonb)
    to quantmatrix_writer;
