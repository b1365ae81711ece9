-- What events that are no plain trades ask of the event loop: each kind is a function of its row and the holding, tried here without a book.
begin;
select plan(44);

create function pg_temp.facts(p_kind tax.event_kind, p_changed jsonb default '{}')
returns tax.event_facts
language sql
as $$
    select jsonb_populate_record(
        row(
            p_kind, '2024-05-06', 'lifo', null, 10, 0, false, false, 1, 2, null, null, null, null, 1, 8, 1, false, false, false
        )::tax.event_facts,
        p_changed
    )
$$;

create function pg_temp.asked(p_facts tax.event_facts, p_detail jsonb default '{}', p_partner jsonb default '{}')
returns jsonb
language sql
as $$
    select to_jsonb(tax.plan_event(
        p_facts,
        jsonb_populate_record(null::tax.event_detail, '{"rate": 1, "costs": 0, "native_costs": 0, "taxable": false}' || p_detail),
        jsonb_populate_record(null::tax.event_partner, p_partner)
    ))
$$;

create function pg_temp.told(p_plan jsonb, variadic p_names text[])
returns text
language sql
as $$
    select string_agg(coalesce(p_plan ->> n.name, '-'), ' ' order by n.place)
    from unnest(p_names) with ordinality n (name, place)
$$;

-- Pools
select is(tax.pool_of(1, 1, 'long', 3), 1, 'the first pool is the long one of the first account and instrument');
select is(tax.pool_of(2, 3, 'short', 3), 12, 'the short pool follows the long one');
select is(tax.pool_of(1, null, 'long', 3), null, 'of no instrument there is no pool');

-- Departures (E.1, E.6, E.8)
select is(
    pg_temp.told(pg_temp.asked(pg_temp.facts('gift_out', '{"units": 4}')), 'outcome', 'units', 'from_pool', 'method', 'amount', 'problem'),
    'leave 4 1 lifo - -', 'a gift leaves by the method of the account, for nothing'
);
select is(
    pg_temp.told(pg_temp.asked(pg_temp.facts('transfer_out')), 'outcome', 'units', 'problem_code', 'problem'),
    'close 0 missing_terms The row says that units went out, but not how many.', 'without a number nothing leaves, and that is said'
);
select is(
    pg_temp.told(
        pg_temp.asked(pg_temp.facts('transfer_out', '{"units": 4, "partner_long_pool": 5, "partner_short_pool": 6}'), '{"position_effect": "auto"}', '{"kind": "transfer"}'),
        'outcome', 'from_pool', 'target_pool', 'loses_cover'
    ),
    'move 1 5 false', 'a transfer between own accounts moves lots and their cover'
);
select is(
    pg_temp.told(
        pg_temp.asked(
            pg_temp.facts('transfer_out', '{"units": 4, "partner_long_pool": 5, "partner_short_pool": 6, "long_is_flat": true, "partner_is_short": true}'),
            '{"position_effect": "auto"}', '{"kind": "transfer"}'
        ),
        'outcome', 'from_pool', 'target_pool', 'method'
    ),
    'move 6 2 fifo', 'a short position goes out where it arrives, oldest first'
);
select is(
    pg_temp.told(
        pg_temp.asked(pg_temp.facts('transfer_out', '{"units": 4, "partner_long_pool": 5, "is_digital": true}'), '{"covered": true}', '{"kind": "transfer"}'),
        'loses_cover'
    ),
    'true', 'a digital asset that moves loses its cover'
);
select is(
    pg_temp.told(
        pg_temp.asked(pg_temp.facts('transfer_out', '{"units": 4, "partner_long_pool": 5}'), '{"covered": true}', '{"kind": "transfer", "covered": false}'),
        'loses_cover'
    ),
    'true', 'what the arriving row says of cover comes before what the leaving one says'
);

