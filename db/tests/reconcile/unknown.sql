-- What is not known stands beside the count of differences, and history is what is missing only where nothing more specific fits.
begin;

select plan(23);
select tests.create_user('ann');
create function pg_temp.add(p_row jsonb)
returns bigint
language sql
as $$
    select t.id
    from api.transaction_add('{"account": "U1", "trade_date": "2024-02-01"}' || p_row, 'a test') t
$$;

create function pg_temp.found()
returns text[]
language sql
as $$
    select coalesce(array_agg(f.row ->> 'symbol' || ' ' || (f.row -> 'evidence' ->> 'check') || ' ' || (f.row ->> 'cause') order by 1), '{}')
    from jsonb_array_elements(api.reconcile() -> 'differences') f (row)
$$;

create function pg_temp.hint(p_symbol text)
returns text
language sql
as $$
    select f.row -> 'evidence' ->> 'hint'
    from jsonb_array_elements(api.reconcile() -> 'differences') f (row)
    where f.row ->> 'symbol' = p_symbol
$$;

select tests.become('ann');
select lives_ok($$ select api.account_add('ibkr', 'U1') $$, 'an account, of which nobody said whether it may short');

-- A book of which all is known.
select lives_ok($$ select pg_temp.add('{"transaction_type": "buy", "symbol": "AAA", "quantity": "10", "price": "10"}') $$, 'a purchase');
select is(
    api.reconcile() -> 'unknown',
    '{"closings_without_gain": 0, "proceeds_without_gain": "0.00", "lots_without_basis": 0, "rows_without_rate": {}, "rows_of_unknown_effect": 0, "units": {}, "money": {}}',
    'nothing is left open'
);

-- An option that was sold without being held, and is past its last day: one difference, and what it may have become.
select lives_ok(
    $$ select pg_temp.add('{"transaction_type": "sell", "symbol": "BBB   240315P00010000", "quantity": "-2", "price": "1"}') $$, 'an unmarked sale of an option'
);
select is(pg_temp.found(), array['BBB   240315P00010000 no_more_sold_than_held short_not_allowed'], 'it may have been written');
select alike(pg_temp.hint('BBB   240315P00010000'), '%allow_short%', 'and the way to say so is named');
select lives_ok(
    $$ select pg_temp.add('{"transaction_type": "buy", "symbol": "BBB", "quantity": "200", "price": "10", "trade_date": "2024-03-18"}') $$,
    'shares bought at the strike on the next day of trade'
);
select is(pg_temp.found(), array['BBB   240315P00010000 options_end_at_expiry past_expiry'], 'past its last day it is that, once');
select alike(pg_temp.hint('BBB   240315P00010000'), '%200 BBB were bought at the strike%', 'with the trade that it may have become');
select is(
    (api.reconcile() -> 'unknown') - 'units' - 'money' - 'rows_without_rate',
    '{"closings_without_gain": 1, "proceeds_without_gain": "200.00", "lots_without_basis": 0, "rows_of_unknown_effect": 0}',
    'its closing has no gain'
);

-- The row that proves it settles all of it.
select lives_ok(
    $$ select pg_temp.add('{"transaction_type": "option_expiration", "symbol": "BBB   240315P00010000", "quantity": "2", "trade_date": "2024-03-15"}') $$,
    'it expired, with the sign of a short'
);
select is(pg_temp.found(), '{}', 'so it was written');
select is((api.reconcile() -> 'unknown' ->> 'closings_without_gain')::integer, 0, 'and its gain is known');

-- A short that was written before the rows begin.
select lives_ok(
    $$ select pg_temp.add('{"transaction_type": "option_expiration", "symbol": "AAA   240315C00010000", "quantity": "1", "trade_date": "2024-03-15"}') $$,
    'a short that is not in the book expires'
);
select is(pg_temp.found(), array['AAA   240315C00010000 no_more_closed_than_open missing_history'], 'history is missing, nothing is a defect');

-- Shares that were bought back, and a row that is kept without an effect.
select lives_ok($$ select pg_temp.add('{"transaction_type": "sell", "symbol": "CCC", "quantity": "-5", "price": "10"}') $$, 'shares sold');
select lives_ok($$ select pg_temp.add('{"transaction_type": "buy", "symbol": "CCC", "quantity": "5", "price": "9", "trade_date": "2024-02-05"}') $$, 'and bought later');
select is((select f from unnest(pg_temp.found()) f where f like 'CCC%'), 'CCC no_more_sold_than_held short_not_allowed', 'they may have been sold short');
select lives_ok($$ select pg_temp.add('{"transaction_type": "sell", "symbol": "DDD", "quantity": "-5", "price": "10"}') $$, 'shares sold that nothing brought');
select is((select f from unnest(pg_temp.found()) f where f like 'DDD%'), 'DDD no_more_sold_than_held missing_history', 'history is missing');
select lives_ok(
    $$ select pg_temp.add('{"transaction_type": "other", "symbol": "DDD", "quantity": "5", "net_amount": "-1.50", "trade_date": "2024-01-31"}') $$,
    'but a row that is not understood names them'
);
select is((select f from unnest(pg_temp.found()) f where f like 'DDD%'), 'DDD no_more_sold_than_held unsupported_action', 'which is why');
select is(
    (select jsonb_object_agg(u.key, u.value) from jsonb_each(api.reconcile() -> 'unknown') u where u.key in ('rows_of_unknown_effect', 'units', 'money')),
    '{"rows_of_unknown_effect": 1, "units": {"DDD": "5"}, "money": {"USD": "1.50"}}',
    'and it is counted, with its units and its money'
);

select * from finish();
rollback;
