-- What people enter by hand: a transaction, and the basis of units that came from elsewhere. Lots are rebuilt by triggers in the same transaction.

create function api.transaction_add(transaction jsonb, reason text, dry_run boolean default false)
returns setof api.transactions
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_user();
    v_object constant jsonb := transaction_add.transaction;
    v_account core.accounts;
    v_account_id bigint;
    v_fields jsonb;
    v_terms jsonb;
    v_currency text;
    v_instrument_id bigint;
    v_new_instrument_id bigint;
    v_id bigint;
    v_known core.transactions;
    v_most constant integer := 20000;
    v_constraint text;
begin
    if transaction_add.dry_run then
        return query
        select r.*
        from jsonb_populate_record(null::api.transactions, auth.dry_run(format(
            'select to_jsonb(r) from api.transaction_add(%L, %L) r', transaction_add.transaction, transaction_add.reason
        ))) r;
        return;
    end if;
    perform tax.lock_taxpayer(v_user_id);
    perform ingest.require_reason(transaction_add.reason);
    perform ingest.refuse_unknown_fields(
        v_object,
        array(select jsonb_object_keys(ingest.transaction_fields())) || ingest.instrument_fields('') || ingest.instrument_fields('new_')
        || array['account', 'terms', 'links', 'picks'],
        'transaction'
    );
    v_fields := ingest.read_fields(v_object, ingest.transaction_fields());
    if v_object ? 'terms' then
        perform ingest.refuse_unknown_fields(v_object -> 'terms', array(select jsonb_object_keys(ingest.terms_fields())), 'terms');
    end if;
    v_terms := ingest.read_fields(coalesce(v_object -> 'terms', '{}'), ingest.terms_fields());
    if v_fields ->> 'transaction_type' is null then
        raise exception 'transaction_type: is wanted' using errcode = 'QM002', hint = 'one of ' || ingest.words_of('core.transaction_type');
    end if;
    v_account_id := ingest.require_account(v_user_id, v_object ->> 'account');
    select a.*
    into strict v_account
    from core.accounts a
    where a.user_id = v_user_id
    and a.id = v_account_id;

    v_currency := upper(coalesce(v_fields ->> 'currency', v_account.base_currency));
    v_instrument_id := ingest.named_instrument(
        v_user_id, v_object, '', case v_fields ->> 'transaction_type' when 'fx_conversion' then 'currency' end, v_currency
    );
    v_new_instrument_id := ingest.named_instrument(v_user_id, v_object, 'new_', null, v_currency);
    v_fields := ingest.complete_transaction(
        v_fields || jsonb_build_object('fee_currency', v_terms -> 'fee_currency'),
        coalesce((select i.multiplier from core.instruments i where i.id = v_instrument_id), 1)
    );
    if v_instrument_id is not null and v_object ->> 'currency' is null then
        v_currency := case v_fields ->> 'transaction_type'
            when 'fx_conversion' then v_currency
            else (select i.currency from core.instruments i where i.id = v_instrument_id)
        end;
    end if;

    select t.*
    into v_known
    from core.transactions t
    where t.user_id = v_user_id
    and t.account_id = v_account_id
    and t.source = 'manual'
    and t.dedupe_key = 'id:' || (v_fields ->> 'external_id');
    if found then
        if not ingest.says_the_same(v_known, v_fields, v_terms, v_instrument_id, v_new_instrument_id, v_currency, v_object) then
            perform auth.refuse(
                409, 'QM062', format('transaction %s has this external_id already, and says something else', v_known.id),
                'correct that one (`transaction_correct`), or give the new one an external_id of its own'
            );
        end if;
        return query select t.* from api.transactions t where t.id = v_known.id;
        return;
    end if;
    if (
        select count(*) from (
            select from core.transactions t
            where t.user_id = v_user_id and t.account_id = v_account_id and t.source = 'manual'
            limit v_most
        ) k
    ) = v_most then
        raise exception 'an account may have at most % transactions by hand', v_most
            using errcode = 'QM063', hint = 'import them as a file: `import`';
    end if;
    v_id := nextval('core.transactions_id_seq');

    perform ingest.add_transaction(
        v_user_id, v_id, v_account.id, v_instrument_id, v_new_instrument_id, v_currency, v_fields, v_terms, v_object -> 'links', v_object -> 'picks'
    );
    perform matching.pair_transfers(v_user_id);
    return query select t.* from api.transactions t where t.id = v_id;
exception
    when check_violation or foreign_key_violation or unique_violation or not_null_violation then
        get stacked diagnostics v_constraint = constraint_name;
        raise exception '%', coalesce(ingest.refusal_text(nullif(v_constraint, '')), sqlerrm) using errcode = 'QM002', detail = sqlerrm;
    when invalid_parameter_value or invalid_text_representation or numeric_value_out_of_range then
        raise exception 'transaction: %', sqlerrm using errcode = 'QM002';
