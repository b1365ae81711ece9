-- What the log records of each table: the key of an insert, the changed columns of an update and nothing of one that changes nothing, the
-- whole row of a delete.
begin;

create temporary table changes (table_name text, base text, change text, old_values jsonb, new_values jsonb);
insert into changes
values
    ('users', $$email = 'ann@example.test'$$, $$timezone = 'Europe/Berlin', username = null$$,
        '{"timezone": "America/New_York", "username": "zqann"}', '{"timezone": "Europe/Berlin", "username": null}'),
    ('accounts', $$account_number = 'zqann-1'$$, $$allow_short = true, name = 'renamed'$$,
        '{"allow_short": null, "name": "zqann trading"}', '{"allow_short": true, "name": "renamed"}'),
    ('instruments', $$symbol = 'ZQANN'$$, $$aliases = '{conid:1}', multiplier = 10.50$$,
        '{"aliases": [], "multiplier": 1}', '{"aliases": ["conid:1"], "multiplier": 10.50}'),
    ('positions', $$id = 900001$$, $$cost_basis = 12.5000000000000000001$$,
        '{"cost_basis": 900}', '{"cost_basis": 12.5000000000000000001}'),
    ('transactions', $$external_id = 'zqann-b1'$$, $$order_id = 'other', metadata = '{}'$$,
        '{"order_id": "zqann", "metadata": {"description": "zqann"}}', '{"order_id": "other", "metadata": {}}'),
    ('tax_lots', $$id = 900001$$, $$closed_at = '2024-06-03 12:00+02', quantity_remaining = 0$$,
        '{"closed_at": null, "quantity_remaining": 6}', '{"closed_at": "2024-06-03T10:00:00+00:00", "quantity_remaining": 0}'),
    ('market_data', $$source = 'test'$$, $$close = 11, adjusted_close = 10.90$$,
        '{"close": 10, "adjusted_close": null}', '{"close": 11, "adjusted_close": 10.90}'),
    ('alerts', $$name = 'zqann falls'$$, $$cooldown = '2 days', status = 'paused'$$,
        '{"cooldown": "PT1H", "status": "active"}', '{"cooldown": "P2D", "status": "paused"}'),
    ('sync_history', $$content_sha256 = encode(sha256('zqann'), 'hex')$$, $$status = 'undone'$$, '{"status": "finished"}', '{"status": "undone"}');

create function pg_temp.last_entry()
returns bigint
language sql
as $$
    select coalesce(max(e.id), 0)
    from core.audit_logs e
$$;

select plan(79);
select tests.fixture_two_tenants();
insert into core.market_data (instrument_id, interval, as_of, close, source)
select i.id, '1d', timestamptz '2024-01-02 15:00+01', 10, 'test'
from core.instruments i
where i.symbol = 'ZQANN';
-- Derived rows of our own making, so that the figures do not depend on the engine.
insert into core.positions (user_id, id, account_id, instrument_id, quantity, cost_basis, currency)
select a.user_id, 900001, a.id, i.id, 9, 900, 'USD'
from core.accounts a
cross join core.instruments i
where a.account_number = 'zqann-2'
    and i.symbol = 'ZQBOB';
insert into core.tax_lots (
    user_id, id, account_id, instrument_id, opening_transaction_id, piece, side, quantity_opened, quantity_remaining, cost_remaining, basis_status
)
select t.user_id, 900001, t.account_id, t.instrument_id, t.id, 77, 'long', 6, 6, 600, 'known'
from core.transactions t
where t.external_id = 'zqann-b1';

-- Other triggers would change further rows; here only the log's are asked.
do $$
declare
    v_trigger record;
begin
    for v_trigger in
        select t.tgrelid::regclass as table_name, t.tgname
        from pg_trigger t
        join pg_class c on c.oid = t.tgrelid
        where not t.tgisinternal
            and c.relnamespace in ('core'::regnamespace, 'tax'::regnamespace, 'ingest'::regnamespace)
            and t.tgname not like 'audit%'
            and t.tgname <> 'refuse_change'
    loop
        execute format('alter table %s disable trigger %I', v_trigger.table_name, v_trigger.tgname);
    end loop;
end
$$;

