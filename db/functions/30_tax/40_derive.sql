-- The event loop: one pass over a group in the order of T.2, the whole state in arrays, nothing written. Open pieces of a pool are a doubly
-- linked list in lot order (A.2), so that the oldest and the newest are at hand. A piece is a place in the arrays: piece n is what event n
-- may open, further ones come where a lot is split. Measured: reading lots from a table costs hundreds of times this.
--
-- An event is turned into jobs: take units out of a pool (one selection for all methods), then do what the kind of event does with them, then
-- put new pieces into their pools. Rare events read their transaction themselves; plain trades need nothing but the columns.

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
    -- What is done with the units once they are taken.
    c_final constant integer := 0;
    c_open_long constant integer := 1;
    c_sold constant integer := 2;
    c_sold_closing constant integer := 3;
    c_unmatched constant integer := 4;
    c_move constant integer := 10;
    c_leave constant integer := 11;
    c_exercise constant integer := 12;
    c_deliver constant integer := 13;
    c_deliver_short constant integer := 14;

    v_result tax.derivation;

    -- events
    v_n integer := coalesce(cardinality(p_history.event_id), 0);
    v_event_id bigint[] := p_history.event_id;
    v_event_code integer[] := p_history.event_code;
    v_event_pool integer[] := p_history.event_pool;
    v_event_date date[] := p_history.event_date;
    v_event_at timestamptz[] := p_history.event_at;
    v_event_method integer[] := p_history.event_method;
    v_event_order text[] := p_history.event_order;
    v_event_unrated boolean[] := p_history.event_unrated;
    v_event_rank integer[];
    v_event_group integer[];
    v_event_last integer[];

    -- accounts, instruments, pools
    v_instruments integer := cardinality(p_history.instrument_id);
    v_may_short boolean[] := p_history.account_may_short;
    v_taxable boolean[] := p_history.account_taxable;
    v_flow numeric[] := p_history.account_plain_flow;
    v_forfeited numeric[] := array_fill(0::numeric, array[cardinality(p_history.account_id)]);
    v_head integer[];
    v_tail integer[];
    v_unmatched numeric[] := array[null];
    v_plain boolean := p_history.is_plain;
    v_sorted boolean := p_history.is_sorted;
    v_has_native boolean := p_history.has_native;
    v_is_rare boolean := p_standing.first_event is not null or exists (select from unnest(p_history.event_code) e (code) where e.code > 5);
    v_washes boolean := p_history.wash_scope <> 'none';
    v_broker_scope boolean := p_history.wash_scope = 'broker';
    v_wash_class integer[] := p_history.instrument_wash_class;
    v_call_class integer[] := p_history.instrument_call_class;
    v_usual boolean;
    v_pool_class integer[];
    v_pool_call_class integer[];
    v_pool_taxable boolean[];
    v_pool_judged boolean[];
    v_pool_may_replace boolean[];
    v_pool_shares numeric[];
    v_pool_least numeric[];

    -- pieces; arrays that start with one null are sparse
    v_m integer := v_n;
    v_source integer[];
    v_number integer[];
    v_pool integer[] := p_history.event_pool;
    v_opened numeric[] := p_history.event_opened;
    v_quantity numeric[] := p_history.event_quantity;
    v_cost numeric[] := p_history.event_amount;
    v_native numeric[] := p_history.event_native;
    v_acquired date[] := p_history.event_date;
    v_acquired_at timestamptz[] := p_history.event_at;
    v_held_from date[] := p_history.event_date;
    v_next integer[];
    v_previous integer[];
    v_closed_by integer[] := array[null];
    v_wash numeric[] := array[null];
    v_used boolean[] := array[null];
    v_no_purchase boolean[] := array[null];
    v_gift_basis numeric[] := array[null];
    v_gift_on date[] := array[null];
    v_inherited boolean[] := array[null];
    v_covered boolean[] := array[null];
    v_arrived date[] := array[null];
    v_placed_by integer[] := array[null];
    v_last_number integer[] := array[null];

    -- A.5: pools sold by cost keep a skew heap of their pieces, smallest key first. A node that is not as its piece is now counts for nothing;
    -- pieces that came or changed wait until the pool is sold from again. Sparse: of most pools there is none.
    v_ranked_by integer[] := array[null];
    v_root integer[] := array[null];
    v_waiting integer[] := array[null];
    v_waits_before integer[] := array[null];
    v_node integer := 0;
    v_node_piece integer[] := '{}';
    v_node_key numeric[] := '{}';
    v_node_quantity numeric[] := '{}';
    v_node_cost numeric[] := '{}';
    v_node_left integer[] := '{}';
    v_node_right integer[] := '{}';
    v_parent integer;
    v_one integer;
    v_other integer;

    -- closings
    v_c integer := 0;
    v_c_event integer[] := '{}';
    v_c_transaction bigint[] := array[null];
    v_c_ordinal integer[] := '{}';
    v_c_piece integer[] := '{}';
    v_c_pool integer[] := array[null];
    v_c_kind tax.closing_kind[] := array[null];
    v_c_quantity numeric[] := '{}';
    v_c_lot numeric[] := '{}';
    v_c_other numeric[] := '{}';
    v_c_native_lot numeric[] := array[null];
    v_c_native_other numeric[] := array[null];
    v_c_opened date[] := array[null];
    v_c_held_from date[] := array[null];
    v_c_term_on date[] := array[null];
    v_c_sold_on date[] := array[null];
    v_c_disallowed numeric[] := array[null];
    v_c_permanent numeric[] := array[null];
    v_c_wash numeric[] := array[null];
    v_c_gift numeric[] := array[null];

    -- losses whose window is open, replacements not yet used, losses of an order that is not complete
    v_loss integer := 0;
    v_loss_first integer := 1;
    v_loss_closing integer[] := '{}';
    v_loss_pool integer[] := '{}';
    v_loss_group integer[] := '{}';
    v_loss_on date[] := '{}';
    v_loss_rest numeric[] := '{}';
    v_loss_left numeric[] := '{}';
    v_loss_matches integer[] := '{}';
    v_incomplete integer[] := '{}';
    v_settled integer[];
    v_acquisitions integer[] := '{}';
    v_free_next integer[] := array[null];
    v_free_previous integer[] := array[null];
    v_free_head integer := 0;
    v_free_tail integer := 0;
    v_free_start integer := 0;
    v_scaled text[] := '{}';
    v_match integer := 0;
    v_m_closing integer[] := '{}';
    v_m_order integer[] := '{}';
    v_m_piece integer[] := '{}';
    v_m_pool integer[] := '{}';
    v_m_permanent boolean[] := '{}';
    v_m_quantity numeric[] := '{}';
    v_m_amount numeric[] := '{}';

    -- notices
    v_notices integer := 0;
    v_n_code tax.notice_code[] := '{}';
    v_n_transaction bigint[] := '{}';
    v_n_related bigint[] := array[null];
    v_n_sentence text[] := '{}';
    v_has_short boolean := false;
    v_has_option boolean := exists (select from unnest(p_history.instrument_strike) s (strike) where s.strike is not null);
    v_has_family boolean := exists (select from unnest(p_history.instrument_index_family) f (family) where f.family is not null);
    v_stocks integer[];
    v_merged_old integer[] := '{}';
    v_merged_new integer[] := '{}';
    v_flag tax.flag;
    v_own integer;
    v_stock integer;
    v_held_piece integer;

    -- the event at hand
    v_code integer;
    v_long integer;
    v_account integer;
    v_instrument integer;
    v_scale integer;
    v_first integer;
    v_job_first integer;
    v_multiplier numeric;
    v_x tax.event_detail;
    v_y tax.event_partner;
    v_later record;
    v_action record;
    v_partner_pool integer;
    v_new_place integer;
    v_held numeric[];
    v_whole boolean;
    v_problem text;
    v_problem_code tax.notice_code;

    -- the job at hand
    v_from integer;
    v_left numeric;
    v_amount numeric;
    v_native_amount numeric;
    v_kind tax.closing_kind;
    v_then integer;
    v_open integer;
    v_target integer;
    v_lose_cover boolean;
    v_method integer;
    v_select integer;
    v_price numeric;
    v_pick record;
    v_pick_id bigint;
    v_pick_leg tax.pick_leg;
    v_list integer[];
    v_named integer[];
    v_caps numeric[];
    v_links integer[] := '{}';
    v_link_count integer;
    v_hint integer;
    v_fraction numeric;
    v_fraction_pool integer;
    v_fraction_cash numeric;
    v_fraction_native numeric;
    v_fraction_id bigint;
    v_legs integer;
    v_leg integer;
    v_leg_buys boolean;
    v_leg_quantity numeric[];
    v_leg_amount numeric[];
    v_leg_native numeric[];
    v_leg_wash numeric[];
    v_leg_used boolean[];
    v_leg_gift numeric[];
    v_delivered integer[];
    v_delivered_short integer[];

    -- one piece, one lot, one share
    v_s integer;
    v_r integer;
    v_p integer;
    v_i integer;
    v_j integer;
    v_a integer;
    v_b integer;
    v_side integer;
    v_count integer;
    v_q numeric;
    v_t numeric;
    v_units numeric;
    v_of_lot numeric;
    v_of_native numeric;
    v_part numeric;
    v_native_part numeric;
    v_extra numeric;
    v_num numeric;
    v_den numeric;
    v_weight numeric;
    v_rest numeric;
    v_native_rest numeric;
    v_rest_units numeric;
    v_total numeric;
    v_cash numeric;
    v_native_cash numeric;
    v_costs numeric;
    v_native_costs numeric;
    v_value numeric;
    v_recognised numeric;
    v_factor numeric;
    v_opened_on date;
    v_from_day date;
    v_day date;
    v_weights numeric[];
    v_shares numeric[];
    v_native_shares numeric[];
    v_numbers numeric[];
    v_native_numbers numeric[];
    v_scaled_key text;
    v_fits boolean;
    v_forward boolean;
    v_reports integer[] := '{}';

    -- the trace, where one is asked for
    v_trace bigint[] := (select array_agg(t.id::bigint) from jsonb_array_elements_text(p_options -> 'trace') t (id));
    v_tracing boolean := v_trace is not null;
    v_traced integer[] := '{}';
    v_looked integer := v_n;
    v_state tax.piece_state;
    v_states text[] := '{}';
    v_steps integer := 0;
    v_t_event integer[];
    v_t_piece integer[];
    v_t_state tax.piece_state[];
    v_premiums integer := 0;
    v_p_event integer[];
    v_p_piece integer[];
    v_p_quantity numeric[];
    v_p_amount numeric[];
