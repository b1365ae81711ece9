-- States and kinds. Every word that a program compares is one of these.

create type core.user_role as enum ('admin', 'user', 'readonly');
create type core.user_status as enum ('active', 'disabled');
create type core.filing_status as enum ('single', 'married_joint', 'married_separate', 'head_of_household');
create type core.account_type as enum ('taxable', 'ira', 'roth_ira', '401k', 'hsa');
create type core.account_status as enum ('active', 'closed');
create type core.lot_method as enum ('fifo', 'lifo', 'hifo', 'lofo', 'average', 'mintax', 'specific', 'section_104');
create type core.wash_scope as enum ('taxpayer', 'broker', 'none');
create type core.instrument_type as enum (
    'stock', 'fund', 'bond', 'option', 'future', 'future_option', 'warrant', 'digital', 'currency', 'other'
);
create type core.option_type as enum ('call', 'put');
create type core.transaction_type as enum (
    'buy', 'sell', 'reinvest',
    'option_exercise', 'option_assignment', 'option_expiration', 'delivery', 'mark_to_market',
    'split', 'stock_dividend', 'spinoff', 'symbol_change', 'merger_cash', 'merger_stock', 'merger_mixed',
    'return_of_capital', 'cash_in_lieu',
    'transfer_in', 'transfer_out', 'set_basis', 'gift_in', 'gift_out', 'inheritance',
    'dividend', 'payment_in_lieu', 'capital_gain_distribution', 'interest', 'stock_lending_income',
    'fee', 'tax_withheld', 'deposit', 'withdrawal', 'fx_conversion', 'promotion', 'other'
);
create type core.position_effect as enum ('auto', 'open', 'close');
create type core.lot_side as enum ('long', 'short');
create type core.basis_status as enum ('known', 'unknown', 'unknown_rate');
create type core.bar_interval as enum ('1m', '5m', '1h', '1d', '1w');
create type core.alert_type as enum ('price', 'volume', 'position', 'reconciliation', 'wash_sale', 'tax', 'sync');
create type core.alert_status as enum ('active', 'paused', 'triggered', 'expired');
create type core.sync_kind as enum ('import', 'sync', 'manual', 'migration');
create type core.sync_status as enum ('running', 'finished', 'failed', 'undone');
create type core.audit_action as enum ('insert', 'update', 'delete');

create type tax.fraction_handling as enum ('keep', 'cash', 'round_up');
create type tax.exercise_settlement as enum ('derived', 'linked', 'cash');
create type tax.link_kind as enum ('exercise', 'transfer', 'correction', 'basis', 'cash_in_lieu');
create type tax.pick_leg as enum ('transaction', 'stock');
create type tax.closing_kind as enum (
    'sale', 'cover', 'delivery', 'expire', 'cash_in_lieu', 'merger_cash', 'merger_taxable', 'boot', 'roc_excess', 'mtm', 'unmatched'
);
create type tax.holding_term as enum ('short', 'long', '1256', 'unknown');
create type tax.notice_code as enum (
    'late_identification', 'short_sale_1233', 'constructive_sale_1259', 'put_on_short_held_stock', 'bond_premium', 'merger_identical',
    'straddle_1092', 'external_purchase_window', 'deep_put_written', 'similar_fund', 'provisional_loss', 'unknown_basis', 'unknown_rate',
    'unknown_direction', 'missing_terms', 'pick_exceeds_holding', 'missing_history'
);

create type tax.event_kind as enum (
    'derived_before',
    'buy', 'buy_to_open', 'sell', 'sell_to_close', 'sell_short',
    'promotion', 'transfer_in', 'transfer_out', 'gift_in', 'gift_out', 'inheritance',
    'option_expiration', 'option_exercise', 'option_assignment', 'delivery', 'mark_to_market',
    'split', 'stock_dividend', 'spinoff', 'symbol_change', 'merger_stock', 'merger_cash', 'merger_mixed', 'return_of_capital',
    'cash_in_lieu'
);
create type tax.units_outcome as enum (
    'close', 'close_or_short', 'close_held', 'open_long', 'move', 'leave', 'exercise', 'deliver', 'cover_by_delivery'
);
create type tax.pieces_from as enum ('oldest', 'newest', 'list', 'heap');

create type ingest.line_verdict as enum ('new', 'known', 'changed', 'refused', 'evidence', 'skipped', 'unknown');
create type ingest.finding_kind as enum ('position', 'lot', 'cash', 'internal');
create type ingest.finding_status as enum ('open', 'explained', 'accepted', 'fixed');
create type ingest.finding_cause as enum (
    'match', 'rounding', 'unknown_basis', 'wash_sale_scope', 'lot_selection', 'basis_mismatch', 'settlement_timing', 'duplicate_import',
    'split_adjusted_history', 'unprocessed_split', 'wrong_sign', 'missing_history', 'opening_balance', 'unexplained', 'defect',
    'past_expiry', 'short_not_allowed', 'unsupported_action'
);
create type ingest.balance_moment as enum ('start', 'end');
create type ingest.feed_service as enum ('ibkr', 'tastytrade', 'crypto', 'ibkr_today');
create type ingest.match_rule as enum ('equal', 'fills', 'decided');
create type ingest.same_or_different as enum ('same', 'different');
create type ingest.instrument_change as enum ('merge', 'split');

comment on type tax.event_kind is
    'What an event is to the event loop. Trades: a purchase covers what is short first, buy_to_open does not; a sale opens a short where the account may, sell_to_close never, sell_short always. derived_before is an event whose lots are known already.';
comment on type tax.units_outcome is
    'What becomes of units once they are taken from a pool. Of what is not held, close makes an unmatched closing, close_or_short a short where the account may, close_held nothing but a count; open_long makes a lot of it. The others set the units aside: no closing is left of them, or another one.';
comment on type tax.pieces_from is 'Which piece of a pool is taken next: the oldest, the newest, the next of a list made for the event, or the top of a heap that lasts.';
