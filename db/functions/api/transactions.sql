-- Transactions by hand: added, corrected, voided. A correction is kept beside the row's identity and stands above all imports; the audit log keeps old
-- values and reason; lots are rebuilt by triggers in the same transaction.

-- A client whose answer was lost sends the same again: it is answered with the row, where the row says what is said now. What has been corrected
-- since is compared as it was.
create function ingest.says_the_same(
    p_known core.transactions, p_fields jsonb, p_terms jsonb, p_instrument_id bigint, p_new_instrument_id bigint, p_currency text, p_object jsonb
)
returns boolean
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_original jsonb := (
        select c.original
        from ingest.corrections c
        where c.user_id = p_known.user_id
        and c.account_id = p_known.account_id
        and c.source = p_known.source
        and c.dedupe_key = p_known.dedupe_key
    );
    v_was jsonb := to_jsonb(jsonb_populate_record(p_known, coalesce(v_original, '{}')));
    v_terms jsonb := coalesce(
        v_original -> 'terms',
        (
            select to_jsonb(k)
            from tax.transaction_terms k
            where k.user_id = p_known.user_id
            and k.transaction_id = p_known.id
        ),
        '{}'
    );
    v_said jsonb := to_jsonb(jsonb_populate_record(
        null::core.transactions,
        p_fields - 'description' - 'metadata' || jsonb_build_object('instrument_id', p_instrument_id, 'currency', p_currency)
    ));
    v_said_of_terms jsonb := to_jsonb(jsonb_populate_record(null::tax.transaction_terms, p_terms));
begin
    -- What is not said, or is null, was filled in or left out in the same way.
    return not exists (
        select
        from jsonb_each(v_said) s
        where s.value <> 'null'
        and s.value <> v_was -> s.key
    )
    and (v_was -> 'instrument_id') is not distinct from (v_said -> 'instrument_id')
    and coalesce(v_was -> 'metadata', '{}') @> coalesce(p_fields -> 'metadata', '{}')
    and (p_fields ->> 'description' is null or p_fields ->> 'description' = v_was -> 'metadata' ->> 'description')
    and not exists (
        select
        from jsonb_each(v_said_of_terms) s
        where s.value <> 'null'
        and (v_terms -> s.key) is distinct from s.value
    )
    and (p_new_instrument_id is null or to_jsonb(p_new_instrument_id) = v_terms -> 'new_instrument_id')
    and not exists (
        select
        from jsonb_to_recordset(coalesce(p_object -> 'links', '[]')) as l (kind tax.link_kind, from_id bigint, to_id bigint)
        where not exists (
            select
            from tax.transaction_links k
            where k.user_id = p_known.user_id
            and k.from_id = coalesce(l.from_id, p_known.id)
            and k.to_id = coalesce(l.to_id, p_known.id)
            and k.kind = l.kind
        )
    )
    and not exists (
        select p.opening_transaction_id, p.quantity, coalesce(p.leg, 'transaction')
        from jsonb_to_recordset(coalesce(p_object -> 'picks', '[]')) as p (leg tax.pick_leg, opening_transaction_id bigint, quantity numeric)
        except
        select k.opening_transaction_id, k.quantity, k.leg
        from tax.lot_picks k
        where k.user_id = p_known.user_id
        and k.transaction_id = p_known.id
    );
end
$$;

