-- From evidence to the report: each piece at its own day, matches counted, one cause for each difference, acceptance for as long as the figures stay.
begin;

select plan(41);
select tests.create_user('ann');
select tests.create_user('bob');
create function pg_temp.add(p_row jsonb)
returns bigint
language sql
as $$
    select t.id
    from api.transaction_add('{"account": "U1", "trade_date": "2024-01-02"}' || p_row, 'a test') t
$$;

create function pg_temp.told(p_rows jsonb)
returns text[]
language sql
as $$
    select coalesce(
        array_agg(concat_ws(' ', r ->> 'account', r ->> 'symbol', r ->> 'kind', coalesce(r ->> 'ours', '-'), coalesce(r ->> 'broker', '-'), r ->> 'cause')),
        '{}'
    )
    from jsonb_array_elements(p_rows) r
$$;

select tests.become('ann');
select lives_ok($$ select api.account_add('ibkr', 'U1', 'Main') $$, 'an account');
select lives_ok($$ select api.account_add('ibkr', 'U2', 'Second') $$, 'another one');
select lives_ok($$ select pg_temp.add('{"transaction_type": "deposit", "net_amount": "10000"}') $$, 'money');
select lives_ok($$ select pg_temp.add('{"transaction_type": "buy", "symbol": "AAA", "quantity": "10", "price": "10"}') $$, 'a purchase');
select lives_ok($$ select pg_temp.add('{"transaction_type": "buy", "symbol": "BBB", "quantity": "3", "price": "33.335"}') $$, 'one of an odd amount');
select lives_ok($$ select pg_temp.add('{"transaction_type": "transfer_in", "symbol": "CCC", "quantity": "5"}') $$, 'a transfer without basis');
select lives_ok($$ select pg_temp.add('{"transaction_type": "buy", "symbol": "DDD", "quantity": "2", "price": "50"}') $$, 'what the broker does not list');
select lives_ok($$ select pg_temp.add('{"transaction_type": "sell", "symbol": "AAA", "quantity": "-4", "price": "20", "trade_date": "2024-09-02"}') $$, 'a later sale');

-- What the broker says: a statement of June with everything, one of 2023 that is out of date, another account with cash alone.
select tests.reset();
create function pg_temp.evidence(p_account text, p_as_of date, p_generated timestamptz, p_positions jsonb, p_cash jsonb)
returns void
language plpgsql
as $$
declare
    v_user_id constant uuid := tests.user_id('ann');
    v_account_id bigint;
    v_sync_id bigint;
begin
    select a.id into strict v_account_id from core.accounts a where a.user_id = v_user_id and a.account_number = p_account;
    insert into core.sync_history (user_id, kind, source, status, finished_at, content_sha256)
    values (v_user_id, 'import', 'made_up', 'finished', now(), encode(sha256(convert_to(p_account || p_as_of || coalesce(p_generated::text, ''), 'UTF8')), 'hex'))
    returning id into v_sync_id;
    insert into ingest.files (user_id, sync_id, name, size_bytes, period_end, generated_at)
    values (v_user_id, v_sync_id, p_account || '-' || p_as_of || '.csv', 1, p_as_of, p_generated);
    insert into ingest.broker_positions (user_id, sync_id, line_number, account_id, instrument_id, as_of, quantity, cost_basis, currency)
    select v_user_id, v_sync_id, row_number() over (), v_account_id, i.id, p_as_of, p.quantity, p.cost, 'USD'
    from jsonb_to_recordset(p_positions) p (symbol text, quantity numeric, cost numeric)
    join core.instruments i on i.symbol = p.symbol;
    insert into ingest.broker_cash (user_id, sync_id, line_number, account_id, currency, as_of, moment, amount)
    select v_user_id, v_sync_id, 100 + row_number() over (), v_account_id, c.currency, coalesce(c.as_of, p_as_of), c.moment, c.amount
    from jsonb_to_recordset(p_cash) c (currency text, as_of date, moment ingest.balance_moment, amount numeric);
end
$$;
select pg_temp.evidence('U1', '2023-12-29', null, '[{"symbol": "AAA", "quantity": 999}]', '[]');
select pg_temp.evidence(
    'U1', '2024-06-28', null,
    '[{"symbol": "AAA", "quantity": 10, "cost": 100}, {"symbol": "BBB", "quantity": 3, "cost": 100.00}, {"symbol": "CCC", "quantity": 5, "cost": 250}]',
    '[{"currency": "USD", "moment": "end", "amount": 9699.995}]'
);
select tests.become('ann');