create temporary table keys (table_name text, user_id uuid, record_key text, row_before jsonb);
do $$
declare
    v_change changes;
    v_row jsonb;
begin
    for v_change in select * from changes loop
        execute format('select to_jsonb(t) from core.%I t where t.%s', v_change.table_name, v_change.base) into strict v_row;
        insert into keys
        values (
            v_change.table_name,
            case v_change.table_name when 'users' then v_row ->> 'id' else v_row ->> 'user_id' end::uuid,
            case v_change.table_name
                when 'market_data' then concat_ws('/', v_row ->> 'instrument_id', '1d', '2024-01-02T14:00:00+00:00')
                else v_row ->> 'id'
            end,
            null
        );
    end loop;
end
$$;

-- Inserts (made by the fixture).
select is(
    (
        select count(*)
        from core.audit_logs e
        where e.table_name = k.table_name
            and e.record_key = k.record_key
            and e.user_id is not distinct from k.user_id
            and e.action = 'insert'
            and e.old_values is null
            and e.new_values is null
            and e.changed_columns is null
    ),
    1::bigint,
    format('the insert into %s is logged once, by its key', k.table_name)
)
from keys k;

-- Updates.
create temporary table marks (entry bigint);
insert into marks values (pg_temp.last_entry());
set local timezone = 'Asia/Tokyo';
set local datestyle = 'German';
set local intervalstyle = 'sql_standard';
do $$
declare
    v_change changes;
begin
    for v_change in select * from changes loop
        execute format('update core.%I set %s where %s', v_change.table_name, v_change.change, v_change.base);
    end loop;
end
$$;
select is(
    (
        select jsonb_agg(jsonb_build_array(e.record_key, e.action, e.old_values, e.new_values, e.user_id))
        from core.audit_logs e
        where e.table_name = c.table_name
            and e.id > (select m.entry from marks m)
    ),
    (
        select jsonb_build_array(jsonb_build_array(k.record_key, 'update', c.old_values, c.new_values, k.user_id))
        from keys k
        where k.table_name = c.table_name
    ),
    format('the update of %s is logged: key, old and new of the columns that differ', c.table_name)
)
from changes c;
select is(
    (
        select array_agg(column_name order by column_name)
        from core.audit_logs e
        cross join unnest(e.changed_columns) column_name
        where e.table_name = c.table_name
            and e.id > (select m.entry from marks m)
    ),
    (select array_agg(key order by key) from jsonb_object_keys(c.new_values) key),
    format('the update of %s names the columns', c.table_name)
)
from changes c;
select is(
    (
        select e.new_values ->> 'cost_basis'
        from core.audit_logs e
        where e.table_name = 'positions'
            and e.id > (select m.entry from marks m)
    ),
    '12.5000000000000000001',
    'to the last digit'
);

-- The same values again.
update marks set entry = pg_temp.last_entry();
do $$
declare
    v_change changes;
begin
    for v_change in select * from changes loop
        execute format('update core.%I set %s where %s', v_change.table_name, v_change.change, v_change.base);
    end loop;
    update core.users set timezone = timezone;
    update core.alerts set status = status, cooldown = cooldown;
    update core.transactions set price = price + 0, quantity = quantity * 1.0;
    update core.accounts set name = name where false;
    delete from core.alerts where false;
    insert into core.alerts (user_id, name, alert_type, condition)
    select a.user_id, a.name, a.alert_type, a.condition
    from core.alerts a
    on conflict do nothing;
end
$$;
select is(pg_temp.last_entry(), (select m.entry from marks m), 'what changes nothing is not logged');

-- Several rows, of which only some differ.
update core.accounts
set name = case when account_number = 'zqbob-1' then 'changed' else name end;
select results_eq(
    $$
        select e.table_name, e.new_values
        from core.audit_logs e
        where e.id > (select m.entry from marks m)
    $$,
    $$values ('accounts'::text, '{"name": "changed"}'::jsonb)$$,
    'of many rows, only those that differ'
);