begin
    if v_n = 0 then
        return null;
    end if;
    select array_agg(p.place), array_fill(1, array[v_n]), array_fill(0, array[v_n]), array_fill(0, array[v_n])
    into v_source, v_number, v_next, v_previous
    from generate_series(1, v_n) p (place);
    v_head := array_fill(0, array[cardinality(p_history.pool_account)]);
    v_tail := v_head;
    if v_washes then
        -- By pool, what the rules ask of its account and instrument; a unit of an option counts as the shares it delivers.
        select
            array_agg(v_wash_class[i.place] order by p.pool), array_agg(case p.pool % 2 when 1 then v_call_class[i.place] end order by p.pool),
            array_agg(v_taxable[i.account] order by p.pool),
            array_agg(
                v_taxable[i.account] and v_wash_class[i.place] > 0 and (p.pool % 2 = 1 or p_history.instrument_strike[i.place] is null) order by p.pool
            ),
            array_agg(v_wash_class[i.place] + v_call_class[i.place] > 0 order by p.pool),
            array_agg(p_history.instrument_deliverable[i.place] order by p.pool),
            array_agg(10::numeric ^ (- p_history.instrument_scale[i.place]) order by p.pool)
        into v_pool_class, v_pool_call_class, v_pool_taxable, v_pool_judged, v_pool_may_replace, v_pool_shares, v_pool_least
        from generate_series(1, cardinality(p_history.pool_account)) p (pool)
        cross join lateral (
            select (p.pool - 1) / 2 / v_instruments + 1 as account, (p.pool - 1) / 2 % v_instruments + 1 as place
        ) i;
    end if;
    v_usual := v_washes and v_sorted and not v_has_option;

    if not v_sorted then
        select array_agg(r.rank order by r.place)
        into v_event_rank
        from (
            select
                u.place,
                (row_number() over (
                    order by t.sequence, array_position(p_history.account_id, t.account_id), t.source collate "C", t.dedupe_key collate "C"
                ))::integer as rank
            from unnest(v_event_id) with ordinality u (id, place)
            left join core.transactions t on t.user_id = p_user_id and t.id = u.id
        ) r;
    end if;

    -- F.4, F.6: fills of one account, order and day are one purchase, or one sale.
    if v_washes then
        if p_history.has_orders then
            select array_agg(o.first_fill order by o.place), array_agg(o.last_fill order by o.place)
            into v_event_group, v_event_last
            from (
                select
                    e.place,
                    case when e.order_id is null then e.place
                        else min(e.place) over (partition by e.account, e.order_id, e.day)
                    end as first_fill,
                    case when e.order_id is null then e.place
                        else max(e.place) over (partition by e.account, e.order_id, e.day, e.code in (1, 4))
                    end as last_fill
                from (
                    select
                        generate_series(1, v_n) as place,
                        (unnest(v_event_pool) - 1) / 2 / v_instruments as account,
                        unnest(v_event_order) as order_id,
                        unnest(v_event_date) as day,
                        unnest(v_event_code) as code
                ) e
            ) o;
        else
            v_event_group := v_source;
            v_event_last := v_source;
        end if;
        if not v_sorted then
            -- C.1, F.6: a corporate action is one event for all accounts, whatever rows tell of it. Its losses are judged when every account
            -- has it: what the same action takes away replaces nothing, and units of before are never compared with units of after.
            -- What it brings is one purchase (F.4).
            for v_action in
                select array_agg(e.place) as places, min(e.place) as first_row, max(e.place) as last_row
                from unnest(v_event_code, v_event_pool, v_event_date) with ordinality e (code, pool, day, place)
                where e.code between 40 and 47
                group by e.day, e.code, (e.pool - 1) / 2 % v_instruments
                having count(*) > 1
            loop
                foreach v_j in array v_action.places loop
                    v_event_group[v_j] := v_action.first_row;
                    v_event_last[v_j] := v_action.last_row;
                end loop;
            end loop;
        end if;
    end if;

    -- E.5: a purchase of unknown cost may get its basis later. Arrivals in kind look for theirs when their turn comes.
    for v_later in
        select b.to_id, b.basis
        from tax.supplied_basis(p_user_id, v_event_id) b
        where exists (select from tax.transaction_links l where l.user_id = p_user_id and l.kind = 'basis')
        and b.basis is not null
    loop
        v_j := array_position(v_event_id, v_later.to_id);
        if v_event_code[v_j] in (1, 4) then
            v_account := (v_event_pool[v_j] - 1) / 2 / v_instruments + 1;
            v_flow[v_account] := v_flow[v_account] + coalesce(v_cost[v_j], 0) - v_later.basis;
            v_cost[v_j] := v_later.basis;
            v_event_unrated[v_j] := false;
        end if;
    end loop;

    -- A.7: an average is drawn when reporting too; such pools get one more turn after the last event.
    if p_history.has_averages then
        select coalesce(array_agg(p.place * 2 - 1 order by p.place), '{}')
        into v_reports
        from generate_series(1, cardinality(p_history.pool_account) / 2) p (place)
        where case
            when p_options ? 'method' then tax.override_code(
                p_user_id, p_history.pool_account[p.place * 2], p_history.pool_instrument[p.place * 2], (p_options ->> 'method')::core.lot_method
            ) = 4
            else tax.lot_method(
                p_user_id, p_history.pool_account[p.place * 2], p_history.pool_instrument[p.place * 2],
                coalesce((p_options ->> 'as_of')::date, date '2199-12-31')
            ) = 4
        end;
    end if;

    -- Where the book stood: pieces in lot order, those that may still replace a loss in the order of their purchase, losses still looking for one.
    if p_standing.first_event is not null then
        v_source := v_source || p_standing.lot_event;
        v_number := v_number || p_standing.lot_number;
        v_pool := v_pool || p_standing.lot_pool;
        v_opened := v_opened || p_standing.lot_opened;
        v_quantity := v_quantity || p_standing.lot_quantity;
        v_cost := v_cost || p_standing.lot_cost;
        v_native := v_native || p_standing.lot_native;
        v_acquired := v_acquired || p_standing.lot_acquired;
        v_acquired_at := v_acquired_at || p_standing.lot_acquired_at;
        v_held_from := v_held_from || p_standing.lot_held_from;
        v_wash := array_fill(null::numeric, array[v_n]) || p_standing.lot_wash;
        v_used := array_fill(null::boolean, array[v_n]) || p_standing.lot_used;
        v_no_purchase := array_fill(null::boolean, array[v_n]) || p_standing.lot_no_purchase;
        v_gift_basis := array_fill(null::numeric, array[v_n]) || p_standing.lot_gift_basis;
        v_gift_on := array_fill(null::date, array[v_n]) || p_standing.lot_gift_on;
        v_inherited := array_fill(null::boolean, array[v_n]) || p_standing.lot_inherited;
        v_covered := array_fill(null::boolean, array[v_n]) || p_standing.lot_covered;
        v_arrived := array_fill(null::date, array[v_n]) || p_standing.lot_arrived;
        v_m := cardinality(v_source);
        for v_s in v_n + 1 .. v_m loop
            v_last_number[v_source[v_s]] := p_standing.lot_last_number[v_s - v_n];
            v_p := v_pool[v_s];
            v_a := v_tail[v_p];
            v_previous[v_s] := v_a;
            v_next[v_s] := 0;
            if v_a = 0 then
                v_head[v_p] := v_s;
            else
                v_next[v_a] := v_s;
            end if;
            v_tail[v_p] := v_s;
            if v_pool_may_replace[v_p] and v_used[v_s] is null and v_no_purchase[v_s] is null then
                v_free_next[v_s] := 0;
                v_free_previous[v_s] := v_free_tail;
                if v_free_tail = 0 then
                    v_free_head := v_s;
                else
                    v_free_next[v_free_tail] := v_s;
                end if;
                v_free_tail := v_s;
            end if;
        end loop;
        v_free_start := v_free_head;
        v_c := cardinality(p_standing.loss_id);
        v_c_event := p_standing.loss_event;
        v_c_ordinal := p_standing.loss_ordinal;
        v_c_piece := p_standing.loss_source;
        v_c_pool := p_standing.loss_pool;
        v_c_kind := p_standing.loss_kind;
        v_c_quantity := p_standing.loss_quantity;
        v_c_lot := p_standing.loss_lot;
        v_c_other := p_standing.loss_other;
        v_c_held_from := p_standing.loss_held_from;
        v_c_disallowed := coalesce(nullif(p_standing.loss_disallowed, '{}'), array[null]::numeric[]);
        v_c_permanent := coalesce(nullif(p_standing.loss_permanent, '{}'), array[null]::numeric[]);
        v_loss := v_c;
        v_loss_pool := p_standing.loss_pool;
        v_loss_rest := p_standing.loss_rest;
        v_loss_left := p_standing.loss_left;
        v_loss_matches := p_standing.loss_matches;
        for v_j in 1 .. v_loss loop
            v_loss_closing[v_j] := v_j;
            v_loss_group[v_j] := v_event_group[v_source[v_c_piece[v_j]]];
            v_loss_on[v_j] := v_event_date[v_c_event[v_j]];
        end loop;
    end if;

    for v_k in coalesce(p_standing.first_event, 1) .. v_n + cardinality(v_reports) + case when v_tracing then 1 else 0 end loop
        if v_tracing then
            -- What the event before did to the pieces asked for.
            if v_k > 1 and v_event_id[v_k - 1] = any (v_trace) and v_opened[v_k - 1] is not null then
                v_traced := v_traced || (v_k - 1);
            end if;
            for v_s in v_looked + 1 .. v_m loop
                if v_event_id[v_source[v_s]] = any (v_trace) then
                    v_traced := v_traced || v_s;
                end if;
            end loop;
            v_looked := v_m;
            for v_i in 1 .. cardinality(v_traced) loop
                v_s := v_traced[v_i];
                v_state := (
                    v_pool[v_s], v_quantity[v_s], case when v_quantity[v_s] > 0 then v_cost[v_s] when v_cost[v_s] is not null then 0 end,
                    case when v_quantity[v_s] > 0 then coalesce(v_wash[v_s], 0) else 0 end, v_gift_basis[v_s], v_held_from[v_s], v_acquired[v_s]
                );
                if v_state::text is distinct from v_states[v_i] then
                    v_states[v_i] := v_state::text;
                    v_steps := v_steps + 1;
                    v_t_event[v_steps] := v_k - 1;
                    v_t_piece[v_steps] := v_s;
                    v_t_state[v_steps] := v_state;
                end if;
            end loop;
            exit when v_k > v_n + cardinality(v_reports);
        end if;
        v_code := v_event_code[v_k];
        v_long := v_event_pool[v_k];
        v_first := v_c;

        -- A purchase where no short is open: most events. It is its own piece, at the end of its pool.
        if v_plain and (v_code = 1 and v_head[v_long + 1] = 0 or v_code = 4) then
            v_s := v_tail[v_long];
            if v_s = 0 then
                v_head[v_long] := v_k;
            else
                v_next[v_s] := v_k;
            end if;
            v_tail[v_long] := v_k;
            continue;
        end if;

        -- With wash sales the same, where no loss waits for a replacement: it may be one for a loss to come.
        if v_usual and (v_code = 1 and v_head[v_long + 1] = 0 or v_code = 4) then
            while v_loss_first <= v_loss and (v_loss_rest[v_loss_first] = 0 or v_loss_on[v_loss_first] < v_event_date[v_k] - 30) loop
                v_loss_first := v_loss_first + 1;
            end loop;
            if v_loss_first > v_loss then
                v_s := v_tail[v_long];
                v_previous[v_k] := v_s;
                if v_s = 0 then
                    v_head[v_long] := v_k;
                else
                    v_next[v_s] := v_k;
                end if;
                v_tail[v_long] := v_k;
                if v_ranked_by[v_long] is not null then
                    v_waits_before[v_k] := v_waiting[v_long];
                    v_waiting[v_long] := v_k;
                end if;
                if v_pool_may_replace[v_long] then
                    v_free_previous[v_k] := v_free_tail;
                    v_free_next[v_k] := 0;
                    if v_free_tail = 0 then
                        v_free_head := v_k;
                    else
                        v_free_next[v_free_tail] := v_k;
                    end if;
                    v_free_tail := v_k;
                    if v_free_start = 0 then
                        v_free_start := v_k;
                    end if;
                end if;
                continue;
            end if;
        end if;

        v_left := 0;
        v_from := v_long;
        v_then := c_final;
        v_method := 0;
        v_open := v_k;
        v_link_count := 0;

        -- Plain trades ------------------------------------------------------------------------------------------------------------------
        if v_code <= 5 then
            if v_code = 1 and v_head[v_long + 1] = 0 then
                v_links[1] := v_k;
                v_link_count := 1;
            elsif v_code <= 3 then
                v_left := v_quantity[v_k];
                v_amount := v_cost[v_k];
                if not v_plain then
                    v_native_amount := v_native[v_k];
                    v_price := null;
                    v_pick_id := v_event_id[v_k];
                    v_pick_leg := 'transaction';
                end if;
                if v_code = 1 then
                    -- A.12: a purchase covers what is short first.
                    v_from := v_long + 1;
                    v_kind := 'cover';
                    v_then := c_open_long;
                else
                    v_kind := 'sale';
                    v_then := case v_code when 2 then c_sold else c_sold_closing end;
                    v_method := v_event_method[v_k];
                end if;
            else
                v_links[1] := v_k;
                v_link_count := 1;
                if v_code = 5 then
                    v_pool[v_k] := v_long + 1;
                end if;
            end if;

        elsif v_code is null then
            v_from := v_reports[v_k - v_n];
            v_long := v_from;
            v_method := 4;

        -- Everything else reads its transaction -----------------------------------------------------------------------------------------
        else
            v_account := (v_long - 1) / 2 / v_instruments + 1;
            v_instrument := (v_long - 1) / 2 % v_instruments + 1;
            v_scale := p_history.instrument_scale[v_instrument];
            v_multiplier := p_history.instrument_multiplier[v_instrument];
            v_event_unrated[v_k] := false;
            v_pick_leg := 'transaction';
            v_price := null;
            v_problem := null;
            v_problem_code := 'missing_terms';
            v_whole := false;
            v_fraction := 0;
            v_fraction_id := null;
            v_pick_id := v_event_id[v_k];
            v_legs := 0;
            v_leg := 0;

            v_x := tax.read_event(p_user_id, v_event_id[v_k], p_history.tax_currency);
            v_y := tax.read_partner(p_user_id, v_event_id[v_k], p_history.tax_currency);
            if v_y.transaction_id is not null then
                v_partner_pool := ((array_position(p_history.account_id, v_y.account_id) - 1) * v_instruments
                    + array_position(p_history.instrument_id, v_y.instrument_id)) * 2 - 1;
            end if;
            v_new_place := array_position(p_history.instrument_id, v_x.new_instrument_id);
            v_units := abs(coalesce(v_x.quantity, v_x.stated_quantity));

            v_held := array[0, 0];
            if v_code >= 30 then
                for v_side in 1 .. 2 loop
                    v_q := 0;
                    v_s := v_head[v_long + v_side - 1];
                    while v_s <> 0 loop
                        v_q := v_q + v_quantity[v_s];
                        v_s := v_next[v_s];
                    end loop;
                    v_held[v_side] := v_q;
                end loop;
            end if;

            case v_code

            -- Departures in kind: E.1, E.6 -----------------------------------------------------------------------------------------------
            when 22, 24 then
                if coalesce(v_units, 0) = 0 then
                    v_problem := 'The row says that units went out, but not how many.';
                else
                    v_left := v_units;
                    v_amount := null;
                    v_native_amount := null;
                    v_method := v_event_method[v_k];
                    v_then := c_leave;
                    if v_y.kind = 'transfer' then
                        v_then := c_move;
                        v_target := v_partner_pool;
                        v_lose_cover := v_scale = 18 or not coalesce(v_y.covered, v_x.covered, true);
                        if v_x.position_effect = 'open' or v_x.position_effect = 'auto' and v_head[v_long] = 0 and v_head[v_partner_pool + 1] <> 0 then
                            -- By its sign, a short position goes out where it arrives: the units leave the account of the other leg.
                            v_from := v_partner_pool + 1;
                            v_target := v_long + 1;
                            v_method := 0;
                        end if;
                    end if;
                end if;

            -- Options: D.2, D.3 ----------------------------------------------------------------------------------------------------------
            when 30, 31, 32 then
                -- The side: as stated, else what the kind of event says, else what is open.
                v_side := case
                    when v_x.quantity < 0 then 1
                    when v_x.quantity > 0 then 2
                    when v_code = 31 then 1
                    when v_code = 32 then 2
                    when v_held[1] > 0 then 1
                    else 2
                end;
                v_from := v_long + v_side - 1;
                v_left := coalesce(v_units, v_held[v_side]);
                v_costs := v_x.costs;
                v_native_costs := v_x.native_costs;
                if v_side = 1 then
                    v_method := v_event_method[v_k];
                end if;
                if v_x.quantity is null and v_held[v_side] = 0 then
                    v_problem_code := 'unknown_direction';
                    v_problem := 'The row does not say whether it closes a bought or a written option, and none is open.';
                    v_left := 0;
                end if;

                if v_code = 30 then
                    if v_units is null and v_held[1] > 0 and v_held[2] > 0 then
                        -- D.2: what was bought and what was written expires, the latter in a second job.
                        v_fraction := v_held[2];
                        v_fraction_pool := v_long + 1;
                        v_fraction_cash := 0;
                        v_fraction_native := 0;
                    end if;
                    v_kind := 'expire';
                    v_then := c_unmatched;
                    v_price := 0;
                    v_amount := case v_side when 1 then - v_costs else v_costs end;
                    v_native_amount := case v_side when 1 then - v_native_costs else v_native_costs end;
                elsif v_x.exercise_settlement = 'cash' then
                    v_kind := case v_side when 1 then 'sale' else 'cover' end;
                    v_then := c_unmatched;
                    v_amount := coalesce(v_x.amount, 0) + case v_side when 1 then - v_costs else v_costs end;
                    v_native_amount := coalesce(v_x.native_amount, 0) + case v_side when 1 then - v_native_costs else v_native_costs end;
                elsif v_y.kind = 'exercise' then
                    v_then := c_exercise;
                    v_target := v_partner_pool;
                    if v_left = 0 then
                        -- Without the option the shares still moved.
                        v_left := v_y.units / p_history.instrument_deliverable[v_instrument];
                    end if;
                elsif v_x.exercise_settlement = 'linked' or p_history.instrument_underlying[v_instrument] is null then
                    -- I.4: without its shares the premium has nowhere to go; the figures still foot.
                    v_problem := coalesce(v_problem, 'The shares of this exercise or assignment are not known; until they are, the option counts as expired.');
                    v_kind := 'expire';
                    v_then := c_unmatched;
                    v_amount := case v_side when 1 then - v_costs else v_costs end;
                    v_native_amount := case v_side when 1 then - v_native_costs else v_native_costs end;
                else
                    v_then := c_exercise;
                    v_target := ((v_account - 1) * v_instruments + p_history.instrument_underlying[v_instrument]) * 2 - 1;
                end if;

            -- Held shares against a short: A.11 ------------------------------------------------------------------------------------------
            when 33 then
                v_left := least(coalesce(v_units, v_held[2]), v_held[1], v_held[2]);
                if v_left < v_units then
                    v_problem_code := 'pick_exceeds_holding';
                    v_problem := format('Of %s units to deliver only %s are both held and short.', trim_scale(v_units), trim_scale(v_left));
                end if;
                v_amount := null;
                v_native_amount := null;
                v_method := v_event_method[v_k];
                v_then := c_deliver;

            -- Cash for the whole holding, or for what the row names: C.6 -----------------------------------------------------------------
            when 45 then
                v_kind := 'merger_cash';
                v_side := case when v_x.quantity > 0 or v_held[1] = 0 and v_held[2] > 0 then 2 else 1 end;
                v_from := v_long + v_side - 1;
                v_left := coalesce(v_units, v_held[v_side]);
                v_price := coalesce(v_x.price, v_x.cash_per_share) * v_x.rate;
                v_native_amount := coalesce(
                    v_x.native_gross, v_left * coalesce(v_x.price, v_x.cash_per_share) * v_multiplier, v_x.native_amount
                );
                v_amount := round(v_native_amount * v_x.rate, 2);
                if v_amount is null and v_left > 0 then
                    v_problem_code := case when v_native_amount is null then 'missing_terms' else 'unknown_rate' end;
                    v_problem := 'What was paid for the holding is not known in the tax currency.';
                    v_event_unrated[v_k] := true;
                end if;
                if v_side = 1 then
                    v_then := c_sold_closing;
                    v_amount := v_amount - v_x.costs;
                    v_native_amount := v_native_amount - v_x.native_costs;
                    if v_left < v_held[1] or v_event_method[v_k] = 4 then
                        v_method := v_event_method[v_k];
                    end if;
                    if v_x.quantity is null and v_held[2] > 0 then
                        -- Both sides are open: the short is covered at the price in a second job.
                        v_fraction := v_held[2];
                        v_fraction_pool := v_long + 1;
                        v_fraction_cash := round(v_held[2] * v_price * v_multiplier, 2);
                        v_fraction_native := v_held[2] * coalesce(v_x.price, v_x.cash_per_share) * v_multiplier;
                        v_fraction_id := null;
                    end if;
                else
                    v_amount := v_amount + v_x.costs;
                    v_native_amount := v_native_amount + v_x.native_costs;
                end if;

            -- Cash for a fraction that no corporate action speaks for: B.7 ---------------------------------------------------------------
            when 48 then
                v_left := coalesce(v_units, v_held[1] - trunc(v_held[1]));
                if v_left = 0 then
                    v_problem := 'Cash for a fraction of a share, but no fraction is held and the row names none.';
                else
                    v_kind := 'cash_in_lieu';
                    v_then := c_sold_closing;
                    v_method := v_event_method[v_k];
                    v_amount := v_x.amount - v_x.costs;
                    v_native_amount := v_x.native_amount - v_x.native_costs;
                    v_price := v_x.amount / v_left;
                end if;

            -- Year-end mark, return of capital: D.7, B.6 ---------------------------------------------------------------------------------
            when 34 then
                v_whole := true;
                v_num := 1;
                v_den := 1;
                if v_x.price is null then
                    v_whole := false;
                    v_problem := 'The year-end value is not stated.';
                end if;
            when 47 then
                v_whole := true;
                v_num := 1;
                v_den := 1;
                if v_held[1] > 0 and coalesce(v_held[1] * v_x.amount_per_share, v_x.native_amount) * v_x.rate is null then
                    v_whole := false;
                    v_problem_code := case when v_x.rate is null then 'unknown_rate' else 'missing_terms' end;
                    v_problem := 'The capital returned is not known in the tax currency.';
                end if;

            -- Arrivals in kind: E.3, A.10 ------------------------------------------------------------------------------------------------
            when 20, 21, 23, 25 then
                if coalesce(v_units, 0) = 0 then
                    v_problem := 'The row says that units came in, but not how many.';
                else
                    v_quantity[v_k] := v_units;
                    v_opened[v_k] := v_units;
                    v_no_purchase[v_k] := true;
                    v_cost[v_k] := round(
                        coalesce(
                            v_y.later_basis,
                            case v_code when 23 then v_x.donor_basis when 25 then v_x.market_value else v_x.supplied_basis end
                        ),
                        2
                    );
                    v_native[v_k] := case v_x.rate when 1 then v_cost[v_k] else round(v_cost[v_k] / v_x.rate, 8) end;
                    v_acquired[v_k] := coalesce(
                        v_y.later_acquired_on,
                        case v_code
                            when 20 then coalesce(v_x.supplied_acquired_on, v_event_date[v_k])
                            when 21 then v_x.supplied_acquired_on
                            when 23 then v_x.donor_acquired_on
                            else v_event_date[v_k]
                        end
                    );
                    v_held_from[v_k] := v_acquired[v_k];
                    if v_acquired[v_k] is distinct from v_event_date[v_k] then
                        v_acquired_at[v_k] := tax.start_of_day(v_acquired[v_k]);
                        v_arrived[v_k] := v_event_date[v_k];
                    end if;
                    if v_code = 23 and v_x.market_value < v_cost[v_k] then
                        v_gift_basis[v_k] := round(v_x.market_value, 2);
                        v_gift_on[v_k] := v_event_date[v_k];
                    elsif v_code = 25 then
                        v_inherited[v_k] := true;
                    end if;
                    -- E.8, H.3
                    if v_code = 21 and v_x.covered is not null then
                        v_covered[v_k] := v_x.covered;
                    elsif v_code in (23, 25) or v_cost[v_k] is null or v_acquired[v_k] is null then
                        v_covered[v_k] := false;
                    end if;
                    v_flow[v_account] := v_flow[v_account] - coalesce(v_cost[v_k], 0);
                    v_links[1] := v_k;
                    v_link_count := 1;
                end if;

            -- Units change, or become another instrument: C.2 to C.8 ---------------------------------------------------------------------
            else
                -- The ratio: as stated, else from the broker's own figures against the position.
                v_den := v_x.ratio_denominator;
                v_num := case v_code when 41 then v_x.ratio_numerator + v_den else v_x.ratio_numerator end;
                v_q := v_held[1] - v_held[2];
                if v_num is null and v_code in (40, 41) then
                    v_num := v_q + coalesce(v_x.stated_quantity, v_x.quantity) + sign(v_q) * coalesce(v_y.units, 0);
                    v_den := v_q;
                elsif v_num is null and v_x.stated_new_quantity is not null then
                    v_num := abs(v_x.stated_new_quantity) + coalesce(v_y.units, 0);
                    v_den := abs(case v_code when 42 then v_q else coalesce(v_x.stated_quantity, v_x.quantity, v_q) end);
                elsif v_num is null and v_code = 43 then
                    v_num := 1;
                    v_den := 1;
                end if;
                -- A quotient has as many decimals as what is divided: enough for eighteen (N.1).
                v_num := v_num + 0.00000000000000000000;
                if v_code in (44, 46) then
                    v_merged_old := v_merged_old || v_instrument;
                    v_merged_new := v_merged_new || v_new_place;
                end if;
                if v_code > 41 and v_new_place is null then
                    v_problem := 'The row does not say what the holding became.';
                elsif v_num / nullif(v_den, 0) > 0 then
                    v_whole := true;
                elsif v_held[1] + v_held[2] > 0 then
                    v_problem := 'The ratio is not stated and cannot be derived from the holding.';
                end if;
            end case;

            if v_problem is not null then
                v_notices := v_notices + 1;
                v_n_code[v_notices] := v_problem_code;
                v_n_transaction[v_notices] := v_event_id[v_k];
                v_n_sentence[v_notices] := v_problem;
            end if;

            -- F.12: pending losses are counted in new units, once for the taxpayer, however many accounts have a row for it.
            if v_washes and v_whole and v_code in (40, 41, 43) then
                v_scaled_key := concat_ws(' ', v_instrument, v_event_date[v_k], trim_scale(v_num / v_den), v_new_place);
                if not v_scaled_key = any (v_scaled) then
                    v_scaled := v_scaled || v_scaled_key;
                    for v_j in v_loss_first .. v_loss loop
                        if (v_loss_pool[v_j] - 1) / 2 % v_instruments + 1 = v_instrument then
                            v_loss_rest[v_j] := round(v_loss_rest[v_j] * v_num / v_den, v_scale);
                            if v_code = 43 then
                                v_loss_pool[v_j] := v_loss_pool[v_j] + (v_new_place - v_instrument) * 2;
                            end if;
                        end if;
                    end loop;
                end if;
            end if;

            -- Whole pools, lot by lot in lot order: new units and cash are apportioned (N.4), then each kind does its own ------------------
            for v_side in 1 .. 2 loop
                v_p := v_long + v_side - 1;
                continue when not v_whole or v_head[v_p] = 0 or v_code = 47 and v_side = 2;
                v_target := case when v_code between 42 and 46 then v_p + (v_new_place - v_instrument) * 2 else v_p end;
                v_list := '{}';
                v_i := 0;
                v_s := v_head[v_p];
                while v_s <> 0 loop
                    v_i := v_i + 1;
                    v_list[v_i] := v_s;
                    v_s := v_next[v_s];
                end loop;
                if v_code = 46 and v_x.taxable and v_side = 1 and v_event_method[v_k] = 4 then
                    -- A.7: a taxable exchange disposes of each lot at the average.
                    v_named := array(select l.piece from unnest(v_list) with ordinality l (piece, place) where v_cost[l.piece] is not null order by l.place);
                    v_weights := array(select v_quantity[n.piece] from unnest(v_named) with ordinality n (piece, place) order by n.place);
                    v_shares := tax.apportion((select sum(v_cost[n.piece]) from unnest(v_named) n (piece)), v_weights);
                    v_native_shares := tax.apportion((select sum(v_native[n.piece]) from unnest(v_named) n (piece)), v_weights, p_history.instrument_native_scale[v_instrument]);
                    v_numbers := tax.apportion((select sum(coalesce(v_wash[n.piece], 0)) from unnest(v_named) n (piece)), v_weights);
                    for v_i in 1 .. cardinality(v_named) loop
                        v_cost[v_named[v_i]] := v_shares[v_i];
                        v_native[v_named[v_i]] := v_native_shares[v_i];
                        v_wash[v_named[v_i]] := v_numbers[v_i];
                    end loop;
                end if;
                v_weight := v_held[v_side];
                v_rest_units := v_weight;
                if v_code between 40 and 46 then
                    v_rest_units := round(v_weight * v_num / v_den, v_scale);
                end if;
                v_native_rest := case v_code
                    when 34 then v_weight * v_x.price * v_multiplier
                    when 46 then v_weight * v_x.cash_per_share
                    when 47 then coalesce(v_weight * v_x.amount_per_share, v_x.native_amount)
                end;
                v_rest := round(v_native_rest * v_x.rate, 2);
                if v_x.rate = 1 then
                    v_native_rest := v_rest;
                end if;

                -- C.3: the fraction is that of the account's total.
                v_extra := 0;
                if v_code between 40 and 46 then
                    if v_x.fraction_handling = 'round_up' then
                        v_extra := ceil(v_rest_units) - v_rest_units;
                    elsif v_fraction = 0 and (v_x.fraction_handling = 'cash' or v_x.fraction_handling is null and (v_x.cash_in_lieu is not null or v_y.kind = 'cash_in_lieu')) then
                        v_fraction := v_rest_units - trunc(v_rest_units);
                        v_fraction_pool := v_target;
                        v_fraction_native := coalesce(abs(v_x.cash_in_lieu), v_y.native_amount);
                        v_fraction_cash := coalesce(round(abs(v_x.cash_in_lieu) * v_x.rate, 2), v_y.amount);
                        v_fraction_id := case when v_y.kind = 'cash_in_lieu' then v_y.transaction_id end;
                        if v_fraction > 0 and v_fraction_native is null then
                            v_notices := v_notices + 1;
                            v_n_code[v_notices] := 'missing_terms';
                            v_n_transaction[v_notices] := v_event_id[v_k];
                            v_n_sentence[v_notices] := 'A fraction was paid in cash, but how much is not known; until it is, the fraction is kept.';
                            v_fraction := 0;
                        end if;
                    end if;
                end if;

                for v_i in 1 .. cardinality(v_list) loop
                    v_s := v_list[v_i];
                    v_q := v_quantity[v_s];
                    if v_q = v_weight then
                        v_t := v_rest_units;
                        v_cash := v_rest;
                        v_native_cash := v_native_rest;
                    else
                        v_t := round(v_rest_units * v_q / v_weight, v_scale);
                        v_cash := round(v_rest * v_q / v_weight, 2);
                        v_native_cash := round(v_native_rest * v_q / v_weight, p_history.instrument_native_scale[v_instrument]);
                    end if;
                    if v_code between 40 and 46 then
                        -- A lot never shrinks to nothing: its basis would have no units left to lie in.
                        v_t := greatest(v_t, 10::numeric ^ (- v_scale));
                    end if;
                    v_rest_units := v_rest_units - v_t;
                    v_rest := v_rest - v_cash;
                    v_native_rest := v_native_rest - v_native_cash;
                    v_weight := v_weight - v_q;
                    if v_i = cardinality(v_list) then
                        v_t := v_t + v_extra;
                    end if;

                    -- A closing of this lot, if the event makes one: kind null means none.
                    v_kind := null;
                    v_units := 0;
                    v_of_lot := v_cost[v_s];
                    v_of_native := v_native[v_s];
                    v_part := v_cash;
                    v_native_part := v_native_cash;
                    v_opened_on := null;
                    v_from_day := v_held_from[v_s];

                    if v_code = 34 then
                        v_kind := 'mtm';
                        v_units := v_q;
                        v_cost[v_s] := v_cash;
                        v_native[v_s] := v_native_cash;
                        v_wash[v_s] := 0;

                    elsif v_code = 47 then
                        -- Lots of unknown basis are skipped; the gain beyond the basis is the lot's own.
                        if v_of_lot is not null then
                            v_flow[v_account] := v_flow[v_account] + v_cash;
                            if v_cash > v_of_lot then
                                v_kind := 'roc_excess';
                                v_part := v_cash - v_of_lot;
                                v_native_part := greatest(0, v_native_cash - v_of_native);
                                v_of_lot := 0;
                                v_of_native := 0;
                            end if;
                            v_cost[v_s] := greatest(0, v_cost[v_s] - v_cash);
                            if v_gift_basis[v_s] is not null then
                                v_gift_basis[v_s] := greatest(0, v_gift_basis[v_s] - v_cash);
                            end if;
                        end if;
                        v_native[v_s] := greatest(0, v_native[v_s] - v_native_cash);

                    elsif v_code <= 41 then
                        v_opened[v_s] := case when v_opened[v_s] = v_q then v_t else greatest(round(v_opened[v_s] * v_num / v_den, v_scale), v_t) end;
                        v_quantity[v_s] := v_t;

                    elsif v_code = 42 then
                        -- C.5: basis, a deferred loss and a gift's loss basis split alike; an unknown share leaves the child's basis unknown.
                        v_m := v_m + 1;
                        v_source[v_m] := v_source[v_s];
                        v_number[v_m] := v_number[v_s];
                        v_pool[v_m] := v_target;
                        v_opened[v_m] := v_t;
                        v_quantity[v_m] := v_t;
                        v_cost[v_m] := round(v_cost[v_s] * v_x.basis_fraction, 2);
                        v_native[v_m] := round(v_native[v_s] * v_x.basis_fraction, p_history.instrument_native_scale[v_instrument]);
                        if v_x.basis_fraction is not null then
                            v_cost[v_s] := v_cost[v_s] - v_cost[v_m];
                            v_native[v_s] := v_native[v_s] - v_native[v_m];
                            v_wash[v_m] := round(v_wash[v_s] * v_x.basis_fraction, 2);
                            v_wash[v_s] := v_wash[v_s] - v_wash[v_m];
                            if v_gift_basis[v_s] is not null then
                                v_gift_basis[v_m] := round(v_gift_basis[v_s] * v_x.basis_fraction, 2);
                                v_gift_basis[v_s] := v_gift_basis[v_s] - v_gift_basis[v_m];
                                v_gift_on[v_m] := v_gift_on[v_s];
                            end if;
                        end if;
                        v_acquired[v_m] := v_acquired[v_s];
                        v_acquired_at[v_m] := v_acquired_at[v_s];
                        v_held_from[v_m] := v_held_from[v_s];
                        v_used[v_m] := v_used[v_s];
                        v_no_purchase[v_m] := true;
                        v_inherited[v_m] := v_inherited[v_s];
                        v_covered[v_m] := v_covered[v_s];
                        v_arrived[v_m] := v_event_date[v_k];
                        v_placed_by[v_m] := v_k;
                        v_link_count := v_link_count + 1;
                        v_links[v_link_count] := v_m;

                    elsif v_code = 46 and v_x.taxable then
                        -- C.8, last part: a sale for cash and value, and a purchase at value.
                        v_kind := 'merger_taxable';
                        v_units := v_q;
                        v_value := round(v_t * v_x.value_per_new_share * v_x.rate, 2);
                        v_part := coalesce(v_cash, 0) + v_value;
                        v_native_part := coalesce(v_native_cash, 0) + case v_x.rate when 1 then v_value else v_t * v_x.value_per_new_share end;
                        if v_side = 1 and v_gift_basis[v_s] is not null and v_part <= v_of_lot then
                            v_forfeited[v_account] := v_forfeited[v_account] + v_of_lot - greatest(v_part, v_gift_basis[v_s]);
                            v_of_lot := greatest(v_part, v_gift_basis[v_s]);
                            if v_part < v_gift_basis[v_s] then
                                v_opened_on := v_gift_on[v_s];
                                v_from_day := v_gift_on[v_s];
                            end if;
                        end if;
                        v_flow[v_account] := v_flow[v_account] + case v_side when 1 then 1 else -1 end * coalesce(v_cash, 0);
                        v_quantity[v_s] := 0;
                        v_closed_by[v_s] := v_k;
                        v_m := v_m + 1;
                        v_source[v_m] := v_k;
                        v_number[v_m] := v_i;
                        v_last_number[v_k] := v_i;
                        v_pool[v_m] := v_target;
                        v_opened[v_m] := v_t;
                        v_quantity[v_m] := v_t;
                        v_cost[v_m] := v_value;
                        v_native[v_m] := v_native_part - coalesce(v_native_cash, 0);
                        v_acquired[v_m] := v_event_date[v_k];
                        v_acquired_at[v_m] := v_event_at[v_k];
                        v_held_from[v_m] := v_event_date[v_k];
                        v_link_count := v_link_count + 1;
                        v_links[v_link_count] := v_m;

                    else
                        if v_code = 46 and v_cash is not null then
                            -- C.8: what is recognised is the gain up to the cash, never a loss; an unknown value or basis leaves it unknown.
                            v_value := v_cash + round(v_t * v_x.value_per_new_share * v_x.rate, 2) - v_cost[v_s];
                            v_recognised := case when v_value is not null and v_side = 1 then greatest(0, least(v_value, v_cash)) when v_side = 2 then 0 end;
                            v_cost[v_s] := v_cost[v_s] - v_cash + v_recognised;
                            v_native[v_s] := v_native[v_s] - v_native_cash + round(v_recognised / v_x.rate, 8);
                            v_flow[v_account] := v_flow[v_account] + case v_side when 1 then v_cash else - v_cash end;
                            if v_side = 1 then
                                v_kind := 'boot';
                                v_of_lot := v_cash - v_recognised;
                                v_of_native := v_native_cash - round(v_recognised / v_x.rate, 8);
                                if v_gift_basis[v_s] is not null then
                                    v_gift_basis[v_s] := greatest(0, v_gift_basis[v_s] - v_cash + v_recognised);
                                end if;
                            end if;
                        end if;
                        v_pool[v_s] := v_target;
                        v_placed_by[v_s] := v_k;
                        v_opened[v_s] := v_t;
                        v_quantity[v_s] := v_t;
                        v_link_count := v_link_count + 1;
                        v_links[v_link_count] := v_s;
                    end if;

                    if v_kind is not null then
                        v_c := v_c + 1;
                        v_c_event[v_c] := v_k;
                        v_c_ordinal[v_c] := v_c - v_first;
                        v_c_piece[v_c] := v_s;
                        v_c_pool[v_c] := v_p;
                        v_c_kind[v_c] := v_kind;
                        v_c_quantity[v_c] := v_units;
                        v_c_lot[v_c] := v_of_lot;
                        v_c_other[v_c] := v_part;
                        v_c_native_lot[v_c] := v_of_native;
                        v_c_native_other[v_c] := v_native_part;
                        v_c_opened[v_c] := v_opened_on;
                        v_c_held_from[v_c] := v_from_day;
                    end if;
                end loop;
                if v_code in (43, 44, 46) then
                    v_head[v_p] := 0;
                    v_tail[v_p] := 0;
                end if;
            end loop;
        end if;

        -- Jobs of the event: take units out of a pool, see what becomes of them, put new pieces into their pools -----------------------------
        loop
            v_job_first := v_c;
            if v_has_native and v_code > 5 and v_x.rate = 1 then
                -- N.1: in the tax currency both costs are one, in cents, whatever else is in the group.
                v_native_amount := v_amount;
            end if;
            v_select := 0;
            if v_method = 1 then
                v_select := 1;
            elsif v_code <= 5 and v_ranked_by[v_from] = v_method then
                v_select := 3;
            elsif v_method > 1 and (v_left > 0 or v_code is null) and v_head[v_from] <> 0 then
                v_list := '{}';
                v_i := 0;
                v_s := v_head[v_from];
                while v_s <> 0 loop
                    v_i := v_i + 1;
                    v_list[v_i] := v_s;
                    v_s := v_next[v_s];
                end loop;

                if v_method = 4
                    or v_method = 9 and v_code in (22, 24) and p_history.has_averages
                    and tax.lot_method(p_user_id, p_history.pool_account[v_from], p_history.pool_instrument[v_from], v_event_date[v_k]) = 4
                then
                    -- A.7: lots of known basis share one pool, spread over them again in lot order; FIFO goes on from there. A lot that is
                    -- named to leave in kind takes the average with it.
                    v_weight := 0;
                    v_rest := 0;
                    v_native_rest := 0;
                    v_extra := 0;
                    foreach v_s in array v_list loop
                        if v_cost[v_s] is not null then
                            v_weight := v_weight + v_quantity[v_s];
                            v_rest := v_rest + v_cost[v_s];
                            v_native_rest := v_native_rest + v_native[v_s];
                            v_extra := v_extra + coalesce(v_wash[v_s], 0);
                        end if;
                    end loop;
                    foreach v_s in array v_list loop
                        if v_cost[v_s] is not null then
                            v_q := v_quantity[v_s];
                            if v_q = v_weight then
                                v_cost[v_s] := v_rest;
                                v_native[v_s] := v_native_rest;
                                v_wash[v_s] := v_extra;
                            else
                                v_cost[v_s] := round(v_rest * v_q / v_weight, 2);
                                v_native[v_s] := round(v_native_rest * v_q / v_weight, p_history.instrument_native_scale[(v_from - 1) / 2 % v_instruments + 1]);
                                v_wash[v_s] := round(v_extra * v_q / v_weight, 2);
                            end if;
                            v_weight := v_weight - v_q;
                            v_rest := v_rest - v_cost[v_s];
                            v_native_rest := v_native_rest - v_native[v_s];
                            v_extra := v_extra - v_wash[v_s];
                        end if;
                    end loop;
                end if;

                if v_method = 9 then
                    -- A.6: the lots named, in the order named, pieces in lot order; FIFO for what they do not cover.
                    v_named := '{}';
                    v_caps := '{}';
                    v_i := 0;
                    for v_pick in
                        select
                            p.opening_transaction_id, p.quantity,
                            p.identified_at > (tax.settles_on(t.trade_date, t.settlement_date) + 1)::timestamp at time zone 'America/New_York' as is_late
                        from tax.lot_picks p
                        join core.transactions t on t.user_id = p.user_id and t.id = p.transaction_id
                        where p.user_id = p_user_id
                        and p.transaction_id = v_pick_id
                        and p.leg = v_pick_leg
                        order by p.pick_order
                    loop
                        if v_pick.is_late then
                            v_notices := v_notices + 1;
                            v_n_code[v_notices] := 'late_identification';
                            v_n_transaction[v_notices] := v_pick_id;
                            v_n_related[v_notices] := v_pick.opening_transaction_id;
                            v_n_sentence[v_notices] := 'Lots were named after the settlement date of the sale; they are kept but not applied.';
                            continue;
                        end if;
                        v_rest := v_pick.quantity;
                        foreach v_s in array v_list loop
                            exit when v_rest = 0;
                            if v_event_id[v_source[v_s]] = v_pick.opening_transaction_id then
                                v_q := v_quantity[v_s];
                                for v_j in 1 .. v_i loop
                                    if v_named[v_j] = v_s then
                                        v_q := v_q - v_caps[v_j];
                                    end if;
                                end loop;
                                if v_q > 0 then
                                    v_i := v_i + 1;
                                    v_named[v_i] := v_s;
                                    v_caps[v_i] := least(v_q, v_rest);
                                    v_rest := v_rest - v_caps[v_i];
                                end if;
                            end if;
                        end loop;
                        if v_rest > 0 then
                            raise exception 'transaction % names % units of the lot of transaction %, but % are held',
                                v_pick_id, trim_scale(v_pick.quantity), v_pick.opening_transaction_id, trim_scale(v_pick.quantity - v_rest)
                                using errcode = 'QM030',
                                detail = format('transaction %s, lot of transaction %s, short by %s', v_pick_id, v_pick.opening_transaction_id, trim_scale(v_rest)),
                                hint = 'name lots that are open in the account on that day, or fewer units';
                        end if;
                    end loop;
                    v_list := v_named;
                    v_select := case when v_i > 0 then 2 else 0 end;

                elsif v_method <> 4 then
                    if v_method = 5 and v_price is null and v_event_id[v_k] = 0 then
                        v_price := p_options #>> '{sale,unit_price}';
                    elsif v_method = 5 and v_price is null then
                        select coalesce(t.price, abs(t.gross_amount / nullif(t.quantity, 0)) / p_history.instrument_multiplier[(v_from - 1) / 2 % v_instruments + 1])
                            * case when t.currency = p_history.tax_currency then coalesce(x.fx_rate, 1) else x.fx_rate end
                        into v_price
                        from core.transactions t
                        left join tax.transaction_terms x on x.user_id = t.user_id and x.transaction_id = t.id
                        where t.user_id = p_user_id
                        and t.id = v_event_id[v_k];
                    end if;
                    if v_method <> 5 or v_price is not null then
                        select array_agg(v_list[o.place] order by o.turn), null
                        into v_list, v_caps
                        from (
                            select array_agg(v_quantity[l.piece]) as quantities, array_agg(v_cost[l.piece]) as costs,
                                array_agg(v_held_from[l.piece]) as held_from, array_agg(v_inherited[l.piece]) as inherited
                            from unnest(v_list) l (piece)
                        ) a
                        cross join lateral unnest(tax.selection_order(
                            v_method, v_price, v_event_date[v_k], p_history.instrument_multiplier[(v_from - 1) / 2 % v_instruments + 1],
                            a.quantities, a.costs, a.held_from, a.inherited
                        )) with ordinality o (place, turn);
                        v_select := 2;
                    end if;
                    if v_code <= 5 and v_method < 4 then
                        -- Ranked pieces in a row are a heap already.
                        v_a := v_waiting[v_from];
                        while v_a <> 0 loop
                            v_b := v_waits_before[v_a];
                            v_waits_before[v_a] := null;
                            v_a := v_b;
                        end loop;
                        v_waiting[v_from] := 0;
                        v_ranked_by[v_from] := v_method;
                        v_root[v_from] := v_node + 1;
                        foreach v_s in array v_list loop
                            v_node := v_node + 1;
                            v_node_piece[v_node] := v_s;
                            v_node_key[v_node] := tax.selection_key(
                                v_method, v_quantity[v_s], v_cost[v_s], p_history.instrument_multiplier[(v_from - 1) / 2 % v_instruments + 1]
                            );
                            v_node_quantity[v_node] := v_quantity[v_s];
                            v_node_cost[v_node] := v_cost[v_s];
                            v_node_left[v_node] := v_node + 1;
                            v_node_right[v_node] := 0;
                        end loop;
                        v_node_left[v_node] := 0;
                        v_select := 3;
                    end if;
                end if;
                v_i := 0;
            end if;

            -- N.4: the piece gives its share of its amount, the event its share of its own; who takes the last unit takes what is left.
            while v_left > 0 loop
                if v_select = 0 then
                    v_s := v_head[v_from];
                elsif v_select = 1 then
                    v_s := v_tail[v_from];
                elsif v_select = 3 then
                    loop
                        v_s := v_waiting[v_from];
                        if v_s <> 0 then
                            v_waiting[v_from] := v_waits_before[v_s];
                            v_waits_before[v_s] := null;
                            continue when v_quantity[v_s] = 0;
                            v_node := v_node + 1;
                            v_node_piece[v_node] := v_s;
                            v_node_key[v_node] := tax.selection_key(
                                v_method, v_quantity[v_s], v_cost[v_s], p_history.instrument_multiplier[(v_from - 1) / 2 % v_instruments + 1]
                            );
                            v_node_quantity[v_node] := v_quantity[v_s];
                            v_node_cost[v_node] := v_cost[v_s];
                            v_node_left[v_node] := 0;
                            v_node_right[v_node] := 0;
                            v_one := v_root[v_from];
                            v_other := v_node;
                        else
                            v_one := v_root[v_from];
                            exit when v_one = 0;
                            v_s := v_node_piece[v_one];
                            exit when v_quantity[v_s] = v_node_quantity[v_one] and v_cost[v_s] is not distinct from v_node_cost[v_one];
                            if v_quantity[v_s] > 0 and v_waits_before[v_s] is null then
                                v_waits_before[v_s] := v_waiting[v_from];
                                v_waiting[v_from] := v_s;
                            end if;
                            v_other := v_node_right[v_one];
                            v_one := v_node_left[v_one];
                        end if;
                        -- Two heaps become one down their right sides, the children of each node met changing places; equal costs in lot order (A.2).
                        v_parent := 0;
                        loop
                            if v_one = 0 then
                                v_one := v_other;
                                v_other := 0;
                            elsif v_other <> 0 then
                                v_a := v_node_piece[v_one];
                                v_b := v_node_piece[v_other];
                                if v_node_key[v_other] < v_node_key[v_one]
                                    or v_node_key[v_other] = v_node_key[v_one] and (
                                        v_sorted and (v_source[v_b], v_number[v_b]) < (v_source[v_a], v_number[v_a])
                                        or not v_sorted
                                            and (coalesce(v_acquired[v_b], '-infinity'), coalesce(v_acquired_at[v_b], '-infinity'), v_event_rank[v_source[v_b]], v_number[v_b])
                                                < (coalesce(v_acquired[v_a], '-infinity'), coalesce(v_acquired_at[v_a], '-infinity'), v_event_rank[v_source[v_a]], v_number[v_a])
                                    )
                                then
                                    v_a := v_one;
                                    v_one := v_other;
                                    v_other := v_a;
                                end if;
                            end if;
                            if v_parent = 0 then
                                v_root[v_from] := v_one;
                            else
                                v_node_left[v_parent] := v_one;
                            end if;
                            exit when v_other = 0;
                            v_parent := v_one;
                            v_one := v_node_right[v_parent];
                            v_node_right[v_parent] := v_node_left[v_parent];
                        end loop;
                    end loop;
                    if v_one = 0 then
                        v_s := 0;
                    end if;
                else
                    v_i := v_i + 1;
                    v_s := v_list[v_i];
                    if v_s is null then
                        v_select := 0;
                        v_s := v_head[v_from];
                    end if;
                end if;
                exit when v_s = 0;
                v_q := v_quantity[v_s];
                v_t := v_left;
                if v_select = 2 and v_caps[v_i] < v_t then
                    v_t := v_caps[v_i];
                end if;
                v_c := v_c + 1;
                if v_q <= v_t then
                    v_t := v_q;
                    v_of_lot := v_cost[v_s];
                    v_quantity[v_s] := 0;
                    v_closed_by[v_s] := v_k;
                    v_b := v_next[v_s];
                    if v_plain then
                        v_head[v_from] := v_b;
                        if v_b = 0 then
                            v_tail[v_from] := 0;
                        end if;
                    else
                        v_of_native := v_native[v_s];
                        v_a := v_previous[v_s];
                        if v_a = 0 then
                            v_head[v_from] := v_b;
                        else
                            v_next[v_a] := v_b;
                        end if;
                        if v_b = 0 then
                            v_tail[v_from] := v_a;
                        else
                            v_previous[v_b] := v_a;
                        end if;
                    end if;
                else
                    v_of_lot := round(v_cost[v_s] * v_t / v_q, 2);
                    v_quantity[v_s] := v_q - v_t;
                    v_cost[v_s] := v_cost[v_s] - v_of_lot;
                    if v_has_native then
                        v_of_native := round(v_native[v_s] * v_t / v_q, p_history.instrument_native_scale[(v_from - 1) / 2 % v_instruments + 1]);
                        v_native[v_s] := v_native[v_s] - v_of_native;
                    end if;
                    -- Rounding may have changed what a unit of the rest costs.
                    if v_ranked_by[v_from] is not null and v_waits_before[v_s] is null then
                        v_waits_before[v_s] := v_waiting[v_from];
                        v_waiting[v_from] := v_s;
                    end if;
                end if;
                if v_t = v_left then
                    v_part := v_amount;
                else
                    v_part := round(v_amount * v_t / v_left, 2);
                    v_amount := v_amount - v_part;
                end if;

                if not v_plain then
                    if v_has_native then
                        v_native_part := case v_t
                            when v_left then v_native_amount
                            else round(v_native_amount * v_t / v_left, p_history.instrument_native_scale[(v_from - 1) / 2 % v_instruments + 1])
                        end;
                        v_native_amount := v_native_amount - v_native_part;
                        v_c_native_lot[v_c] := v_of_native;
                        v_c_native_other[v_c] := v_native_part;
                    end if;
                    v_c_pool[v_c] := v_from;
                    v_c_kind[v_c] := v_kind;
                    v_c_held_from[v_c] := v_held_from[v_s];
                    if v_then >= c_move then
                        v_c_wash[v_c] := null;
                        v_c_gift[v_c] := null;
                    end if;
                    if v_wash[v_s] <> 0 then
                        v_extra := case v_t when v_q then v_wash[v_s] else round(v_wash[v_s] * v_t / v_q, 2) end;
                        v_wash[v_s] := v_wash[v_s] - v_extra;
                        if v_then >= c_move then
                            v_c_wash[v_c] := v_extra;
                        end if;
                    end if;
                    if v_gift_basis[v_s] is not null then
                        v_extra := case v_t when v_q then v_gift_basis[v_s] else round(v_gift_basis[v_s] * v_t / v_q, 2) end;
                        v_gift_basis[v_s] := v_gift_basis[v_s] - v_extra;
                        if v_then >= c_move then
                            v_c_gift[v_c] := v_extra;
                        elsif v_part <= v_of_lot then
                            -- A.10: a gift worth less than the donor's basis, judged for each closing.
                            v_a := (v_from - 1) / 2 / v_instruments + 1;
                            v_forfeited[v_a] := v_forfeited[v_a] + v_of_lot - greatest(v_part, v_extra);
                            if v_part < v_extra then
                                v_of_lot := v_extra;
                                v_c_opened[v_c] := v_gift_on[v_s];
                                v_c_held_from[v_c] := v_gift_on[v_s];
                            else
                                v_of_lot := v_part;
                            end if;
                        end if;
                    end if;
                end if;
                v_left := v_left - v_t;
                v_c_event[v_c] := v_k;
                v_c_ordinal[v_c] := v_c - v_first;
                v_c_piece[v_c] := v_s;
                v_c_quantity[v_c] := v_t;
                v_c_lot[v_c] := v_of_lot;
                v_c_other[v_c] := v_part;
            end loop;

            -- What becomes of what was taken, and of what was not there ----------------------------------------------------------------------
            if v_then = c_open_long then
                if v_left = 0 then
                    v_opened[v_open] := null;
                else
                    v_quantity[v_open] := v_left;
                    v_opened[v_open] := v_left;
                    v_cost[v_open] := v_amount;
                    v_native[v_open] := v_native_amount;
                    v_pool[v_open] := v_long;
                    if v_wash[v_open] <> 0 then
                        -- What covered a short took its share of what a wash sale had deferred into the option.
                        v_wash[v_open] := tax.take(v_wash[v_open], v_left, v_leg_quantity[v_leg]);
                    end if;
                    v_link_count := v_link_count + 1;
                    v_links[v_link_count] := v_open;
                end if;

            elsif v_then <= c_unmatched then
                if v_left > 0 and v_then = c_sold and v_may_short[(v_long - 1) / 2 / v_instruments + 1] then
                    v_quantity[v_open] := v_left;
                    v_opened[v_open] := v_left;
                    v_cost[v_open] := v_amount;
                    v_native[v_open] := v_native_amount;
                    v_pool[v_open] := v_long + 1;
                    v_link_count := v_link_count + 1;
                    v_links[v_link_count] := v_open;
                elsif v_left > 0 and v_from = v_long then
                    -- A.12, E.1: the history does not show where these units came from.
                    v_unmatched[v_from] := coalesce(v_unmatched[v_from], 0) + v_left;
                    if v_then <> c_unmatched then
                        v_c := v_c + 1;
                        v_c_event[v_c] := v_k;
                        v_c_ordinal[v_c] := v_c - v_first;
                        v_c_piece[v_c] := 0;
                        v_c_pool[v_c] := v_from;
                        v_c_kind[v_c] := 'unmatched';
                        v_c_quantity[v_c] := v_left;
                        v_c_lot[v_c] := null;
                        v_c_other[v_c] := v_amount;
                        v_c_native_lot[v_c] := null;
                        v_c_native_other[v_c] := v_native_amount;
                        v_c_held_from[v_c] := null;
                    end if;
                end if;

            elsif v_then = c_move or v_then = c_leave then
                if v_left > 0 then
                    v_unmatched[v_long] := coalesce(v_unmatched[v_long], 0) + v_left;
                    if v_then = c_move then
                        -- What left without being held arrives without a lot: the other account has the units, and nobody knows more.
                        v_unmatched[v_partner_pool] := coalesce(v_unmatched[v_partner_pool], 0) - v_left;
                    end if;
                end if;
                v_a := (v_from - 1) / 2 / v_instruments + 1;
                v_b := (v_target - 1) / 2 / v_instruments + 1;
                for v_i in v_first + 1 .. v_c loop
                    v_s := v_c_piece[v_i];
                    v_part := case v_from % 2 when 1 then 1 else -1 end * coalesce(v_c_lot[v_i], 0);
                    v_flow[v_a] := v_flow[v_a] + v_part;
                    continue when v_then = c_leave;
                    v_flow[v_b] := v_flow[v_b] - v_part;
                    v_r := v_s;
                    if v_closed_by[v_s] is distinct from v_k or v_lose_cover and v_covered[v_s] is distinct from false then
                        -- A part moves, or one whose earlier sales were still covered: a piece of its own, with all that the lot carries.
                        v_m := v_m + 1;
                        v_r := v_m;
                        v_source[v_r] := v_source[v_s];
                        v_last_number[v_source[v_s]] := coalesce(v_last_number[v_source[v_s]], 1) + 1;
                        v_number[v_r] := v_last_number[v_source[v_s]];
                        v_acquired[v_r] := v_acquired[v_s];
                        v_acquired_at[v_r] := v_acquired_at[v_s];
                        v_held_from[v_r] := v_held_from[v_s];
                        v_used[v_r] := v_used[v_s];
                        v_no_purchase[v_r] := v_no_purchase[v_s];
                        v_gift_on[v_r] := v_gift_on[v_s];
                        v_inherited[v_r] := v_inherited[v_s];
                        v_covered[v_r] := v_covered[v_s];
                        if v_free_next[v_s] is not null then
                            v_one := v_s;
                            v_j := v_free_next[v_s];
                            while v_j <> 0 and v_source[v_j] = v_source[v_s] and v_number[v_j] < v_number[v_r] loop
                                v_one := v_j;
                                v_j := v_free_next[v_j];
                            end loop;
                            v_free_next[v_r] := v_j;
                            v_free_previous[v_r] := v_one;
                            v_free_next[v_one] := v_r;
                            if v_j = 0 then
                                v_free_tail := v_r;
                            else
                                v_free_previous[v_j] := v_r;
                            end if;
                        end if;
                    end if;
                    v_closed_by[v_r] := null;
                    v_quantity[v_r] := v_c_quantity[v_i];
                    v_opened[v_r] := v_c_quantity[v_i];
                    v_cost[v_r] := v_c_lot[v_i];
                    v_native[v_r] := case when v_has_native then v_c_native_lot[v_i] else v_c_lot[v_i] end;
                    v_wash[v_r] := v_c_wash[v_i];
                    v_gift_basis[v_r] := v_c_gift[v_i];
                    v_pool[v_r] := v_target;
                    v_arrived[v_r] := v_event_date[v_k];
                    v_placed_by[v_r] := v_k;
                    if v_lose_cover then
                        v_covered[v_r] := false;
                    end if;
                    v_link_count := v_link_count + 1;
                    v_links[v_link_count] := v_r;
                end loop;
                v_c := v_first;

            elsif v_then = c_exercise then
                -- D.3: the option leaves no closing; its amount moves into the shares.
                v_count := v_c - v_first;
                v_weights := '{}';
                v_leg_amount := '{}';
                v_leg_native := '{}';
                v_leg_wash := '{}';
                v_leg_used := '{}';
                for v_i in 1 .. v_count loop
                    v_weights[v_i] := v_c_quantity[v_first + v_i];
                    v_leg_amount[v_i] := v_c_lot[v_first + v_i];
                    v_leg_native[v_i] := case when v_has_native then v_c_native_lot[v_first + v_i] else v_c_lot[v_first + v_i] end;
                    v_leg_wash[v_i] := v_c_wash[v_first + v_i];
                    v_leg_used[v_i] := v_used[v_c_piece[v_first + v_i]];
                    if v_tracing then
                        v_premiums := v_premiums + 1;
                        v_p_event[v_premiums] := v_k;
                        v_p_piece[v_premiums] := v_c_piece[v_first + v_i];
                        v_p_quantity[v_premiums] := v_weights[v_i];
                        v_p_amount[v_premiums] := v_leg_amount[v_i];
                    end if;
                end loop;
                v_c := v_first;
                if v_left > 0 then
                    v_count := v_count + 1;
                    v_weights[v_count] := v_left;
                    v_leg_amount[v_count] := 0;
                    v_leg_native[v_count] := 0;
                    if v_side = 1 then
                        v_unmatched[v_from] := coalesce(v_unmatched[v_from], 0) + v_left;
                    end if;
                end if;
                v_total := 0;
                foreach v_q in array v_weights loop
                    v_total := v_total + v_q;
                end loop;
                v_leg_buys := p_history.instrument_call[v_instrument] = (v_side = 1);
                v_value := p_history.instrument_strike[v_instrument] * v_multiplier - p_history.instrument_deliverable_cash[v_instrument];
                if v_y.kind = 'exercise' then
                    v_leg_quantity := tax.apportion(v_y.units, v_weights, v_scale);
                    v_native_cash := coalesce(v_y.native_amount, v_total * v_value);
                    v_cash := coalesce(v_y.amount, round(v_total * v_value * v_x.rate, 2));
                    v_costs := v_costs + v_y.costs;
                    v_native_costs := v_native_costs + v_y.native_costs;
                    v_event_id[v_k] := v_y.transaction_id;
                else
                    v_native_cash := v_total * v_value;
                    v_cash := round(v_total * v_value * v_x.rate, 2);
                    v_leg_quantity := '{}';
                    for v_i in 1 .. v_count loop
                        v_leg_quantity[v_i] := v_weights[v_i] * p_history.instrument_deliverable[v_instrument];
                    end loop;
                end if;
                v_price := p_history.instrument_strike[v_instrument] * v_x.rate;
                if v_cash is null then
                    v_event_unrated[v_k] := true;
                end if;
                v_account := (v_target - 1) / 2 / v_instruments + 1;
                v_flow[v_account] := v_flow[v_account] - case when v_count > 0 then coalesce(v_costs, 0) else 0 end + case when v_leg_buys then - coalesce(v_cash, 0) else coalesce(v_cash, 0) end;
                if v_leg_buys then
                    -- One purchase for each option piece, so that what a wash sale did to it stays with its shares. What was paid is one
                    -- amount, apportioned: pieces of a fraction of a contract must not change it.
                    v_numbers := tax.apportion(v_costs, v_leg_quantity);
                    v_native_numbers := tax.apportion(v_native_costs, v_leg_quantity, 8);
                    v_shares := tax.apportion(v_cash, v_leg_quantity);
                    v_native_shares := tax.apportion(v_native_cash, v_leg_quantity, 8);
                    for v_i in 1 .. v_count loop
                        v_leg_amount[v_i] := v_shares[v_i] + v_numbers[v_i] + case v_side when 1 then v_leg_amount[v_i] else - v_leg_amount[v_i] end;
                        v_leg_native[v_i] := v_native_shares[v_i] + v_native_numbers[v_i]
                            + case v_side when 1 then v_leg_native[v_i] else - v_leg_native[v_i] end;
                    end loop;
                    v_legs := v_count;
                else
                    -- One sale for all pieces together, so that proceeds are apportioned once.
                    v_part := 0;
                    v_native_part := 0;
                    v_units := 0;
                    for v_i in 1 .. v_count loop
                        v_part := v_part + v_leg_amount[v_i];
                        v_native_part := v_native_part + v_leg_native[v_i];
                        v_units := v_units + v_leg_quantity[v_i];
                    end loop;
                    v_leg_quantity := array[v_units];
                    v_leg_amount := array[v_cash - v_costs + case v_side when 1 then - v_part else v_part end];
                    v_leg_native := array[v_native_cash - v_native_costs + case v_side when 1 then - v_native_part else v_native_part end];
                    v_legs := case when v_units > 0 then 1 else 0 end;
                end if;

            elsif v_then = c_deliver then
                -- The held shares are set aside; the shorts they close come next.
                v_count := v_c - v_first;
                v_delivered := v_c_piece[v_first + 1 : v_c];
                v_weights := v_c_quantity[v_first + 1 : v_c];
                v_leg_amount := v_c_lot[v_first + 1 : v_c];
                v_leg_native := v_c_native_lot[v_first + 1 : v_c];
                v_leg_gift := v_c_gift[v_first + 1 : v_c];
                v_left := 0;
                foreach v_q in array v_weights loop
                    v_left := v_left + v_q;
                end loop;
                v_c := v_first;
                v_from := v_long + 1;
                v_method := 0;
                v_then := c_deliver_short;
                continue;

            elsif v_then = c_deliver_short then
                v_delivered_short := v_c_piece[v_first + 1 : v_c];
                v_leg_quantity := v_c_quantity[v_first + 1 : v_c];
                v_shares := v_c_lot[v_first + 1 : v_c];
                v_native_shares := v_c_native_lot[v_first + 1 : v_c];
                v_c := v_first;
                v_i := 1;
                v_j := 1;
                while v_i <= v_count and v_j <= cardinality(v_leg_quantity) loop
                    v_t := least(v_weights[v_i], v_leg_quantity[v_j]);
                    v_s := v_delivered[v_i];
                    v_r := v_delivered_short[v_j];
                    v_c := v_c + 1;
                    v_c_event[v_c] := v_k;
                    v_c_ordinal[v_c] := v_c - v_first;
                    v_c_piece[v_c] := v_s;
                    v_c_pool[v_c] := v_long;
                    v_c_kind[v_c] := 'delivery';
                    v_c_quantity[v_c] := v_t;
                    v_of_lot := tax.take(v_leg_amount[v_i], v_t, v_weights[v_i]);
                    v_part := tax.take(v_shares[v_j], v_t, v_leg_quantity[v_j]);
                    v_extra := tax.take(v_leg_gift[v_i], v_t, v_weights[v_i]);
                    v_c_lot[v_c] := v_of_lot;
                    v_c_other[v_c] := v_part;
                    v_c_opened[v_c] := null;
                    v_c_native_lot[v_c] := tax.take(v_leg_native[v_i], v_t, v_weights[v_i], p_history.instrument_native_scale[v_instrument]);
                    v_c_native_other[v_c] := tax.take(v_native_shares[v_j], v_t, v_leg_quantity[v_j], p_history.instrument_native_scale[v_instrument]);
                    v_c_held_from[v_c] := v_held_from[v_s];
                    v_c_term_on[v_c] := v_acquired[v_r];
                    v_c_sold_on[v_c] := case when v_acquired[v_s] <= v_acquired[v_r] then v_acquired[v_r] end;
                    if v_extra is not null and v_part <= v_of_lot then
                        -- A.10 again: what was given is delivered.
                        v_c_lot[v_c] := greatest(v_part, v_extra);
                        if v_part < v_extra then
                            v_c_opened[v_c] := v_gift_on[v_s];
                            v_c_held_from[v_c] := v_gift_on[v_s];
                        end if;
                    end if;
                    v_leg_gift[v_i] := v_leg_gift[v_i] - v_extra;
                    v_leg_amount[v_i] := v_leg_amount[v_i] - v_of_lot;
                    v_shares[v_j] := v_shares[v_j] - v_part;
                    v_leg_native[v_i] := v_leg_native[v_i] - v_c_native_lot[v_c];
                    v_native_shares[v_j] := v_native_shares[v_j] - v_c_native_other[v_c];
                    v_weights[v_i] := v_weights[v_i] - v_t;
                    v_leg_quantity[v_j] := v_leg_quantity[v_j] - v_t;
                    if v_weights[v_i] = 0 then
                        v_i := v_i + 1;
                    end if;
                    if v_leg_quantity[v_j] = 0 then
                        v_j := v_j + 1;
                    end if;
                end loop;
            end if;

            -- Cash of what a rare event closed (F.11); plain trades are summed beforehand, shares from options with their own job.
            if v_code >= 30 and v_then <= c_unmatched and v_legs = 0 then
                for v_i in v_job_first + 1 .. v_c loop
                    v_a := (v_c_pool[v_i] - 1) / 2 / v_instruments + 1;
                    v_flow[v_a] := v_flow[v_a] + case v_c_pool[v_i] % 2 when 1 then 1 else -1 end * coalesce(v_c_other[v_i], 0);
                end loop;
            end if;

            -- New pieces go to their place in lot order (A.2); most belong at the end --------------------------------------------------------
            v_hint := 0;
            for v_i in 1 .. v_link_count loop
                v_s := v_links[v_i];
                v_p := v_pool[v_s];
                v_a := v_tail[v_p];
                if not v_sorted and v_a <> 0 then
                    if v_hint <> 0 and v_pool[v_hint] = v_p
                        and (coalesce(v_acquired[v_hint], '-infinity'), coalesce(v_acquired_at[v_hint], '-infinity'), v_event_rank[v_source[v_hint]], v_number[v_hint])
                            <= (coalesce(v_acquired[v_s], '-infinity'), coalesce(v_acquired_at[v_s], '-infinity'), v_event_rank[v_source[v_s]], v_number[v_s])
                    then
                        v_a := v_hint;
                        loop
                            v_b := v_next[v_a];
                            exit when v_b = 0
                                or (coalesce(v_acquired[v_s], '-infinity'), coalesce(v_acquired_at[v_s], '-infinity'), v_event_rank[v_source[v_s]], v_number[v_s])
                                    < (coalesce(v_acquired[v_b], '-infinity'), coalesce(v_acquired_at[v_b], '-infinity'), v_event_rank[v_source[v_b]], v_number[v_b]);
                            v_a := v_b;
                        end loop;
                    else
                        while v_a <> 0
                            and (coalesce(v_acquired[v_s], '-infinity'), coalesce(v_acquired_at[v_s], '-infinity'), v_event_rank[v_source[v_s]], v_number[v_s])
                                < (coalesce(v_acquired[v_a], '-infinity'), coalesce(v_acquired_at[v_a], '-infinity'), v_event_rank[v_source[v_a]], v_number[v_a])
                        loop
                            v_a := v_previous[v_a];
                        end loop;
                    end if;
                end if;
                v_hint := v_s;
                if v_a = 0 then
                    v_b := v_head[v_p];
                    v_head[v_p] := v_s;
                else
                    v_b := v_next[v_a];
                    v_next[v_a] := v_s;
                end if;
                v_previous[v_s] := v_a;
                v_next[v_s] := v_b;
                if v_b = 0 then
                    v_tail[v_p] := v_s;
                else
                    v_previous[v_b] := v_s;
                end if;
                if v_ranked_by[v_p] is not null and v_waits_before[v_s] is null then
                    v_waits_before[v_s] := v_waiting[v_p];
                    v_waiting[v_p] := v_s;
                end if;
                v_has_short := v_has_short or v_p % 2 = 0;
                if (v_p % 2 = 0 or v_has_option) and v_source[v_s] = v_k and v_no_purchase[v_s] is null then
                    -- A.11: a short opened against shares with a gain, a put bought on shares held for a year or less.
                    v_own := (v_p - 1) / 2 % v_instruments + 1;
                    if v_taxable[(v_p - 1) / 2 / v_instruments + 1]
                        and (
                            v_p % 2 = 0 and p_history.instrument_strike[v_own] is null
                            or v_p % 2 = 1 and not p_history.instrument_call[v_own] and not p_history.instrument_1256[v_own]
                        )
                    then
                        if v_stocks is null then
                            select coalesce(array_agg(i.place), '{}')
                            into v_stocks
                            from unnest(p_history.instrument_strike, v_wash_class) with ordinality i (strike, class, place)
                            where i.strike is null
                            and i.class > 0;
                        end if;
                        <<look_at_shares>>
                        foreach v_stock in array v_stocks loop
                            continue when v_wash_class[v_stock] <> v_wash_class[case v_p % 2 when 0 then v_own else p_history.instrument_underlying[v_own] end];
                            for v_holder in 1 .. cardinality(v_taxable) loop
                                continue when not v_taxable[v_holder];
                                v_held_piece := v_head[((v_holder - 1) * v_instruments + v_stock) * 2 - 1];
                                while v_held_piece <> 0 loop
                                    if v_p % 2 = 0 and v_cost[v_held_piece] * v_quantity[v_s] < v_cost[v_s] * v_quantity[v_held_piece]
                                        or v_p % 2 = 1 and v_event_date[v_k] < tax.first_long_date(v_held_from[v_held_piece])
                                    then
                                        v_notices := v_notices + 1;
                                        v_n_code[v_notices] := case v_p % 2 when 0 then 'constructive_sale_1259' else 'put_on_short_held_stock' end;
                                        v_n_transaction[v_notices] := v_event_id[v_k];
                                        v_n_related[v_notices] := v_event_id[v_source[v_held_piece]];
                                        v_n_sentence[v_notices] := case v_p % 2
                                            when 0 then 'A short was opened against identical shares with a gain: it may count as their sale.'
                                            else 'A put was bought on shares held for a year or less: their holding period may start anew.'
                                        end;
                                        exit look_at_shares;
                                    end if;
                                    v_held_piece := v_next[v_held_piece];
                                end loop;
                            end loop;
                        end loop;
                    end if;
                end if;
                if v_pool_may_replace[v_p] and v_source[v_s] = v_k and v_no_purchase[v_s] is null then
                    v_acquisitions := v_acquisitions || v_s;
                end if;
            end loop;
            v_link_count := 0;

            -- The next job, if there is one --------------------------------------------------------------------------------------------------
            exit when v_code <= 5 or v_code is null;
            if v_legs > v_leg then
                v_leg := v_leg + 1;
                v_left := v_leg_quantity[v_leg];
                v_amount := v_leg_amount[v_leg];
                v_native_amount := v_leg_native[v_leg];
                v_long := v_target;
                v_pick_leg := 'stock';
                v_open := v_k;
                v_pool[v_k] := v_target;
                if v_leg_buys then
                    v_from := v_target + 1;
                    v_kind := 'cover';
                    v_then := c_open_long;
                    v_method := 0;
                    v_m := v_m + 1;
                    v_open := v_m;
                    v_source[v_m] := v_k;
                    v_number[v_m] := v_leg;
                    v_last_number[v_k] := v_leg;
                    v_pool[v_m] := v_target;
                    v_acquired[v_m] := v_event_date[v_k];
                    v_acquired_at[v_m] := v_event_at[v_k];
                    v_held_from[v_m] := v_event_date[v_k];
                    v_wash[v_m] := v_leg_wash[v_leg];
                    v_used[v_m] := v_leg_used[v_leg];
                else
                    v_from := v_target;
                    v_kind := 'sale';
                    v_then := c_sold;
                    v_method := case
                        when p_options ? 'method' then tax.override_code(
                            p_user_id, p_history.pool_account[v_target], p_history.pool_instrument[v_target], (p_options ->> 'method')::core.lot_method
                        )
                        when exists (
                            select from tax.lot_picks p
                            where p.user_id = p_user_id
                            and p.transaction_id = v_pick_id
                            and p.leg = 'stock'
                        ) then 9
                        else tax.lot_method(p_user_id, p_history.pool_account[v_target], p_history.pool_instrument[v_target], v_event_date[v_k], v_x.lot_method)
                    end;
                end if;
            elsif v_fraction > 0 then
                v_from := v_fraction_pool;
                v_long := v_fraction_pool - (v_fraction_pool + 1) % 2;
                v_left := v_fraction;
                v_amount := v_fraction_cash;
                v_native_amount := v_fraction_native;
                v_price := v_fraction_cash / v_fraction;
                v_then := c_final;
                v_kind := case v_code when 30 then 'expire' when 45 then 'merger_cash' else 'cash_in_lieu' end;
                v_fraction := 0;
                v_method := 0;
                if v_from % 2 = 1 then
                    v_method := case
                        when p_options ? 'method' then tax.override_code(
                            p_user_id, p_history.pool_account[v_from], p_history.pool_instrument[v_from], (p_options ->> 'method')::core.lot_method
                        )
                        else tax.lot_method(p_user_id, p_history.pool_account[v_from], p_history.pool_instrument[v_from], v_event_date[v_k], v_x.lot_method)
                    end;
                end if;
            else
                exit;
            end if;
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

        -- Wash sales (F). Losses of an order are judged after its last fill, in the order in which the shares sold were acquired ------------
        for v_i in v_first + 1 .. v_c loop
            v_p := v_c_pool[v_i];
            if v_pool_judged[v_p]
                and (case v_p % 2 when 1 then v_c_lot[v_i] > v_c_other[v_i] else v_c_other[v_i] > v_c_lot[v_i] end)
                and v_c_kind[v_i] not in ('mtm', 'boot', 'roc_excess', 'unmatched')
            then
                v_incomplete := v_incomplete || v_i;
            end if;
        end loop;
        continue when v_incomplete = '{}' and v_acquisitions = '{}';
        v_settled := '{}';
        if v_event_last[v_k] = v_k and cardinality(v_incomplete) > 0 then
            if v_c_event[v_incomplete[1]] = v_k and (cardinality(v_incomplete) = 1 or v_code <= 5 and v_method = 0) then
                -- What a plain trade takes from the head of a pool is in that order already.
                v_settled := v_incomplete;
                v_incomplete := '{}';
            else
                select
                    coalesce(
                        array_agg(u.closing order by v_acquired[v_c_piece[u.closing]] nulls first, v_acquired_at[v_c_piece[u.closing]] nulls first,
                            v_event_rank[v_source[v_c_piece[u.closing]]], v_source[v_c_piece[u.closing]], v_number[v_c_piece[u.closing]], u.closing)
                            filter (where v_event_last[v_c_event[u.closing]] = v_k),
                        '{}'
                    ),
                    coalesce(array_agg(u.closing order by u.closing) filter (where v_event_last[v_c_event[u.closing]] <> v_k), '{}')
                into v_settled, v_incomplete
                from unnest(v_incomplete) u (closing);
            end if;
        end if;

        -- Windows that ended are forgotten.
        v_day := v_event_date[v_k];
        while v_loss_first <= v_loss and (v_loss_rest[v_loss_first] = 0 or v_loss_on[v_loss_first] < v_day - 30) loop
            v_loss_first := v_loss_first + 1;
        end loop;
        while v_free_start <> 0 and v_acquired[v_free_start] < v_day - 30 loop
            v_free_start := v_free_next[v_free_start];
        end loop;

        -- Rounds: each loss looks for replacements still held, then each acquisition looks for losses whose window is open.
        for v_round in 1 .. cardinality(v_settled) + cardinality(v_acquisitions) loop
            if v_round <= cardinality(v_settled) then
                v_i := v_settled[v_round];
                v_p := v_c_pool[v_i];
                v_loss := v_loss + 1;
                v_j := v_loss;
                v_loss_closing[v_j] := v_i;
                v_loss_pool[v_j] := v_p;
                v_loss_group[v_j] := v_event_group[v_source[v_c_piece[v_i]]];
                v_loss_on[v_j] := coalesce(v_c_sold_on[v_i], v_event_date[v_c_event[v_i]]);
                v_loss_rest[v_j] := v_c_quantity[v_i] * v_pool_shares[v_p];
                v_loss_left[v_j] := case v_p % 2 when 1 then v_c_lot[v_i] - v_c_other[v_i] else v_c_other[v_i] - v_c_lot[v_i] end;
                v_loss_matches[v_j] := 0;
                v_s := case when v_c_sold_on[v_i] is null then v_free_start else v_free_head end;
                v_forward := true;
            else
                v_s := v_acquisitions[v_round - cardinality(v_settled)];
                v_j := v_loss_first;
                v_forward := false;
            end if;

            loop
                exit when v_s = 0 or v_j > v_loss;
                if v_forward then
                    exit when v_loss_rest[v_j] = 0;
                    v_b := v_free_next[v_s];
                    if v_used[v_s] or v_quantity[v_s] = 0 or v_no_purchase[v_s] then
                        -- No replacement any more: it leaves the list for good.
                        v_a := v_free_previous[v_s];
                        if v_a = 0 then
                            v_free_head := v_b;
                        else
                            v_free_next[v_a] := v_b;
                        end if;
                        if v_b = 0 then
                            v_free_tail := v_a;
                        else
                            v_free_previous[v_b] := v_a;
                        end if;
                        if v_free_start = v_s then
                            v_free_start := v_b;
                        end if;
                        v_free_next[v_s] := null;
                        v_s := v_b;
                        continue;
                    end if;
                else
                    exit when v_used[v_s] or v_quantity[v_s] = 0;
                    v_b := v_s;
                end if;

                v_p := v_pool[v_s];
                v_a := v_loss_pool[v_j];
                v_fits := v_loss_rest[v_j] > 0
                    and v_p % 2 = v_a % 2
                    and abs(v_acquired[v_s] - v_loss_on[v_j]) <= 30
                    -- F.4: what was bought later may well be of the same purchase, but not what the same exchange brought and sold in part.
                    and (
                        v_event_group[v_source[v_s]] <> v_loss_group[v_j]
                        or not v_forward and v_event_last[v_c_event[v_loss_closing[v_j]]] <> v_k
                    )
                    and case
                        when v_broker_scope then v_p = v_a
                        else v_pool_class[v_p] = v_pool_class[v_a] or v_pool_call_class[v_p] = v_pool_class[v_a]
                    end;
                if not v_fits then
                    if v_forward then
                        v_s := v_b;
                    else
                        v_j := v_j + 1;
                    end if;
                    continue;
                end if;

                -- F.10: as much of the piece as the loss needs; the matched part keeps its number, the rest gets the next.
                v_instrument := (v_p - 1) / 2 % v_instruments + 1;
                v_factor := v_pool_shares[v_p];
                v_q := v_quantity[v_s];
                v_t := v_q;
                v_units := v_q * v_factor;
                if v_units > v_loss_rest[v_j] then
                    v_units := v_loss_rest[v_j];
                    v_t := greatest(round(v_units / v_factor, p_history.instrument_scale[v_instrument]), v_pool_least[v_p]);
                end if;
                v_r := 0;
                if v_t < v_q then
                    v_m := v_m + 1;
                    v_r := v_m;
                    v_source[v_r] := v_source[v_s];
                    v_last_number[v_source[v_s]] := coalesce(v_last_number[v_source[v_s]], 1) + 1;
                    v_number[v_r] := v_last_number[v_source[v_s]];
                    v_pool[v_r] := v_p;
                    v_quantity[v_r] := v_q - v_t;
                    v_opened[v_r] := v_q - v_t;
                    v_opened[v_s] := v_opened[v_s] - v_q + v_t;
                    v_quantity[v_s] := v_t;
                    v_part := round(v_cost[v_s] * v_t / v_q, 2);
                    v_cost[v_r] := v_cost[v_s] - v_part;
                    v_cost[v_s] := v_part;
                    if v_has_native then
                        v_native_part := round(v_native[v_s] * v_t / v_q, p_history.instrument_native_scale[v_instrument]);
                        v_native[v_r] := v_native[v_s] - v_native_part;
                        v_native[v_s] := v_native_part;
                    end if;
                    if v_wash[v_s] is not null then
                        v_extra := round(v_wash[v_s] * v_t / v_q, 2);
                        v_wash[v_r] := v_wash[v_s] - v_extra;
                        v_wash[v_s] := v_extra;
                    end if;
                    v_acquired[v_r] := v_acquired[v_s];
                    v_acquired_at[v_r] := v_acquired_at[v_s];
                    v_held_from[v_r] := v_held_from[v_s];
                    if v_is_rare then
                        v_covered[v_r] := v_covered[v_s];
                        v_arrived[v_r] := v_arrived[v_s];
                    end if;
                    -- In lot order it comes behind what was cut off before (A.2).
                    v_one := v_s;
                    v_a := v_next[v_s];
                    while v_a <> 0 and v_source[v_a] = v_source[v_s] and v_number[v_a] < v_number[v_r] loop
                        v_one := v_a;
                        v_a := v_next[v_a];
                    end loop;
                    v_next[v_one] := v_r;
                    v_previous[v_r] := v_one;
                    v_next[v_r] := v_a;
                    if v_a = 0 then
                        v_tail[v_p] := v_r;
                    else
                        v_previous[v_a] := v_r;
                    end if;
                    if v_forward then
                        v_one := v_s;
                        while v_b <> 0 and v_source[v_b] = v_source[v_s] and v_number[v_b] < v_number[v_r] loop
                            v_one := v_b;
                            v_b := v_free_next[v_b];
                        end loop;
                        v_free_next[v_r] := v_b;
                        v_free_previous[v_r] := v_one;
                        v_free_next[v_one] := v_r;
                        if v_b = 0 then
                            v_free_tail := v_r;
                        else
                            v_free_previous[v_b] := v_r;
                        end if;
                    end if;
                end if;

                v_i := v_loss_closing[v_j];
                v_part := case when v_units = v_loss_rest[v_j] then v_loss_left[v_j] else round(v_loss_left[v_j] * v_units / v_loss_rest[v_j], 2) end;
                v_loss_rest[v_j] := v_loss_rest[v_j] - v_units;
                v_loss_left[v_j] := v_loss_left[v_j] - v_part;
                v_loss_matches[v_j] := v_loss_matches[v_j] + 1;
                v_used[v_s] := true;
                if v_pool_taxable[v_p] then
                    v_c_disallowed[v_i] := coalesce(v_c_disallowed[v_i], 0) + v_part;
                    v_wash[v_s] := coalesce(v_wash[v_s], 0) + v_part;
                    if v_p % 2 = 1 then
                        if v_has_native then
                            v_native[v_s] := v_native[v_s] + case when v_cost[v_s] <> 0 then round(v_part * v_native[v_s] / v_cost[v_s], 8) else v_part end;
                        end if;
                        v_cost[v_s] := v_cost[v_s] + v_part;
                        v_held_from[v_s] := coalesce(v_held_from[v_s] - (v_loss_on[v_j] - v_c_held_from[v_i]), v_held_from[v_s]);
                    else
                        if v_has_native then
                            v_native[v_s] := v_native[v_s] - case when v_cost[v_s] <> 0 then round(v_part * v_native[v_s] / v_cost[v_s], 8) else v_part end;
                        end if;
                        v_cost[v_s] := v_cost[v_s] - v_part;
                    end if;
                else
                    v_c_permanent[v_i] := coalesce(v_c_permanent[v_i], 0) + v_part;
                end if;
                v_match := v_match + 1;
                v_m_closing[v_match] := v_i;
                v_m_order[v_match] := v_loss_matches[v_j];
                v_m_piece[v_match] := v_s;
                v_m_pool[v_match] := v_p;
                v_m_permanent[v_match] := not v_pool_taxable[v_p];
                v_m_quantity[v_match] := v_units;
                v_m_amount[v_match] := v_part;

                if v_ranked_by[v_p] is not null then
                    if v_waits_before[v_s] is null then
                        v_waits_before[v_s] := v_waiting[v_p];
                        v_waiting[v_p] := v_s;
                    end if;
                    if v_r <> 0 then
                        v_waits_before[v_r] := v_waiting[v_p];
                        v_waiting[v_p] := v_r;
                    end if;
                end if;

                if v_forward then
                    v_s := case v_r when 0 then v_b else v_r end;
                else
                    v_s := v_r;
                    v_j := v_j + 1;
                end if;
            end loop;

            -- What an acquisition has left may replace a later loss.
            if not v_forward and v_s <> 0 and v_quantity[v_s] > 0 and v_used[v_s] is null then
                v_a := v_free_tail;
                v_b := 0;
                while v_a <> 0 and v_source[v_a] = v_source[v_s] and v_number[v_a] > v_number[v_s] loop
                    v_b := v_a;
                    v_a := v_free_previous[v_a];
                end loop;
                v_free_next[v_s] := v_b;
                v_free_previous[v_s] := v_a;
                if v_a = 0 then
                    v_free_head := v_s;
                else
                    v_free_next[v_a] := v_s;
                end if;
                if v_b = 0 then
                    v_free_tail := v_s;
                else
                    v_free_previous[v_b] := v_s;
                end if;
                if v_free_start = v_b then
                    v_free_start := v_s;
                end if;
            end if;
        end loop;
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

    v_result.event_id := v_event_id;
    v_result.event_unrated := v_event_unrated;
    v_result.piece_source := v_source;
    v_result.piece_number := v_number;
    v_result.piece_pool := v_pool;
    v_result.piece_opened := v_opened;
    v_result.piece_quantity := v_quantity;
    v_result.piece_cost := v_cost;
    v_result.piece_native := v_native;
    v_result.piece_acquired := v_acquired;
    v_result.piece_acquired_at := v_acquired_at;
    v_result.piece_held_from := v_held_from;
    v_result.piece_closed_by := v_closed_by;
    v_result.piece_wash := v_wash;
    v_result.piece_used := v_used;
    v_result.piece_no_purchase := v_no_purchase;
    v_result.piece_gift_basis := v_gift_basis;
    v_result.piece_gift_on := v_gift_on;
    v_result.piece_inherited := v_inherited;
    v_result.piece_covered := v_covered;
    v_result.piece_arrived := v_arrived;
    v_result.piece_placed_by := v_placed_by;
    -- Closings that were only set aside (transfers, exercises) lie beyond the last real one.
    v_result.closing_event := v_c_event[1 : v_c];
    v_result.closing_transaction := v_c_transaction[1 : v_c];
    v_result.closing_ordinal := v_c_ordinal[1 : v_c];
    v_result.closing_piece := v_c_piece[1 : v_c];
    v_result.closing_pool := v_c_pool[1 : v_c];
    v_result.closing_kind := v_c_kind[1 : v_c];
    v_result.closing_quantity := v_c_quantity[1 : v_c];
    v_result.closing_lot := v_c_lot[1 : v_c];
    v_result.closing_other := v_c_other[1 : v_c];
    v_result.closing_native_lot := v_c_native_lot[1 : v_c];
    v_result.closing_native_other := v_c_native_other[1 : v_c];
    v_result.closing_opened := v_c_opened[1 : v_c];
    v_result.closing_held_from := v_c_held_from[1 : v_c];
    v_result.closing_term_on := v_c_term_on[1 : v_c];
    v_result.closing_disallowed := v_c_disallowed[1 : v_c];
    v_result.closing_permanent := v_c_permanent[1 : v_c];
    v_result.match_closing := v_m_closing;
    v_result.match_order := v_m_order;
    v_result.match_piece := v_m_piece;
    v_result.match_pool := v_m_pool;
    v_result.match_permanent := v_m_permanent;
    v_result.match_quantity := v_m_quantity;
    v_result.match_amount := v_m_amount;
    v_result.pool_unmatched := v_unmatched;
    v_result.account_flow := v_flow;
    v_result.account_forfeited := v_forfeited;
    v_result.trace_event := v_t_event;
    v_result.trace_piece := v_t_piece;
    v_result.trace_state := v_t_state;
    v_result.premium_event := v_p_event;
    v_result.premium_piece := v_p_piece;
    v_result.premium_quantity := v_p_quantity;
    v_result.premium_amount := v_p_amount;
    if p_standing.first_event is null and (v_has_short or v_has_option or v_has_family or not v_sorted) then
        for v_flag in
            select f.*
            from tax.flags(p_history, v_result, v_merged_old, v_merged_new) f
        loop
            v_notices := v_notices + 1;
            v_n_code[v_notices] := v_flag.code;
            v_n_transaction[v_notices] := v_flag.transaction_id;
            v_n_related[v_notices] := v_flag.related_id;
            v_n_sentence[v_notices] := v_flag.sentence;
        end loop;
    end if;
    v_result.notice_code := v_n_code;
    v_result.notice_transaction := v_n_transaction;
    v_result.notice_related := v_n_related;
    v_result.notice_sentence := v_n_sentence;
    return v_result;
end
$$;

comment on function tax.derive(uuid, tax.history, jsonb, tax.standing) is
    'The event loop over one group: pieces, closings, matches, notices and net cash by account, as columns. Options as in tax.run. With a standing, the first events are known and only the others happen.';
