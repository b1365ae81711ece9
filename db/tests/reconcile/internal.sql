-- The checks that need no broker: a clean book shows nothing, and each planted fault is found by its own check and by no other.
begin;

select plan(23);
select tests.create_user('ann');
create function pg_temp.add(p_row jsonb)
returns bigint
language sql
as $$
    select t.id
    from api.transaction_add('{"account": "U1", "trade_date": "2024-01-02"}' || p_row, 'a test') t
$$;

create function pg_temp.found()
returns text[]
language sql
as $$
    select coalesce(array_agg(f.row ->> 'symbol' || ' ' || (f.row -> 'evidence' ->> 'check') || ' ' || (f.row ->> 'cause') order by 1), '{}')
    from jsonb_array_elements(api.reconcile() -> 'differences') f (row)
    where f.row ->> 'kind' = 'internal'
$$;

select tests.become('ann');

select lives_ok($$ select api.account_add('ibkr', 'U1') $$, 'an account');
select lives_ok($$ select api.account_add('ibkr', 'U2') $$, 'another one');

select lives_ok($$ select pg_temp.add('{"transaction_type": "buy", "symbol": "ABC", "quantity": "10", "price": "10"}') $$, 'a purchase');
select lives_ok($$ select pg_temp.add('{"transaction_type": "sell", "symbol": "ABC", "quantity": "-4", "price": "11", "trade_date": "2024-02-02"}') $$, 'a sale');
select lives_ok($$ select pg_temp.add('{"transaction_type": "buy", "symbol": "DEF", "quantity": "10", "price": "10"}') $$, 'another purchase');
select lives_ok(
    $$ select pg_temp.add('{"transaction_type": "split", "symbol": "DEF", "trade_date": "2024-03-04", "terms": {"ratio_numerator": 3, "ratio_denominator": 1}}') $$,
    'a split, whose quantity is computed'
);
select is(pg_temp.found(), '{}', 'a clean book shows nothing');

-- More sold than held: one difference, and it says since when.
select lives_ok($$ select pg_temp.add('{"transaction_type": "sell", "symbol": "GHI", "quantity": "-5", "price": "11", "trade_date": "2024-02-05"}') $$, 'a sale without a purchase');
select is(pg_temp.found(), array['GHI no_more_sold_than_held missing_history'], 'more was sold than held');
select is(
    (
        select d.evidence ->> 'first_shortfall'
        from api.differences d
        where d.symbol = 'GHI'
    ),
    '2024-02-05',
    'and since when'
);

-- An option after its last day, as far as the account tells anything.
select lives_ok(
    $$ select pg_temp.add('{"transaction_type": "buy", "symbol": "ABC   240119C00010000", "quantity": "1", "price": "1"}') $$,
    'an option'
);
select is(
    pg_temp.found(),
    array['ABC   240119C00010000 options_end_at_expiry past_expiry', 'GHI no_more_sold_than_held missing_history'],
    'an option is held beyond its expiry'
);
select is(
    (select jsonb_array_length(api.reconcile(null, '2024-01-19') -> 'differences')),
    1,
    'on its last day it is not yet overdue'
);

-- A transfer that left for nowhere, and an exercise whose shares are missing.
select lives_ok($$ select pg_temp.add('{"transaction_type": "transfer_out", "symbol": "DEF", "quantity": "-1", "trade_date": "2024-03-05"}') $$, 'a transfer');
select lives_ok($$ select pg_temp.add('{"transaction_type": "deposit", "net_amount": "1", "trade_date": "2024-04-01"}') $$, 'the account goes on');
select is(
    (select array_agg(f) from unnest(pg_temp.found()) f where f like 'DEF%'),
    array['DEF transfers_arrive missing_history'],
    'after ten days it should have arrived'
);

-- A split whose added units the broker prints: as many as by our history, then others.
select lives_ok($$ select pg_temp.add('{"transaction_type": "buy", "symbol": "JKL", "quantity": "10.5", "price": "10"}') $$, 'something to split');
select lives_ok(
    $$ select pg_temp.add('{"transaction_type": "split", "symbol": "JKL", "trade_date": "2024-03-06", "terms": {"ratio_numerator": 2, "ratio_denominator": 1, "stated_quantity": 10, "fraction_handling": "cash", "cash_in_lieu": 5}}') $$,
    'the broker adds whole shares and pays the fraction'
);
select lives_ok(
    $$ select pg_temp.add('{"transaction_type": "split", "symbol": "JKL", "trade_date": "2024-03-20", "terms": {"ratio_numerator": 2, "ratio_denominator": 1, "stated_quantity": 30}}') $$,
    'and a second time for more than we have'
);
select is(
    (select array_agg(f) from unnest(pg_temp.found()) f where f like 'JKL%'),
    array['JKL splits_add_what_the_broker_says missing_history'],
    'only what is off by a share or more is told'
);

-- Faults that the engine never makes: planted by hand, triggers silenced.
select tests.reset();
set local session_replication_role = replica;
update core.positions p
set quantity = p.quantity + 1
from core.instruments i
where p.instrument_id = i.id
and i.symbol = 'ABC'
and p.user_id = tests.user_id('ann');
insert into tax.notices (user_id, group_id, code, transaction_id, sentence)
values (tests.user_id('ann'), 1, 'unknown_basis', 9223372036854775807, 'about nothing');
update tax.closings c
set opening_transaction_id = 9223372036854775807, basis = c.basis + 0.01
where c.user_id = tests.user_id('ann')
and c.kind = 'sale';
insert into core.transactions (user_id, account_id, instrument_id, transaction_type, source, external_id, dedupe_key, trade_date, quantity, net_amount, currency)
select t.user_id, t.account_id, t.instrument_id, 'dividend', 'made_up', 'same', key.text, '2024-03-01', null, 5, 'USD'
from core.transactions t
cross join (values ('one'), ('two')) key (text)
where t.user_id = tests.user_id('ann')
and t.transaction_type = 'transfer_out';
set local session_replication_role = origin;
select tests.become('ann');

select is(
    (select array_agg(f order by f) from unnest(pg_temp.found()) f where f like '%defect' or f like '%duplicate%'),
    array[
        '- references_exist defect',
        'ABC gains_equal_cash defect',
        'ABC lots_make_the_position defect',
        'ABC references_exist defect',
        'ABC transactions_make_the_position defect',
        'DEF broker_ids_are_unique duplicate_import'
    ],
    'every planted fault is found by its own check'
);
select is(
    (select d.evidence ->> 'hint' from api.differences d where d.evidence ->> 'check' = 'lots_make_the_position'),
    reconcile.next_step('defect', 'internal'),
    'a defect says what to do'
);
select is((select count(*) from api.differences d where d.kind = 'internal' and d.status = 'open'), 10::bigint, 'the view shows the same');

select * from finish();
rollback;
