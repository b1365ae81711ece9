-- Everything that api offers, from the catalogue: who may call it, and that nobody reaches another person's rows through it.
begin;

create temporary table expected (name text, roles text[], call text, to_another text);
-- call: with what belongs to ann. to_another: how it ends for bob, who names ann's things: an error, or 'own' for an answer about bob alone.
insert into expected
values
    ('check_request', '{anon,quantmatrix_admin,quantmatrix_readonly,quantmatrix_user}', 'api.check_request()', 'own'),
    ('schema_version', '{anon,quantmatrix_admin,quantmatrix_readonly,quantmatrix_user}', 'api.schema_version()', 'own'),
    ('audit_verify', '{quantmatrix_admin,quantmatrix_user}', 'api.audit_verify()', 'own'),
    ('account_add', '{quantmatrix_admin,quantmatrix_user}', $$api.account_add('ibkr', 'new-3', 'new', 'taxable', 'USD')$$, 'own'),
    ('account_set', '{quantmatrix_admin,quantmatrix_user}', $$api.account_set('zqann-1', '{"name": "mine"}')$$, 'QM001'),
    ('method_set', '{quantmatrix_admin,quantmatrix_user}', $$api.method_set('zqann-1', 'ZQANN', 'fifo', '2024-01-01')$$, 'QM001'),
    ('instrument_facts_set', '{quantmatrix_admin,quantmatrix_user}', $$api.instrument_facts_set('ZQANN', '{"section_1256": true}')$$, 'QM001'),
    (
        'import_stage', '{quantmatrix_admin,quantmatrix_user}',
        $$api.import_stage('[load]', '[{"kind": "line", "line": 2, "raw": "x"}]')$$, 'own'
    ),
    ('import_resolve', '{quantmatrix_admin,quantmatrix_user}', $$api.import_resolve('[load]')$$, 'own'),
    ('import_known', '{quantmatrix_admin,quantmatrix_user}', $$api.import_known(repeat('0f', 32), 'x.csv')$$, 'own'),
    (
        'import_load', '{quantmatrix_admin,quantmatrix_user}',
        $$api.import_load('[load]', '{"source": "ibkr_activity", "name": "x.csv", "size": 1, "records": 1, "sha256": "[digest]"}')$$, 'own'
    ),
    ('legacy_inspect', '{quantmatrix_admin,quantmatrix_user}', $$api.legacy_inspect('[old]', '{"records": 1}')$$, 'QM010'),
    ('legacy_migrate', '{quantmatrix_admin,quantmatrix_user}', $$api.legacy_migrate('[old]', '{"name": "v1", "records": 1}')$$, 'QM010'),
    ('legacy_resolve', '{quantmatrix_admin,quantmatrix_user}', $$api.legacy_resolve('[old]', '{"name": "v1", "records": 1}')$$, 'QM010'),
    ('import_undo', '{quantmatrix_admin,quantmatrix_user}', 'api.import_undo([sync])', 'QM012'),
    ('import_show', '{quantmatrix_admin,quantmatrix_readonly,quantmatrix_user}', 'api.import_show([sync])', 'own'),
    ('import_totals', '{quantmatrix_admin,quantmatrix_readonly,quantmatrix_user}', 'api.import_totals([sync])', 'own'),
    ('import_conflicts', '{quantmatrix_admin,quantmatrix_readonly,quantmatrix_user}', 'api.import_conflicts()', 'own'),
    ('feed_add', '{quantmatrix_admin,quantmatrix_user}', $$api.feed_add('other', 'ibkr', '{"query": "1"}')$$, 'own'),
    ('feed_set', '{quantmatrix_admin,quantmatrix_user}', $$api.feed_set('zqann', '{"overlap_days": 9}')$$, 'QM001'),
    ('feed_remove', '{quantmatrix_admin,quantmatrix_user}', $$api.feed_remove('zqann')$$, 'QM001'),
    ('feed_seal', '{quantmatrix_admin,quantmatrix_user}', $$api.feed_seal('zqann', 'gAAAA' || repeat('a', 100))$$, 'QM001'),
    ('feed_credentials', '{quantmatrix_admin,quantmatrix_user}', $$api.feed_credentials('zqann')$$, 'QM001'),
    ('sync_lock', '{quantmatrix_admin,quantmatrix_user}', $$api.sync_lock('zqann')$$, 'QM001'),
    ('sync_begin', '{quantmatrix_admin,quantmatrix_user}', $$api.sync_begin('zqann', gen_random_uuid(), 1)$$, 'QM001'),
    ('sync_judge', '{quantmatrix_admin,quantmatrix_user}', $$api.sync_judge([attempt], '[]')$$, 'QM001'),
    ('sync_end', '{quantmatrix_admin,quantmatrix_user}', $$api.sync_end([attempt], '[]')$$, 'QM001'),
    ('sync_fail', '{quantmatrix_admin,quantmatrix_user}', $$api.sync_fail([attempt], 'server_error')$$, 'QM001'),
    ('today_store', '{quantmatrix_admin,quantmatrix_user}', $$api.today_store([attempt], '[load]', 1)$$, 'QM001'),
    (
        'import_conflict_resolve', '{quantmatrix_admin,quantmatrix_user}',
        $$api.import_conflict_resolve('[match]', 'different', 'two orders')$$, 'QM001'
    ),
    ('import_conflict_reopen', '{quantmatrix_admin,quantmatrix_user}', $$api.import_conflict_reopen([decision], 'asked the broker')$$, 'QM001'),
    ('instrument_merge', '{quantmatrix_admin,quantmatrix_user}', $$api.instrument_merge('ZQANN~2', 'ZQANN', 'one company')$$, 'QM001'),
    (
        'instrument_split', '{quantmatrix_admin,quantmatrix_user}',
        $$api.instrument_split('ZQANN', 'two companies', 'ZQANN~2', transactions => array[[transaction]])$$, 'QM001'
    ),
    ('instrument_change_undo', '{quantmatrix_admin,quantmatrix_user}', $$api.instrument_change_undo([change], 'one company')$$, 'QM001'),
    ('prices_load', '{quantmatrix_admin}', $$api.prices_load('[]')$$, '42501'),
    ('prices_held', '{quantmatrix_admin}', 'api.prices_held()', '42501'),
    ('price_action_add', '{quantmatrix_admin}', $$api.price_action_add('ZQANN', '2024-06-10', 'ten for one')$$, '42501'),
    ('prices_decide', '{quantmatrix_admin}', $$api.prices_decide('ZQANN', true)$$, '42501'),
    ('user_instruments', '{quantmatrix_admin}', $$api.user_instruments('ann@example.test', 5)$$, '42501'),
    ('user_add', '{quantmatrix_admin}', $$api.user_add('eve@example.test')$$, '42501'),
    ('user_list', '{quantmatrix_admin}', 'api.user_list()', '42501'),
    ('user_set_role', '{quantmatrix_admin}', $$api.user_set_role('ann@example.test', 'readonly')$$, '42501'),
    ('user_disable', '{quantmatrix_admin}', $$api.user_disable('ann@example.test')$$, '42501'),
    ('user_delete', '{quantmatrix_admin}', $$api.user_delete('ann@example.test')$$, '42501'),
    ('reconcile', '{quantmatrix_admin,quantmatrix_user}', $$api.reconcile('zqann-1', '2024-12-31')$$, 'QM001'),
    ('account_rename', '{quantmatrix_admin,quantmatrix_user}', $$api.account_rename('zqann-1', 'zqann-9')$$, 'QM001'),
    ('account_remove', '{quantmatrix_admin,quantmatrix_user}', $$api.account_remove('zqann-empty')$$, 'QM001'),
    ('account_merge', '{quantmatrix_admin,quantmatrix_user}', $$api.account_merge('zqann-empty', 'zqann-1', 'one account')$$, 'QM001'),
    ('acceptance_revoke', '{quantmatrix_admin,quantmatrix_user}', $$api.acceptance_revoke([acceptance], 'no longer true')$$, 'QM001'),
    ('difference_accept', '{quantmatrix_admin,quantmatrix_user}', $$api.difference_accept([finding], 'known since long')$$, 'QM001'),
    (
        'transaction_add', '{quantmatrix_admin,quantmatrix_user}',
        $$api.transaction_add(
            '{"account": "zqann-1", "transaction_type": "deposit", "trade_date": "2024-06-01", "net_amount": "1", "currency": "USD"}',
            'forgotten before'
        )$$,
        'QM001'
    ),
    (
        'transaction_correct', '{quantmatrix_admin,quantmatrix_user}',
        $$api.transaction_correct([transaction], '{"settlement_date": "2024-02-05"}', 'mistyped')$$, 'QM001'
    ),
    ('transaction_void', '{quantmatrix_admin,quantmatrix_user}', $$api.transaction_void([again], 'never happened')$$, 'QM001'),
    (
        'basis_set', '{quantmatrix_admin,quantmatrix_user}',
        $$api.basis_set([arrival], 100, '2024-02-01', 'old confirmation')$$, 'QM001'
    ),
    ('job_add', '{quantmatrix_admin,quantmatrix_readonly,quantmatrix_user}', $$api.job_add('totals')$$, 'own'),
    ('job_cancel', '{quantmatrix_admin,quantmatrix_readonly,quantmatrix_user}', $$api.job_cancel('[job]')$$, 'QM001'),
    ('job_result', '{quantmatrix_admin,quantmatrix_readonly,quantmatrix_user}', $$api.job_result('[done]')$$, 'QM001'),
    ('status', '{quantmatrix_admin,quantmatrix_readonly,quantmatrix_user}', 'api.status()', 'own'),
    ('lots_rebuild', '{quantmatrix_admin,quantmatrix_user}', 'api.lots_rebuild(verify => true)', 'own'),
    ('lots_compare', '{quantmatrix_admin,quantmatrix_readonly,quantmatrix_user}', $$api.lots_compare(2024)$$, 'own'),
    ('lots_explain', '{quantmatrix_admin,quantmatrix_readonly,quantmatrix_user}', $$api.lots_explain(closing => [closing])$$, 'QM001'),
    ('what_if_sale', '{quantmatrix_admin,quantmatrix_readonly,quantmatrix_user}', $$api.what_if_sale('zqann-1', 'ZQANN', 1, 10)$$, 'QM001'),
    ('transactions_export', '{quantmatrix_admin,quantmatrix_readonly,quantmatrix_user}', 'api.transactions_export()', 'own'),
    ('totals', '{quantmatrix_admin,quantmatrix_readonly,quantmatrix_user}', 'api.totals()', 'own'),
    ('section_104', '{quantmatrix_admin,quantmatrix_readonly,quantmatrix_user}', 'api.section_104()', 'own'),
    ('tax_settings_set', '{quantmatrix_admin,quantmatrix_user}', $$api.tax_settings_set('{"wash_scope": "taxpayer"}')$$, 'own'),
    ('sign_out', '{quantmatrix_admin,quantmatrix_readonly,quantmatrix_user}', $$api.sign_out(true)$$, 'own'),
    ('session_list', '{quantmatrix_admin,quantmatrix_readonly,quantmatrix_user}', $$api.session_list()$$, 'own'),
    ('session_end', '{quantmatrix_admin,quantmatrix_readonly,quantmatrix_user}', $$api.session_end('[session]')$$, 'QM001'),
    ('whoami', '{quantmatrix_admin,quantmatrix_readonly,quantmatrix_user}', $$api.whoami()$$, 'own'),
    ('key_create', '{quantmatrix_admin,quantmatrix_readonly,quantmatrix_user}', $$api.key_create('script', '{read}', '{zqann-1}')$$, 'QM001'),
    ('key_list', '{quantmatrix_admin,quantmatrix_readonly,quantmatrix_user}', $$api.key_list()$$, 'own'),
    ('key_revoke', '{quantmatrix_admin,quantmatrix_readonly,quantmatrix_user}', $$api.key_revoke([key id])$$, 'QM001'),
    ('grant_add', '{quantmatrix_admin,quantmatrix_readonly,quantmatrix_user}', $$api.grant_add('ann-friend@example.test', 'zqann-1')$$, 'QM001'),
    ('identity_link', '{quantmatrix_admin,quantmatrix_readonly,quantmatrix_user}', $$api.identity_link()$$, 'own'),
    ('identity_list', '{quantmatrix_admin,quantmatrix_readonly,quantmatrix_user}', $$api.identity_list()$$, 'own'),
    ('identity_unlink', '{quantmatrix_admin,quantmatrix_readonly,quantmatrix_user}', $$api.identity_unlink('google')$$, 'own'),
    ('grant_list', '{quantmatrix_admin,quantmatrix_readonly,quantmatrix_user}', $$api.grant_list()$$, 'own'),
    ('grant_revoke', '{quantmatrix_admin,quantmatrix_readonly,quantmatrix_user}', $$api.grant_revoke([grant])$$, 'QM001'),
    ('user_unlock', '{quantmatrix_admin}', $$api.user_unlock('ann@example.test')$$, '42501'),
    ('user_sessions_end', '{quantmatrix_admin}', $$api.user_sessions_end('ann@example.test')$$, '42501'),
    ('user_erase', '{quantmatrix_admin}', $$api.user_erase('ann@example.test', 'asked for it')$$, '42501'),
    ('book_inspect', '{quantmatrix_admin}', $$api.book_inspect('ann@example.test', 'asked for help')$$, '42501'),
    ('platform_settings', '{quantmatrix_admin}', $$api.platform_settings()$$, '42501'),
    ('platform_settings_set', '{quantmatrix_admin}', $$api.platform_settings_set('{"access_minutes": 15}')$$, '42501'),
    ('platform_state', '{quantmatrix_admin}', $$api.platform_state()$$, '42501'),
    ('mail_list', '{quantmatrix_admin}', $$api.mail_list()$$, '42501'),
    ('mail_retry', '{quantmatrix_admin}', $$api.mail_retry([mail])$$, '42501');
