-- One file in, all or nothing. Reads only the staged rows of its load and its person; knows nothing of brokers.
-- Staging has no statistics when a load reads it: nested loops over it would be quadratic, so the bulk functions go without them.

-- A file may print a number with asterisks; the person's own number is the same account where every letter fits.
create function ingest.fits_mask(p_number text, p_printed text)
returns boolean
language sql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(
        p_printed like '%*%'
        and length(p_number) = length(p_printed)
        and p_number not like '%*%'
        and not exists (
            select 1
            from generate_series(1, length(p_printed)) n
            where substr(p_printed, n, 1) not in ('*', substr(p_number, n, 1))
        ),
        false
    )
$$;

comment on function ingest.fits_mask(text, text) is
    'Whether an account number is one that a file prints with asterisks, letter for letter (U9992524 for U***2524).';

-- Accounts that a load names: {reference in the file: id}. An unknown one is created.
create function ingest.resolve_accounts(p_user_id uuid, p_load_id uuid, p_file jsonb, p_statement jsonb)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_default text := coalesce(p_statement ->> 'account', p_file ->> 'account');
    v_reference record;
    v_id bigint;
    v_ids jsonb := '{}';
    v_broker text;
    v_name text;
begin
    if p_statement ->> 'account' is not null
        and p_file ->> 'account' is not null
        and p_file ->> 'account' <> p_statement ->> 'account'
        and (ingest.find_account(p_user_id, p_file ->> 'account') = ingest.find_account(p_user_id, p_statement ->> 'account')) is not true
        and not ingest.fits_mask(p_file ->> 'account', p_statement ->> 'account')
    then
        raise exception 'the file is about account %, not %', p_statement ->> 'account', p_file ->> 'account'
            using errcode = 'QM002', hint = 'name none: the file names its account itself';
    end if;

    for v_reference in
        with named as (
            select coalesce(s.payload ->> 'account', v_default) as account, min(s.line_number) as line_number
            from ingest.staging s
            where s.load_id = p_load_id
            and s.user_id = p_user_id
            and s.kind in ('transaction', 'position', 'lot', 'cash')
            group by 1
        )
        select
            n.account,
            n.line_number,
            min(d.payload ->> 'broker') as broker,
            min(d.payload ->> 'account_name') as name,
            min(d.payload ->> 'account_type') as account_type,
            min(d.payload ->> 'base_currency') as base_currency
        from named n
        left join ingest.staging d
            on d.load_id = p_load_id and d.user_id = p_user_id and d.kind = 'statement' and d.payload ->> 'account' = n.account
        group by n.account, n.line_number
        order by n.account
    loop
        if v_reference.account is null then
            raise exception 'line % names no account, and neither does the file', v_reference.line_number
                using errcode = 'QM002', hint = 'say which account it is: `import(account => NUMBER)`';
        end if;
        v_broker := coalesce(v_reference.broker, p_file ->> 'broker', 'manual');
        if ingest.fits_mask(p_file ->> 'account', v_reference.account) then
            v_id := ingest.find_account(p_user_id, p_file ->> 'account', v_broker);
        else
            v_id := null;
        end if;
        v_id := coalesce(v_id, ingest.find_account(p_user_id, v_reference.account, v_broker));
        if v_id is null and v_reference.broker is null then
            v_id := ingest.find_account(p_user_id, v_reference.account);
        end if;
        if v_id is null then
            v_name := coalesce(
                v_reference.name,
                case when length(v_broker) <= 4 then upper(v_broker) else initcap(v_broker) end || ' ' || v_reference.account
            );
            if exists (select from core.accounts a where a.user_id = p_user_id and a.name = v_name) then
                v_name := v_name || ' (' || v_broker || ' ' || v_reference.account || ')';
            end if;
            insert into core.accounts (user_id, broker, account_number, name, account_type, base_currency)
            values (
                p_user_id, v_broker, v_reference.account, v_name,
                coalesce(v_reference.account_type, p_statement ->> 'account_type', 'taxable')::core.account_type,
                coalesce(v_reference.base_currency, p_statement ->> 'base_currency', p_file ->> 'currency', 'USD')
            )
            returning id into v_id;
            v_ids := jsonb_set(v_ids, '{created}', coalesce(v_ids -> 'created', '[]') || to_jsonb(v_reference.account));
        end if;
        v_ids := jsonb_set(v_ids, array['ids'], coalesce(v_ids -> 'ids', '{}') || jsonb_build_object(v_reference.account, v_id));
    end loop;
    return v_ids || jsonb_build_object('default', v_default);
