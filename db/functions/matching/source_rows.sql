-- What each source tells of a day, as matching sees it: live rows in one shape, before any correction of a person.

-- The order of sources: what says most of an event comes first. Documented in docs/formats.md.
create function matching.source_rank(p_source text)
returns integer
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select case
        when p_source = 'manual' then 0
        when p_source = 'ibkr_flex' then 10
        when p_source = 'ibkr_activity_csv' then 20
        when p_source = 'ibkr_history_csv' then 30
        when p_source like 'ibkr\_%' then 40
        when p_source = 'ofx' then 20
        when p_source = 'quantmatrix_csv' then 50
        when p_source = 'simple_csv' then 60
        when p_source = 'quantmatrix_v1' then 70
        when p_source like '%\_csv' then 30
        else 10
    end
$$;

comment on function matching.source_rank(text) is
    'Which of two sources counts where both tell an event: the lower one; of equal rank the first by name. Entries by hand come first, then services and Flex, OFX, CSV files of brokers, same-day executions of IBKR, own lists, the old database.';

-- One row of a source as matching sees it: what the newest statement of that source says, before any correction.
create type matching.source_row as (
    account_id bigint,
    trade_date date,
    source text,
    key text,
    place integer,
    instrument_id bigint,
    type text,
    currency text,
    quantity numeric,
    mark text,
    gross numeric,
    net numeric,
    costs numeric,
    executed_at timestamptz,
    order_id text,
    is_corrected boolean,
    is_voided boolean,
    apart text[]
);

comment on type matching.source_row is 'One row of one source, with what it is matched by.';

create type matching.pair as (
    account_id bigint,
    trade_date date,
    source text,
    key text,
    counted_source text,
    counted_key text,
    rule ingest.match_rule,
    decision_id bigint
);

comment on type matching.pair is 'A row that only attests, and the row of another source that counts.';

-- Sources call one event by several names: a reinvestment is a purchase, cash for a fraction a sale of it, and what one broker pays out as a dividend is a
-- gain distributed or capital returned by the statement of another. Account, day, instrument, units and cash must agree all the same.
create function matching.kind_of_event(p_type text)
returns text
language sql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select case
        when p_type = 'reinvest' then 'buy'
        when p_type = 'cash_in_lieu' then 'sell'
        when p_type in ('payment_in_lieu', 'capital_gain_distribution', 'return_of_capital') then 'dividend'
        when p_type = 'stock_lending_income' then 'interest'
        when p_type = 'stock_dividend' then 'split'
        when p_type = 'merger_stock' then 'symbol_change'
        when p_type = 'promotion' then 'transfer_in'
        else p_type
    end
$$;

comment on function matching.kind_of_event(text) is
    'What a kind of transaction is to matching: kinds by which sources call the same event are one.';

-- What a row of the file says, as matching sees it. Expirations carry a direction in one source and none in another.
create function matching.make_source_row(
    p_account_id bigint, p_source text, p_key text, p_place integer, p_instrument_id bigint, p_new_instrument_id bigint, p_merged jsonb, p_said jsonb
)
returns matching.source_row
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select
        p_account_id, a.trade_date, p_source, p_key, p_place,
        coalesce((p_merged ->> p_instrument_id::text)::bigint, p_instrument_id),
        matching.kind_of_event(a.type), a.currency,
        trim_scale(case
            when a.type like 'option%' then abs(coalesce(a.quantity, (a.terms ->> 'stated_quantity')::numeric))
            else coalesce(a.quantity, (a.terms ->> 'stated_quantity')::numeric)
        end),
        concat_ws(
            ' ', coalesce(p_merged ->> p_new_instrument_id::text, p_new_instrument_id::text),
            case when a.quantity is null then trim_scale(round(
                (a.terms ->> 'ratio_numerator')::numeric / (a.terms ->> 'ratio_denominator')::numeric + case a.type when 'stock_dividend' then 1 else 0 end, 12
            )) end
        ),
        a.gross_amount, coalesce(a.net_amount, 0), coalesce(a.commission, 0) + coalesce(a.fees, 0), a.executed_at, a.order_id,
        false, false, null::text[]
    from jsonb_to_record(p_said) as a (
        type text, executed_at timestamptz, trade_date date, quantity numeric, gross_amount numeric, commission numeric, fees numeric,
        net_amount numeric, currency text, order_id text, terms jsonb
    )
