-- From verdicts to the records of an ordinary load: what was kept goes the way of every import, and so gets the same identity, attestation, audit and lots.
-- What was rejected is written beside it as refused lines that name the row which stands for them.

-- Everything is told apart and looked up by V1's own row numbers.
create function legacy.require_ids(p_user_id uuid, p_load_id uuid)
returns void
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_repeated record;
begin
    select substr(s.kind, 4) as name, s.payload ->> 'id' as id
    into v_repeated
    from ingest.staging s
    where s.load_id = p_load_id
    and s.user_id = p_user_id
    and s.kind in ('v1_accounts', 'v1_holdings', 'v1_transactions', 'v1_dividends', 'v1_alerts', 'v1_alert_conditions')
    group by s.kind, s.payload ->> 'id'
    having count(*) > 1
    or s.payload ->> 'id' is null
    limit 1;
    if found then
        raise exception 'table % of V1 has several rows with id %', v_repeated.name, coalesce(v_repeated.id, 'null')
            using errcode = 'QM010', hint = 'this is no dump of one database at one moment: make a new one with pg_dump';
    end if;
end
$$;

comment on function legacy.require_ids(uuid, uuid) is 'Refuses a V1 whose rows cannot be told apart by their ids.';

create function legacy.read(p_user_id uuid, p_load_id uuid, p_migration jsonb)
returns timestamptz
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_frozen_at timestamptz := legacy.frozen_at(p_user_id, p_load_id);
    v_zone text := coalesce(p_migration ->> 'timezone', 'America/New_York');
    v_next integer := 1;
    v_file record;
begin
    if not exists (select from ingest.staging s where s.load_id = p_load_id and s.user_id = p_user_id and s.kind = 'v1_accounts') then
        raise exception 'the old database has no accounts, or is none'
            using errcode = 'QM010', hint = 'name a database of V1 or a dump of it: `legacy_migrate`';
    end if;
    perform ingest.take_load(p_user_id, p_load_id, (p_migration ->> 'records')::bigint);
    perform legacy.require_ids(p_user_id, p_load_id);
    perform legacy.require_clear_accounts(p_user_id, p_load_id);
    v_next := v_next + legacy.read_transactions(p_user_id, p_load_id, v_zone, v_frozen_at);
    v_next := v_next + legacy.read_dividends(p_user_id, p_load_id, v_next, v_frozen_at);
    for v_file in
        select f.load_id, f.name, f.account, f.records
        from jsonb_to_recordset(coalesce(p_migration -> 'files', '[]')) as f (load_id uuid, name text, account text, records bigint)
    loop
        perform ingest.take_load(p_user_id, v_file.load_id, v_file.records);
        v_next := v_next + legacy.read_file(p_user_id, p_load_id, v_file.load_id, 'file ' || v_file.name, v_file.account, v_next);
    end loop;
    return v_frozen_at;
end
$$;

comment on function legacy.read(uuid, uuid, jsonb) is 'Judges all rows of a staged V1 and of the owner''s files; returns when V1 was last written.';