-- These ask for a secret, not for who is signed in, or answer everybody the same: tests/people calls them over HTTP.
insert into expected (name, roles)
values
    ('register', '{anon,quantmatrix_admin,quantmatrix_readonly,quantmatrix_user}'),
    ('verify_email', '{anon,quantmatrix_admin,quantmatrix_readonly,quantmatrix_user}'),
    ('sign_in', '{anon,quantmatrix_admin,quantmatrix_readonly,quantmatrix_user}'),
    ('refresh', '{anon,quantmatrix_admin,quantmatrix_readonly,quantmatrix_user}'),
    ('password_forgot', '{anon,quantmatrix_admin,quantmatrix_readonly,quantmatrix_user}'),
    ('password_reset', '{anon,quantmatrix_admin,quantmatrix_readonly,quantmatrix_user}'),
    ('key_exchange', '{anon,quantmatrix_admin,quantmatrix_readonly,quantmatrix_user}'),
    ('password_change', '{quantmatrix_admin,quantmatrix_readonly,quantmatrix_user}'),
    ('email_change', '{quantmatrix_admin,quantmatrix_readonly,quantmatrix_user}'),
    ('second_factor_begin', '{quantmatrix_admin,quantmatrix_readonly,quantmatrix_user}'),
    ('second_factor_confirm', '{quantmatrix_admin,quantmatrix_readonly,quantmatrix_user}'),
    ('second_factor_remove', '{quantmatrix_admin,quantmatrix_readonly,quantmatrix_user}'),
    ('oauth_collect', '{anon,quantmatrix_admin,quantmatrix_readonly,quantmatrix_user}'),
    ('book_open', '{quantmatrix_admin,quantmatrix_readonly,quantmatrix_user}');