comment on function ingest.says_the_same(core.transactions, jsonb, jsonb, bigint, bigint, text, jsonb) is
    'Whether a transaction, as it was added, has every value that is said now.';

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
                'correct that one (transaction_correct), or give the new one an external_id of its own'
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
            using errcode = 'QM063', hint = 'import them as a file: quantmatrix import';
    end if;
    v_id := nextval('core.transactions_id_seq');

    -- One statement, so that the engine's triggers see the whole event.
    with added as (
        insert into core.transactions (
            user_id, id, account_id, instrument_id, transaction_type, position_effect, source, external_id, dedupe_key, order_id, executed_at,
            trade_date, settlement_date, sequence, quantity, price, gross_amount, commission, fees, net_amount, currency, metadata
        )
        select
            v_user_id, v_id, v_account.id, v_instrument_id, f.transaction_type, coalesce(f.position_effect, 'auto'), 'manual', f.external_id,
            coalesce('id:' || f.external_id, gen_random_uuid()::text), f.order_id, f.executed_at, f.trade_date, f.settlement_date,
            coalesce(f.sequence, (
                select coalesce(max(t.sequence), 0) + 1
                from core.transactions t
                where t.user_id = v_user_id
                and t.account_id = v_account.id
                and t.trade_date = f.trade_date
            )),
            f.quantity, f.price, f.gross_amount, coalesce(f.commission, 0), coalesce(f.fees, 0), coalesce(f.net_amount, 0), v_currency,
            coalesce(f.metadata, '{}') || jsonb_strip_nulls(jsonb_build_object('description', f.description))
        from jsonb_to_record(v_fields) as f (
            transaction_type core.transaction_type, position_effect core.position_effect, external_id text, order_id text, executed_at timestamptz,
            trade_date date, settlement_date date, sequence integer, quantity numeric, price numeric, gross_amount numeric, commission numeric,
            fees numeric, net_amount numeric, description text, metadata jsonb
        )
        returning id
    ),
    terms_added as (
        insert into tax.transaction_terms
        select k.*
        from jsonb_populate_record(
            null::tax.transaction_terms,
            v_terms || jsonb_build_object('user_id', v_user_id, 'transaction_id', v_id, 'new_instrument_id', v_new_instrument_id)
        ) k
        where v_terms <> '{}'
        or v_new_instrument_id is not null
        returning transaction_id
    ),
    linked as (
        insert into tax.transaction_links (user_id, from_id, to_id, kind)
        select v_user_id, coalesce(l.from_id, v_id), coalesce(l.to_id, v_id), l.kind
        from jsonb_to_recordset(coalesce(v_object -> 'links', '[]')) as l (kind tax.link_kind, from_id bigint, to_id bigint)
        returning from_id
    )
    insert into tax.lot_picks (user_id, transaction_id, leg, pick_order, opening_transaction_id, quantity, identified_at)
    select v_user_id, v_id, coalesce(p.leg, 'transaction'), p.place, p.opening_transaction_id, p.quantity, p.identified_at
    from rows from (
        jsonb_to_recordset(coalesce(v_object -> 'picks', '[]'))
            as (leg tax.pick_leg, opening_transaction_id bigint, quantity numeric, identified_at timestamptz)
    ) with ordinality as p (leg, opening_transaction_id, quantity, identified_at, place);

    perform ingest.pair_transfers(v_user_id);
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

create function api.transaction_correct(transaction_id bigint, changes jsonb, reason text, dry_run boolean default false)
returns setof api.transactions
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_user();
    v_old core.transactions;
    v_new core.transactions;
    v_old_terms jsonb;
    v_fields jsonb;
    v_terms jsonb;
    v_kept jsonb;
    v_amounts jsonb := '{}';
    v_instrument_id bigint;
    v_multiplier numeric;
    v_constraint text;
