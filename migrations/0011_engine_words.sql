-- What the event loop calls things: words where it had numbers.

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
comment on type tax.event_kind is
    'What an event is to the event loop. Trades: a purchase covers what is short first, buy_to_open does not; a sale opens a short where the account may, sell_to_close never, sell_short always. derived_before is an event whose lots are known already.';
comment on type tax.units_outcome is
    'What becomes of units once they are taken from a pool. Of what is not held, close makes an unmatched closing, close_or_short a short where the account may, close_held nothing but a count; open_long makes a lot of it. The others set the units aside: no closing is left of them, or another one.';
comment on type tax.pieces_from is 'Which piece of a pool is taken next: the oldest, the newest, the next of a list made for the event, or the top of a heap that lasts.';
