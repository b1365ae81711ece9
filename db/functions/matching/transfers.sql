-- Transfers between own accounts, and the basis that a person supplied for them.

-- A basis given by hand outlives its transfer: who imports the same file again finds it in force.
create function matching.basis_key(p_source text, p_dedupe_key text)
returns text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select 'basis of ' || encode(sha256(convert_to(p_source || ' ' || p_dedupe_key, 'UTF8')), 'hex')
$$;

comment on function matching.basis_key(text, text) is 'Identity of the basis that a person supplied for the transaction of this source and identity.';

create function matching.relink_basis(p_user_id uuid)
returns void
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_mergejoin = off
as $$
    insert into tax.transaction_links (user_id, from_id, to_id, kind)
    select b.user_id, b.id, t.id, 'basis'
    from core.transactions b
    join core.transactions t
        on t.user_id = p_user_id
        and t.account_id = b.account_id
        and t.transaction_type in ('transfer_in', 'promotion')
        and b.dedupe_key = matching.basis_key(t.source, t.dedupe_key)
    where b.user_id = p_user_id
    and b.transaction_type = 'set_basis'
    and b.source = 'manual'
    and not exists (select from tax.transaction_links k where k.user_id = b.user_id and k.from_id = b.id);
$$;

comment on function matching.relink_basis(uuid) is 'Gives transfers that were imported again the basis which a person had supplied.';

-- Legs of a transfer between own accounts arrive as rows of two files: paired by instrument and quantity within ten days, nearest first, each leg
-- once. All pairs that could be are found by one join; the loop only takes the first that is left.
create function matching.pair_transfers(p_user_id uuid)
returns integer
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_mergejoin = off
as $$
declare
    v_pair record;
    v_from bigint[] := '{}';
    v_to bigint[] := '{}';
begin
    perform matching.relink_basis(p_user_id);
    for v_pair in
        with leg as materialized (
            select t.id, t.transaction_type, t.account_id, t.instrument_id, t.quantity, t.trade_date, t.source, t.dedupe_key
            from core.transactions t
            where t.user_id = p_user_id
            and t.transaction_type in ('transfer_out', 'transfer_in')
        ),
        departure as (
            select l.*
            from leg l
            where l.transaction_type = 'transfer_out'
            and l.quantity < 0
            and not exists (
                select from tax.transaction_links k
                where k.user_id = p_user_id and k.from_id = l.id and k.kind in ('transfer', 'correction')
            )
            and not exists (
                select from tax.transaction_links k
                where k.user_id = p_user_id and k.to_id = l.id and k.kind = 'correction'
            )
        ),
        arrival as (
            select l.*
            from leg l
            where l.transaction_type = 'transfer_in'
            and not exists (
                select from tax.transaction_links k
                where k.user_id = p_user_id and k.to_id = l.id and k.kind = 'transfer'
            )
        )
        select d.id as from_id, a.id as to_id
        from departure d
        join arrival a on a.instrument_id = d.instrument_id and a.quantity = -d.quantity
        where a.account_id <> d.account_id
        and a.trade_date between d.trade_date - 10 and d.trade_date + 10
        order by
            d.trade_date, d.account_id, d.instrument_id, d.quantity, d.source, d.dedupe_key,
            abs(a.trade_date - d.trade_date), a.trade_date, a.account_id, a.source, a.dedupe_key
    loop
        if not v_pair.from_id = any (v_from) and not v_pair.to_id = any (v_to) then
            v_from := v_from || v_pair.from_id::bigint;
            v_to := v_to || v_pair.to_id::bigint;
        end if;
    end loop;
    if v_from <> '{}' then
        insert into tax.transaction_links (user_id, from_id, to_id, kind)
        select p_user_id, u.from_id, u.to_id, 'transfer'
        from unnest(v_from, v_to) u (from_id, to_id);
    end if;
    return cardinality(v_from);
end
$$;

comment on function matching.pair_transfers(uuid) is 'Links the two legs of transfers between the person''s own accounts; returns the number of new pairs. A basis supplied for a transfer that had gone is given back to it too.';

grant execute on function matching.basis_key(text, text), matching.relink_basis(uuid), matching.pair_transfers(uuid) to quantmatrix_writer;
