-- Two people with at least one row in every table that has a tenant, so that no policy passes its test by finding nothing. The words that
-- can be seen of a person contain the person's marker (zqann, zqbob): whoever reads the other's marker reads the other's rows.

create function tests.stand_in(p_table text, p_known jsonb)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_found boolean;
    v_columns text;
    v_values jsonb;
begin
    execute format('select exists (select from %s t where t.user_id = $1)', p_table) into v_found using (p_known ->> 'user_id')::uuid;
    if v_found then
        return;
    end if;
    -- The columns that are known, and of the others those that must have a value.
    select
        string_agg(quote_ident(a.attname), ', '),
        jsonb_object_agg(a.attname, coalesce(p_known -> a.attname, case
            when t.typcategory = 'N' then '1'::jsonb
            when t.typcategory = 'B' then 'false'
            when t.typcategory = 'D' then to_jsonb(date '2024-03-01')
            when t.typtype = 'e'
                then to_jsonb((select e.enumlabel from pg_enum e where e.enumtypid = t.oid order by e.enumsortorder limit 1))
            else '"x"'
        end))
    into v_columns, v_values
    from pg_attribute a
    join pg_type t on t.oid = a.atttypid
    where a.attrelid = p_table::regclass
        and a.attnum > 0
        and not a.attisdropped
        and (p_known ? a.attname or (a.attnotnull and not a.atthasdef and a.attidentity = ''));
    execute format('insert into %1$s (%2$s) select %2$s from jsonb_populate_record(null::%1$s, $1)', p_table, v_columns) using v_values;
end
$$;

comment on function tests.stand_in(text, jsonb) is
    'One row of a derived table for a person who has none: known values by column name, any value where one is needed.';

create function tests.fixture_tenant(p_label text)
returns uuid
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid;
    v_marker constant text := 'zq' || p_label;
    v_account_id bigint;
    v_other_account_id bigint;
    v_instrument_id bigint;
    v_sync_id bigint;
    v_feed_id bigint;
    v_attempt_id bigint;
    v_buy_id bigint;
    v_sale_id bigint;
    v_again_id bigint;
    v_out_id bigint;
    v_in_id bigint;
    v_reconciliation_id bigint;
    v_decision_id bigint;
    v_second_instrument_id bigint;
    v_derived text;
    v_table record;
    v_found boolean;