create temporary table functions as
select p.oid, p.proname::text as name
from pg_proc p
where p.pronamespace = 'api'::regnamespace;
create temporary table views as
select c.oid, c.relname::text as name
from pg_class c
where c.relnamespace = 'api'::regnamespace
    and c.relkind = 'v';

-- What a call answers, or its SQLSTATE and message. What it did stays only if p_keep.
create function pg_temp.answer(p_label text, p_call text, p_keep boolean)
returns text
language plpgsql
as $$
declare
    v_answer text;
begin
    if p_label is null then
        perform tests.become_role('quantmatrix_user', '');
    else
        perform tests.become(p_label);
    end if;
    begin
        execute format('select coalesce(string_agg(answer::text, e''\n''), '''') from %s answer', p_call) into v_answer;
        if not p_keep then
            raise exception using errcode = 'TS000', message = v_answer;
        end if;
    exception
        when sqlstate 'TS000' then
            v_answer := sqlerrm;
        when others then
            v_answer := 'error ' || sqlstate || ': ' || sqlerrm;
    end;
    perform tests.reset();
    return v_answer;
end
$$;

create function pg_temp.rows_seen(p_role text, p_claims text, p_view text, p_marker text)
returns text
language plpgsql
as $$
declare
    v_rows text;
begin
    perform tests.become_role(p_role, p_claims);
    begin
        execute format('select count(*) || '' '' || count(*) filter (where v::text ilike %L) from api.%I v', '%' || p_marker || '%', p_view)
            into v_rows;
    exception
        when others then
            v_rows := sqlstate;
    end;
    perform tests.reset();
    return v_rows;
end
$$;

select plan((
    select
        5 + (select count(*) from expected) + 4 * (select count(*) from expected e where e.call is not null)
        + 5 * (select count(*) from views)
)::integer);
select tests.fixture_two_tenants();
insert into ingest.held_prices (instrument_id, interval, as_of, close, source, previous_close, previous_as_of)
select i.id, '1d', now(), 20, 'test', 10, now() - interval '1 day'
from core.instruments i
where i.symbol = 'ZQANN';
select tests.create_user('carl', 'admin');
insert into ingest.staging (load_id, user_id, kind, line_number, raw)
values ('22222222-2222-4222-8222-222222222222', tests.user_id('ann'), 'line', 1, 'zqann secret');
insert into ingest.staging (load_id, user_id, kind, line_number, payload)
values (
    '33333333-3333-4333-8333-333333333333', tests.user_id('ann'), 'v1_accounts', 1,
    '{"id": 1, "account_number": "zqann-9", "broker": "IBKR", "account_name": "zqann savings", "account_type": "taxable"}'
);
-- This session syncs ann's feed; the functions of a sync want that.
select pg_advisory_lock(sync.feed_lock(f.user_id, f.id))
from ingest.feeds f
where f.user_id = tests.user_id('ann');
update expected e
set call = replace(e.call, '[attempt]', s.sync_id::text)
from ingest.sync_attempts s
where s.user_id = tests.user_id('ann');
insert into work.jobs (user_id, person_id, kind, asked_as, status, result, finished_at)
values (tests.user_id('ann'), tests.user_id('ann'), 'totals', '{}', 'finished', '{"said": "zqann"}', now());
update expected e
set call = replace(replace(e.call,
    '[job]', (select j.id::text from work.jobs j where j.user_id = tests.user_id('ann') and j.status = 'waiting')),
    '[done]', (select j.id::text from work.jobs j where j.user_id = tests.user_id('ann') and j.status = 'finished'));
update expected e
set call = replace(replace(replace(replace(e.call,
    '[session]', (select s.id::text from auth.sessions s where s.user_id = tests.user_id('ann'))),
    '[key id]', (select k.id::text from auth.api_keys k where k.user_id = tests.user_id('ann'))),
    '[grant]', (select g.id::text from auth.grants g where g.user_id = tests.user_id('ann'))),
    '[mail]', (select m.id::text from auth.mails m where m.recipient = 'ann@example.test'));
update expected e
set call = replace(replace(replace(replace(e.call,
    '[acceptance]', (select p.id::text from ingest.acceptances p where p.user_id = tests.user_id('ann'))),
    '[match]', (select m.conflict from matching.matched(tests.user_id('ann')) m)),
    '[decision]', (select d.id::text from ingest.decisions d where d.user_id = tests.user_id('ann'))),
    '[change]', (select c.id::text from ingest.instrument_changes c where c.user_id = tests.user_id('ann')));
update expected e
set call = replace(replace(replace(replace(replace(replace(replace(replace(replace(e.call,
    '[old]', '33333333-3333-4333-8333-333333333333'),
    '[load]', '22222222-2222-4222-8222-222222222222'),
    '[digest]', repeat('e', 64)),
    '[sync]', (select s.id::text from core.sync_history s where s.user_id = tests.user_id('ann') and s.kind = 'import')),
    '[finding]', (select f.id::text from ingest.findings f where f.user_id = tests.user_id('ann'))),
    '[transaction]', (select t.id::text from core.transactions t where t.external_id = 'zqann-b1')),
    '[again]', (select t.id::text from core.transactions t where t.external_id = 'zqann-b2')),
    '[arrival]', (select t.id::text from core.transactions t where t.external_id = 'zqann-i1')),
    '[closing]', (select min(c.id)::text from tax.closings c where c.user_id = tests.user_id('ann')));

select results_eq(
    'select f.name collate "default" from functions f order by 1',
    'select e.name collate "default" from expected e order by 1',
    'api has exactly the functions that are tested here, each once'
);
select cmp_ok((select count(*) from views), '>=', 14::bigint, 'api has its views');

select is(
    (
        select array_agg(r.rolname::text order by r.rolname::text)
        from pg_roles r
        where r.rolname in ('anon', 'quantmatrix_user', 'quantmatrix_readonly', 'quantmatrix_admin', 'authenticator')
            and has_function_privilege(r.oid, f.oid, 'execute')
    ),
    e.roles,
    format('api.%s is executed by %s', e.name, array_to_string(e.roles, ', '))
)
from expected e
left join functions f on f.name = e.name;

-- One that may be removed.
insert into core.accounts (user_id, broker, account_number, name)
values (tests.user_id('ann'), 'manual', 'zqann-empty', 'zqann empty');

-- Another person: what is answered, and what is left of ann's rows.
create temporary table before as
select tests.rows_of(tests.user_id('ann')) - 'core.audit_logs' as rows;
create temporary table answers as
select e.name, e.to_another, e.roles, e.call, pg_temp.answer('bob', e.call, true) as answer
from expected e
where e.call is not null;

select is(
    coalesce(substring(a.answer from '^error (.{5}):'), 'own'),
    a.to_another,
    format('api.%s, another person: %s', a.name, a.to_another)
)
from answers a;
select ok(
    a.answer !~* 'zqann (secret|trading|savings|incorporated)|ann@example' and position(tests.user_id('ann')::text in a.answer) = 0,
    format('api.%s tells another person nothing of ann', a.name)
)
from answers a;
select is(
    tests.rows_of(tests.user_id('ann')) - 'core.audit_logs', (select b.rows from before b), 'none of them changed a row of ann, in any table'
);

select ok(
    tests.rows_of(tests.user_id('bob'))::text not like '%zqann%', 'nor brought one of them to another person: bob staged and loaded under ann''s number'
);

-- Whoever is signed in and may do it succeeds with the same words: the refusals above were no mistake.
select unalike(
    pg_temp.answer(
        case when a.roles = '{quantmatrix_admin}' then 'carl' else 'ann' end,
        a.call,
        false
    ),
    'error%',
    format('api.%s, whose it is: it works', a.name)
)
from answers a;
select is(
    tests.rows_of(tests.user_id('ann')) - 'core.audit_logs', (select b.rows from before b), 'these were undone'
);

-- A session without a person.
select matches(
    pg_temp.answer(null, a.call, false),
    case when 'anon' = any (a.roles) then '^(?!error)' else '^(error 42501|$)' end,
    format('api.%s answers nobody nothing', a.name)
)
from answers a;

-- Views.
select matches(
    pg_temp.rows_seen('quantmatrix_user', tests.claims('quantmatrix_user', tests.user_id('ann')), v.name, 'zqann'),
    '^[1-9]', format('api.%s shows a person rows', v.name)
)
from views v;
select matches(
    pg_temp.rows_seen('quantmatrix_user', tests.claims('quantmatrix_user', tests.user_id('bob')), v.name, 'zqann'),
    '^[1-9][0-9]* 0$', format('api.%s shows another person other rows', v.name)
)
from views v;
select matches(
    pg_temp.rows_seen('quantmatrix_readonly', tests.claims('quantmatrix_readonly', tests.user_id('bob')), v.name, tests.user_id('ann')::text),
    '^[1-9][0-9]* 0$', format('api.%s shows a reader only the own', v.name)
)
from views v;
select is(
    pg_temp.rows_seen('quantmatrix_user', '', v.name, 'x'), '0 0', format('api.%s shows nobody nothing', v.name)
)
from views v;
select is(
    pg_temp.rows_seen('anon', '{"role": "anon"}', v.name, 'x'), '42501', format('api.%s is closed without a token', v.name)
)
from views v;

select * from finish();
rollback;
