-- Shared identities hold what their key says, checked; what people's files state beside it moves to the facts of everybody who uses the identity.
-- Rows that contradict their key are corrected, and books that are derived from what was wrong are marked (tax.corrected_books): migrate up derives
-- them anew as soon as the functions are there, and says which figures changed.

-- The tables' owner sees no tenant's rows otherwise; the policies, made anew after this, force it again.
alter table core.instruments no force row level security;
alter table core.positions no force row level security;
alter table core.transactions no force row level security;
alter table tax.transaction_terms no force row level security;
alter table tax.instrument_facts no force row level security;
alter table tax.instrument_groups no force row level security;
alter table ingest.lines no force row level security;
alter table ingest.broker_positions no force row level security;
alter table ingest.broker_lots no force row level security;
alter table core.alerts no force row level security;

-- Anything that a terminal, a spreadsheet or a reader could take for a command or another direction of writing becomes a blank.
create function core.plain_text(p_text text)
returns text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select nullif(btrim(regexp_replace(p_text, '[\u0001-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]', ' ', 'g')), '')
$$;

comment on function core.plain_text(text) is 'The text without control and direction characters, nor blanks at its ends; null if nothing is left.';

-- Two forms say the terms of an option: the 21 characters of the OSI form, with thousandths of the strike in eight digits; and, for what does not
-- fit into it (options on futures, long roots), a stem, a blank, YYMMDD, C or P and the strike as a plain number: './ESU5 EW4N5 250725P6200'.
create function core.option_parts(p_symbol text)
returns text[]
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select case
        when length(p_symbol) = 21 and p_symbol ~ '^[A-Z0-9.]{1,6} *[0-9]{6}[CP][0-9]{8}$'
            then array[
                btrim(left(p_symbol, 6)), substr(p_symbol, 7, 6), substr(p_symbol, 13, 1), trim_scale(substr(p_symbol, 14)::numeric / 1000)::text
            ]
        else regexp_match(p_symbol, '^(.*[^ ]) ([0-9]{6})([CP])((?:0|[1-9][0-9]{0,11})(?:\.[0-9]{0,8}[1-9])?)$')
    end
$$;

comment on function core.option_parts(text) is 'Stem, YYMMDD, C or P, and strike that the symbol of an option says; null if it says none.';

create function core.option_type_of(p_symbol text)
returns core.option_type
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select case (core.option_parts(p_symbol))[3] when 'C' then 'call'::core.option_type when 'P' then 'put'::core.option_type end
$$;

comment on function core.option_type_of(text) is 'Call or put, as the symbol says; null if it says neither.';

create function core.strike_of(p_symbol text)
returns numeric
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select (core.option_parts(p_symbol))[4]::numeric
$$;

comment on function core.strike_of(text) is 'The strike that the symbol says; null if it says none.';

-- Two-digit years: 00 to 79 are 2000 to 2079, the rest 1980 to 1999.
create function core.expiration_of(p_symbol text)
returns date
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select case
        when d.month between 1 and 12 then case
            when d.day between 1 and extract(day from make_date(d.year, d.month, 1) + interval '1 month - 1 day')
                then make_date(d.year, d.month, d.day)
        end
    end
    from (
        select
            left(p.text, 2)::integer + case when left(p.text, 2) < '80' then 2000 else 1900 end as year,
            substr(p.text, 3, 2)::integer as month,
            substr(p.text, 5, 2)::integer as day
        from (select (core.option_parts(p_symbol))[2] as text) p
    ) d
$$;

comment on function core.expiration_of(text) is 'The last day that the symbol says; null if it says none, or one that no calendar has.';

alter table tax.instrument_facts
    add column name text,
    add column exchange text,
    add column underlying_instrument_id bigint,
    add column expiration date;

