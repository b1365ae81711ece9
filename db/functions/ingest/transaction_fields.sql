-- What a person may state of a transaction, and what follows from it.

-- Fields of a transaction and of its terms as objects name them, with the types of their columns.
create function ingest.transaction_fields()
returns jsonb
language sql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select '{
        "transaction_type": "core.transaction_type", "position_effect": "core.position_effect", "external_id": "text", "order_id": "text",
        "executed_at": "timestamptz", "trade_date": "date", "settlement_date": "date", "sequence": "integer", "quantity": "numeric",
        "price": "numeric", "gross_amount": "numeric", "commission": "numeric", "fees": "numeric", "net_amount": "numeric",
        "currency": "text", "description": "text", "metadata": "object"
    }'::jsonb
$$;

comment on function ingest.transaction_fields() is 'Fields of a transaction that a person may state: {field: type}.';

create function ingest.terms_fields()
returns jsonb
language sql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select '{
        "fx_rate": "numeric", "fee_currency": "text", "fee_fx_rate": "numeric", "ratio_numerator": "numeric", "ratio_denominator": "numeric",
        "fraction_handling": "tax.fraction_handling", "cash_in_lieu": "numeric", "basis_fraction": "numeric", "cash_per_share": "numeric",
        "value_per_new_share": "numeric", "amount_per_share": "numeric", "taxable": "boolean", "supplied_basis": "numeric",
        "supplied_acquired_on": "date", "donor_basis": "numeric", "donor_acquired_on": "date", "market_value": "numeric", "covered": "boolean",
        "accrued_interest": "numeric", "lot_method": "core.lot_method", "stated_quantity": "numeric", "stated_new_quantity": "numeric",
        "exercise_settlement": "tax.exercise_settlement"
    }'::jsonb
$$;

comment on function ingest.terms_fields() is 'Fields of a transaction''s terms that a person may state: {field: type}.';

create function ingest.instrument_fields(p_prefix text)
returns text[]
language sql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select array_agg(p_prefix || f.name)
    from unnest(array[
        'symbol', 'instrument_type', 'instrument_currency', 'instrument_name', 'exchange', 'underlying', 'option_type', 'strike', 'expiration', 'multiplier',
        'conid', 'isin', 'cusip', 'figi'
    ]) f (name)
$$;

comment on function ingest.instrument_fields(text) is 'Fields that say what was traded, with a prefix (new_ for what a holding becomes).';

-- A symbol that the person uses already needs nothing more; a new one is a stock unless the object says otherwise or it has the 21 characters of an option.
create function ingest.named_instrument(p_user_id uuid, p_object jsonb, p_prefix text, p_type text, p_currency text)
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_symbol text := btrim(p_object ->> (p_prefix || 'symbol'));
    v_fields jsonb;
    v_described jsonb;
    v_ids jsonb;
    v_known bigint[];
begin
    if v_symbol is null or v_symbol = '' then
        return null;
    end if;
    v_fields := ingest.read_fields(
        (
            select jsonb_object_agg(f.name, p_object -> (p_prefix || f.name))
            from unnest(ingest.instrument_fields('')) f (name)
            where p_object ? (p_prefix || f.name)
        ),
        '{
            "symbol": "text", "instrument_type": "core.instrument_type", "instrument_currency": "text", "instrument_name": "text", "exchange": "text",
            "underlying": "text", "option_type": "core.option_type", "strike": "numeric", "expiration": "date", "multiplier": "numeric",
            "conid": "text", "isin": "text", "cusip": "text", "figi": "text"
        }'
    );
    if v_fields - 'symbol' = '{}' then
        select array_agg(distinct ingest.counted_instrument(p_user_id, i.id))
        into v_known
        from core.instruments i
        where i.symbol in (v_symbol, upper(v_symbol))
        and (p_type is null or i.instrument_type::text = p_type);
        if cardinality(v_known) > 1 then
            raise exception '%symbol: "%" is of several of your instruments', p_prefix, v_symbol
                using errcode = 'QM003', hint = 'say instrument_type, instrument_currency and multiplier as well';
        elsif v_known is not null then
            return v_known[1];
        end if;
    end if;

    if v_symbol ~* '^[A-Z0-9.]{1,6} *[0-9]{6}[CP][0-9]{8}$' and coalesce(v_fields ->> 'instrument_type', 'option') = 'option' then
        v_fields := v_fields || '{"instrument_type": "option"}';
    elsif coalesce(v_fields ->> 'instrument_type', p_type, 'stock') in ('stock', 'fund', 'currency', 'digital') then
        v_symbol := upper(v_symbol);
    end if;
    v_described := jsonb_build_object(
        'it',
        jsonb_strip_nulls(jsonb_build_object(
            'type', coalesce(v_fields ->> 'instrument_type', p_type, 'stock'),
            'symbol', v_symbol,
            'currency', upper(coalesce(v_fields ->> 'instrument_currency', case when p_type = 'currency' then v_symbol end, p_currency)),
            'name', v_fields -> 'instrument_name',
            'exchange', v_fields -> 'exchange',
            'underlying', v_fields -> 'underlying',
            'option_type', v_fields -> 'option_type',
            'strike', v_fields -> 'strike',
            'expiration', v_fields -> 'expiration',
            'multiplier', v_fields -> 'multiplier',
            'identifiers', v_fields - array[
                'symbol', 'instrument_type', 'instrument_currency', 'instrument_name', 'exchange', 'underlying', 'option_type', 'strike', 'expiration', 'multiplier'
            ]
        ))
    );
    v_ids := ingest.resolve_described(p_user_id, v_described, true);
    -- A person sees the identities that the person's rows or facts use.
    perform ingest.keep_facts(p_user_id, v_described, v_ids);
    return ingest.counted_instrument(p_user_id, (v_ids ->> 'it')::bigint);
