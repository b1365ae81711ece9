-- The person: one row, one taxpayer. Credentials are in auth, never here.

create table core.users (
    id uuid not null default gen_random_uuid(),
    email text not null,
    username text,
    display_name text,
    role core.user_role not null default 'user',
    status core.user_status not null default 'active',
    email_verified_at timestamptz,
    disabled_at timestamptz,
    timezone text not null default 'America/New_York',
    base_currency text not null default 'USD',
    tax_currency text not null default 'USD',
    default_lot_method core.lot_method not null default 'fifo',
    wash_scope core.wash_scope not null default 'taxpayer',
    filing_status core.filing_status not null default 'single',
    preferences jsonb not null default '{}',
    metadata jsonb not null default '{}',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint users_pkey primary key (id),
    constraint users_email_taken unique (email),
    constraint users_username_taken unique (username),
    constraint users_email_is_lower_case_address check (email = lower(email) and email ~ '^[^@[:space:]]+@[^@[:space:]]+$' and length(email) <= 254),
    constraint users_username_is_short_and_plain check (username ~ '^[a-z0-9][a-z0-9_.-]{1,39}$'),
    constraint users_display_name_is_not_blank check (length(btrim(display_name)) between 1 and 200),
    constraint users_base_currency_is_a_code check (base_currency ~ '^[A-Z]{3,5}$'),
    constraint users_tax_currency_is_a_code check (tax_currency ~ '^[A-Z]{3,5}$'),
    constraint users_disabled_has_a_date check ((status = 'disabled') = (disabled_at is not null)),
    constraint users_preferences_is_an_object check (jsonb_typeof(preferences) = 'object'),
    constraint users_metadata_is_an_object check (jsonb_typeof(metadata) = 'object')
);

comment on table core.users is 'A person and taxpayer; the tenant to whom every other row belongs.
tenancy: input';
comment on column core.users.id is 'Random, so that it tells nothing; the key of the tenant everywhere.';
comment on column core.users.email is 'Address in lower case; the name on the command line.';
comment on column core.users.username is 'Short handle, unique; null if none was chosen.';
comment on column core.users.display_name is 'The name shown to people; null if none was given.';
comment on column core.users.role is 'What the person may do on this platform.';
comment on column core.users.status is 'A disabled person cannot sign in; the data stay.';
comment on column core.users.email_verified_at is 'When the address was proved; null until then.';
comment on column core.users.disabled_at is 'When the person was disabled; null while active.';
comment on column core.users.timezone is 'IANA zone in which dates are shown; tax dates do not depend on it.';
comment on column core.users.base_currency is 'Currency in which totals are shown.';
comment on column core.users.tax_currency is 'Currency of basis, proceeds and gains.';
comment on column core.users.default_lot_method is 'Lot method where neither transaction, instrument nor account say otherwise.';
comment on column core.users.wash_scope is 'How far wash sales look: taxpayer (the law), broker (Form 1099-B), none.';
comment on column core.users.filing_status is 'Decides the limit of deductible losses.';
comment on column core.users.preferences is 'Display choices of clients: an object, keys by client name.';
comment on column core.users.metadata is 'Free notes of programs: an object; nothing computes with it.';
comment on column core.users.created_at is 'When the row was made.';
comment on column core.users.updated_at is 'When the row was last changed.';
