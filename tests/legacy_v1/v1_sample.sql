-- Synthetic legacy database (sample, seed 1234). All data invented.
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SET timezone = 'UTC';

CREATE TYPE notificationtype AS ENUM ('SIGNAL', 'ALERT', 'PORTFOLIO_UPDATE', 'STRATEGY_RESULT', 'REBALANCE', 'MARGIN_CALL');
CREATE TYPE optiontype AS ENUM ('CALL', 'PUT');
CREATE TYPE orderaction AS ENUM ('BUY_TO_OPEN', 'SELL_TO_OPEN', 'BUY_TO_CLOSE', 'SELL_TO_CLOSE');
CREATE TYPE orderstatus AS ENUM ('PENDING', 'FILLED', 'PARTIALLY_FILLED', 'CANCELLED', 'REJECTED');
CREATE TYPE signalstatus AS ENUM ('PENDING', 'ACTIVE', 'TRIGGERED', 'EXPIRED', 'CANCELLED');
CREATE TYPE signaltype AS ENUM ('ENTRY', 'EXIT', 'SCALE_OUT', 'STOP_LOSS', 'ALERT');
CREATE TYPE strategytype AS ENUM ('ATR_MATRIX', 'MOMENTUM', 'MEAN_REVERSION', 'CUSTOM');
CREATE TYPE taxlotmethod AS ENUM ('FIFO', 'LIFO', 'HIFO', 'SPECIFIC');

CREATE TABLE users (
    id serial NOT NULL PRIMARY KEY,
    username character varying(50) NOT NULL,
    email character varying(100) NOT NULL,
    hashed_password character varying(100) NOT NULL,
    is_active boolean,
    is_admin boolean,
    created_at timestamp with time zone DEFAULT now(),
    updated_at timestamp with time zone
);

CREATE TABLE accounts (
    id serial NOT NULL PRIMARY KEY,
    user_id integer NOT NULL,
    account_name character varying(100) NOT NULL,
    account_type character varying(50) NOT NULL,
    account_number character varying(50),
    broker character varying(50),
    api_credentials text,
    is_active boolean,
    is_paper_trading boolean,
    created_at timestamp without time zone DEFAULT now(),
    updated_at timestamp without time zone
);

CREATE TABLE holdings (
    id serial NOT NULL PRIMARY KEY,
    account_id integer NOT NULL,
    symbol character varying(50) NOT NULL,
    quantity double precision NOT NULL,
    average_cost double precision NOT NULL,
    current_price double precision NOT NULL,
    market_value double precision NOT NULL,
    unrealized_pnl double precision NOT NULL,
    unrealized_pnl_pct double precision NOT NULL,
    day_pnl double precision,
    day_pnl_pct double precision,
    currency character varying(10),
    exchange character varying(20),
    contract_type character varying(20),
    sector character varying(50),
    industry character varying(100),
    market_cap double precision,
    margin_priority integer,
    custom_category character varying(100),
    notes text,
    first_acquired timestamp without time zone,
    last_updated timestamp without time zone DEFAULT now()
);

CREATE TABLE categories (
    id serial NOT NULL PRIMARY KEY,
    name character varying(100) NOT NULL,
    description text,
    color character varying(10),
    parent_category_id integer,
    category_type character varying(50),
    target_allocation_pct double precision,
    min_allocation_pct double precision,
    max_allocation_pct double precision,
    rebalance_threshold_pct double precision,
    auto_rebalance boolean,
    created_at timestamp without time zone DEFAULT now(),
    updated_at timestamp without time zone DEFAULT now()
);

CREATE TABLE holding_categories (
    id serial NOT NULL PRIMARY KEY,
    holding_id integer NOT NULL,
    category_id integer NOT NULL,
    allocation_pct double precision,
    created_at timestamp without time zone DEFAULT now()
);

CREATE TABLE portfolio_snapshots (
    id serial NOT NULL PRIMARY KEY,
    account_id integer NOT NULL,
    snapshot_date timestamp without time zone NOT NULL,
    total_value double precision NOT NULL,
    total_cash double precision NOT NULL,
    total_equity_value double precision NOT NULL,
    unrealized_pnl double precision NOT NULL,
    realized_pnl double precision NOT NULL,
    day_pnl double precision NOT NULL,
    day_pnl_pct double precision NOT NULL,
    beta double precision,
    sharpe_ratio double precision,
    max_drawdown double precision,
    volatility double precision,
    buying_power double precision,
    margin_used double precision,
    margin_available double precision,
    holdings_snapshot text,
    sector_allocation text,
    created_at timestamp without time zone DEFAULT now()
);

CREATE TABLE transactions (
    id serial NOT NULL PRIMARY KEY,
    account_id integer NOT NULL,
    external_id character varying(100),
    order_id character varying(50),
    execution_id character varying(50),
    symbol character varying(20) NOT NULL,
    description text,
    transaction_type character varying(20) NOT NULL,
    action character varying(10),
    quantity double precision NOT NULL,
    price double precision NOT NULL,
    amount double precision NOT NULL,
    commission double precision,
    fees double precision,
    net_amount double precision NOT NULL,
    currency character varying(10),
    exchange character varying(20),
    contract_type character varying(20),
    transaction_date timestamp without time zone NOT NULL,
    settlement_date timestamp without time zone,
    source character varying(50),
    synced_at timestamp without time zone,
    last_updated timestamp without time zone
);

CREATE TABLE dividends (
    id serial NOT NULL PRIMARY KEY,
    account_id integer NOT NULL,
    external_id character varying(100),
    symbol character varying(20) NOT NULL,
    ex_date timestamp without time zone NOT NULL,
    pay_date timestamp without time zone,
    dividend_per_share double precision NOT NULL,
    shares_held double precision NOT NULL,
    total_dividend double precision NOT NULL,
    tax_withheld double precision,
    net_dividend double precision NOT NULL,
    currency character varying(10),
    frequency character varying(20),
    dividend_type character varying(20),
    source character varying(50),
    synced_at timestamp without time zone,
    last_updated timestamp without time zone
);

CREATE TABLE transaction_sync_status (
    id serial NOT NULL PRIMARY KEY,
    account_id integer NOT NULL,
    last_sync_date timestamp without time zone,
    last_successful_sync timestamp without time zone,
    sync_status character varying(20),
    earliest_transaction_date timestamp without time zone,
    latest_transaction_date timestamp without time zone,
    total_transactions integer,
    total_dividends integer,
    last_error text,
    error_count integer,
    created_at timestamp without time zone,
    updated_at timestamp without time zone
);

CREATE TABLE tax_lots (
    id serial NOT NULL PRIMARY KEY,
    holding_id integer,
    symbol character varying(50) NOT NULL,
    account_id character varying(20) NOT NULL,
    purchase_date timestamp without time zone NOT NULL,
    shares_purchased double precision NOT NULL,
    cost_per_share double precision NOT NULL,
    total_cost double precision NOT NULL,
    commission double precision,
    shares_remaining double precision NOT NULL,
    shares_sold double precision,
    is_long_term boolean,
    is_wash_sale boolean,
    wash_sale_amount double precision,
    created_at timestamp without time zone,
    updated_at timestamp without time zone,
    notes text
);

CREATE TABLE tax_lot_sales (
    id serial NOT NULL PRIMARY KEY,
    tax_lot_id integer,
    sale_date timestamp without time zone NOT NULL,
    shares_sold double precision NOT NULL,
    sale_price_per_share double precision NOT NULL,
    total_proceeds double precision NOT NULL,
    commission double precision,
    cost_basis double precision NOT NULL,
    realized_gain_loss double precision NOT NULL,
    is_long_term boolean NOT NULL,
    is_wash_sale boolean,
    lot_method taxlotmethod,
    created_at timestamp without time zone,
    notes text
);

CREATE TABLE tax_strategies (
    id serial NOT NULL PRIMARY KEY,
    account_id character varying(20) NOT NULL,
    strategy_type character varying(50) NOT NULL,
    symbol character varying(10) NOT NULL,
    action character varying(20) NOT NULL,
    shares double precision,
    target_price double precision,
    estimated_tax_savings double precision,
    estimated_tax_liability double precision,
    confidence_score double precision,
    recommended_date timestamp without time zone,
    expiration_date timestamp without time zone,
    is_active boolean,
    created_at timestamp without time zone,
    updated_at timestamp without time zone,
    description text
);

CREATE TABLE tax_reports (
    id serial NOT NULL PRIMARY KEY,
    account_id character varying(20) NOT NULL,
    report_type character varying(30) NOT NULL,
    tax_year integer NOT NULL,
    total_realized_gains double precision,
    total_realized_losses double precision,
    net_realized_gain_loss double precision,
    short_term_gains double precision,
    short_term_losses double precision,
    long_term_gains double precision,
    long_term_losses double precision,
    total_unrealized_gains double precision,
    total_unrealized_losses double precision,
    estimated_tax_liability double precision,
    estimated_tax_rate double precision,
    wash_sale_adjustments double precision,
    generated_at timestamp without time zone,
    report_data text
);

CREATE TABLE trade_signals (
    id serial NOT NULL PRIMARY KEY,
    symbol character varying(20) NOT NULL,
    signal_type character varying(50) NOT NULL,
    strategy_name character varying(50) NOT NULL,
    signal_strength double precision,
    trigger_price numeric(10,4),
    recommended_price numeric(10,4),
    stop_loss numeric(10,4),
    target_price numeric(10,4),
    atr_distance double precision,
    atr_value double precision,
    ma_alignment boolean,
    price_position_20d double precision,
    risk_reward_ratio double precision,
    rsi double precision,
    macd double precision,
    adx double precision,
    volume_ratio double precision,
    is_valid boolean,
    expires_at timestamp with time zone,
    is_processed boolean,
    is_executed boolean,
    execution_price numeric(10,4),
    conditions_met json,
    market_conditions json,
    notes text,
    created_at timestamp with time zone DEFAULT now(),
    updated_at timestamp with time zone
);

CREATE TABLE trades (
    id serial NOT NULL PRIMARY KEY,
    account_id integer NOT NULL,
    symbol character varying(20) NOT NULL,
    side character varying(10) NOT NULL,
    quantity numeric(15,4) NOT NULL,
    price numeric(10,4) NOT NULL,
    total_value numeric(15,2),
    commission numeric(10,2),
    fees numeric(10,2),
    order_type character varying(20),
    time_in_force character varying(10),
    order_id character varying(50),
    execution_id character varying(50),
    order_time timestamp with time zone,
    execution_time timestamp with time zone,
    settlement_date timestamp with time zone,
    strategy_name character varying(50),
    signal_id integer,
    entry_signal character varying(50),
    exit_signal character varying(50),
    risk_amount numeric(10,2),
    position_size_pct double precision,
    atr_at_entry double precision,
    stop_loss_price numeric(10,4),
    target_price numeric(10,4),
    realized_pnl numeric(15,2),
    pnl_pct double precision,
    status character varying(20),
    is_opening boolean,
    is_paper_trade boolean,
    notes text,
    trade_metadata json,
    created_at timestamp with time zone DEFAULT now(),
    updated_at timestamp with time zone,
    position_id integer
);

CREATE TABLE alerts (
    id serial NOT NULL PRIMARY KEY,
    user_id integer NOT NULL,
    name character varying(100) NOT NULL,
    description text,
    symbol character varying(20) NOT NULL,
    alert_type character varying(50) NOT NULL,
    is_active boolean,
    is_repeating boolean,
    max_triggers integer,
    current_triggers integer,
    notify_discord boolean,
    notify_email boolean,
    notify_app boolean,
    priority character varying(10),
    sound_enabled boolean,
    created_at timestamp with time zone DEFAULT now(),
    updated_at timestamp with time zone,
    last_triggered timestamp with time zone,
    expires_at timestamp with time zone,
    custom_message text
);

CREATE TABLE alert_conditions (
    id serial NOT NULL PRIMARY KEY,
    alert_id integer NOT NULL,
    condition_type character varying(50) NOT NULL,
    operator character varying(10) NOT NULL,
    target_value double precision NOT NULL,
    current_value double precision,
    indicator_params json,
    timeframe character varying(10),
    is_met boolean,
    last_checked timestamp with time zone,
    times_met integer,
    logical_operator character varying(10),
    group_id integer,
    created_at timestamp with time zone DEFAULT now()
);

CREATE TABLE alert_templates (
    id serial NOT NULL PRIMARY KEY,
    name character varying(100) NOT NULL,
    description text,
    category character varying(50),
    template_config json,
    is_public boolean,
    usage_count integer,
    created_at timestamp with time zone DEFAULT now()
);

