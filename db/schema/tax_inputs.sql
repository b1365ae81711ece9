-- What the lot engine reads about a transaction beyond its row: typed and checked. Written by people's own functions, never by the engine.

create table tax.transaction_terms (
    user_id uuid not null,
    transaction_id bigint not null,
    fx_rate numeric,
    fee_currency text,
    fee_fx_rate numeric,
    ratio_numerator numeric,
    ratio_denominator numeric,
    fraction_handling tax.fraction_handling,
    cash_in_lieu numeric,
    new_instrument_id bigint,
    basis_fraction numeric,
    cash_per_share numeric,
    value_per_new_share numeric,
    amount_per_share numeric,
    taxable boolean,
    supplied_basis numeric,
    supplied_acquired_on date,
    donor_basis numeric,
    donor_acquired_on date,
    market_value numeric,
    covered boolean,
    accrued_interest numeric,
    lot_method core.lot_method,
    stated_quantity numeric,
    stated_new_quantity numeric,
    exercise_settlement tax.exercise_settlement,
    constraint transaction_terms_pkey primary key (user_id, transaction_id),
    constraint transaction_terms_belong_to_a_transaction foreign key (user_id, transaction_id)
        references core.transactions (user_id, id) on delete cascade,
    constraint transaction_terms_new_instrument_exists foreign key (new_instrument_id) references core.instruments (id),
    constraint transaction_terms_rates_are_positive check (
        fx_rate > 0
        and fx_rate < 'Infinity'
        and fee_fx_rate > 0
        and fee_fx_rate < 'Infinity'
    ),
    constraint transaction_terms_fee_currency_is_a_code check (fee_currency ~ '^[A-Z]{3,5}$'),
    constraint transaction_terms_ratio_is_complete check ((ratio_numerator is null) = (ratio_denominator is null)),
    constraint transaction_terms_ratio_is_positive check (
        ratio_numerator > 0
        and ratio_numerator < 'Infinity'
        and ratio_denominator > 0
        and ratio_denominator < 'Infinity'
    ),
    constraint transaction_terms_basis_fraction_is_a_share check (basis_fraction between 0 and 1),
    constraint transaction_terms_amounts_are_not_negative check (
        least(cash_per_share, value_per_new_share, amount_per_share, supplied_basis, donor_basis, market_value) >= 0
        and greatest(cash_per_share, value_per_new_share, amount_per_share, supplied_basis, donor_basis, market_value) < 'Infinity'
    ),
    constraint transaction_terms_numbers_are_of_possible_size check (
        fx_rate between -1e30 and 1e30
        and fee_fx_rate between -1e30 and 1e30
        and ratio_numerator between -1e30 and 1e30
        and ratio_denominator between -1e30 and 1e30
        and cash_in_lieu between -1e30 and 1e30
        and basis_fraction between -1e30 and 1e30
        and cash_per_share between -1e30 and 1e30
        and value_per_new_share between -1e30 and 1e30
        and amount_per_share between -1e30 and 1e30
        and supplied_basis between -1e30 and 1e30
        and donor_basis between -1e30 and 1e30
        and market_value between -1e30 and 1e30
        and accrued_interest between -1e30 and 1e30
        and stated_quantity between -1e30 and 1e30
        and stated_new_quantity between -1e30 and 1e30
        and greatest(scale(fx_rate), scale(fee_fx_rate), scale(ratio_numerator), scale(ratio_denominator), scale(cash_in_lieu), scale(basis_fraction), scale(cash_per_share), scale(value_per_new_share), scale(amount_per_share), scale(supplied_basis), scale(donor_basis), scale(market_value), scale(accrued_interest), scale(stated_quantity), scale(stated_new_quantity)) <= 100
    )
);

create index transaction_terms_new_instrument_reference on tax.transaction_terms (new_instrument_id)
    where new_instrument_id is not null;

