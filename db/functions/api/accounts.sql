-- Accounts, lot methods and what a person knows of an instrument. Each of these changes how lots are made: the engine rebuilds in the same transaction.

create function api.account_add(
    broker text,
    account_number text,
    name text default null,
    account_type text default 'taxable',
    base_currency text default 'USD'
)
returns setof api.accounts
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_user();
    v_read jsonb;
    v_id bigint;
    v_known core.accounts;
    v_constraint text;
begin
    perform tax.lock_taxpayer(v_user_id);
    v_read := ingest.read_fields(
        jsonb_build_object(
            'broker', lower(account_add.broker), 'account_number', account_add.account_number, 'name', account_add.name,
            'account_type', account_add.account_type, 'base_currency', upper(account_add.base_currency)
        ),
        '{"broker": "text", "account_number": "text", "name": "text", "account_type": "core.account_type", "base_currency": "text"}'
    );
    if v_read ->> 'broker' is null or v_read ->> 'account_number' is null then
        raise exception '%: is wanted', case when v_read ->> 'broker' is null then 'broker' else 'account_number' end using errcode = 'QM002';
    end if;
    -- A client whose answer was lost sends the same again.
    select a.*
    into v_known
    from core.accounts a
    where a.user_id = v_user_id
    and a.broker = v_read ->> 'broker'
    and a.account_number = v_read ->> 'account_number';
    if found then
        if v_known.name <> v_read ->> 'name' or v_known.account_type::text <> v_read ->> 'account_type' or v_known.base_currency <> v_read ->> 'base_currency' then
            perform auth.refuse(
                409, 'QM062', format('account %s at %s is there already, as %s (%s, %s)', v_known.account_number, v_known.broker, v_known.name,
                    v_known.account_type, v_known.base_currency),
                format('change it: `account_set(account => %L)`', v_known.account_number)
            );
        end if;
        return query select a.* from api.accounts a where a.id = v_known.id;
        return;
    end if;
    insert into core.accounts (user_id, broker, account_number, name, account_type, base_currency)
    values (
        v_user_id, v_read ->> 'broker', v_read ->> 'account_number',
        coalesce(
            v_read ->> 'name',
            case when length(v_read ->> 'broker') <= 4 then upper(v_read ->> 'broker') else initcap(v_read ->> 'broker') end
            || ' ' || (v_read ->> 'account_number')
        ),
        coalesce(v_read ->> 'account_type', 'taxable')::core.account_type, coalesce(v_read ->> 'base_currency', 'USD')
    )
    returning id into v_id;
    return query select a.* from api.accounts a where a.id = v_id;
exception
    when unique_violation or check_violation then
        get stacked diagnostics v_constraint = constraint_name;
        raise exception '%', ingest.refusal_text(v_constraint) using errcode = 'QM002', detail = v_constraint;
end
$$;

comment on function api.account_add(text, text, text, text, text) is $$Add an account
account_type: taxable, ira, roth_ira, 401k or hsa. Importing a statement adds its account by itself. One that is there already is returned where it says the same; QM062 (409) where it says something else.$$;

create function api.account_set(account text, changes jsonb, dry_run boolean default false)
returns setof api.accounts
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_user();
    v_types constant jsonb := '{
        "name": "text", "account_type": "core.account_type", "allow_short": "boolean", "lot_method": "core.lot_method",
        "reports_1099": "boolean", "base_currency": "text", "status": "core.account_status"
    }';
    v_id bigint;
    v_read jsonb;
    v_election record;
    v_constraint text;
