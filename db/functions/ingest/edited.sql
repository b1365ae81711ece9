-- A file that somebody mended and imports again: most of its rows are those of an earlier import, and some take the place of others. Their
-- identity is their values, so that without a word both would count.

create function ingest.edited_from(p_user_id uuid, p_sync_id bigint, p_earlier_id bigint default null)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_mergejoin = off
as $$
    with told as materialized (
        select
            l.account_id, l.source, l.dedupe_key, l.trade_date, l.instrument_id, l.line_number, l.raw,
            l.verdict = 'new' as is_new,
            l.attested ->> 'type' as type,
            (l.attested ->> 'quantity')::numeric as quantity,
            (l.attested ->> 'price')::numeric as price
        from ingest.lines l
        where l.user_id = p_user_id
        and l.sync_id = p_sync_id
        and l.attested is not null
    ),
    earlier as materialized (
        select h.id, f.name, f.name = own_file.name as is_same_name
        from core.sync_history own
        join ingest.files own_file on own_file.user_id = own.user_id and own_file.sync_id = own.id
        join core.sync_history h
            on h.user_id = own.user_id
            and h.source = own.source
            and h.account_id is not distinct from own.account_id
            and h.kind = 'import'
            and h.status = 'finished'
            and h.id <> own.id
            and h.content_sha256 is distinct from own.content_sha256
        join ingest.files f on f.user_id = h.user_id and f.sync_id = h.id
        where own.user_id = p_user_id
        and own.id = p_sync_id
        and (p_earlier_id is null or h.id = p_earlier_id)
    ),
    -- What the earlier file tells of the days of this one; of other days this one says nothing.
    before as materialized (
        select
            e.id as earlier_id, l.line_number, l.raw, l.trade_date, l.instrument_id,
            l.attested ->> 'type' as type,
            (l.attested ->> 'quantity')::numeric as quantity,
            (l.attested ->> 'price')::numeric as price,
            l.trade_date between (select min(t.trade_date) from told t) and (select max(t.trade_date) from told t) as is_of_these_days,
            t.line_number is not null as is_shared
        from earlier e
        join ingest.lines l on l.user_id = p_user_id and l.sync_id = e.id and l.attested is not null
        left join told t on t.account_id = l.account_id and t.source = l.source and t.dedupe_key = l.dedupe_key
    ),
    -- One row of the earlier file that is gone, and a new one that says nearly the same.
    changed as materialized (
        select distinct on (b.earlier_id, b.line_number)
            b.earlier_id, b.line_number, b.raw as was, t.line_number as new_line, t.raw as becomes
        from before b
        join told t on t.type = b.type and t.instrument_id is not distinct from b.instrument_id
        where t.is_new
        and b.is_of_these_days
        and not b.is_shared
        and (
            t.trade_date = b.trade_date
            or t.quantity is not distinct from b.quantity
            and t.price is not distinct from b.price
        )
        order by b.earlier_id, b.line_number, t.trade_date <> b.trade_date, t.quantity is distinct from b.quantity, t.line_number
    ),
    counted as (
        select
            e.id, e.name, e.is_same_name,
            count(*) filter (where b.is_shared) as shared,
            count(*) filter (where b.is_of_these_days and not b.is_shared) as gone,
            count(*) filter (where not b.is_of_these_days) as of_other_days,
            count(*) filter (where b.is_of_these_days) as of_these_days,
            (select count(*) from changed c where c.earlier_id = e.id) as changed
        from earlier e
        join before b on b.earlier_id = e.id
        group by e.id, e.name, e.is_same_name
    )
    select jsonb_build_object(
        'import', c.id,
        'file', c.name,
        'rows', jsonb_build_object(
            'same', c.shared,
            'changed', c.changed,
            'gone', greatest(c.gone - c.changed, 0),
            'new', greatest((select count(*) from told t where t.is_new) - c.changed, 0),
            'of_other_days', c.of_other_days
        ),
        'changes', (
            select coalesce(jsonb_agg(jsonb_build_object('line', x.new_line, 'was', x.was, 'becomes', x.becomes) order by x.new_line), '[]')
            from (
                select d.new_line, d.was, d.becomes
                from changed d
                where d.earlier_id = c.id
                order by d.new_line
                limit 20
            ) x
        )
    )
    from counted c
    where p_earlier_id is not null
    or c.changed > 0
    and (c.is_same_name or c.shared * 2 >= c.of_these_days)
    order by c.shared desc, c.id desc
    limit 1
$$;

comment on function ingest.edited_from(uuid, bigint, bigint) is
    'The earlier import of the same format and account that this one was made from, by its name or by its rows, and what differs: {import, file, rows, changes}. Null: rows were added at most. With an earlier import named: compared with that one.';

create function ingest.require_replaceable(p_user_id uuid, p_sync_id bigint, p_earlier_id bigint)
returns bigint
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    perform
    from core.sync_history own
    join core.sync_history h
        on h.user_id = own.user_id
        and h.id = p_earlier_id
        and h.kind = 'import'
        and h.status = 'finished'
        and h.source = own.source
        and h.account_id is not distinct from own.account_id
    where own.user_id = p_user_id
    and own.id = p_sync_id;
    if not found then
        raise exception 'import % cannot be replaced by this file', p_earlier_id
            using errcode = 'QM012',
                detail = 'it is no live import of the same format and account',
                hint = '`imports` shows what there is';
    end if;
    return p_earlier_id;
end
$$;

comment on function ingest.require_replaceable(uuid, bigint, bigint) is 'The earlier import, if a new one may take its place; else QM012.';

grant execute on function ingest.edited_from(uuid, bigint, bigint), ingest.require_replaceable(uuid, bigint, bigint) to quantmatrix_writer;
