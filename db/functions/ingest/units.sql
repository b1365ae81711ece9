-- What is held, before and after a change: what taking an import back would do is told by the difference.

create function ingest.units_held(p_user_id uuid)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(jsonb_agg(jsonb_build_object('account', a.account_number, 'symbol', i.symbol, 'quantity', trim_scale(p.quantity)::text)), '[]')
    from core.positions p
    join core.accounts a on a.user_id = p.user_id and a.id = p.account_id
    cross join lateral (
        select n.symbol
        from core.instruments n
        where n.id = p.instrument_id
        offset 0
    ) i
    where p.user_id = p_user_id
    and p.quantity <> 0
$$;

comment on function ingest.units_held(uuid) is 'What is held: a list of {account, symbol, quantity}.';

create function ingest.units_changed(p_before jsonb, p_after jsonb)
returns jsonb
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    with told as (
        select b.account, b.symbol, b.quantity as before, null as after
        from jsonb_to_recordset(p_before) as b (account text, symbol text, quantity text)
        union all
        select a.account, a.symbol, null, a.quantity
        from jsonb_to_recordset(p_after) as a (account text, symbol text, quantity text)
    ),
    changed as (
        select t.account, t.symbol, coalesce(max(t.before), '0') as before, coalesce(max(t.after), '0') as after
        from told t
        group by t.account, t.symbol
    )
    select coalesce(
        jsonb_agg(
            jsonb_build_object('account', c.account, 'symbol', c.symbol, 'before', c.before, 'after', c.after)
            order by c.account collate "C", c.symbol collate "C"
        ) filter (where c.before <> c.after), '[]'
    )
    from changed c
$$;

comment on function ingest.units_changed(jsonb, jsonb) is 'What differs between two answers of ingest.units_held: a list of {account, symbol, before, after}.';

grant execute on function ingest.units_held(uuid), ingest.units_changed(jsonb, jsonb) to quantmatrix_writer;
