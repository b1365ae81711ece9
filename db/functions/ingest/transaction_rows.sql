-- Transactions that a person enters or corrects, as rows: one statement each, so that the engine's triggers see the whole event.

create function ingest.add_transaction(
    p_user_id uuid, p_id bigint, p_account_id bigint, p_instrument_id bigint, p_new_instrument_id bigint, p_currency text, p_fields jsonb, p_terms jsonb,
    p_links jsonb, p_picks jsonb
)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    with added as (
        insert into core.transactions (
            user_id, id, account_id, instrument_id, transaction_type, position_effect, source, external_id, dedupe_key, order_id, executed_at,
            trade_date, settlement_date, sequence, quantity, price, gross_amount, commission, fees, net_amount, currency, metadata
        )
        select
            p_user_id, p_id, p_account_id, p_instrument_id, f.transaction_type, coalesce(f.position_effect, 'auto'), 'manual', f.external_id,
            coalesce('id:' || f.external_id, gen_random_uuid()::text), f.order_id, f.executed_at, f.trade_date, f.settlement_date,
            coalesce(f.sequence, (
                select coalesce(max(t.sequence), 0) + 1
                from core.transactions t
                where t.user_id = p_user_id
                and t.account_id = p_account_id
                and t.trade_date = f.trade_date
            )),
            f.quantity, f.price, f.gross_amount, coalesce(f.commission, 0), coalesce(f.fees, 0), coalesce(f.net_amount, 0), p_currency,
            coalesce(f.metadata, '{}') || jsonb_strip_nulls(jsonb_build_object('description', f.description))
        from jsonb_to_record(p_fields) as f (
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
            p_terms || jsonb_build_object('user_id', p_user_id, 'transaction_id', p_id, 'new_instrument_id', p_new_instrument_id)
        ) k
        where p_terms <> '{}'
        or p_new_instrument_id is not null
        returning transaction_id
    ),
    linked as (
        insert into tax.transaction_links (user_id, from_id, to_id, kind)
        select p_user_id, coalesce(l.from_id, p_id), coalesce(l.to_id, p_id), l.kind
        from jsonb_to_recordset(coalesce(p_links, '[]')) as l (kind tax.link_kind, from_id bigint, to_id bigint)
        returning from_id
    )
    insert into tax.lot_picks (user_id, transaction_id, leg, pick_order, opening_transaction_id, quantity, identified_at)
    select p_user_id, p_id, coalesce(p.leg, 'transaction'), p.place, p.opening_transaction_id, p.quantity, p.identified_at
    from rows from (
        jsonb_to_recordset(coalesce(p_picks, '[]'))
            as (leg tax.pick_leg, opening_transaction_id bigint, quantity numeric, identified_at timestamptz)
    ) with ordinality as p (leg, opening_transaction_id, quantity, identified_at, place);
end
$$;

comment on function ingest.add_transaction(uuid, bigint, bigint, bigint, bigint, text, jsonb, jsonb, jsonb, jsonb) is
    'Writes a transaction by hand with its terms, links and picks.';

create function ingest.corrected_amounts(p_old core.transactions, p_new core.transactions, p_fields jsonb, p_terms jsonb, p_old_terms jsonb)
returns jsonb
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_amounts jsonb := '{}';
    v_multiplier numeric;
begin
    select i.multiplier into v_multiplier from core.instruments i where i.id = p_new.instrument_id;
    if p_new.transaction_type in ('buy', 'sell', 'reinvest')
        and p_fields ?| array['transaction_type', 'quantity', 'price', 'commission', 'fees', 'instrument_id']
        and not p_fields ?| array['gross_amount', 'net_amount']
    then
        v_amounts := ingest.complete_transaction(
            jsonb_build_object(
                'transaction_type', p_new.transaction_type, 'trade_date', p_new.trade_date, 'quantity', p_new.quantity::text, 'price', p_new.price::text,
                'commission', p_new.commission::text, 'fees', p_new.fees::text,
                'fee_currency', coalesce(p_terms -> 'fee_currency', p_old_terms -> 'fee_currency'),
                'gross_amount', case when not p_fields ?| array['transaction_type', 'quantity', 'price', 'instrument_id'] then p_old.gross_amount::text end
            ),
            coalesce(v_multiplier, 1)
        );
        v_amounts := jsonb_build_object('gross_amount', v_amounts -> 'gross_amount', 'net_amount', v_amounts -> 'net_amount');
    elsif p_fields ? 'gross_amount' and not p_fields ? 'net_amount' and p_new.gross_amount is not null then
        v_amounts := jsonb_build_object(
            'net_amount',
            trim_scale(p_new.gross_amount + case
                when coalesce(p_terms ->> 'fee_currency', p_old_terms ->> 'fee_currency') is null then p_new.commission + p_new.fees
                else 0
            end)::text
        );
    elsif p_fields ? 'net_amount' and not p_fields ? 'gross_amount' and p_old.gross_amount is not null then
        v_amounts := jsonb_build_object(
            'gross_amount',
            trim_scale(p_new.net_amount - case
                when coalesce(p_terms ->> 'fee_currency', p_old_terms ->> 'fee_currency') is null then p_new.commission + p_new.fees
                else 0
            end)::text
        );
    end if;
    return v_amounts;
end
$$;

comment on function ingest.corrected_amounts(core.transactions, core.transactions, jsonb, jsonb, jsonb) is
    'Amounts of a trade as they follow from what is corrected of it, where they are not given themselves.';

create function ingest.write_correction(p_new core.transactions, p_terms jsonb)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    with corrected as (
        update core.transactions t
        set instrument_id = p_new.instrument_id,
            transaction_type = p_new.transaction_type,
            position_effect = p_new.position_effect,
            order_id = p_new.order_id,
            executed_at = p_new.executed_at,
            trade_date = p_new.trade_date,
            settlement_date = p_new.settlement_date,
            sequence = p_new.sequence,
            quantity = p_new.quantity,
            price = p_new.price,
            gross_amount = p_new.gross_amount,
            commission = p_new.commission,
            fees = p_new.fees,
            net_amount = p_new.net_amount,
            currency = p_new.currency,
            metadata = p_new.metadata
        where t.user_id = p_new.user_id
        and t.id = p_new.id
        returning t.id
    )
    insert into tax.transaction_terms as k
    select n.*
    from corrected c
    cross join lateral jsonb_populate_record(
        null::tax.transaction_terms,
        p_terms || jsonb_build_object('user_id', p_new.user_id, 'transaction_id', c.id)
    ) n
    where p_terms is not null
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
end
$$;

comment on function ingest.write_correction(core.transactions, jsonb) is 'Writes a transaction as corrected, and its terms unless they are null.';

grant execute on function
    ingest.add_transaction(uuid, bigint, bigint, bigint, bigint, text, jsonb, jsonb, jsonb, jsonb),
    ingest.corrected_amounts(core.transactions, core.transactions, jsonb, jsonb, jsonb), ingest.write_correction(core.transactions, jsonb)
    to quantmatrix_writer;
