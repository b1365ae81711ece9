-- Where matching begins: the days that an import, an undo, a decision or a merge of instruments touched.

-- Matches the rows of these days anew. Everything that changes it ends here: an import, its undo, a decision, a merge of instruments.
create function matching.match_days(p_user_id uuid, p_accounts bigint[], p_days date[], p_sync_ids bigint[], p_load_sync_id bigint default null)
returns bigint[]
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_mergejoin = off
as $$
declare
    v_accounts bigint[];
    v_days date[];
    v_rows matching.source_row[];
    v_pairs matching.pair[];
    v_touched bigint[];
begin
    -- A decision may join rows of several days: they are matched together.
    with recursive reached (account_id, trade_date) as (
        select d.account_id, d.trade_date
        from unnest(p_accounts, p_days) d (account_id, trade_date)
        union
        select other.account_id, other.trade_date
        from reached r
        join ingest.decision_members own on own.user_id = p_user_id and own.account_id = r.account_id and own.trade_date = r.trade_date
        join ingest.decision_members other on other.user_id = own.user_id and other.decision_id = own.decision_id
    )
    select array_agg(r.account_id), array_agg(r.trade_date)
    into v_accounts, v_days
    from reached r;

    v_rows := array(select t from matching.source_rows_on(p_user_id, v_accounts, v_days, p_sync_ids) t);
    v_pairs := array(select p from matching.pair_all(p_user_id, v_rows) p);

    delete from ingest.matches m
    using unnest(v_accounts, v_days) d (account_id, trade_date)
    where m.user_id = p_user_id
    and m.account_id = d.account_id
    and m.trade_date = d.trade_date
    and not exists (
        select from unnest(v_pairs) p
        where p.account_id = m.account_id and p.source = m.source and p.key = m.dedupe_key
        and p.counted_source = m.counted_source and p.counted_key = m.counted_key
        and p.rule = m.rule and p.decision_id is not distinct from m.decision_id
    );
    insert into ingest.matches (user_id, account_id, source, dedupe_key, counted_source, counted_key, trade_date, rule, decision_id)
    select p_user_id, p.account_id, p.source, p.key, p.counted_source, p.counted_key, p.trade_date, p.rule, p.decision_id
    from unnest(v_pairs) p
    on conflict on constraint matches_pkey do update
    set trade_date = excluded.trade_date,
        rule = excluded.rule,
        decision_id = excluded.decision_id
    where (ingest.matches.trade_date, ingest.matches.rule, ingest.matches.decision_id)
        is distinct from (excluded.trade_date, excluded.rule, excluded.decision_id);

    v_touched := matching.attach_lines(p_user_id, v_accounts, v_days, p_sync_ids, v_rows, v_pairs, p_load_sync_id);
    perform matching.drop_stale_links(p_user_id, v_touched);
    return v_touched;
end
$$;

comment on function matching.match_days(uuid, bigint[], date[], bigint[], bigint) is
    'Matches what several sources tell of these days (accounts and days in parallel); returns the transactions whose lines must be applied. Lines of p_load_sync_id get their verdict.';

-- Whether anything but one source can be told of an import's accounts: asked first, of small tables, so that one source alone costs nothing.
create function matching.may_match(p_user_id uuid, p_sync_id bigint)
returns boolean
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select exists (
        select from core.sync_history own
        where own.user_id = p_user_id
        and own.id = p_sync_id
        and (
            exists (
                select from core.sync_history other
                where other.user_id = own.user_id
                and other.id <> own.id
                and other.status = 'finished'
                and other.kind in ('import', 'migration')
                and (other.account_id = own.account_id or other.account_id is null or own.account_id is null)
                and (other.source <> own.source or own.source = 'quantmatrix_csv')
            )
            or exists (
                select from ingest.matches m
                where m.user_id = own.user_id
                and (m.account_id = own.account_id or own.account_id is null)
            )
            or exists (
                select from ingest.decisions d
                where d.user_id = own.user_id
                and (d.account_id = own.account_id or own.account_id is null)
                and d.undone_at is null
            )
            or exists (
                select from ingest.corrections c
                where c.user_id = own.user_id
                and (c.account_id = own.account_id or own.account_id is null)
                and c.is_voided
                and c.source <> own.source
            )
        )
    )
$$;

comment on function matching.may_match(uuid, bigint) is 'Whether an import may tell what another source told.';

create function matching.match_import(p_user_id uuid, p_sync_ids bigint[], p_load_sync_id bigint default null)
returns bigint[]
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
as $$
declare
    v_accounts bigint[];
    v_days date[];
begin
    if not exists (select from unnest(p_sync_ids) s (id) where matching.may_match(p_user_id, s.id)) then
        return '{}';
    end if;
    with own as materialized (
        select distinct l.account_id, l.trade_date, l.source, l.dedupe_key, l.transaction_id
        from ingest.lines l
        where l.user_id = p_user_id
        and l.sync_id = any (p_sync_ids)
        and l.attested is not null
    )
    select array_agg(d.account_id), array_agg(d.trade_date)
    into v_accounts, v_days
    from (
        select o.account_id, o.trade_date
        from own o
        union
        select t.account_id, t.trade_date
        from own o
        join core.transactions t on t.user_id = p_user_id and t.id = o.transaction_id
        union
        select m.account_id, m.trade_date
        from own o
        join ingest.matches m on m.user_id = p_user_id and m.account_id = o.account_id and m.source = o.source and m.dedupe_key = o.dedupe_key
    ) d;
    return matching.match_days(p_user_id, v_accounts, v_days, p_sync_ids, p_load_sync_id);
end
$$;

comment on function matching.match_import(uuid, bigint[], bigint) is
    'Matches the days that these imports tell of; returns the transactions whose lines must be applied besides those the imports attest.';

grant execute on function
    matching.source_rank(text), matching.kind_of_event(text), matching.make_source_row(bigint, text, text, integer, bigint, bigint, jsonb, jsonb),
    matching.lines_on(uuid, bigint[], date[], bigint[]), matching.source_rows_on(uuid, bigint[], date[], bigint[]), matching.printed_rounding(numeric),
    matching.amounts_agree(matching.source_row, matching.source_row), matching.free_rows(matching.source_row[], matching.pair[], text, text),
    matching.pair_equal(matching.source_row[], matching.pair[], text, text, integer), matching.pair_fills(matching.source_row[], matching.pair[], text, text, text, boolean),
    matching.pair_decided(uuid, matching.source_row[]), matching.pair_all(uuid, matching.source_row[]),
    matching.attach_lines(uuid, bigint[], date[], bigint[], matching.source_row[], matching.pair[], bigint),
    matching.drop_stale_links(uuid, bigint[]), matching.match_days(uuid, bigint[], date[], bigint[], bigint), matching.may_match(uuid, bigint), matching.match_import(uuid, bigint[], bigint)
    to quantmatrix_writer;
grant usage on type matching.source_row, matching.pair to quantmatrix_writer;