-- Options (D.2, D.3, I.4)
select is(
    pg_temp.told(pg_temp.asked(pg_temp.facts('option_expiration'), '{"costs": 1.5, "native_costs": 1.5}'), 'side', 'units', 'closing_kind', 'outcome', 'amount', 'price'),
    'long 10 expire close_held -1.5 0', 'a bought option is sold for nothing, less what it costs'
);
select is(
    pg_temp.told(pg_temp.asked(pg_temp.facts('option_expiration', '{"held_long": 0, "held_short": 3}'), '{"costs": 1.5, "native_costs": 1.5}'), 'side', 'units', 'from_pool', 'method', 'amount'),
    'short 3 2 fifo 1.5', 'a written one is bought back for what it costs, oldest first'
);
select is(
    pg_temp.told(pg_temp.asked(pg_temp.facts('option_expiration', '{"held_short": 3}')), 'side', 'units', 'second_pool', 'second_units', 'second_amount'),
    'long 10 2 3 0', 'if both are open, the written ones are a second job'
);
select is(
    pg_temp.told(pg_temp.asked(pg_temp.facts('option_expiration', '{"held_long": 0}')), 'units', 'problem_code'),
    '0 unknown_direction', 'without a sign and a holding nobody knows which side expired'
);
select is(
    pg_temp.told(pg_temp.asked(pg_temp.facts('option_expiration', '{"units": 2, "held_long": 0}'), '{"quantity": 2}'), 'side', 'units', 'problem'),
    'short 2 -', 'a stated sign decides'
);
select is(
    pg_temp.told(pg_temp.asked(pg_temp.facts('option_exercise', '{"underlying_pool": 7}'), '{"exercise_settlement": "derived"}'), 'side', 'outcome', 'target_pool', 'method'),
    'long exercise 7 lifo', 'an exercise goes into the shares of the underlying'
);
select is(
    pg_temp.told(pg_temp.asked(pg_temp.facts('option_assignment', '{"held_short": 2, "underlying_pool": 7}')), 'side', 'outcome', 'units', 'method'),
    'short exercise 2 fifo', 'an assignment is of a written option'
);
select is(
    pg_temp.told(
        pg_temp.asked(pg_temp.facts('option_exercise', '{"held_long": 0, "partner_long_pool": 9, "deliverable": 100}'), '{"exercise_settlement": "linked"}', '{"kind": "exercise", "units": 300}'),
        'outcome', 'target_pool', 'units', 'problem_code'
    ),
    'exercise 9 3.0000000000000000 unknown_direction', 'the shares of a linked row move although no option is held'
);
select is(
    pg_temp.told(pg_temp.asked(pg_temp.facts('option_exercise', '{"underlying_pool": 7}'), '{"exercise_settlement": "linked"}'), 'closing_kind', 'outcome', 'problem'),
    'expire close_held The shares of this exercise or assignment are not known; until they are, the option counts as expired.',
    'without its shares an exercise counts as expired'
);
select is(
    pg_temp.told(
        pg_temp.asked(pg_temp.facts('option_exercise'), '{"exercise_settlement": "cash", "amount": 12.34, "native_amount": 12.34, "costs": 0.34, "native_costs": 0.34}'),
        'closing_kind', 'outcome', 'amount', 'native_amount'
    ),
    'sale close_held 12.00 12.00', 'an exercise settled in cash is a sale'
);
select is(
    pg_temp.told(
        pg_temp.asked(
            pg_temp.facts('option_assignment', '{"held_short": 1}'),
            '{"exercise_settlement": "cash", "amount": 12.34, "native_amount": 12.34, "costs": 0.34, "native_costs": 0.34}'
        ),
        'closing_kind', 'from_pool', 'amount'
    ),
    'cover 2 12.68', 'an assignment settled in cash is a purchase back'
);

-- Delivery of held shares (A.11)
select is(
    pg_temp.told(pg_temp.asked(pg_temp.facts('delivery', '{"held_short": 6}')), 'units', 'outcome', 'method', 'problem'),
    '6 deliver lifo -', 'as many as are both held and short'
);
select is(
    pg_temp.told(pg_temp.asked(pg_temp.facts('delivery', '{"units": 8, "held_short": 6}')), 'units', 'problem_code', 'problem'),
    '6 pick_exceeds_holding Of 8 units to deliver only 6 are both held and short.', 'more than that is said'
);

-- Mergers for cash (C.6)
select is(
    pg_temp.told(pg_temp.asked(pg_temp.facts('merger_cash'), '{"price": 12.5, "costs": 1, "native_costs": 1}'), 'closing_kind', 'units', 'amount', 'method', 'outcome'),
    'merger_cash 10 124.00 fifo close', 'the whole holding is sold at the price, less costs'
);
select is(
    pg_temp.told(pg_temp.asked(pg_temp.facts('merger_cash', '{"units": 4}'), '{"quantity": -4, "price": 12.5}'), 'units', 'amount', 'method'),
    '4 50.00 lifo', 'a part is chosen by the method'
);
select is(
    pg_temp.told(pg_temp.asked(pg_temp.facts('merger_cash', '{"held_long": 0, "held_short": 2}'), '{"price": 12.5, "costs": 1, "native_costs": 1}'), 'side', 'from_pool', 'amount'),
    'short 2 26.00', 'a short is covered at the price, with costs'
);
select is(
    pg_temp.told(pg_temp.asked(pg_temp.facts('merger_cash', '{"held_short": 2}'), '{"price": 12.5}'), 'side', 'second_pool', 'second_units', 'second_amount'),
    'long 2 2 25.00', 'if both sides are open, the short is a second job'
);
select is(
    pg_temp.told(pg_temp.asked(pg_temp.facts('merger_cash'), '{"price": 12.5, "rate": null}'), 'problem_code', 'is_unrated', 'amount'),
    'unknown_rate true -', 'without a rate the amount stays open'
);

