-- Money, prices, quantities and ratios in answers: exact decimals. As JSON a string, because a number would pass through binary floating point
-- in most clients; as CSV the plain digits. PostgREST finds the cast by the domain of a column (domain representations).
--
-- Two domains, one on the other: PostgREST describes a domain by its base type, and would call a domain on numeric a number in its OpenAPI.

create domain api.decimal as numeric;
create domain api.exact as api.decimal;

comment on domain api.decimal is 'What api.exact rests on; no column has it.';
comment on domain api.exact is 'An exact decimal: a string in JSON, plain digits in CSV.';