create table tax.corrected_books (
    user_id uuid not null,
    cause text not null,
    instrument_ids bigint[] not null,
    before jsonb,
    after jsonb,
    noted_at timestamptz not null default now(),
    rebuilt_at timestamptz,
    constraint corrected_books_pkey primary key (user_id, cause),
    constraint corrected_books_belong_to_a_user foreign key (user_id) references core.users (id) on delete cascade,
    constraint corrected_books_cause_is_a_plain_name check (cause ~ '^[a-z0-9_]{1,60}$'),
    constraint corrected_books_rebuilt_have_figures check (num_nulls(before, after, rebuilt_at) in (0, 3))
);

comment on table tax.corrected_books is 'Books that a migration has corrected: marked by it, derived anew once the functions are there, with the figures before and after.';
comment on column tax.corrected_books.user_id is 'The tenant.';
comment on column tax.corrected_books.cause is 'Name of the migration.';
comment on column tax.corrected_books.instrument_ids is 'Instruments whose facts it corrected.';
comment on column tax.corrected_books.before is 'Figures before: {year or open: {figure: amount}}; null until derived anew.';
comment on column tax.corrected_books.after is 'The same figures after.';
comment on column tax.corrected_books.noted_at is 'When the migration marked them.';
comment on column tax.corrected_books.rebuilt_at is 'When they were derived anew; null before.';

create table ingest.identity_counts (
    user_id uuid not null,
    added bigint not null default 0,
    allowed bigint,
    constraint identity_counts_pkey primary key (user_id),
    constraint identity_counts_belong_to_a_user foreign key (user_id) references core.users (id) on delete cascade,
    constraint identity_counts_added_is_not_negative check (added >= 0),
    constraint identity_counts_allowed_is_of_possible_size check (allowed between 0 and 10000000)
);

comment on table ingest.identity_counts is 'How many identities a person has added to the shared catalogue, which nobody can take out again.';
comment on column ingest.identity_counts.user_id is 'The tenant.';
comment on column ingest.identity_counts.added is 'Identities added so far.';
comment on column ingest.identity_counts.allowed is 'How many may be added in all, set by an administrator; null: what everybody may.';

create table ingest.price_actions (
    instrument_id bigint not null,
    acted_on date not null,
    reason text not null,
    created_at timestamptz not null default now(),
    constraint price_actions_pkey primary key (instrument_id, acted_on),
    constraint price_actions_instrument_exists foreign key (instrument_id) references core.instruments (id) on delete cascade,
    constraint price_actions_is_a_day check (acted_on between '1900-01-01' and '2199-12-31'),
    constraint price_actions_reason_is_given check (length(btrim(reason)) between 3 and 1000)
);

comment on table ingest.price_actions is 'Corporate actions that explain a jump of a shared price: what administrators say, never what is in somebody''s books.';
comment on column ingest.price_actions.instrument_id is 'The instrument.';
comment on column ingest.price_actions.acted_on is 'The first day at the new level.';
comment on column ingest.price_actions.reason is 'What happened, in the administrator''s words.';
comment on column ingest.price_actions.created_at is 'When it was said.';


-- 1. Who uses what: with facts, in a position, in a transaction or its terms. Each gets a row of facts, as whoever uses an instrument may see it.
create temporary table used on commit drop as
select f.user_id, f.instrument_id from tax.instrument_facts f
union
select p.user_id, p.instrument_id from core.positions p where p.instrument_id is not null
union
select t.user_id, t.instrument_id from core.transactions t where t.instrument_id is not null
union
select x.user_id, x.new_instrument_id from tax.transaction_terms x where x.new_instrument_id is not null
union
select g.user_id, g.instrument_id from tax.instrument_groups g;

insert into tax.instrument_facts (user_id, instrument_id)
select u.user_id, u.instrument_id
from used u
order by u.user_id, u.instrument_id
on conflict on constraint instrument_facts_pkey do nothing;

-- 2. What each identity will be. An option whose symbol says its terms has these, whatever was stated; another takes a symbol that says the terms
-- stated, and where those cannot be (no day of a calendar, no possible strike), or are taken, it is kept as a thing of another kind.
create temporary table corrected on commit drop as
select
    i.id,
    i.symbol as old_symbol,
    (i.option_type, i.strike, i.expiration)::text as old_terms,
    i.underlying_id as old_underlying_id,
    i.instrument_type as old_type,
    i.instrument_type as type,
    coalesce(left(core.plain_text(i.symbol), 64), '?') as symbol,
    i.option_type,
    i.strike,
    case when i.expiration between '1900-01-01' and '2199-12-31' then i.expiration end as expiration,
    i.currency,
    case
        when i.multiplier between 1e-12 and 1e12 and scale(trim_scale(i.multiplier)) <= 12 then i.multiplier
        else 1
    end as multiplier
