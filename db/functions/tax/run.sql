-- The engine's reading half: one group derived, returned as rows, nothing written. Plans are generic: a plan made for the values at hand packs
-- the arrays into constants, and each look into one then walks it from its start.

do $generate$
begin
    execute format(
        $template$
        create function tax.run(p_user_id uuid, p_group_id bigint, p_options jsonb default '{}')
        returns setof tax.derived_row
        language plpgsql
        stable
        security definer
        set search_path = pg_catalog, pg_temp
        set plan_cache_mode = force_generic_plan
        set enable_nestloop = on
        set enable_mergejoin = on
        set jit = off
        as $body$
        declare
            v_h tax.history := tax.read_history(p_user_id, p_group_id, p_options);
            v_d tax.derivation := tax.derive(p_user_id, v_h, p_options);
            v_is_resumed constant boolean := false;
            %1$s
        begin
            if v_d is null then
                return;
            end if;
            return query
            select 'lot', row(
                    l.*, s.arrived_on, coalesce(s.is_purchase, true), coalesce(s.is_used, false), s.gift_loss_basis, s.gift_loss_holding_start,
                    coalesce(s.is_inherited, false), s.is_covered
                )::tax.derived_lot,
                null::tax.derived_position, null::tax.derived_closing, null::tax.derived_match, null::tax.derived_notice, null::tax.derived_flow
            from (%2$s) l
            left join (%3$s) s using (account_id, instrument_id, opening_transaction_id, piece, side);
            return query
            select 'position', null::tax.derived_lot, row(p.*)::tax.derived_position, null::tax.derived_closing, null::tax.derived_match,
                null::tax.derived_notice, null::tax.derived_flow
            from (%4$s) p;
            return query
            select 'closing', null::tax.derived_lot, null::tax.derived_position, row(c.*)::tax.derived_closing, null::tax.derived_match,
                null::tax.derived_notice, null::tax.derived_flow
            from (%5$s) c;
            return query
            select 'match', null::tax.derived_lot, null::tax.derived_position, null::tax.derived_closing, row(m.*)::tax.derived_match,
                null::tax.derived_notice, null::tax.derived_flow
            from (%6$s) m;
            return query
            select 'notice', null::tax.derived_lot, null::tax.derived_position, null::tax.derived_closing, null::tax.derived_match,
                row(n.*)::tax.derived_notice, null::tax.derived_flow
            from (%7$s) n;
            return query
            select 'flow', null::tax.derived_lot, null::tax.derived_position, null::tax.derived_closing, null::tax.derived_match,
                null::tax.derived_notice, row(f.account_id, f.amount)::tax.derived_flow
            from unnest(v_h.account_id, v_d.account_flow) f (account_id, amount)
            where f.amount <> 0;
        end
        $body$
        $template$,
        tax.mapping('variables'), tax.mapping('lots'), tax.mapping('states'), tax.mapping('positions'), tax.mapping('closings'),
        tax.mapping('matches'), tax.mapping('notices')
    );
end
$generate$;

comment on function tax.run(uuid, bigint, jsonb) is
    'Derives one group of instruments of a person and writes nothing. Options: method (instead of every chosen one), wash_scope, as_of (later events are ignored). Verification, comparison, what-if and reconciliation at a date all use it.';
grant execute on function tax.run(uuid, bigint, jsonb) to quantmatrix_writer;
alter function tax.run(uuid, bigint, jsonb) owner to quantmatrix_engine;