begin
    if transaction_correct.dry_run then
        return query
        select r.*
        from jsonb_populate_record(null::api.transactions, auth.dry_run(format(
            'select to_jsonb(r) from api.transaction_correct(%L, %L, %L) r',
            transaction_correct.transaction_id, transaction_correct.changes, transaction_correct.reason
        ))) r;
        return;
    end if;
    perform tax.lock_taxpayer(v_user_id);
    perform ingest.require_reason(transaction_correct.reason);
    v_old := ingest.transaction_key(v_user_id, transaction_correct.transaction_id);
    perform ingest.refuse_unknown_fields(
        transaction_correct.changes,
        array(select jsonb_object_keys(ingest.transaction_fields() - 'external_id' - 'metadata')) || ingest.instrument_fields('') || array['terms'],
        'changes'
    );
    v_fields := ingest.read_fields(transaction_correct.changes, ingest.transaction_fields());
    if transaction_correct.changes ? 'terms' then
        perform ingest.refuse_unknown_fields(
            transaction_correct.changes -> 'terms', array(select jsonb_object_keys(ingest.terms_fields())), 'terms'
        );
    end if;
    v_terms := ingest.read_fields(coalesce(transaction_correct.changes -> 'terms', '{}'), ingest.terms_fields());
    if transaction_correct.changes = '{}' then
        raise exception 'changes: nothing to change' using errcode = 'QM002';
    end if;
    if transaction_correct.changes ? 'symbol' then
        v_instrument_id := ingest.named_instrument(
            v_user_id, transaction_correct.changes, '',
            case coalesce(v_fields ->> 'transaction_type', v_old.transaction_type::text) when 'fx_conversion' then 'currency' end,
            coalesce(v_fields ->> 'currency', v_old.currency)
        );
        v_fields := v_fields || jsonb_build_object('instrument_id', v_instrument_id);
    end if;
    select to_jsonb(k) - 'user_id' - 'transaction_id' - 'new_instrument_id'
    into v_old_terms
    from tax.transaction_terms k
    where k.user_id = v_user_id
    and k.transaction_id = v_old.id;

    -- The new instant decides the date, unless a date is given too; amounts of a trade follow quantity, price and costs, unless they are given.
    if v_fields ? 'executed_at' and v_fields ->> 'executed_at' is not null and not v_fields ? 'trade_date' then
        v_fields := v_fields || jsonb_build_object(
            'trade_date', ((v_fields ->> 'executed_at')::timestamptz at time zone 'America/New_York')::date
        );
    end if;
    v_new := jsonb_populate_record(v_old, v_fields - 'description');
    select i.multiplier into v_multiplier from core.instruments i where i.id = v_new.instrument_id;
    if v_new.transaction_type in ('buy', 'sell', 'reinvest')
        and v_fields ?| array['transaction_type', 'quantity', 'price', 'commission', 'fees', 'instrument_id']
        and not v_fields ?| array['gross_amount', 'net_amount']
    then
        v_amounts := ingest.complete_transaction(
            jsonb_build_object(
                'transaction_type', v_new.transaction_type, 'trade_date', v_new.trade_date, 'quantity', v_new.quantity::text, 'price', v_new.price::text,
                'commission', v_new.commission::text, 'fees', v_new.fees::text,
                'fee_currency', coalesce(v_terms -> 'fee_currency', v_old_terms -> 'fee_currency'),
                'gross_amount', case when not v_fields ?| array['transaction_type', 'quantity', 'price', 'instrument_id'] then v_old.gross_amount::text end
            ),
            coalesce(v_multiplier, 1)
        );
        v_amounts := jsonb_build_object('gross_amount', v_amounts -> 'gross_amount', 'net_amount', v_amounts -> 'net_amount');
    elsif v_fields ? 'gross_amount' and not v_fields ? 'net_amount' and v_new.gross_amount is not null then
        v_amounts := jsonb_build_object(
            'net_amount',
            trim_scale(v_new.gross_amount + case
                when coalesce(v_terms ->> 'fee_currency', v_old_terms ->> 'fee_currency') is null then v_new.commission + v_new.fees
                else 0
            end)::text
        );
    elsif v_fields ? 'net_amount' and not v_fields ? 'gross_amount' and v_old.gross_amount is not null then
        v_amounts := jsonb_build_object(
            'gross_amount',
            trim_scale(v_new.net_amount - case
                when coalesce(v_terms ->> 'fee_currency', v_old_terms ->> 'fee_currency') is null then v_new.commission + v_new.fees
                else 0
            end)::text
        );
    end if;
    v_fields := v_fields || v_amounts;
    v_new := jsonb_populate_record(v_old, v_fields - 'description');
    v_new.metadata := case
        when not v_fields ? 'description' then v_old.metadata
        when v_fields ->> 'description' is null then v_old.metadata - 'description'
        else v_old.metadata || jsonb_build_object('description', v_fields -> 'description')
    end;

    -- Terms are kept whole: a later import replaces all of them at once.
    v_kept := v_fields || case
        when v_terms = '{}' then '{}'
        else jsonb_build_object('terms', jsonb_strip_nulls(coalesce(v_old_terms, '{}') || v_terms))
    end;

    insert into ingest.corrections as c (user_id, account_id, source, dedupe_key, corrected, original, reason)
    values (
        v_user_id, v_old.account_id, v_old.source, v_old.dedupe_key, v_kept,
        to_jsonb(v_old) || jsonb_build_object('terms', v_old_terms), btrim(transaction_correct.reason)
    )
    on conflict on constraint corrections_pkey do update
    set corrected = c.corrected || excluded.corrected,
        reason = excluded.reason,
        created_at = now();

    with corrected as (
        update core.transactions t
        set instrument_id = v_new.instrument_id,
            transaction_type = v_new.transaction_type,
            position_effect = v_new.position_effect,
            order_id = v_new.order_id,
            executed_at = v_new.executed_at,
            trade_date = v_new.trade_date,
            settlement_date = v_new.settlement_date,
            sequence = v_new.sequence,
            quantity = v_new.quantity,
            price = v_new.price,
            gross_amount = v_new.gross_amount,
            commission = v_new.commission,
            fees = v_new.fees,
            net_amount = v_new.net_amount,
            currency = v_new.currency,
            metadata = v_new.metadata
        where t.user_id = v_user_id
        and t.id = v_old.id
        returning t.id
    )
    insert into tax.transaction_terms as k
    select n.*
    from corrected c
    cross join lateral jsonb_populate_record(
        null::tax.transaction_terms,
        (v_kept -> 'terms') || jsonb_build_object('user_id', v_user_id, 'transaction_id', c.id)
    ) n
    where v_terms <> '{}'
    on conflict on constraint transaction_terms_pkey do update
    set fx_rate = excluded.fx_rate,
        fee_currency = excluded.fee_currency,
        fee_fx_rate = excluded.fee_fx_rate,
        ratio_numerator = excluded.ratio_numerator,
        ratio_denominator = excluded.ratio_denominator,
        fraction_handling = excluded.fraction_handling,
        cash_in_lieu = excluded.cash_in_lieu,
        basis_fraction = excluded.basis_fraction,
        cash_per_share = excluded.cash_per_share,
        value_per_new_share = excluded.value_per_new_share,
        amount_per_share = excluded.amount_per_share,
        taxable = excluded.taxable,
        supplied_basis = excluded.supplied_basis,
        supplied_acquired_on = excluded.supplied_acquired_on,
        donor_basis = excluded.donor_basis,
        donor_acquired_on = excluded.donor_acquired_on,
        market_value = excluded.market_value,
        covered = excluded.covered,
        accrued_interest = excluded.accrued_interest,
        lot_method = excluded.lot_method,
        stated_quantity = excluded.stated_quantity,
        stated_new_quantity = excluded.stated_new_quantity,
        exercise_settlement = excluded.exercise_settlement;

    perform ingest.pair_transfers(v_user_id);
    return query select t.* from api.transactions t where t.id = v_old.id;