-- Writing by other verbs.
update marks set entry = pg_temp.last_entry();
insert into core.alerts (user_id, name, alert_type, condition)
select u.id, n.name, 'price', '{}'
from core.users u
cross join (values ('zqann falls'), ('new')) n (name)
where u.email = 'ann@example.test'
on conflict (user_id, name) do update
set condition = '{"below": "1"}';
select results_eq(
    $$
        select e.action::text collate "default", e.changed_columns
        from core.audit_logs e
        where e.id > (select m.entry from marks m)
        order by 1
    $$,
    $$values ('insert'::text, null::text[]), ('update', '{condition}')$$,
    'insert on conflict update is logged as what it did to each row'
);
update marks set entry = pg_temp.last_entry();
merge into core.alerts a
using (values ('new', true), ('newer', false)) s (name, is_old)
on a.name = s.name
when matched then delete
when not matched then insert (user_id, name, alert_type, condition) values (tests.user_id('ann'), s.name, 'price', '{}');
select results_eq(
    $$
        select e.action::text collate "default"
        from core.audit_logs e
        where e.id > (select m.entry from marks m)
        order by 1
    $$,
    array['delete', 'insert'],
    'so is merge'
);
update marks set entry = pg_temp.last_entry();
update core.alerts
set id = id + 1000000
where name = 'newer';
select results_eq(
    $$
        select e.action::text collate "default", e.old_values ->> 'name'
        from core.audit_logs e
        where e.id > (select m.entry from marks m)
        order by 1
    $$,
    $$values ('delete'::text, 'newer'::text), ('insert', null)$$,
    'a changed key is the end of one row and the beginning of another'
);
update marks set entry = pg_temp.last_entry();
set local session_replication_role = replica;
update core.alerts
set trigger_count = 5
where name = 'zqbob falls';
set local session_replication_role = origin;
select is(
    (select count(*) from core.audit_logs e where e.id > (select m.entry from marks m)), 1::bigint, 'a replica''s role does not silence the log'
);

