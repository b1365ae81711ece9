-- The event loop: one pass over a group in the order of its events (T.2), the whole state in arrays, nothing written. Open pieces of a pool are a
-- doubly linked list in lot order (A.2), so that the oldest and the newest are at hand. A piece is a place in the arrays: piece n is what event n
-- may open, further ones come where a lot is split. Measured: reading lots from a table costs hundreds of times this.
--
-- An event is turned into jobs: take units out of a pool (one selection for all methods), then do what the kind of event does with them, then
-- put new pieces into their pools. Plain trades need nothing but the columns; every other event reads its transaction and asks plan.sql what it wants.
--
-- PL/pgSQL shares no arrays between functions, so the loop is one function. This file is its frame and declares what outlives a part; what happens
-- are the parts in derive/, whole statements each, put in their places before the file is run. A part declares what is its own, and says at its
-- head which of these variables it reads and which it changes; a test holds it to that.

create function tax.derive(p_user_id uuid, p_history tax.history, p_options jsonb, p_standing tax.standing default null)
returns tax.derivation
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    -- How far a replacement may lie from the sale at a loss, in days (F.1).
    c_window constant integer := 30;
    -- The number of a sale that is only tried (what_if.sql).
    c_tried_sale constant bigint := 0;
    -- Heaps are sorted by numbers: a day is the number of days from here.
    c_day_zero constant date := '2000-01-01';
    v_result tax.derivation;

    -- events, by place
    v_events integer := coalesce(cardinality(p_history.event_id), 0);
    v_event_id bigint[] := p_history.event_id;
    v_event_kind tax.event_kind[] := p_history.event_kind;
    v_event_pool integer[] := p_history.event_pool;
    v_event_date date[] := p_history.event_date;
    v_event_at timestamptz[] := p_history.event_at;
    v_event_method core.lot_method[] := p_history.event_method;
    v_event_unrated boolean[] := p_history.event_unrated;
    v_event_writes boolean[] := p_history.event_writes;
    v_event_rank integer[];
    v_event_first_fill integer[];
    v_event_last_fill integer[];
    v_event_last_number integer[] := array[null];
    v_year_ends integer[] := '{}';

    -- accounts and instruments, by place
    v_account_may_short boolean[] := p_history.account_may_short;
    v_account_taxable boolean[] := p_history.account_taxable;
    v_account_flow numeric[] := p_history.account_plain_flow;
    v_account_forfeited numeric[] := array_fill(0::numeric, array[cardinality(p_history.account_id)]);
    v_instruments integer := cardinality(p_history.instrument_id);
    v_instrument_native_scale integer[] := p_history.instrument_native_scale;
    v_instrument_multiplier numeric[] := p_history.instrument_multiplier;
    v_instrument_wash_class integer[] := p_history.instrument_wash_class;

    -- pools, each one side of an account and instrument: the ends of its list, what was sold without being held, what the rules ask of it
    v_pools integer := cardinality(p_history.pool_account);
    v_pool_account integer[] := p_history.pool_account_place;
    v_pool_instrument integer[] := p_history.pool_instrument_place;
    v_pool_is_long boolean[] := p_history.pool_is_long;
    v_pool_long integer[] := p_history.pool_long;
    v_pool_head integer[];
    v_pool_tail integer[];
    v_pool_unmatched numeric[] := array[null];
    v_pool_wash_class integer[];
    v_pool_call_class integer[];
    v_pool_is_taxable boolean[];
    v_pool_loses boolean[];
    v_pool_replaces boolean[];
    v_pool_shares numeric[];
    v_pool_least numeric[];
    v_stock_pools integer[];

    -- what there is in the group: the less, the shorter the way of an event
    v_is_plain boolean := p_history.is_plain;
    v_is_sorted boolean := p_history.is_sorted;
    v_has_native boolean := p_history.has_native;
    v_has_rare boolean := p_standing.first_event is not null or not p_history.is_sorted;
    v_has_washes boolean := p_history.wash_scope <> 'none';
    v_is_broker_scope boolean := p_history.wash_scope = 'broker';
    v_has_option boolean := exists (select from unnest(p_history.instrument_strike) s (strike) where s.strike is not null);
    v_has_family boolean := exists (select from unnest(p_history.instrument_index_family) f (family) where f.family is not null);
    v_has_short boolean := false;
    v_has_usual_washes boolean := p_history.wash_scope <> 'none' and p_history.is_sorted and not v_has_option;

    -- pieces, by place; arrays that start with one null are sparse
    v_pieces integer := v_events;
    v_piece_source integer[];
    v_piece_number integer[];
    v_piece_pool integer[] := p_history.event_pool;
    v_piece_opened numeric[] := p_history.event_opened;
    v_piece_quantity numeric[] := p_history.event_quantity;
    v_piece_cost numeric[] := p_history.event_amount;
    v_piece_native numeric[] := p_history.event_native;
    v_piece_acquired date[] := p_history.event_date;
    v_piece_acquired_at timestamptz[] := p_history.event_at;
    v_piece_held_from date[] := p_history.event_date;
    v_piece_next integer[];
    v_piece_previous integer[];
    v_piece_closed_by integer[] := array[null];
    v_piece_wash numeric[] := array[null];
    v_piece_used boolean[] := array[null];
    v_piece_no_purchase boolean[] := array[null];
    v_piece_gift_basis numeric[] := array[null];
    v_piece_gift_on date[] := array[null];
    v_piece_inherited boolean[] := array[null];
    v_piece_covered boolean[] := array[null];
    v_piece_arrived date[] := array[null];
    v_piece_placed_by integer[] := array[null];

    -- A pool that is sold from by cost or tax keeps its pieces in a skew heap, smallest key first (A.5, A.8). Tax-optimised, those held for more
    -- than a year are in a second heap, and a third has the others by the day on which they will be. A piece counts in the heap of its newest
    -- node. Pieces that came or changed wait until the pool is sold from again. Sparse: of most pools there is none.
    v_pool_ranked_by core.lot_method[] := array[null];
    v_pool_waiting integer[] := array[null];
    v_piece_waits_before integer[] := array[null];
    v_piece_node integer[] := array[null];
    v_piece_is_long_term boolean[] := array[null];
    v_heap_root integer[] := array[null];
    v_nodes integer := 0;
    v_node_piece integer[] := '{}';
    v_node_key numeric[] := '{}';
    v_node_left integer[] := '{}';
    v_node_right integer[] := '{}';

    -- closings, by place; lot is the amount of the piece, other that of the event
    v_closings integer := 0;
    v_closing_event integer[] := '{}';
    v_closing_transaction bigint[] := array[null];
    v_closing_ordinal integer[] := '{}';
    v_closing_piece integer[] := '{}';
    v_closing_pool integer[] := array[null];
    v_closing_kind tax.closing_kind[] := array[null];
    v_closing_quantity numeric[] := '{}';
    v_closing_lot numeric[] := '{}';
    v_closing_other numeric[] := '{}';
    v_closing_native_lot numeric[] := array[null];
    v_closing_native_other numeric[] := array[null];
    v_closing_opened date[] := array[null];
    v_closing_held_from date[] := array[null];
    v_closing_term_on date[] := array[null];
    v_closing_sold_on date[] := array[null];
    v_closing_disallowed numeric[] := array[null];
    v_closing_permanent numeric[] := array[null];
    v_closing_wash numeric[] := array[null];
    v_closing_gift_basis numeric[] := array[null];

    -- losses that were judged, of which those from the first one on may have an open window; closings at a loss of orders that are not complete
    v_losses integer := 0;
    v_first_loss integer := 1;
    v_loss_closing integer[] := '{}';
    v_loss_pool integer[] := '{}';
    v_loss_purchase integer[] := '{}';
    v_loss_on date[] := '{}';
    v_loss_rest numeric[] := '{}';
    v_loss_left numeric[] := '{}';
    v_loss_matches integer[] := '{}';
    v_unjudged integer[] := '{}';
    v_judged integer[];
    v_rescaled text[] := '{}';

    -- acquisitions that have replaced nothing, a list in order of acquisition, of which those from a piece on lie in the window
    v_acquisitions integer[] := '{}';
    v_free_next integer[] := array[null];
    v_free_previous integer[] := array[null];
    v_free_head integer := 0;
    v_free_tail integer := 0;
    v_free_in_window integer := 0;

    -- wash sales, notices, mergers, pools that report an average
    v_matches integer := 0;
    v_match_closing integer[] := '{}';
    v_match_order integer[] := '{}';
    v_match_piece integer[] := '{}';
    v_match_pool integer[] := '{}';
    v_match_permanent boolean[] := '{}';
    v_match_quantity numeric[] := '{}';
    v_match_amount numeric[] := '{}';
    v_notices integer := 0;
    v_notice_code tax.notice_code[] := '{}';
    v_notice_transaction bigint[] := '{}';
    v_notice_related bigint[] := array[null];
    v_notice_sentence text[] := '{}';
    v_merged_old integer[] := '{}';
    v_merged_new integer[] := '{}';
    v_reports integer[] := '{}';

    -- the trace, where one is asked for
    v_trace bigint[] := (select array_agg(t.id::bigint) from jsonb_array_elements_text(p_options -> 'trace') t (id));
    v_is_tracing boolean := v_trace is not null;
    v_traced integer[] := '{}';
    v_traced_state text[] := '{}';
    v_looked_at integer := v_events;
    v_steps integer := 0;
    v_step_event integer[];
    v_step_piece integer[];
    v_step_state tax.piece_state[];
    v_premiums integer := 0;
    v_premium_event integer[];
    v_premium_piece integer[];
    v_premium_quantity numeric[];
    v_premium_amount numeric[];

    -- the event at hand; without a kind it is a pool that reports
    v_kind tax.event_kind;
    v_is_trade boolean;
    v_long_pool integer;
    v_short_pool integer;
    v_closings_before integer;

    -- the same, of what is no plain trade; the second job that it may ask for; the shares of an exercise, by leg; what is delivered against a short
    v_account integer;
    v_instrument integer;
    v_detail tax.event_detail;
    v_partner tax.event_partner;
    v_facts tax.event_facts;
    v_plan tax.event_plan;
    v_second_pool integer;
    v_second_units numeric;
    v_second_amount numeric;
    v_second_native_amount numeric;
    v_fraction_transaction bigint;
    v_legs integer;
    v_leg integer;
    v_leg_buys boolean;
    v_leg_quantity numeric[];
    v_leg_amount numeric[];
    v_leg_native numeric[];
    v_leg_wash numeric[];
    v_leg_used boolean[];
    v_leg_pool integer;
    v_delivered integer[];
    v_delivered_quantity numeric[];
    v_delivered_lot numeric[];
    v_delivered_native numeric[];
    v_delivered_gift_basis numeric[];

    -- the job at hand: units out of a pool, what the event gives or gets for them, and what becomes of them
    v_closings_before_job integer;
    v_from_pool integer;
    v_units_left numeric;
    v_amount_left numeric;
    v_native_left numeric;
    v_method core.lot_method;
    v_price numeric;
    v_pick_transaction bigint;
    v_pick_leg tax.pick_leg;
    v_pieces_from tax.pieces_from;
    v_list integer[];
    v_list_limit numeric[];
    v_closes_as tax.closing_kind;
    v_outcome tax.units_outcome;
    v_sets_aside boolean;
    v_piece_to_open integer;
    v_new_pieces integer;
    v_new_piece integer[] := '{}';
