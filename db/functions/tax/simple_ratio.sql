-- Many brokers keep more decimals of a holding than they print of what a split adds to it. A ratio that is computed from such units is off by their
-- rounding and would leave a sliver behind for ever: the simple ratio within the rounding is the one that was meant.

create function tax.simple_ratio(p_new_units numeric, p_old_units numeric, p_old_is_printed boolean, p_printed numeric, p_held numeric)
returns numeric[]
language sql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select array[s.new_units, d.old_units]
    from (
        select
            q.ratio,
            -- Cut or rounded: less than one unit of the last decimal, of the old units too where they are printed.
            power(0.1, scale(p_printed)) * (1 + case when p_old_is_printed then q.ratio else 0 end) / abs(p_old_units) as rounding
        from (
            select p_new_units / nullif(p_old_units, 0) as ratio
        ) q
    ) o
    -- Two ratios whose denominators are this small are further apart than the rounding: no more than one fits.
    cross join lateral generate_series(1, least(100, floor(sqrt(1 / (2 * o.rounding))))::integer) as d (old_units)
    cross join lateral (
        select round(o.ratio * d.old_units) as new_units
    ) s
    where scale(trim_scale(p_held)) > scale(p_printed)
    and o.ratio > 0
    and s.new_units > 0
    and abs(s.new_units / d.old_units - o.ratio) < o.rounding
    order by d.old_units
    limit 1
$$;

comment on function tax.simple_ratio(numeric, numeric, boolean, numeric, numeric) is
    'New and old units of the simplest ratio within the rounding of p_printed, the broker''s figure, where the holding has more decimals than it (C.2); null where it has not, or none fits.';