create function legacy.stage(p_user_id uuid, p_load_id uuid)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_mergejoin = off
as $$
begin
    insert into ingest.staging (load_id, user_id, kind, line_number, payload)
    select distinct
        p_load_id, p_user_id, 'statement', 0,
        jsonb_build_object('account', a.account, 'broker', a.broker)
    from legacy.accounts(p_user_id, p_load_id) a;

    insert into ingest.staging (load_id, user_id, kind, line_number, payload)
    select p_load_id, p_user_id, 'instrument', 0, legacy.instrument(named.symbol, named.instrument_type, named.currency)
    from (
        select r.payload ->> 'symbol' as symbol, r.payload ->> 'instrument_type' as instrument_type, r.payload ->> 'currency' as currency
        from ingest.staging r
        where r.load_id = p_load_id
        and r.user_id = p_user_id
        and r.kind = 'v1_read'
        and r.payload ->> 'reason' is null
        and r.payload ->> 'instrument_type' is not null
        union
        select h.symbol, h.instrument_type, h.currency
        from legacy.holdings(p_user_id, p_load_id) h
        where h.reason is null
    ) named;

    -- An alert may be about what nobody ever traded.
    insert into ingest.staging (load_id, user_id, kind, line_number, payload)
    select
        p_load_id, p_user_id, 'instrument', 0,
        legacy.instrument(watched.symbol, case when legacy.is_option(watched.symbol) then 'option' else 'stock' end, 'USD')
    from (
        select a.symbol
        from legacy.alerts(p_user_id, p_load_id) a
        where a.source = 'alerts'
        and a.reason is null
        except
        select s.payload ->> 'symbol'
        from ingest.staging s
        where s.load_id = p_load_id
        and s.user_id = p_user_id
        and s.kind = 'instrument'
    ) watched;

    insert into ingest.staging (load_id, user_id, kind, line_number, payload)
    with verdicts as materialized (
        select r.line_number, r.payload, v.*
        from ingest.staging r
        cross join lateral jsonb_to_record(r.payload) as v (
            "table" text, id bigint, account text, type text, effect text, symbol text, instrument_type text, currency text, executed_at timestamptz,
            day date, quantity numeric, units numeric, price numeric, gross numeric, commission numeric, fees numeric, broker_id text, order_id text,
            source text, ids jsonb, record jsonb
        )
        where r.load_id = p_load_id
        and r.user_id = p_user_id
        and r.kind = 'v1_read'
        and r.payload ->> 'reason' is null
    ),
    -- Dividends that V1 kept in both places leave their ids with the row that survives.
    doubled as materialized (
        select (d.payload ->> 'survivor')::bigint as survivor_id, jsonb_agg(d.payload -> 'id' order by d.line_number) as ids
        from ingest.staging d
        where d.load_id = p_load_id
        and d.user_id = p_user_id
        and d.kind = 'v1_read'
        and d.payload ->> 'table' = 'dividends'
        and d.payload ->> 'survivor_table' = 'transactions'
        group by d.payload ->> 'survivor'
    )
    select
        p_load_id, p_user_id, 'transaction', v.line_number,
        coalesce(
            v.record,
            jsonb_strip_nulls(jsonb_build_object(
                'account', v.account,
                'instrument', v.instrument_type || '|' || v.symbol || '|' || v.currency,
                'type', v.type,
                'position_effect', v.effect,
                'external_id', v.broker_id,
                -- Where V1 kept no broker's id, its own row number tells equal rows apart.
                'fingerprint', case when v.broker_id is null then v."table" || ' ' || v.id end,
                'order_id', v.order_id,
                'executed_at', v.executed_at,
                'trade_date', v.day,
                'quantity', v.quantity,
                'price', case when v.type not in ('deposit', 'withdrawal') then v.price end,
                'gross_amount', v.gross,
                'commission', v.commission,
                'fees', v.fees,
                'net_amount', v.gross + v.commission + v.fees,
                'currency', v.currency,
                'metadata', jsonb_build_object('v1_source', v.source)
                    || case v."table"
                        when 'dividends' then jsonb_build_object('v1_dividends', v.ids)
                        else jsonb_build_object('v1_transactions', v.ids) || jsonb_build_object('v1_dividends', d.ids)
                    end
                    || case v.type when 'dividend' then jsonb_build_object('shares', v.units::text) else '{}' end,
                'terms', case when v.type = 'option_expiration' then jsonb_build_object('stated_quantity', v.units) end
            ))
        )
    from verdicts v
    left join doubled d on v."table" = 'transactions' and d.survivor_id = v.id;

    -- The text of each kept row: of V1 as it was staged, of a file as it stands there.
    insert into ingest.staging (load_id, user_id, kind, line_number, payload, raw)
    select p_load_id, p_user_id, 'line', t.line_number, jsonb_build_object('verdict', 'row', 'section', t.section), t.raw
    from legacy.texts(p_user_id, p_load_id) t
    where t.reason is null;

    insert into ingest.staging (load_id, user_id, kind, line_number, payload)
    select
        p_load_id, p_user_id, 'position', h.line_number,
        jsonb_build_object(
            'account', h.account,
            'instrument', h.instrument_type || '|' || h.symbol || '|' || h.currency,
            'as_of', h.as_of,
            'quantity', h.quantity,
            'currency', h.currency
        )
    from legacy.evidence(p_user_id, p_load_id) h
    where h.reason is null
    and h.as_of is not null;
end
$$;

comment on function legacy.stage(uuid, uuid) is 'Stages the kept rows of V1 as records of a load.';

-- Every judged row with its own text, joined by what each calls itself.
create function legacy.texts(p_user_id uuid, p_load_id uuid)
returns table (
    line_number integer, section text, v1_id bigint, account text, reason text, survivor_table text, survivor_id bigint, raw text
)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_mergejoin = off
as $$
    with verdicts as materialized (
        select
            r.line_number, r.payload ->> 'table' as section, (r.payload ->> 'id')::bigint as v1_id, r.payload ->> 'account' as account,
            r.payload ->> 'reason' as reason, coalesce(r.payload ->> 'survivor_table', r.payload ->> 'table') as survivor_table,
            (r.payload ->> 'survivor')::bigint as survivor_id
        from ingest.staging r
        where r.load_id = p_load_id
        and r.user_id = p_user_id
        and r.kind = 'v1_read'
    ),
    texts as materialized (
        select substr(s.kind, 4) as section, (s.payload ->> 'id')::bigint as v1_id, s.payload::text as raw
        from ingest.staging s
        where s.load_id = p_load_id
        and s.user_id = p_user_id
        and s.kind in ('v1_transactions', 'v1_dividends')
        union all
        select s.payload ->> 'file', (s.payload ->> 'line')::bigint, s.raw
        from ingest.staging s
        where s.load_id = p_load_id
        and s.user_id = p_user_id
        and s.kind = 'v1_file_line'
    )
    select v.line_number, v.section, v.v1_id, v.account, v.reason, v.survivor_table, v.survivor_id, coalesce(t.raw, '')
    from verdicts v
    left join texts t on t.section = v.section and t.v1_id = v.v1_id
