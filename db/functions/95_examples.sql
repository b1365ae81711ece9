-- An example for everything in the API's reference: the body of a call, the address of a view. PostgREST shows a comment's first line as the
-- title and the rest as the description, so each is added to the comment that is there, by whoever owns the object. A test wants one for
-- each function and view.

do $$
declare
    v_object record;
begin
    for v_object in
        select 'function' as kind, p.oid::regprocedure::text as name, p.proowner::regrole as owner,
            obj_description(p.oid, 'pg_proc') as comment, 'Example: ' || e.example as example
        from (
            values
                ('account_add', '{"broker": "ibkr", "account_number": "U1000001", "name": "Main", "account_type": "taxable"}'),
                ('account_set', '{"account": "U1000001", "changes": {"account_type": "ira", "lot_method": "hifo"}}'),
                ('audit_verify', '{"noted_head": "4711:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}'),
                ('basis_set', '{"transaction_id": 17, "basis": "1250.00", "acquired_on": "2019-05-14", "reason": "statement of the former broker"}'),
                ('book_inspect', '{"email": "ann@example.org", "reason": "ticket 17: totals look wrong", "access": "read"}'),
                ('book_open', '{"email": "ann@example.org", "access": "read"}'),
                ('check_request', '{}'),
                ('difference_accept', '{"finding_id": 4, "reason": "fractional share, paid out later"}'),
                ('email_change', '{"new_email": "ann@example.net", "password": "four unlikely copper teapots"}'),
                ('feed_add', '{"name": "flex", "service": "ibkr", "settings": {"query": "123456"}, "since": "2024-01-01"}'),
                ('feed_credentials', '{"name": "flex"}'),
                ('feed_remove', '{"name": "flex"}'),
                ('feed_seal', '{"name": "flex", "sealed": "(what quantmatrix sync seals)"}'),
                ('feed_set', '{"name": "flex", "changes": {"overlap_days": 14}}'),
                ('grant_add', '{"email": "friend@example.org", "account": "U1000001", "access": "read", "expires_at": "2030-01-01"}'),
                ('job_add', '{"kind": "lots_compare", "arguments": {"year": 2024}, "idempotency_key": "compare-2024-1"}'),
                ('job_cancel', '{"id": "2f1c8a52-6f0e-4a53-9c0b-0d3c9d6a8b11"}'),
                ('job_result', '{"id": "2f1c8a52-6f0e-4a53-9c0b-0d3c9d6a8b11"}'),
                ('status', '{}'),
                ('grant_list', '{}'),
                ('grant_revoke', '{"id": 3}'),
                ('identity_link', '{}'),
                ('identity_list', '{}'),
                ('identity_unlink', '{"provider": "google"}'),
                ('import_conflict_reopen', '{"decision": 2, "reason": "they are two after all"}'),
                ('import_conflict_resolve', '{"conflict": "1a2b3c", "verdict": "same", "reason": "one dividend, told twice", "keep": "ibkr"}'),
                ('import_conflicts', '{"account": "U1000001"}'),
                ('import_load', '{"load_id": "0b7e8f1c-5a52-4d7c-9a52-1f6f4d0c7a11", "file": {"name": "mine.csv", "source": "mine", "sha256": "0000000000000000000000000000000000000000000000000000000000000000", "size": 30, "records": 1, "dry_run": true}}'),
                ('import_resolve', '{"load_id": "0b7e8f1c-5a52-4d7c-9a52-1f6f4d0c7a11"}'),
                ('import_show', '{"sync_id": 5}'),
                ('import_stage', '{"load_id": "0b7e8f1c-5a52-4d7c-9a52-1f6f4d0c7a11", "chunk": 1, "records": [{"kind": "transaction", "line": 1, "payload": {"account": "U1000001", "type": "deposit", "trade_date": "2024-08-01", "net_amount": "250", "currency": "USD"}}]}'),
                ('import_totals', '{"sync_id": 5}'),
                ('import_undo', '{"sync_id": 5}'),
                ('instrument_change_undo', '{"change": 1, "reason": "another company of the same name"}'),
                ('instrument_facts_set', '{"symbol": "SPX", "facts": {"section_1256": true, "index_family": "spx"}}'),
                ('instrument_merge', '{"from_instrument": "FB", "into_instrument": "META", "reason": "renamed in 2022"}'),
                ('instrument_split', '{"from_instrument": "ABC", "into_instrument": "ABCD", "reason": "two companies used one symbol", "since": "2023-01-01"}'),
                ('key_create', '{"name": "nightly", "scopes": ["import"], "accounts": ["U1000001"], "expires_at": "2030-01-01"}'),
                ('key_exchange', '{"key": "qm_1a2b3c4d_(43 letters)"}'),
                ('key_list', '{}'),
                ('key_revoke', '{"id": 2}'),
                ('legacy_inspect', '{"load_id": "0b7e8f1c-5a52-4d7c-9a52-1f6f4d0c7a11", "migration": {"name": "v1.dump", "records": 500, "timezone": "America/New_York"}}'),
                ('legacy_migrate', '{"load_id": "0b7e8f1c-5a52-4d7c-9a52-1f6f4d0c7a11", "migration": {"name": "v1.dump", "sha256": "0000000000000000000000000000000000000000000000000000000000000000", "size": 1024, "records": 500, "timezone": "America/New_York"}}'),
                ('legacy_resolve', '{"load_id": "0b7e8f1c-5a52-4d7c-9a52-1f6f4d0c7a11", "migration": {"name": "v1.dump", "records": 500, "timezone": "America/New_York"}}'),
                ('lots_compare', '{"year": 2024, "methods": ["fifo", "hifo"]}'),
                ('lots_explain', '{"lot": 12}'),
                ('lots_rebuild', '{"verify": true}'),
                ('mail_list', '{"status": "dead"}'),
                ('mail_retry', '{"id": 9}'),
                ('method_set', '{"account": "U1000001", "symbol": "AAPL", "method": "hifo", "effective_from": "2024-01-01"}'),
                ('oauth_collect', '{"ticket": "(from the address one comes back to)", "verifier": "(the secret whose digest began the sign-in)"}'),
                ('password_change', '{"current_password": "four unlikely copper teapots", "new_password": "nine patient paper lanterns"}'),
                ('password_forgot', '{"email": "ann@example.org"}'),
                ('password_reset', '{"token": "(from the mail)", "new_password": "nine patient paper lanterns"}'),
                ('platform_settings', '{}'),
                ('platform_settings_set', '{"changes": {"registration_open": false}}'),
                ('platform_state', '{}'),
                ('price_action_add', '{"symbol": "NVDA", "day": "2024-06-10", "reason": "ten for one"}'),
                ('prices_decide', '{"symbol": "ABC", "accept": true}'),
                ('prices_held', '{}'),
                ('prices_load', '{"prices": [{"symbol": "AAPL", "type": "stock", "currency": "USD", "day": "2024-08-01", "close": "218.36", "source": "mine"}]}'),
                ('reconcile', '{"account": "U1000001", "as_of": "2024-12-31"}'),
                ('refresh', '{"refresh_token": "qmr_(43 letters)"}'),
                ('register', '{"email": "ann@example.org", "password": "four unlikely copper teapots", "display_name": "Ann"}'),
                ('schema_version', '{}'),
                ('second_factor_begin', '{"password": "four unlikely copper teapots"}'),
                ('second_factor_confirm', '{"code": "123456"}'),
                ('second_factor_remove', '{"password": "four unlikely copper teapots", "code": "123456"}'),
                ('section_104', '{}'),
                ('session_end', '{"id": "7c9e6679-7425-40de-944b-e07fc1f90ae7"}'),
                ('session_list', '{}'),
                ('sign_in', '{"email": "ann@example.org", "password": "four unlikely copper teapots", "label": "my script"}'),
                ('sign_out', '{"everywhere": false}'),
                ('sync_begin', '{"feed": "flex", "run_id": "7c9e6679-7425-40de-944b-e07fc1f90ae7", "through": "2024-12-31", "try_number": 1}'),
                ('sync_end', '{"attempt": 8, "documents": []}'),
                ('sync_fail', '{"attempt": 8, "failure": "unreachable", "detail": "the server did not answer"}'),
                ('sync_judge', '{"attempt": 8, "documents": []}'),
                ('sync_lock', '{"feed": "flex"}'),
                ('tax_settings_set', '{"changes": {"default_lot_method": "hifo"}}'),
                ('today_store', '{"attempt": 8, "load_id": "0b7e8f1c-5a52-4d7c-9a52-1f6f4d0c7a11", "records": 3}'),
                ('totals', '{}'),
                ('transaction_add', '{"transaction": {"account": "U1000001", "transaction_type": "buy", "symbol": "AAPL", "trade_date": "2024-08-01", "quantity": "10", "price": "218.36"}, "reason": "missing in the file"}'),
                ('transaction_correct', '{"transaction_id": 17, "changes": {"price": "218.36"}, "reason": "the file had a typing error"}'),
                ('transaction_void', '{"transaction_id": 17, "reason": "it never happened"}'),
                ('user_add', '{"email": "bob@example.org", "display_name": "Bob", "role": "user"}'),
                ('user_delete', '{"email": "bob@example.org"}'),
                ('user_disable', '{"email": "bob@example.org"}'),
                ('user_erase', '{"email": "bob@example.org", "reason": "asked for it"}'),
                ('user_instruments', '{"email": "ann@example.org", "allowed": 100000}'),
                ('user_list', '{}'),
                ('user_sessions_end', '{"email": "bob@example.org"}'),
                ('user_set_role', '{"email": "bob@example.org", "role": "readonly"}'),
                ('user_unlock', '{"email": "bob@example.org"}'),
                ('verify_email', '{"token": "(from the mail)"}'),
                ('what_if_sale', '{"account": "U1000001", "instrument": "AAPL", "quantity": "5", "price": "230", "method": "hifo"}'),
                ('whoami', '{}')
        ) e (name, example)
        join pg_catalog.pg_proc p on p.proname = e.name and p.pronamespace = 'api'::regnamespace
        union all
        select 'view', c.oid::regclass::text, c.relowner::regrole, obj_description(c.oid, 'pg_class'), 'Example: ' || e.example
        from (
            values
                ('accounts', 'GET /accounts?status=eq.active'),
                ('audit_log', 'GET /audit_log?table_name=eq.transactions&order=id.desc&limit=20'),
                ('cash', 'GET /cash?account=eq.U1000001'),
                ('jobs', 'GET /jobs?status=eq.running&order=asked_at.desc'),
                ('closings', 'GET /closings?closed_on=gte.2024-01-01&order=closed_on'),
                ('differences', 'GET /differences?status=eq.open'),
                ('feeds', 'GET /feeds?needs_attention=is.true'),
                ('holdings', 'GET /holdings?account=eq.U1000001&order=symbol'),
                ('import_decisions', 'GET /import_decisions?undone_at=is.null'),
                ('import_lines', 'GET /import_lines?sync_id=eq.5&verdict=eq.refused'),
                ('import_matches', 'GET /import_matches?symbol=eq.AAPL'),
                ('imports', 'GET /imports?order=started_at.desc&limit=5'),
                ('instrument_changes', 'GET /instrument_changes?undone_at=is.null'),
                ('instruments', 'GET /instruments?symbol=eq.AAPL'),
                ('lots', 'GET /lots?is_open=is.true&symbol=eq.AAPL'),
                ('me', 'GET /me?select=email,role'),
                ('notices', 'GET /notices?code=eq.unknown_basis'),
                ('reconciliations', 'GET /reconciliations?order=created_at.desc&limit=1'),
                ('sync_attempts', 'GET /sync_attempts?feed=eq.flex&order=started_at.desc'),
                ('tax_years', 'GET /tax_years?tax_year=eq.2024'),
                ('today', 'GET /today?account=eq.U1000001'),
                ('today_executions', 'GET /today_executions?symbol=eq.AAPL'),
                ('transactions', 'GET /transactions?symbol=eq.AAPL&trade_date=gte.2024-01-01&order=trade_date'),
                ('wash_sales', 'GET /wash_sales?tax_year=eq.2024')
        ) e (name, example)
        join pg_catalog.pg_class c on c.relname = e.name and c.relnamespace = 'api'::regnamespace
    loop
        execute format('set local role %s', v_object.owner);
        execute format('comment on %s %s is %L', v_object.kind, v_object.name, v_object.comment || e'\n\n' || v_object.example);
    end loop;
    set local role quantmatrix_owner;
end
$$;
