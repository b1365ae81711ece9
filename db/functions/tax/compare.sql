-- What each method would have made of the same transactions. Nothing is stored: every figure comes from the engine's answer to another question.

create function tax.compare(p_user_id uuid, p_methods core.lot_method[])
returns table (
    method core.lot_method, tax_year integer, instrument_id bigint, short_term numeric, long_term numeric, section_1256 numeric,
    unknown_term numeric, disallowed numeric, permanently_disallowed numeric, unknown_basis_proceeds numeric, recognized numeric
)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    -- No method: what was chosen, which is what is stored.
    select
        null::core.lot_method, y.tax_year, y.instrument_id, sum(y.short_term), sum(y.long_term), sum(y.section_1256), sum(y.unknown_term),
        sum(y.disallowed), sum(y.permanently_disallowed), sum(y.unknown_basis_proceeds), sum(y.recognized)
    from tax.yearly y
    where y.user_id = p_user_id
    group by y.tax_year, y.instrument_id
    union all
    select
        c.method, c.tax_year, c.instrument_id,
        coalesce(sum(c.recognized) filter (where c.term = 'short'), 0),
        coalesce(sum(c.recognized) filter (where c.term = 'long'), 0),
        coalesce(sum(c.recognized) filter (where c.term = '1256'), 0),
        coalesce(sum(c.recognized) filter (where c.term = 'unknown'), 0),
        sum(c.disallowed),
        sum(c.permanently_disallowed),
        coalesce(sum(c.proceeds) filter (where c.basis is null), 0),
        coalesce(sum(c.recognized), 0)
    from (
        select m.method, o.*, o.proceeds - o.basis + o.disallowed + o.permanently_disallowed as recognized
        from (
            select m.method, g.group_id, row_number() over (order by m.place, g.group_id) - 1 as place, count(*) over () as pieces
            from unnest(p_methods) with ordinality m (method, place)
            cross join (
                -- Groups in which nothing was ever closed have nothing to compare.
                select distinct s.group_id
                from tax.closings s
                where s.user_id = p_user_id
            ) g
        ) m
        cross join lateral (select work.report_progress(m.place, m.pieces, m.method || ': groups derived')) told
        cross join lateral (
            select (r.closing).*
            from tax.run(p_user_id, m.group_id, jsonb_build_object('method', m.method)) r
            where r.kind = 'closing'
        ) o
        where o.taxable
    ) c
    group by c.method, c.tax_year, c.instrument_id
$$;

comment on function tax.compare(uuid, core.lot_method[]) is
    'Recognized gains by method, tax year and instrument over the taxable accounts; without a method: as chosen. Lots named for a sale count for what was chosen only.';

grant execute on function tax.compare(uuid, core.lot_method[]) to quantmatrix_writer;
alter function tax.compare(uuid, core.lot_method[]) owner to quantmatrix_engine;