end
$$;

comment on function ingest.resolve_accounts(uuid, uuid, jsonb, jsonb) is 'Accounts of a load: {ids: {reference: id}, created: [references], default: reference}.';

-- Staged transactions become lines with an identity: the broker's row id, else a digest of the values and the ordinal among equal lines.
create function ingest.keep_lines(
    p_user_id uuid, p_load_id uuid, p_sync_id bigint, p_source text, p_newest_first boolean, p_accounts jsonb, p_instruments jsonb
)
returns void
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_mergejoin = off
as $$
    with stated as materialized (
        select
            s.line_number, s.part, s.payload, r.*,
            (p_accounts -> 'ids' ->> coalesce(r.account, p_accounts ->> 'default'))::bigint as account_id,
            (p_instruments ->> r.instrument)::bigint as instrument_id,
            (p_instruments ->> (r.terms ->> 'new_instrument'))::bigint as new_instrument_id,
            coalesce(r.original_source, p_source) as row_source
        from ingest.staging s
        cross join lateral jsonb_to_record(s.payload) as r (
            account text, instrument text, type text, position_effect text, external_id text, fingerprint text, order_id text,
            executed_at timestamptz, trade_date date, settlement_date date, quantity numeric, price numeric, gross_amount numeric,
            commission numeric, fees numeric, net_amount numeric, currency text, also_lines integer[], original_source text, original_key text, terms jsonb
        )
        where s.load_id = p_load_id
        and s.user_id = p_user_id
        and s.kind = 'transaction'
    ),
    digested as (
        select
            t.*,
            encode(sha256(convert_to(
                concat_ws(
                    '|', t.type, t.instrument, coalesce(extract(epoch from t.executed_at)::text, t.trade_date::text),
                    coalesce(
                        trim_scale(
                            case
                                -- The same export prints a direction for these one year and none the next.
                                when t.type like 'option%' then abs(coalesce(t.quantity, (t.terms ->> 'stated_quantity')::numeric))
                                else coalesce(t.quantity, (t.terms ->> 'stated_quantity')::numeric)
                            end
                        )::text,
                        ''
                    ),
                    coalesce(trim_scale(t.price)::text, ''), trim_scale(coalesce(t.net_amount, 0))::text, t.currency, t.fingerprint
                ),
                'UTF8'
            )), 'hex') as digest
        from stated t
    ),
    identified as (
        select
            d.*,
            case
                when d.original_key is not null then d.original_key
                when d.external_id is not null then 'id:' || d.external_id
                else left(d.digest, 40) || ':' || row_number() over (partition by d.account_id, d.row_source, d.digest order by d.line_number, d.part) - 1
            end as key,
            (row_number() over (
                partition by d.account_id, d.row_source, d.trade_date
                order by case when p_newest_first then -d.line_number else d.line_number end, d.part
            ))::integer as place,
            md5(concat_ws(
                '|', d.type, coalesce(d.position_effect, 'auto'), d.instrument, extract(epoch from d.executed_at), d.trade_date, d.settlement_date,
                coalesce(trim_scale(d.quantity)::text, '-'), coalesce(trim_scale(d.price)::text, '-'), coalesce(trim_scale(d.gross_amount)::text, '-'),
                trim_scale(coalesce(d.commission, 0)), trim_scale(coalesce(d.fees, 0)), trim_scale(coalesce(d.net_amount, 0)), d.currency, d.order_id,
                case
                    when d.terms is not null then (select string_agg(x.key || '=' || x.value, ',' order by x.key) from jsonb_each_text(d.terms) x)
                end
            )) as values_md5
        from digested d
    ),
    -- One hash over the accounts of the load: looked up row by row, an index that knows the account alone may seem as good as the key.
    known as materialized (
        select
            i.*,
            t.id as known_id,
            coalesce(c.is_voided, false) as is_voided
        from identified i
        left join (
            select own.id, own.account_id, own.source, own.dedupe_key
            from core.transactions own
            where own.user_id = p_user_id
            and own.account_id = any (array(select distinct s.account_id from stated s))
            offset 0
        ) t on t.account_id = i.account_id and t.source = i.row_source and t.dedupe_key = i.key
        left join (
            select own.account_id, own.source, own.dedupe_key, own.is_voided
            from ingest.corrections own
            where own.user_id = p_user_id
            offset 0
        ) c on c.account_id = i.account_id and c.source = i.row_source and c.dedupe_key = i.key
        offset 0
    ),
    -- What the newest statement says of each known row, in one pass over the person's lines.
    said as (
        select distinct on (s.transaction_id) s.transaction_id, s.values_digest
        from ingest.lines s
        join (
            select h.id, row_number() over (order by matching.statement_age(f.generated_at, f.period_end), h.content_sha256) as newness
            from core.sync_history h
            join ingest.files f on f.user_id = p_user_id and f.sync_id = h.id
            where h.user_id = p_user_id
            and h.status = 'finished'
        ) h on h.id = s.sync_id
        where s.user_id = p_user_id
        and s.transaction_id in (select k.known_id from known k where k.known_id is not null)
        and s.attested is not null
        and not s.only_attests
        order by s.transaction_id, h.newness desc
    ),
    compared as (
        select
            k.*,
            d.values_digest as known_digest
        from known k
        left join said d on d.transaction_id = k.known_id
        offset 0
    ),
    judged as materialized (
        select
            c.*,
            case
                when c.is_voided then null
                else coalesce(c.known_id, nextval('core.transactions_id_seq'))
            end as id,
            case
                when c.is_voided then 'known'
                when c.known_id is null then 'new'
                when c.known_digest is null or c.known_digest = c.values_md5 then 'known'
                else 'changed'
            end::ingest.line_verdict as verdict
        from compared c
    ),
    kept as (
        insert into ingest.lines (
            user_id, sync_id, line_number, part, verdict, transaction_id, account_id, instrument_id, new_instrument_id,
            source, dedupe_key, trade_date, day_rank, values_digest, section, raw, attested, reason
        )
        select
            p_user_id, p_sync_id, j.line_number, j.part, j.verdict, j.id, j.account_id, j.instrument_id, j.new_instrument_id,
            j.row_source, j.key, j.trade_date, j.place, j.values_md5, text.payload ->> 'section',
            case when j.part = 0 then coalesce(text.raw, '') else '' end, j.payload,
            case when j.is_voided then 'voided by hand' end
        from judged j
        left join ingest.staging text
            on text.load_id = p_load_id and text.user_id = p_user_id and text.kind = 'line' and text.line_number = j.line_number
        returning 1
    ),
    completing as (
        select distinct on (line.number) line.number, j.id, j.verdict, j.account_id, j.instrument_id, j.row_source, j.trade_date
        from judged j
        cross join lateral unnest(j.also_lines) as line (number)
        where j.also_lines is not null
        order by line.number, j.line_number
    )
    insert into ingest.lines (
        user_id, sync_id, line_number, verdict, transaction_id, account_id, instrument_id, source, trade_date, section, raw, refused_column, reason
    )
    select
        p_user_id, p_sync_id, text.line_number,
        case
            when refusal.line_number is not null then 'refused'
            when c.number is not null then c.verdict
            when text.payload ->> 'verdict' in ('evidence', 'unknown') then (text.payload ->> 'verdict')::ingest.line_verdict
            else 'skipped'
        end,
        c.id, c.account_id, c.instrument_id, c.row_source, c.trade_date, text.payload ->> 'section', coalesce(text.raw, ''),
        refusal.payload ->> 'column', refusal.payload ->> 'reason'
    from ingest.staging text
    left join completing c on c.number = text.line_number
    left join lateral (
        select s.line_number, s.payload
        from ingest.staging s
        where s.load_id = p_load_id
        and s.user_id = p_user_id
        and s.kind = 'refusal'
        and s.line_number = text.line_number
        limit 1
    ) refusal on text.payload ->> 'verdict' = 'row'
    where text.load_id = p_load_id
    and text.user_id = p_user_id
    and text.kind = 'line'
    and not exists (select from stated t where t.line_number = text.line_number)
