-- One reconciliation: compared, kept as findings, told as one object.

-- Findings that still stand: those of the newest run that covered their account.
create view reconcile.standing_findings
with (security_invoker = true)
as
select f.*, r.as_of, r.created_at
from ingest.findings f
join ingest.reconciliations r on r.user_id = f.user_id and r.id = f.reconciliation_id
where not exists (
    select from ingest.reconciliations later
    where later.user_id = f.user_id
    and later.id > f.reconciliation_id
    and (later.account_id is null or later.account_id = f.account_id)
);

comment on view reconcile.standing_findings is 'Differences by the newest reconciliation that covered their account.';

create function reconcile.inputs_digest(p_user_id uuid, p_account_id bigint, p_as_of date)
returns text
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select encode(sha256(convert_to(concat_ws(
        e'\n',
        p_as_of,
        (
            select string_agg(
                concat_ws('|', t.account_id, t.source, t.dedupe_key, t.transaction_type, t.instrument_id, t.trade_date, t.quantity, t.net_amount),
                e'\n' order by t.id
            )
            from core.transactions t
            where t.user_id = p_user_id
            and (p_account_id is null or t.account_id = p_account_id)
        ),
        (
            select string_agg(concat_ws('|', p.account_id, p.instrument_id, p.quantity, p.native_cost, p.cost_basis, p.open_lots), e'\n' order by p.id)
            from core.positions p
            where p.user_id = p_user_id
            and (p_account_id is null or p.account_id = p_account_id)
        ),
        (
            select string_agg(concat_ws('|', b.account_id, b.instrument_id, b.as_of, b.quantity, b.cost, b.currency, b.lot_list), e'\n' order by b.account_id, b.as_of, b.instrument_id)
            from reconcile.broker_side(p_user_id, p_account_id, p_as_of) b
        ),
        (
            select string_agg(concat_ws('|', c.account_id, c.currency, c.as_of, c.moment, c.amount), e'\n' order by c.sync_id, c.line_number)
            from ingest.broker_cash c
            where c.user_id = p_user_id
            and (p_account_id is null or c.account_id = p_account_id)
            and c.as_of <= p_as_of
        )
    ), 'UTF8')), 'hex')
$$;

comment on function reconcile.inputs_digest(uuid, bigint, date) is 'SHA-256 over what a reconciliation compares: transactions, positions and their lots, evidence.';

-- What a finding is about beside its figures: the same one in two runs has the same text. A list of transactions may be long.
create function reconcile.finding_detail(p_kind ingest.finding_kind, p_evidence jsonb)
returns text
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select case
        when p_evidence ? 'check' then encode(
            sha256(convert_to(concat_ws('|', p_evidence ->> 'check', case when p_kind = 'internal' then p_evidence ->> 'transactions' end), 'UTF8')),
            'hex'
        )
        else ''
    end
$$;

comment on function reconcile.finding_detail(ingest.finding_kind, jsonb) is
    'SHA-256 over the check, and the transactions of an internal difference; empty where there is no check.';

