-- The same transactions under each method, side by side.

create function api.lots_compare(year integer default null, methods text[] default null)
returns jsonb
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_user_id uuid := auth.require_user();
    v_methods core.lot_method[] := ingest.read_methods(lots_compare.methods);
begin
    return (
        with figure as materialized (
            select c.*, i.symbol
            from tax.compare(v_user_id, v_methods) c
            join core.instruments i on i.id = c.instrument_id
            where lots_compare.year is null
            or c.tax_year = lots_compare.year
        ),
        years as (
            select distinct f.tax_year
            from figure f
            union
            select lots_compare.year
            where lots_compare.year is not null
        ),
        tried as (
            select null::core.lot_method as method, 0::bigint as place
            union all
            select m.method, m.place
            from unnest(v_methods) with ordinality m (method, place)
        ),
        summed as (
            select
                y.tax_year, t.place,
                jsonb_build_object(
                    'year', y.tax_year,
                    'method', coalesce(t.method::text, 'recorded'),
                    'short_term', round(coalesce(sum(f.short_term), 0), 2)::text,
                    'long_term', round(coalesce(sum(f.long_term), 0), 2)::text,
                    'section_1256', round(coalesce(sum(f.section_1256), 0), 2)::text,
                    'unknown_term', round(coalesce(sum(f.unknown_term), 0), 2)::text,
                    'disallowed', round(coalesce(sum(f.disallowed), 0), 2)::text,
                    'permanently_disallowed', round(coalesce(sum(f.permanently_disallowed), 0), 2)::text,
                    'unknown_basis_proceeds', round(coalesce(sum(f.unknown_basis_proceeds), 0), 2)::text,
                    'recognized', round(coalesce(sum(f.recognized), 0), 2)::text,
                    'instruments', coalesce(
                        jsonb_agg(
                            jsonb_build_object(
                                'symbol', f.symbol, 'short_term', round(f.short_term, 2)::text, 'long_term', round(f.long_term, 2)::text,
                                'section_1256', round(f.section_1256, 2)::text, 'unknown_term', round(f.unknown_term, 2)::text, 'disallowed', round(f.disallowed, 2)::text,
                                'permanently_disallowed', round(f.permanently_disallowed, 2)::text,
                                'unknown_basis_proceeds', round(f.unknown_basis_proceeds, 2)::text, 'recognized', round(f.recognized, 2)::text
                            )
                            order by f.symbol, f.instrument_id
                        ) filter (where f.instrument_id is not null),
                        '[]'
                    )
                ) as content
            from years y
            cross join tried t
            left join figure f on f.tax_year = y.tax_year and f.method is not distinct from t.method
            group by y.tax_year, t.method, t.place
        )
        select jsonb_build_object(
            'currency', (select u.tax_currency from core.users u where u.id = v_user_id),
            'methods', to_jsonb(array['recorded'] || v_methods::text[]),
            'rows', coalesce(jsonb_agg(s.content order by s.tax_year, s.place), '[]')
        )
        from summed s
    );
end
$$;

comment on function api.lots_compare(integer, text[]) is $$Compare lot methods
What each method would have made of the same transactions, beside what is recorded: recognized gains by term, disallowed losses and proceeds of unknown basis, by year and for each instrument, over the taxable accounts. Without a year: every year. Methods: fifo, lifo, hifo, lofo, average, mintax; all of them if none is named.
A method is tried for the whole history and instead of every choice, lots named for a sale included; average counts as fifo where the law does not allow it. Returns {currency, methods, rows: [{year, method, short_term, long_term, section_1256, unknown_term, disallowed, permanently_disallowed, unknown_basis_proceeds, recognized, instruments}]}; the method recorded is what is stored. Nothing is changed.$$;
grant execute on function api.lots_compare(integer, text[]) to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin;

alter function api.lots_compare(integer, text[]) owner to quantmatrix_writer;