exception
    when check_violation or foreign_key_violation or not_null_violation then
        get stacked diagnostics v_constraint = constraint_name;
        raise exception '%', coalesce(ingest.refusal_text(nullif(v_constraint, '')), sqlerrm) using errcode = 'QM002', detail = sqlerrm;
end
$$;

comment on function api.transaction_correct(bigint, jsonb, text, boolean) is $$Correct a transaction
changes: an object with the fields to change, as in transaction_add; null takes a value away. Amounts of a trade follow quantity, price and costs unless they are given. Imports never undo it. dry_run: everything is done and taken back; the answer says what it would have been.$$;

create function api.transaction_void(transaction_id bigint, reason text, dry_run boolean default false)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_user();
    v_old core.transactions;
begin
    if transaction_void.dry_run then
        return auth.dry_run(format('select api.transaction_void(%L, %L)', transaction_void.transaction_id, transaction_void.reason));
    end if;
    perform tax.lock_taxpayer(v_user_id);
    perform ingest.require_reason(transaction_void.reason);
    -- Once more, as after an answer that was lost: it is as it should be.
    if exists (
        select from ingest.corrections c
        where c.user_id = v_user_id
        and c.is_voided
        and c.original -> 'id' = to_jsonb(transaction_void.transaction_id)
    )
    and not exists (
        select from core.transactions t where t.user_id = v_user_id and t.id = transaction_void.transaction_id
    ) then
        return jsonb_build_object('transaction_id', transaction_void.transaction_id, 'status', 'voided');
    end if;
    v_old := ingest.transaction_key(v_user_id, transaction_void.transaction_id);

    insert into ingest.corrections as c (user_id, account_id, source, dedupe_key, is_voided, original, reason)
    values (
        v_user_id, v_old.account_id, v_old.source, v_old.dedupe_key, true,
        to_jsonb(v_old) || jsonb_build_object('terms', (
            select to_jsonb(k) - 'user_id' - 'transaction_id'
            from tax.transaction_terms k
            where k.user_id = v_user_id
            and k.transaction_id = v_old.id
        )),
        btrim(transaction_void.reason)
    )
    on conflict on constraint corrections_pkey do update
    set is_voided = true,
        reason = excluded.reason,
        created_at = now();

    delete from core.transactions t
    where t.user_id = v_user_id
    and t.id = v_old.id;
    update ingest.lines l
    set transaction_id = null
    where l.user_id = v_user_id
    and l.transaction_id = v_old.id;
    perform ingest.pair_transfers(v_user_id);
    return jsonb_build_object('transaction_id', v_old.id, 'status', 'voided');