begin
    if account_set.dry_run then
        return query
        select r.*
        from jsonb_populate_record(null::api.accounts, auth.dry_run(format(
            'select to_jsonb(r) from api.account_set(%L, %L) r', account_set.account, account_set.changes
        ))) r;
        return;
    end if;
    perform tax.lock_taxpayer(v_user_id);
    v_id := ingest.require_account(v_user_id, account_set.account);
    perform ingest.refuse_unknown_fields(
        account_set.changes, array['name', 'account_type', 'allow_short', 'lot_method', 'reports_1099', 'base_currency', 'status', 'election'], 'changes'
    );
    v_read := ingest.read_fields(account_set.changes - 'election', v_types);
    if v_read = '{}' and not account_set.changes ? 'election' then
        raise exception 'changes: nothing to change' using errcode = 'QM002';
    end if;
    update core.accounts a
    set name = case when v_read ? 'name' then v_read ->> 'name' else a.name end,
        account_type = case when v_read ? 'account_type' then (v_read ->> 'account_type')::core.account_type else a.account_type end,
        allow_short = case when v_read ? 'allow_short' then (v_read ->> 'allow_short')::boolean else a.allow_short end,
        lot_method = case when v_read ? 'lot_method' then (v_read ->> 'lot_method')::core.lot_method else a.lot_method end,
        reports_1099 = case when v_read ? 'reports_1099' then (v_read ->> 'reports_1099')::boolean else a.reports_1099 end,
        base_currency = case when v_read ? 'base_currency' then upper(v_read ->> 'base_currency') else a.base_currency end,
        status = case when v_read ? 'status' then (v_read ->> 'status')::core.account_status else a.status end,
        updated_at = now()
    where a.user_id = v_user_id
    and a.id = v_id;
    if account_set.changes ? 'election' then
        select e.*
        into v_election
        from jsonb_to_record(account_set.changes -> 'election') as e (symbol text, method text, effective_from date);
        perform api.method_set(account_set.account, v_election.symbol, v_election.method, v_election.effective_from);
    end if;
    return query select a.* from api.accounts a where a.id = v_id;
exception
    when unique_violation or check_violation then
        get stacked diagnostics v_constraint = constraint_name;
        raise exception '%', ingest.refusal_text(v_constraint) using errcode = 'QM002', detail = v_constraint;
    when not_null_violation then
        get stacked diagnostics v_constraint = column_name;
        raise exception '%: null is not possible', v_constraint using errcode = 'QM002';
end
$$;

comment on function api.account_set(text, jsonb, boolean) is $$Change an account
account: number or name. changes: an object with name, account_type, allow_short, lot_method, reports_1099, base_currency, status; election: {symbol, method, effective_from}, as method_set takes them; a field left out stays. Lots are rebuilt where it matters. dry_run: everything is done and taken back; the answer says what it would have been.$$;

create function api.account_rename(account text, account_number text)
returns setof api.accounts
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_user();
    v_id bigint;
    v_number constant text := btrim(account_rename.account_number);
    v_constraint text;
begin
    perform tax.lock_taxpayer(v_user_id);
    v_id := ingest.require_account(v_user_id, account_rename.account);
    update core.accounts a
    set account_number = v_number,
        -- A name that was made of the number follows it.
        name = case when a.name like '% ' || a.account_number then left(a.name, -length(a.account_number)) || v_number else a.name end,
        updated_at = now()
    where a.user_id = v_user_id
    and a.id = v_id;
    return query select a.* from api.accounts a where a.id = v_id;
exception
    when unique_violation or check_violation then
        get stacked diagnostics v_constraint = constraint_name;
        raise exception '%', ingest.refusal_text(v_constraint) using errcode = 'QM002', detail = v_constraint;
    when not_null_violation then
        raise exception 'account_number: is wanted' using errcode = 'QM002';
end
$$;

comment on function api.account_rename(text, text) is $$Correct an account's number
account: number or name. For a number that was mistyped: files that name an account are matched by its number. Your name for an account is changed by account_set.$$;

create function api.account_remove(account text)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_user();
    v_id bigint;
    v_number text;
    v_holds text;
