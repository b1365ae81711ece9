-- The question that the platform exists for: do transactions, lots, positions and cash agree with each other and with the broker, and if not, why?

create function api.reconcile(account text default null, as_of date default null)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_user();
    v_account_id bigint;
    v_as_of date;
    v_result jsonb;
    v_id bigint;
begin
    -- Whoever holds this row changes lots: taken, nothing moves between the comparisons.
    perform tax.lock_taxpayer(v_user_id);
    if reconcile.account is not null then
        v_account_id := ingest.require_account(v_user_id, reconcile.account);
    end if;
    v_as_of := coalesce(
        reconcile.as_of,
        greatest(
            (now() at time zone 'UTC')::date,
            (select max(b.as_of) from ingest.broker_positions b where b.user_id = v_user_id),
            (select max(b.as_of) from ingest.broker_lots b where b.user_id = v_user_id),
            (select max(b.as_of) from ingest.broker_cash b where b.user_id = v_user_id)
        )
    );
    insert into ingest.reconciliations (user_id, as_of, account_id, inputs_digest, checked, differences)
    values (v_user_id, v_as_of, v_account_id, reconcile.inputs_digest(v_user_id, v_account_id, v_as_of), '{}', 0)
    returning id into v_id;

    v_result := reconcile.find_differences(v_user_id, v_id, v_account_id, v_as_of);

    update ingest.reconciliations r
    set checked = v_result - 'open',
        differences = (v_result ->> 'open')::integer
    where r.user_id = v_user_id
    and r.id = v_id;

    return reconcile.reconciliation_report(v_user_id, v_id);
end
$$;

comment on function api.reconcile(text, date) is $$Reconcile with the broker
Compares positions, lots and cash with the newest evidence at or before as_of, each piece at its own date, and our rows with each other. Returns {as_of, checked, unknown, differences, explained}: unknown counts what the books leave open beside it (closings without a gain, lots without a basis, rows of unknown effect with units and money); each difference has one named cause and its evidence. Without an account: all of them. The differences stay readable in the view differences.$$;

create function api.difference_accept(finding_id bigint, reason text)
returns setof api.differences
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_user();
    v_reason constant text := btrim(difference_accept.reason);
    v_finding ingest.findings;
    v_acceptance_id bigint;
begin
    perform tax.lock_taxpayer(v_user_id);
    perform ingest.require_reason(v_reason);
    -- A number that an earlier run gave is good as long as the newest one found the same.
    select f.*
    into v_finding
    from ingest.findings said
    join reconcile.standing_findings s
        on s.user_id = said.user_id
        and s.symbol = said.symbol
        and s.kind = said.kind
        and s.cause = said.cause
        and s.account_id is not distinct from said.account_id
        and s.instrument_id is not distinct from said.instrument_id
        and s.ours is not distinct from said.ours
        and s.broker is not distinct from said.broker
        and reconcile.finding_detail(s.kind, s.evidence) = reconcile.finding_detail(said.kind, said.evidence)
    join ingest.findings f on f.user_id = s.user_id and f.id = s.id
    where said.user_id = v_user_id
    and said.id = difference_accept.finding_id
    order by f.id = said.id desc, f.id
    limit 1;
    if not found then
        raise exception 'there is no difference % in the newest reconciliation', difference_accept.finding_id
            using errcode = 'QM001', hint = '`reconcile` lists them with their numbers';
    elsif v_finding.status = 'explained' then
        raise exception 'difference % needs no acceptance: it is explained', v_finding.id using errcode = 'QM002';
    end if;

    if v_finding.acceptance_id is not null then
        update ingest.acceptances a
        set reason = v_reason
        where a.user_id = v_user_id
        and a.id = v_finding.acceptance_id
        returning a.id into v_acceptance_id;
    else
        insert into ingest.acceptances (user_id, account_id, instrument_id, symbol, kind, ours, broker, cause, detail, reason)
        values (
            v_user_id, v_finding.account_id, v_finding.instrument_id, v_finding.symbol, v_finding.kind, v_finding.ours, v_finding.broker,
            v_finding.cause, reconcile.finding_detail(v_finding.kind, v_finding.evidence), v_reason
        )
        returning id into v_acceptance_id;
    end if;
    perform audit.note_own(
        'acceptances', v_acceptance_id::text, case when v_finding.acceptance_id is null then 'insert' else 'update' end::core.audit_action,
        jsonb_build_object(
            'account_id', v_finding.account_id, 'symbol', v_finding.symbol, 'kind', v_finding.kind, 'ours', v_finding.ours,
            'broker', v_finding.broker, 'cause', v_finding.cause, 'reason', v_reason
        ),
        v_reason
    );

    update ingest.findings f
    set status = 'accepted',
        reason = v_reason,
        acceptance_id = v_acceptance_id
    where f.user_id = v_user_id
    and f.id = v_finding.id;
    if v_finding.status = 'open' then
        update ingest.reconciliations r
        set differences = r.differences - 1
        where r.user_id = v_user_id
        and r.id = v_finding.reconciliation_id;
    end if;

    return query
    select d.*
    from api.differences d
    where d.id = v_finding.id;
