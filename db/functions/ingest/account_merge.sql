-- What merging two accounts does to the rows of both: overlapping statements are counted once, everything else of the one is moved to the other, and
-- the lines of all days are applied again.

create function ingest.rows_of_both(p_user_id uuid, p_from_id bigint, p_into_id bigint)
returns table (source text, dedupe_key text)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_mergejoin = off
as $$
    with held as materialized (
        select l.account_id, l.source, l.dedupe_key
        from ingest.lines l
        join core.sync_history h on h.user_id = p_user_id and h.id = l.sync_id
        where l.user_id = p_user_id
        and l.account_id in (p_from_id, p_into_id)
        and l.attested is not null
        and h.status = 'finished'
        union
        select t.account_id, t.source, t.dedupe_key
        from core.transactions t
        where t.user_id = p_user_id
        and t.account_id in (p_from_id, p_into_id)
        union
        select c.account_id, c.source, c.dedupe_key
        from ingest.corrections c
        where c.user_id = p_user_id
        and c.account_id in (p_from_id, p_into_id)
    )
    select f.source, f.dedupe_key
    from held f
    join held i on i.account_id = p_into_id and i.source = f.source and i.dedupe_key = f.dedupe_key
    where f.account_id = p_from_id
$$;

comment on function ingest.rows_of_both(uuid, bigint, bigint) is 'Identities of rows that two accounts both hold: overlapping statements imported into each.';

-- Refuses what would have to be guessed. Rows that both hold count once, as an overlap does; but where a hand had a part in one of the two, that
-- was said of one account alone.
create function ingest.require_mergeable(p_user_id uuid, p_from core.accounts, p_into core.accounts)
returns void
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
as $$
declare
    v_found text;
    v_undo constant text := 'take one of them back (`import_undo`), then merge';
begin
    if p_from.id = p_into.id then
        raise exception 'both are the same account, %', p_from.account_number using errcode = 'QM002';
    elsif (p_from.account_type, p_from.base_currency) is distinct from (p_into.account_type, p_into.base_currency) then
        raise exception 'accounts of another type or base currency are not one'
            using errcode = 'QM002',
                detail = format('%s: %s, %s; %s: %s, %s', p_from.account_number, p_from.account_type, p_from.base_currency,
                    p_into.account_number, p_into.account_type, p_into.base_currency),
                hint = 'correct the wrong one first: `account_set`';
    elsif p_from.broker <> p_into.broker and 'manual' not in (p_from.broker, p_into.broker) then
        raise exception 'accounts at % and % are not one', p_from.broker, p_into.broker using errcode = 'QM002';
    end if;
    select string_agg(format('%s and %s', f.id, i.id), ', ' order by f.id)
    into v_found
    from core.sync_history f
    join core.sync_history i
        on i.user_id = p_user_id and i.account_id = p_into.id and i.kind = 'import' and i.status = 'finished' and i.content_sha256 = f.content_sha256
    where f.user_id = p_user_id
    and f.account_id = p_from.id
    and f.kind = 'import'
    and f.status = 'finished';
    if v_found is not null then
        raise exception 'the same file was imported into both accounts' using errcode = 'QM002', detail = 'imports ' || v_found, hint = v_undo;
    end if;
    if exists (
        select
        from tax.transaction_links k
        join core.transactions a on a.user_id = p_user_id and a.id = k.from_id
        join core.transactions b on b.user_id = p_user_id and b.id = k.to_id
        where k.user_id = p_user_id
        and k.kind = 'transfer'
        and (a.account_id, b.account_id) in ((p_from.id, p_into.id), (p_into.id, p_from.id))
    ) then
        raise exception 'units were transferred between these accounts: they are two' using errcode = 'QM002', hint = 'void that transfer first if it never happened';
    end if;
    select string_agg(distinct s.source || ' ' || s.dedupe_key, ', ')
    into v_found
    from ingest.rows_of_both(p_user_id, p_from.id, p_into.id) s
    join (
        select c.source, c.dedupe_key
        from ingest.corrections c
        where c.user_id = p_user_id
        and c.account_id in (p_from.id, p_into.id)
        union
        select m.source, m.dedupe_key
        from ingest.decision_members m
        join ingest.decisions d on d.user_id = p_user_id and d.id = m.decision_id and d.undone_at is null
        where m.user_id = p_user_id
        and m.account_id in (p_from.id, p_into.id)
        union
        select t.source, t.dedupe_key
        from core.transactions t
        where t.user_id = p_user_id
        and t.account_id in (p_from.id, p_into.id)
        and t.sync_id is null
    ) h on h.source = s.source and h.dedupe_key = s.dedupe_key;
    if v_found is not null then
        raise exception 'rows that both accounts hold were corrected, decided on or entered by hand'
            using errcode = 'QM002', detail = left(v_found, 1000), hint = 'take back the import that brought them to one of the accounts, or void what was entered twice';
    end if;
    select string_agg(format('from %s: %s and %s', f.effective_from, f.method, i.method), ', ')
    into v_found
    from tax.lot_method_elections f
    join tax.lot_method_elections i
        on i.user_id = p_user_id and i.account_id = p_into.id and i.effective_from = f.effective_from and i.method <> f.method
        and i.instrument_id is not distinct from f.instrument_id
    where f.user_id = p_user_id
    and f.account_id = p_from.id;
    if v_found is not null then
        raise exception 'the accounts have different lot methods from the same day' using errcode = 'QM002', detail = v_found, hint = 'make them equal: `method_set`';
    end if;
    select string_agg(f.name, ', ')
    into v_found
    from ingest.feeds f
    where f.user_id = p_user_id
    and f.settings ->> 'account' in (p_from.account_number, p_from.name);
    if v_found is not null then
        raise exception 'feed % fetches into account %', v_found, p_from.account_number
            using errcode = 'QM002', hint = 'it would make the account anew; merge the other way round, or remove the feed';
    end if;