comment on table tax.transaction_terms is 'Facts of a transaction that only some kinds have; one to one, only where needed.
tenancy: input';
comment on column tax.transaction_terms.user_id is 'The tenant.';
comment on column tax.transaction_terms.transaction_id is 'The transaction.';
comment on column tax.transaction_terms.fx_rate is 'Tax currency per unit of the transaction''s currency; null if not stated (1 where they are the same).';
comment on column tax.transaction_terms.fee_currency is 'Currency of commission and fees where it differs; null otherwise.';
comment on column tax.transaction_terms.fee_fx_rate is 'Tax currency per unit of the fee currency; null if not stated.';
comment on column tax.transaction_terms.ratio_numerator is 'New units (split, merger, symbol change), child units (spin-off), rate (stock dividend).';
comment on column tax.transaction_terms.ratio_denominator is 'Old or parent units; 1 for a stock dividend.';
comment on column tax.transaction_terms.fraction_handling is 'What becomes of fractions; keep if null.';
comment on column tax.transaction_terms.cash_in_lieu is 'Cash for the fraction in this account, signed; null if none.';
comment on column tax.transaction_terms.new_instrument_id is 'What the holding becomes, or the child of a spin-off.';
comment on column tax.transaction_terms.basis_fraction is 'Share of the basis that goes to the child of a spin-off.';
comment on column tax.transaction_terms.cash_per_share is 'Cash per old unit in a merger.';
comment on column tax.transaction_terms.value_per_new_share is 'Market value per new unit in a merger.';
comment on column tax.transaction_terms.amount_per_share is 'Return of capital per unit.';
comment on column tax.transaction_terms.taxable is 'True for a merger that is not a reorganisation.';
comment on column tax.transaction_terms.supplied_basis is 'Basis that came with a transfer or was supplied later; null is unknown, never 0.';
comment on column tax.transaction_terms.supplied_acquired_on is 'Acquisition date that came with a transfer or was supplied later; null is unknown.';
comment on column tax.transaction_terms.donor_basis is 'Donor''s basis of a gift, total.';
comment on column tax.transaction_terms.donor_acquired_on is 'Donor''s acquisition date.';
comment on column tax.transaction_terms.market_value is 'Value at the gift or at death, total.';
comment on column tax.transaction_terms.covered is 'Whether the broker must report the basis; null if not stated.';
comment on column tax.transaction_terms.accrued_interest is 'Bond interest paid or received with the trade; no part of basis or proceeds.';
comment on column tax.transaction_terms.lot_method is 'Lot method of this transaction alone.';
comment on column tax.transaction_terms.stated_quantity is 'The broker''s own figure where the engine computes the quantity; magnitude only for an option event without direction.';
comment on column tax.transaction_terms.stated_new_quantity is 'The broker''s own figure for the new instrument.';
comment on column tax.transaction_terms.exercise_settlement is 'derived: the engine makes the stock leg at the strike; linked: the linked row is it; cash: no stock.';

create table tax.transaction_links (
    user_id uuid not null,
    from_id bigint not null,
    to_id bigint not null,
    kind tax.link_kind not null,
    constraint transaction_links_pkey primary key (user_id, from_id, to_id, kind),
    constraint transaction_links_from_exists foreign key (user_id, from_id) references core.transactions (user_id, id) on delete cascade,
    constraint transaction_links_to_exists foreign key (user_id, to_id) references core.transactions (user_id, id) on delete cascade,
    constraint transaction_links_join_two check (from_id <> to_id)
);

create index transaction_links_backwards on tax.transaction_links (user_id, to_id);

comment on table tax.transaction_links is 'Two rows that are one event.
tenancy: input';
comment on column tax.transaction_links.user_id is 'The tenant.';
comment on column tax.transaction_links.from_id is 'Option leg, outgoing leg, correcting row, supplied basis, cash for a fraction.';
comment on column tax.transaction_links.to_id is 'Stock leg, incoming leg, corrected row, the transfer, the corporate action.';
comment on column tax.transaction_links.kind is 'How they belong together.';

create table tax.lot_picks (
    user_id uuid not null,
    transaction_id bigint not null,
    leg tax.pick_leg not null default 'transaction',
    pick_order integer not null,
    opening_transaction_id bigint not null,
    quantity numeric not null,
    identified_at timestamptz,
    constraint lot_picks_pkey primary key (user_id, transaction_id, leg, pick_order),
    constraint lot_picks_of_a_transaction foreign key (user_id, transaction_id)
        references core.transactions (user_id, id) on delete cascade,
    constraint lot_picks_name_an_opening foreign key (user_id, opening_transaction_id)
        references core.transactions (user_id, id) on delete cascade,
    constraint lot_picks_order_counts_from_one check (pick_order >= 1),
    constraint lot_picks_quantity_is_positive check (quantity > 0 and quantity < 'Infinity')
);

create index lot_picks_of_opening on tax.lot_picks (user_id, opening_transaction_id);

comment on table tax.lot_picks is 'Lots named for a sale, transfer or exercise, in the order of use.
tenancy: input';
comment on column tax.lot_picks.user_id is 'The tenant.';
comment on column tax.lot_picks.transaction_id is 'The transaction that disposes.';
comment on column tax.lot_picks.leg is 'The transaction itself, or the stock side of an exercise.';
comment on column tax.lot_picks.pick_order is 'Order of use.';
comment on column tax.lot_picks.opening_transaction_id is 'The transaction that acquired the named lot.';
comment on column tax.lot_picks.quantity is 'Units named.';
comment on column tax.lot_picks.identified_at is 'When the lots were named; null means in time.';