CREATE TABLE alert_history (
    id serial NOT NULL PRIMARY KEY,
    alert_id integer NOT NULL,
    triggered_at timestamp with time zone DEFAULT now(),
    trigger_price numeric(10,4),
    trigger_value double precision,
    condition_met character varying(200),
    discord_sent boolean,
    email_sent boolean,
    app_notification_sent boolean,
    message_title character varying(200),
    message_body text,
    user_acknowledged boolean,
    acknowledged_at timestamp with time zone,
    market_conditions json,
    portfolio_impact json
);

CREATE TABLE strategies (
    id serial NOT NULL PRIMARY KEY,
    name character varying(100) NOT NULL,
    description text,
    strategy_type strategytype NOT NULL,
    parameters json,
    is_active boolean,
    auto_execute boolean,
    max_positions integer,
    position_size_pct double precision,
    universe_filter json,
    max_risk_per_trade double precision,
    stop_loss_pct double precision,
    take_profit_pct double precision,
    run_frequency character varying(50),
    last_run timestamp without time zone,
    next_run timestamp without time zone,
    created_at timestamp without time zone DEFAULT now(),
    updated_at timestamp without time zone DEFAULT now()
);

CREATE TABLE strategy_runs (
    id serial NOT NULL PRIMARY KEY,
    strategy_id integer NOT NULL,
    run_date timestamp without time zone NOT NULL,
    universe_size integer,
    signals_generated integer,
    execution_time_ms integer,
    top_opportunities json,
    market_conditions json,
    parameters_used json,
    success_rate double precision,
    avg_return double precision,
    max_return double precision,
    min_return double precision,
    status character varying(20),
    error_message text,
    created_at timestamp without time zone DEFAULT now()
);

CREATE TABLE signals (
    id serial NOT NULL PRIMARY KEY,
    strategy_id integer NOT NULL,
    strategy_run_id integer NOT NULL,
    symbol character varying(20) NOT NULL,
    signal_type signaltype NOT NULL,
    signal_strength double precision,
    generated_at timestamp without time zone NOT NULL,
    expires_at timestamp without time zone,
    entry_price double precision NOT NULL,
    current_price double precision NOT NULL,
    stop_loss double precision,
    take_profit double precision,
    targets json,
    atr_distance double precision,
    rsi double precision,
    ma_alignment boolean,
    risk_reward_ratio double precision,
    time_horizon character varying(50),
    company_name character varying(200),
    company_synopsis text,
    sector character varying(50),
    market_cap double precision,
    market_cap_category character varying(20),
    status signalstatus,
    max_price_reached double precision,
    min_price_reached double precision,
    actual_return double precision,
    days_active integer,
    is_executed boolean,
    execution_price double precision,
    execution_date timestamp without time zone,
    quantity_executed double precision,
    signal_accuracy double precision,
    lessons_learned text,
    created_at timestamp without time zone DEFAULT now(),
    updated_at timestamp without time zone DEFAULT now()
);

CREATE TABLE notifications (
    id serial NOT NULL PRIMARY KEY,
    notification_type notificationtype NOT NULL,
    title character varying(200) NOT NULL,
    message text NOT NULL,
    account_id integer,
    symbol character varying(20),
    data json,
    action_url character varying(500),
    action_label character varying(100),
    priority character varying(20),
    color character varying(10),
    icon character varying(50),
    is_read boolean,
    is_dismissed boolean,
    read_at timestamp without time zone,
    sent_to_discord boolean,
    discord_message_id character varying(100),
    discord_channel character varying(50),
    expires_at timestamp without time zone,
    auto_dismiss boolean,
    created_at timestamp without time zone DEFAULT now(),
    updated_at timestamp without time zone DEFAULT now()
);

CREATE TABLE market_data_cache (
    id serial NOT NULL PRIMARY KEY,
    symbol character varying(20) NOT NULL,
    data_type character varying(50) NOT NULL,
    data json NOT NULL,
    expires_at timestamp without time zone NOT NULL,
    api_source character varying(50),
    cache_hits integer,
    created_at timestamp without time zone DEFAULT now(),
    updated_at timestamp without time zone DEFAULT now()
);

CREATE TABLE tastytrade_accounts (
    id serial NOT NULL PRIMARY KEY,
    account_number character varying(50) NOT NULL,
    nickname character varying(100),
    account_type character varying(50),
    is_margin boolean,
    day_trader_status boolean,
    account_status character varying(50),
    is_active boolean,
    created_at timestamp without time zone,
    updated_at timestamp without time zone
);

CREATE TABLE option_instruments (
    id serial NOT NULL PRIMARY KEY,
    symbol character varying(50) NOT NULL,
    underlying_symbol character varying(20) NOT NULL,
    strike_price numeric(12,4) NOT NULL,
    expiration_date timestamp without time zone NOT NULL,
    option_type optiontype NOT NULL,
    multiplier integer,
    streamer_symbol character varying(100),
    created_at timestamp without time zone,
    updated_at timestamp without time zone
);

CREATE TABLE option_positions (
    id serial NOT NULL PRIMARY KEY,
    account_id integer NOT NULL,
    option_id integer NOT NULL,
    quantity integer NOT NULL,
    average_open_price numeric(12,4) NOT NULL,
    current_price numeric(12,4),
    market_value numeric(12,2),
    unrealized_pnl numeric(12,2),
    unrealized_pnl_pct numeric(8,4),
    day_pnl numeric(12,2),
    position_cost numeric(12,2),
    strategy_id integer,
    opened_at timestamp without time zone,
    last_updated timestamp without time zone
);

CREATE TABLE option_greeks (
    id serial NOT NULL PRIMARY KEY,
    option_id integer NOT NULL,
    price numeric(12,4),
    implied_volatility numeric(8,6),
    delta numeric(8,6),
    gamma numeric(10,8),
    theta numeric(8,6),
    vega numeric(8,6),
    rho numeric(8,6),
    "timestamp" timestamp without time zone NOT NULL
);

CREATE TABLE option_prices (
    id serial NOT NULL PRIMARY KEY,
    option_id integer NOT NULL,
    bid_price numeric(12,4),
    ask_price numeric(12,4),
    last_price numeric(12,4),
    bid_size integer,
    ask_size integer,
    volume integer,
    open_interest integer,
    "timestamp" timestamp without time zone NOT NULL
);

CREATE TABLE option_orders (
    id serial NOT NULL PRIMARY KEY,
    account_id integer NOT NULL,
    option_id integer NOT NULL,
    strategy_id integer,
    external_order_id character varying(100),
    action orderaction NOT NULL,
    quantity integer NOT NULL,
    order_type character varying(20),
    limit_price numeric(12,4),
    filled_price numeric(12,4),
    filled_quantity integer,
    status orderstatus NOT NULL,
    commission numeric(8,2),
    fees numeric(8,2),
    time_in_force character varying(20),
    created_at timestamp without time zone,
    filled_at timestamp without time zone,
    cancelled_at timestamp without time zone
);

CREATE TABLE trading_strategies (
    id serial NOT NULL PRIMARY KEY,
    account_id integer NOT NULL,
    name character varying(100) NOT NULL,
    strategy_type strategytype NOT NULL,
    description text,
    allocated_capital numeric(12,2) NOT NULL,
    current_capital numeric(12,2) NOT NULL,
    max_capital numeric(12,2),
    target_capital numeric(12,2),
    total_pnl numeric(12,2),
    total_pnl_pct numeric(8,4),
    win_rate numeric(5,2),
    profit_factor numeric(8,4),
    max_drawdown numeric(8,4),
    sharpe_ratio numeric(8,4),
    max_position_size numeric(8,4),
    profit_target_pct numeric(5,2),
    stop_loss_pct numeric(5,2),
    max_dte integer,
    min_dte integer,
    atr_lookback_period integer,
    risk_reward_ratio numeric(4,2),
    time_horizon_days integer,
    configuration text,
    is_active boolean,
    is_automated boolean,
    last_signal_at timestamp without time zone,
    next_review_at timestamp without time zone,
    created_at timestamp without time zone,
    updated_at timestamp without time zone
);

CREATE TABLE strategy_signals (
    id serial NOT NULL PRIMARY KEY,
    strategy_id integer NOT NULL,
    underlying_symbol character varying(20) NOT NULL,
    signal_type character varying(50) NOT NULL,
    signal_strength numeric(3,2),
    target_price numeric(12,4),
    stop_loss numeric(12,4),
    time_horizon_days integer,
    risk_reward_ratio numeric(4,2),
    confidence_score numeric(3,2),
    target_delta numeric(4,3),
    max_dte integer,
    min_dte integer,
    target_strike_distance numeric(5,2),
    recommended_action character varying(50),
    position_size numeric(12,2),
    is_executed boolean,
    executed_at timestamp without time zone,
    execution_price numeric(12,4),
    actual_return numeric(8,4),
    days_held integer,
    exit_reason character varying(50),
    signal_data text,
    created_at timestamp without time zone,
    expires_at timestamp without time zone
);

CREATE TABLE strategy_performance (
    id serial NOT NULL PRIMARY KEY,
    strategy_id integer NOT NULL,
    "date" timestamp without time zone NOT NULL,
    capital_value numeric(12,2) NOT NULL,
    daily_pnl numeric(12,2),
    daily_pnl_pct numeric(8,4),
    cumulative_pnl numeric(12,2),
    cumulative_pnl_pct numeric(8,4),
    total_positions integer,
    winning_positions integer,
    losing_positions integer,
    avg_win numeric(12,2),
    avg_loss numeric(12,2),
    var_95 numeric(12,2),
    max_drawdown numeric(8,4),
    volatility numeric(8,4),
    total_delta numeric(12,4),
    total_gamma numeric(12,4),
    total_theta numeric(12,4),
    total_vega numeric(12,4),
    created_at timestamp without time zone
);

CREATE TABLE capital_allocations (
    id serial NOT NULL PRIMARY KEY,
    account_id integer NOT NULL,
    strategy_id integer NOT NULL,
    allocated_amount numeric(12,2) NOT NULL,
    allocation_pct numeric(5,2) NOT NULL,
    min_allocation numeric(12,2),
    max_allocation numeric(12,2),
    performance_multiplier numeric(4,2),
    last_rebalance_at timestamp without time zone,
    next_rebalance_at timestamp without time zone,
    auto_scale_up boolean,
    auto_scale_down boolean,
    scale_up_threshold numeric(5,2),
    scale_down_threshold numeric(5,2),
    created_at timestamp without time zone,
    updated_at timestamp without time zone
);

CREATE TABLE risk_metrics (
    id serial NOT NULL PRIMARY KEY,
    account_id integer NOT NULL,
    "date" timestamp without time zone NOT NULL,
    portfolio_delta numeric(12,4),
    portfolio_gamma numeric(12,4),
    portfolio_theta numeric(12,4),
    portfolio_vega numeric(12,4),
    portfolio_rho numeric(12,4),
    var_95 numeric(12,2),
    var_99 numeric(12,2),
    expected_shortfall numeric(12,2),
    max_loss_scenario numeric(12,2),
    max_single_position_pct numeric(5,2),
    max_underlying_exposure_pct numeric(5,2),
    max_expiration_exposure_pct numeric(5,2),
    margin_requirement numeric(12,2),
    excess_liquidity numeric(12,2),
    buying_power_used_pct numeric(5,2),
    created_at timestamp without time zone
);

CREATE TABLE portfolios (
    id serial NOT NULL PRIMARY KEY,
    account_id integer NOT NULL,
    name character varying(100) NOT NULL,
    description text,
    base_currency character varying(10),
    total_value double precision,
    cash_balance double precision,
    invested_value double precision,
    day_pnl double precision,
    total_pnl double precision,
    total_pnl_pct double precision,
    risk_score double precision,
    benchmark_symbol character varying(20),
    is_default boolean,
    is_active boolean,
    last_valued_at timestamp without time zone,
    created_at timestamp without time zone DEFAULT now(),
    updated_at timestamp without time zone
);

CREATE TABLE positions (
    id serial NOT NULL PRIMARY KEY,
    portfolio_id integer NOT NULL,
    account_id integer,
    symbol character varying(20) NOT NULL,
    side character varying(10),
    quantity double precision NOT NULL,
    average_price double precision,
    current_price double precision,
    market_value double precision,
    cost_basis double precision,
    unrealized_pnl double precision,
    unrealized_pnl_pct double precision,
    realized_pnl double precision,
    day_pnl double precision,
    day_pnl_pct double precision,
    stop_loss_price double precision,
    target_price double precision,
    atr_at_entry double precision,
    risk_amount double precision,
    position_size_pct double precision,
    strategy_name character varying(50),
    entry_signal character varying(50),
    exit_signal character varying(50),
    status character varying(20),
    is_paper_trade boolean,
    opened_at timestamp without time zone,
    closed_at timestamp without time zone,
    sector character varying(50),
    currency character varying(10),
    notes text,
    position_metadata json,
    last_price_update timestamp without time zone,
    created_at timestamp without time zone DEFAULT now(),
    updated_at timestamp without time zone
);