end
$$;

comment on function ingest.require_mergeable(uuid, core.accounts, core.accounts) is 'Refuses (QM002) to merge accounts of which it would have to be guessed what counts.';

-- What is only told beside the transactions: evidence, decisions, findings, elections, feeds.
create function ingest.move_beside(p_user_id uuid, p_from_id bigint, p_into_id bigint)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table regclass;
begin
    -- Matches are made anew with the days; what both tell of today, or elected, or accepted, is told once.
    delete from ingest.matches m where m.user_id = p_user_id and m.account_id = p_from_id;
    delete from ingest.today_executions f
    using ingest.today_executions i
    where f.user_id = p_user_id
    and f.account_id = p_from_id
    and i.user_id = p_user_id
    and i.account_id = p_into_id
    and i.execution_id = f.execution_id;
    delete from tax.lot_method_elections f
    using tax.lot_method_elections i
    where f.user_id = p_user_id
    and f.account_id = p_from_id
    and i.user_id = p_user_id
    and i.account_id = p_into_id
    and i.effective_from = f.effective_from
    and i.instrument_id is not distinct from f.instrument_id;
    update ingest.acceptances f
    set revoked_at = now(),
        revoke_reason = 'the account it was merged into accepts the same'
    from ingest.acceptances i
    where f.user_id = p_user_id
    and f.account_id = p_from_id
    and f.revoked_at is null
    and i.user_id = p_user_id
    and i.account_id = p_into_id
    and i.revoked_at is null
    and (i.instrument_id, i.symbol, i.kind, i.ours, i.broker, i.cause, i.detail)
        is not distinct from (f.instrument_id, f.symbol, f.kind, f.ours, f.broker, f.cause, f.detail);
    foreach v_table in array array[
        'core.sync_history', 'ingest.broker_positions', 'ingest.broker_lots', 'ingest.broker_cash', 'ingest.decisions', 'ingest.decision_members',
        'ingest.reconciliations', 'ingest.findings', 'ingest.acceptances', 'ingest.today_executions', 'tax.lot_method_elections'
    ]::regclass[] loop
        execute format('update %s r set account_id = $3 where r.user_id = $1 and r.account_id = $2', v_table) using p_user_id, p_from_id, p_into_id;
    end loop;
    update ingest.feeds f
    set account_ids = array(select distinct case a.id when p_from_id then p_into_id else a.id end from unnest(f.account_ids) a (id) order by 1)
    where f.user_id = p_user_id
    and p_from_id = any (f.account_ids);