$$;

comment on function matching.make_source_row(bigint, text, text, integer, bigint, bigint, jsonb, jsonb) is 'A row of a source as matching sees it.';

-- Live lines about transactions of these days, and all lines of one import.
create function matching.lines_on(p_user_id uuid, p_accounts bigint[], p_days date[], p_sync_ids bigint[])
returns table (
    sync_id bigint, line_number integer, part smallint, verdict ingest.line_verdict, account_id bigint, source text, dedupe_key text,
    transaction_id bigint, instrument_id bigint, new_instrument_id bigint, trade_date date, day_rank integer, only_attests boolean,
    values_digest text, attested jsonb, is_finished boolean, decides bigint
)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_mergejoin = off
as $$
    with days as materialized (
        select d.account_id, d.trade_date
        from unnest(p_accounts, p_days) d (account_id, trade_date)
    ),
    ids as materialized (
        select t.id
        from days d
        join (
            select own.id, own.account_id, own.trade_date
            from core.transactions own
            where own.user_id = p_user_id
            and own.account_id = any (array(select distinct d.account_id from days d))
            and own.trade_date between (select min(d.trade_date) from days d) and (select max(d.trade_date) from days d)
            offset 0
        ) t on t.account_id = d.account_id and t.trade_date = d.trade_date
        union
        select (c.original ->> 'id')::bigint
        from ingest.corrections c
        join days d on d.account_id = c.account_id and d.trade_date = (c.original ->> 'trade_date')::date
        where c.user_id = p_user_id
    ),
    -- Two ways in, each by an index: an alternative of both would try every number of the list on every line.
    found as (
        select l.*
        from ingest.lines l
        where l.user_id = p_user_id
        and l.transaction_id = any (array(select i.id from ids i))
        and l.attested is not null
        union all
        select l.*
        from ingest.lines l
        where l.user_id = p_user_id
        and l.sync_id = any (p_sync_ids)
        and l.attested is not null
        and not exists (select from ids i where i.id = l.transaction_id)
    )
    select
        l.sync_id, l.line_number, l.part, l.verdict, l.account_id, l.source, l.dedupe_key, l.transaction_id, l.instrument_id, l.new_instrument_id,
        l.trade_date, l.day_rank, l.only_attests, l.values_digest, l.attested,
        h.status = 'finished',
        row_number() over (
            partition by l.account_id, l.source, l.dedupe_key
            order by matching.statement_age(f.generated_at, f.period_end) desc, h.content_sha256 desc, l.line_number, l.part
        )
    from found l
    join core.sync_history h on h.user_id = l.user_id and h.id = l.sync_id and h.status in ('running', 'finished')
    join ingest.files f on f.user_id = l.user_id and f.sync_id = l.sync_id
$$;

comment on function matching.lines_on(uuid, bigint[], date[], bigint[]) is
    'Lines of live imports about these days of these accounts, or of the given imports; decides = 1 is what its source says last of a row.';

