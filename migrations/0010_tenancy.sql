-- Whose the rows of a table are is said once, by the table itself: the last line of its comment. Policies, rights and tests follow it.

do $$
declare
    v_table record;
begin
    for v_table in
        select t.table_name, t.kind, obj_description(t.table_name::regclass, 'pg_class') as said
        from (
            values
                ('core.users', 'input'),
                ('core.accounts', 'input'),
                ('core.sync_history', 'input'),
                ('core.transactions', 'input'),
                ('core.alerts', 'input'),
                ('tax.transaction_terms', 'input'),
                ('tax.transaction_links', 'input'),
                ('tax.lot_picks', 'input'),
                ('tax.instrument_facts', 'input'),
                ('tax.lot_method_elections', 'input'),
                ('ingest.files', 'input'),
                ('ingest.lines', 'input'),
                ('ingest.line_links', 'input'),
                ('ingest.line_picks', 'input'),
                ('ingest.corrections', 'input'),
                ('ingest.broker_positions', 'input'),
                ('ingest.broker_lots', 'input'),
                ('ingest.broker_cash', 'input'),
                ('ingest.reconciliations', 'input'),
                ('ingest.acceptances', 'input'),
                ('ingest.findings', 'input'),
                ('ingest.feeds', 'input'),
                ('ingest.sync_attempts', 'input'),
                ('ingest.today_executions', 'input'),
                ('ingest.decisions', 'input'),
                ('ingest.decision_members', 'input'),
                ('ingest.matches', 'input'),
                ('ingest.instrument_changes', 'input'),
                ('core.positions', 'derived'),
                ('core.tax_lots', 'derived'),
                ('tax.rebuild_state', 'derived'),
                ('tax.instrument_groups', 'derived'),
                ('tax.lot_state', 'derived'),
                ('tax.closings', 'derived'),
                ('tax.wash_matches', 'derived'),
                ('tax.notices', 'derived'),
                ('tax.corrected_books', 'derived'),
                ('ingest.staged_parts', 'derived'),
                ('ingest.identity_counts', 'derived'),
                ('core.audit_logs', 'logged'),
                ('work.jobs', 'asked'),
                ('auth.database_logins', 'secret'),
                ('auth.credentials', 'secret'),
                ('auth.recovery_codes', 'secret'),
                ('auth.one_time_tokens', 'secret'),
                ('auth.sessions', 'secret'),
                ('auth.refresh_tokens', 'secret'),
                ('auth.api_keys', 'secret'),
                ('auth.grants', 'secret'),
                ('auth.identities', 'secret'),
                ('auth.feed_credentials', 'secret'),
                ('auth.signing_keys', 'secret'),
                ('auth.registrations', 'secret'),
                ('auth.mails', 'secret'),
                ('auth.oauth_requests', 'secret'),
                ('core.instruments', 'shared'),
                ('core.market_data', 'shared'),
                ('auth.settings', 'platform'),
                ('work.heartbeats', 'platform'),
                ('work.turns', 'platform'),
                ('ingest.held_prices', 'platform'),
                ('ingest.price_actions', 'platform'),
                ('audit.links', 'platform'),
                ('audit.erasures', 'platform'),
                ('audit.epochs', 'platform'),
                ('audit.checkpoints', 'platform'),
                ('ingest.staging', 'staged')
        ) t (table_name, kind)
    loop
        execute format('comment on table %s is %L', v_table.table_name, v_table.said || e'\ntenancy: ' || v_table.kind);
    end loop;
end
$$;