COPY users (id, username, email, hashed_password, is_active, is_admin, created_at) FROM stdin;
1	owner	owner@example.invalid	!not-a-hash!	t	t	2025-01-19 15:05:00+00
\.
SELECT setval('users_id_seq', 1);

COPY accounts (id, user_id, account_name, account_type, account_number, broker, api_credentials, is_active, is_paper_trading, created_at) FROM stdin;
1	1	Taxable Account	taxable	U80000001	IBKR	\N	t	\N	2025-06-20 02:00:00
2	1	Tax-Deferred Account	traditional_ira	U80000002	IBKR	\N	t	\N	2025-06-20 02:00:00
3	1	TastyTrade 5WT80001	taxable	5WT80001	TASTYTRADE	{"login": "demo", "password": "not-a-real-secret-87c7da"}	t	\N	2025-06-20 02:00:00
4	1	IBKR U80000001	taxable	U80000001	IBKR	\N	\N	\N	2025-07-02 22:15:00
\.
SELECT setval('accounts_id_seq', 4);

COPY holdings (id, account_id, symbol, quantity, average_cost, current_price, market_value, unrealized_pnl, unrealized_pnl_pct, day_pnl, day_pnl_pct, currency, exchange, contract_type, sector, industry, market_cap, margin_priority, first_acquired, last_updated) FROM stdin;
1	1	NVDA	612.0	81.7038	101.803	62303.4168558512	12300.691255851201	24.60004151423938	-42.1	0.0	USD	SMART	STK	Other	Other	0.0	5	2025-06-20 02:00:00	2025-07-21 22:16:30
2	1	TQQQ	230.0	69.298	68.7666	15816.312064784013	-122.22793521598717	-0.7668703357772255	-34.65	0.0	USD	SMART	STK	Other	Other	0.0	5	2025-06-20 02:00:00	2025-07-21 22:16:30
3	1	KO	636.0	58.737	67.0842	42665.56666807961	5308.834668079614	14.211186000101982	0.55	0.0	USD	SMART	STK	Other	Other	0.0	5	2025-06-20 02:00:00	2025-07-21 22:16:30
4	1	SCHD	61.43750000000369	27.9721	34.2756	2105.8062304032137	387.27033665321363	22.53489950728669	-39.41	0.0	USD	SMART	STK	Other	Other	0.0	5	2025-06-20 02:00:00	2025-07-21 22:16:30
5	1	MSFT	151.0	448.0579	575.0684	86835.32426057519	19178.58136057518	28.346888334429686	1.04	0.0	USD	SMART	STK	Other	Other	0.0	5	2025-06-20 02:00:00	2025-07-21 22:16:30
6	1	BRK B	156.0	488.7562	514.6495	80285.3173006797	4039.3501006796996	5.297788524452862	82.27	0.0	USD	SMART	STK	Other	Other	0.0	5	2025-06-20 02:00:00	2025-07-21 22:16:30
7	2	AAPL	22.0	215.1273	215.143	4733.145014589592	0.34441458959287274	0.007277183610754356	15.65	0.0	USD	SMART	STK	Other	Other	0.0	5	2025-06-20 02:00:00	2025-07-21 22:16:30
8	2	BND	41.0	72.1979	80.517	3301.1976373181574	341.0837373181571	11.522655845038843	65.06	0.0	USD	SMART	STK	Other	Other	0.0	5	2025-06-20 02:00:00	2025-07-21 22:16:30
9	2	VTI	20.5625	284.0769	255.3536	5250.707931835482	-590.6233244145186	-10.111108213261733	-65.17	0.0	USD	SMART	STK	Other	Other	0.0	5	2025-06-20 02:00:00	2025-07-21 22:16:30
10	3	PLTR	511.0	65.1042	56.2194	28728.09495802432	-4540.15124197568	-13.647101246881121	48.78	0.0	USD		Equity	Other	Other	0.0	5	2025-06-20 02:00:00	2025-07-21 22:16:30
11	3	PLTR  250919P00110000	2.0	5.6	4.9551	991.0229573284298	-128.9770426715702	-11.515807381390196	-33.25	0.0	USD		Equity Option	Other	Other	0.0	5	2025-06-20 02:00:00	2025-07-21 22:16:30
12	3	PLTR  260116C00150000	2.0	4.2	4.6581	931.6289510935216	91.6289510935215	10.908208463514457	-84.67	0.0	USD		Equity Option	Other	Other	0.0	5	2025-06-20 02:00:00	2025-07-21 22:16:30
13	1	ACN	5.0	4766.4	5225.4484	26127.24201981329	2295.2420198132904	9.630924890119541	24.42	0.0	USD	SMART	OPT	Other	Other	0.0	5	2025-06-20 02:00:00	2025-07-21 22:16:30
14	1	AAPL	8.0	2259.61	2811.9342	22495.473333951966	4418.593333951965	24.443340520886146	-79.03	0.0	USD	SMART	OPT	Other	Other	0.0	5	2025-06-20 02:00:00	2025-07-21 22:16:30
15	4	KO	508.0	66.0	69.6775	35396.18345672479	1868.1834567247906	5.572009832751101	86.73	0.0	USD	SMART	STK	Other	Other	0.0	5	2025-06-20 02:00:00	2025-07-02 22:16:30
16	9	IPOE	150.0	9.1	12.1717	1825.7518510587042	460.7518510587043	33.75471436327504	60.72	0.0	USD	SMART	STK	Other	Other	0.0	5	2025-06-20 02:00:00	2024-12-30 22:16:30
\.
SELECT setval('holdings_id_seq', 16);

COPY categories (id, name, color, category_type, created_at) FROM stdin;
1	Core	#888888	custom	2025-06-20 02:00:00
2	Growth	#888888	custom	2025-06-20 02:00:00
3	Income	#888888	custom	2025-06-20 02:00:00
4	Speculative	#888888	custom	2025-06-20 02:00:00
\.
SELECT setval('categories_id_seq', 4);

COPY holding_categories (id, holding_id, category_id, allocation_pct, created_at) FROM stdin;
1	1	2	100.0	2025-06-20 02:00:00
2	4	3	100.0	2025-06-20 02:00:00
3	7	4	100.0	2025-06-20 02:00:00
4	10	1	100.0	2025-06-20 02:00:00
5	13	2	100.0	2025-06-20 02:00:00
6	16	3	100.0	2025-06-20 02:00:00
\.
SELECT setval('holding_categories_id_seq', 6);

COPY portfolio_snapshots (id, account_id, snapshot_date, total_value, total_cash, total_equity_value, unrealized_pnl, realized_pnl, day_pnl, day_pnl_pct, holdings_snapshot, created_at) FROM stdin;
1	1	2025-07-21 21:00:00	862410.0899565128	1200.0	861210.0899565128	0.0	0.0	0.0	0.0	[{"symbol": "AAPL", "position": 1}]	2025-07-21 21:00:00
2	2	2025-07-21 21:00:01	903154.422169611	1200.0	901954.422169611	0.0	0.0	0.0	0.0	[{"symbol": "AAPL", "position": 1}]	2025-07-21 21:00:00
3	3	2025-07-21 21:00:02	921711.4979804561	1200.0	920511.4979804561	0.0	0.0	0.0	0.0	[{"symbol": "AAPL", "position": 1}]	2025-07-21 21:00:00
4	1	2025-07-20 21:00:00	875981.455644593	1200.0	874781.455644593	0.0	0.0	0.0	0.0	[{"symbol": "AAPL", "position": 1}]	2025-07-20 21:00:00
5	2	2025-07-20 21:00:01	928350.453693394	1200.0	927150.453693394	0.0	0.0	0.0	0.0	[{"symbol": "AAPL", "position": 1}]	2025-07-20 21:00:00
6	3	2025-07-20 21:00:02	883600.1745845211	1200.0	882400.1745845211	0.0	0.0	0.0	0.0	[{"symbol": "AAPL", "position": 1}]	2025-07-20 21:00:00
\.
SELECT setval('portfolio_snapshots_id_seq', 6);