create function matching.source_rows_on(p_user_id uuid, p_accounts bigint[], p_days date[], p_sync_ids bigint[])
returns setof matching.source_row
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_mergejoin = off
as $$
    with days as materialized (
        select d.account_id, d.trade_date
        from unnest(p_accounts, p_days) d (account_id, trade_date)
    ),
    merged as materialized (
        select ingest.merged_instruments(p_user_id) as map
    ),
    -- A day that one source tells of, and that nothing was matched on, is left alone before any value is read.
    deciding as materialized (
        select
            l.account_id, l.source, l.dedupe_key, l.trade_date, l.day_rank, l.instrument_id, l.new_instrument_id, l.attested
        from matching.lines_on(p_user_id, p_accounts, p_days, p_sync_ids) l
        join days d on d.account_id = l.account_id and d.trade_date = l.trade_date
        where l.decides = 1
        -- Decisions may name what a hand entered.
        union all
        select t.account_id, t.source, t.dedupe_key, t.trade_date, t.sequence, t.instrument_id, k.new_instrument_id, to_jsonb(t) || jsonb_build_object(
            'type', t.transaction_type,
            'terms', jsonb_build_object(
                'stated_quantity', k.stated_quantity, 'ratio_numerator', k.ratio_numerator, 'ratio_denominator', k.ratio_denominator
            )
        )
        from days d
        join core.transactions t on t.user_id = p_user_id and t.account_id = d.account_id and t.trade_date = d.trade_date and t.source = 'manual'
        left join tax.transaction_terms k on k.user_id = t.user_id and k.transaction_id = t.id
        where exists (
            select from ingest.decision_members m
            where m.user_id = p_user_id
            and m.account_id = t.account_id
            and m.source = 'manual'
            and m.dedupe_key = t.dedupe_key
        )
    ),
    removed as materialized (
        select c.account_id, c.source, c.dedupe_key, c.original
        from ingest.corrections c
        join days d on d.account_id = c.account_id and d.trade_date = (c.original ->> 'trade_date')::date
        where c.user_id = p_user_id
        and c.is_voided
    ),
    in_one_shape as (
        select w.source_row
        from (
            select
                matching.make_source_row(
                    d.account_id, d.source, d.dedupe_key, d.day_rank, d.instrument_id, d.new_instrument_id, (select m.map from merged m), d.attested
                ) as source_row,
                min(d.source) over day <> max(d.source) over day
                or exists (
                    select from removed r
                    where r.account_id = d.account_id and (r.original ->> 'trade_date')::date = d.trade_date and r.source <> d.source
                )
                or exists (
                    select from ingest.matches m
                    where m.user_id = p_user_id and m.account_id = d.account_id and m.trade_date = d.trade_date
                )
                or exists (
                    select from ingest.decision_members m
                    where m.user_id = p_user_id and m.account_id = d.account_id and m.trade_date = d.trade_date
                ) as is_shared
            from deciding d
            where not exists (
                select from removed r
                where r.account_id = d.account_id and r.source = d.source and r.dedupe_key = d.dedupe_key
            )
            window day as (partition by d.account_id, d.trade_date)
        ) w
        where w.is_shared
        union all
        select matching.make_source_row(
            r.account_id, r.source, r.dedupe_key, (r.original ->> 'sequence')::integer, (r.original ->> 'instrument_id')::bigint,
            (r.original -> 'terms' ->> 'new_instrument_id')::bigint, (select m.map from merged m),
            r.original || jsonb_build_object('type', r.original -> 'transaction_type')
        )
        from removed r
    )
    select
        (t.source_row).account_id, (t.source_row).trade_date, (t.source_row).source, (t.source_row).key, (t.source_row).place, (t.source_row).instrument_id, (t.source_row).type,
        (t.source_row).currency, (t.source_row).quantity, (t.source_row).mark, (t.source_row).gross, (t.source_row).net, (t.source_row).costs, (t.source_row).executed_at,
        (t.source_row).order_id, c.dedupe_key is not null, coalesce(c.is_voided, false),
        array(
            select distinct other.source
            from ingest.decision_members own
            join ingest.decisions d on d.user_id = own.user_id and d.id = own.decision_id and d.verdict = 'different' and d.undone_at is null
            join ingest.decision_members other on other.user_id = own.user_id and other.decision_id = own.decision_id
            where own.user_id = p_user_id
            and own.account_id = (t.source_row).account_id
            and own.trade_date = (t.source_row).trade_date
            and own.source = (t.source_row).source
            and own.dedupe_key = (t.source_row).key
            and other.source <> own.source
        )
    from in_one_shape t
    left join ingest.corrections c
        on c.user_id = p_user_id and c.account_id = (t.source_row).account_id and c.source = (t.source_row).source and c.dedupe_key = (t.source_row).key
$$;

comment on function matching.source_rows_on(uuid, bigint[], date[], bigint[]) is
    'What each source tells of these days, where more than one does: rows of live imports, rows that were voided, and rows by hand that a decision names.';
