-- What the broker itself says it holds: compared with what we derive, never used to compute.

create table ingest.broker_positions (
    user_id uuid not null,
    sync_id bigint not null,
    line_number integer not null,
    account_id bigint not null,
    instrument_id bigint not null,
    stated_instrument_id bigint,
    as_of date not null,
    quantity numeric not null,
    cost_basis numeric,
    currency text not null,
    constraint broker_positions_pkey primary key (user_id, sync_id, line_number),
    constraint broker_positions_belong_to_a_run foreign key (user_id, sync_id) references core.sync_history (user_id, id) on delete cascade,
    constraint broker_positions_account_exists foreign key (user_id, account_id) references core.accounts (user_id, id) on delete cascade,
    constraint broker_positions_instrument_exists foreign key (instrument_id) references core.instruments (id),
    constraint broker_positions_stated_instrument_exists foreign key (stated_instrument_id) references core.instruments (id),
    constraint broker_positions_currency_is_a_code check (currency ~ '^[A-Z]{3,5}$'),
    constraint broker_positions_numbers_are_of_possible_size check (
        quantity between -1e30 and 1e30
        and cost_basis between -1e30 and 1e30
        and greatest(scale(quantity), scale(cost_basis)) <= 100
    )
);

create index broker_positions_newest on ingest.broker_positions (user_id, account_id, as_of, instrument_id);
create index broker_positions_instrument_reference on ingest.broker_positions (instrument_id);
create index broker_positions_stated_instrument_reference on ingest.broker_positions (stated_instrument_id)
    where stated_instrument_id is not null;

comment on table ingest.broker_positions is 'Evidence: what the broker says it holds at the end of a day. Compared, never used to compute.
tenancy: input';
comment on column ingest.broker_positions.user_id is 'The tenant.';
comment on column ingest.broker_positions.sync_id is 'The import that brought it.';
comment on column ingest.broker_positions.line_number is 'Its line.';
comment on column ingest.broker_positions.account_id is 'The account.';
comment on column ingest.broker_positions.instrument_id is 'The instrument.';
comment on column ingest.broker_positions.stated_instrument_id is 'What the file called it, where the person merged or split that instrument; null otherwise.';
comment on column ingest.broker_positions.as_of is 'End of this day.';
comment on column ingest.broker_positions.quantity is 'Units, short negative.';
comment on column ingest.broker_positions.cost_basis is 'Cost in currency, short negative; null if not stated.';
comment on column ingest.broker_positions.currency is 'Currency of the cost.';

create table ingest.broker_lots (
    user_id uuid not null,
    sync_id bigint not null,
    line_number integer not null,
    account_id bigint not null,
    instrument_id bigint not null,
    stated_instrument_id bigint,
    as_of date not null,
    acquired_on date,
    acquired_at timestamptz,
    quantity numeric not null,
    cost_basis numeric,
    currency text not null,
    constraint broker_lots_pkey primary key (user_id, sync_id, line_number),
    constraint broker_lots_belong_to_a_run foreign key (user_id, sync_id) references core.sync_history (user_id, id) on delete cascade,
    constraint broker_lots_account_exists foreign key (user_id, account_id) references core.accounts (user_id, id) on delete cascade,
    constraint broker_lots_instrument_exists foreign key (instrument_id) references core.instruments (id),
    constraint broker_lots_stated_instrument_exists foreign key (stated_instrument_id) references core.instruments (id),
    constraint broker_lots_currency_is_a_code check (currency ~ '^[A-Z]{3,5}$'),
    constraint broker_lots_numbers_are_of_possible_size check (
        quantity between -1e30 and 1e30
        and cost_basis between -1e30 and 1e30
        and greatest(scale(quantity), scale(cost_basis)) <= 100
    )
);

create index broker_lots_newest on ingest.broker_lots (user_id, account_id, as_of, instrument_id);
create index broker_lots_instrument_reference on ingest.broker_lots (instrument_id);
create index broker_lots_stated_instrument_reference on ingest.broker_lots (stated_instrument_id)
    where stated_instrument_id is not null;

comment on table ingest.broker_lots is 'Evidence: the broker''s own open lots at the end of a day.
tenancy: input';
comment on column ingest.broker_lots.user_id is 'The tenant.';
comment on column ingest.broker_lots.sync_id is 'The import that brought it.';
comment on column ingest.broker_lots.line_number is 'Its line.';
comment on column ingest.broker_lots.account_id is 'The account.';
comment on column ingest.broker_lots.instrument_id is 'The instrument.';
comment on column ingest.broker_lots.stated_instrument_id is 'What the file called it, where the person merged or split that instrument; null otherwise.';
comment on column ingest.broker_lots.as_of is 'End of this day.';
comment on column ingest.broker_lots.acquired_on is 'Acquisition date by the broker; null if not stated.';
comment on column ingest.broker_lots.acquired_at is 'Instant of acquisition by the broker; null if not stated.';
comment on column ingest.broker_lots.quantity is 'Units, short negative.';
comment on column ingest.broker_lots.cost_basis is 'Cost in currency, short negative; null if not stated.';
comment on column ingest.broker_lots.currency is 'Currency of the cost.';

create table ingest.broker_cash (
    user_id uuid not null,
    sync_id bigint not null,
    line_number integer not null,
    account_id bigint not null,
    currency text not null,
    as_of date not null,
    moment ingest.balance_moment not null,
    amount numeric not null,
    constraint broker_cash_pkey primary key (user_id, sync_id, line_number, moment),
    constraint broker_cash_belongs_to_a_run foreign key (user_id, sync_id) references core.sync_history (user_id, id) on delete cascade,
    constraint broker_cash_account_exists foreign key (user_id, account_id) references core.accounts (user_id, id) on delete cascade,
    constraint broker_cash_currency_is_a_code check (currency ~ '^[A-Z]{3,5}$'),
    constraint broker_cash_numbers_are_of_possible_size check (
        amount between -1e30 and 1e30
        and scale(amount) <= 100
    )
);

create index broker_cash_newest on ingest.broker_cash (user_id, account_id, as_of, currency);

comment on table ingest.broker_cash is 'Evidence: balances that the broker states.
tenancy: input';
comment on column ingest.broker_cash.user_id is 'The tenant.';
comment on column ingest.broker_cash.sync_id is 'The import that brought it.';
comment on column ingest.broker_cash.line_number is 'Its line.';
comment on column ingest.broker_cash.account_id is 'The account.';
comment on column ingest.broker_cash.currency is 'Currency of the balance.';
comment on column ingest.broker_cash.as_of is 'The day.';
comment on column ingest.broker_cash.moment is 'Start or end of that day.';
comment on column ingest.broker_cash.amount is 'The balance.';
