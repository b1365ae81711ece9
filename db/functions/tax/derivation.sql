-- What the event loop leaves behind, as columns: rows.sql says what rows they become.

create type tax.piece_state as (
    pool integer,
    quantity numeric,
    cost numeric,
    wash numeric,
    gift_basis numeric,
    held_from date,
    acquired date
);

comment on type tax.piece_state is 'A piece after an event, as a trace tells it: what a lot explains itself by.';

create type tax.derivation as (
    event_id bigint[],
    event_unrated boolean[],
    piece_source integer[],
    piece_number integer[],
    piece_pool integer[],
    piece_opened numeric[],
    piece_quantity numeric[],
    piece_cost numeric[],
    piece_native numeric[],
    piece_acquired date[],
    piece_acquired_at timestamptz[],
    piece_held_from date[],
    piece_closed_by integer[],
    piece_wash numeric[],
    piece_used boolean[],
    piece_no_purchase boolean[],
    piece_gift_basis numeric[],
    piece_gift_on date[],
    piece_inherited boolean[],
    piece_covered boolean[],
    piece_arrived date[],
    piece_placed_by integer[],
    closing_event integer[],
    closing_transaction bigint[],
    closing_ordinal integer[],
    closing_piece integer[],
    closing_pool integer[],
    closing_kind tax.closing_kind[],
    closing_quantity numeric[],
    closing_lot numeric[],
    closing_other numeric[],
    closing_native_lot numeric[],
    closing_native_other numeric[],
    closing_opened date[],
    closing_held_from date[],
    closing_term_on date[],
    closing_disallowed numeric[],
    closing_permanent numeric[],
    match_closing integer[],
    match_order integer[],
    match_piece integer[],
    match_pool integer[],
    match_permanent boolean[],
    match_quantity numeric[],
    match_amount numeric[],
    notice_code tax.notice_code[],
    notice_transaction bigint[],
    notice_related bigint[],
    notice_sentence text[],
    pool_unmatched numeric[],
    account_flow numeric[],
    account_forfeited numeric[],
    trace_event integer[],
    trace_piece integer[],
    trace_state tax.piece_state[],
    premium_event integer[],
    premium_piece integer[],
    premium_quantity numeric[],
    premium_amount numeric[]
);

comment on type tax.derivation is
    'What the event loop derives from one group, as columns. Short columns are sparse: a missing value is the plain case. lot is the amount of the piece, other that of the closing event; which of them is proceeds depends on the side. The trace is filled on request only: the pieces of the purchases asked for, after each event that changed them, and what went from options into shares.';

create type tax.flag as (
    code tax.notice_code,
    transaction_id bigint,
    related_id bigint,
    sentence text
);

comment on type tax.flag is 'A notice that tax.flags gives.';