-- Deletes: the whole row, whichever way it went.
update keys k
set row_before = v.row_before
from (
    select 'users' as table_name, to_jsonb(t) as row_before from core.users t where t.email = 'ann@example.test'
    union all
    select 'accounts', to_jsonb(t) from core.accounts t where t.account_number = 'zqann-1'
    union all
    select 'instruments', to_jsonb(t) from core.instruments t where t.symbol = 'ZQANN'
    union all
    select 'positions', to_jsonb(t) from core.positions t where t.id = 900001
    union all
    select 'transactions', to_jsonb(t) from core.transactions t where t.external_id = 'zqann-b1'
    union all
    select 'tax_lots', to_jsonb(t) from core.tax_lots t where t.id = 900001
    union all
    select 'market_data', to_jsonb(t) from core.market_data t where t.source = 'test'
    union all
    select 'alerts', to_jsonb(t) from core.alerts t where t.name = 'zqann falls'
    union all
    select 'sync_history', to_jsonb(t) from core.sync_history t where t.source = 'ibkr_activity' and t.user_id = tests.user_id('ann')
) v
where v.table_name = k.table_name;
create temporary table counted as
select 'accounts' as table_name, count(*) from core.accounts t where t.user_id = tests.user_id('ann')
union all
select 'transactions', count(*) from core.transactions t where t.user_id = tests.user_id('ann')
union all
select 'sync_history', count(*) from core.sync_history t where t.user_id = tests.user_id('ann')
union all
select 'alerts', count(*) from core.alerts t where t.user_id = tests.user_id('ann')
union all
select 'positions', count(*) from core.positions t where t.user_id = tests.user_id('ann')
union all
select 'tax_lots', count(*) from core.tax_lots t where t.user_id = tests.user_id('ann')
union all
select 'users', 1;
set local timezone = 'UTC';
set local intervalstyle = 'iso_8601';
update keys k
set row_before = k.row_before || jsonb_build_object('cooldown', (select to_jsonb(a.cooldown) from core.alerts a where a.name = 'zqann falls'))
where k.table_name = 'alerts';
set local timezone = 'Asia/Tokyo';
update marks set entry = pg_temp.last_entry();
delete from core.users
where email = 'ann@example.test';
delete from core.instruments
where symbol = 'ZQANN';
select is(
    (
        select count(*)
        from core.audit_logs e
        where e.table_name = c.table_name
            and e.action = 'delete'
            and e.id > (select m.entry from marks m)
            and e.user_id = tests.user_id('ann')
    ),
    c.count,
    format('each deleted row of %s is logged, by cascade too', c.table_name)
)
from counted c;
-- Instants are written in UTC whatever the session's zone: compared as instants.
select ok(
    (
        select bool_and(
            case
                when b.key ~ '_(at|start)$' and jsonb_typeof(b.value) = 'string'
                    then (b.value #>> '{}')::timestamptz = (e.old_values ->> b.key)::timestamptz
                        and (b.key !~ '_at$' or e.old_values ->> b.key like '%+00:00')
                else b.value = e.old_values -> b.key
            end
        )
        from jsonb_each(k.row_before - 'as_of') b
    )
    and (select count(*) from jsonb_object_keys(e.old_values)) = (select count(*) from jsonb_object_keys(k.row_before)),
    format('the delete from %s keeps the whole row', k.table_name)
)
from keys k
left join core.audit_logs e
    on e.table_name = k.table_name
    and e.record_key = k.record_key
    and e.action = 'delete'
    and e.new_values is null
    and e.changed_columns is null
    and e.id > (select m.entry from marks m);

-- Every table of core but the log, in the catalogue.
select results_eq(
    format(
        $$
            select t.tgname::text collate "default", t.tgenabled::text, (t.tgtype & 1) = 0, p.oid::regproc::text
            from pg_trigger t
            join pg_proc p on p.oid = t.tgfoid
            where t.tgrelid = %L::regclass
                and t.tgname like 'audit%%'
            order by 1
        $$,
        'core.' || c.relname
    ),
    format(
        $$
            values ('audit_delete'::text, 'A'::text, true, 'audit.log_%1$s'::text),
                ('audit_insert', 'A', true, 'audit.log_%1$s'),
                ('audit_truncate', 'A', true, 'audit.refuse_change'),
                ('audit_update', 'A', true, 'audit.log_%1$s')
        $$,
        c.relname
    ),
    format('core.%s is logged by statement, always', c.relname)
)
from pg_class c
where c.relnamespace = 'core'::regnamespace
    and c.relkind in ('r', 'p')
    and c.relname <> 'audit_logs';
select throws_ok(
    format('truncate core.%I cascade', c.relname), 'QM040', null, format('core.%s cannot be emptied without a trace', c.relname)
)
from pg_class c
where c.relnamespace = 'core'::regnamespace
    and c.relkind in ('r', 'p')
    and c.relname <> 'audit_logs';
select is(
    (
        select array_agg(distinct a.attname::text order by a.attname::text)
        from pg_attribute a
        where a.attrelid = ('core.' || c.relname)::regclass
            and a.attnum > 0
            and not a.attisdropped
            and position(
                format('case when o.%1$I is distinct from n.%1$I then %1$L end', a.attname)
                in pg_get_functiondef(('audit.log_' || c.relname)::regproc)
            ) = 0
    ),
    null,
    format('every column of core.%s is compared', c.relname)
)
from pg_class c
where c.relnamespace = 'core'::regnamespace
    and c.relkind in ('r', 'p')
    and c.relname <> 'audit_logs';
select is_empty(
    $$
        select t.tgrelid::regclass
        from pg_trigger t
        join pg_class c on c.oid = t.tgrelid
        where c.relnamespace = 'auth'::regnamespace
            and t.tgname like 'audit%'
    $$,
    'secrets are not logged'
);
select is_empty(
    $$
        select p.oid::regprocedure, r.rolname
        from pg_proc p
        cross join pg_roles r
        where p.pronamespace = 'audit'::regnamespace
            and r.rolname in (
                'anon', 'authenticator', 'quantmatrix_user', 'quantmatrix_readonly', 'quantmatrix_admin', 'quantmatrix_writer', 'quantmatrix_engine'
            )
            and has_function_privilege(r.oid, p.oid, 'execute')
            and (p.proname, r.rolname) <> ('note_own', 'quantmatrix_writer')
    $$,
    'nobody calls the functions of audit directly, but that functions which write for a person note in that person''s own log'
);

select * from finish();
rollback;