$$;

comment on function ingest.keep_lines(uuid, uuid, bigint, text, boolean, jsonb, jsonb) is 'Writes every line of a load with its verdict and the identity of its transaction.';

-- The broker's own figures, links and picks of a load.
create function ingest.keep_evidence(p_user_id uuid, p_load_id uuid, p_sync_id bigint, p_accounts jsonb, p_instruments jsonb)
returns void
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_mergejoin = off
as $$
    insert into ingest.broker_positions (user_id, sync_id, line_number, account_id, instrument_id, as_of, quantity, cost_basis, currency)
    select
        p_user_id, p_sync_id, s.line_number, (p_accounts -> 'ids' ->> coalesce(r.account, p_accounts ->> 'default'))::bigint,
        (p_instruments ->> r.instrument)::bigint, r.as_of, r.quantity, r.cost_basis, r.currency
    from ingest.staging s
    cross join lateral jsonb_to_record(s.payload) as r (account text, instrument text, as_of date, quantity numeric, cost_basis numeric, currency text)
    where s.load_id = p_load_id and s.user_id = p_user_id and s.kind = 'position';

    insert into ingest.broker_lots (
        user_id, sync_id, line_number, account_id, instrument_id, as_of, acquired_on, acquired_at, quantity, cost_basis, currency
    )
    select
        p_user_id, p_sync_id, s.line_number, (p_accounts -> 'ids' ->> coalesce(r.account, p_accounts ->> 'default'))::bigint,
        (p_instruments ->> r.instrument)::bigint, r.as_of, r.acquired_on, r.acquired_at, r.quantity, r.cost_basis, r.currency
    from ingest.staging s
    cross join lateral jsonb_to_record(s.payload) as r (
        account text, instrument text, as_of date, acquired_on date, acquired_at timestamptz, quantity numeric, cost_basis numeric, currency text
    )
    where s.load_id = p_load_id and s.user_id = p_user_id and s.kind = 'lot';

    insert into ingest.broker_cash (user_id, sync_id, line_number, account_id, currency, as_of, moment, amount)
    select
        p_user_id, p_sync_id, s.line_number, (p_accounts -> 'ids' ->> coalesce(r.account, p_accounts ->> 'default'))::bigint,
        r.currency, r.as_of, r.moment, r.amount
    from ingest.staging s
    cross join lateral jsonb_to_record(s.payload) as r (account text, currency text, as_of date, moment ingest.balance_moment, amount numeric)
    where s.load_id = p_load_id and s.user_id = p_user_id and s.kind = 'cash';

    insert into ingest.line_links (user_id, sync_id, from_line, from_part, to_line, to_part, kind)
    select distinct p_user_id, p_sync_id, r.from_line, coalesce(r.from_part, 0), r.to_line, coalesce(r.to_part, 0), r.kind
    from ingest.staging s
    cross join lateral jsonb_to_record(s.payload) as r (kind tax.link_kind, from_line integer, from_part smallint, to_line integer, to_part smallint)
    where s.load_id = p_load_id and s.user_id = p_user_id and s.kind = 'link';

    insert into ingest.line_picks (user_id, sync_id, line_number, part, leg, pick_order, opening_line, opening_part, quantity)
    select
        p_user_id, p_sync_id, r.line, coalesce(r.part, 0), coalesce(r.leg, 'transaction'), r."order", r.opening_line, coalesce(r.opening_part, 0), r.quantity
    from ingest.staging s
    cross join lateral jsonb_to_record(s.payload) as r (
        line integer, part smallint, leg tax.pick_leg, "order" integer, opening_line integer, opening_part smallint, quantity numeric
    )
    where s.load_id = p_load_id and s.user_id = p_user_id and s.kind = 'pick';

    select ingest.keep_facts(p_user_id, ingest.described_load(p_user_id, p_load_id), p_instruments);

    update ingest.broker_positions b
    set stated_instrument_id = b.instrument_id,
        instrument_id = f.merged_into_instrument_id
    from tax.instrument_facts f
    where b.user_id = p_user_id
    and b.sync_id = p_sync_id
    and f.user_id = p_user_id
    and f.instrument_id = b.instrument_id
    and f.merged_into_instrument_id is not null;

    update ingest.broker_lots b
    set stated_instrument_id = b.instrument_id,
        instrument_id = f.merged_into_instrument_id
    from tax.instrument_facts f
    where b.user_id = p_user_id
    and b.sync_id = p_sync_id
    and f.user_id = p_user_id
    and f.instrument_id = b.instrument_id
    and f.merged_into_instrument_id is not null;
$$;

comment on function ingest.keep_evidence(uuid, uuid, bigint, jsonb, jsonb) is 'Writes the broker''s own positions, lots and balances of a load, its links, picks and identifiers.';

grant execute on function
    ingest.fits_mask(text, text), ingest.resolve_accounts(uuid, uuid, jsonb, jsonb), ingest.keep_lines(uuid, uuid, bigint, text, boolean, jsonb, jsonb),
    ingest.keep_evidence(uuid, uuid, bigint, jsonb, jsonb)
    to quantmatrix_writer;