create function reconcile.find_differences(p_user_id uuid, p_reconciliation_id bigint, p_account_id bigint, p_as_of date)
returns jsonb
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
    with positions as materialized (
        select * from reconcile.compare_positions(p_user_id, p_account_id, p_as_of)
    ),
    cash as materialized (
        select * from reconcile.compare_cash(p_user_id, p_account_id, p_as_of)
    ),
    found as (
        select
            p.account_id, p.instrument_id, null as symbol, k.kind,
            case k.kind when 'position' then p.book_quantity else p.book_cost end as ours,
            case k.kind when 'position' then p.broker_quantity else p.broker_cost end as broker,
            p.cause,
            -- Without a cost of the broker's there is nothing that our unknown cost contradicts.
            reconcile.is_harmless(p.cause) or p.cause = 'unknown_basis' and p.broker_cost is null as is_explained,
            p.evidence
        from positions p
        cross join lateral (
            select case
                when p.cause in ('unknown_basis', 'rounding', 'wash_sale_scope', 'lot_selection', 'basis_mismatch') then 'lot'
                else 'position'
            end::ingest.finding_kind as kind
        ) k
        where p.cause <> 'match'
        union all
        select c.account_id, null, c.currency, 'cash', c.ours, c.broker, c.cause, reconcile.is_harmless(c.cause), c.evidence
        from cash c
        where c.cause <> 'match'
        union all
        -- What the broker's own figure shows already is not told twice.
        select
            i.account_id, i.instrument_id, null, 'internal', i.ours, i.broker, i.cause, false,
            jsonb_build_object('check', i.check_name) || case when i.evidence ? 'hint' then '{}' else jsonb_build_object('hint', reconcile.next_step(i.cause, 'internal')) end
            || i.evidence
        from reconcile.internal_checks(p_user_id, p_account_id, p_as_of) i
        where i.cause = 'defect'
        or not exists (
            select from positions p
            where p.account_id = i.account_id
            and p.instrument_id = i.instrument_id
            and p.cause not in ('match', 'unknown_basis', 'rounding', 'wash_sale_scope', 'lot_selection', 'basis_mismatch')
        )
    ),
    named as (
        select
            f.*, n.name,
            -- An acceptance holds as long as figures and cause stay the same, whatever was reconciled in between.
            (
                select a.id
                from ingest.acceptances a
                where a.user_id = p_user_id
                and a.revoked_at is null
                and a.account_id is not distinct from f.account_id
                and a.instrument_id is not distinct from f.instrument_id
                and a.symbol = n.name
                and a.kind = f.kind
                and a.ours is not distinct from f.ours
                and a.broker is not distinct from f.broker
                and a.cause = f.cause
                and a.detail = reconcile.finding_detail(f.kind, f.evidence)
            ) as acceptance_id
        from found f
        left join core.instruments i on i.id = f.instrument_id
        cross join lateral (
            select coalesce(f.symbol, i.symbol, '-') as name
        ) n
    ),
    kept as (
        insert into ingest.findings (
            user_id, reconciliation_id, account_id, instrument_id, symbol, kind, ours, broker, cause, status, evidence, reason, acceptance_id
        )
        select
            p_user_id, p_reconciliation_id, n.account_id, n.instrument_id, n.name, n.kind, n.ours, n.broker, n.cause,
            case
                when n.is_explained then 'explained'
                when n.acceptance_id is not null then 'accepted'
                else 'open'
            end::ingest.finding_status,
            n.evidence,
            case when not n.is_explained then a.reason end,
            case when not n.is_explained then n.acceptance_id end
        from named n
        left join ingest.acceptances a on a.user_id = p_user_id and a.id = n.acceptance_id
        returning status
    )
    select jsonb_build_object(
        'positions', (select count(*) from positions p where p.compares_quantity),
        'lots', (select count(*) from positions p where p.compares_lots),
        'cash', (select count(*) from cash),
        'open', (select count(*) from kept k where k.status = 'open')
    )
$$;

comment on function reconcile.find_differences(uuid, bigint, bigint, date) is
    'Compares everything and keeps what differs as findings of the run: {positions, lots, cash, open}: comparisons made, and differences that ask for something.';

create function reconcile.reconciliation_report(p_user_id uuid, p_reconciliation_id bigint)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    with told as (
        select
            f.status = 'open' as is_open,
            jsonb_build_object(
                'account', a.account_number,
                'symbol', f.symbol,
                'kind', f.kind,
                'ours', case when f.kind in ('lot', 'cash') then reconcile.money_text(f.ours) else trim_scale(f.ours)::text end,
                'broker', case when f.kind in ('lot', 'cash') then reconcile.money_text(f.broker) else trim_scale(f.broker)::text end,
                'cause', f.cause,
                'evidence', jsonb_strip_nulls(jsonb_build_object('finding_id', f.id, 'accepted_because', f.reason, 'acceptance', f.acceptance_id)) || f.evidence
            ) as row,
            a.account_number, f.symbol, f.kind, f.id
        from ingest.findings f
        left join core.accounts a on a.user_id = f.user_id and a.id = f.account_id
        where f.user_id = p_user_id
        and f.reconciliation_id = p_reconciliation_id
    )
    select jsonb_build_object(
        'as_of', r.as_of,
        'checked', r.checked,
        'unknown', reconcile.unknown_effects(p_user_id, case when r.account_id is not null then array[r.account_id] end),
        'differences', (
            select coalesce(jsonb_agg(t.row order by t.account_number, t.symbol, t.kind, t.id), '[]')
            from told t
            where t.is_open
        ),
        'explained', (
            select coalesce(jsonb_agg(t.row order by t.account_number, t.symbol, t.kind, t.id), '[]')
            from told t
            where not t.is_open
        )
    )
    from ingest.reconciliations r
    where r.user_id = p_user_id
    and r.id = p_reconciliation_id
$$;

comment on function reconcile.reconciliation_report(uuid, bigint) is 'A reconciliation as the command line prints it.';

grant execute on function
    reconcile.inputs_digest(uuid, bigint, date),
    reconcile.finding_detail(ingest.finding_kind, jsonb),
    reconcile.find_differences(uuid, bigint, bigint, date), reconcile.reconciliation_report(uuid, bigint)
    to quantmatrix_writer;
