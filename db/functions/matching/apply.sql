-- Transactions are what live imports attest, overlaid by what the person corrected. Load and undo both end here, so that import A, import B,
-- undo A is the same as import B alone. Where files differ, the statement generated last decides: never the time of import.

-- A transaction as core.transactions wants it, from what a line attests.
create type matching.attested_transaction as (
    type core.transaction_type,
    position_effect core.position_effect,
    external_id text,
    order_id text,
    executed_at timestamptz,
    trade_date date,
    settlement_date date,
    sequence integer,
    quantity numeric,
    price numeric,
    gross_amount numeric,
    commission numeric,
    fees numeric,
    net_amount numeric,
    currency text,
    description text,
    metadata jsonb,
    terms jsonb
);

comment on type matching.attested_transaction is 'The values of a transaction as one line of a file brings them.';

create function matching.apply_lines(p_user_id uuid, p_transaction_ids bigint[])
returns table (inserted integer, updated integer, deleted integer)
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
set enable_mergejoin = off
as $$
declare
    v_merged constant jsonb := ingest.merged_instruments(p_user_id);
    v_stored bigint[];
    v_gone bigint[];
    v_inserted integer;
    v_updated integer;
begin
    -- Planned with the numbers at hand, each time: few are found by an index, many by a hash of them while the person's rows are read once.
    execute 'select array_agg(t.id) from core.transactions t where t.user_id = $1 and t.id = any ($2)'
    into v_stored
    using p_user_id, p_transaction_ids;

    -- What no live import attests any more, and no hand entered, goes.
    if v_stored is not null then
        execute $sql$
            with attested as (
                select distinct l.transaction_id
                from ingest.lines l
                join core.sync_history h on h.user_id = $1 and h.id = l.sync_id
                where l.user_id = $1
                and l.transaction_id = any ($2)
                and l.attested is not null
                and not l.only_attests
                and h.status in ('running', 'finished')
            ),
            gone as (
                delete from core.transactions t
                where t.user_id = $1
                and t.id = any ($2)
                and t.sync_id is not null
                and not exists (select from attested a where a.transaction_id = t.id)
                returning t.id
            )
            select array_agg(g.id)
            from gone g
        $sql$
        into v_gone
        using p_user_id, v_stored;
    end if;
    if v_gone is not null then
        execute 'update ingest.lines l set transaction_id = null where l.user_id = $1 and l.transaction_id = any ($2)' using p_user_id, v_gone;
    end if;

    -- One statement writes transactions, terms, links and picks, so that the engine's triggers see all of it at once.
    execute $sql$
        with live as materialized (
            select l.sync_id, l.line_number, l.part, l.transaction_id, l.account_id, l.source, l.dedupe_key, l.trade_date, l.day_rank, f.newness
            from (
                select
                    h.id as sync_id,
                    row_number() over (order by matching.statement_age(own.generated_at, own.period_end), h.content_sha256) as newness
                from core.sync_history h
                join ingest.files own on own.user_id = h.user_id and own.sync_id = h.id
                where h.user_id = $1
                and h.status in ('running', 'finished')
            ) f
            join ingest.lines l on l.sync_id = f.sync_id
            where l.user_id = $1
            and l.transaction_id = any ($2)
            and l.attested is not null
            and not l.only_attests
        ),
        -- The newest statement decides the values. The file that shows most of a day ranks its rows; what it does not show comes after, in the order
        -- of the next such file. Windows and not joins: nothing is known about the size of a load when it is planned. What a line attests is left
        -- in its table meanwhile: only numbers are sorted.
        counted as (
            select
                l.*,
                count(*) over (partition by l.sync_id, l.account_id, l.source, l.trade_date) as day_count
            from live l
        ),
        placed as (
            select
                c.*,
                row_number() over newest as decides,
                min(c.sync_id) over (partition by c.transaction_id) as first_sync_id,
                first_value(c.day_count) over fullest as place_count,
                first_value(c.newness) over fullest as place_newness,
                first_value(c.day_rank) over fullest as place
            from counted c
            window
                newest as (
                    partition by c.transaction_id
                    order by c.newness desc, c.line_number, c.part
                ),
                fullest as (
                    partition by c.transaction_id
                    order by c.day_count desc, c.newness desc, c.day_rank
                )
        ),
        winner as materialized (
            select
                p.sync_id, p.line_number, p.part, p.transaction_id, p.first_sync_id, c.corrected,
                (row_number() over (
                    partition by p.account_id, p.source, p.trade_date
                    order by p.place_count desc, p.place_newness desc, p.place, p.dedupe_key
                ))::integer as rank
            from placed p
            left join ingest.corrections c
                on c.user_id = $1 and c.account_id = p.account_id and c.source = p.source and c.dedupe_key = p.dedupe_key
            where p.decides = 1
            and c.is_voided is not true
        ),
        wanted as materialized (
            select
                w.transaction_id, l.account_id, l.source, l.dedupe_key, w.first_sync_id as sync_id,
                w.transaction_id = any ($3) is true as is_stored,
                coalesce(
                    ($4 ->> coalesce(w.corrected ->> 'instrument_id', l.instrument_id::text))::bigint,
                    case when w.corrected ? 'instrument_id' then (w.corrected ->> 'instrument_id')::bigint else l.instrument_id end
                ) as instrument_id,
                coalesce(($4 ->> l.new_instrument_id::text)::bigint, l.new_instrument_id) as new_instrument_id,
                coalesce(a.sequence, w.rank) as rank,
                a.type, coalesce(a.position_effect, 'auto') as position_effect, a.external_id, a.order_id, a.executed_at, a.trade_date, a.settlement_date,
                a.quantity, a.price, a.gross_amount, coalesce(a.commission, 0) as commission, coalesce(a.fees, 0) as fees,
                coalesce(a.net_amount, 0) as net_amount, a.currency,
                coalesce(a.metadata, '{}') || case when a.description is null then '{}' else jsonb_build_object('description', a.description) end as metadata,
                a.terms
            from winner w
            join ingest.lines l
                on l.user_id = $1
                and l.transaction_id = any ($2)
                and l.sync_id = w.sync_id
                and l.line_number = w.line_number
                and l.part = w.part
            cross join lateral jsonb_populate_record(
                null::matching.attested_transaction,
                case
                    when w.corrected is null then l.attested
                    else l.attested || w.corrected || case
                        when w.corrected ? 'transaction_type' then jsonb_build_object('type', w.corrected -> 'transaction_type')
                        else '{}'
                    end
                end
            ) a
        ),
        inserted as (
            insert into core.transactions (
                user_id, id, account_id, instrument_id, sync_id, transaction_type, position_effect, source, external_id, dedupe_key, order_id,
                executed_at, trade_date, settlement_date, sequence, quantity, price, gross_amount, commission, fees, net_amount, currency, metadata
            )
            select
                $1, w.transaction_id, w.account_id, w.instrument_id, w.sync_id, w.type, w.position_effect, w.source, w.external_id, w.dedupe_key, w.order_id,
                w.executed_at, w.trade_date, w.settlement_date, w.rank, w.quantity, w.price, w.gross_amount, w.commission, w.fees, w.net_amount, w.currency, w.metadata
            from wanted w
            where not w.is_stored
            returning id
        ),
        updated as (
            update core.transactions t
            set instrument_id = w.instrument_id,
                sync_id = w.sync_id,
                source = w.source,
                dedupe_key = w.dedupe_key,
                transaction_type = w.type,
                position_effect = w.position_effect,
                external_id = w.external_id,
                order_id = w.order_id,
                executed_at = w.executed_at,
                trade_date = w.trade_date,
                settlement_date = w.settlement_date,
                sequence = w.rank,
                quantity = w.quantity,
                price = w.price,
                gross_amount = w.gross_amount,
                commission = w.commission,
                fees = w.fees,
                net_amount = w.net_amount,
                currency = w.currency,
                metadata = w.metadata
            from wanted w
            where t.user_id = $1
            and t.id = any ($3)
            and t.id = w.transaction_id
            and w.is_stored
            and (
                t.instrument_id, t.sync_id, t.source, t.dedupe_key, t.transaction_type, t.position_effect, t.external_id, t.order_id, t.executed_at, t.trade_date,
                t.settlement_date, t.sequence, t.quantity, t.price, t.gross_amount, t.commission, t.fees, t.net_amount, t.currency, t.metadata
            ) is distinct from (
                w.instrument_id, w.sync_id, w.source, w.dedupe_key, w.type, w.position_effect, w.external_id, w.order_id, w.executed_at, w.trade_date,
                w.settlement_date, w.rank, w.quantity, w.price, w.gross_amount, w.commission, w.fees, w.net_amount, w.currency, w.metadata
            )
            returning t.id
        ),
        stated_terms as (
            select w.transaction_id, w.new_instrument_id, m.*
            from wanted w
            cross join lateral jsonb_to_record(w.terms) as m (
                fx_rate numeric, fee_currency text, fee_fx_rate numeric, ratio_numerator numeric, ratio_denominator numeric,
                fraction_handling tax.fraction_handling, cash_in_lieu numeric, basis_fraction numeric, cash_per_share numeric,
                value_per_new_share numeric, amount_per_share numeric, taxable boolean, supplied_basis numeric, supplied_acquired_on date,
                donor_basis numeric, donor_acquired_on date, market_value numeric, covered boolean, accrued_interest numeric,
                lot_method core.lot_method, stated_quantity numeric, stated_new_quantity numeric, exercise_settlement tax.exercise_settlement
            )
            where w.terms is not null
        ),
        terms_upserted as (
            insert into tax.transaction_terms as k (
                user_id, transaction_id, fx_rate, fee_currency, fee_fx_rate, ratio_numerator, ratio_denominator, fraction_handling, cash_in_lieu,
                new_instrument_id, basis_fraction, cash_per_share, value_per_new_share, amount_per_share, taxable, supplied_basis, supplied_acquired_on,
                donor_basis, donor_acquired_on, market_value, covered, accrued_interest, lot_method, stated_quantity, stated_new_quantity, exercise_settlement
            )
            select
                $1, s.transaction_id, s.fx_rate, s.fee_currency, s.fee_fx_rate, s.ratio_numerator, s.ratio_denominator, s.fraction_handling, s.cash_in_lieu,
                s.new_instrument_id, s.basis_fraction, s.cash_per_share, s.value_per_new_share, s.amount_per_share, s.taxable, s.supplied_basis, s.supplied_acquired_on,
                s.donor_basis, s.donor_acquired_on, s.market_value, s.covered, s.accrued_interest, s.lot_method, s.stated_quantity, s.stated_new_quantity, s.exercise_settlement
            from stated_terms s
            on conflict on constraint transaction_terms_pkey do update
            set fx_rate = excluded.fx_rate,
                fee_currency = excluded.fee_currency,
                fee_fx_rate = excluded.fee_fx_rate,
                ratio_numerator = excluded.ratio_numerator,
                ratio_denominator = excluded.ratio_denominator,
                fraction_handling = excluded.fraction_handling,
                cash_in_lieu = excluded.cash_in_lieu,
                new_instrument_id = excluded.new_instrument_id,
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
                exercise_settlement = excluded.exercise_settlement
            where k.* is distinct from excluded.*
            returning k.transaction_id
        ),
        terms_deleted as (
            delete from tax.transaction_terms k
            where k.user_id = $1
            and k.transaction_id = any (array(select w.transaction_id from wanted w where w.is_stored and w.terms is null))
            returning k.transaction_id
        ),
        linked as (
            insert into tax.transaction_links (user_id, from_id, to_id, kind)
            select distinct $1, e.from_id, e.to_id, e.kind
            from (
                select k.kind, a.transaction_id as from_id, b.transaction_id as to_id
                from ingest.line_links k
                join ingest.lines a
                    on a.user_id = $1 and a.sync_id = k.sync_id and a.line_number = k.from_line and a.part = k.from_part
                join ingest.lines b
                    on b.user_id = $1 and b.sync_id = k.sync_id and b.line_number = k.to_line and b.part = k.to_part
                where k.user_id = $1
                and k.sync_id in (select l.sync_id from live l)
            ) e
            where e.from_id <> e.to_id
            on conflict do nothing
            returning from_id
        ),
        picked as (
            insert into tax.lot_picks as k (user_id, transaction_id, leg, pick_order, opening_transaction_id, quantity)
            select $1, e.transaction_id, e.leg, e.pick_order, e.opening_transaction_id, e.quantity
            from (
                select p.leg, p.pick_order, p.quantity, w.transaction_id, o.transaction_id as opening_transaction_id
                from ingest.line_picks p
                join winner w on w.sync_id = p.sync_id and w.line_number = p.line_number and w.part = p.part
                join ingest.lines o
                    on o.user_id = $1 and o.sync_id = p.sync_id and o.line_number = p.opening_line and o.part = p.opening_part
                where p.user_id = $1
            ) e
            where e.opening_transaction_id is not null
            on conflict on constraint lot_picks_pkey do update
            set opening_transaction_id = excluded.opening_transaction_id,
                quantity = excluded.quantity
            where k.* is distinct from excluded.*
            returning k.transaction_id
        )
        select
            (select count(*) from inserted),
            (select count(*) from updated)
    $sql$
    into v_inserted, v_updated
    using p_user_id, p_transaction_ids, v_stored, v_merged;

    return query select v_inserted, v_updated, coalesce(cardinality(v_gone), 0);
end
$$;

comment on function matching.apply_lines(uuid, bigint[]) is 'Makes these transactions what the live imports and corrections say, and removes those that nothing attests.';

grant execute on function matching.apply_lines(uuid, bigint[]) to quantmatrix_writer;
grant usage on type matching.attested_transaction to quantmatrix_writer;
