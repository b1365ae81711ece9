-- One name that is two things: some of its rows move to another instrument, in one person's book alone.

create function api.instrument_split(
    from_instrument text, reason text, into_instrument text default null, transactions bigint[] default null, since date default null,
    until date default null, account text default null, identifiers text[] default null, dry_run boolean default false
)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_user();
    v_reason constant text := btrim(instrument_split.reason);
    v_by_day constant boolean := num_nonnulls(instrument_split.since, instrument_split.until, instrument_split.account) > 0;
    v_from core.instruments;
    v_into core.instruments;
    v_account_id bigint;
    v_ids bigint[];
    v_missing text;
    v_identifiers text[] := coalesce(instrument_split.identifiers, '{}');
    v_change_id bigint;
    v_moved jsonb;
    v_applied jsonb;
begin
    if instrument_split.dry_run then
        return auth.dry_run(format(
            'select api.instrument_split(%L, %L, %L, %L, %L, %L, %L, %L)',
            instrument_split.from_instrument, instrument_split.reason, instrument_split.into_instrument, instrument_split.transactions,
            instrument_split.since, instrument_split.until, instrument_split.account, instrument_split.identifiers
        ));
    end if;
    perform ingest.require_all_accounts();
    perform tax.lock_taxpayer(v_user_id);
    perform ingest.require_reason(v_reason);
    v_from := ingest.own_instrument(v_user_id, instrument_split.from_instrument);
    if instrument_split.account is not null then
        v_account_id := ingest.require_account(v_user_id, instrument_split.account);
    end if;
    if not v_by_day and instrument_split.transactions is null and v_identifiers = '{}' then
        raise exception 'say what leaves %: transactions, since or until, an account, identifiers', v_from.symbol using errcode = 'QM002';
    elsif v_by_day and instrument_split.transactions is not null then
        raise exception 'transactions: name them, or say since, until and account, but not both' using errcode = 'QM002';
    elsif ingest.counted_instrument(v_user_id, v_from.id) <> v_from.id then
        raise exception '% was merged into another instrument: split that one, or undo the merge', v_from.symbol
            using errcode = 'QM002', hint = '`instrument_changes`';
    end if;

    select string_agg(w.word, ', ')
    into v_missing
    from unnest(v_identifiers) w (word)
    where not exists (
        select from tax.instrument_facts f
        where f.user_id = v_user_id
        and f.instrument_id = v_from.id
        and w.word = any (f.identifiers)
    );
    if v_missing is not null then
        raise exception 'identifiers: % is not known of %', v_missing, v_from.symbol
            using errcode = 'QM001', hint = format('`instruments(symbol => %L)`', v_from.symbol);
    end if;
    select array_agg(t.id)
    into v_ids
    from core.transactions t
    where t.user_id = v_user_id
    and t.instrument_id = v_from.id
    and case
        when instrument_split.transactions is not null then t.id = any (instrument_split.transactions)
        else v_by_day
            and t.trade_date >= coalesce(instrument_split.since, t.trade_date)
            and t.trade_date <= coalesce(instrument_split.until, t.trade_date)
            and t.account_id = coalesce(v_account_id, t.account_id)
    end;
    select string_agg(w.id::text, ', ' order by w.id)
    into v_missing
    from unnest(instrument_split.transactions) w (id)
    where not w.id = any (coalesce(v_ids, '{}'));
    if v_missing is not null then
        raise exception 'transaction %: not one of %', v_missing, v_from.symbol
            using errcode = 'QM001', hint = format('`transactions(symbol => %L)`', v_from.symbol);
    elsif v_ids is null and v_identifiers = '{}' then
        raise exception 'no transaction of % is meant by that', v_from.symbol using errcode = 'QM001';
    end if;

    v_into := ingest.split_target(v_user_id, v_from, btrim(instrument_split.into_instrument));
    if v_into.id = v_from.id then
        raise exception 'into: % is where they are', v_from.symbol using errcode = 'QM002';
    elsif v_from.currency <> v_into.currency or v_from.multiplier <> v_into.multiplier then
        raise exception 'into: another currency or multiplier' using errcode = 'QM002', detail = v_into.symbol || ' in ' || v_into.currency;
    end if;

    v_moved := ingest.move_transactions(v_user_id, v_into.id, v_ids, v_reason) || jsonb_strip_nulls(jsonb_build_object(
        'identifiers', case when v_identifiers <> '{}' then to_jsonb(v_identifiers) end
    ));
    if v_by_day then
        v_moved := v_moved
            || ingest.move_evidence(v_user_id, v_from.id, v_into.id, v_account_id, instrument_split.since, instrument_split.until);
    end if;

    insert into ingest.instrument_changes (user_id, kind, from_instrument_id, into_instrument_id, moved, reason)
    values (v_user_id, 'split', v_from.id, v_into.id, v_moved, v_reason)
    returning id into v_change_id;
    perform audit.note_own(
        'instrument_changes', v_change_id::text, 'insert',
        jsonb_build_object('kind', 'split', 'from', v_from.symbol, 'from_id', v_from.id, 'into', v_into.symbol, 'into_id', v_into.id, 'transactions', to_jsonb(v_ids)),
        v_reason
    );
    perform ingest.move_identifiers(v_user_id, v_from.id, v_into.id, v_identifiers);
    v_applied := ingest.apply_lines_of_instruments(v_user_id, array[v_from.id, v_into.id]);
    return jsonb_build_object(
        'change', v_change_id, 'kind', 'split', 'from', v_from.symbol, 'into', v_into.symbol, 'moved', coalesce(cardinality(v_ids), 0),
        'transactions', v_applied
    );
end
$$;

comment on function api.instrument_split(text, text, text, bigint[], date, date, text, text[], boolean) is $$Split an instrument that is two
Moves transactions, by number or by since, until and account (with the broker's positions of those days), and identifiers, by which later imports find it, to into_instrument: one of yours, a new symbol, or the next number of the ticker (ABC~2) where none is named. In your books alone. Lots are rebuilt. instrument_change_undo takes it back. dry_run: everything is done and taken back; the answer says what it would have been.$$;
grant execute on function api.instrument_split(text, text, text, bigint[], date, date, text, text[], boolean) to quantmatrix_user, quantmatrix_admin;

alter function api.instrument_split(text, text, text, bigint[], date, date, text, text[], boolean) owner to quantmatrix_writer;
