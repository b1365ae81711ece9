-- What several sources tell of one account: matched by rule (db/functions/matching/pair.sql), or left to the person. Nothing is guessed:
-- rows that the rules cannot pair all count, and are listed here until the person says whether they are the same.

create function api.import_conflicts(account text default null)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    with member as materialized (
        select c.*
        from matching.conflicts((select auth.require_user())) c
        where import_conflicts.account is null
        or c.account_id in (
            select a.id
            from core.accounts a
            where a.user_id = (select auth.user_id())
            and import_conflicts.account in (a.account_number, a.name)
        )
    ),
    told as (
        select
            m.conflict, m.account_id, m.day, m.symbol, m.verdict, m.why, m.source,
            count(*) as number, sum(m.quantity) as quantity, sum(m.net) as net, min(m.trade_date) as trade_date,
            jsonb_agg(m.transaction_id order by m.transaction_id) as transactions
        from member m
        group by m.conflict, m.account_id, m.day, m.symbol, m.verdict, m.why, m.source
    ),
    listed as (
        select
            t.conflict, t.account_id, t.day, t.symbol, t.verdict, t.why,
            jsonb_agg(
                jsonb_build_object(
                    'source', t.source, 'rows', t.number, 'quantity', trim_scale(t.quantity)::text, 'net', trim_scale(t.net)::text,
                    'day', t.trade_date, 'transactions', t.transactions
                )
                order by t.source
            ) as sources
        from told t
        group by t.conflict, t.account_id, t.day, t.symbol, t.verdict, t.why
    )
    select coalesce(
        jsonb_agg(
            jsonb_build_object(
                'conflict', l.conflict, 'account', a.account_number, 'day', l.day, 'symbol', l.symbol,
                'verdict', l.verdict, 'why', l.why, 'sources', l.sources
            )
            order by l.day, a.account_number, l.symbol, l.conflict
        ), '[]'
    )
    from listed l
    left join core.accounts a on a.user_id = (select auth.user_id()) and a.id = l.account_id
$$;

comment on function api.import_conflicts(text) is $$Rows of several sources that may be one event
What no rule could match: all of it counts until you decide (import_conflict_resolve). An array of objects: conflict (its name), account, day, symbol
(or the kind of cash), verdict (same: units and cash agree, but not row by row; differs; nearby: the very same on another day or under another symbol),
why, and sources, each with its rows, quantity, net, day and transactions.$$;

create view api.import_matches
with (security_invoker = true)
as
select
    m.conflict,
    m.transaction_id,
    a.account_number as account,
    m.day,
    i.symbol,
    t.transaction_type,
    m.source,
    m.attested_by,
    m.rule,
    m.decision_id
from matching.matched((select auth.user_id())) m
left join core.accounts a on a.user_id = (select auth.user_id()) and a.id = m.account_id
left join core.transactions t on t.user_id = (select auth.user_id()) and t.id = m.transaction_id
left join core.instruments i on i.id = t.instrument_id;

comment on view api.import_matches is 'Events that several sources tell
They count once: by the row of source, and attested_by tells the same. import_lines shows the lines of both.';
comment on column api.import_matches.conflict is 'Name of the event, for import_conflict_resolve: to part what was matched wrongly, or to let the other source count.';
comment on column api.import_matches.transaction_id is 'The transaction that counts; null if it was voided.';
comment on column api.import_matches.account is 'The broker''s number of the account.';
comment on column api.import_matches.day is 'Day of the row that attests.';
comment on column api.import_matches.symbol is 'Symbol of the instrument; null for plain cash.';
comment on column api.import_matches.transaction_type is 'What happened; null if it was voided.';
comment on column api.import_matches.source is 'Source of the row that counts.';
comment on column api.import_matches.attested_by is 'Source of the row that attests.';
comment on column api.import_matches.rule is 'equal: row by row. fills: an order and its fills. decided: by you.';
comment on column api.import_matches.decision_id is 'Your decision; null where a rule matched them.';

create view api.import_decisions
with (security_invoker = true)
as
select
    d.id,
    a.account_number as account,
    d.verdict,
    d.kept_source,
    d.reason,
    d.created_at,
    d.undone_at,
    d.undo_reason,
    (
        select string_agg(distinct m.source, ', ' order by m.source)
        from ingest.decision_members m
        where m.user_id = d.user_id
        and m.decision_id = d.id
    ) as sources,
    (
        select min(m.trade_date)
        from ingest.decision_members m
        where m.user_id = d.user_id
        and m.decision_id = d.id
    ) as day