from core.instruments i;

update corrected c
set symbol = case
        when c.strike <= 1e12 and scale(trim_scale(c.strike)) <= 9 and c.expiration between '1980-01-01' and '2079-12-31'
            then concat(c.symbol, ' ', to_char(c.expiration, 'YYMMDD'), case c.option_type when 'call' then 'C' else 'P' end, trim_scale(c.strike))
        else c.symbol
    end
where c.type in ('option', 'future_option')
and core.option_parts(c.symbol) is null;

update corrected c
set type = case when core.expiration_of(c.symbol) is null or length(c.symbol) > 64 then 'other' else c.type end,
    symbol = left(c.symbol, 64),
    option_type = core.option_type_of(c.symbol),
    strike = core.strike_of(c.symbol),
    expiration = core.expiration_of(c.symbol)
where c.type in ('option', 'future_option');

update corrected c
set option_type = null,
    strike = null
where c.type not in ('option', 'future_option');

update corrected c
set symbol = left(c.symbol, 40) || '~' || c.id,
    type = case when c.type in ('option', 'future_option') then 'other' else c.type end,
    option_type = null,
    strike = null
where exists (
    select from corrected other
    where other.type = c.type
    and other.symbol = c.symbol
    and other.currency = c.currency
    and other.multiplier = c.multiplier
    and other.id < c.id
);

-- 3. What an option is on: what was stated where it agrees with the root (SPXW on SPX, BRKB on BRK.B, GREE1 on GREE); else the stock or fund of that
-- root, of the person's own if there is one. What an option on a future is on stays as it was stated.
create temporary table rooted on commit drop as
select
    c.id,
    c.currency,
    case when r.root ~ '^[A-Z.]+[0-9]+$' then rtrim(r.root, '0123456789') else r.root end as root
from corrected c
cross join lateral (select (core.option_parts(c.symbol))[1] as root) r
where c.type = 'option'
and length(c.symbol) = 21;

create temporary table agreed on commit drop as
select r.id, case when p.agrees then c.old_underlying_id end as underlying_id
from rooted r
join corrected c on c.id = r.id
left join corrected u on u.id = c.old_underlying_id
cross join lateral (
    select coalesce(
        u.old_type not in ('option', 'future_option')
        and (
            replace(r.root, '.', '') like replace(replace(u.old_symbol, '.', ''), '_', '\_') || '%'
            or replace(u.old_symbol, '.', '') like replace(replace(r.root, '.', ''), '_', '\_') || '%'
        ),
        false
    ) as agrees
) p;

insert into core.instruments (symbol, instrument_type, currency)
select distinct r.root, 'stock'::core.instrument_type, r.currency
from rooted r
join agreed a on a.id = r.id and a.underlying_id is null
where not exists (
    select from core.instruments i
    where i.symbol = r.root
    and i.currency = r.currency
    and i.instrument_type in ('stock', 'fund')
    and i.multiplier = 1
)
order by 1, 3;

create temporary table stated on commit drop as
select
    f.user_id,
    f.instrument_id,
    case when r.id is null then c.old_underlying_id else coalesce(a.underlying_id, own.id) end as underlying_id
from tax.instrument_facts f
join corrected c on c.id = f.instrument_id and c.old_type in ('option', 'future_option')
left join rooted r on r.id = c.id
left join agreed a on a.id = c.id
left join lateral (
    select i.id
    from core.instruments i
    where i.symbol = r.root
    and i.currency = r.currency
    and i.instrument_type in ('stock', 'fund')
    and i.multiplier = 1
    order by
        exists (select from used u where u.user_id = f.user_id and u.instrument_id = i.id) desc,
        i.instrument_type = 'stock' desc,
        i.id
    limit 1
) own on true;