COPY transactions (id, account_id, external_id, order_id, execution_id, symbol, description, transaction_type, action, quantity, price, amount, commission, fees, net_amount, currency, exchange, contract_type, transaction_date, settlement_date, source, synced_at, last_updated) FROM stdin;
1	1	demo-1	\N	\N	AAPL	Bought AAPL stock	BUY	BOT	100.0	227.33	22733.0	0.0	0.0	22733.0	USD	SMART	STK	2025-05-01 18:45:57	2025-05-03 00:00:00	ibkr	2025-06-20 02:00:00	2025-06-20 02:00:00
2	1	EXE000002	ORD000002	EXE000002	TQQQ	Bought 89 shares of TQQQ	BUY	BUY	89.0	70.21	6248.69	0.0	0.0	6248.69	USD	SMART	STK	2025-03-05 16:19:31	2025-03-07 00:00:00	realistic_sample	2025-06-20 02:00:00	2025-06-20 02:00:00
3	1	EXE000003	ORD000003	EXE000003	NVDA	Sold 97 shares of NVDA	SELL	SELL	97.0	128.51	12465.47	0.0	0.0	12465.47	USD	SMART	STK	2024-11-25 18:57:46	2024-11-27 00:00:00	realistic_sample	2025-06-20 02:00:00	2025-06-20 02:00:00
4	1	EXE000001	ORD000001	EXE000001	BRK B	Bought 58 shares of BRK B	BUY	BUY	58.0	470.57	27293.06	0.0	0.0	27293.06	USD	SMART	STK	2024-11-20 14:34:39	2024-11-22 00:00:00	realistic_sample	2025-06-20 02:00:00	2025-06-20 02:00:00
5	1	demo-2	\N	\N	TSLA	Sold TSLA stock	SELL	SLD	10.0	277.94	2779.4	0.0	0.0	2779.4	USD	SMART	STK	2024-01-08 17:30:27	2024-01-10 00:00:00	ibkr	2025-06-20 02:00:00	2025-06-20 02:00:00
6	1	test-1	1845	\N	TEST	insert check	BUY	BOT	1.0	1.0	1.0	0.0	0.0	1.0	USD	SMART	STK	1970-01-01 00:00:00	1970-01-03 00:00:00	ibkr	2025-06-20 02:00:00	2025-06-20 02:00:00
7	2	0000c9ac.d8e1a86a.01.01	4015	0000c9ac.d8e1a86a.01.01	UNKNOWN	Execution 0000c9ac.d8e1a86a.01.01	SELL	TRADE	8.0	230.76	1846.08	0.0	0.0	1846.08	USD	SMART	STK	2025-03-21 19:11:03	2025-03-23 00:00:00	ibkr_enhanced_standalone	2025-07-01 22:15:00	2025-07-01 22:15:00
8	2	0000da65.7d5df4cf.01.03	8923	0000da65.7d5df4cf.01.03	UNKNOWN	Execution 0000da65.7d5df4cf.01.03	BUY	TRADE	8.0	225.01	1800.08	0.0	0.0	1800.08	USD	SMART	STK	2025-02-05 17:32:16	2025-02-07 00:00:00	ibkr_enhanced_standalone	2025-07-01 22:15:00	2025-07-01 22:15:00
9	9	0000c326.1c97c566.01.01	2628	0000c326.1c97c566.01.01	KO	KO STK	SELL	TRADE	128.0	62.67	8021.76	0.0	0.0	8021.76	USD	SMART	STK	2025-06-11 16:27:18	2025-06-13 00:00:00	ibkr_enhanced_trades	2025-07-02 22:15:00	2025-07-02 22:15:00
10	2	div_VTI_20250610	\N	\N	VTI	VTI cash dividend	DIVIDEND	\N	20.0	0.2527	5.05	0.0	0.0	5.05	USD		STK	2025-06-10 00:00:00	\N	ibkr	2025-07-02 22:15:00	2025-07-02 22:15:00
11	1	00003443.fb30264a.01.02	1428	00003443.fb30264a.01.02	ROKU	SELL 85.0 ROKU @ $78.41	SELL	SLD	85.0	78.41	6664.849999999999	0.35	0.0	6664.499999999999	USD	SMART	STK	2025-05-12 19:46:11	2025-05-14 00:00:00	ibkr	2025-07-02 22:15:00	2025-07-02 22:15:00
12	1	div_MSFT_20250424	\N	\N	MSFT	MSFT cash dividend	DIVIDEND	\N	151.0	0.4713	71.17	0.0	0.0	71.17	USD		STK	2025-04-24 00:00:00	\N	ibkr	2025-07-02 22:15:00	2025-07-02 22:15:00
13	2	div_AAPL_20241212	\N	\N	AAPL	AAPL cash dividend	DIVIDEND	\N	26.0	0.6742	17.53	0.0	0.0	14.9	USD		STK	2024-12-12 00:00:00	\N	ibkr	2025-07-02 22:15:00	2025-07-02 22:15:00
14	9	000019ca.e754df4a.01.01	4495	000019ca.e754df4a.01.01	TQQQ	TQQQ STK	BUY	TRADE	146.0	68.31	9973.26	0.0	0.0	9973.26	USD	SMART	STK	2024-05-21 16:14:45	2024-05-23 00:00:00	ibkr_enhanced_trades	2025-07-02 22:15:00	2025-07-02 22:15:00
15	3	376908097	376908020	376908097	PLTR250620C00120000	PLTR250620C00120000 CALL $120 exp 06/20/25 - Expiration	SELL	TRADE	2.0	0.0	0.0	0.0	0.0	0.0	USD	TASTYTRADE	Equity Option	2025-06-20 20:30:00	2025-06-22 00:00:00	tastytrade_enhanced	2025-07-10 03:30:00	2025-07-10 03:30:00
16	3	380000004		380000004	CASH	CASH Transaction: Money Movement $31.17	SELL	TRADE	0.0	0.0	31.17	0.0	0.0	31.17	USD	TASTYTRADE	CASH	2025-06-03 15:38:22	\N	tastytrade_enhanced	2025-07-10 03:30:00	2025-07-10 03:30:00
17	3	320017088	320017011	320017088	PLTR250620C00120000	PLTR250620C00120000 CALL $120 exp 06/20/25 - Buy to Open	BUY	TRADE	2.0	3.15	630.0	-2.0	0.0	-632.0	USD	TASTYTRADE	Equity Option	2025-04-04 14:55:50	2025-04-06 00:00:00	tastytrade_enhanced	2025-07-10 03:30:00	2025-07-10 03:30:00
18	3	388036195	388036118	388036195	PLTR	PLTR Buy to Open	BUY	TRADE	332.0	66.2549	21996.626800000002	0.0	0.0	-21996.626800000002	USD	TASTYTRADE	Equity	2025-04-04 13:31:20	2025-04-06 00:00:00	tastytrade_enhanced	2025-07-10 03:30:00	2025-07-10 03:30:00
19	3	380000003		380000003	CASH	CASH Transaction: Money Movement $2.50	SELL	TRADE	0.0	0.0	2.5	0.0	0.0	-2.5	USD	TASTYTRADE	CASH	2025-04-01 13:30:49	\N	tastytrade_enhanced	2025-07-10 03:30:00	2025-07-10 03:30:00
20	3	335110792	335110715	335110792	PLTR260116C00150000	PLTR260116C00150000 CALL $150 exp 01/16/26 - Sell to Close	SELL	TRADE	1.0	6.05	605.0	0.0	0.0	605.0	USD	TASTYTRADE	Equity Option	2025-03-26 17:51:55	2025-03-28 00:00:00	tastytrade_enhanced	2025-07-10 03:30:00	2025-07-10 03:30:00
21	3	366265623	366265546	366265623	PLTR260116C00150000	PLTR260116C00150000 CALL $150 exp 01/16/26 - Buy to Open	BUY	TRADE	3.0	4.2	1260.0000000000002	-3.0	0.0	-1263.0000000000002	USD	TASTYTRADE	Equity Option	2025-03-04 20:42:53	2025-03-06 00:00:00	tastytrade_enhanced	2025-07-10 03:30:00	2025-07-10 03:30:00
22	3	380000002		380000002	CASH	CASH Transaction: Withdrawal $4000.00	SELL	TRADE	0.0	0.0	4000.0	0.0	0.0	-4000.0	USD	TASTYTRADE	CASH	2025-03-04 15:58:45	\N	tastytrade_enhanced	2025-07-10 03:30:00	2025-07-10 03:30:00
23	3	321683273	321683196	321683273	PLTR250919P00110000	PLTR250919P00110000 PUT $110 exp 09/19/25 - Sell to Open	SELL	TRADE	2.0	5.6	1120.0	-2.0	0.0	1118.0	USD	TASTYTRADE	Equity Option	2025-02-10 18:08:43	2025-02-12 00:00:00	tastytrade_enhanced	2025-07-10 03:30:00	2025-07-10 03:30:00
24	3	380000001		380000001	CASH	CASH Transaction: Deposit $10000.00	BUY	TRADE	0.0	0.0	10000.0	0.0	0.0	10000.0	USD	TASTYTRADE	CASH	2025-01-03 17:44:15	\N	tastytrade_enhanced	2025-07-10 03:30:00	2025-07-10 03:30:00
25	3	380000000		380000000	CASH	CASH Transaction: Deposit $25000.00	BUY	TRADE	0.0	0.0	25000.0	0.0	0.0	25000.0	USD	TASTYTRADE	CASH	2024-12-02 17:38:52	\N	tastytrade_enhanced	2025-07-10 03:30:00	2025-07-10 03:30:00
26	3	303983808	303983731	303983808	PLTR	PLTR Buy to Open	BUY	TRADE	179.0	62.97	11271.63	0.0	0.0	-11271.63	USD	TASTYTRADE	Equity	2024-10-30 17:57:52	2024-11-01 00:00:00	tastytrade_enhanced	2025-07-10 03:30:00	2025-07-10 03:30:00
27	2	0000073c.8789229a.01.03	4486	0000073c.8789229a.01.03	VTI	VTI STK	BUY	TRADE	0.5625	315.548	177.49575	0.35	0.0	177.84574999999998	USD	SMART	STK	2025-07-17 15:59:45	2025-07-19 00:00:00	ibkr_enhanced_trades	2025-07-21 22:15:00	2025-07-21 22:15:00
28	1	\N	7448	0000bf98.55a01aab.01.02	TQQQ	TQQQ STK	BUY	TRADE	8.0	74.1369	593.0952	0.35	0.0	593.4452	USD	SMART	STK	2025-05-30 15:01:15	2025-06-01 00:00:00	ibkr_enhanced_trades	2025-07-21 22:15:00	2025-07-21 22:15:00
29	1	000038bf.96c2bccc.01.01	5876	000038bf.96c2bccc.01.01	ACN	ACN OPT	BUY	TRADE	6.0	7.61	45.660000000000004	1.05	0.0	46.71	USD	CBOE	OPT	2025-04-14 16:30:43	2025-04-16 00:00:00	ibkr_enhanced_trades	2025-07-21 22:15:00	2025-07-21 22:15:00
30	2	0000c9ac.d8e1a86a.01.01	4015	0000c9ac.d8e1a86a.01.01	AAPL	AAPL STK	TRADE	SELL	8.0	230.76	1846.08	0.35	0.0	1846.4299999999998	USD	SMART	STK	2025-03-21 19:11:03	2025-03-23 00:00:00	ibkr_enhanced	2025-07-21 22:15:00	2025-07-21 22:15:00
31	2	0000da65.7d5df4cf.01.03	8923	0000da65.7d5df4cf.01.03	AAPL	AAPL STK	BUY	TRADE	8.0	225.01	1800.08	0.35	0.0	1800.4299999999998	USD	SMART	STK	2025-02-05 17:32:16	2025-02-07 00:00:00	ibkr_enhanced_trades	2025-07-21 22:15:00	2025-07-21 22:15:00
32	4	0000b431.851af2db.01.01	8806	0000b431.851af2db.01.01	KO	KO STK	BUY	TRADE	488.0	54.93	26805.84	1.71	0.0	26807.55	USD	SMART	STK	2025-01-27 20:36:11	2025-01-29 00:00:00	ibkr_enhanced_trades	2025-07-21 22:15:00	2025-07-21 22:15:00
33	1	00007390.2209bd0c.01.02	9015	00007390.2209bd0c.01.02	BRK B	BRK B STK	BUY	TRADE	115.0	485.82	55869.299999999996	0.4	0.0	55869.7	USD	SMART	STK	2025-01-07 14:50:45	2025-01-09 00:00:00	ibkr_enhanced_trades	2025-07-21 22:15:00	2025-07-21 22:15:00
34	1	00008d59.f226ae3e.01.03	7421	00008d59.f226ae3e.01.03	BRK B	BRK B STK	BUY	TRADE	0.0	0.0	0.0	0.0	0.0	0.0	USD	SMART	STK	2024-12-17 16:08:09	2024-12-19 00:00:00	ibkr_enhanced_trades	2025-07-21 22:15:00	2025-07-21 22:15:00
35	1	00000b18.01df0957.01.03	3016	00000b18.01df0957.01.03	SCHD	SCHD STK	BUY	TRADE	0.4375	27.0689	11.84264375	0.35	0.0	12.19264375	USD	SMART	STK	2024-11-27 18:49:55	2024-11-29 00:00:00	ibkr_enhanced_trades	2025-07-21 22:15:00	2025-07-21 22:15:00
36	1	0000e70d.dfda7f9f.01.03	7624	0000e70d.dfda7f9f.01.03	BRK B	BRK B STK	BUY	TRADE	13.0	475.78	6185.139999999999	0.35	0.0	6185.49	USD	SMART	STK	2024-11-25 18:05:51	2024-11-27 00:00:00	ibkr_enhanced_trades	2025-07-21 22:15:00	2025-07-21 22:15:00
37	1	00008e8d.7cc22a91.01.01	4679	00008e8d.7cc22a91.01.01	ACN	ACN OPT	BUY	TRADE	3.0	22.63	67.89	0.0	0.0	67.89	USD	CBOE	OPT	2024-11-14 15:59:49	2024-11-16 00:00:00	ibkr_chunked_historical	2025-07-21 22:15:00	2025-07-21 22:15:00
38	2	00006646.ad0b6700.01.02	4847	00006646.ad0b6700.01.02	AAPL	AAPL STK	TRADE	SELL	7.0	215.8666	1511.0662	0.35	0.0	1511.4162	USD	SMART	STK	2024-10-31 18:21:49	2024-11-02 00:00:00	ibkr_enhanced	2025-07-21 22:15:00	2025-07-21 22:15:00
39	1	0000a8dc.8fa7955d.01.01	4424	0000a8dc.8fa7955d.01.01	SCHD	SCHD STK	BUY	TRADE	25.0	25.9896	649.74	0.35	0.0	650.09	USD	SMART	STK	2024-09-04 17:43:40	2024-09-06 00:00:00	ibkr_enhanced_trades	2025-07-21 22:15:00	2025-07-21 22:15:00
40	1	000005a3.118daa9d.01.03	6281	000005a3.118daa9d.01.03	BRK B	BRK B STK	BUY	TRADE	28.0	506.84	14191.519999999999	0.35	0.0	14191.869999999999	USD	SMART	STK	2024-09-04 17:33:56	2024-09-06 00:00:00	ibkr_enhanced_trades	2025-07-21 22:15:00	2025-07-21 22:15:00
41	2	0000e3e2.265a5c86.01.02	3649	0000e3e2.265a5c86.01.02	VTI	VTI STK	TRADE	BUY	10.0	266.11	2661.1000000000004	0.35	0.0	2661.4500000000003	USD	SMART	STK	2024-08-30 18:20:53	2024-09-01 00:00:00	ibkr_enhanced	2025-07-21 22:15:00	2025-07-21 22:15:00
42	1	00000a83.16b5a9b8.01.03	7715	00000a83.16b5a9b8.01.03	TQQQ	TQQQ STK	TRADE	SELL	5.0	64.32	321.59999999999997	0.35	0.0	321.95	USD	SMART	STK	2024-07-17 18:07:29	2024-07-19 00:00:00	ibkr_enhanced	2025-07-21 22:15:00	2025-07-21 22:15:00
43	1	00007b20.a75ff424.01.03	7015	00007b20.a75ff424.01.03	SCHD	SCHD STK	BUY	TRADE	9.0	29.92	269.28000000000003	0.35	0.0	269.63000000000005	USD	SMART	STK	2024-06-10 16:13:59	2024-06-12 00:00:00	ibkr_enhanced_trades	2025-07-21 22:15:00	2025-07-21 22:15:00
44	1	000075ca.4e1b2bd1.01.03	4737	000075ca.4e1b2bd1.01.03	SCHD	SCHD STK	BUY	TRADE	9.0	29.92	269.28000000000003	0.35	0.0	269.63000000000005	USD	SMART	STK	2024-06-10 16:13:59	2024-06-12 00:00:00	ibkr_enhanced_trades	2025-07-21 22:15:00	2025-07-21 22:15:00
45	4	0000c116.4abd298f.01.03	8436	0000c116.4abd298f.01.03	KO	KO STK	BUY	TRADE	148.0	71.29	10550.92	0.52	0.0	10551.44	USD	SMART	STK	2024-05-30 14:30:33	2024-06-01 00:00:00	ibkr_enhanced_trades	2025-07-21 22:15:00	2025-07-21 22:15:00
46	1	00008532.3a0b94ee.01.03	9573	00008532.3a0b94ee.01.03	ACN	ACN OPT	SELL	TRADE	8.0	27.62	220.96	1.05	0.0	222.01000000000002	USD	CBOE	OPT	2024-05-28 14:07:08	2024-05-30 00:00:00	ibkr_enhanced_trades	2025-07-21 22:15:00	2025-07-21 22:15:00
47	2	csv_exec_20250530142813_AAPL	csv_order_20250530142813	csv_exec_20250530142813_AAPL	AAPL	AAPL Stocks - CSV Import	SELL	TRADE	4.0	233.02	932.08	0.35	0.0	932.08	USD	IBKR	STOCKS	2025-05-30 14:28:13	2025-06-01 00:00:00	ibkr_csv_import	2025-07-21 23:40:00	2025-07-21 23:40:00
48	1	csv_exec_20250520134309_NVDA	csv_order_20250520134309	csv_exec_20250520134309_NVDA	NVDA	NVDA Stocks - CSV Import	BUY	TRADE	2.0	130.75	261.5	0.35	0.0	-261.5	USD	IBKR	STOCKS	2025-05-20 13:43:09	2025-05-22 00:00:00	ibkr_csv_import	2025-07-21 23:40:00	2025-07-21 23:40:00
49	1	csv_exec_20250509144928_ROKU	csv_order_20250509144928	csv_exec_20250509144928_ROKU	ROKU	ROKU Stocks - CSV Import	SELL	TRADE	84.0	75.62	6352.08	0.35	0.0	6352.08	USD	IBKR	STOCKS	2025-05-09 14:49:28	2025-05-11 00:00:00	ibkr_csv_import	2025-07-21 23:40:00	2025-07-21 23:40:00
50	2	csv_exec_20250324141709_VTI	csv_order_20250324141709	csv_exec_20250324141709_VTI	VTI	VTI Stocks - CSV Import	BUY	TRADE	2.0	293.9682	587.9364	0.35	0.0	-587.9364	USD	IBKR	STOCKS	2025-03-24 14:17:09	2025-03-26 00:00:00	ibkr_csv_import	2025-07-21 23:40:00	2025-07-21 23:40:00
51	2	csv_exec_20250103120150_VTI	csv_order_20250103120150	csv_exec_20250103120150_VTI	VTI	VTI Stocks - CSV Import	BUY	TRADE	8.0	301.85	2414.8	0.35	0.0	-2414.8	USD	IBKR	STOCKS	2025-01-03 12:01:50	2025-01-05 00:00:00	ibkr_csv_import	2025-07-21 23:40:00	2025-07-21 23:40:00
52	1	csv_exec_20241216125547_MSFT	csv_order_20241216125547	csv_exec_20241216125547_MSFT	MSFT	MSFT Stocks - CSV Import	BUY	TRADE	18.0	506.43	9115.74	0.35	0.0	-9115.74	USD	IBKR	STOCKS	2024-12-16 12:55:47	2024-12-18 00:00:00	ibkr_csv_import	2025-07-21 23:40:00	2025-07-21 23:40:00
53	1	csv_exec_20241129141920_MSFT	csv_order_20241129141920	csv_exec_20241129141920_MSFT	MSFT	MSFT Stocks - CSV Import	BUY	TRADE	20.0	434.9484	8698.968	0.35	0.0	-8698.968	USD	IBKR	STOCKS	2024-11-29 14:19:20	2024-12-01 00:00:00	ibkr_csv_import	2025-07-21 23:40:00	2025-07-21 23:40:00
54	1	csv_exec_20241126104831_TQQQ	csv_order_20241126104831	csv_exec_20241126104831_TQQQ	TQQQ	TQQQ Stocks - CSV Import	SELL	TRADE	52.0	78.1066	4061.5432	0.35	0.0	4061.5432	USD	IBKR	STOCKS	2024-11-26 10:48:31	2024-11-28 00:00:00	ibkr_csv_import	2025-07-21 23:40:00	2025-07-21 23:40:00
55	2	csv_exec_20241010121448_AAPL	csv_order_20241010121448	csv_exec_20241010121448_AAPL	AAPL	AAPL Stocks - CSV Import	BUY	TRADE	33.0	209.48	6912.839999999999	0.35	0.0	-6912.839999999999	USD	IBKR	STOCKS	2024-10-10 12:14:48	2024-10-12 00:00:00	ibkr_csv_import	2025-07-21 23:40:00	2025-07-21 23:40:00
56	1	csv_exec_20241008123900_NVDA	csv_order_20241008123900	csv_exec_20241008123900_NVDA	NVDA	NVDA Stocks - CSV Import	BUY	TRADE	202.0	130.8869	26439.1538	0.71	0.0	-26439.1538	USD	IBKR	STOCKS	2024-10-08 12:39:00	2024-10-10 00:00:00	ibkr_csv_import	2025-07-21 23:40:00	2025-07-21 23:40:00
57	1	csv_exec_20240919124055_SCHD	csv_order_20240919124055	csv_exec_20240919124055_SCHD	SCHD	SCHD Stocks - CSV Import	BUY	TRADE	18.0	28.7996	518.3928000000001	0.35	0.0	-518.3928000000001	USD	IBKR	STOCKS	2024-09-19 12:40:55	2024-09-21 00:00:00	ibkr_csv_import	2025-07-21 23:40:00	2025-07-21 23:40:00
58	2	csv_exec_20240828122710_BND	csv_order_20240828122710	csv_exec_20240828122710_BND	BND	BND Stocks - CSV Import	BUY	TRADE	37.0	72.5917	2685.8929000000003	0.35	0.0	-2685.8929000000003	USD	IBKR	STOCKS	2024-08-28 12:27:10	2024-08-30 00:00:00	ibkr_csv_import	2025-07-21 23:40:00	2025-07-21 23:40:00
59	1	csv_exec_20240812111122_MSFT	csv_order_20240812111122	csv_exec_20240812111122_MSFT	MSFT	MSFT Stocks - CSV Import	BUY	TRADE	113.0	441.08	49842.04	0.4	0.0	-49842.04	USD	IBKR	STOCKS	2024-08-12 11:11:22	2024-08-14 00:00:00	ibkr_csv_import	2025-07-21 23:40:00	2025-07-21 23:40:00
60	2	csv_exec_20240716112831_BND	csv_order_20240716112831	csv_exec_20240716112831_BND	BND	BND Stocks - CSV Import	BUY	TRADE	4.0	68.5548	274.2192	0.35	0.0	-274.2192	USD	IBKR	STOCKS	2024-07-16 11:28:31	2024-07-18 00:00:00	ibkr_csv_import	2025-07-21 23:40:00	2025-07-21 23:40:00
61	1	csv_exec_20240702133736_TQQQ	csv_order_20240702133736	csv_exec_20240702133736_TQQQ	TQQQ	TQQQ Stocks - CSV Import	BUY	TRADE	77.0	75.1	5782.7	0.35	0.0	-5782.7	USD	IBKR	STOCKS	2024-07-02 13:37:36	2024-07-04 00:00:00	ibkr_csv_import	2025-07-21 23:40:00	2025-07-21 23:40:00
62	1	csv_exec_20240613124400_TQQQ	csv_order_20240613124400	csv_exec_20240613124400_TQQQ	TQQQ	TQQQ Stocks - CSV Import	BUY	TRADE	478.0	65.95	31524.100000000002	1.67	0.0	-31524.100000000002	USD	IBKR	STOCKS	2024-06-13 12:44:00	2024-06-15 00:00:00	ibkr_csv_import	2025-07-21 23:40:00	2025-07-21 23:40:00
63	1	csv_exec_20240509121654_ROKU	csv_order_20240509121654	csv_exec_20240509121654_ROKU	ROKU	ROKU Stocks - CSV Import	BUY	TRADE	169.0	72.96	12330.24	0.59	0.0	-12330.24	USD	IBKR	STOCKS	2024-05-09 12:16:54	2024-05-11 00:00:00	ibkr_csv_import	2025-07-21 23:40:00	2025-07-21 23:40:00
64	1	00007390.2209bd0c.01.02	9015	00007390.2209bd0c.01.02	BRK B	BRK B STK - Historical	BUY	TRADE	115.0	485.82	55869.299999999996	0.0	0.0	55869.299999999996	USD	SMART	STK	2025-01-07 14:50:45	2025-01-09 00:00:00	ibkr_chunked_historical	2025-07-22 01:05:00	2025-07-22 01:05:00
65	1	00002da1.de5c3a63.01.02	4118	00002da1.de5c3a63.01.02	MSFT	MSFT STK - Historical	BUY	TRADE	18.0	506.43	9115.74	0.0	0.0	9115.74	USD	SMART	STK	2024-12-16 17:55:47	2024-12-18 00:00:00	ibkr_chunked_historical	2025-07-22 01:05:00	2025-07-22 01:05:00
66	1	0000f197.ee585d90.01.02	1413	0000f197.ee585d90.01.02	MSFT	MSFT STK - Historical	BUY	TRADE	20.0	434.9484	8698.968	0.0	0.0	8698.968	USD	SMART	STK	2024-11-29 19:19:20	2024-12-01 00:00:00	ibkr_chunked_historical	2025-07-22 01:05:00	2025-07-22 01:05:00
67	1	0000e70d.dfda7f9f.01.03	7624	0000e70d.dfda7f9f.01.03	BRK B	BRK B STK - Historical	BUY	TRADE	13.0	475.78	6185.139999999999	0.0	0.0	6185.139999999999	USD	SMART	STK	2024-11-25 18:05:51	2024-11-27 00:00:00	ibkr_chunked_historical	2025-07-22 01:05:00	2025-07-22 01:05:00
68	1	000005a3.118daa9d.01.03	6281	000005a3.118daa9d.01.03	BRK B	BRK B STK - Historical	BUY	TRADE	28.0	506.84	14191.519999999999	0.0	0.0	14191.519999999999	USD	SMART	STK	2024-09-04 17:33:56	2024-09-06 00:00:00	ibkr_chunked_historical	2025-07-22 01:05:00	2025-07-22 01:05:00
69	1	00005e50.d76e85bd.01.03	7572	00005e50.d76e85bd.01.03	MSFT	MSFT STK - Historical	BUY	TRADE	113.0	441.08	49842.04	0.0	0.0	49842.04	USD	SMART	STK	2024-08-12 15:11:22	2024-08-14 00:00:00	ibkr_chunked_historical	2025-07-22 01:05:00	2025-07-22 01:05:00
70	1	\N	7448	0000bf98.55a01aab.01.02	TQQQ	TQQQ STK	BUY	TRADE	8.0	74.1369	593.0952	0.35	0.0	593.4452	USD	SMART	STK	2025-05-30 15:01:15	2025-06-01 00:00:00	ibkr_enhanced_trades	2025-07-22 02:00:00	2025-07-22 02:00:00
71	1	00003443.fb30264a.01.02	1428	00003443.fb30264a.01.02	ROKU	SELL 85.0 ROKU @ $78.41	SELL	SLD	85.0	78.41	6664.849999999999	0.35	0.0	6664.499999999999	USD	SMART	STK	2025-05-12 19:46:11	2025-05-14 00:00:00	ibkr	2025-07-22 02:00:00	2025-07-22 02:00:00
72	3	380000000		380000000	CASH	CASH Transaction: Deposit $25000.00	BUY	TRADE	0.0	0.0	25000.0	0.0	0.0	25000.0	USD	TASTYTRADE	CASH	2024-12-02 17:38:52	\N	tastytrade_enhanced	2025-07-22 02:00:00	2025-07-22 02:00:00
73	2	00006646.ad0b6700.01.02	4847	00006646.ad0b6700.01.02	AAPL	AAPL STK	TRADE	SELL	7.0	215.8666	1511.0662	0.35	0.0	1511.4162	USD	SMART	STK	2024-10-31 18:21:49	2024-11-02 00:00:00	ibkr_enhanced	2025-07-22 02:00:00	2025-07-22 02:00:00
74	4	00000a83.16b5a9b8.01.03	7715	00000a83.16b5a9b8.01.03	TQQQ	TQQQ STK	TRADE	SELL	5.0	64.32	321.59999999999997	0.35	0.0	321.95	USD	SMART	STK	2024-07-17 18:07:29	2024-07-19 00:00:00	ibkr_enhanced	2025-07-22 02:00:00	2025-07-22 02:00:00
75	1	00000a83.16b5a9b8.01.03	7715	00000a83.16b5a9b8.01.03	TQQQ	TQQQ STK	TRADE	SELL	5.0	64.32	321.59999999999997	0.35	0.0	321.95	USD	SMART	STK	2024-07-17 18:07:29	2024-07-19 00:00:00	ibkr_enhanced	2025-07-22 02:00:00	2025-07-22 02:00:00
76	1	csv_exec_20240702133736_TQQQ	csv_order_20240702133736	csv_exec_20240702133736_TQQQ	TQQQ	TQQQ Stocks - CSV Import	BUY	TRADE	77.0	75.1	5782.7	0.35	0.0	-5782.7	USD	IBKR	STOCKS	2024-07-02 13:37:36	2024-07-04 00:00:00	ibkr_csv_import	2025-07-22 02:00:00	2025-07-22 02:00:00
77	1	csv_exec_20240613124400_TQQQ	csv_order_20240613124400	csv_exec_20240613124400_TQQQ	TQQQ	TQQQ Stocks - CSV Import	BUY	TRADE	478.0	65.95	31524.100000000002	1.67	0.0	-31524.100000000002	USD	IBKR	STOCKS	2024-06-13 12:44:00	2024-06-15 00:00:00	ibkr_csv_import	2025-07-22 02:00:00	2025-07-22 02:00:00
\.
SELECT setval('transactions_id_seq', 77);

