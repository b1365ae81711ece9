-- Price bars that jump without a known corporate action: kept apart until an administrator decides. Shared, as the bars are.
create table ingest.held_prices (
    instrument_id bigint not null,
    interval core.bar_interval not null,
    as_of timestamptz not null,
    open numeric,
    high numeric,
    low numeric,
    close numeric not null,
    adjusted_close numeric,
    volume numeric,
    source text not null,
    previous_close numeric not null,
    previous_as_of timestamptz not null,
    held_at timestamptz not null default now(),
    constraint held_prices_pkey primary key (instrument_id, interval, as_of),
    constraint held_prices_instrument_exists foreign key (instrument_id) references core.instruments (id) on delete cascade,
    constraint held_prices_are_positive check (close > 0 and previous_close > 0)
);

comment on table ingest.held_prices is 'Price bars that jump without a known corporate action; an administrator takes them over or throws them away.
tenancy: platform';
comment on column ingest.held_prices.instrument_id is 'The instrument.';
comment on column ingest.held_prices.interval is 'Length of the bar.';
comment on column ingest.held_prices.as_of is 'Start of the bar.';
comment on column ingest.held_prices.open is 'First price; null if only the close is known.';
comment on column ingest.held_prices.high is 'Highest price; null if only the close is known.';
comment on column ingest.held_prices.low is 'Lowest price; null if only the close is known.';
comment on column ingest.held_prices.close is 'Last price.';
comment on column ingest.held_prices.adjusted_close is 'Close adjusted for splits and dividends; null if the source has none.';
comment on column ingest.held_prices.volume is 'Units traded; null if unknown.';
comment on column ingest.held_prices.source is 'Where the bar came from.';
comment on column ingest.held_prices.previous_close is 'The last price that was believed.';
comment on column ingest.held_prices.previous_as_of is 'Its bar.';
comment on column ingest.held_prices.held_at is 'When the bar came.';
