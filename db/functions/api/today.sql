-- Today's executions beside the record: shown until a statement covers them, by rules that an undone import takes back by itself.

create function api.today_store(attempt bigint, load_id uuid, records bigint)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_session();
    v_load_id uuid := today_store.load_id;
    v_attempt ingest.sync_attempts := sync.running_attempt(v_user_id, today_store.attempt);
    v_instruments jsonb;
    v_feed text;
    v_read integer;
    v_new integer;
    v_strangers text[];
    v_warnings jsonb := '[]';
    v_account_ids bigint[];
begin
    -- A day on which nothing was traded stages nothing.
    if today_store.records is distinct from 0 then
        perform ingest.take_load(v_user_id, v_load_id, today_store.records);
    end if;
    v_instruments := ingest.resolve_load(v_user_id, v_load_id, false);
    select
        count(*),
        array_agg(distinct s.payload ->> 'account') filter (where ingest.find_account(v_user_id, s.payload ->> 'account', 'ibkr') is null)
    into v_read, v_strangers
    from ingest.staging s
    where s.load_id = v_load_id
    and s.user_id = v_user_id
    and s.kind = 'transaction';
    if v_strangers is not null then
        v_warnings := to_jsonb(array[format(
            'account %s is not known yet: sync or import a statement of it first', array_to_string(v_strangers, ', ')
        )]);
    end if;

    perform ingest.keep_facts(v_user_id, ingest.described_load(v_user_id, v_load_id), v_instruments);

    with told as (
        select distinct on (account_id, name)
            ingest.find_account(v_user_id, r.account, 'ibkr') as account_id,
            sync.execution_name(r.external_id) as name,
            r.*
        from ingest.staging s
        cross join lateral jsonb_to_record(s.payload) as r (
            account text, instrument text, external_id text, executed_at timestamptz, trade_date date, quantity numeric, price numeric,
            commission numeric, currency text, metadata jsonb
        )
        where s.load_id = v_load_id
        and s.user_id = v_user_id
        and s.kind = 'transaction'
        order by account_id, name, r.external_id desc
    ),
    kept as (
        insert into ingest.today_executions as e (
            user_id, account_id, execution_id, instrument_id, executed_at, trade_date, quantity, price, commission, currency, sync_id
        )
        select
            v_user_id, t.account_id, t.name, (v_instruments ->> t.instrument)::bigint, t.executed_at, t.trade_date, t.quantity, t.price,
            case when t.metadata ? 'commission_unknown' then null else coalesce(t.commission, 0) end, t.currency, v_attempt.sync_id
        from told t
        where t.account_id is not null
        on conflict on constraint today_executions_pkey do update
        set instrument_id = excluded.instrument_id,
            executed_at = excluded.executed_at,
            trade_date = excluded.trade_date,
            quantity = excluded.quantity,
            price = excluded.price,
            commission = excluded.commission,
            currency = excluded.currency,
            sync_id = excluded.sync_id
        returning e.account_id, e.xmax = 0 as is_new
    )
    select count(*) filter (where k.is_new), array_agg(distinct k.account_id)
    into v_new, v_account_ids
    from kept k;
    -- By then a statement has come, or sync status has complained for days.
    delete from ingest.today_executions e
    where e.user_id = v_user_id
    and e.trade_date < sync.exchange_day(now()) - 30;
    perform ingest.drop_load(v_user_id, v_load_id);

    update ingest.feeds f
    set fetched_through = greatest(f.fetched_through, sync.exchange_day(now()) - 1, f.since - 1),
        account_ids = array(select distinct u.id from unnest(f.account_ids || v_account_ids) u (id) order by 1)
    where f.user_id = v_user_id
    and f.id = v_attempt.feed_id
    returning f.name into v_feed;
    update ingest.sync_attempts s
    set rows_new = v_new,
        warnings = v_warnings
    where s.user_id = v_user_id
    and s.sync_id = v_attempt.sync_id;
    update core.sync_history h
    set status = 'finished',
        finished_at = clock_timestamp(),
        rows_in = v_read,
        rows_accepted = v_read
    where h.user_id = v_user_id
    and h.id = v_attempt.sync_id;
    return jsonb_build_object(
        'attempt', v_attempt.sync_id, 'feed', v_feed, 'status', 'finished', 'fetched_through', null,
        'rows', jsonb_build_object('read', v_read, 'new', v_new, 'refused', 0), 'warnings', v_warnings
    );
end
$$;

comment on function api.today_store(bigint, uuid, bigint) is $$Keep today's executions
Staged transactions of an attempt become rows beside the record, never part of it. The later of two with one id, but for the count of corrections, counts. records: how many are staged (QM011 where that is not so). Ends the attempt.$$;