begin
    perform tax.lock_taxpayer(v_user_id);
    v_id := ingest.require_account(v_user_id, account_remove.account);
    select string_agg(c.number || ' ' || c.what, ', ')
    into v_holds
    from (
        select 'transactions' as what, count(*) as number from core.transactions t where t.user_id = v_user_id and t.account_id = v_id
        union all
        select 'imports', count(*) from core.sync_history h where h.user_id = v_user_id and h.account_id = v_id and h.status = 'finished'
        union all
        select 'statements of positions', count(distinct b.sync_id) from ingest.broker_positions b where b.user_id = v_user_id and b.account_id = v_id
        union all
        select 'statements of lots', count(distinct b.sync_id) from ingest.broker_lots b where b.user_id = v_user_id and b.account_id = v_id
        union all
        select 'balances', count(*) from ingest.broker_cash b where b.user_id = v_user_id and b.account_id = v_id
        union all
        select 'corrections', count(*) from ingest.corrections k where k.user_id = v_user_id and k.account_id = v_id
        union all
        select 'executions of today', count(*) from ingest.today_executions e where e.user_id = v_user_id and e.account_id = v_id
        union all
        select 'feeds', count(*) from ingest.feeds f where f.user_id = v_user_id and v_id = any (f.account_ids)
    ) c
    where c.number > 0;
    if v_holds is not null then
        raise exception 'account "%" is not empty', account_remove.account
            using errcode = 'QM002', detail = v_holds,
                hint = format(
                    'take its imports back (`import_undo`), merge it into another (`account_merge(from_account => %1$L)`), or close it: '
                    '`account_set(account => %1$L, status => closed)`',
                    account_remove.account
                );
    end if;
    delete from core.accounts a
    where a.user_id = v_user_id
    and a.id = v_id
    returning a.account_number into v_number;
    return jsonb_build_object('account', v_number, 'removed', true);
end
$$;

comment on function api.account_remove(text) is $$Remove an empty account
account: number or name. One with transactions, live imports, evidence or corrections is refused; what an import brought goes by import_undo. The audit log keeps it.$$;

create function api.method_set(account text, symbol text default null, method text default null, effective_from date default null, dry_run boolean default false)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_user();
    v_account_id bigint;
    v_instrument_id bigint;
    v_method core.lot_method;
    v_from date := coalesce(method_set.effective_from, date '1900-01-01');
begin
    if method_set.dry_run then
        return auth.dry_run(format(
            'select api.method_set(%L, %L, %L, %L)',
            method_set.account, method_set.symbol, method_set.method, method_set.effective_from
        ));
    end if;
    perform tax.lock_taxpayer(v_user_id);
    v_account_id := ingest.require_account(v_user_id, method_set.account);
    if nullif(btrim(method_set.symbol), '') is not null then
        v_instrument_id := ingest.require_instrument(v_user_id, method_set.symbol);
    end if;
    v_method := ingest.read_fields(jsonb_build_object('method', coalesce(method_set.method, '')), '{"method": "core.lot_method"}') ->> 'method';
    insert into tax.lot_method_elections as e (user_id, account_id, instrument_id, method, effective_from)
    values (v_user_id, v_account_id, v_instrument_id, v_method, v_from)
    on conflict on constraint lot_method_elections_one_per_day do update
    set method = excluded.method
    where e.method <> excluded.method;
    return jsonb_build_object('account', method_set.account, 'symbol', method_set.symbol, 'method', v_method, 'effective_from', v_from);
end
$$;

comment on function api.method_set(text, text, text, date, boolean) is $$Choose a lot method
For an account, or for one instrument in it, from a trade date on (always, if none is given): fifo, lifo, hifo, lofo, average, mintax, specific. Lots are rebuilt. dry_run: everything is done and taken back; the answer says what it would have been.$$;

create function api.instrument_facts_set(symbol text, facts jsonb)
returns setof api.instruments
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_user();
    v_id bigint;
    v_underlying_id bigint;
    v_read jsonb;
    v_constraint text;
