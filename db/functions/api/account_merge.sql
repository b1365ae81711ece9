-- Two accounts that are one: a mistyped number made a second account, or a broker changed the number. Everything that names the one is moved to the
-- other, and what files state is applied again, so that the book is as if all had been imported into one account from the start.

create function api.account_merge(from_account text, into_account text, reason text, dry_run boolean default false)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_user();
    v_reason constant text := btrim(account_merge.reason);
    v_from core.accounts;
    v_into core.accounts;
    v_imports bigint;
    v_moved record;
    v_applied jsonb;
begin
    if account_merge.dry_run then
        return auth.dry_run(format(
            'select api.account_merge(%L, %L, %L)',
            account_merge.from_account, account_merge.into_account, account_merge.reason
        ));
    end if;
    perform ingest.require_all_accounts();
    perform tax.lock_taxpayer(v_user_id);
    perform ingest.require_reason(v_reason);
    select a.* into v_from
    from core.accounts a
    where a.user_id = v_user_id
    and a.id = ingest.require_account(v_user_id, account_merge.from_account);
    select a.* into v_into
    from core.accounts a
    where a.user_id = v_user_id
    and a.id = ingest.require_account(v_user_id, account_merge.into_account);
    perform ingest.require_mergeable(v_user_id, v_from, v_into);

    perform audit.note_own(
        'accounts', v_from.id::text, 'update',
        jsonb_build_object('account_number', v_from.account_number, 'merged_into', v_into.id, 'merged_into_number', v_into.account_number), v_reason
    );
    select count(*)
    into v_imports
    from core.sync_history h
    where h.user_id = v_user_id
    and h.account_id = v_from.id
    and h.status = 'finished';
    perform ingest.move_beside(v_user_id, v_from.id, v_into.id);
    select * into v_moved from ingest.move_transactions(v_user_id, v_from.id, v_into.id);
    v_applied := ingest.apply_lines_of_account(v_user_id, v_into.id);
    update core.accounts a
    set sync_cursor = coalesce(v_from.sync_cursor || v_into.sync_cursor, v_into.sync_cursor, v_from.sync_cursor),
        last_synced_at = greatest(v_from.last_synced_at, v_into.last_synced_at),
        metadata = v_from.metadata || v_into.metadata
    where a.user_id = v_user_id
    and a.id = v_into.id;
    delete from core.accounts a
    where a.user_id = v_user_id
    and a.id = v_from.id;
    return jsonb_build_object(
        'from', v_from.account_number, 'into', v_into.account_number, 'imports', v_imports,
        'transactions', v_applied || jsonb_build_object('moved', v_moved.moved, 'counted_once', v_moved.counted_once)
    );
end
$$;

comment on function api.account_merge(text, text, text, boolean) is $$Merge two accounts that are one
Everything of from_account is moved to into_account, whose settings hold, and from_account is removed: a number was mistyped, or changed. Rows that both hold count once. Refused (QM002): the same file imported into both, rows of both that you corrected or entered by hand, another type, currency or broker, transfers between them. Keys and shares for from_account alone end. Lots are rebuilt. dry_run: everything is done and taken back; the answer says what it would have been.$$;
grant execute on function api.account_merge(text, text, text, boolean) to quantmatrix_user, quantmatrix_admin;

alter function api.account_merge(text, text, text, boolean) owner to quantmatrix_writer;
