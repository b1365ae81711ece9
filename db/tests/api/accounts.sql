-- People, accounts, lot methods and facts: what each function changes, and what it refuses.
begin;

select plan(39);
select tests.create_user('ann');
select tests.create_user('root', 'admin');

-- People.
select tests.become('root');
select is((select u.email from api.user_add(' New@Example.test ', 'New', 'readonly') u), 'new@example.test', 'an address is kept in lower case');
select throws_ok($$ select api.user_add('new@example.test') $$, 'QM002', null, 'an address is taken once');
select throws_ok($$ select api.user_add('nobody') $$, 'QM002', null, 'an address has an at sign');
select throws_ok($$ select api.user_add(null) $$, 'QM002', null, 'and is wanted');
select throws_ok($$ select api.user_add('x@example.test', null, 'king') $$, 'QM002', 'role: "king" is not one of admin, user, readonly', 'a role is one of three');
select is((select array_agg(u.email order by u.email) from api.user_list() u), '{ann@example.test,new@example.test,root@example.test}', 'all are listed');
select is((select u.role::text from api.user_set_role('NEW@example.test', 'user') u), 'user', 'a role changes');
select throws_ok($$ select api.user_set_role('root@example.test', 'user') $$, 'QM002', null, 'not the own one');
select throws_ok($$ select api.user_set_role('none@example.test', 'user') $$, 'QM001', null, 'of somebody who is there');
select is((select u.status::text from api.user_disable('new@example.test') u), 'disabled', 'somebody is locked out');
select is((select u.status::text from api.user_disable('new@example.test', false) u), 'active', 'and let in again');
select throws_ok($$ select api.user_disable('root@example.test') $$, 'QM002', null, 'nobody locks the own door');
select is(api.user_delete('root@example.test'), false, 'nobody deletes the own user');
select is(api.user_delete('new@example.test'), true, 'somebody is deleted');
select is(api.user_delete('new@example.test'), false, 'once');
select is((select count(*) from api.me), 1::bigint, 'an administrator''s own view shows one row');
select tests.become('ann');
select throws_ok($$ select api.user_list() $$, '42501', null, 'others administer nobody');
select throws_ok($$ select api.user_delete('root@example.test') $$, '42501', null, 'and delete nobody');

-- Accounts.
select is((select a.account_name from api.account_add('IBKR', ' U1 ') a), 'IBKR U1', 'an account has a name, whoever gave it');
select is(
    (select a.id from api.account_add('ibkr', 'U1') a), (select a.id from api.accounts a where a.account = 'U1'),
    'the same said again is the same account'
);
select throws_ok($$ select api.account_add('ibkr', 'U1', 'Another') $$, 'PGRST', null, 'a number is taken once');
select throws_ok($$ select api.account_add('ibkr', ' ') $$, 'QM002', 'account_number: is wanted', 'and is wanted');
select throws_ok($$ select api.account_add('ibkr', 'U2', null, 'piggybank') $$, 'QM002', null, 'a kind of account is known');
select is((select a.account_type::text from api.account_add('ibkr', 'U2', 'Roth', 'roth_ira') a), 'roth_ira', 'or stated');
select is(
    (select row(a.account_name, a.allow_short, a.lot_method)::text from api.account_set('U1', '{"name": "Main", "allow_short": true, "lot_method": "HIFO"}') a),
    row('Main', true, 'hifo')::text,
    'what is named changes'
);
select is((select row(a.account_name, a.allow_short, a.lot_method)::text from api.account_set('Main', '{"allow_short": null, "lot_method": null}') a), row('Main', null::boolean, null::text)::text, 'null takes back');
select throws_ok($$ select api.account_set('Main', '{"name": null}') $$, 'QM002', 'name: null is not possible', 'but not the name');
select throws_ok($$ select api.account_set('Main', '{"name": "Roth"}') $$, 'QM002', 'refused: accounts name taken', 'a name is taken once');
select throws_ok($$ select api.account_set('Main', '{"broker": "other"}') $$, 'QM002', 'changes: unknown field broker', 'unknown fields are refused');
select throws_ok($$ select api.account_set('Main', '{}') $$, 'QM002', 'changes: nothing to change', 'and so is nothing');
select throws_ok($$ select api.account_set('Main', '[]') $$, 'QM002', 'changes: an object is wanted', 'and what is no object');
select throws_ok($$ select api.account_set('Nowhere', '{"name": "x"}') $$, 'QM001', 'there is no account "Nowhere"', 'an account that is there');

-- Methods and facts.
select lives_ok(
    $$ select api.transaction_add('{"account": "Main", "transaction_type": "buy", "symbol": "ABC", "trade_date": "2024-01-02", "quantity": "10", "price": "10"}', 'a test') $$,
    'an instrument comes into use'
);
select is(api.method_set('Main', 'abc', 'lifo', '2024-02-01') ->> 'method', 'lifo', 'a method for an instrument, from a day on');
select is(api.method_set('Main', 'abc', 'hifo', '2024-02-01') ->> 'method', 'hifo', 'and another instead');
select is((select array_agg(e.method::text) from tax.lot_method_elections e), '{hifo}', 'the last word counts');
select throws_ok($$ select api.method_set('Main', 'abc', 'best') $$, 'QM002', null, 'a method is known');
select is(
    (select row(i.identical_group, i.deliverable_shares)::text from api.instrument_facts_set('ABC', '{"identical_group": "letters", "deliverable_shares": "150.5"}') i),
    row('letters', 150.5)::text,
    'facts are kept'
);
select throws_ok($$ select api.instrument_facts_set('ABC', '{"deliverable_shares": 0}') $$, 'QM002', null, 'and must be possible');

select * from finish();
rollback;