end
$$;

comment on function api.transaction_void(bigint, text, boolean) is $$Void a transaction
Removes it for good: a later import does not bring it back, and the audit log keeps the old row. Lots are rebuilt. dry_run: everything is done and taken back; the answer says what it would have been.$$;

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
    if v_transfer.transaction_type not in ('transfer_in', 'promotion') or v_transfer.instrument_id is null then
        raise exception 'transaction % is a %: only units that were transferred in can be given a basis', v_transfer.id, v_transfer.transaction_type
            using errcode = 'QM002', hint = 'correct the transaction itself: quantmatrix transactions correct';
    elsif basis_set.basis is null and basis_set.acquired_on is null then
        raise exception 'basis: is wanted, or acquired_on' using errcode = 'QM002';
    elsif basis_set.basis < 0 or basis_set.basis in ('NaN', 'Infinity') then
        raise exception 'basis: "%" is no cost', basis_set.basis using errcode = 'QM002';
    elsif basis_set.acquired_on > v_transfer.trade_date then
        raise exception 'acquired_on: % is after the transfer of %', basis_set.acquired_on, v_transfer.trade_date using errcode = 'QM002';
    end if;

    v_key := ingest.basis_key(v_transfer.source, v_transfer.dedupe_key);
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
basis: total cost in the tax currency; acquired_on: when they were bought. Unknown stays null, never 0. Gains already taken are reckoned again.$$;

grant execute on function ingest.says_the_same(core.transactions, jsonb, jsonb, bigint, bigint, text, jsonb) to quantmatrix_writer;
grant execute on function
    api.transaction_add(jsonb, text, boolean), api.transaction_correct(bigint, jsonb, text, boolean), api.transaction_void(bigint, text, boolean),
    api.basis_set(bigint, numeric, date, text)
    to quantmatrix_user, quantmatrix_admin;

alter function api.transaction_add(jsonb, text, boolean) owner to quantmatrix_writer;
alter function api.transaction_correct(bigint, jsonb, text, boolean) owner to quantmatrix_writer;
alter function api.transaction_void(bigint, text, boolean) owner to quantmatrix_writer;
alter function api.basis_set(bigint, numeric, date, text) owner to quantmatrix_writer;
