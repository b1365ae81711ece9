-- A book as rows that can be loaded again: a page at a time, so that it may be as large as it likes. References number the rows of what is taken
-- out, so that equal books make equal files; a page is numbered anew each time, and says whether the book is still the one of the page before.

create function api.transactions_export(account_id bigint default null, after bigint default 0, at_most integer default 1000)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    with numbered as materialized (
        select
            t.user_id, t.id,
            row_number() over (
                order by a.broker, a.account_number, t.trade_date, t.sequence, t.source, t.dedupe_key
            ) as number
        from core.transactions t
        join core.accounts a on a.user_id = t.user_id and a.id = t.account_id
        where t.user_id = (select auth.user_id())
        and (transactions_export.account_id is null or t.account_id = transactions_export.account_id)
    ),
    page as materialized (
        select n.user_id, n.id, n.number
        from numbered n
        where n.number > transactions_export.after
        order by n.number
        limit least(greatest(transactions_export.at_most, 1), 5000)
    ),
    links as materialized (
        select
            l.from_id,
            jsonb_agg(l.kind::text order by n.number, l.kind) as kinds,
            jsonb_agg(n.number::text order by n.number, l.kind) as "references"
        from page p
        join tax.transaction_links l on l.user_id = p.user_id and l.from_id = p.id
        join numbered n on n.user_id = l.user_id and n.id = l.to_id
        group by l.from_id
    ),
    told as (
        select
            p.number,
            jsonb_build_object(
                'reference', p.number::text,
                'account', a.account_number, 'broker', a.broker, 'account_type', a.account_type,
                'account_name', a.name, 'base_currency', a.base_currency,
                'transaction_type', t.transaction_type, 'position_effect', t.position_effect, 'external_id', t.external_id,
                'original_source', t.source, 'original_key', t.dedupe_key, 'order_id', t.order_id,
                'executed_at', t.executed_at, 'trade_date', t.trade_date, 'settlement_date', t.settlement_date,
                'quantity', t.quantity::text, 'price', t.price::text, 'gross_amount', t.gross_amount::text,
                'commission', t.commission::text, 'fees', t.fees::text, 'net_amount', t.net_amount::text,
                'currency', t.currency, 'description', t.metadata ->> 'description', 'sequence', t.sequence,
                'metadata', t.metadata - 'description',
                'terms', (
                    select jsonb_object_agg(e.key, e.value)
                    from tax.transaction_terms k
                    cross join lateral jsonb_each_text(to_jsonb(k) - 'user_id' - 'transaction_id' - 'new_instrument_id') e
                    where k.user_id = t.user_id
                    and k.transaction_id = t.id
                    and e.value is not null
                ),
                'instrument', ingest.told_instrument(t.user_id, t.instrument_id),
                'new_instrument', (
                    select ingest.told_instrument(k.user_id, k.new_instrument_id)
                    from tax.transaction_terms k
                    where k.user_id = t.user_id
                    and k.transaction_id = t.id
                ),
                'link_kind', l.kinds,
                'linked_reference', l."references"
            ) as row
        from page p
        join core.transactions t on t.user_id = p.user_id and t.id = p.id
        join core.accounts a on a.user_id = t.user_id and a.id = t.account_id
        left join links l on l.from_id = t.id
    )
    select jsonb_build_object(
        'book', (select s.xmin::text from tax.rebuild_state s where s.user_id = (select auth.user_id())),
        'rows', coalesce(jsonb_agg(d.row order by d.number), '[]')
    )
    from told d
    where (select ingest.require_whole_book())
$$;

comment on function api.transactions_export(bigint, bigint, integer) is $$Take a book out
All transactions, or those of one account, as objects with every field of the format quantmatrix_csv; numbers are text. A page of at_most rows (5,000 at most) behind the row numbered after: ask again with the last reference until rows is empty. book: changes when the book does; pages of different books do not belong together. Not for keys and shares of single accounts, which see no terms.$$;

grant execute on function api.transactions_export(bigint, bigint, integer) to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin;