create view api.today_executions
with (security_invoker = true)
as
select
    e.account_id,
    a.account_number as account,
    a.name as account_name,
    e.execution_id,
    e.instrument_id,
    i.symbol,
    e.executed_at,
    e.trade_date,
    trim_scale(e.quantity)::api.exact as quantity,
    e.price::api.exact as price,
    e.commission::api.exact as commission,
    e.currency,
    same.id as transaction_id,
    coalesce(same.sync_id, covering.sync_id) as replaced_by,
    same.id is null and covering.sync_id is null as counts
from ingest.today_executions e
join core.accounts a on a.user_id = e.user_id and a.id = e.account_id
left join core.instruments i on i.id = e.instrument_id
left join lateral (
    select t.id, t.sync_id
    from core.transactions t
    where t.user_id = e.user_id
    and t.account_id = e.account_id
    and t.trade_date between e.trade_date - 1 and e.trade_date + 1
    and t.source = 'ibkr_flex'
    and sync.execution_name(t.metadata ->> 'exec_id') = e.execution_id
    order by t.id
    limit 1
) same on true
left join lateral (
    select h.id as sync_id
    from core.sync_history h
    join ingest.files f on f.user_id = h.user_id and f.sync_id = h.id
    where h.user_id = e.user_id
    and h.source = 'ibkr_flex'
    and h.status = 'finished'
    and h.kind = 'import'
    and e.trade_date between f.period_start and f.period_end
    -- Made when the day was over, so that all of it is in.
    and sync.exchange_day(f.generated_at) > e.trade_date
    and exists (
        select
        from ingest.lines l
        where l.user_id = h.user_id
        and l.sync_id = h.id
        and l.account_id = e.account_id
        and l.trade_date = e.trade_date
    )
    order by f.generated_at
    limit 1
) covering on true;

comment on view api.today_executions is 'Executions of today
What the broker''s own program told of on the day itself, with the transaction or the statement that has taken its place.';
comment on column api.today_executions.account_id is 'Number of the account.';
comment on column api.today_executions.account is 'The broker''s number of the account.';
comment on column api.today_executions.account_name is 'The person''s name for the account.';
comment on column api.today_executions.execution_id is 'The broker''s id, without the count of corrections.';
comment on column api.today_executions.instrument_id is 'Number of the instrument.';
comment on column api.today_executions.symbol is 'What was traded.';
comment on column api.today_executions.executed_at is 'When.';
comment on column api.today_executions.trade_date is 'Day on the exchange.';
comment on column api.today_executions.quantity is 'Units into the account.';
comment on column api.today_executions.price is 'Per unit.';
comment on column api.today_executions.commission is 'Signed cash; null while unknown.';
comment on column api.today_executions.currency is 'Currency of price and commission.';
comment on column api.today_executions.transaction_id is 'The transaction of a statement that is this execution; null: none yet.';
comment on column api.today_executions.replaced_by is 'The import in whose favour it no longer counts; null: it counts.';
comment on column api.today_executions.counts is 'Whether it is still shown beside the holdings.';

create view api.today
with (security_invoker = true)
as
select
    e.account_id,
    e.account,
    e.account_name,
    e.instrument_id,
    e.symbol,
    trim_scale(coalesce(p.quantity, 0))::api.exact as recorded_quantity,
    trim_scale(e.quantity)::api.exact as todays_quantity,
    trim_scale(coalesce(p.quantity, 0) + e.quantity)::api.exact as quantity,
    e.executions,
    e.last_executed_at
from (
    select
        x.account_id, x.account, x.account_name, x.instrument_id, x.symbol,
        sum(x.quantity::numeric) as quantity, count(*) as executions, max(x.executed_at) as last_executed_at
    from api.today_executions x
    where x.counts
    group by x.account_id, x.account, x.account_name, x.instrument_id, x.symbol
) e
left join core.positions p
    on p.user_id = (select auth.user_id()) and p.account_id = e.account_id and p.instrument_id = e.instrument_id;

comment on view api.today is 'Positions with today
Holdings of the record with today''s executions on top, where there are any. No lots and no gains: those come with the statement.';
comment on column api.today.account_id is 'Number of the account.';
comment on column api.today.account is 'The broker''s number of the account.';
comment on column api.today.account_name is 'The person''s name for the account.';
comment on column api.today.instrument_id is 'Number of the instrument.';
comment on column api.today.symbol is 'Symbol.';
comment on column api.today.recorded_quantity is 'Units by the record.';
comment on column api.today.todays_quantity is 'What today''s executions add.';
comment on column api.today.quantity is 'Both together.';
comment on column api.today.executions is 'How many executions.';
comment on column api.today.last_executed_at is 'The last of them.';

grant select on api.today_executions, api.today to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin, quantmatrix_writer;
grant execute on function api.today_store(bigint, uuid, bigint) to quantmatrix_user, quantmatrix_admin;

alter function api.today_store(bigint, uuid, bigint) owner to quantmatrix_writer;