-- 4. Which books were derived from something else than what holds now.
insert into tax.corrected_books (user_id, cause, instrument_ids)
select f.user_id, '0002_identities', array_agg(f.instrument_id order by f.instrument_id)
from tax.instrument_facts f
join corrected c on c.id = f.instrument_id
left join stated s on s.user_id = f.user_id and s.instrument_id = f.instrument_id
where c.type is distinct from c.old_type
or (c.option_type, c.strike, c.expiration)::text is distinct from c.old_terms
or s.underlying_id is distinct from c.old_underlying_id
group by f.user_id;

-- 5. The facts of each person: name and exchange as they were first stated, clean of what does not print. What a spreadsheet would take for a
-- formula, and what came with terms that the symbol contradicts, is nobody's name; the next import states it again.
update tax.instrument_facts f
set name = case when i.name !~ '^[=@+-]' and (c.option_type, c.strike, c.expiration)::text is not distinct from c.old_terms
        then btrim(left(core.plain_text(i.name), 200)) end,
    exchange = case when i.exchange !~ '^[=@+-]' and (c.option_type, c.strike, c.expiration)::text is not distinct from c.old_terms
        then btrim(left(core.plain_text(i.exchange), 40)) end,
    expiration = case when c.type not in ('option', 'future_option') then c.expiration end,
    underlying_instrument_id = nullif(s.underlying_id, f.instrument_id)
from core.instruments i
join corrected c on c.id = i.id
left join stated s on s.instrument_id = i.id
where i.id = f.instrument_id
and (s.user_id is null or s.user_id = f.user_id)
and num_nonnulls(i.name, i.exchange, c.expiration, s.underlying_id) > 0;

insert into tax.instrument_facts (user_id, instrument_id)
select distinct s.user_id, s.underlying_id
from stated s
where s.underlying_id is not null
on conflict on constraint instrument_facts_pkey do nothing;

-- What a person saw for no other reason than that somebody stated it as what an option is on.
delete from tax.instrument_facts f
where exists (select from corrected c where c.old_underlying_id = f.instrument_id)
and not exists (select from stated s where s.user_id = f.user_id and s.underlying_id = f.instrument_id)
and f.identifiers = '{}'
and num_nonnulls(
    f.identical_group, f.index_family, f.section_1256, f.wash_exempt, f.deliverable_shares, f.deliverable_cash, f.merged_into_instrument_id,
    f.name, f.exchange, f.underlying_instrument_id, f.expiration
) = 0
and not exists (select from core.transactions t where t.user_id = f.user_id and t.instrument_id = f.instrument_id)
and not exists (select from tax.transaction_terms x where x.user_id = f.user_id and x.new_instrument_id = f.instrument_id)
and not exists (select from core.positions p where p.user_id = f.user_id and p.instrument_id = f.instrument_id)
and not exists (select from core.alerts a where a.user_id = f.user_id and a.instrument_id = f.instrument_id)
and not exists (select from ingest.lines l where l.user_id = f.user_id and f.instrument_id in (l.instrument_id, l.new_instrument_id))
and not exists (select from ingest.broker_positions b where b.user_id = f.user_id and b.instrument_id = f.instrument_id)
and not exists (select from ingest.broker_lots b where b.user_id = f.user_id and b.instrument_id = f.instrument_id)
and not exists (select from tax.instrument_facts other where other.user_id = f.user_id and other.merged_into_instrument_id = f.instrument_id);

-- 6. The shared rows. A symbol that another row had and gives up in the same statement would be refused, so those that move make room first.
update core.instruments i
set symbol = '~' || i.id
from corrected c
where c.id = i.id
and (c.type, c.symbol, c.multiplier) is distinct from (i.instrument_type, i.symbol, i.multiplier);

update core.instruments i
set symbol = c.symbol,
    instrument_type = c.type,
    multiplier = c.multiplier,
    option_type = c.option_type,
    strike = c.strike,
    expiration = case when c.type in ('option', 'future_option') then c.expiration end,
    name = null,
    exchange = null,
    underlying_id = null
