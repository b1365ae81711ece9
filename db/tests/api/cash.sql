-- Cash: what each kind of row does to which balance, and the broker's figure beside it.
begin;

select plan(9);
select tests.create_user('ann');
create function pg_temp.add(p_row jsonb)
returns bigint
language sql
as $$
    select t.id
    from api.transaction_add('{"account": "U1", "trade_date": "2024-01-02"}' || p_row, 'a test') t
$$;
select tests.become('ann');
select lives_ok($$ select api.account_add('ibkr', 'U1') $$, 'an account');
select is((select count(*) from api.cash), 0::bigint, 'no money yet');
select lives_ok($$ select pg_temp.add('{"transaction_type": "deposit", "net_amount": "1000.005"}') $$, 'a deposit, as it was sent');
select lives_ok(
    $$ select pg_temp.add('{"transaction_type": "buy", "symbol": "SAP", "instrument_currency": "EUR", "quantity": "2", "price": "100", "commission": "-1.5", "terms": {"fee_currency": "USD", "fx_rate": "1.1"}}') $$,
    'a purchase in euros whose costs are charged in dollars'
);
select lives_ok(
    $$ select pg_temp.add('{"transaction_type": "fx_conversion", "symbol": "EUR", "quantity": "300", "net_amount": "-330.25", "currency": "USD"}') $$,
    'euros bought for dollars'
);
select lives_ok(
    $$ select pg_temp.add('{"transaction_type": "dividend", "symbol": "SAP", "net_amount": "7", "currency": "EUR", "trade_date": "2024-03-01"}') $$,
    'a dividend in euros'
);
select is(
    (select array_agg(c.currency || ' ' || c.amount || ' ' || c.movements || ' ' || c.last_movement_on order by c.currency) from api.cash c),
    array['EUR 107 3 2024-03-01', 'USD 668.255 3 2024-01-02'],
    'every movement in its own currency'
);
select is(
    (select sum(m.amount) from reconcile.cash_movements m where m.currency = 'USD'),
    668.255,
    'the view and the movements are one figure'
);
select is(
    (select count(*) from api.holdings h where h.symbol = 'EUR'),
    0::bigint,
    'a currency is cash, not a holding'
);

select * from finish();
rollback;
