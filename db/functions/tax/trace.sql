-- How pieces came to be what they are: the engine's own run over a group, with the states of a few purchases after each event that changed them.

create function tax.trace(p_user_id uuid, p_group_id bigint, p_opening_ids bigint[])
returns jsonb
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
    v_options constant jsonb := jsonb_build_object('trace', to_jsonb(p_opening_ids));
    v_h tax.history := tax.read_history(p_user_id, p_group_id, v_options);
    v_d tax.derivation := tax.derive(p_user_id, v_h, v_options);
    v_n integer := cardinality(v_h.event_id);
    v_event_id bigint[] := v_d.event_id;
    v_event_date date[] := v_h.event_date || v_h.event_date[v_n];
    v_event_kind tax.event_kind[] := v_h.event_kind;
    v_event_amount numeric[] := v_h.event_amount;
    v_event_quantity numeric[] := v_h.event_quantity;
    v_source integer[] := v_d.piece_source;
    v_number integer[] := v_d.piece_number;
    v_pieces integer[];
    v_events integer[];
begin
    if v_d is null or v_d.trace_piece is null then
        return null;
    end if;
    if cardinality(v_source) > v_n then
        v_number := tax.piece_numbers(v_source, v_d.piece_pool, v_number, v_d.piece_opened);
    end if;
    select array_agg(distinct t.piece)
    into v_pieces
    from unnest(v_d.trace_piece) t (piece);
    -- Events that closed units of these pieces: of them all closings are told, because amounts are shared out among them.
    select coalesce(array_agg(distinct c.event), '{}')
    into v_events
    from unnest(v_d.closing_event, v_d.closing_piece) c (event, piece)
    where c.piece = any (v_pieces);

    return jsonb_build_object(
        'states', (
            select jsonb_agg(
                jsonb_build_object(
                    'event', t.event, 'transaction_id', v_event_id[t.event], 'date', v_event_date[t.event], 'kind', v_event_kind[t.event],
                    'net', v_event_amount[t.event], 'net_quantity', v_event_quantity[t.event],
                    'piece', t.piece, 'number', v_number[t.piece], 'source', v_source[t.piece], 'opening_transaction_id', v_event_id[v_source[t.piece]],
                    'account_id', v_h.pool_account[t.pool], 'instrument_id', v_h.pool_instrument[t.pool],
                    'side', case when v_h.pool_is_long[t.pool] then 'long' else 'short' end,
                    'quantity', t.quantity, 'cost', t.cost, 'wash', t.wash, 'gift_basis', t.gift_basis, 'held_from', t.held_from, 'acquired', t.acquired
                )
                order by t.event, t.piece
            )
            from (
                select
                    unnest(v_d.trace_event) as event,
                    unnest(v_d.trace_piece) as piece,
                    (unnest(v_d.trace_state)).*
            ) t
        ),
        'closings', (
            select coalesce(
                jsonb_agg(
                    jsonb_build_object(
                        'event', c.event, 'ordinal', c.ordinal, 'transaction_id', coalesce(c.transaction_id, v_event_id[c.event]), 'piece', c.piece,
                        'quantity', c.quantity, 'lot', c.lot, 'other', c.other, 'kind', v_event_kind[c.event], 'net', v_event_amount[c.event],
                        'net_quantity', v_event_quantity[c.event]
                    )
                    order by c.event, c.ordinal
                ),
                '[]'
            )
            from (
                select
                    unnest(v_d.closing_event) as event, unnest(v_d.closing_ordinal) as ordinal, unnest(v_d.closing_transaction) as transaction_id,
                    unnest(v_d.closing_piece) as piece, unnest(v_d.closing_quantity) as quantity, unnest(v_d.closing_lot) as lot,
                    unnest(v_d.closing_other) as other
            ) c
            where c.event = any (v_events)
        ),
        'premiums', (
            select coalesce(
                jsonb_agg(
                    jsonb_build_object(
                        'event', p.event, 'transaction_id', v_event_id[p.event], 'piece', p.piece, 'opening_transaction_id', v_event_id[v_source[p.piece]],
                        'quantity', p.quantity, 'amount', p.amount
                    )
                    order by p.event, p.piece
                ),
                '[]'
            )
            from unnest(v_d.premium_event, v_d.premium_piece, v_d.premium_quantity, v_d.premium_amount) p (event, piece, quantity, amount)
            where p.piece = any (v_pieces)
            or v_event_id[p.event] = any (p_opening_ids)
            or p.event = any (v_events)
        ),
        'matches', (
            select coalesce(
                jsonb_agg(
                    jsonb_build_object(
                        'event', greatest(v_d.closing_event[m.closing], v_source[m.piece]), 'piece', m.piece,
                        'loss_transaction_id', coalesce(v_d.closing_transaction[m.closing], v_event_id[v_d.closing_event[m.closing]]),
                        'replacement_transaction_id', v_event_id[v_source[m.piece]], 'quantity', m.quantity, 'amount', m.amount,
                        'is_permanent', m.is_permanent
                    )
                    order by m.place
                ),
                '[]'
            )
            from unnest(v_d.match_closing, v_d.match_piece, v_d.match_quantity, v_d.match_amount, v_d.match_permanent) with ordinality
                m (closing, piece, quantity, amount, is_permanent, place)
            where m.piece = any (v_pieces)
        )
    );
end
$$;

comment on function tax.trace(uuid, bigint, bigint[]) is
    'What became of the pieces of these purchases, event by event: states, the closings that took units of them, option amounts that went into shares, and wash sales. Pieces are places in this run, numbers are as lots show them.';

grant execute on function tax.trace(uuid, bigint, bigint[]) to quantmatrix_writer;
alter function tax.trace(uuid, bigint, bigint[]) owner to quantmatrix_engine;
