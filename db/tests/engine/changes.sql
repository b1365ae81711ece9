-- Whatever lots depend on rebuilds them in the same transaction, and what goes leaves nothing behind.
begin;
select plan(36);

create function pg_temp.person(p_email text)
returns uuid
language sql
as $$
    insert into core.users (email) values (p_email) returning id
$$;

create temporary table book as
select pg_temp.person('changes@example.test') as user_id;
insert into core.accounts (user_id, id, broker, account_number, name, allow_short)
select user_id, a, 'test', a::text, a::text, null from book, generate_series(1, 2) a;
insert into core.instruments (id, symbol, instrument_type, currency)
overriding system value
values (9000001, 'ENG.A', 'stock', 'USD'), (9000002, 'ENG.B', 'stock', 'USD'), (9000004, 'ENG.F', 'fund', 'USD');
insert into core.instruments (id, symbol, instrument_type, currency, multiplier, underlying_id, option_type, strike, expiration)
overriding system value
values (9000003, 'ENG.A 240621C00050000', 'option', 'USD', 100, 9000001, 'call', 50, '2024-06-21');

create function pg_temp.trade(p_id bigint, p_type core.transaction_type, p_day date, p_quantity numeric, p_price numeric, p_instrument bigint default 9000001, p_account bigint default 1)
returns void
language sql
as $$
    insert into core.transactions (user_id, id, account_id, instrument_id, transaction_type, source, dedupe_key, trade_date, sequence, quantity, price, currency)
    select user_id, p_id, p_account, p_instrument, p_type, 'test', p_id::text, p_day, p_id, p_quantity, p_price, 'USD' from book
$$;

create function pg_temp.lots()
returns text
language sql
as $$
    select coalesce(string_agg(
        concat_ws(' ', l.opening_transaction_id, l.account_id, l.instrument_id - 9000000, l.side, trim_scale(l.quantity_remaining), l.cost_remaining, l.holding_start),
        '; ' order by l.opening_transaction_id, l.account_id, l.piece
    ), '')
    from core.tax_lots l join book using (user_id)
    where l.closed_at is null
$$;

create function pg_temp.gains()
returns text
language sql
as $$
    select coalesce(string_agg(
        concat_ws(' ', c.closing_transaction_id, c.kind, trim_scale(c.quantity), c.proceeds, c.basis, c.disallowed, c.term), '; ' order by c.closing_transaction_id, c.ordinal
    ), '')
    from tax.closings c join book using (user_id)
$$;

-- Transactions
select pg_temp.trade(1, 'buy', '2024-01-10', 100, 10);
select is(pg_temp.lots(), '1 1 1 long 100 1000.00 2024-01-10', 'an insert makes its lot');
select pg_temp.trade(2, 'sell', '2024-03-15', -40, 15);
select is(pg_temp.gains(), '2 sale 40 600.00 400.00 0 short', 'a sale makes its closing');
update core.transactions set price = 11 where id = 1 and user_id = (select user_id from book);
select is(pg_temp.gains(), '2 sale 40 600.00 440.00 0 short', 'a corrected price moves the gain');
update core.transactions set instrument_id = 9000002 where id = 2 and user_id = (select user_id from book);
select is(pg_temp.lots(), '1 1 1 long 100 1100.00 2024-01-10', 'a row that moves to another instrument leaves the old one');
select is(pg_temp.gains(), '2 unmatched 40 600.00 0 unknown', 'and is unmatched in the new one, for the account may not short');
select is(
    (select concat_ws(' ', quantity, unmatched_quantity, open_lots) from core.positions join book using (user_id) where instrument_id = 9000002),
    '-40 40 0', 'position = open lots - unmatched'
);
update core.transactions set instrument_id = 9000001 where id = 2 and user_id = (select user_id from book);
select is_empty($$select 1 from core.positions p join book using (user_id) where instrument_id = 9000002$$, 'no position stays where nothing moved');
select is_empty(
    $$select 1 from tax.instrument_groups g join book using (user_id) where instrument_id = 9000002$$, 'and the instrument is forgotten'
);
delete from core.transactions where id = 2 and user_id = (select user_id from book);
select is(pg_temp.lots() || pg_temp.gains(), '1 1 1 long 100 1100.00 2024-01-10', 'a deleted sale gives the lot back');

