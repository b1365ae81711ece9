-- Which login is which person. Credentials, tokens and keys come here with the sign-in functions.

create table auth.database_logins (
    login_name text not null,
    user_id uuid not null,
    created_at timestamptz not null default now(),
    constraint database_logins_pkey primary key (login_name),
    constraint database_logins_one_per_user unique (user_id),
    constraint database_logins_belong_to_a_user foreign key (user_id) references core.users (id) on delete cascade,
    constraint database_logins_are_our_own check (login_name ~ '^qm_[a-z0-9_]{1,55}$')
);

comment on table auth.database_logins is 'Personal login roles for direct SQL: whoever can type SQL can forge a setting, but not a login.
tenancy: secret';
comment on column auth.database_logins.login_name is 'Name of the role in the cluster.';
comment on column auth.database_logins.user_id is 'The person.';
comment on column auth.database_logins.created_at is 'When it was given.';
