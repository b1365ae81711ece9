-- The rules that name a cause, one row of figures each: every rule, its tolerance from both sides, and the order where two of them fit.
begin;

create temporary table positions (
    what text, expected ingest.finding_cause, ours numeric, broker numeric, our_cost numeric, broker_cost numeric, our_lots integer, broker_lots integer,
    unknown_basis boolean, wash numeric, lots_differ boolean, unsettled numeric, repeated numeric[], splits numeric[], traded numeric[]
);
insert into positions
values
    ('equal in all', 'match', 100, 100, 1000, 1000, 1, 1, false, 0, false, null, null, null, null),
    ('the broker states no cost', 'match', 100, 100, 1000, null, 1, 0, false, 0, null, null, null, null, null),
    ('both flat', 'match', 0, 0, 0, null, 0, 0, false, 0, null, null, null, null, null),
    ('a quantity within the tolerance', 'match', 100.0001, 100, 1000, 1000, 1, 1, false, 0, false, null, null, null, null),
    ('an unknown basis before everything else', 'unknown_basis', 10, 10, null, 250, 1, 0, true, 0, null, null, null, null, null),
    ('an unknown basis that the broker does not state either', 'unknown_basis', 10, 10, null, null, 1, 0, true, 0, null, null, null, null, null),
    ('a cent on one lot', 'rounding', 3, 3, 100.01, 100.00, 1, 0, false, 0, null, null, null, null, null),
    ('two cents on two lots', 'rounding', 3, 3, 100.02, 100.00, 2, 1, false, 0, false, null, null, null, null),
    ('two cents on two lots of the broker', 'rounding', 3, 3, 100.02, 100.00, 1, 2, false, 0, false, null, null, null, null),
    ('two cents on one lot', 'basis_mismatch', 3, 3, 100.02, 100.00, 1, 1, false, 0, false, null, null, null, null),
    ('the deferral of another account', 'wash_sale_scope', 100, 100, 1000, 800, 1, 1, false, 200, false, null, null, null, null),
    ('the deferral, to a cent', 'wash_sale_scope', 100, 100, 1000.01, 800, 1, 1, false, 200, false, null, null, null, null),
    ('the deferral before other lots', 'wash_sale_scope', 100, 100, 1000, 800, 1, 1, false, 200, true, null, null, null, null),
    ('another amount than the deferral', 'basis_mismatch', 100, 100, 1000, 850, 1, 1, false, 200, false, null, null, null, null),
    ('other lots', 'lot_selection', 10, 10, 200, 100, 1, 1, false, 0, true, null, null, null, null),
    ('other cost, lots not stated', 'basis_mismatch', 10, 10, 200, 100, 1, 0, false, 0, null, null, null, null, null),
    ('other cost of the same lots', 'basis_mismatch', 10, 10, 100, 104.95, 1, 1, false, 0, false, null, null, null, null),
    ('a short, both negative', 'match', -30, -30, -359.70, -359.70, 1, 1, false, 0, false, null, null, null, null),
    ('a purchase not settled', 'settlement_timing', 25, 0, 250, null, 1, 0, false, 0, null, 25, null, null, '{25}'),
    ('a sale not settled', 'settlement_timing', 75, 100, 750, null, 1, 0, false, 0, null, -25, null, null, '{100,-25}'),
    ('on its way, but not that much', 'missing_history', 75, 110, 750, null, 1, 0, false, 0, null, -25, null, null, '{100,-25}'),
    ('unsettled before repeated', 'settlement_timing', 200, 100, 2000, 1000, 2, 0, false, 0, null, 100, '{100}', null, '{100}'),
    ('a row that stands twice', 'duplicate_import', 200, 100, 2000, 1000, 2, 0, false, 0, null, null, '{100,100,100}', null, '{100}'),
    ('a sale that stands twice', 'duplicate_import', 50, 75, 500, 750, 1, 0, false, 0, null, null, '{-25}', null, '{100,-25}'),
    ('twice the holding, but no row stands twice', 'unprocessed_split', 200, 100, 1000, 1000, 2, 0, false, 0, null, null, '{7}', null, '{200}'),
    ('a feed that was adjusted already', 'split_adjusted_history', 400, 200, 6000, 6000, 1, 0, false, 0, null, 0, null, '{2}', '{200}'),
    ('a split that was not booked', 'unprocessed_split', 100, 300, 6000, 6000, 1, 0, false, 0, null, null, null, null, '{100}'),
    ('a split of three for two', 'unprocessed_split', 101, 151.5, 600, 600, 1, 0, false, 0, null, null, null, null, '{101}'),
    ('a reverse split one for thirty', 'unprocessed_split', 100, 3.33333333, 600, null, 1, 0, false, 0, null, null, null, null, '{100}'),
    ('the ratio fits, the cost does not', 'missing_history', 30, 90, 300, 900, 1, 0, false, 0, null, null, null, null, '{40,-10}'),
    ('no usual ratio', 'missing_history', 100, 1100, 600, 600, 1, 0, false, 0, null, null, null, null, '{100}'),
    ('nothing at the broker is no split', 'unexplained', 100, 0, 600, 600, 1, 0, false, 0, null, null, null, '{2}', '{100}'),
    ('the other side', 'wrong_sign', 40, -40, 400, null, 1, 0, false, 0, null, null, null, null, '{40}'),
    ('one trade with the other sign', 'wrong_sign', 55, 25, 550, 250, 2, 0, false, 0, null, null, null, null, '{15,40}'),
    ('fewer than the broker', 'missing_history', 30, 91, 300, 910, 1, 0, false, 0, null, null, null, null, '{40,-10}'),
    ('none of what the broker holds', 'missing_history', 0, 12, 0, 100, 0, 0, false, 0, null, null, null, null, null),
    ('more than the broker', 'unexplained', 100, 93, 1000, 930, 1, 0, false, 0, null, null, null, null, '{100}'),
    ('a quantity beyond the tolerance', 'unexplained', 100.0002, 100, 1000, 1000, 1, 1, false, 0, false, null, null, null, null);

