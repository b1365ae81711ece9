-- Transfers between own accounts, and the basis that a person supplied for them.

-- A basis given by hand outlives its transfer: who imports the same file again finds it in force.
create function ingest.basis_key(p_source text, p_dedupe_key text)
returns text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select 'basis of ' || encode(sha256(convert_to(p_source || ' ' || p_dedupe_key, 'UTF8')), 'hex')
$$;

comment on function ingest.basis_key(text, text) is 'Identity of the basis that a person supplied for the transaction of this source and identity.';

create function ingest.relink_basis(p_user_id uuid)
returns void
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
    insert into tax.transaction_links (user_id, from_id, to_id, kind)
    select b.user_id, b.id, t.id, 'basis'
    from core.transactions b
    join core.transactions t
        on t.user_id = b.user_id
        and t.account_id = b.account_id
        and t.transaction_type in ('transfer_in', 'promotion')
        and b.dedupe_key = ingest.basis_key(t.source, t.dedupe_key)
    where b.user_id = p_user_id
    and b.transaction_type = 'set_basis'
    and b.source = 'manual'
    and not exists (select from tax.transaction_links k where k.user_id = b.user_id and k.from_id = b.id);
$$;

comment on function ingest.relink_basis(uuid) is 'Gives transfers that were imported again the basis which a person had supplied.';

-- Legs of a transfer between own accounts arrive as rows of two files: paired by instrument and quantity within ten days, nearest first, each leg once.
create function ingest.pair_transfers(p_user_id uuid)
returns integer
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_leg record;
    v_in_id bigint;
    v_pairs integer := 0;
begin
    perform ingest.relink_basis(p_user_id);
    for v_leg in
        select t.id, t.account_id, t.instrument_id, t.quantity, t.trade_date
        from core.transactions t
        where t.user_id = p_user_id
        and t.transaction_type = 'transfer_out'
        and t.quantity < 0
        and not exists (
            select from tax.transaction_links k
            where k.user_id = t.user_id and k.from_id = t.id and k.kind in ('transfer', 'correction')
        )
        and not exists (
            select from tax.transaction_links k
            where k.user_id = t.user_id and k.to_id = t.id and k.kind = 'correction'
        )
        order by t.trade_date, t.account_id, t.instrument_id, t.quantity, t.source, t.dedupe_key
    loop
        select i.id
        into v_in_id
        from core.transactions i
        where i.user_id = p_user_id
        and i.transaction_type = 'transfer_in'
        and i.instrument_id = v_leg.instrument_id
        and i.account_id <> v_leg.account_id
        and i.quantity = -v_leg.quantity
        and i.trade_date between v_leg.trade_date - 10 and v_leg.trade_date + 10
        and not exists (
            select from tax.transaction_links k
            where k.user_id = i.user_id and k.to_id = i.id and k.kind = 'transfer'
        )
        order by abs(i.trade_date - v_leg.trade_date), i.trade_date, i.account_id, i.source, i.dedupe_key
        limit 1;
        if found then
            insert into tax.transaction_links (user_id, from_id, to_id, kind)
            values (p_user_id, v_leg.id, v_in_id, 'transfer');
            v_pairs := v_pairs + 1;
        end if;
    end loop;
    return v_pairs;
end
$$;

comment on function ingest.pair_transfers(uuid) is 'Links the two legs of transfers between the person''s own accounts; returns the number of new pairs. A basis supplied for a transfer that had gone is given back to it too.';

grant execute on function ingest.basis_key(text, text), ingest.relink_basis(uuid), ingest.pair_transfers(uuid) to quantmatrix_writer;