COPY dividends (id, account_id, external_id, symbol, ex_date, pay_date, dividend_per_share, shares_held, total_dividend, tax_withheld, net_dividend, currency, frequency, dividend_type, source, synced_at, last_updated) FROM stdin;
1	1	BRK B-2024-11-15	BRK B	2024-11-15 00:00:00	2024-11-28 00:00:00	0.25	156.0	39.0	0.0	39.0	USD	quarterly	ordinary	ibkr	2025-06-20 02:00:00	2025-06-20 02:00:00
2	1	MSFT-2024-11-15	MSFT	2024-11-15 00:00:00	2024-11-28 00:00:00	0.25	0.0	37.75	0.0	37.75	USD	quarterly	ordinary	ibkr	2025-06-20 02:00:00	2025-06-20 02:00:00
3	9	ibkr_IPOE_2025-02-03	IPOE	2025-02-03 00:00:00	2025-02-24 00:00:00	0.11	150.0	16.5	0.0	16.5	USD	quarterly	ordinary	ibkr	2025-07-02 22:15:00	2025-07-02 22:15:00
4	1	ibkr_SCHD_2024-08-16	SCHD	2024-08-16 00:00:00	2024-09-06 00:00:00	0.3636	18.0	6.54	0.0	6.54	USD	quarterly	ordinary	ibkr	2025-07-21 22:15:00	2025-07-21 22:15:00
5	2	ibkr_AAPL_2024-11-21	AAPL	2024-11-21 00:00:00	2024-12-12 00:00:00	0.6742	26.0	17.53	2.63	14.9	USD	quarterly	ordinary	ibkr	2025-07-21 22:15:00	2025-07-21 22:15:00
6	1	ibkr_MSFT_2025-04-03	MSFT	2025-04-03 00:00:00	2025-04-24 00:00:00	0.4713	151.0	71.17	0.0	71.17	USD	quarterly	ordinary	ibkr	2025-07-21 22:15:00	2025-07-21 22:15:00
7	2	ibkr_AAPL_2024-11-21_2	AAPL	2024-11-21 00:00:00	2024-12-12 00:00:00	0.6742	26.0	17.53	2.63	14.9	USD	quarterly	ordinary	ibkr	2025-07-22 02:00:00	2025-07-22 02:00:00
\.
SELECT setval('dividends_id_seq', 7);

