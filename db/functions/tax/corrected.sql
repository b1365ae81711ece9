-- After a migration that corrected what books are derived from: each marked book is derived anew, and what its figures were is kept beside what they
-- are, for the person and for whoever migrates. A book that was not reached stays marked, and the next run of migrations takes it up.

create function tax.figures(p_user_id uuid)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'open', (
            select jsonb_build_object(
                'basis', coalesce(sum(l.cost_remaining), 0), 'deferred', coalesce(sum(l.wash_sale_adjustment), 0),
                'units', coalesce(sum(l.quantity_remaining), 0), 'lots', count(*)
            )
            from core.tax_lots l
            where l.user_id = p_user_id
            and l.closed_at is null
        )
    ) || coalesce((
        select jsonb_object_agg(y.tax_year, jsonb_build_object(
            'short_term', y.short_term, 'long_term', y.long_term, 'section_1256', y.section_1256, 'unknown_term', y.unknown_term,
            'disallowed', y.disallowed, 'permanently_disallowed', y.permanently_disallowed, 'closings', y.closings
        ))
        from (
            select
                y.tax_year, sum(y.short_term) as short_term, sum(y.long_term) as long_term, sum(y.section_1256) as section_1256,
                sum(y.unknown_term) as unknown_term, sum(y.disallowed) as disallowed, sum(y.permanently_disallowed) as permanently_disallowed,
                sum(y.closings) as closings
            from tax.yearly y
            where y.user_id = p_user_id
            group by y.tax_year
        ) y
    ), '{}')
$$;

comment on function tax.figures(uuid) is 'Figures of a book by tax year, and of its open lots, as they are stored: {year or open: {figure: amount}}.';

create function tax.books_to_correct()
returns setof uuid
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select distinct c.user_id
    from tax.corrected_books c
    where c.rebuilt_at is null
    order by c.user_id
$$;

comment on function tax.books_to_correct() is 'People whose books a migration has marked and nobody has derived anew yet.';

create function tax.correct_book(p_user_id uuid)
returns table (email text, cause text, part text, figure text, before text, after text)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_before jsonb;
    v_after jsonb;
begin
    perform tax.lock_taxpayer(p_user_id);
    v_before := tax.figures(p_user_id);
    perform set_config('quantmatrix.reason', 'facts of instruments corrected by a migration', true);
    perform tax.rebuild_instruments(
        p_user_id,
        (
            select array_agg(distinct i.id order by i.id)
            from tax.corrected_books c
            cross join lateral unnest(c.instrument_ids) i (id)
            join tax.instrument_groups g on g.user_id = c.user_id and g.instrument_id = i.id
            where c.user_id = p_user_id
            and c.rebuilt_at is null
        )
    );
    v_after := tax.figures(p_user_id);
    return query
    with done as (
        update tax.corrected_books c
        set before = v_before,
            after = v_after,
            rebuilt_at = now()
        where c.user_id = p_user_id
        and c.rebuilt_at is null
        returning c.cause
    )
    select u.email, d.cause, named.part, f.figure, v_before -> named.part ->> f.figure, v_after -> named.part ->> f.figure
    from done d
    join core.users u on u.id = p_user_id
    cross join lateral jsonb_object_keys(v_before || v_after) named (part)
    cross join lateral jsonb_object_keys(coalesce(v_before -> named.part, '{}') || coalesce(v_after -> named.part, '{}')) f (figure)
    where (v_before -> named.part ->> f.figure)::numeric is distinct from (v_after -> named.part ->> f.figure)::numeric
    order by named.part, f.figure;
end
$$;

comment on function tax.correct_book(uuid) is 'Derives a marked book anew; returns the figures that changed, and keeps all of them in tax.corrected_books.';

alter function tax.books_to_correct() owner to quantmatrix_engine;
alter function tax.correct_book(uuid) owner to quantmatrix_engine;

-- Whoever migrates: a right that the tables' owner gave itself would have gone with the ownership.
set local role quantmatrix_engine;
grant execute on function tax.books_to_correct(), tax.correct_book(uuid) to quantmatrix_owner;
set local role quantmatrix_owner;