create table tax.instrument_facts (
    user_id uuid not null,
    instrument_id bigint not null,
    identifiers text[] not null default '{}',
    identical_group text,
    index_family text,
    section_1256 boolean,
    wash_exempt boolean,
    deliverable_shares numeric,
    deliverable_cash numeric,
    merged_into_instrument_id bigint,
    name text,
    exchange text,
    underlying_instrument_id bigint,
    expiration date,
    constraint instrument_facts_pkey primary key (user_id, instrument_id),
    constraint instrument_facts_belong_to_a_user foreign key (user_id) references core.users (id) on delete cascade,
    constraint instrument_facts_instrument_exists foreign key (instrument_id) references core.instruments (id),
    constraint instrument_facts_merged_into_exists foreign key (merged_into_instrument_id) references core.instruments (id),
    constraint instrument_facts_is_not_merged_into_itself check (merged_into_instrument_id <> instrument_id),
    constraint instrument_facts_deliverable_shares_is_positive check (deliverable_shares > 0 and deliverable_shares < 'Infinity'),
    constraint instrument_facts_numbers_are_of_possible_size check (
        deliverable_shares between -1e30 and 1e30
        and deliverable_cash between -1e30 and 1e30
        and greatest(scale(deliverable_shares), scale(deliverable_cash)) <= 100
    ),
    constraint instrument_facts_identical_group_is_not_blank check (length(btrim(identical_group)) between 1 and 100),
    constraint instrument_facts_index_family_is_not_blank check (length(btrim(index_family)) between 1 and 100),
    constraint instrument_facts_underlying_exists foreign key (underlying_instrument_id) references core.instruments (id),
    constraint instrument_facts_is_not_on_itself check (underlying_instrument_id <> instrument_id),
    constraint instrument_facts_name_is_plain check (name = core.plain_text(name) and length(name) <= 200),
    constraint instrument_facts_exchange_is_plain check (exchange = core.plain_text(exchange) and length(exchange) <= 40),
    constraint instrument_facts_expiration_is_a_day check (expiration between '1900-01-01' and '2199-12-31')
);

create index instrument_facts_by_identifier on tax.instrument_facts using gin (identifiers);
create index instrument_facts_instrument_reference on tax.instrument_facts (instrument_id);
create index instrument_facts_merged_into_reference on tax.instrument_facts (merged_into_instrument_id)
    where merged_into_instrument_id is not null;
create index instrument_facts_underlying_reference on tax.instrument_facts (underlying_instrument_id, user_id)
    where underlying_instrument_id is not null;

comment on table tax.instrument_facts is 'What one tenant knows of an instrument: names by which its files call it, and facts that change numbers.
tenancy: input';
comment on column tax.instrument_facts.user_id is 'The tenant.';
comment on column tax.instrument_facts.instrument_id is 'The instrument.';
comment on column tax.instrument_facts.identifiers is 'Identifiers seen in the tenant''s files: conid:123, isin:US..., cusip:..., figi:....';
comment on column tax.instrument_facts.identical_group is 'Instruments with the same word are substantially identical; null: alone.';
comment on column tax.instrument_facts.index_family is 'The index that a fund follows: a loss on one fund near a purchase of another with the same word is a notice, no more; null: not said.';
comment on column tax.instrument_facts.section_1256 is 'Contract of section 1256; null: no.';
comment on column tax.instrument_facts.wash_exempt is 'Exempt from wash sales; null: by type (digital assets and currencies are).';
comment on column tax.instrument_facts.deliverable_shares is 'Shares that one contract delivers; null: its multiplier.';
comment on column tax.instrument_facts.deliverable_cash is 'Cash that one contract delivers beside the shares; null: none.';
comment on column tax.instrument_facts.merged_into_instrument_id is 'The instrument that counts for this one in the tenant''s books; null: itself.';
comment on column tax.instrument_facts.name is 'Name as the tenant''s files state it; null if none does.';
comment on column tax.instrument_facts.exchange is 'Listing exchange as the tenant''s files state it; null if none does.';
comment on column tax.instrument_facts.underlying_instrument_id is 'What an option is on, as the tenant''s files state it, else by its root; null: unknown, or no option.';
comment on column tax.instrument_facts.expiration is 'Last day of what is no option, as the tenant''s files state it; null if none does. That of an option is in its symbol.';

create table tax.lot_method_elections (
    user_id uuid not null,
    id bigint not null generated by default as identity,
    account_id bigint not null,
    instrument_id bigint,
    method core.lot_method not null,
    effective_from date not null,
    constraint lot_method_elections_pkey primary key (user_id, id),
    constraint lot_method_elections_one_per_day unique nulls not distinct (user_id, account_id, instrument_id, effective_from),
    constraint lot_method_elections_account_exists foreign key (user_id, account_id) references core.accounts (user_id, id) on delete cascade,
    constraint lot_method_elections_instrument_exists foreign key (instrument_id) references core.instruments (id)
);

create index lot_method_elections_instrument_reference on tax.lot_method_elections (instrument_id)
    where instrument_id is not null;

comment on table tax.lot_method_elections is 'Lot method of an account, or of an instrument in it, from a day on.
tenancy: input';
comment on column tax.lot_method_elections.user_id is 'The tenant.';
comment on column tax.lot_method_elections.id is 'Number of the election.';
comment on column tax.lot_method_elections.account_id is 'The account.';
comment on column tax.lot_method_elections.instrument_id is 'The instrument; null: all of the account.';
comment on column tax.lot_method_elections.method is 'The method.';
comment on column tax.lot_method_elections.effective_from is 'First trade date it holds for.';
