-- What counts for tax: the one definition of recognized gains by year, which totals, the API and reports read.

create view tax.yearly
with (security_invoker = true)
as
select
    c.user_id,
    c.tax_year,
    c.account_id,
    c.instrument_id,
    coalesce(sum(c.recognized) filter (where c.term = 'short'), 0) as short_term,
    coalesce(sum(c.recognized) filter (where c.term = 'long'), 0) as long_term,
    coalesce(sum(c.recognized) filter (where c.term = '1256'), 0) as section_1256,
    coalesce(sum(c.recognized) filter (where c.term = 'unknown'), 0) as unknown_term,
    coalesce(sum(c.recognized), 0) as recognized,
    sum(c.disallowed) as disallowed,
    sum(c.permanently_disallowed) as permanently_disallowed,
    coalesce(sum(c.proceeds) filter (where c.basis is null), 0) as unknown_basis_proceeds,
    count(*) filter (where c.basis is null) as unknown_basis_closings,
    coalesce(sum(c.proceeds), 0) as proceeds,
    count(*) as closings
from (
    select o.*, o.proceeds - o.basis + o.disallowed + o.permanently_disallowed as recognized
    from tax.closings o
    where o.taxable
) c
group by c.user_id, c.tax_year, c.account_id, c.instrument_id;

comment on view tax.yearly is
    'Recognized gains by term, disallowed losses and proceeds of unknown basis, by tax year, account and instrument, over the taxable accounts (E.4, F.10, K.3).';