$$;

comment on function legacy.texts(uuid, uuid) is 'Every judged row with the text it had in V1 or in its file.';

-- V1 lost the sign of what TastyTrade reports: the transactions know which positions are short.
create function legacy.evidence(p_user_id uuid, p_load_id uuid)
returns table (
    line_number integer, id bigint, account text, symbol text, instrument_type text, currency text, quantity numeric, as_of date, reason text
)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_mergejoin = off
as $$
    with moved as materialized (
        select r.payload ->> 'account' as account, r.payload ->> 'symbol' as symbol, sum((r.payload ->> 'quantity')::numeric) as quantity
        from ingest.staging r
        where r.load_id = p_load_id
        and r.user_id = p_user_id
        and r.kind = 'v1_read'
        and r.payload ->> 'reason' is null
        group by r.payload ->> 'account', r.payload ->> 'symbol'
    ),
    used as (
        select coalesce(max(s.line_number), 0) as line_number
        from ingest.staging s
        where s.load_id = p_load_id
        and s.user_id = p_user_id
        and s.kind in ('v1_read', 'v1_file_line')
    )
    select
        (u.line_number + row_number() over (order by h.id))::integer,
        h.id, h.account, h.symbol, h.instrument_type, h.currency,
        case when h.broker = 'tastytrade' and m.quantity < 0 then -abs(h.quantity) else h.quantity end,
        h.as_of, h.reason
    from legacy.holdings(p_user_id, p_load_id) h
    cross join used u
    left join moved m on m.account = h.account and m.symbol = h.symbol
$$;

comment on function legacy.evidence(uuid, uuid) is 'Holdings of V1 as a broker''s statement: signed, with the line they are kept under.';

-- Lines that bring nothing: rejected rows, each pointing at the transaction that stands for it, and holdings.
create function legacy.keep_rest(p_user_id uuid, p_load_id uuid, p_sync_id bigint, p_accounts jsonb)
returns void
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_mergejoin = off
as $$
    with texts as materialized (
        select t.*
        from legacy.texts(p_user_id, p_load_id) t
    ),
    kept as materialized (
        select t.section, t.v1_id, l.transaction_id
        from texts t
        join ingest.lines l on l.user_id = p_user_id and l.sync_id = p_sync_id and l.line_number = t.line_number
        where t.reason is null
    )
    insert into ingest.lines (user_id, sync_id, line_number, verdict, transaction_id, account_id, source, section, raw, reason)
    select
        p_user_id, p_sync_id, t.line_number, 'refused', k.transaction_id, (p_accounts -> 'ids' ->> t.account)::bigint, 'quantmatrix_v1',
        t.section, t.raw, t.reason
    from texts t
    left join kept k on k.section = t.survivor_table and k.v1_id = t.survivor_id
    where t.reason is not null;

    insert into ingest.lines (user_id, sync_id, line_number, verdict, account_id, source, section, raw, reason)
    select
        p_user_id, p_sync_id, h.line_number, case when h.reason is null then 'evidence' else 'skipped' end::ingest.line_verdict,
        (p_accounts -> 'ids' ->> h.account)::bigint, 'quantmatrix_v1', 'holdings', s.payload::text, h.reason
    from legacy.evidence(p_user_id, p_load_id) h
    join ingest.staging s
        on s.load_id = p_load_id and s.user_id = p_user_id and s.kind = 'v1_holdings' and (s.payload ->> 'id')::bigint = h.id;
$$;

comment on function legacy.keep_rest(uuid, uuid, bigint, jsonb) is 'Writes the rejected rows and the holdings of V1 as lines of the migration.';

grant execute on function
    legacy.require_ids(uuid, uuid), legacy.read(uuid, uuid, jsonb), legacy.stage(uuid, uuid), legacy.texts(uuid, uuid), legacy.evidence(uuid, uuid),
    legacy.keep_rest(uuid, uuid, bigint, jsonb)
    to quantmatrix_writer;
