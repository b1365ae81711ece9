-- Whether what was fetched may be loaded, and how far it brings the cursor. Nothing of a run is written before all of it was judged.

-- Documents as the program describes them, none of which it has written yet.
create type sync.fetched_document as (
    asked_from date,
    asked_through date,
    source text,
    sha256 text,
    bytes bigint,
    rows integer,
    accounts jsonb,
    period_start date,
    period_end date,
    generated_at timestamptz,
    served_at timestamptz,
    import bigint,
    status text,
    counts jsonb
);

comment on type sync.fetched_document is 'One answer of a service: what was asked for, what it says of itself, rows by account; after the load, the import.';

create function sync.fetched_documents(p_documents jsonb)
returns setof sync.fetched_document
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    if jsonb_typeof(p_documents) is distinct from 'array' then
        raise exception 'documents must be a list' using errcode = 'QM002';
    end if;
    return query
    select d.*
    from jsonb_populate_recordset(null::sync.fetched_document, p_documents) d
    order by d.asked_from;
end
$$;

comment on function sync.fetched_documents(jsonb) is 'Documents by the days that were asked for; QM002 if they are no list.';

create function sync.judge_documents(p_feed ingest.feeds, p_documents jsonb)
returns table (failure text, detail text)
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_document sync.fetched_document;
    v_before date := p_feed.fetched_through;
    v_first date;
    v_last date;
    v_known record;
begin
    for v_document in select * from sync.fetched_documents(p_documents) loop
        if jsonb_typeof(v_document.accounts) is distinct from 'object' or v_document.accounts = '{}' then
            return query select 'no_statement', format('%s to %s', v_document.asked_from, v_document.asked_through);
            return;
        end if;
        -- It would be the newest statement for ever.
        if v_document.generated_at > clock_timestamp() + interval '2 hours' then
            return query select 'clock_skew', format('made %s', v_document.generated_at at time zone 'UTC');
            return;
        end if;
        if coalesce(v_document.period_start, v_document.asked_from) > v_before + 1 then
            return query select 'gap', format('fetched through %s, this begins on %s', v_before, v_document.period_start);
            return;
        end if;
        v_first := least(v_first, v_document.asked_from);
        v_last := greatest(v_last, coalesce(v_document.period_end, v_document.asked_through));
        v_before := v_last;
    end loop;
    if v_last is null then
        return query select 'no_statement', 'nothing came at all';
        return;
    end if;
    if v_last < p_feed.fetched_through then
        return query select 'stale', format('it ends on %s, fetched through %s', v_last, p_feed.fetched_through);
        return;
    end if;

    for v_known in
        select
            a.account_number,
            (
                select count(*)
                from core.transactions t
                where t.user_id = p_feed.user_id
                and t.account_id = a.id
                and t.trade_date between v_first and v_last
                and t.source = any (array(select d.source from sync.fetched_documents(p_documents) d))
            ) as known,
            (
                select sum(coalesce(d.accounts ->> a.account_number, d.accounts ->> a.name)::integer)
                from sync.fetched_documents(p_documents) d
            ) as came
        from core.accounts a
        where a.user_id = p_feed.user_id
        and a.id = any (p_feed.account_ids)
        order by a.account_number
    loop
        if v_known.came is null then
            return query select 'account_missing', v_known.account_number;
            return;
        elsif v_known.came = 0 and v_known.known > 0 then
            return query select 'empty', format(
                '%s: no row from %s to %s, where %s are known', v_known.account_number, v_first, v_last, v_known.known
            );
            return;
        end if;
    end loop;
end
$$;

comment on function sync.judge_documents(ingest.feeds, jsonb) is
    'Why the documents of a run must not be loaded: no row if they may. Nothing where rows are known, a missing account, a gap, an old answer, a date from the future.';

-- A day counts as fetched once it was over when the answer was made, by every clock that is known.
create function sync.fetched_through(p_feed ingest.feeds, p_documents jsonb)
returns date
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select greatest(
        p_feed.fetched_through,
        p_feed.since - 1,
        max(
            least(
                d.asked_through, coalesce(d.period_end, d.asked_through),
                sync.exchange_day(least(clock_timestamp(), d.generated_at, d.served_at)) - 1
            )
        )
    )
    from sync.fetched_documents(p_documents) d
$$;

comment on function sync.fetched_through(ingest.feeds, jsonb) is 'The cursor after these documents; it never goes back.';

create function sync.document_warnings(p_documents jsonb)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(jsonb_agg(w.sentence order by w.asked_from), '[]')
    from sync.fetched_documents(p_documents) d
    cross join lateral (
        values
            (
                d.asked_from,
                case
                    when d.period_start > d.asked_from
                        then format('asked for %s, the answer begins on %s', d.asked_from, d.period_start)
                end
            ),
            (
                d.asked_from,
                case
                    when abs(extract(epoch from d.served_at - clock_timestamp())) > 300
                        then format('the server''s clock and this one differ: %s there', d.served_at at time zone 'UTC')
                end
            )
    ) w (asked_from, sentence)
    where w.sentence is not null
$$;

comment on function sync.document_warnings(jsonb) is 'What is remarkable about documents that may be loaded.';

grant execute on function
    sync.fetched_documents(jsonb), sync.judge_documents(ingest.feeds, jsonb), sync.fetched_through(ingest.feeds, jsonb),
    sync.document_warnings(jsonb)
    to quantmatrix_writer;