-- Fractions, marks, capital (B.6, B.7, D.7)
select is(
    pg_temp.told(pg_temp.asked(pg_temp.facts('cash_in_lieu', '{"held_long": 10.25}'), '{"amount": 5, "native_amount": 5}'), 'units', 'closing_kind', 'amount', 'price', 'method'),
    '0.25 cash_in_lieu 5 20.0000000000000000 lifo', 'the fraction that is held is sold by the method'
);
select is(
    pg_temp.told(pg_temp.asked(pg_temp.facts('cash_in_lieu'), '{"amount": 5}'), 'units', 'problem'),
    '0 Cash for a fraction of a share, but no fraction is held and the row names none.', 'of whole shares there is no fraction'
);
select is(
    pg_temp.told(pg_temp.asked(pg_temp.facts('mark_to_market')), 'concerns_whole_pools', 'problem'),
    'false The year-end value is not stated.', 'a mark needs a value'
);
select is(
    pg_temp.told(pg_temp.asked(pg_temp.facts('return_of_capital'), '{"amount_per_share": 0.5, "rate": null}'), 'concerns_whole_pools', 'is_unrated', 'problem'),
    'true true -', 'capital returned at an unknown rate lowers the cost in the trading currency, and leaves the basis open'
);

-- Exchanges (C.2 to C.8)
select is(
    pg_temp.told(pg_temp.asked(pg_temp.facts('stock_dividend'), '{"ratio_numerator": 0.05, "ratio_denominator": 1}'), 'ratio_numerator', 'ratio_denominator', 'concerns_whole_pools'),
    '1.05000000000000000000 1 true', 'a stock dividend comes beside the unit that stays'
);
select is(
    pg_temp.told(pg_temp.asked(pg_temp.facts('split'), '{"stated_quantity": 5}', '{"kind": "cash_in_lieu", "units": 0.5}'), 'ratio_numerator', 'ratio_denominator'),
    '15.50000000000000000000 10', 'a ratio that is not stated is that of the broker''s figures, the fraction included'
);
select is(
    pg_temp.told(pg_temp.asked(pg_temp.facts('merger_stock'), '{"ratio_numerator": 1, "ratio_denominator": 2}'), 'concerns_whole_pools', 'problem'),
    'false The row does not say what the holding became.', 'a merger must say into what'
);

-- Ratios out of rounded units (C.2)
select is(tax.simple_ratio(23.456778, 2.345678, 0.00005), array[10, 1]::numeric[], 'ten for one, cut to four decimals');
select is(tax.simple_ratio(6.6667, 10, 0.0005), array[2, 3]::numeric[], 'two for three, rounded');
select is(tax.simple_ratio(4.137, 10, 0.0005), null, 'what is no simple ratio stays');
select is(tax.simple_ratio(5, 55, 0.0005), array[1, 11]::numeric[], 'whole units are exact');
select is(
    pg_temp.told(pg_temp.asked(pg_temp.facts('split', '{"held_long": 2.345678}'), '{"stated_quantity": 21.1111}'), 'ratio_numerator', 'ratio_denominator'),
    '10.00000000000000000000 1', 'added shares that were cut give the ratio that was meant'
);
select is(
    pg_temp.told(
        pg_temp.asked(pg_temp.facts('symbol_change', '{"new_instrument": 2, "held_long": 3.333333}'), '{"stated_quantity": -3.333, "stated_new_quantity": 1.667}'),
        'ratio_numerator', 'ratio_denominator'
    ),
    '1.00000000000000000000 2', 'so do units of before and after'
);
select is(
    pg_temp.told(
        pg_temp.asked(pg_temp.facts('symbol_change', '{"new_instrument": 2, "held_long": 3.333}'), '{"stated_quantity": -3.333, "stated_new_quantity": 1.667}'),
        'ratio_numerator', 'ratio_denominator'
    ),
    '1.66700000000000000000 3.333', 'a broker that keeps no more decimals than it prints is taken at its word'
);
select is(
    pg_temp.told(
        pg_temp.asked(
            pg_temp.facts('split', '{"held_long": 2.345678}'),
            '{"stated_quantity": 21.1111, "ratio_numerator": 23456778, "ratio_denominator": 2345678}'
        ),
        'ratio_numerator', 'ratio_denominator'
    ),
    '10.00000000000000000000 1', 'a ratio that an importer took out of units is no better than they are'
);

-- Arrivals (E.3, E.5, E.8, A.10)
select is(
    to_jsonb(tax.read_arrival(
        pg_temp.facts('gift_in', '{"units": 3}'),
        jsonb_populate_record(null::tax.event_detail, '{"rate": 1, "donor_basis": 400, "donor_acquired_on": "2020-02-29", "market_value": 99.99}'), null
    )),
    '{"cost": 400.00, "native": 400.00, "acquired": "2020-02-29", "arrived": "2024-05-06", "gift_basis": 99.99, "gift_on": "2024-05-06", "is_covered": false, "is_inherited": null}',
    'a gift below the donor''s basis carries two'
);
select is(
    to_jsonb(tax.read_arrival(
        pg_temp.facts('transfer_in', '{"units": 3}'), jsonb_populate_record(null::tax.event_detail, '{"rate": 1, "supplied_basis": 10}'),
        jsonb_populate_record(null::tax.event_partner, '{"later_basis": 222.222, "later_acquired_on": "2022-03-04"}')
    )),
    '{"cost": 222.22, "native": 222.22, "acquired": "2022-03-04", "arrived": "2024-05-06", "gift_basis": null, "gift_on": null, "is_covered": null, "is_inherited": null}',
    'what is supplied later comes before what came with the shares'
);

select * from finish();
rollback;