begin
    perform tax.lock_taxpayer(v_user_id);
    v_id := ingest.require_instrument(v_user_id, instrument_facts_set.symbol);
    perform ingest.refuse_unknown_fields(
        instrument_facts_set.facts,
        array[
            'identical_group', 'index_family', 'section_1256', 'wash_exempt', 'deliverable_shares', 'deliverable_cash', 'name', 'exchange',
            'underlying', 'expiration'
        ],
        'facts'
    );
    v_read := ingest.read_fields(
        instrument_facts_set.facts,
        '{"identical_group": "text", "index_family": "text", "section_1256": "boolean", "wash_exempt": "boolean", "deliverable_shares": "numeric", "deliverable_cash": "numeric",
            "name": "text", "exchange": "text", "underlying": "text", "expiration": "date"}'
    );
    if v_read ->> 'underlying' is not null then
        v_underlying_id := ingest.require_instrument(v_user_id, v_read ->> 'underlying');
    end if;
    insert into tax.instrument_facts as f (
        user_id, instrument_id, identical_group, index_family, section_1256, wash_exempt, deliverable_shares, deliverable_cash, name,
        exchange, underlying_instrument_id, expiration
    )
    values (
        v_user_id, v_id, v_read ->> 'identical_group', v_read ->> 'index_family', (v_read ->> 'section_1256')::boolean,
        (v_read ->> 'wash_exempt')::boolean, (v_read ->> 'deliverable_shares')::numeric, (v_read ->> 'deliverable_cash')::numeric,
        core.plain_text(v_read ->> 'name'), core.plain_text(v_read ->> 'exchange'), v_underlying_id, (v_read ->> 'expiration')::date
    )
    on conflict on constraint instrument_facts_pkey do update
    set identical_group = case when v_read ? 'identical_group' then excluded.identical_group else f.identical_group end,
        index_family = case when v_read ? 'index_family' then excluded.index_family else f.index_family end,
        section_1256 = case when v_read ? 'section_1256' then excluded.section_1256 else f.section_1256 end,
        wash_exempt = case when v_read ? 'wash_exempt' then excluded.wash_exempt else f.wash_exempt end,
        deliverable_shares = case when v_read ? 'deliverable_shares' then excluded.deliverable_shares else f.deliverable_shares end,
        deliverable_cash = case when v_read ? 'deliverable_cash' then excluded.deliverable_cash else f.deliverable_cash end,
        name = case when v_read ? 'name' then excluded.name else f.name end,
        exchange = case when v_read ? 'exchange' then excluded.exchange else f.exchange end,
        underlying_instrument_id = case when v_read ? 'underlying' then excluded.underlying_instrument_id else f.underlying_instrument_id end,
        expiration = case when v_read ? 'expiration' then excluded.expiration else f.expiration end;
    return query select i.* from api.instruments i where i.id = v_id;
exception
    when check_violation then
        get stacked diagnostics v_constraint = constraint_name;
        raise exception '%', ingest.refusal_text(v_constraint) using errcode = 'QM002', detail = v_constraint;
end
$$;

comment on function api.instrument_facts_set(text, jsonb) is $$Say what you know of an instrument
facts: an object with identical_group, index_family, section_1256, wash_exempt, deliverable_shares, deliverable_cash, name, exchange, underlying (a symbol of yours that an option is on), expiration (of what is no option); a field left out stays, null takes it back. Yours alone; lots are rebuilt.$$;

grant execute on function
    api.account_add(text, text, text, text, text), api.account_set(text, jsonb, boolean), api.method_set(text, text, text, date, boolean),
    api.instrument_facts_set(text, jsonb), api.account_rename(text, text), api.account_remove(text)
    to quantmatrix_user, quantmatrix_admin;

alter function api.account_add(text, text, text, text, text) owner to quantmatrix_writer;
alter function api.account_set(text, jsonb, boolean) owner to quantmatrix_writer;
alter function api.account_rename(text, text) owner to quantmatrix_writer;
alter function api.account_remove(text) owner to quantmatrix_writer;
alter function api.method_set(text, text, text, date, boolean) owner to quantmatrix_writer;
alter function api.instrument_facts_set(text, jsonb) owner to quantmatrix_writer;