COPY transaction_sync_status (id, account_id, last_sync_date, last_successful_sync, sync_status, earliest_transaction_date, latest_transaction_date, total_transactions, total_dividends, error_count, created_at) FROM stdin;
1	1	2025-07-21 22:15:00	2025-07-21 22:15:40	completed	1970-01-01 00:00:00	2025-05-30 00:00:00	14	0	0	2025-06-20 02:00:00
2	2	2025-07-21 22:15:00	\N	in_progress	2024-07-16 00:00:00	2025-07-17 00:00:00	5	0	0	2025-06-20 02:00:00
3	3	2025-07-21 22:15:00	2025-07-21 22:15:40	completed	2024-10-30 00:00:00	2025-06-20 00:00:00	4	0	0	2025-06-20 02:00:00
\.
SELECT setval('transaction_sync_status_id_seq', 3);

COPY tax_lots (id, holding_id, symbol, account_id, purchase_date, shares_purchased, cost_per_share, total_cost, commission, shares_remaining, shares_sold, is_long_term, is_wash_sale, wash_sale_amount, created_at, updated_at, notes) FROM stdin;
1	16	IPOE	9	2024-03-04 00:00:00	150.0	9.1	1365.0	0.0	150.0	0.0	t	f	0.0	2024-12-30 22:20:00	2024-12-30 22:20:00	\N
2	9001	PLTR	3	2025-01-13 00:00:00	275.0	62.0	17050.0	0.0	275.0	0.0	f	f	0.0	2025-06-20 02:30:00	2025-06-20 02:30:00	\N
3	\N	TQQQ	9	2025-03-25 00:00:00	99.0	68.0	6732.0	0.0	99.0	0.0	f	f	0.0	2025-06-20 02:30:00	2025-06-20 02:30:00	\N
4	\N	AAPL	U80000002	2024-11-19 00:00:00	342.0	213.0	72846.0	0.0	342.0	0.0	f	f	0.0	2025-06-20 02:30:00	2025-06-20 02:30:00	\N
5	15	KO	4	2024-05-09 00:00:00	508.0	66.0	33528.0	0.0	508.0	0.0	t	f	0.0	2025-07-02 22:20:00	2025-07-02 22:20:00	\N
6	12	PLTR  260116C00150000	5WT80001	2025-01-06 00:00:00	2.0	4.2	8.4	0.0	2.0	0.0	f	f	0.0	2025-07-21 22:20:00	2025-07-21 22:20:00	\N
7	9	VTI	U80000002	2024-05-09 00:00:00	20.5625	284.0769	5841.3312562500005	0.0	20.5625	0.0	t	f	0.0	2025-07-21 22:20:00	2025-07-21 22:20:00	\N
8	4	SCHD	U80000001	2024-05-09 00:00:00	61.4375	27.9721	1718.53589375	0.0	61.4375	0.0	t	f	0.0	2025-07-21 22:20:00	2025-07-21 22:20:00	\N
9	11	PLTR  250919P00110000	5WT80001	2025-01-06 00:00:00	2.0	5.6	11.2	0.0	2.0	0.0	f	f	0.0	2025-07-21 22:20:00	2025-07-21 22:20:00	\N
10	3	KO	U80000001	2024-05-09 00:00:00	636.0	58.737	37356.732	0.0	636.0	0.0	t	f	0.0	2025-07-21 22:20:00	2025-07-21 22:20:00	\N
11	13	ACN	U80000001	2024-05-09 00:00:00	5.0	12.5	62.5	0.0	5.0	0.0	t	f	0.0	2025-07-21 22:20:00	2025-07-21 22:20:00	\N
12	1	NVDA	U80000001	2024-05-09 00:00:00	612.0	81.7038	50002.7256	0.0	612.0	0.0	t	f	0.0	2025-07-21 22:20:00	2025-07-21 22:20:00	\N
13	1	NVDA	U80000001	2024-05-10 00:00:00	408.0	81.7038	33335.1504	0.0	408.0	0.0	t	f	0.0	2025-07-21 22:20:00	2025-07-21 22:20:00	\N
14	10	PLTR	5WT80001	2025-01-06 00:00:00	511.0	65.1042	33268.2462	0.0	511.0	0.0	f	f	0.0	2025-07-21 22:20:00	2025-07-21 22:20:00	\N
15	14	AAPL	U80000001	2024-05-09 00:00:00	8.0	12.5	100.0	0.0	8.0	0.0	t	f	0.0	2025-07-21 22:20:00	2025-07-21 22:20:00	\N
16	6	BRK B	1	2025-01-07 00:00:00	115.0	485.82	55869.7	0.4	115.0	0.0	f	f	0.0	2025-07-22 01:20:00	2025-07-22 01:20:00	\N
17	3	KO	1	2025-01-27 00:00:00	488.0	54.93	26807.55	1.71	488.0	0.0	f	f	0.0	2025-07-22 01:20:00	2025-07-22 01:20:00	\N
18	9	VTI	2	2025-01-03 00:00:00	8.0	301.85	2415.15	0.35	8.0	0.0	f	f	0.0	2025-07-22 01:20:00	2025-07-22 01:20:00	\N
19	2	TQQQ	1	2024-07-02 00:00:00	77.0	75.1	5783.05	0.35	77.0	0.0	t	f	0.0	2025-07-22 01:20:00	2025-07-22 01:20:00	\N
20	4	SCHD	1	2024-11-27 00:00:00	0.4375	27.0689	12.19264375	0.35	0.4375	0.0	f	f	0.0	2025-07-22 01:20:00	2025-07-22 01:20:00	\N
21	5	MSFT	1	2024-12-16 00:00:00	18.0	506.43	9115.74	0.0	18.0	0.0	f	f	0.0	2025-07-22 01:20:00	2025-07-22 01:20:00	\N
22	7	AAPL	2	2024-10-10 00:00:00	33.0	209.48	6913.19	0.35	33.0	0.0	f	f	0.0	2025-07-22 01:20:00	2025-07-22 01:20:00	\N
23	10	PLTR	3	2024-10-30 00:00:00	179.0	62.97	11271.63	0.0	179.0	0.0	f	f	0.0	2025-07-22 01:20:00	2025-07-22 01:20:00	\N
24	5	MSFT	1	2024-11-29 00:00:00	20.0	434.9484	8698.968	0.0	20.0	0.0	f	f	0.0	2025-07-22 01:20:00	2025-07-22 01:20:00	\N
25	6	BRK B	1	2024-09-04 00:00:00	28.0	506.84	14191.869999999999	0.35	28.0	0.0	f	f	0.0	2025-07-22 01:20:00	2025-07-22 01:20:00	\N
26	9	VTI	2	2024-08-30 00:00:00	10.0	266.11	2661.4500000000003	0.35	10.0	0.0	f	f	0.0	2025-07-22 01:20:00	2025-07-22 01:20:00	\N
27	2	TQQQ	1	2025-05-30 00:00:00	8.0	74.1369	593.4452	0.35	8.0	0.0	f	f	0.0	2025-07-22 01:20:00	2025-07-22 01:20:00	\N
28	4	SCHD	1	2024-09-19 00:00:00	18.0	28.7996	518.7428000000001	0.35	18.0	0.0	f	f	0.0	2025-07-22 01:20:00	2025-07-22 01:20:00	\N
29	5	MSFT	1	2024-08-12 00:00:00	113.0	441.08	49842.44	0.4	113.0	0.0	f	f	0.0	2025-07-22 01:20:00	2025-07-22 01:20:00	\N
30	4	SCHD	1	2024-09-04 00:00:00	25.0	25.9896	650.09	0.35	25.0	0.0	f	f	0.0	2025-07-22 01:20:00	2025-07-22 01:20:00	\N
31	8	BND	2	2024-08-28 00:00:00	37.0	72.5917	2686.2429	0.35	37.0	0.0	f	f	0.0	2025-07-22 01:20:00	2025-07-22 01:20:00	\N
32	3	KO	1	2024-05-30 00:00:00	148.0	71.29	10551.44	0.52	148.0	0.0	t	f	0.0	2025-07-22 01:20:00	2025-07-22 01:20:00	\N
33	9	VTI	2	2025-07-17 00:00:00	0.5625	315.548	177.84574999999998	0.35	0.5625	0.0	f	f	0.0	2025-07-22 01:20:00	2025-07-22 01:20:00	\N
34	6	BRK B	1	2024-09-04 00:00:00	28.0	506.84	14191.519999999999	0.0	28.0	0.0	f	f	0.0	2025-07-22 01:20:00	2025-07-22 01:20:00	\N
35	\N	ROKU	1	2024-05-09 00:00:00	169.0	72.96	12330.83	0.59	169.0	0.0	t	f	0.0	2025-07-22 01:20:00	2025-07-22 01:20:00	\N
36	6	BRK B	1	2025-01-07 00:00:00	115.0	485.82	55869.299999999996	0.0	115.0	0.0	f	f	0.0	2025-07-22 01:20:00	2025-07-22 01:20:00	\N
37	5	MSFT	1	2024-12-16 00:00:00	18.0	506.43	9116.09	0.35	18.0	0.0	f	f	0.0	2025-07-22 01:20:00	2025-07-22 01:20:00	\N
38	6	BRK B	1	2024-11-25 00:00:00	13.0	475.78	6185.49	0.35	13.0	0.0	f	f	0.0	2025-07-22 01:20:00	2025-07-22 01:20:00	\N
39	4	SCHD	1	2024-06-10 00:00:00	9.0	29.92	269.63000000000005	0.35	9.0	0.0	t	f	0.0	2025-07-22 01:20:00	2025-07-22 01:20:00	\N
40	8	BND	2	2024-07-16 00:00:00	4.0	68.5548	274.5692	0.35	4.0	0.0	t	f	0.0	2025-07-22 01:20:00	2025-07-22 01:20:00	\N
41	4	SCHD	1	2024-06-10 00:00:00	9.0	29.92	269.63000000000005	0.35	9.0	0.0	t	f	0.0	2025-07-22 01:20:00	2025-07-22 01:20:00	\N
42	5	MSFT	1	2024-08-12 00:00:00	113.0	441.08	49842.04	0.0	113.0	0.0	f	f	0.0	2025-07-22 01:20:00	2025-07-22 01:20:00	\N
43	2	TQQQ	1	2024-06-13 00:00:00	478.0	65.95	31525.77	1.67	478.0	0.0	t	f	0.0	2025-07-22 01:20:00	2025-07-22 01:20:00	\N
44	7	AAPL	2	2025-02-05 00:00:00	8.0	225.01	1800.4299999999998	0.35	8.0	0.0	f	f	0.0	2025-07-22 01:20:00	2025-07-22 01:20:00	\N
45	10	PLTR	3	2025-04-04 00:00:00	332.0	66.2549	21996.626800000002	0.0	332.0	0.0	f	f	0.0	2025-07-22 01:20:00	2025-07-22 01:20:00	\N
46	9	VTI	2	2025-03-24 00:00:00	2.0	293.9682	588.2864000000001	0.35	2.0	0.0	f	f	0.0	2025-07-22 01:20:00	2025-07-22 01:20:00	\N
47	1	NVDA	1	2024-10-08 00:00:00	202.0	130.8869	26439.8638	0.71	202.0	0.0	f	f	0.0	2025-07-22 01:20:00	2025-07-22 01:20:00	\N
48	6	BRK B	1	2024-11-25 00:00:00	13.0	475.78	6185.139999999999	0.0	13.0	0.0	f	f	0.0	2025-07-22 01:20:00	2025-07-22 01:20:00	\N
49	5	MSFT	1	2024-11-29 00:00:00	20.0	434.9484	8699.318000000001	0.35	20.0	0.0	f	f	0.0	2025-07-22 01:20:00	2025-07-22 01:20:00	\N
50	1	NVDA	1	2025-05-20 00:00:00	2.0	130.75	261.85	0.35	2.0	0.0	f	f	0.0	2025-07-22 01:20:00	2025-07-22 01:20:00	\N
\.
SELECT setval('tax_lots_id_seq', 50);