begin
    v_user_id := tests.create_user(p_label);
    update core.users
    set username = v_marker
    where id = v_user_id;

    insert into core.accounts (user_id, broker, account_number, name)
    values (v_user_id, 'ibkr', v_marker || '-1', v_marker || ' trading')
    returning id into v_account_id;
    insert into core.accounts (user_id, broker, account_number, name, account_type)
    values (v_user_id, 'schwab', v_marker || '-2', v_marker || ' savings', 'ira')
    returning id into v_other_account_id;

    insert into core.instruments (symbol, instrument_type, name, currency)
    values (upper(v_marker), 'stock', v_marker || ' incorporated', 'USD')
    returning id into v_instrument_id;

    insert into core.sync_history (
        user_id, account_id, kind, source, content_sha256, status, started_at, finished_at, rows_in, rows_accepted, rejects
    )
    values (
        v_user_id, v_account_id, 'import', 'ibkr_activity', encode(sha256(v_marker::bytea), 'hex'), 'finished', now(), now(), 6, 5,
        '{"bad_number": 1}'
    )
    returning id into v_sync_id;

    insert into tax.instrument_facts (user_id, instrument_id, identifiers)
    values (v_user_id, v_instrument_id, array['isin:' || v_marker]);
    insert into tax.lot_method_elections (user_id, account_id, instrument_id, method, effective_from)
    values (v_user_id, v_account_id, v_instrument_id, 'specific', date '2024-01-01');

    -- A purchase, a sale at a loss that names it, a replacement within 30 days, and a transfer between the two accounts.
    insert into core.transactions (
        user_id, account_id, instrument_id, sync_id, transaction_type, source, external_id, dedupe_key, order_id,
        executed_at, trade_date, quantity, price, gross_amount, commission, net_amount, currency, metadata
    )
    values (
        v_user_id, v_account_id, v_instrument_id, v_sync_id, 'buy', 'ibkr_activity', v_marker || '-b1', v_marker || '-b1', v_marker,
        timestamptz '2024-02-01 15:00+00', date '2024-02-01', 10, 100, -1000, -1, -1001, 'USD', jsonb_build_object('description', v_marker)
    )
    returning id into v_buy_id;
    insert into core.transactions (
        user_id, account_id, instrument_id, sync_id, transaction_type, source, external_id, dedupe_key, order_id,
        executed_at, trade_date, quantity, price, gross_amount, commission, net_amount, currency
    )
    values (
        v_user_id, v_account_id, v_instrument_id, v_sync_id, 'sell', 'ibkr_activity', v_marker || '-s1', v_marker || '-s1', v_marker,
        timestamptz '2024-03-01 15:00+00', date '2024-03-01', -4, 90, 360, -1, 359, 'USD'
    )
    returning id into v_sale_id;
    insert into core.transactions (
        user_id, account_id, instrument_id, sync_id, transaction_type, source, external_id, dedupe_key, order_id,
        executed_at, trade_date, quantity, price, gross_amount, commission, net_amount, currency
    )
    values (
        v_user_id, v_account_id, v_instrument_id, v_sync_id, 'buy', 'ibkr_activity', v_marker || '-b2', v_marker || '-b2', v_marker,
        timestamptz '2024-03-10 15:00+00', date '2024-03-10', 4, 91, -364, -1, -365, 'USD'
    )
    returning id into v_again_id;
    insert into core.transactions (
        user_id, account_id, instrument_id, sync_id, transaction_type, source, external_id, dedupe_key, trade_date, quantity, currency
    )
    values (
        v_user_id, v_account_id, v_instrument_id, v_sync_id, 'transfer_out', 'ibkr_activity', v_marker || '-o1', v_marker || '-o1',
        date '2024-05-01', -1, 'USD'
    )
    returning id into v_out_id;
    insert into core.transactions (
        user_id, account_id, instrument_id, transaction_type, source, external_id, dedupe_key, trade_date, quantity, currency
    )
    values (
        v_user_id, v_other_account_id, v_instrument_id, 'transfer_in', 'schwab', v_marker || '-i1', v_marker || '-i1', date '2024-05-01', 1, 'USD'
    )
    returning id into v_in_id;

    insert into tax.transaction_terms (user_id, transaction_id, fx_rate, covered)
    values (v_user_id, v_buy_id, 1, true);
    insert into tax.transaction_links (user_id, from_id, to_id, kind)
    values (v_user_id, v_out_id, v_in_id, 'transfer');
    insert into tax.lot_picks (user_id, transaction_id, pick_order, opening_transaction_id, quantity)
    values (v_user_id, v_sale_id, 1, v_buy_id, 4);

    insert into ingest.files (user_id, sync_id, name, size_bytes, period_end)
    values (v_user_id, v_sync_id, v_marker || '.csv', 1000, date '2024-03-31');
    insert into ingest.lines (
        user_id, sync_id, line_number, verdict, transaction_id, account_id, instrument_id, source, dedupe_key, trade_date, day_rank, raw, attested
    )
    select
        v_user_id, v_sync_id, place.line, 'new', t.id, t.account_id, t.instrument_id, t.source, t.dedupe_key, t.trade_date, 1,
        v_marker || ',' || place.line, to_jsonb(t) || jsonb_build_object('type', t.transaction_type)
    from (values (1, v_buy_id), (2, v_sale_id)) place (line, id)
    join core.transactions t on t.user_id = v_user_id and t.id = place.id;
    insert into ingest.lines (user_id, sync_id, line_number, verdict, raw, refused_column, reason)
    values (v_user_id, v_sync_id, 3, 'refused', v_marker || ',x', 'quantity', 'not a number: ' || v_marker);
    insert into ingest.line_links (user_id, sync_id, from_line, to_line, kind)
    values (v_user_id, v_sync_id, 2, 1, 'correction');
    insert into ingest.line_picks (user_id, sync_id, line_number, pick_order, opening_line, quantity)
    values (v_user_id, v_sync_id, 2, 1, 1, 4);
    insert into ingest.corrections (user_id, account_id, source, dedupe_key, corrected, original, reason)
    values (
        v_user_id, v_account_id, 'ibkr_activity', v_marker || '-b2', '{"price": 91}', '{"price": 19}', v_marker || ' mistyped'
    );
    insert into ingest.broker_positions (user_id, sync_id, line_number, account_id, instrument_id, as_of, quantity, cost_basis, currency)
    values (v_user_id, v_sync_id, 10, v_account_id, v_instrument_id, date '2024-03-31', 10, 965.6, 'USD');
    insert into ingest.broker_lots (user_id, sync_id, line_number, account_id, instrument_id, as_of, acquired_on, quantity, cost_basis, currency)
    values (v_user_id, v_sync_id, 11, v_account_id, v_instrument_id, date '2024-03-31', date '2024-02-01', 6, 600.6, 'USD');
    insert into ingest.broker_cash (user_id, sync_id, line_number, account_id, currency, as_of, moment, amount)
    values (v_user_id, v_sync_id, 12, v_account_id, 'USD', date '2024-03-31', 'end', 5000);
    insert into ingest.reconciliations (user_id, as_of, inputs_digest, checked, differences)
    values (v_user_id, date '2024-03-31', encode(sha256(v_marker::bytea), 'hex'), '{"positions": 1, "lots": 1, "cash": 1}', 1)
    returning id into v_reconciliation_id;
    insert into ingest.findings (user_id, reconciliation_id, account_id, symbol, kind, ours, broker, cause, status, evidence)
    values (v_user_id, v_reconciliation_id, v_account_id, 'USD', 'cash', -1007, 5000, 'opening_balance', 'open', jsonb_build_object('note', v_marker));
    insert into ingest.acceptances (user_id, account_id, symbol, kind, ours, broker, cause, detail, reason)
    values (v_user_id, v_account_id, 'EUR', 'cash', 1, 2, 'opening_balance', '', v_marker || ' lent out');
    -- Two sources of one event, and a decision about another; a ticker that is two companies.
    insert into ingest.matches (user_id, account_id, source, dedupe_key, counted_source, counted_key, trade_date, rule)
    values (v_user_id, v_account_id, 'ofx', v_marker || '-x1', 'ibkr_activity', v_marker || '-b1', date '2024-02-01', 'equal');
    insert into ingest.decisions (user_id, account_id, verdict, reason)
    values (v_user_id, v_account_id, 'different', v_marker || ' bought twice')
    returning id into v_decision_id;
    insert into ingest.decision_members (user_id, decision_id, account_id, source, dedupe_key, trade_date)
    values
        (v_user_id, v_decision_id, v_account_id, 'ibkr_activity', v_marker || '-b2', date '2024-03-10'),
        (v_user_id, v_decision_id, v_account_id, 'ofx', v_marker || '-x2', date '2024-03-10');
    insert into core.instruments (symbol, instrument_type, currency)
    values (upper(v_marker) || '~2', 'stock', 'USD')
    returning id into v_second_instrument_id;
    insert into tax.instrument_facts (user_id, instrument_id, identifiers)
    values (v_user_id, v_second_instrument_id, array['cusip:' || v_marker]);
    insert into ingest.instrument_changes (user_id, kind, from_instrument_id, into_instrument_id, moved, reason)
    values (
        v_user_id, 'split', v_instrument_id, v_second_instrument_id, jsonb_build_object('identifiers', jsonb_build_array('cusip:' || v_marker)),
        v_marker || ' is two'
    );

    insert into ingest.identity_counts (user_id, added)
    values (v_user_id, 2);
    insert into tax.corrected_books (user_id, cause, instrument_ids)
    values (v_user_id, 'a_migration_of_' || v_marker, array[v_instrument_id]);

    insert into ingest.staging (load_id, user_id, kind, line_number, raw, chunk)
    values (gen_random_uuid(), v_user_id, 'line', 1, v_marker, 1);

    -- After the import: its number is the larger one.
    insert into ingest.feeds (user_id, name, service, settings, since, account_ids)
    values (v_user_id, v_marker, 'ibkr', '{"query": "123456"}', date '2024-01-01', array[v_account_id])
    returning id into v_feed_id;
    insert into core.sync_history (user_id, account_id, kind, source)
    values (v_user_id, v_account_id, 'sync', 'sync_ibkr')
    returning id into v_attempt_id;
    insert into ingest.sync_attempts (user_id, sync_id, feed_id, run_id, try_number, asked_from, asked_through)
    values (v_user_id, v_attempt_id, v_feed_id, gen_random_uuid(), 1, date '2024-01-01', date '2024-03-31');
    insert into ingest.today_executions (
        user_id, account_id, execution_id, instrument_id, executed_at, trade_date, quantity, price, currency, sync_id
    )
    values (v_user_id, v_account_id, v_marker || '.01', v_instrument_id, now(), current_date, 5, 10, 'USD', v_attempt_id);
    insert into auth.feed_credentials (user_id, feed_id, sealed)
    values (v_user_id, v_feed_id, 'gAAAA' || repeat('a', 100));

    insert into core.alerts (user_id, instrument_id, name, alert_type, condition)
    values (v_user_id, v_instrument_id, v_marker || ' falls', 'price', '{"below": "80"}');
    insert into auth.database_logins (login_name, user_id)
    values ('qm_' || v_marker, v_user_id);

    -- Secrets: nobody may see any of these, whatever they are.
    insert into auth.credentials (user_id, password_hash, password_changed_at, totp_secret, totp_confirmed_at)
    values (v_user_id, '$2a$10$' || repeat('a', 53), now(), sha256(v_marker::bytea), now());
    insert into auth.recovery_codes (user_id, code_digest)
    values (v_user_id, sha256(('code ' || v_marker)::bytea));
    insert into auth.one_time_tokens (user_id, purpose, token_digest, expires_at)
    values (v_user_id, 'reset', sha256(('reset ' || v_marker)::bytea), now() + interval '1 hour');
    insert into auth.sessions (user_id, label, method, expires_at)
    values (v_user_id, v_marker || ' phone', 'password', now() + interval '1 day');
    insert into auth.refresh_tokens (user_id, session_id, token_digest)
    select s.user_id, s.id, sha256(('refresh ' || v_marker)::bytea)
    from auth.sessions s
    where s.user_id = v_user_id;
    insert into auth.api_keys (user_id, name, prefix, key_digest, scopes)
    values (
        v_user_id, v_marker || ' script', substr(md5(v_marker), 1, 8),
        sha256(convert_to(format('qm_%s_%s', substr(md5(v_marker), 1, 8), v_marker), 'UTF8')), '{read,write}'
    );
    insert into auth.identities (user_id, provider, subject, email)
    values (v_user_id, 'google', v_marker, p_label || '@example.test');
    insert into auth.grants (user_id, grantee_id, account_id, access)
    values (v_user_id, tests.create_user(p_label || '-friend'), v_account_id, 'read');
    insert into auth.mails (recipient, subject, body)
    values (p_label || '@example.test', v_marker || ' asked', 'Token: reset ' || v_marker);
    update auth.mails
    set status = 'dead'
    where recipient = p_label || '@example.test';
    insert into auth.mails (recipient, subject, body)
    values (p_label || '@other.test', v_marker || ' asked', 'Token: ' || v_marker);
    insert into auth.registrations (token_digest, email, password_hash, expires_at)
    values (sha256(('register ' || v_marker)::bytea), p_label || '@new.test', '$2a$10$' || repeat('a', 53), now() + interval '1 day');
    insert into auth.oauth_requests (state_digest, provider, nonce, code_verifier, redirect_uri, ticket_digest, person_id, expires_at)
    values (
        sha256(('state ' || v_marker)::bytea), 'google', v_marker, v_marker, 'http://127.0.0.1/', sha256(('ticket ' || v_marker)::bytea), v_user_id,
        now() + interval '1 hour'
    );
    insert into work.jobs (user_id, person_id, kind, asked_as, idempotency_key, progress, result)
    values (
        v_user_id, v_user_id, 'totals', jsonb_build_object('sub', v_user_id, 'role', 'quantmatrix_user'), v_marker, v_marker || ' asked', '{}'
    );
    insert into work.heartbeats (worker, kinds, started_at, seen_at)
    values (v_marker, '{jobs}', now(), now());
    insert into work.turns (kind, due_at)
    values (v_marker, now());
    perform audit.erase(gen_random_uuid());

    -- Derived rows: what the engine made stays; where it made none, one row stands in.
    for v_derived in select t.table_name::text from auth.tenancies() t where t.kind = 'derived' loop
        perform tests.stand_in(v_derived, jsonb_build_object(
            'user_id', v_user_id, 'account_id', v_account_id, 'instrument_id', v_instrument_id, 'group_id', v_instrument_id, 'currency', 'USD',
            'opening_transaction_id', v_buy_id, 'closing_transaction_id', v_sale_id, 'loss_transaction_id', v_sale_id,
            'replacement_transaction_id', v_again_id, 'replacement_account_id', v_account_id, 'replacement_instrument_id', v_instrument_id,
            'transaction_id', v_buy_id, 'quantity', 4, 'quantity_opened', 6, 'quantity_remaining', 6, 'cost_remaining', 600, 'piece', 1,
            'basis_status', 'known', 'lot_id', (select min(l.id) from core.tax_lots l where l.user_id = v_user_id),
            'closed_on', date '2024-03-01', 'proceeds', 359, 'basis', 400.4, 'disallowed', 41.4, 'tax_year', 2024, 'amount', 41.4,
            'sentence', v_marker || ' sold at a loss.'
        ));
    end loop;

    for v_table in select t.table_name, t.tenant_column from tests.tenant_tables t loop
        execute format('select exists (select from %s t where t.%I = $1)', v_table.table_name, v_table.tenant_column)
            into v_found using v_user_id;
        if not v_found then
            raise exception 'the fixture has no row for % in %', p_label, v_table.table_name
                using hint = 'add one in db/tests/helpers/30_two_tenants.sql';
        end if;
    end loop;
    return v_user_id;
end
$$;

comment on function tests.fixture_tenant(text) is 'A person with a row in every table that has a tenant; the marker in the words is zq and the label.';

create function tests.fixture_two_tenants()
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    perform tests.fixture_tenant('ann');
    perform tests.fixture_tenant('bob');
end
$$;

comment on function tests.fixture_two_tenants() is 'The people ann and bob, each with a row in every table that has a tenant. Call as superuser.';

grant execute on all functions in schema tests to public;
