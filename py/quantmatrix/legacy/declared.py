"""Tables and columns that V1's models declare; what else a database of V1 holds are leftovers."""

from __future__ import annotations

_DECLARED = {
    "users": "id username email hashed_password is_active is_admin created_at updated_at",
    "accounts": (
        "id user_id account_name account_type account_number broker api_credentials is_active "
        "is_paper_trading created_at updated_at"
    ),
    "holdings": (
        "id account_id symbol quantity average_cost current_price market_value unrealized_pnl "
        "unrealized_pnl_pct day_pnl day_pnl_pct currency exchange contract_type sector industry "
        "market_cap margin_priority custom_category notes first_acquired last_updated"
    ),
    "transactions": (
        "id account_id external_id order_id execution_id symbol description transaction_type action "
        "quantity price amount commission fees net_amount currency exchange contract_type "
        "transaction_date settlement_date source synced_at last_updated"
    ),
    "dividends": (
        "id account_id external_id symbol ex_date pay_date dividend_per_share shares_held "
        "total_dividend tax_withheld net_dividend currency frequency dividend_type source synced_at "
        "last_updated"
    ),
    "tax_lots": (
        "id holding_id symbol account_id purchase_date shares_purchased cost_per_share total_cost "
        "commission shares_remaining shares_sold is_long_term is_wash_sale wash_sale_amount "
        "created_at updated_at notes"
    ),
    "tax_lot_sales": (
        "id tax_lot_id sale_date shares_sold sale_price_per_share total_proceeds commission "
        "cost_basis realized_gain_loss is_long_term is_wash_sale lot_method created_at notes"
    ),
    "transaction_sync_status": (
        "id account_id last_sync_date last_successful_sync sync_status earliest_transaction_date "
        "latest_transaction_date total_transactions total_dividends last_error error_count "
        "created_at updated_at"
    ),
    "portfolio_snapshots": (
        "id account_id snapshot_date total_value total_cash total_equity_value unrealized_pnl "
        "realized_pnl day_pnl day_pnl_pct beta sharpe_ratio max_drawdown volatility buying_power "
        "margin_used margin_available holdings_snapshot sector_allocation created_at"
    ),
    "categories": (
        "id name description color parent_category_id category_type target_allocation_pct "
        "min_allocation_pct max_allocation_pct rebalance_threshold_pct auto_rebalance created_at "
        "updated_at"
    ),
    "holding_categories": "id holding_id category_id allocation_pct created_at",
    "alerts": (
        "id user_id name description symbol alert_type is_active is_repeating max_triggers "
        "current_triggers notify_discord notify_email notify_app priority sound_enabled created_at "
        "updated_at last_triggered expires_at custom_message"
    ),
    "alert_conditions": (
        "id alert_id condition_type operator target_value current_value indicator_params timeframe "
        "is_met last_checked times_met logical_operator group_id created_at"
    ),
    "alert_history": (
        "id alert_id triggered_at trigger_price trigger_value condition_met discord_sent email_sent "
        "app_notification_sent message_title message_body user_acknowledged acknowledged_at "
        "market_conditions portfolio_impact"
    ),
    "alert_templates": "id name description category template_config is_public usage_count created_at",
    "notifications": (
        "id notification_type title message account_id symbol data action_url action_label priority "
        "color icon is_read is_dismissed read_at sent_to_discord discord_message_id discord_channel "
        "expires_at auto_dismiss created_at updated_at"
    ),
    "tastytrade_accounts": (
        "id account_number nickname account_type is_margin day_trader_status account_status "
        "is_active created_at updated_at"
    ),
    "option_instruments": (
        "id symbol underlying_symbol strike_price expiration_date option_type multiplier "
        "streamer_symbol created_at updated_at"
    ),
    "option_positions": (
        "id account_id option_id quantity average_open_price current_price market_value "
        "unrealized_pnl unrealized_pnl_pct day_pnl position_cost strategy_id opened_at last_updated"
    ),
    "option_greeks": "id option_id price implied_volatility delta gamma theta vega rho timestamp",
    "option_prices": (
        "id option_id bid_price ask_price last_price bid_size ask_size volume open_interest timestamp"
    ),
    "option_orders": (
        "id account_id option_id strategy_id external_order_id action quantity order_type "
        "limit_price filled_price filled_quantity status commission fees time_in_force created_at "
        "filled_at cancelled_at"
    ),
    "trading_strategies": (
        "id account_id name strategy_type description allocated_capital current_capital max_capital "
        "target_capital total_pnl total_pnl_pct win_rate profit_factor max_drawdown sharpe_ratio "
        "max_position_size profit_target_pct stop_loss_pct max_dte min_dte atr_lookback_period "
        "risk_reward_ratio time_horizon_days configuration is_active is_automated last_signal_at "
        "next_review_at created_at updated_at"
    ),
    "strategy_signals": (
        "id strategy_id underlying_symbol signal_type signal_strength target_price stop_loss "
        "time_horizon_days risk_reward_ratio confidence_score target_delta max_dte min_dte "
        "target_strike_distance recommended_action position_size is_executed executed_at "
        "execution_price actual_return days_held exit_reason signal_data created_at expires_at"
    ),
    "strategy_performance": (
        "id strategy_id date capital_value daily_pnl daily_pnl_pct cumulative_pnl "
        "cumulative_pnl_pct total_positions winning_positions losing_positions avg_win avg_loss "
        "var_95 max_drawdown volatility total_delta total_gamma total_theta total_vega created_at"
    ),
    "capital_allocations": (
        "id account_id strategy_id allocated_amount allocation_pct min_allocation max_allocation "
        "performance_multiplier last_rebalance_at next_rebalance_at auto_scale_up auto_scale_down "
        "scale_up_threshold scale_down_threshold created_at updated_at"
    ),
    "risk_metrics": (
        "id account_id date portfolio_delta portfolio_gamma portfolio_theta portfolio_vega "
        "portfolio_rho var_95 var_99 expected_shortfall max_loss_scenario max_single_position_pct "
        "max_underlying_exposure_pct max_expiration_exposure_pct margin_requirement "
        "excess_liquidity buying_power_used_pct created_at"
    ),
    "trades": (
        "id account_id symbol side quantity price total_value commission fees order_type "
        "time_in_force order_id execution_id order_time execution_time settlement_date "
        "strategy_name signal_id entry_signal exit_signal risk_amount position_size_pct "
        "atr_at_entry stop_loss_price target_price realized_pnl pnl_pct status is_opening "
        "is_paper_trade notes trade_metadata created_at updated_at"
    ),
    "trade_signals": (
        "id symbol signal_type strategy_name signal_strength trigger_price recommended_price "
        "stop_loss target_price atr_distance atr_value ma_alignment price_position_20d "
        "risk_reward_ratio rsi macd adx volume_ratio is_valid expires_at is_processed is_executed "
        "execution_price conditions_met market_conditions notes created_at updated_at"
    ),
    "strategies": (
        "id name description strategy_type parameters is_active auto_execute max_positions "
        "position_size_pct universe_filter max_risk_per_trade stop_loss_pct take_profit_pct "
        "run_frequency last_run next_run created_at updated_at"
    ),
    "strategy_runs": (
        "id strategy_id run_date universe_size signals_generated execution_time_ms "
        "top_opportunities market_conditions parameters_used success_rate avg_return max_return "
        "min_return status error_message created_at"
    ),
    "signals": (
        "id strategy_id strategy_run_id symbol signal_type signal_strength generated_at expires_at "
        "entry_price current_price stop_loss take_profit targets atr_distance rsi ma_alignment "
        "risk_reward_ratio time_horizon company_name company_synopsis sector market_cap "
        "market_cap_category status max_price_reached min_price_reached actual_return days_active "
        "is_executed execution_price execution_date quantity_executed signal_accuracy "
        "lessons_learned created_at updated_at"
    ),
    "market_data_cache": "id symbol data_type data expires_at api_source cache_hits created_at updated_at",
    "tax_strategies": (
        "id account_id strategy_type symbol action shares target_price estimated_tax_savings "
        "estimated_tax_liability confidence_score recommended_date expiration_date is_active "
        "created_at updated_at description"
    ),
    "tax_reports": (
        "id account_id report_type tax_year total_realized_gains total_realized_losses "
        "net_realized_gain_loss short_term_gains short_term_losses long_term_gains long_term_losses "
        "total_unrealized_gains total_unrealized_losses estimated_tax_liability estimated_tax_rate "
        "wash_sale_adjustments generated_at report_data"
    ),
    "market_analysis_cache": (
        "id symbol analysis_type analysis_timestamp expiry_timestamp current_price market_cap "
        "sector industry fund_membership atr_value atr_distance atr_percent rsi ma_alignment "
        "confidence_score entry_signal stop_loss_price target_prices risk_reward_ratio "
        "company_synopsis analyst_rating analyst_target news_sentiment raw_analysis created_at "
        "updated_at is_valid"
    ),
    "stock_universe": (
        "id symbol name sector industry market_cap market_cap_category is_sp500 is_nasdaq100 "
        "is_russell2000 is_active last_scanned scan_priority avg_volume price_range_52w_low "
        "price_range_52w_high polygon_available alpha_vantage_available yfinance_available "
        "created_at updated_at"
    ),
    "scan_history": (
        "id scan_type scan_timestamp total_symbols_scanned symbols_with_data "
        "analysis_duration_seconds opportunities_found signals_sent errors_encountered "
        "scan_parameters top_results error_log discord_sent discord_timestamp created_at"
    ),
    "polygon_api_usage": (
        "id endpoint symbol request_timestamp response_time_ms status_code credits_used "
        "rate_limit_remaining data_points_returned data_quality_score daily_usage_count "
        "monthly_usage_count created_at"
    ),
    "market_data_providers": (
        "id provider_name is_active is_premium api_key_configured base_url rate_limit_per_minute "
        "rate_limit_per_day avg_response_time_ms success_rate_pct data_quality_score uptime_pct "
        "requests_today requests_this_month last_successful_request last_error monthly_cost_usd "
        "cost_per_request_usd created_at updated_at"
    ),
    "stock_info": (
        "id symbol company_name sector industry market_cap pe_ratio dividend_yield beta "
        "revenue_growth profit_margin exchange currency country data_source last_updated is_active"
    ),
    "price_data": (
        "id symbol date open_price high_price low_price close_price adjusted_close volume "
        "true_range data_source interval is_adjusted created_at"
    ),
    "atr_data": (
        "id symbol calculation_date period current_atr atr_percentage volatility_rating "
        "volatility_trend current_price data_points_used calculation_confidence data_source "
        "last_updated"
    ),
    "sector_metrics": (
        "id sector avg_atr_percentage median_atr_percentage volatility_percentile_90 "
        "volatility_percentile_10 is_growth_oriented avg_revenue_growth avg_pe_ratio "
        "dca_buy_threshold dca_sell_threshold sample_size last_calculated calculation_period_days"
    ),
    "market_data_sync": (
        "id sync_type symbol started_at completed_at status records_processed records_updated "
        "records_created error_message retry_count data_source sync_config"
    ),
    "data_quality": (
        "id table_name symbol metric_name metric_value threshold_min threshold_max status "
        "description measured_at measurement_period"
    ),
}

DECLARED: dict[str, frozenset[str]] = {
    name: frozenset(columns.split()) for name, columns in _DECLARED.items()
}
"""The 46 declared tables with their columns."""