begin
    if v_events = 0 then
        return null;
    end if;
    -- include derive/prepare.part.sql

    -- include derive/standing.part.sql

    for v_event in coalesce(p_standing.first_event, 1) .. v_events + cardinality(v_reports) + case when v_is_tracing then 1 else 0 end loop
        if v_is_tracing then
            -- include derive/trace.part.sql
            exit when v_event > v_events + cardinality(v_reports);
        end if;
        v_kind := v_event_kind[v_event];
        v_long_pool := v_event_pool[v_event];
        v_short_pool := v_long_pool + 1;
        v_closings_before := v_closings;

        -- include derive/purchase.part.sql

        v_is_trade := v_kind in ('buy', 'buy_to_open', 'sell', 'sell_to_close', 'sell_short');
        v_units_left := 0;
        v_from_pool := v_long_pool;
        v_outcome := 'close';
        v_sets_aside := false;
        v_method := 'fifo';
        v_piece_to_open := v_event;
        v_new_pieces := 0;

        if v_is_trade then
            -- include derive/trade.part.sql

        elsif v_kind is null then
            v_long_pool := v_reports[v_event - v_events];
            v_from_pool := v_long_pool;
            v_method := 'average';

        else
            -- include derive/read.part.sql

            -- include derive/plan.part.sql

            -- include derive/arrival.part.sql

            -- include derive/pending_losses.part.sql

            -- include derive/whole.part.sql

            -- include derive/missing.part.sql
        end if;

        loop
            v_closings_before_job := v_closings;
            if v_has_native and not v_is_trade and v_detail.rate = 1 then
                -- In the tax currency both costs are one, in cents, whatever else is in the group (N.1).
                v_native_left := v_amount_left;
            end if;
            v_pieces_from := 'oldest';
            if v_method <> 'fifo' then
                -- include derive/choose.part.sql
            end if;

            -- include derive/take.part.sql

            if v_outcome = 'close_or_short' or v_outcome = 'close' or v_outcome = 'close_held' then
                -- include derive/then/close.part.sql

            elsif v_outcome = 'open_long' then
                -- include derive/then/open_long.part.sql

            elsif v_outcome = 'move' or v_outcome = 'leave' then
                -- include derive/then/move.part.sql

            elsif v_outcome = 'exercise' then
                -- include derive/then/exercise.part.sql

            elsif v_outcome = 'deliver' then
                -- include derive/then/deliver.part.sql
                continue;

            elsif v_outcome = 'cover_by_delivery' then
                -- include derive/then/cover_by_delivery.part.sql
            end if;

            -- include derive/cash.part.sql

            if v_new_pieces > 0 then
                -- include derive/link.part.sql
            end if;

            -- include derive/next_job.part.sql
        end loop;

        -- include derive/event_end.part.sql
        continue when not v_has_washes or v_kind is null;

        -- include derive/wash/losses.part.sql
        continue when v_unjudged = '{}' and v_acquisitions = '{}';

        -- include derive/wash/judge.part.sql

        -- include derive/wash/replacements.part.sql
        v_acquisitions := '{}';
    end loop;

    -- include derive/result.part.sql
    return v_result;
end
$$;

comment on function tax.derive(uuid, tax.history, jsonb, tax.standing) is
    'The event loop over one group: pieces, closings, matches, notices and net cash by account, as columns. Options as in tax.run. With a standing, the first events are known and only the others happen.';
