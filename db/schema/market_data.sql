-- Prices, shared by all tenants. Filled by price loaders, read by everybody.

create table core.market_data (
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
    atr_14 numeric,
    rsi_14 numeric,
    sma_20 numeric,
    sma_50 numeric,
    indicators jsonb not null default '{}',
    created_at timestamptz not null default now(),
    constraint market_data_pkey primary key (instrument_id, interval, as_of),
    constraint market_data_instrument_exists foreign key (instrument_id) references core.instruments (id) on delete cascade,
    constraint market_data_prices_are_not_negative check (least(open, high, low, close, adjusted_close, volume) >= 0),
    constraint market_data_numbers_are_of_possible_size check (
        open between -1e30 and 1e30
        and high between -1e30 and 1e30
        and low between -1e30 and 1e30
        and close between -1e30 and 1e30
        and adjusted_close between -1e30 and 1e30
        and volume between -1e30 and 1e30
        and greatest(scale(open), scale(high), scale(low), scale(close), scale(adjusted_close), scale(volume)) <= 100
    ),
    constraint market_data_high_is_highest check (high >= greatest(open, low, close)),
    constraint market_data_low_is_lowest check (low <= least(open, high, close)),
    constraint market_data_rsi_is_a_percentage check (rsi_14 between 0 and 100),
    constraint market_data_indicators_is_an_object check (jsonb_typeof(indicators) = 'object')
);

comment on table core.market_data is 'Price bars and indicators by instrument, shared.
tenancy: shared';
comment on column core.market_data.instrument_id is 'The instrument.';
comment on column core.market_data.interval is 'Length of the bar.';
comment on column core.market_data.as_of is 'Start of the bar.';
comment on column core.market_data.open is 'First price; null if only the close is known.';
comment on column core.market_data.high is 'Highest price; null if only the close is known.';
comment on column core.market_data.low is 'Lowest price; null if only the close is known.';
comment on column core.market_data.close is 'Last price.';
comment on column core.market_data.adjusted_close is 'Close adjusted for splits and dividends; null if the source has none.';
comment on column core.market_data.volume is 'Units traded; null if unknown.';
comment on column core.market_data.source is 'Where the bar came from.';
comment on column core.market_data.atr_14 is 'Average true range over 14 bars; null until computed.';
comment on column core.market_data.rsi_14 is 'Relative strength index over 14 bars; null until computed.';
comment on column core.market_data.sma_20 is 'Mean of 20 closes; null until computed.';
comment on column core.market_data.sma_50 is 'Mean of 50 closes; null until computed.';
comment on column core.market_data.indicators is 'Further indicators by name: an object of numbers as strings.';
comment on column core.market_data.created_at is 'When the row was made.';