COPY tax_lot_sales (id, tax_lot_id, sale_date, shares_sold, sale_price_per_share, total_proceeds, cost_basis, realized_gain_loss, is_long_term, lot_method, created_at) FROM stdin;
1	\N	2025-06-02 00:00:00	10.0	20.0	200.0	150.0	50.0	f	FIFO	2025-06-20 02:00:00
2	\N	2025-06-03 00:00:00	10.0	20.0	200.0	150.0	50.0	f	FIFO	2025-06-20 02:00:00
3	\N	2025-06-04 00:00:00	10.0	20.0	200.0	150.0	50.0	f	FIFO	2025-06-20 02:00:00
\.
SELECT setval('tax_lot_sales_id_seq', 3);

COPY tax_strategies (id, account_id, strategy_type, symbol, action, shares, is_active, created_at) FROM stdin;
1	U80000001	tax_loss_harvesting	NKE	sell	10.0	t	2025-06-20 02:00:00
\.
SELECT setval('tax_strategies_id_seq', 1);

COPY tax_reports (id, account_id, report_type, tax_year, total_realized_gains, generated_at) FROM stdin;
1	U80000001	annual_summary	2024	0.0	2025-06-20 02:00:00
\.
SELECT setval('tax_reports_id_seq', 1);

COPY trade_signals (id, symbol, signal_type, strategy_name, trigger_price, is_valid, created_at) FROM stdin;
1	AAPL	ENTRY	atr_matrix	100.0000	t	2025-07-18 13:15:00+00
2	AMD	ENTRY	atr_matrix	100.0000	t	2025-07-18 13:15:00+00
\.
SELECT setval('trade_signals_id_seq', 2);

COPY trades (id, account_id, symbol, side, quantity, price, total_value, order_type, execution_time, strategy_name, signal_id, status, is_opening, is_paper_trade, created_at) FROM stdin;
1	1	AAPL	BUY	10.0000	100.0000	1000.00	MARKET	2025-07-10 14:00:00+00	ATR_MATRIX	1	FILLED	t	t	2025-07-10 14:00:00+00
2	1	AMD	BUY	10.0000	100.0000	1000.00	MARKET	2025-07-11 14:00:00+00	ATR_MATRIX	2	FILLED	t	t	2025-07-11 14:00:00+00
3	1	AAPL	BUY	10.0000	100.0000	1000.00	MARKET	2025-07-12 14:00:00+00	ATR_MATRIX	1	FILLED	t	t	2025-07-12 14:00:00+00
4	1	AMD	BUY	10.0000	100.0000	1000.00	MARKET	2025-07-13 14:00:00+00	ATR_MATRIX	2	FILLED	t	t	2025-07-13 14:00:00+00
\.
SELECT setval('trades_id_seq', 4);

COPY alerts (id, user_id, name, symbol, alert_type, is_active, is_repeating, max_triggers, current_triggers, notify_discord, notify_email, notify_app, priority, created_at) FROM stdin;
1	1	AAPL level 1	AAPL	PRICE	t	f	1	0	t	f	t	MEDIUM	2025-06-20 02:00:00+00
2	1	NVDA level 2	NVDA	INDICATOR	t	f	1	1	t	f	t	MEDIUM	2025-06-20 02:00:00+00
\.
SELECT setval('alerts_id_seq', 2);

COPY alert_conditions (id, alert_id, condition_type, operator, target_value, timeframe, is_met, logical_operator, created_at) FROM stdin;
1	1	PRICE	GT	100.0	1D	f	AND	2025-06-20 02:00:00+00
2	2	PRICE	GT	105.0	1D	f	AND	2025-06-20 02:00:00+00
3	2	PRICE	LT	105.0	1D	f	AND	2025-06-20 02:00:00+00
\.
SELECT setval('alert_conditions_id_seq', 3);

COPY alert_templates (id, name, category, template_config, is_public, usage_count, created_at) FROM stdin;
1	Price above	TECHNICAL	{"operator": "GT"}	t	2	2025-06-20 02:00:00+00
\.
SELECT setval('alert_templates_id_seq', 1);

COPY alert_history (id, alert_id, triggered_at, trigger_price, condition_met, discord_sent, message_title) FROM stdin;
1	1	2025-07-01 14:31:00+00	212.1000	PRICE GT	t	AAPL level 1
\.
SELECT setval('alert_history_id_seq', 1);

COPY strategies (id, name, strategy_type, parameters, is_active, created_at) FROM stdin;
1	ATR Matrix	ATR_MATRIX	{"atr": 14}	t	2025-06-20 02:00:00
\.
SELECT setval('strategies_id_seq', 1);

COPY strategy_runs (id, strategy_id, run_date, universe_size, signals_generated, status, created_at) FROM stdin;
1	1	2025-07-18 13:15:00	508	2	completed	2025-06-20 02:00:00
\.
SELECT setval('strategy_runs_id_seq', 1);

COPY signals (id, strategy_id, strategy_run_id, symbol, signal_type, generated_at, entry_price, current_price, status, created_at) FROM stdin;
1	1	1	AAPL	ENTRY	2025-07-18 13:15:00	100.0	101.0	ACTIVE	2025-06-20 02:00:00
2	1	1	AMD	ENTRY	2025-07-18 13:15:00	100.0	101.0	ACTIVE	2025-06-20 02:00:00
\.
SELECT setval('signals_id_seq', 2);

COPY notifications (id, notification_type, title, message, account_id, symbol, priority, is_read, created_at) FROM stdin;
1	SIGNAL	note 1	synthetic	\N	AAPL	medium	f	2025-06-20 02:00:00
2	ALERT	note 2	synthetic	1	AAPL	medium	f	2025-06-20 02:00:00
3	PORTFOLIO_UPDATE	note 3	synthetic	\N	AAPL	medium	f	2025-06-20 02:00:00
4	REBALANCE	note 4	synthetic	1	AAPL	medium	f	2025-06-20 02:00:00
\.
SELECT setval('notifications_id_seq', 4);

COPY market_data_cache (id, symbol, data_type, data, expires_at, api_source, cache_hits, created_at) FROM stdin;
1	NVDA	price	{"price": 118, "atr_14": 3.54}	2025-07-22 00:05:00	yfinance	3	2025-07-22 00:00:00
2	VTI	price	{"price": 274, "atr_14": 8.22}	2025-07-22 00:05:00	yfinance	3	2025-07-22 00:00:00
3	KO	price	{"price": 66, "atr_14": 1.98}	2025-07-22 00:05:00	yfinance	3	2025-07-22 00:00:00
4	BRK.B	price	{"price": 458, "atr_14": 13.74}	2025-07-22 00:05:00	yfinance	3	2025-07-22 00:00:00
\.
SELECT setval('market_data_cache_id_seq', 4);

COPY tastytrade_accounts (id, account_number, nickname, account_type, is_margin, day_trader_status, account_status, is_active, created_at) FROM stdin;
1	5WT80001	options	Individual	t	f	Open	t	2025-06-20 02:00:00
\.
SELECT setval('tastytrade_accounts_id_seq', 1);

COPY option_instruments (id, symbol, underlying_symbol, strike_price, expiration_date, option_type, multiplier, created_at) FROM stdin;
1	PLTR  250919P00110000	PLTR	110.0000	2025-09-19 00:00:00	PUT	100	2025-06-20 02:00:00
2	PLTR  260116C00150000	PLTR	150.0000	2026-01-16 00:00:00	CALL	100	2025-06-20 02:00:00
3	PLTR  250620C00120000	PLTR	120.0000	2025-06-20 00:00:00	CALL	100	2025-06-20 02:00:00
4	ACN_OPT_13	ACN	100.0000	2025-12-31 00:00:00	CALL	100	2025-06-20 02:00:00
5	AAPL_OPT_14	AAPL	100.0000	2025-12-31 00:00:00	CALL	100	2025-06-20 02:00:00
\.
SELECT setval('option_instruments_id_seq', 5);

COPY option_positions (id, account_id, option_id, quantity, average_open_price, current_price, market_value, position_cost, opened_at, last_updated) FROM stdin;
1	3	1	2	5.6000	5.6000	1120.00	1120.00	2025-07-10 03:30:00	2025-07-21 22:16:30
2	3	2	2	4.2000	4.2000	840.00	840.00	2025-07-10 03:30:00	2025-07-21 22:16:30
3	1	4	5	47.66	\N	\N	\N	2025-07-10 03:30:00	2025-07-21 22:16:30
4	1	5	8	22.60	\N	\N	\N	2025-07-10 03:30:00	2025-07-21 22:16:30
5	3	777	1	1.0000	\N	\N	\N	2025-06-20 02:00:00	\N
\.
SELECT setval('option_positions_id_seq', 5);

COPY option_greeks (id, option_id, price, implied_volatility, delta, gamma, theta, vega, rho, "timestamp") FROM stdin;
1	1	4.1000	0.612300	0.441200	0.00912000	-0.031000	0.120000	0.050000	2025-07-10 15:00:00
2	2	4.1000	0.612300	0.441200	0.00912000	-0.031000	0.120000	0.050000	2025-07-11 15:00:00
3	1	4.1000	0.612300	0.441200	0.00912000	-0.031000	0.120000	0.050000	2025-07-12 15:00:00
4	2	4.1000	0.612300	0.441200	0.00912000	-0.031000	0.120000	0.050000	2025-07-13 15:00:00
5	1	4.1000	0.612300	0.441200	0.00912000	-0.031000	0.120000	0.050000	2025-07-14 15:00:00
6	2	4.1000	0.612300	0.441200	0.00912000	-0.031000	0.120000	0.050000	2025-07-15 15:00:00
\.
SELECT setval('option_greeks_id_seq', 6);

COPY option_prices (id, option_id, bid_price, ask_price, last_price, volume, open_interest, "timestamp") FROM stdin;
1	1	4.0000	4.2000	4.1000	120	900	2025-07-10 15:00:00
2	2	4.0000	4.2000	4.1000	121	900	2025-07-11 15:00:00
3	1	4.0000	4.2000	4.1000	122	900	2025-07-12 15:00:00
4	2	4.0000	4.2000	4.1000	123	900	2025-07-13 15:00:00
5	1	4.0000	4.2000	4.1000	124	900	2025-07-14 15:00:00
6	2	4.0000	4.2000	4.1000	125	900	2025-07-15 15:00:00
\.
SELECT setval('option_prices_id_seq', 6);

