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
    v_accepted jsonb;
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
    v_accepted := ingest.accepted_findings(v_user_id);

    insert into ingest.reconciliations (user_id, as_of, account_id, inputs_digest, checked, differences)
    values (v_user_id, v_as_of, v_account_id, ingest.inputs_digest(v_user_id, v_account_id, v_as_of), '{}', 0)
    returning id into v_id;

    v_result := ingest.find_differences(v_user_id, v_id, v_account_id, v_as_of, v_accepted);

    update ingest.reconciliations r
    set checked = v_result - 'open',
        differences = (v_result ->> 'open')::integer
    where r.user_id = v_user_id
    and r.id = v_id;

    return ingest.reconciliation_report(v_user_id, v_id);
end
$$;

comment on function api.reconcile(text, date) is $$Reconcile with the broker
Compares positions, lots and cash with the newest evidence at or before as_of, each piece at its own date, and our rows with each other. Returns {as_of, checked, differences, explained}: each difference has one named cause and its evidence. Without an account: all of them. The differences stay readable in the view differences.$$;

create function api.difference_accept(finding_id bigint, reason text)
returns setof api.differences
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_user();
    v_finding ingest.findings;
begin
    perform ingest.require_reason(difference_accept.reason);
    select f.*
    into v_finding
    from ingest.findings f
    join ingest.standing_findings s on s.user_id = f.user_id and s.id = f.id
    where f.user_id = v_user_id
    and f.id = difference_accept.finding_id
    for update of f;
    if not found then
        raise exception 'there is no difference % in the newest reconciliation', difference_accept.finding_id
            using errcode = 'QM001', hint = 'quantmatrix reconcile lists them with their numbers';
    elsif v_finding.status = 'explained' then
        raise exception 'difference % needs no acceptance: it is explained', v_finding.id using errcode = 'QM002';
    end if;

    update ingest.findings f
    set status = 'accepted',
        reason = btrim(difference_accept.reason)
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
Lists it as explained from now on, with the reason, as long as its figures stay the same. Nothing about lots or transactions changes.$$;

grant execute on function api.reconcile(text, date), api.difference_accept(bigint, text) to quantmatrix_user, quantmatrix_admin;

alter function api.reconcile(text, date) owner to quantmatrix_writer;
alter function api.difference_accept(bigint, text) owner to quantmatrix_writer;