from corrected c
where c.id = i.id
and (
    (i.symbol, i.instrument_type, i.multiplier, i.option_type, i.strike)
        is distinct from (c.symbol, c.type, c.multiplier, c.option_type, c.strike)
    or i.expiration is distinct from case when c.type in ('option', 'future_option') then c.expiration end
    or num_nonnulls(i.name, i.exchange, i.underlying_id) > 0
);

alter table core.instruments
    add constraint instruments_terms_are_those_of_the_symbol check (
        case
            when instrument_type in ('option', 'future_option')
                then option_type is not distinct from core.option_type_of(symbol)
                and strike is not distinct from core.strike_of(symbol)
                and expiration is not distinct from core.expiration_of(symbol)
            else true
        end
    ),
    add constraint instruments_symbol_is_plain check (symbol = core.plain_text(symbol)),
    add constraint instruments_name_is_plain check (name = core.plain_text(name) and length(name) <= 200),
    add constraint instruments_exchange_is_plain check (exchange = core.plain_text(exchange) and length(exchange) <= 40),
    add constraint instruments_branch_is_plain check (
        sector = core.plain_text(sector)
        and length(sector) <= 100
        and industry = core.plain_text(industry)
        and length(industry) <= 100
    ),
    add constraint instruments_expiration_is_a_day check (expiration between '1900-01-01' and '2199-12-31'),
    add constraint instruments_multiplier_is_possible check (multiplier between 1e-12 and 1e12 and scale(multiplier) <= 12);

alter table tax.instrument_facts
    add constraint instrument_facts_underlying_exists foreign key (underlying_instrument_id) references core.instruments (id),
    add constraint instrument_facts_is_not_on_itself check (underlying_instrument_id <> instrument_id),
    add constraint instrument_facts_name_is_plain check (name = core.plain_text(name) and length(name) <= 200),
    add constraint instrument_facts_exchange_is_plain check (exchange = core.plain_text(exchange) and length(exchange) <= 40),
    add constraint instrument_facts_expiration_is_a_day check (expiration between '1900-01-01' and '2199-12-31');

create index instrument_facts_underlying_reference on tax.instrument_facts (underlying_instrument_id, user_id)
    where underlying_instrument_id is not null;

comment on column core.instruments.symbol is 'Ticker with a dot for class shares; for options 21 characters of the OSI form, or a stem with YYMMDD, C or P and strike; a numbered ticker (GCM~2) where a ticker was used again.';
comment on column core.instruments.name is 'Name, published by an administrator; null if none is. What a person''s files say is in tax.instrument_facts.';
comment on column core.instruments.exchange is 'Listing exchange, published by an administrator; null if unknown.';
comment on column core.instruments.underlying_id is 'The instrument that an option is on, published by an administrator; a person''s books go by tax.instrument_facts.';
comment on column core.instruments.option_type is 'Call or put, as the symbol says; null unless an option.';
comment on column core.instruments.strike is 'Strike price, as the symbol says; null unless an option.';
comment on column core.instruments.expiration is 'Last day of an option, as its symbol says; for others null, or published by an administrator.';
comment on column tax.instrument_facts.name is 'Name as the tenant''s files state it; null if none does.';
comment on column tax.instrument_facts.exchange is 'Listing exchange as the tenant''s files state it; null if none does.';
comment on column tax.instrument_facts.underlying_instrument_id is 'What an option is on, as the tenant''s files state it, else by its root; null: unknown, or no option.';
comment on column tax.instrument_facts.expiration is 'Last day of what is no option, as the tenant''s files state it; null if none does. That of an option is in its symbol.';

alter table core.instruments force row level security;
alter table core.positions force row level security;
alter table core.transactions force row level security;
alter table tax.transaction_terms force row level security;
alter table tax.instrument_facts force row level security;
alter table tax.instrument_groups force row level security;
alter table ingest.lines force row level security;
alter table ingest.broker_positions force row level security;
alter table ingest.broker_lots force row level security;
alter table core.alerts force row level security;
