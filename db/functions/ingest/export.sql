-- What a book that is taken out says of an instrument.

create function ingest.told_instrument(p_user_id uuid, p_instrument_id bigint)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'instrument_type', i.instrument_type, 'symbol', i.symbol, 'currency', i.currency,
        'name', coalesce(f.name, i.name), 'exchange', coalesce(f.exchange, i.exchange), 'underlying', u.symbol,
        'option_type', i.option_type, 'strike', i.strike::text, 'expiration', coalesce(i.expiration, f.expiration),
        'multiplier', i.multiplier::text, 'identifiers', f.identifiers
    )
    from core.instruments i
    left join tax.instrument_facts f on f.user_id = p_user_id and f.instrument_id = i.id
    left join core.instruments u on u.id = f.underlying_instrument_id
    where i.id = p_instrument_id
$$;

comment on function ingest.told_instrument(uuid, bigint) is 'An instrument as a person''s file tells it: terms, name, exchange, underlying and identifiers.';

grant execute on function ingest.told_instrument(uuid, bigint) to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin;