create temporary table balances (
    what text, expected ingest.finding_cause, ours numeric, broker numeric, missing_opening numeric, unsettled numeric, repeated numeric[], has_gap boolean
);
insert into balances
values
    ('equal', 'match', 100.50, 100.5, null, null, null, false),
    ('a cent', 'rounding', 100.01, 100, null, null, null, false),
    ('a fraction of a cent', 'rounding', 100.004, 100, 500, null, null, true),
    ('what the first statement opened with', 'opening_balance', 100, 600, 500, null, null, true),
    ('a debt at the opening', 'opening_balance', 100, -400, -500, null, null, false),
    ('the opening before what is on its way', 'opening_balance', 100, 600, 500, -500, null, false),
    ('a sale not settled', 'settlement_timing', 600, 100, null, 500, null, false),
    ('the opening is there already', 'unexplained', 100, 600, 0, null, null, false),
    ('a dividend that stands twice', 'duplicate_import', 112.34, 100, null, null, '{12.34,12.34}', true),
    ('a hole in the history', 'missing_history', 100, 600, 200, null, null, true),
    ('nothing of that', 'unexplained', 100, 600, 200, 7, '{3}', false);

select plan((select count(*) from positions)::integer + (select count(*) from balances)::integer + 19);

select is(
    reconcile.position_cause(
        p.ours, p.broker, p.our_cost, p.broker_cost, p.our_lots, p.broker_lots, p.unknown_basis, p.wash, p.lots_differ, p.unsettled, p.repeated,
        p.splits, p.traded
    ),
    p.expected,
    p.what
)
from positions p;

select is(reconcile.cash_cause(b.ours, b.broker, b.missing_opening, b.unsettled, b.repeated, b.has_gap), b.expected, b.what)
from balances b;

select is(reconcile.missing_split_ratio(3, 2), null, 'two for three is not among the usual ratios');
select is(reconcile.missing_split_ratio(100, 20), 0.2, 'one for five');
select ok(reconcile.missing_split_ratio(0, 20) is null, 'nothing cannot be split');
select is(reconcile.cost_tolerance(0, 0), 0.01, 'a cent without lots');
select is(reconcile.cost_tolerance(3, 7), 0.07, 'a cent for each lot of the side that has more');

select ok(
    not reconcile.lots_differ('[{"acquired_on": "2024-01-02", "quantity": "10"}]', '[{"acquired_on": "2024-01-02", "quantity": "4"}, {"acquired_on": "2024-01-02", "quantity": "6"}]'),
    'pieces of one day are one lot to a broker'
);
select ok(
    reconcile.lots_differ('[{"acquired_on": "2024-02-01", "quantity": "10"}]', '[{"acquired_on": "2024-01-02", "quantity": "10"}]'),
    'another day'
);
select ok(
    reconcile.lots_differ('[{"acquired_on": "2024-01-02", "quantity": "9"}]', '[{"acquired_on": "2024-01-02", "quantity": "10"}]'),
    'another quantity'
);
select ok(reconcile.lots_differ('[]', null) is null, 'no list of the broker''s, no opinion');

select is(
    (
        select array_agg(c order by c)
        from unnest(enum_range(null::ingest.finding_cause)) c
        where reconcile.is_harmless(c)
    ),
    '{rounding,wash_sale_scope,settlement_timing}'::ingest.finding_cause[],
    'these need nothing done'
);
select is_empty(
    $$
        select c, k
        from unnest(enum_range(null::ingest.finding_cause)) c
        cross join unnest(enum_range(null::ingest.finding_kind)) k
        where length(coalesce(reconcile.next_step(c, k), '')) < 20
    $$,
    'every cause says what to do'
);
select isnt(reconcile.next_step('missing_history', 'cash'), reconcile.next_step('missing_history', 'position'), 'missing cash is not missing shares');

select is(reconcile.money_text(12), '12.00', 'money has two decimals');
select is(reconcile.money_text(12.5), '12.50', 'also where one was given');
select is(reconcile.money_text(12.34500), '12.345', 'no more than it needs');
select is(reconcile.money_text(-0.004), '-0.004', 'and no fewer');
select is(reconcile.money_text(null), null, 'unknown stays unknown');
select is(reconcile.money_text(12.5000000000000000001), '12.5000000000000000001', 'digit for digit');
select is(reconcile.quantity_tolerance(), 0.0001, 'a ten-thousandth of a unit');

select * from finish();
rollback;