from ingest.decisions d
left join core.accounts a on a.user_id = d.user_id and a.id = d.account_id;

comment on view api.import_decisions is 'Decisions about conflicts
What you said about rows of several sources; a decision can be taken back (import_conflict_reopen).';
comment on column api.import_decisions.id is 'Number of the decision.';
comment on column api.import_decisions.account is 'The broker''s number of the account.';
comment on column api.import_decisions.verdict is 'same or different.';
comment on column api.import_decisions.kept_source is 'Whose rows count; null where all do.';
comment on column api.import_decisions.reason is 'Why, in your words.';
comment on column api.import_decisions.created_at is 'When.';
comment on column api.import_decisions.undone_at is 'When it was taken back; null while it holds.';
comment on column api.import_decisions.undo_reason is 'Why it was taken back.';
comment on column api.import_decisions.sources is 'The sources it is about.';
comment on column api.import_decisions.day is 'First day of its rows.';

create function api.import_conflict_resolve(conflict text, verdict text, reason text, keep text default null, dry_run boolean default false)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_user();
    v_conflict constant text := import_conflict_resolve.conflict;
    v_verdict ingest.same_or_different;
    v_reason constant text := btrim(import_conflict_resolve.reason);
    v_keep text := import_conflict_resolve.keep;
    v_members jsonb;
    v_sources text[];
    v_accounts bigint[];
    v_days date[];
    v_decision_id bigint;
    v_account_id bigint;
    v_applied jsonb;
begin
    if import_conflict_resolve.dry_run then
        return auth.dry_run(format(
            'select api.import_conflict_resolve(%L, %L, %L, %L)',
            import_conflict_resolve.conflict, import_conflict_resolve.verdict, import_conflict_resolve.reason, import_conflict_resolve.keep
        ));
    end if;
    perform tax.lock_taxpayer(v_user_id);
    perform ingest.require_reason(v_reason);
    if import_conflict_resolve.verdict is null or import_conflict_resolve.verdict not in ('same', 'different') then
        raise exception 'verdict: "%" is neither same nor different', coalesce(import_conflict_resolve.verdict, '') using errcode = 'QM002';
    end if;
    v_verdict := import_conflict_resolve.verdict;
    if v_verdict = 'different' and v_keep is not null then
        raise exception 'keep: what is different counts on both sides' using errcode = 'QM002';
    end if;

    if v_conflict like 'm%' then
        select jsonb_agg(distinct member.said)
        into v_members
        from matching.matched(v_user_id) m
        cross join lateral (
            values
                (jsonb_build_object('account_id', m.account_id, 'source', m.source, 'key', m.dedupe_key, 'day', m.day)),
                (jsonb_build_object('account_id', m.account_id, 'source', m.attested_by, 'key', m.attesting_key, 'day', m.day))
        ) member (said)
        where m.conflict = v_conflict
        and m.decision_id is null;
        if v_members is null and exists (select from matching.matched(v_user_id) m where m.conflict = v_conflict) then
            raise exception '% was matched by a decision of yours', v_conflict
                using errcode = 'QM002', hint = 'take the decision back: `import_conflict_reopen`';
        end if;
    else
        -- The day that the source states: a correction may have moved the row.
        select jsonb_agg(jsonb_build_object(
            'account_id', c.account_id, 'source', c.source, 'key', c.dedupe_key, 'day', coalesce(k.original ->> 'trade_date', c.trade_date::text)
        ))
        into v_members
        from matching.conflicts(v_user_id) c
        left join ingest.corrections k
            on k.user_id = v_user_id and k.account_id = c.account_id and k.source = c.source and k.dedupe_key = c.dedupe_key
        where c.conflict = v_conflict;
    end if;
    if v_members is null then
        raise exception 'there is no conflict "%"', coalesce(v_conflict, '')
            using errcode = 'QM001', hint = '`import_conflicts` lists them; a conflict has another name when its rows have changed';
    end if;

    select
        array_agg(distinct m.source), array_agg(m.account_id), array_agg(m.day), min(m.account_id),
        (array_agg(m.source order by matching.source_rank(m.source), m.source))[1]
    into v_sources, v_accounts, v_days, v_account_id, v_keep
    from jsonb_to_recordset(v_members) m (account_id bigint, source text, key text, day date);
    if v_verdict = 'different' then
        v_keep := null;
    elsif import_conflict_resolve.keep is not null then
        if not import_conflict_resolve.keep = any (v_sources) then
            raise exception 'keep: "%" is not one of %', import_conflict_resolve.keep, array_to_string(v_sources, ', ') using errcode = 'QM002';
        elsif 'manual' = any (v_sources) and import_conflict_resolve.keep <> 'manual' then
            raise exception 'keep: what was entered by hand counts before any import'
                using errcode = 'QM002', hint = 'void the entry instead, and the import counts: `transaction_void`';
        end if;
        v_keep := import_conflict_resolve.keep;
    end if;

    insert into ingest.decisions (user_id, account_id, verdict, kept_source, reason)
    values (v_user_id, v_account_id, v_verdict, v_keep, v_reason)
    returning id into v_decision_id;
    insert into ingest.decision_members (user_id, decision_id, account_id, source, dedupe_key, trade_date)
    select v_user_id, v_decision_id, m.account_id, m.source, m.key, m.day
    from jsonb_to_recordset(v_members) m (account_id bigint, source text, key text, day date);
    perform audit.note_own(
        'decisions', v_decision_id::text, 'insert',
        jsonb_build_object('verdict', v_verdict, 'kept_source', v_keep, 'members', v_members), v_reason
    );

    v_applied := matching.rematch(v_user_id, v_accounts, v_days);
    return jsonb_build_object('decision', v_decision_id, 'verdict', v_verdict, 'kept_source', v_keep, 'transactions', v_applied);
