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

-- Terms, identifiers and links belong to no account, so a session of single accounts would take out other rows than there are.
create function ingest.require_whole_book()
returns boolean
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    perform auth.require_user();
    if not auth.sees_all_accounts() then
        raise exception 'a book is taken out whole, and this session sees some accounts'
            using errcode = '42501', hint = 'sign in as the owner of the book, with no key or share for single accounts';
    end if;
    return true;
end
$$;

comment on function ingest.require_whole_book() is 'True; refuses (42501) a session that a key or a share limits to some accounts.';

grant execute on function ingest.require_whole_book() to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin;