end
$$;

comment on function ingest.named_instrument(uuid, jsonb, text, text, text) is
    'Identity of the instrument that an object names, added to the catalogue if nobody had it; null if it names none.';

-- What follows from what is stated: the date from the instant, amounts of a trade from quantity and price.
create function ingest.complete_transaction(p_fields jsonb, p_multiplier numeric, p_is_future boolean)
returns jsonb
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_fields jsonb := jsonb_strip_nulls(p_fields);
    v_type text := v_fields ->> 'transaction_type';
    v_quantity numeric := v_fields ->> 'quantity';
    v_price numeric := v_fields ->> 'price';
    v_costs numeric := coalesce((v_fields ->> 'commission')::numeric, 0) + coalesce((v_fields ->> 'fees')::numeric, 0);
    v_is_trade boolean := v_type in ('buy', 'sell', 'reinvest');
begin
    if v_fields ->> 'trade_date' is null then
        if v_fields ->> 'executed_at' is null then
            raise exception 'trade_date: is wanted, or executed_at' using errcode = 'QM002';
        end if;
        v_fields := v_fields || jsonb_build_object(
            'trade_date', ((v_fields ->> 'executed_at')::timestamptz at time zone 'America/New_York')::date
        );
    end if;
    if v_quantity > 0 and v_type in ('sell', 'transfer_out', 'gift_out') or v_quantity < 0 and v_type in ('buy', 'reinvest', 'transfer_in', 'gift_in', 'inheritance') then
        raise exception 'quantity: % units of a % have the wrong sign', trim_scale(v_quantity), v_type
            using errcode = 'QM002', hint = 'units that come into the account are positive, units that leave it negative';
    end if;
    if v_is_trade and v_quantity is null then
        raise exception 'quantity: is wanted for a %', v_type using errcode = 'QM002';
    end if;
    if v_is_trade and v_fields ->> 'gross_amount' is null and v_fields ->> 'net_amount' is null then
        if v_price is null then
            raise exception 'price: is wanted for a %, or net_amount', v_type using errcode = 'QM002';
        end if;
        -- Nothing is paid for a future: its result follows from prices (D.10).
        v_fields := v_fields || case
            when p_is_future then jsonb_build_object('net_amount', case when v_fields ->> 'fee_currency' is null then v_costs else 0 end::text)
            else jsonb_build_object('gross_amount', trim_scale(-v_quantity * v_price * p_multiplier)::text)
        end;
    end if;
    if v_fields ->> 'net_amount' is null and v_fields ->> 'gross_amount' is not null then
        v_fields := v_fields || jsonb_build_object(
            'net_amount',
            trim_scale((v_fields ->> 'gross_amount')::numeric + case when v_fields ->> 'fee_currency' is null then v_costs else 0 end)::text
        );
    end if;
    return v_fields;
end
$$;

comment on function ingest.complete_transaction(jsonb, numeric, boolean) is
    'Adds what follows from stated fields, and refuses (QM002) what is missing or has the wrong sign.';

create function ingest.transaction_key(p_user_id uuid, p_transaction_id bigint)
returns core.transactions
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_transaction core.transactions;
begin
    select t.*
    into v_transaction
    from core.transactions t
    where t.user_id = p_user_id
    and t.id = p_transaction_id;
    if not found then
        raise exception 'there is no transaction %', coalesce(p_transaction_id::text, '')
            using errcode = 'QM001', hint = '`transactions` shows numbers';
    end if;
    return v_transaction;
end
$$;

comment on function ingest.transaction_key(uuid, bigint) is 'The transaction of that number; QM001 if there is none.';

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

grant execute on function
    ingest.transaction_fields(), ingest.terms_fields(), ingest.instrument_fields(text), ingest.named_instrument(uuid, jsonb, text, text, text),
    ingest.complete_transaction(jsonb, numeric, boolean), ingest.transaction_key(uuid, bigint),
    ingest.says_the_same(core.transactions, jsonb, jsonb, bigint, bigint, text, jsonb)
    to quantmatrix_writer;