end
$$;

comment on function api.import_conflict_resolve(text, text, text, text, boolean) is $$Decide a conflict
verdict same: the rows tell one event, and those of the source keep count (default: of the source that comes first), the others attest them. different: all of them count. conflict is a name from import_conflicts, or from import_matches to part what was matched. Imports never undo it; import_conflict_reopen does. dry_run: everything is done and taken back; the answer says what it would have been.$$;

create function api.import_conflict_reopen(decision bigint, reason text, dry_run boolean default false)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_user();
    v_reason constant text := btrim(import_conflict_reopen.reason);
    v_accounts bigint[];
    v_days date[];
begin
    if import_conflict_reopen.dry_run then
        return auth.dry_run(format('select api.import_conflict_reopen(%L, %L)', import_conflict_reopen.decision, import_conflict_reopen.reason));
    end if;
    perform tax.lock_taxpayer(v_user_id);
    perform ingest.require_reason(v_reason);
    update ingest.decisions d
    set undone_at = now(),
        undo_reason = v_reason
    where d.user_id = v_user_id
    and d.id = import_conflict_reopen.decision
    and d.undone_at is null;
    if not found then
        raise exception 'there is no decision % that holds', coalesce(import_conflict_reopen.decision::text, '')
            using errcode = 'QM001', hint = '`import_decisions` shows numbers';
    end if;
    perform audit.note_own(
        'decisions', import_conflict_reopen.decision::text, 'update', jsonb_build_object('undo_reason', v_reason), v_reason
    );
    select array_agg(m.account_id), array_agg(m.trade_date)
    into v_accounts, v_days
    from ingest.decision_members m
    where m.user_id = v_user_id
    and m.decision_id = import_conflict_reopen.decision;
    return jsonb_build_object(
        'decision', import_conflict_reopen.decision,
        'status', 'reopened',
        'transactions', matching.rematch(v_user_id, v_accounts, v_days)
    );
end
$$;

comment on function api.import_conflict_reopen(bigint, text, boolean) is $$Take a decision back
The rules alone decide again; what they cannot decide is listed again. dry_run: everything is done and taken back; the answer says what it would have been.$$;
grant execute on function api.import_conflicts(text) to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin;
grant select on api.import_matches, api.import_decisions to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin;
grant execute on function api.import_conflict_resolve(text, text, text, text, boolean), api.import_conflict_reopen(bigint, text, boolean)
    to quantmatrix_user, quantmatrix_admin;

alter function api.import_conflict_resolve(text, text, text, text, boolean) owner to quantmatrix_writer;
alter function api.import_conflict_reopen(bigint, text, boolean) owner to quantmatrix_writer;
