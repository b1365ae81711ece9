-- What a load is as a file: bounds of its lines, what the file says about itself, the run and the file that its rows hang on, refusals by kind.

create function ingest.require_short_lines(p_user_id uuid, p_load_id uuid)
returns void
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_too_long integer;
begin
    select min(s.line_number)
    into v_too_long
    from ingest.staging s
    where s.load_id = p_load_id
    and s.user_id = p_user_id
    and (
        octet_length(s.raw) > 16384
        -- What is stored small and uncompressed need not be looked at.
        or (pg_column_size(s.payload) > 16384 or pg_column_compression(s.payload) is not null)
        and octet_length(s.payload::text) > 16384
    );
    if v_too_long is not null then
        raise exception 'line % is longer than 16 kB', v_too_long using errcode = 'QM002', hint = 'shorten its texts';
    end if;
end
$$;

comment on function ingest.require_short_lines(uuid, uuid) is 'QM002 where a line of a load, or what was read from it, is longer than 16 kB.';

create function ingest.load_statement(p_user_id uuid, p_load_id uuid)
returns jsonb
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_statement jsonb;
begin
    select coalesce(jsonb_object_agg(said.key, said.value), '{}')
    into v_statement
    from (
        select distinct on (field.key) field.key, field.value
        from ingest.staging s
        cross join lateral jsonb_each(s.payload) field
        where s.load_id = p_load_id
        and s.user_id = p_user_id
        and s.kind = 'statement'
        and field.value <> 'null'
        order by field.key, s.line_number
    ) said;
    -- A file of several accounts is about none of them in particular.
    if (
        select count(distinct s.payload ->> 'account')
        from ingest.staging s
        where s.load_id = p_load_id
        and s.user_id = p_user_id
        and s.kind = 'statement'
    ) > 1 then
        v_statement := v_statement - 'account';
    end if;
    return v_statement;
end
$$;

comment on function ingest.load_statement(uuid, uuid) is
    'What a staged file says about itself: account, period, time of making. Of several lines that say the same thing the first counts.';

create function ingest.keep_file(p_user_id uuid, p_account_id bigint, p_file jsonb, p_statement jsonb, p_bytes bigint)
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_sync_id bigint;
    v_stored bigint;
begin
    insert into core.sync_history (user_id, account_id, kind, source, content_sha256, status)
    values (p_user_id, p_account_id, 'import', p_file ->> 'source', p_file ->> 'sha256', 'running')
    returning id into v_sync_id;

    insert into ingest.files (user_id, sync_id, name, size_bytes, layout, newest_first, period_start, period_end, generated_at, stored_bytes, reading)
    values (
        p_user_id, v_sync_id, coalesce(p_file ->> 'name', '?'), coalesce((p_file ->> 'size')::bigint, 0), p_file ->> 'layout',
        coalesce((p_file ->> 'newest_first')::boolean, false),
        (p_statement ->> 'period_start')::date, (p_statement ->> 'period_end')::date, (p_statement ->> 'generated_at')::timestamptz,
        greatest(p_bytes, 65536), case when auth.sees_all_accounts() then p_file ->> 'reading' end
    );
    select sum(f.stored_bytes)
    into v_stored
    from ingest.files f
    where f.user_id = p_user_id;
    if v_stored > auth.quota('stored') then
        perform ingest.refuse_amount('stored', v_stored);
    end if;
    return v_sync_id;
end
$$;

comment on function ingest.keep_file(uuid, bigint, jsonb, jsonb, bigint) is
    'Begins the run of a file and keeps what is known of the file; returns the number of the run. QM063: the person would keep more than one may.';

create function ingest.count_refusals(p_user_id uuid, p_load_id uuid)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(jsonb_object_agg(r.code, r.number), '{}')
    from (
        select s.payload ->> 'code' as code, count(distinct s.line_number) as number
        from ingest.staging s
        where s.load_id = p_load_id
        and s.user_id = p_user_id
        and s.kind = 'refusal'
        group by s.payload ->> 'code'
    ) r
$$;

comment on function ingest.count_refusals(uuid, uuid) is 'Lines of a load that could not be read, by code: {code: lines}.';

grant execute on function
    ingest.require_short_lines(uuid, uuid), ingest.load_statement(uuid, uuid), ingest.keep_file(uuid, bigint, jsonb, jsonb, bigint),
    ingest.count_refusals(uuid, uuid)
    to quantmatrix_writer;
