-- The shared catalogue: what exists is no secret, but who holds what is. A person sees the instruments that the person's rows use.
begin;
select plan(13);
select tests.fixture_two_tenants();
insert into core.instruments (symbol, instrument_type, currency)
values ('ZQNOBODY', 'stock', 'USD');
insert into core.market_data (instrument_id, interval, as_of, close, source)
select i.id, '1d', now(), 10, 'test'
from core.instruments i
where i.symbol = 'ZQBOB';

select tests.become('ann');
select results_eq(
    $$select i.symbol from core.instruments i where i.symbol like 'ZQ%' order by 1$$, array['ZQANN', 'ZQANN~2'], 'a person sees the instruments used'
);
select tests.become('bob');
select results_eq(
    $$select i.symbol from core.instruments i where i.symbol like 'ZQ%' order by 1$$, array['ZQBOB', 'ZQBOB~2'], 'and another person others'
);
select tests.become_readonly('bob');
select results_eq(
    $$select i.symbol from core.instruments i where i.symbol like 'ZQ%' order by 1$$, array['ZQBOB', 'ZQBOB~2'], 'a reader sees the same'
);
select isnt_empty('select from core.market_data', 'prices are read by everybody who is signed in');
select throws_ok('delete from core.market_data', '42501', null, 'and written by nobody');
select tests.become_role('quantmatrix_user', '');
select is_empty('select from core.instruments', 'nobody sees nothing');
select tests.become_anon();
select throws_ok('select from core.instruments', '42501', null, 'an anonymous request has no right to look');
select throws_ok('select from core.market_data', '42501', null, 'nor at prices');
select tests.become('ann');
select throws_ok(
    $$insert into core.instruments (symbol, instrument_type, currency) values ('X', 'stock', 'USD')$$, '42501', null,
    'a person adds nothing to the catalogue directly'
);
select throws_ok($$update core.instruments set name = 'mine'$$, '42501', null, 'nor renames anything');
select tests.become_role('quantmatrix_admin', json_build_object('role', 'quantmatrix_admin', 'sub', tests.user_id('ann'))::text);
select throws_ok($$update core.instruments set name = 'mine'$$, '42501', null, 'an administrator neither, directly');

select tests.reset();
grant quantmatrix_engine to authenticator;
select tests.become_role('quantmatrix_engine', '');
select is(
    tests.attempt($$insert into core.instruments (symbol, instrument_type, currency) values ('ZQNEW', 'stock', 'USD')$$), '1',
    'the engine adds an identity'
);
select is(tests.attempt($$update core.instruments set name = 'x'$$), '42501', 'and changes none');
select tests.reset();

select * from finish();
rollback;
