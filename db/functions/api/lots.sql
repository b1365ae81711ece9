-- Lots on request: rebuild and prove, totals, and what a person decides about them as a whole.

create function api.lots_rebuild(verify boolean default false)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_user();
    v_changed bigint := 0;
    v_differences jsonb := '[]';
begin
    perform tax.lock_taxpayer(v_user_id);
    if lots_rebuild.verify then
        select coalesce(jsonb_agg(
            jsonb_build_object(
                'table', d.table_name, 'key', d.row_key,
                'stored', (
                    select jsonb_object_agg(f.key, f.value #>> '{}')
                    from jsonb_each(d.stored) f
                    where d.derived is null
                    or f.value is distinct from d.derived -> f.key
                ),
                'derived', (
                    select jsonb_object_agg(f.key, f.value #>> '{}')
                    from jsonb_each(d.derived) f
                    where d.stored is null
                    or f.value is distinct from d.stored -> f.key
                )
            )
            order by d.table_name, d.row_key
        ), '[]')
        into v_differences
        from tax.verify(v_user_id) d;
    else
        v_changed := tax.rebuild_all(v_user_id);
    end if;
    return jsonb_build_object(
        'groups', (select count(distinct g.group_id) from tax.instrument_groups g where g.user_id = v_user_id),
        'lots', (select count(*) from core.tax_lots l where l.user_id = v_user_id),
        'closings', (select count(*) from tax.closings c where c.user_id = v_user_id),
        'changed', v_changed,
        'differences', v_differences
    );
end
$$;

comment on function api.lots_rebuild(boolean) is $$Rebuild lots, or prove them
Derives all lots, closings and positions anew and writes the rows that differ: none, if all is right. With verify nothing is written; each row that differs from what is stored is listed with the fields that differ, as text.$$;

create function api.totals()
returns jsonb
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_totals jsonb := tax.totals(auth.require_user());
begin
    -- Exact numbers travel as strings.
    return (
        select jsonb_object_agg(
            t.key,
            case t.key
                when 'by_year' then coalesce((
                    select jsonb_object_agg(y.key, (select jsonb_object_agg(f.key, f.value #>> '{}') from jsonb_each(y.value) f))
                    from jsonb_each(t.value) y
                ), '{}')
                else to_jsonb(t.value #>> '{}')
            end
        )
        from jsonb_each(v_totals) t
    );
end
$$;

comment on function api.totals() is $$Totals for tax
Recognized gains by year and term, what is disallowed, deferred and open, and net cash, over the taxable accounts, in the tax currency.$$;

create function api.section_104()
returns jsonb
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_user();
begin
    return (
        select jsonb_build_object(
            'closings', coalesce(jsonb_agg(
                jsonb_build_object(
                    'symbol', i.symbol, 'closed', d.closed_on, 'rule', d.rule, 'quantity', trim_scale(d.quantity)::text,
                    'matched', d.matched_on, 'proceeds', d.proceeds::text, 'basis', d.basis::text, 'gain', (d.proceeds - d.basis)::text
                )
                order by i.symbol, d.closed_on, array_position(array['same_day', 'thirty_day', 'pool', 'unmatched'], d.rule), d.matched_on
            ) filter (where d.rule <> 'remaining'), '[]'),
            'pools', coalesce(
                jsonb_object_agg(i.symbol, jsonb_build_object('quantity', trim_scale(d.quantity)::text, 'cost', d.basis::text))
                    filter (where d.rule = 'remaining'),
                '{}'
            ),
            'total_gain', coalesce(sum(d.proceeds - d.basis), 0)::text
        )
        from tax.section_104(v_user_id) d
        join core.instruments i on i.id = d.instrument_id
    );
end
$$;

comment on function api.section_104() is $$Share pools of the United Kingdom
Closings by the rules of section 104 (same day, the thirty days after, the pool), what remains in each pool, and the total gain, in the tax currency.$$;

create function api.tax_settings_set(changes jsonb)
returns jsonb
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_user();
    v_read jsonb;
begin
    perform tax.lock_taxpayer(v_user_id);
    perform ingest.refuse_unknown_fields(
        tax_settings_set.changes, array['default_lot_method', 'wash_scope', 'tax_currency', 'filing_status'], 'changes'
    );
    v_read := ingest.read_fields(
        tax_settings_set.changes,
        '{"default_lot_method": "core.lot_method", "wash_scope": "core.wash_scope", "tax_currency": "text", "filing_status": "core.filing_status"}'
    );
    update core.users u
    set default_lot_method = coalesce((v_read ->> 'default_lot_method')::core.lot_method, u.default_lot_method),
        wash_scope = coalesce((v_read ->> 'wash_scope')::core.wash_scope, u.wash_scope),
        tax_currency = coalesce(v_read ->> 'tax_currency', u.tax_currency),
        filing_status = coalesce((v_read ->> 'filing_status')::core.filing_status, u.filing_status),
        updated_at = now()
    where u.id = v_user_id;
    return (
        select jsonb_build_object(
            'default_lot_method', u.default_lot_method, 'wash_scope', u.wash_scope, 'tax_currency', u.tax_currency, 'filing_status', u.filing_status
        )
        from core.users u
        where u.id = v_user_id
    );
end
$$;

comment on function api.tax_settings_set(jsonb) is $$Choose how your taxes are counted
changes: an object with default_lot_method, wash_scope (taxpayer, broker, none), tax_currency, filing_status; a field left out stays. Lots are rebuilt. Returns all of them.$$;

grant execute on function api.lots_rebuild(boolean), api.tax_settings_set(jsonb) to quantmatrix_user, quantmatrix_admin;
grant execute on function api.totals(), api.section_104() to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin;
alter function api.lots_rebuild(boolean) owner to quantmatrix_writer;
alter function api.totals() owner to quantmatrix_writer;
alter function api.section_104() owner to quantmatrix_writer;
alter function api.tax_settings_set(jsonb) owner to quantmatrix_writer;