end
$$;

comment on function api.difference_accept(bigint, text) is $$Accept a difference
Lists it as explained from now on, with the reason, as long as its figures and its cause stay the same, whatever is reconciled in between. The view acceptances lists what was accepted; acceptance_revoke takes it back. Nothing about lots or transactions changes.$$;

create function api.acceptance_revoke(acceptance bigint, reason text)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_user();
    v_reason constant text := btrim(acceptance_revoke.reason);
    v_opened integer;
begin
    perform tax.lock_taxpayer(v_user_id);
    perform ingest.require_reason(v_reason);
    update ingest.acceptances a
    set revoked_at = now(),
        revoke_reason = v_reason
    where a.user_id = v_user_id
    and a.id = acceptance_revoke.acceptance
    and a.revoked_at is null;
    if not found then
        raise exception 'there is no acceptance % that holds', acceptance_revoke.acceptance
            using errcode = 'QM001', hint = '`acceptances` lists them with their numbers';
    end if;
    perform audit.note_own(
        'acceptances', acceptance_revoke.acceptance::text, 'update', jsonb_build_object('revoke_reason', v_reason), v_reason
    );

    -- What stands is open again; runs that are over keep what they said, without its being counted.
    with opened as (
        update ingest.findings f
        set status = 'open',
            reason = null,
            acceptance_id = null
        from reconcile.standing_findings s
        where s.user_id = v_user_id
        and s.acceptance_id = acceptance_revoke.acceptance
        and f.user_id = s.user_id
        and f.id = s.id
        returning f.reconciliation_id
    ),
    counted as (
        update ingest.reconciliations r
        set differences = r.differences + (
                select count(*)
                from opened o
                where o.reconciliation_id = r.id
            )
        where r.user_id = v_user_id
        and r.id in (select o.reconciliation_id from opened o)
    )
    select count(*)
    into v_opened
    from opened;
    return jsonb_build_object('acceptance', acceptance_revoke.acceptance, 'open_again', v_opened);
end
$$;

comment on function api.acceptance_revoke(bigint, text) is $$Take an acceptance back
Answers {acceptance, open_again}: how many differences are open again, 1 if it still stands. The acceptance stays listed, with the reason why it was taken back.$$;

grant execute on function api.reconcile(text, date), api.difference_accept(bigint, text), api.acceptance_revoke(bigint, text)
    to quantmatrix_user, quantmatrix_admin;

alter function api.reconcile(text, date) owner to quantmatrix_writer;
alter function api.difference_accept(bigint, text) owner to quantmatrix_writer;
alter function api.acceptance_revoke(bigint, text) owner to quantmatrix_writer;