end
$$;

comment on function api.transaction_add(jsonb, text, boolean) is $$Add a transaction by hand
transaction: an object with account, transaction_type, trade_date or executed_at, symbol (and instrument_type, currency, multiplier, option_type, strike, expiration, underlying where it is new), quantity, price, gross_amount, commission, fees, net_amount, currency, settlement_date, position_effect, order_id, description, new_symbol; terms: an object; links: a list of {kind, from_id or to_id}; picks: a list of {opening_transaction_id, quantity, leg}. Quantities and amounts are signed in the account's view; costs are negative. Amounts of a trade follow from quantity and price where none is stated. external_id: yours; with it the call may be repeated after a lost answer, and returns the row that it made (QM062, 409: that row says something else). dry_run: everything is done and taken back; the answer says what it would have been.$$;

create function api.basis_set(transaction_id bigint, basis numeric default null, acquired_on date default null, reason text default null)
returns setof api.transactions
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_user();
    v_transfer core.transactions;
    v_key text;
    v_id bigint := nextval('core.transactions_id_seq');
begin
    perform tax.lock_taxpayer(v_user_id);
    perform ingest.require_reason(basis_set.reason);
    v_transfer := ingest.transaction_key(v_user_id, basis_set.transaction_id);
    if v_transfer.instrument_id is null
        or v_transfer.transaction_type not in ('transfer_in', 'promotion') and not tax.opens_unknown_lots(v_user_id, v_transfer.id)
    then
        raise exception 'transaction % is a %: only units that were transferred in can be given a basis', v_transfer.id, v_transfer.transaction_type
            using errcode = 'QM002',
            hint = coalesce(
                'its basis was shared with what was spun off: state the share in transaction '
                || array_to_string(tax.spinoffs_without_share(v_user_id, v_transfer.account_id, v_transfer.instrument_id), ' and ')
                || ' with `transaction_correct` (terms: basis_fraction)',
                format('correct the transaction itself: `transaction_correct(transaction_id => %s)`', v_transfer.id)
            );
    elsif basis_set.basis is null and basis_set.acquired_on is null then
        raise exception 'basis: is wanted, or acquired_on' using errcode = 'QM002';
    elsif basis_set.basis < 0 or basis_set.basis in ('NaN', 'Infinity') then
        raise exception 'basis: "%" is no cost', basis_set.basis using errcode = 'QM002';
    elsif basis_set.acquired_on > v_transfer.trade_date then
        raise exception 'acquired_on: % is after the transfer of %', basis_set.acquired_on, v_transfer.trade_date using errcode = 'QM002';
    end if;

    v_key := matching.basis_key(v_transfer.source, v_transfer.dedupe_key);
    -- An earlier answer by hand gives way.
    delete from core.transactions t
    using tax.transaction_links l
    where l.user_id = v_user_id
    and l.to_id = v_transfer.id
    and l.kind = 'basis'
    and t.user_id = v_user_id
    and t.id = l.from_id
    and t.source = 'manual';
    -- So does the word that an earlier one was void.
    delete from ingest.corrections c
    where c.user_id = v_user_id
    and c.account_id = v_transfer.account_id
    and c.source = 'manual'
    and c.dedupe_key = v_key;

    -- Dated as the transfer, so that it holds at every day from there on.
    with added as (
        insert into core.transactions (
            user_id, id, account_id, instrument_id, transaction_type, source, dedupe_key, trade_date, sequence, currency
        )
        values (
            v_user_id, v_id, v_transfer.account_id, v_transfer.instrument_id, 'set_basis', 'manual', v_key,
            v_transfer.trade_date, v_transfer.sequence, v_transfer.currency
        )
        returning id
    ),
    terms_added as (
        insert into tax.transaction_terms (user_id, transaction_id, supplied_basis, supplied_acquired_on)
        values (v_user_id, v_id, basis_set.basis, basis_set.acquired_on)
        returning transaction_terms.transaction_id
    )
    insert into tax.transaction_links (user_id, from_id, to_id, kind)
    values (v_user_id, v_id, v_transfer.id, 'basis');

    return query select t.* from api.transactions t where t.id = v_id;
end
$$;

comment on function api.basis_set(bigint, numeric, date, text) is $$Supply the basis of units that were transferred in
basis: total cost in the tax currency; acquired_on: when they were bought. Also for units that a corporate action or an exercise brought out of what is not in the book. Unknown stays null, never 0. Gains already taken are reckoned again.$$;

grant execute on function api.transaction_add(jsonb, text, boolean), api.basis_set(bigint, numeric, date, text)
    to quantmatrix_user, quantmatrix_admin;

alter function api.transaction_add(jsonb, text, boolean) owner to quantmatrix_writer;
alter function api.basis_set(bigint, numeric, date, text) owner to quantmatrix_writer;