select is(api.reconcile() -> 'checked', '{"positions": 4, "lots": 3, "cash": 1}', 'what was compared, matches included');
select is(
    pg_temp.told(api.reconcile() -> 'differences'),
    array['U1 CCC lot - 250.00 unknown_basis', 'U1 DDD position 2 0 unexplained'],
    'the differences, at the day of the statement: the later sale is not in it'
);
select is(pg_temp.told(api.reconcile() -> 'explained'), array['U1 BBB lot 100.01 100.00 rounding'], 'harmless ones apart');
select is(
    (select array_agg(k order by k) from jsonb_object_keys(api.reconcile()) k),
    array['as_of', 'checked', 'differences', 'explained', 'unknown'],
    'the report has these keys'
);
select is(
    (select array_agg(k order by k) from jsonb_object_keys(api.reconcile() -> 'differences' -> 0) k),
    array['account', 'broker', 'cause', 'evidence', 'kind', 'ours', 'symbol'],
    'and a difference these'
);
select is(
    (
        select row(e ->> 'file', e ->> 'line', e ->> 'as_of', e ->> 'our_quantity', e ->> 'broker_cost')::text
        from (select api.reconcile() -> 'differences' -> 0 -> 'evidence' as e) d
    ),
    row('U1-2024-06-28.csv', '3', '2024-06-28', '5', '250.00')::text,
    'evidence leads to the broker''s line'
);
select is(
    (select api.reconcile() -> 'differences' -> 0 -> 'evidence' -> 'our_lots'),
    '[{"acquired_on": null, "quantity": "5", "cost": null}]',
    'and shows the lots behind it'
);
select is(
    pg_temp.told(api.reconcile(null, '2024-01-31') -> 'differences') @> array['U1 AAA position 0 999 missing_history'],
    true,
    'an older day takes the older statement, and what we held then'
);
select is(api.reconcile('Second') -> 'checked', '{"positions": 0, "lots": 0, "cash": 0}', 'an account by name, of which the broker says nothing');
select throws_ok($$ select api.reconcile('nobody') $$, 'QM001', null, 'an account that is not there');
select is(api.reconcile(null, '2024-07-01') ->> 'as_of', '2024-07-01', 'the day asked for is told');

-- Acceptance.
select is((select count(*) from api.differences d where d.status = 'open'), 2::bigint, 'two are open');
select is(
    (
        select d.status::text
        from api.differences o
        cross join lateral api.difference_accept(o.id, 'held at another desk') d
        where o.symbol = 'DDD'
    ),
    'accepted',
    'one is accepted'
);
select is((select r.differences from api.reconciliations r order by r.id desc limit 1), 1, 'the run counts one less');
select is(pg_temp.told(api.reconcile() -> 'differences'), array['U1 CCC lot - 250.00 unknown_basis'], 'the next run keeps the acceptance');
select is(
    (select api.reconcile() -> 'explained' -> 1 -> 'evidence' ->> 'accepted_because'),
    'held at another desk',
    'with its reason'
);
select throws_ok(
    $$ select api.difference_accept((select d.id from api.differences d where d.symbol = 'BBB'), 'no need') $$,
    'QM002', null, 'what is explained needs no acceptance'
);
select throws_ok($$ select api.difference_accept((select d.id from api.differences d where d.symbol = 'CCC'), ' ') $$, 'QM020', null, 'a reason is needed');
select lives_ok($$ select pg_temp.add('{"transaction_type": "buy", "symbol": "DDD", "quantity": "1", "price": "50"}') $$, 'the figures change');
select is(
    pg_temp.told(api.reconcile() -> 'differences'),
    array['U1 CCC lot - 250.00 unknown_basis', 'U1 DDD position 3 0 unexplained', 'U1 USD cash 9649.995 9699.995 missing_history'],
    'and the acceptance is gone'
);

-- Two statements of one day: the one made last counts, in whatever order they came.
select tests.reset();
select pg_temp.evidence('U2', '2024-06-28', '2024-07-02', '[{"symbol": "AAA", "quantity": 7}]', '[{"currency": "USD", "moment": "start", "as_of": "2024-06-03", "amount": 500}, {"currency": "USD", "moment": "end", "amount": 400}]');
select pg_temp.evidence('U2', '2024-06-28', '2024-07-01', '[{"symbol": "AAA", "quantity": 8}]', '[{"currency": "USD", "moment": "end", "amount": 777}]');
select tests.become('ann');
select is(
    pg_temp.told(api.reconcile('U2') -> 'differences'),
    array['U2 AAA position 0 7 missing_history', 'U2 USD cash 0.00 400.00 unexplained'],
    'the statement made last decides'
);
select lives_ok(
    $$ select pg_temp.add('{"account": "U2", "transaction_type": "withdrawal", "net_amount": "-100", "trade_date": "2024-06-10"}') $$,
    'what happened in June'
);
select is(
    pg_temp.told(api.reconcile('U2') -> 'differences'),
    array['U2 AAA position 0 7 missing_history', 'U2 USD cash -100.00 400.00 opening_balance'],
    'what the statement opened with is named'
);
select lives_ok(
    $$ select pg_temp.add('{"account": "U2", "transaction_type": "deposit", "net_amount": "500", "trade_date": "2024-05-31"}') $$,
    'the opening balance by hand'
);
select is(pg_temp.told(api.reconcile('U2') -> 'differences'), array['U2 AAA position 0 7 missing_history'], 'and the cash agrees');

-- Others see nothing of it; equal inputs have equal digests.
select lives_ok($$ select api.reconcile() $$, 'once');
select lives_ok($$ select api.reconcile() $$, 'and again');
select is(
    (select count(distinct n.inputs_digest) from (select r.inputs_digest from api.reconciliations r order by r.id desc limit 2) n),
    1::bigint,
    'equal inputs have equal digests'
);
select lives_ok($$ select pg_temp.add('{"transaction_type": "deposit", "net_amount": "1"}') $$, 'one row more');
select lives_ok($$ select api.reconcile() $$, 'once more');
select is(
    (select count(distinct n.inputs_digest) from (select r.inputs_digest from api.reconciliations r order by r.id desc limit 2) n),
    2::bigint,
    'other inputs have others'
);
select tests.become('bob');
select is(api.reconcile() -> 'checked', '{"positions": 0, "lots": 0, "cash": 0}', 'somebody else has nothing to compare');
select is((select count(*) from api.differences), 0::bigint, 'and sees no difference');

select * from finish();
rollback;