-- Accounts and persons
select pg_temp.trade(3, 'sell', '2024-03-15', -150, 15);
select is(pg_temp.gains(), '3 sale 100 1500.00 1100.00 0 short; 3 unmatched 50 750.00 0 unknown', 'beyond the holding: unmatched');
update core.accounts set allow_short = true where id = 1 and user_id = (select user_id from book);
select is(pg_temp.lots(), '3 1 1 short 50 750.00 2024-03-15', 'an account that may short opens a short');
update core.accounts set account_type = 'ira' where id = 1 and user_id = (select user_id from book);
select is((select bool_or(taxable) from tax.closings join book using (user_id)), false, 'the type of the account reaches its closings');
update core.accounts set account_type = 'taxable', allow_short = null where id = 1 and user_id = (select user_id from book);
delete from core.transactions where id = 3 and user_id = (select user_id from book);
select pg_temp.trade(4, 'buy', '2024-02-10', 10, 20);
select pg_temp.trade(5, 'sell', '2024-03-15', -10, 15);
update core.accounts set lot_method = 'hifo' where id = 1 and user_id = (select user_id from book);
select is(pg_temp.gains(), '5 sale 10 150.00 200.00 0 short', 'the account''s method');
update core.accounts set lot_method = null where id = 1 and user_id = (select user_id from book);
update core.users set default_lot_method = 'lifo' where id = (select user_id from book);
select is(pg_temp.gains(), '5 sale 10 150.00 200.00 0 short', 'the person''s method');
update core.users set default_lot_method = 'fifo' where id = (select user_id from book);
select is(pg_temp.gains(), '5 sale 10 150.00 110.00 0 short', 'and back');
insert into tax.lot_method_elections (user_id, account_id, instrument_id, method, effective_from)
select user_id, 1, 9000001, 'lofo', '2024-03-16' from book;
select is(pg_temp.gains(), '5 sale 10 150.00 110.00 0 short', 'an election counts from its day on');
update tax.lot_method_elections set effective_from = '2024-03-15', method = 'hifo' where user_id = (select user_id from book);
select is(pg_temp.gains(), '5 sale 10 150.00 200.00 0 short', 'an election for the instrument');
delete from tax.lot_method_elections where user_id = (select user_id from book);
select is(pg_temp.gains(), '5 sale 10 150.00 110.00 0 short', 'and without it');
select throws_like(
    $$insert into tax.lot_method_elections (user_id, account_id, instrument_id, method, effective_from) select user_id, 1, 9000001, 'average', '2024-01-01' from book$$,
    'average basis is not allowed for ENG.A', 'average basis is refused for plain stock'
);

-- Picks, terms, links, facts
insert into tax.lot_picks (user_id, transaction_id, pick_order, opening_transaction_id, quantity) select user_id, 5, 1, 4, 10 from book;
select is(pg_temp.gains(), '5 sale 10 150.00 200.00 0 short', 'a lot named');
select throws_like(
    $$update tax.lot_picks set quantity = 11 where user_id = (select user_id from book)$$, '%names 11 units%', 'more than is held is refused'
);
update tax.lot_picks set identified_at = '2024-03-21' where user_id = (select user_id from book);
select is(pg_temp.gains(), '5 sale 10 150.00 110.00 0 short', 'named after settlement: not applied');
select is((select string_agg(code::text, ' ') from tax.notices join book using (user_id)), 'late_identification', 'but noticed');
delete from tax.lot_picks where user_id = (select user_id from book);
insert into tax.transaction_terms (user_id, transaction_id, fx_rate) select user_id, 5, 2 from book;
select is(pg_temp.gains(), '5 sale 10 300.00 110.00 0 short', 'a rate in the terms');
delete from tax.transaction_terms where user_id = (select user_id from book);
select is(pg_temp.gains(), '5 sale 10 150.00 110.00 0 short', 'and without it');

select pg_temp.trade(6, 'buy', '2024-03-20', 10, 16);
select pg_temp.trade(7, 'sell', '2024-04-20', -105, 9);
select pg_temp.trade(8, 'buy', '2024-05-01', 30, 9, 9000002);
select is(
    (select count(distinct group_id) from tax.instrument_groups join book using (user_id)), 2::bigint, 'two stocks are two groups'
);
insert into tax.instrument_facts (user_id, instrument_id, identical_group) select user_id, i, 'same' from book, unnest(array[9000001, 9000002]) i;
select is((select count(distinct group_id) from tax.instrument_groups join book using (user_id)), 1::bigint, 'declared identical they are one');
select isnt_empty($$select 1 from tax.wash_matches join book using (user_id)$$, 'and wash each other''s losses');
delete from tax.instrument_facts where user_id = (select user_id from book);
select is_empty($$select 1 from tax.wash_matches join book using (user_id)$$, 'no longer declared: no longer washed');
select is((select count(distinct group_id) from tax.instrument_groups join book using (user_id)), 2::bigint, 'and two groups again');

-- Verification sees what somebody else wrote
select is_empty($$select * from book, lateral tax.verify(user_id)$$, 'what is stored is what is derived');
update core.tax_lots set cost_remaining = cost_remaining + 0.01 where closed_at is null and user_id = (select user_id from book);
select isnt_empty($$select * from book, lateral tax.verify(user_id)$$, 'one cent more is seen');
select ok((select tax.rebuild_all(user_id) > 0 from book), 'and put right');

-- What goes leaves nothing behind
select pg_temp.trade(9, 'buy', '2024-05-02', 5, 9, 9000004, 2);
delete from core.accounts where id = 2 and user_id = (select user_id from book);
select is(
    (select count(*) from core.tax_lots join book using (user_id) where account_id = 2) + (select count(*) from core.positions join book using (user_id) where account_id = 2),
    0::bigint, 'a deleted account leaves no lot and no position'
);
select is_empty($$select * from book, lateral tax.verify(user_id)$$, 'the rest is right');
delete from core.users where id = (select user_id from book);
select is(
    (select sum(n) from (
        select count(*) as n from core.tax_lots join book using (user_id)
        union all
        select count(*) from core.positions join book using (user_id)
        union all
        select count(*) from tax.closings join book using (user_id)
        union all
        select count(*) from tax.wash_matches join book using (user_id)
        union all
        select count(*) from tax.notices join book using (user_id)
        union all
        select count(*) from tax.lot_state join book using (user_id)
        union all
        select count(*) from tax.instrument_groups join book using (user_id)
        union all
        select count(*) from tax.rebuild_state join book using (user_id)
    ) c),
    0::numeric, 'a deleted person leaves nothing'
);

select * from finish();
rollback;
