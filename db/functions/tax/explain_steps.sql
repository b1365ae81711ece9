-- The whole life of a piece in words, each step with the lines of files that attest it.

-- The lines of files that attest a transaction or a row that is one event with it; none where a person typed it.
create function tax.explain_sources(p_user_id uuid, p_transaction_id bigint)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    with event_row as (
        select p_transaction_id as id
        union
        select k.from_id
        from tax.transaction_links k
        where k.user_id = p_user_id
        and k.to_id = p_transaction_id
        union
        select k.to_id
        from tax.transaction_links k
        where k.user_id = p_user_id
        and k.from_id = p_transaction_id
    )
    select coalesce(
        jsonb_agg(
            jsonb_build_object(
                'transaction_id', l.transaction_id, 'import', l.sync_id, 'file', f.name, 'line', l.line_number,
                'raw', coalesce(
                    nullif(l.raw, ''),
                    (
                        select o.raw
                        from ingest.lines o
                        where o.user_id = l.user_id
                        and o.sync_id = l.sync_id
                        and o.line_number = l.line_number
                        and o.raw <> ''
                        order by o.part
                        limit 1
                    )
                )
            )
            order by l.transaction_id <> p_transaction_id, l.transaction_id, l.sync_id, l.line_number, l.part
        ),
        '[]'
    )
    from event_row e
    join ingest.lines l on l.user_id = p_user_id and l.transaction_id = e.id
    join core.sync_history h on h.user_id = l.user_id and h.id = l.sync_id and h.status = 'finished'
    join ingest.files f on f.user_id = l.user_id and f.sync_id = l.sync_id
$$;

comment on function tax.explain_sources(uuid, bigint) is 'File, line and raw text of each live line that attests a transaction, or a row linked with it.';

create function tax.explain_steps(p_user_id uuid, p_trace jsonb, p_piece integer, p_until integer, p_tax_currency text)
returns jsonb
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_parent integer := tax.traced_parent(p_trace -> 'states', p_piece);
    v_steps jsonb := '[]';
    v_before jsonb;
    v_state jsonb;
    v_is_cut boolean := false;
    v_row record;
begin
    if v_parent is not null then
        v_steps := tax.explain_steps(
            p_user_id, p_trace, v_parent,
            (
                select min((s ->> 'event')::integer) - 1
                from jsonb_array_elements(p_trace -> 'states') s
                where (s ->> 'piece')::integer = p_piece
            ),
            p_tax_currency
        );
        select s
        into v_before
        from jsonb_array_elements(p_trace -> 'states') s
        where (s ->> 'piece')::integer = v_parent
        and (s ->> 'event')::integer < (
            select min((b ->> 'event')::integer)
            from jsonb_array_elements(p_trace -> 'states') b
            where (b ->> 'piece')::integer = p_piece
        )
        order by (s ->> 'event')::integer desc
        limit 1;
        v_is_cut := true;
    end if;
    for v_state in
        select s
        from jsonb_array_elements(p_trace -> 'states') s
        where (s ->> 'piece')::integer = p_piece
        and (s ->> 'event')::integer <= p_until
        order by (s ->> 'event')::integer
    loop
        -- The shares of an exercise may be a row of their own, which then stands for the event.
        select
            case
                when v_state ->> 'kind' in ('option_exercise', 'option_assignment') then (v_state ->> 'kind')::core.transaction_type
                else t.transaction_type
            end as type,
            i.symbol, a.account_number as account
        into v_row
        from core.transactions t
        left join core.instruments i on i.id = (v_state ->> 'instrument_id')::bigint
        left join core.accounts a on a.user_id = p_user_id and a.id = (v_state ->> 'account_id')::bigint
        where t.user_id = p_user_id
        and t.id = (v_state ->> 'transaction_id')::bigint;
        v_steps := v_steps || jsonb_build_object(
            'transaction_id', (v_state ->> 'transaction_id')::bigint,
            'date', v_state ->> 'date',
            'account', v_row.account,
            'symbol', v_row.symbol,
            'what', v_row.symbol || ': ' || tax.event_sentence(v_row.type, v_before is null, v_is_cut, v_state ->> 'side'),
            'arithmetic', to_jsonb(tax.explain_event(p_user_id, p_trace, v_before, v_state, v_is_cut, p_tax_currency)),
            'after', jsonb_build_object(
                'quantity', trim_scale((v_state ->> 'quantity')::numeric)::text, 'basis', round((v_state ->> 'cost')::numeric, 2)::text,
                'wash_sale_adjustment', round((v_state ->> 'wash')::numeric, 2)::text, 'holding_start', v_state ->> 'held_from'
            ),
            'sources', tax.explain_sources(p_user_id, (v_state ->> 'transaction_id')::bigint)
        );
        v_before := v_state;
        v_is_cut := false;
    end loop;
    return v_steps;
end
$$;

comment on function tax.explain_steps(uuid, jsonb, integer, integer, text) is
    'How a piece came to be, up to an event: one step for each event that changed it, from the purchase on, through the pieces it was cut from.';

grant execute on function tax.explain_sources(uuid, bigint), tax.explain_steps(uuid, jsonb, integer, integer, text) to quantmatrix_writer;
