-- The event loop: one pass over a group in the order of T.2, the whole state in arrays, nothing written. Open pieces of a pool are a doubly
-- linked list in lot order (A.2), so that the oldest and the newest are at hand. A piece is a place in the arrays: piece n is what event n
-- may open, further ones come where a lot is split. Measured: reading lots from a table costs hundreds of times this.
--
-- An event is turned into jobs: take units out of a pool (one selection for all methods), then do what the kind of event does with them, then
-- put new pieces into their pools. Rare events read their transaction themselves; plain trades need nothing but the columns.
--
-- PL/pgSQL shares no arrays between functions, so the loop is one function. This file is its frame; what happens in it are the parts in
-- derive/, each put in its place before the file is run.

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

create function tax.derive(p_user_id uuid, p_history tax.history, p_options jsonb, p_standing tax.standing default null)
returns tax.derivation
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    -- include derive/variables.part.sql
begin
    if v_n = 0 then
        return null;
    end if;
    -- include derive/prepare.part.sql

    -- include derive/standing.part.sql

    for v_k in coalesce(p_standing.first_event, 1) .. v_n + cardinality(v_reports) + case when v_tracing then 1 else 0 end loop
        -- include derive/trace.part.sql
        v_code := v_event_code[v_k];
        v_long := v_event_pool[v_k];
        v_first := v_c;

        -- include derive/purchase.part.sql

        v_left := 0;
        v_from := v_long;
        v_then := c_final;
        v_method := 0;
        v_open := v_k;
        v_link_count := 0;

        if v_code <= 5 then
            -- include derive/trade.part.sql

        elsif v_code is null then
            v_from := v_reports[v_k - v_n];
            v_long := v_from;
            v_method := 4;

        else
            -- include derive/read.part.sql

            case v_code

            when 22, 24 then
                -- include derive/events/departure.part.sql

            when 30, 31, 32 then
                -- include derive/events/option.part.sql

            when 33 then
                -- include derive/events/delivery.part.sql

            when 45 then
                -- include derive/events/cash_merger.part.sql

            when 48 then
                -- include derive/events/cash_for_a_fraction.part.sql

            when 34 then
                -- include derive/events/year_end_mark.part.sql
            when 47 then
                -- include derive/events/return_of_capital.part.sql

            when 20, 21, 23, 25 then
                -- include derive/events/arrival.part.sql

            else
                -- include derive/events/exchange.part.sql
            end case;

            if v_problem is not null then
                v_notices := v_notices + 1;
                v_n_code[v_notices] := v_problem_code;
                v_n_transaction[v_notices] := v_event_id[v_k];
                v_n_sentence[v_notices] := v_problem;
            end if;

            -- include derive/events/pending_losses.part.sql

            -- include derive/whole.part.sql
        end if;

        loop
            v_job_first := v_c;
            if v_has_native and v_code > 5 and v_x.rate = 1 then
                -- N.1: in the tax currency both costs are one, in cents, whatever else is in the group.
                v_native_amount := v_amount;
            end if;
            -- include derive/choose.part.sql

            -- include derive/take.part.sql

            if v_then = c_open_long then
                -- include derive/then/open_long.part.sql

            elsif v_then <= c_unmatched then
                -- include derive/then/sold.part.sql

            elsif v_then = c_move or v_then = c_leave then
                -- include derive/then/move.part.sql

            elsif v_then = c_exercise then
                -- include derive/then/exercise.part.sql

            elsif v_then = c_deliver then
                -- include derive/then/deliver.part.sql

            elsif v_then = c_deliver_short then
                -- include derive/then/deliver_short.part.sql
            end if;

            -- Cash of what a rare event closed (F.11); plain trades are summed beforehand, shares from options with their own job.
            if v_code >= 30 and v_then <= c_unmatched and v_legs = 0 then
                for v_i in v_job_first + 1 .. v_c loop
                    v_a := (v_c_pool[v_i] - 1) / 2 / v_instruments + 1;
                    v_flow[v_a] := v_flow[v_a] + case v_c_pool[v_i] % 2 when 1 then 1 else -1 end * coalesce(v_c_other[v_i], 0);
                end loop;
            end if;

            -- include derive/link.part.sql
            v_link_count := 0;

            -- include derive/next_job.part.sql
        end loop;
        if v_code >= 40 and v_fraction_id is not null then
            for v_i in v_first + 1 .. v_c loop
                if v_c_kind[v_i] = 'cash_in_lieu' then
                    v_c_transaction[v_i] := v_fraction_id;
                end if;
            end loop;
        end if;
        if v_code > 5 then
            -- Anything may have changed: such pools are ranked anew.
            v_ranked_by := array[null];
            v_waiting := array[null];
            v_waits_before := array[null];
        end if;
        continue when not v_washes or v_code is null;

        -- include derive/wash/losses.part.sql

        -- include derive/wash/replacements.part.sql
        v_acquisitions := '{}';
    end loop;

    -- An exchange elsewhere may have another day than New York at that instant: the day of the trade is kept, the time of day is given up.
    for v_i in
        select e.place
        from unnest(v_acquired, v_acquired_at) with ordinality e (day, at, place)
        where not e.at - e.day::timestamp at time zone 'UTC' between interval '5 hours' and interval '28 hours'
        and (e.at at time zone 'America/New_York')::date <> e.day
    loop
        v_acquired_at[v_i] := tax.start_of_day(v_acquired[v_i]);
    end loop;

    -- include derive/result.part.sql
    return v_result;
end
$$;

comment on function tax.derive(uuid, tax.history, jsonb, tax.standing) is
    'The event loop over one group: pieces, closings, matches, notices and net cash by account, as columns. Options as in tax.run. With a standing, the first events are known and only the others happen.';