end
$$;

comment on function ingest.move_beside(uuid, bigint, bigint) is 'Moves everything of an account but its transactions, lines and corrections to another one.';

-- A row that both hold keeps the number it has in the account that stays.
create function ingest.move_transactions(p_user_id uuid, p_from_id bigint, p_into_id bigint)
returns table (moved bigint, counted_once bigint)
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_mergejoin = off
as $$
declare
    v_gone bigint[];
    v_kept bigint[];
begin
    select array_agg(f.id), array_agg(i.id)
    into v_gone, v_kept
    from core.transactions f
    join core.transactions i on i.user_id = p_user_id and i.account_id = p_into_id and i.source = f.source and i.dedupe_key = f.dedupe_key
    where f.user_id = p_user_id
    and f.account_id = p_from_id;

    update ingest.lines l
    set transaction_id = k.kept_id
    from unnest(v_gone, v_kept) k (gone_id, kept_id)
    where l.user_id = p_user_id
    and l.transaction_id = k.gone_id;
    update ingest.lines l
    set account_id = p_into_id
    where l.user_id = p_user_id
    and l.account_id = p_from_id;
    update ingest.corrections c
    set account_id = p_into_id
    where c.user_id = p_user_id
    and c.account_id = p_from_id;
    delete from core.transactions t
    where t.user_id = p_user_id
    and t.id = any (v_gone);
    update core.transactions t
    set account_id = p_into_id
    where t.user_id = p_user_id
    and t.account_id = p_from_id;
    get diagnostics moved = row_count;
    counted_once := coalesce(cardinality(v_gone), 0);
    return next;
end
$$;

comment on function ingest.move_transactions(uuid, bigint, bigint) is 'Moves transactions, lines and corrections to another account; returns how many moved, and how many were there already.';

-- All lines of an account are applied again, whole days at a time because a day's rows are ranked together.
create function ingest.apply_lines_of_account(p_user_id uuid, p_account_id bigint)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_mergejoin = off
as $$
declare
    v_days date[];
    v_ids bigint[];
    v_applied record;
begin
    select array_agg(t.id)
    into v_ids
    from core.transactions t
    where t.user_id = p_user_id
    and t.account_id = p_account_id;
    -- A row that a person removed still stands for what other sources tell of it.
    v_days := array(
        select t.trade_date
        from core.transactions t
        where t.user_id = p_user_id
        and t.account_id = p_account_id
        union
        select (c.original ->> 'trade_date')::date
        from ingest.corrections c
        where c.user_id = p_user_id
        and c.account_id = p_account_id
    );
    v_ids := v_ids || matching.match_days(p_user_id, array_fill(p_account_id, array[cardinality(v_days)]), v_days, '{}');
    select * into v_applied from matching.apply_lines(p_user_id, v_ids);
    perform matching.pair_transfers(p_user_id);
    return jsonb_build_object('added', v_applied.inserted, 'changed', v_applied.updated, 'removed', v_applied.deleted);
end
$$;

comment on function ingest.apply_lines_of_account(uuid, bigint) is 'Matches and applies the lines of all days of an account again; returns how many transactions were added, changed and removed.';

grant execute on function
    ingest.rows_of_both(uuid, bigint, bigint), ingest.require_mergeable(uuid, core.accounts, core.accounts), ingest.move_beside(uuid, bigint, bigint),
    ingest.move_transactions(uuid, bigint, bigint), ingest.apply_lines_of_account(uuid, bigint)
    to quantmatrix_writer;