COPY option_orders (id, account_id, option_id, strategy_id, external_order_id, action, quantity, order_type, status, created_at) FROM stdin;
1	1	1	1	dry-run	BUY_TO_OPEN	1	LIMIT	CANCELLED	2025-06-20 02:00:00
\.
SELECT setval('option_orders_id_seq', 1);

COPY trading_strategies (id, account_id, name, strategy_type, allocated_capital, current_capital, is_active, is_automated, created_at) FROM stdin;
1	1	default	ATR_MATRIX	10000.00	10250.00	t	f	2025-06-20 02:00:00
\.
SELECT setval('trading_strategies_id_seq', 1);

COPY strategy_signals (id, strategy_id, underlying_symbol, signal_type, signal_strength, is_executed, created_at) FROM stdin;
1	1	PLTR	ENTRY	0.81	f	2025-06-20 02:00:00
\.
SELECT setval('strategy_signals_id_seq', 1);

COPY strategy_performance (id, strategy_id, "date", capital_value, created_at) FROM stdin;
1	1	2025-07-10 00:00:00	10000.00	2025-06-20 02:00:00
2	1	2025-07-11 00:00:00	10050.00	2025-06-20 02:00:00
3	1	2025-07-12 00:00:00	10100.00	2025-06-20 02:00:00
4	1	2025-07-13 00:00:00	10150.00	2025-06-20 02:00:00
5	1	2025-07-14 00:00:00	10200.00	2025-06-20 02:00:00
\.
SELECT setval('strategy_performance_id_seq', 5);

COPY capital_allocations (id, account_id, strategy_id, allocated_amount, allocation_pct, created_at) FROM stdin;
1	1	1	10000.00	40.00	2025-06-20 02:00:00
\.
SELECT setval('capital_allocations_id_seq', 1);

COPY risk_metrics (id, account_id, "date", portfolio_delta, created_at) FROM stdin;
1	1	2025-07-10 00:00:00	120.5000	2025-06-20 02:00:00
2	1	2025-07-11 00:00:00	120.5000	2025-06-20 02:00:00
3	1	2025-07-12 00:00:00	120.5000	2025-06-20 02:00:00
4	1	2025-07-13 00:00:00	120.5000	2025-06-20 02:00:00
5	1	2025-07-14 00:00:00	120.5000	2025-06-20 02:00:00
\.
SELECT setval('risk_metrics_id_seq', 5);

COPY portfolios (id, account_id, name, base_currency, is_default, created_at) FROM stdin;
1	1	Default	USD	t	2024-12-01 00:00:00
\.
SELECT setval('portfolios_id_seq', 1);

COPY positions (id, portfolio_id, account_id, symbol, side, quantity, average_price, status, is_paper_trade, created_at) FROM stdin;
1	1	1	AAPL	LONG	100.0	50.0	OPEN	t	2024-12-01 00:00:00
2	1	1	NVDA	LONG	200.0	50.0	OPEN	t	2024-12-01 00:00:00
3	1	1	TQQQ	LONG	300.0	50.0	OPEN	t	2024-12-01 00:00:00
4	1	1	ZM	LONG	400.0	50.0	OPEN	t	2024-12-01 00:00:00
\.
SELECT setval('positions_id_seq', 4);

CREATE UNIQUE INDEX ix_users_username ON users (username);
CREATE UNIQUE INDEX ix_users_email ON users (email);
CREATE UNIQUE INDEX ix_categories_name ON categories (name);
CREATE UNIQUE INDEX ix_strategies_name ON strategies (name);
CREATE UNIQUE INDEX ix_tastytrade_accounts_account_number ON tastytrade_accounts (account_number);
CREATE UNIQUE INDEX ix_option_instruments_symbol ON option_instruments (symbol);
CREATE UNIQUE INDEX ix_holding_categories_holding_id_category_id ON holding_categories (holding_id, category_id);
CREATE UNIQUE INDEX ix_market_data_cache_symbol_data_type ON market_data_cache (symbol, data_type);
CREATE UNIQUE INDEX ix_strategy_performance_strategy_id_date ON strategy_performance (strategy_id, "date");
CREATE INDEX ix_holdings_account_id_symbol ON holdings (account_id, symbol);
CREATE INDEX ix_holdings_symbol ON holdings (symbol);
CREATE INDEX ix_holdings_margin_priority ON holdings (margin_priority);
CREATE INDEX ix_transactions_account_id_symbol_transaction_date ON transactions (account_id, symbol, transaction_date);
CREATE INDEX ix_transactions_transaction_date ON transactions (transaction_date);
CREATE INDEX ix_transactions_external_id ON transactions (external_id);
CREATE INDEX ix_transactions_symbol ON transactions (symbol);
CREATE INDEX ix_dividends_account_id_symbol_ex_date ON dividends (account_id, symbol, ex_date);
CREATE INDEX ix_dividends_ex_date ON dividends (ex_date);
CREATE INDEX ix_dividends_pay_date ON dividends (pay_date);
CREATE INDEX ix_dividends_symbol ON dividends (symbol);
CREATE INDEX ix_portfolio_snapshots_account_id_snapshot_date ON portfolio_snapshots (account_id, snapshot_date);
CREATE INDEX ix_portfolio_snapshots_snapshot_date ON portfolio_snapshots (snapshot_date);
CREATE INDEX ix_tax_lots_symbol ON tax_lots (symbol);
CREATE INDEX ix_transaction_sync_status_account_id_sync_status ON transaction_sync_status (account_id, sync_status);
CREATE INDEX ix_transaction_sync_status_last_sync_date ON transaction_sync_status (last_sync_date);
CREATE INDEX ix_alerts_symbol ON alerts (symbol);
CREATE INDEX ix_trades_symbol ON trades (symbol);
CREATE INDEX ix_trade_signals_symbol ON trade_signals (symbol);
CREATE INDEX ix_signals_symbol_generated_at ON signals (symbol, generated_at);
CREATE INDEX ix_signals_strategy_id_symbol ON signals (strategy_id, symbol);
CREATE INDEX ix_signals_signal_type_status ON signals (signal_type, status);
CREATE INDEX ix_signals_generated_at ON signals (generated_at);
CREATE INDEX ix_strategy_runs_strategy_id_run_date ON strategy_runs (strategy_id, run_date);
CREATE INDEX ix_strategy_runs_run_date ON strategy_runs (run_date);
CREATE INDEX ix_notifications_account_id_notification_type ON notifications (account_id, notification_type);
CREATE INDEX ix_notifications_priority_created_at ON notifications (priority, created_at);
CREATE INDEX ix_notifications_symbol_created_at ON notifications (symbol, created_at);
CREATE INDEX ix_notifications_is_read ON notifications (is_read);
CREATE INDEX ix_market_data_cache_expires_at ON market_data_cache (expires_at);
CREATE INDEX ix_option_instruments_underlying_symbol_expiration_date ON option_instruments (underlying_symbol, expiration_date);
CREATE INDEX ix_option_instruments_strike_price_option_type ON option_instruments (strike_price, option_type);
CREATE INDEX ix_option_greeks_option_id_timestamp ON option_greeks (option_id, "timestamp");
CREATE INDEX ix_option_prices_option_id_timestamp ON option_prices (option_id, "timestamp");
CREATE INDEX ix_risk_metrics_account_id_date ON risk_metrics (account_id, "date");
ALTER TABLE accounts ADD CONSTRAINT accounts_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id);
ALTER TABLE alerts ADD CONSTRAINT alerts_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id);
ALTER TABLE alert_conditions ADD CONSTRAINT alert_conditions_alert_id_fkey FOREIGN KEY (alert_id) REFERENCES alerts(id);
ALTER TABLE alert_history ADD CONSTRAINT alert_history_alert_id_fkey FOREIGN KEY (alert_id) REFERENCES alerts(id);
ALTER TABLE holdings ADD CONSTRAINT holdings_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts(id) NOT VALID;
ALTER TABLE portfolio_snapshots ADD CONSTRAINT portfolio_snapshots_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts(id);
ALTER TABLE transactions ADD CONSTRAINT transactions_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts(id) NOT VALID;
ALTER TABLE dividends ADD CONSTRAINT dividends_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts(id) NOT VALID;
ALTER TABLE transaction_sync_status ADD CONSTRAINT transaction_sync_status_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts(id);
ALTER TABLE trades ADD CONSTRAINT trades_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts(id);
ALTER TABLE trades ADD CONSTRAINT trades_signal_id_fkey FOREIGN KEY (signal_id) REFERENCES trade_signals(id);
ALTER TABLE notifications ADD CONSTRAINT notifications_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts(id);
ALTER TABLE categories ADD CONSTRAINT categories_parent_category_id_fkey FOREIGN KEY (parent_category_id) REFERENCES categories(id);
ALTER TABLE holding_categories ADD CONSTRAINT holding_categories_holding_id_fkey FOREIGN KEY (holding_id) REFERENCES holdings(id);
ALTER TABLE holding_categories ADD CONSTRAINT holding_categories_category_id_fkey FOREIGN KEY (category_id) REFERENCES categories(id);
ALTER TABLE tax_lots ADD CONSTRAINT tax_lots_holding_id_fkey FOREIGN KEY (holding_id) REFERENCES holdings(id) ON DELETE CASCADE NOT VALID;
ALTER TABLE tax_lot_sales ADD CONSTRAINT tax_lot_sales_tax_lot_id_fkey FOREIGN KEY (tax_lot_id) REFERENCES tax_lots(id) ON DELETE CASCADE;
ALTER TABLE strategy_runs ADD CONSTRAINT strategy_runs_strategy_id_fkey FOREIGN KEY (strategy_id) REFERENCES strategies(id);
ALTER TABLE signals ADD CONSTRAINT signals_strategy_id_fkey FOREIGN KEY (strategy_id) REFERENCES strategies(id);
ALTER TABLE signals ADD CONSTRAINT signals_strategy_run_id_fkey FOREIGN KEY (strategy_run_id) REFERENCES strategy_runs(id);
ALTER TABLE option_positions ADD CONSTRAINT option_positions_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts(id);
ALTER TABLE option_positions ADD CONSTRAINT option_positions_option_id_fkey FOREIGN KEY (option_id) REFERENCES option_instruments(id) NOT VALID;
ALTER TABLE option_positions ADD CONSTRAINT option_positions_strategy_id_fkey FOREIGN KEY (strategy_id) REFERENCES trading_strategies(id);
ALTER TABLE option_greeks ADD CONSTRAINT option_greeks_option_id_fkey FOREIGN KEY (option_id) REFERENCES option_instruments(id);
ALTER TABLE option_prices ADD CONSTRAINT option_prices_option_id_fkey FOREIGN KEY (option_id) REFERENCES option_instruments(id);
ALTER TABLE option_orders ADD CONSTRAINT option_orders_account_id_fkey FOREIGN KEY (account_id) REFERENCES tastytrade_accounts(id);
ALTER TABLE option_orders ADD CONSTRAINT option_orders_option_id_fkey FOREIGN KEY (option_id) REFERENCES option_instruments(id);
ALTER TABLE option_orders ADD CONSTRAINT option_orders_strategy_id_fkey FOREIGN KEY (strategy_id) REFERENCES trading_strategies(id);
ALTER TABLE trading_strategies ADD CONSTRAINT trading_strategies_account_id_fkey FOREIGN KEY (account_id) REFERENCES tastytrade_accounts(id);
ALTER TABLE strategy_signals ADD CONSTRAINT strategy_signals_strategy_id_fkey FOREIGN KEY (strategy_id) REFERENCES trading_strategies(id);
ALTER TABLE strategy_performance ADD CONSTRAINT strategy_performance_strategy_id_fkey FOREIGN KEY (strategy_id) REFERENCES trading_strategies(id);
ALTER TABLE capital_allocations ADD CONSTRAINT capital_allocations_account_id_fkey FOREIGN KEY (account_id) REFERENCES tastytrade_accounts(id);
ALTER TABLE capital_allocations ADD CONSTRAINT capital_allocations_strategy_id_fkey FOREIGN KEY (strategy_id) REFERENCES trading_strategies(id);
ALTER TABLE risk_metrics ADD CONSTRAINT risk_metrics_account_id_fkey FOREIGN KEY (account_id) REFERENCES tastytrade_accounts(id);
ALTER TABLE portfolios ADD CONSTRAINT portfolios_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts(id);
ALTER TABLE positions ADD CONSTRAINT positions_portfolio_id_fkey FOREIGN KEY (portfolio_id) REFERENCES portfolios(id);
ALTER TABLE positions ADD CONSTRAINT positions_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts(id);
ALTER TABLE trades ADD CONSTRAINT trades_position_id_fkey FOREIGN KEY (position_id) REFERENCES positions(id);
