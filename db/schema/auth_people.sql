-- How people prove who they are, and what others may see. Secrets are here and nowhere else: passwords as bcrypt, tokens and keys as digests of
-- at least 256 random bits. Only the functions of quantmatrix_keeper read these tables; no other role has a right on them.

create type auth.token_purpose as enum ('reset', 'email');
create type auth.key_scope as enum ('read', 'write', 'import', 'admin');
create type auth.grant_right as enum ('read', 'write');
create type auth.grant_kind as enum ('share', 'administration');
create type auth.mail_status as enum ('waiting', 'sent', 'dead');
create type auth.throttle_kind as enum ('pair', 'account', 'origin', 'mail', 'write', 'known', 'own');

create table auth.settings (
    only_row boolean not null default true,
    bcrypt_cost integer not null default 12,
    access_minutes integer not null default 15,
    session_days integer not null default 30,
    registration_open boolean not null default true,
    writes_per_second integer not null default 50,
    site_url text,
    secret bytea not null default sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')),
    staged_megabytes integer not null default 1024,
    stored_megabytes integer not null default 10240,
    constraint settings_pkey primary key (only_row),
    constraint settings_is_one_row check (only_row),
    constraint settings_bcrypt_cost_is_slow_enough check (bcrypt_cost between 10 and 16),
    constraint settings_access_is_short check (access_minutes between 1 and 60),
    constraint settings_session_ends check (session_days between 1 and 365),
    constraint settings_writes_are_limited check (writes_per_second between 1 and 1000),
    constraint settings_site_url_is_an_address check (site_url ~ '^https?://[^[:space:]]+[^/[:space:]]$'),
    constraint settings_staged_is_limited check (staged_megabytes between 1 and 100000),
    constraint settings_stored_is_limited check (stored_megabytes between 1 and 10000000)
);

insert into auth.settings default values;

comment on table auth.settings is 'How signing in works on this platform: one row, changed by administrators.
tenancy: platform';
comment on column auth.settings.only_row is 'Always true.';
comment on column auth.settings.bcrypt_cost is 'Each step doubles the work of a guess; older hashes are renewed when their people sign in.';
comment on column auth.settings.access_minutes is 'How long an access token is good.';
comment on column auth.settings.session_days is 'How long a session lasts without being used.';
comment on column auth.settings.registration_open is 'Whether people may register by themselves.';
comment on column auth.settings.writes_per_second is 'Requests that write, per person and per key; ten times as many at once.';
comment on column auth.settings.site_url is 'Address that mails name, without a slash at the end; null: mails carry the bare token.';
comment on column auth.settings.staged_megabytes is 'What one person may have staged over the API at a time; four times that by COPY.';
comment on column auth.settings.stored_megabytes is 'What the files that one person imported may amount to, as they were staged.';

create table auth.signing_keys (
    key_id text not null,
    secret bytea not null,
    place integer not null,
    loaded_at timestamptz not null default now(),
    constraint signing_keys_pkey primary key (key_id),
    constraint signing_keys_one_per_place unique (place),
    constraint signing_keys_secret_is_long_enough check (length(secret) >= 32),
    constraint signing_keys_place_counts_from_one check (place >= 1)
);

comment on column auth.settings.secret is 'Nobody outside can tell which counter an attempt falls on: its digest is keyed with this.';

comment on table auth.signing_keys is 'The keys of PostgREST''s key set, in its order: the first signs, the others are on their way out.
tenancy: secret';
comment on column auth.signing_keys.key_id is 'kid of the key.';
comment on column auth.signing_keys.secret is 'The key itself, for HMAC-SHA256.';
comment on column auth.signing_keys.place is 'Place in the set, from 1.';
comment on column auth.signing_keys.loaded_at is 'When it came from the file.';

create table auth.credentials (
    user_id uuid not null,
    password_hash text,
    password_changed_at timestamptz,
    tokens_from timestamptz,
    totp_secret bytea,
    totp_confirmed_at timestamptz,
    totp_last_step bigint,
    constraint credentials_pkey primary key (user_id),
    constraint credentials_belong_to_a_user foreign key (user_id) references core.users (id) on delete cascade,
    constraint credentials_password_is_bcrypt check (password_hash ~ '^\$2[aby]\$(1[0-9])\$[./A-Za-z0-9]{53}$'),
    constraint credentials_totp_secret_is_long_enough check (length(totp_secret) >= 20),
    constraint credentials_totp_is_confirmed_with_a_secret check (totp_confirmed_at is null or totp_secret is not null)
);

comment on table auth.credentials is 'The password and the second factor of a person.
tenancy: secret';
comment on column auth.credentials.user_id is 'The person.';
comment on column auth.credentials.password_hash is 'bcrypt of the SHA-256 of the password, so that no byte of a long one is ignored; null: none was set.';
comment on column auth.credentials.password_changed_at is 'When the password was set; null: never.';
comment on column auth.credentials.tokens_from is 'Tokens issued before are refused; null: none.';
comment on column auth.credentials.totp_secret is 'Shared secret of the second factor (RFC 6238); null: none.';
comment on column auth.credentials.totp_confirmed_at is 'When the first code was right: from then on a code is wanted; null: not yet.';
comment on column auth.credentials.totp_last_step is 'The last period whose code was used: none is good twice; null: none was.';

create table auth.recovery_codes (
    user_id uuid not null,
    code_digest bytea not null,
    created_at timestamptz not null default now(),
    constraint recovery_codes_pkey primary key (user_id, code_digest),
    constraint recovery_codes_belong_to_credentials foreign key (user_id) references auth.credentials (user_id) on delete cascade,
    constraint recovery_codes_digest_is_sha256 check (length(code_digest) = 32)
);

comment on table auth.recovery_codes is 'Codes that stand in for the second factor, each once.
tenancy: secret';
comment on column auth.recovery_codes.user_id is 'The person.';
comment on column auth.recovery_codes.code_digest is 'SHA-256 of the code.';
comment on column auth.recovery_codes.created_at is 'When it was made.';

create table auth.registrations (
    token_digest bytea not null,
    email text not null,
    display_name text,
    password_hash text not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    constraint registrations_pkey primary key (token_digest),
    constraint registrations_digest_is_sha256 check (length(token_digest) = 32),
    constraint registrations_email_is_lower_case_address check (email = lower(email) and email ~ '^[^@[:space:]]+@[^@[:space:]]+$' and length(email) <= 254),
    constraint registrations_password_is_bcrypt check (password_hash ~ '^\$2[aby]\$(1[0-9])\$[./A-Za-z0-9]{53}$')
);

create index registrations_by_expiry on auth.registrations (expires_at);

comment on table auth.registrations is 'Who asked to register and has not proved the address yet. An address may wait several times: nobody reserves another''s.
tenancy: secret';
comment on column auth.registrations.token_digest is 'SHA-256 of the mailed token.';
comment on column auth.registrations.email is 'Address in lower case.';
comment on column auth.registrations.display_name is 'Name shown to people; null if none was given.';
comment on column auth.registrations.password_hash is 'As in auth.credentials.';
comment on column auth.registrations.created_at is 'When it was asked.';
comment on column auth.registrations.expires_at is 'When the token ends.';

create table auth.one_time_tokens (
    user_id uuid not null,
    purpose auth.token_purpose not null,
    token_digest bytea not null,
    email text,
    expires_at timestamptz not null,
    constraint one_time_tokens_pkey primary key (user_id, purpose),
    constraint one_time_tokens_belong_to_a_user foreign key (user_id) references core.users (id) on delete cascade,
    constraint one_time_tokens_digest_is_sha256 check (length(token_digest) = 32),
    constraint one_time_tokens_new_email_is_named check ((purpose = 'email') = (email is not null))
);

create index one_time_tokens_by_digest on auth.one_time_tokens (token_digest);

comment on table auth.one_time_tokens is 'Mailed tokens: one for a person and purpose, used once.
tenancy: secret';
comment on column auth.one_time_tokens.user_id is 'The person.';
comment on column auth.one_time_tokens.purpose is 'reset: a new password; email: a new address.';
comment on column auth.one_time_tokens.token_digest is 'SHA-256 of the token.';
comment on column auth.one_time_tokens.email is 'The new address; null for a reset.';
comment on column auth.one_time_tokens.expires_at is 'When it ends.';

create table auth.sessions (
    user_id uuid not null,
    id uuid not null default gen_random_uuid(),
    label text,
    method text not null,
    created_at timestamptz not null default now(),
    used_at timestamptz not null default now(),
    expires_at timestamptz not null,
    ended_at timestamptz,
    ended_because text,
    origin_digest bytea,
    constraint sessions_pkey primary key (user_id, id),
    constraint sessions_belong_to_a_user foreign key (user_id) references core.users (id) on delete cascade,
    constraint sessions_label_is_short check (length(label) <= 200),
    constraint sessions_method_is_known check (method ~ '^(password|oauth:[a-z0-9_]{1,30})$'),
    constraint sessions_origin_digest_is_sha256 check (length(origin_digest) = 32),
    constraint sessions_end_has_a_reason check ((ended_at is null) = (ended_because is null))
);

comment on table auth.sessions is 'Sign-ins: each is one family of refresh tokens.
tenancy: secret';
comment on column auth.sessions.user_id is 'The person.';
comment on column auth.sessions.id is 'sid of its tokens.';
comment on column auth.sessions.label is 'What the client calls itself; null if it does not.';
comment on column auth.sessions.method is 'How the person signed in: password, oauth:NAME.';
comment on column auth.sessions.created_at is 'When it began.';
comment on column auth.sessions.used_at is 'When its tokens were last renewed.';
comment on column auth.sessions.expires_at is 'When it ends unless renewed.';
comment on column auth.sessions.ended_at is 'When it was ended; null while it goes on.';
comment on column auth.sessions.origin_digest is 'SHA-256 of the address it began from: whoever guesses elsewhere does not lock its person out there; null: not known.';
comment on column auth.sessions.ended_because is 'signed out, refresh token replayed, password changed, ended by an administrator; null while it goes on.';

create table auth.refresh_tokens (
    user_id uuid not null,
    session_id uuid not null,
    token_digest bytea not null,
    created_at timestamptz not null default now(),
    used_at timestamptz,
    used_origin_digest bytea,
    follows bytea,
    constraint refresh_tokens_pkey primary key (user_id, session_id, token_digest),
    constraint refresh_tokens_session_exists foreign key (user_id, session_id) references auth.sessions (user_id, id) on delete cascade,
    constraint refresh_tokens_digest_is_sha256 check (length(token_digest) = 32),
    constraint refresh_tokens_used_origin_digest_is_sha256 check (length(used_origin_digest) = 32),
    constraint refresh_tokens_follows_is_sha256 check (length(follows) = 32)
);

create index refresh_tokens_by_digest on auth.refresh_tokens (token_digest);

comment on table auth.refresh_tokens is 'Every refresh token a session ever had: one that comes a second time was stolen, and ends the session, unless it is the last one and its answer was lost.
tenancy: secret';
comment on column auth.refresh_tokens.user_id is 'The person.';
comment on column auth.refresh_tokens.session_id is 'The session.';
comment on column auth.refresh_tokens.token_digest is 'SHA-256 of the token.';
comment on column auth.refresh_tokens.created_at is 'When it was given out.';
comment on column auth.refresh_tokens.used_at is 'When it was exchanged for the next, or replaced as lost; null for the newest.';
comment on column auth.refresh_tokens.used_origin_digest is 'SHA-256 of the address it was exchanged from; null: not known, or it was never exchanged.';
comment on column auth.refresh_tokens.follows is 'SHA-256 of the token that it was given for; null for the first of a session.';

create table auth.api_keys (
    user_id uuid not null,
    id bigint not null generated always as identity,
    name text not null,
    prefix text not null,
    key_digest bytea not null,
    scopes auth.key_scope[] not null,
    account_ids bigint[],
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    used_at timestamptz,
    revoked_at timestamptz,
    constraint api_keys_pkey primary key (user_id, id),
    constraint api_keys_belong_to_a_user foreign key (user_id) references core.users (id) on delete cascade,
    constraint api_keys_name_is_short_and_not_blank check (length(btrim(name)) between 1 and 100),
    constraint api_keys_prefix_is_eight_letters check (prefix ~ '^[0-9a-f]{8}$'),
    constraint api_keys_digest_is_sha256 check (length(key_digest) = 32),
    constraint api_keys_may_do_something check (cardinality(scopes) between 1 and 4),
    constraint api_keys_accounts_are_named_or_all check (cardinality(account_ids) between 1 and 1000)
);

create index api_keys_by_prefix on auth.api_keys (prefix);

comment on table auth.api_keys is 'Keys of programs: shown once, kept as a digest, exchanged for short-lived tokens.
tenancy: secret';
comment on column auth.api_keys.user_id is 'Whose key it is.';
comment on column auth.api_keys.id is 'Number of the key.';
comment on column auth.api_keys.name is 'What its owner calls it.';
comment on column auth.api_keys.prefix is 'The first letters after qm_, by which it is found and recognized.';
comment on column auth.api_keys.key_digest is 'SHA-256 of the whole key.';
comment on column auth.api_keys.scopes is 'What it may do: read; import (and read); write (everything but people and keys); admin.';
comment on column auth.api_keys.account_ids is 'The only accounts it may see; null: all.';
comment on column auth.api_keys.created_at is 'When it was made.';
comment on column auth.api_keys.expires_at is 'When it ends; null: never.';
comment on column auth.api_keys.used_at is 'When it was last exchanged; null: never.';
comment on column auth.api_keys.revoked_at is 'When it was revoked; null: it is good.';

create table auth.grants (
    user_id uuid not null,
    id bigint not null generated always as identity,
    grantee_id uuid not null,
    account_id bigint,
    kind auth.grant_kind not null default 'share',
    access auth.grant_right not null,
    reason text,
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    constraint grants_pkey primary key (user_id, id),
    constraint grants_belong_to_a_user foreign key (user_id) references core.users (id) on delete cascade,
    constraint grants_grantee_exists foreign key (grantee_id) references core.users (id) on delete cascade,
    constraint grants_account_exists foreign key (user_id, account_id) references core.accounts (user_id, id) on delete cascade,
    constraint grants_are_for_others check (grantee_id <> user_id),
    constraint grants_administration_has_reason_and_end check (kind = 'share' or (length(btrim(reason)) >= 3 and expires_at is not null))
);

create index grants_to_grantee on auth.grants (grantee_id, user_id);
create index grants_of_account on auth.grants (user_id, account_id) where account_id is not null;

comment on table auth.grants is 'Who else may see, or write, whose book: the one table that row-level security asks.
tenancy: secret';
comment on column auth.grants.user_id is 'Whose book it is.';
comment on column auth.grants.id is 'Number of the grant.';
comment on column auth.grants.grantee_id is 'Who may.';
comment on column auth.grants.account_id is 'The only account; null: the whole book.';
comment on column auth.grants.kind is 'share: given by the owner; administration: taken by an administrator, with a reason, for a short time.';
comment on column auth.grants.access is 'read, or write (and read).';
comment on column auth.grants.reason is 'Why the administrator looks; null for a share.';
comment on column auth.grants.created_at is 'When it was given.';
comment on column auth.grants.expires_at is 'When it ends; null: when it is revoked.';
comment on column auth.grants.revoked_at is 'When it was revoked; null: it holds.';

create table auth.mails (
    id bigint not null generated always as identity,
    recipient text not null,
    subject text not null,
    body text,
    status auth.mail_status not null default 'waiting',
    attempts integer not null default 0,
    created_at timestamptz not null default now(),
    due_at timestamptz not null default now(),
    claimed_until timestamptz,
    sent_at timestamptz,
    last_error text,
    constraint mails_pkey primary key (id),
    constraint mails_waiting_has_a_body check (status <> 'waiting' or body is not null),
    constraint mails_sent_keeps_no_body check (status <> 'sent' or (body is null and sent_at is not null)),
    constraint mails_attempts_count_up check (attempts >= 0)
);

create index mails_due on auth.mails (due_at) where status = 'waiting';
create index mails_to_recipient on auth.mails (recipient);

comment on table auth.mails is 'Mails on their way: written with what they speak of, sent by the mailer, so that none is lost while SMTP is down.
tenancy: secret';
comment on column auth.mails.id is 'Number of the mail; part of its Message-ID, the same in each attempt.';
comment on column auth.mails.recipient is 'Address.';
comment on column auth.mails.subject is 'Subject.';
comment on column auth.mails.body is 'Text, which may carry a token; null once sent.';
comment on column auth.mails.status is 'waiting, sent, or dead after the last attempt.';
comment on column auth.mails.attempts is 'Attempts made.';
comment on column auth.mails.created_at is 'When it was written.';
comment on column auth.mails.due_at is 'Not before: later after each failure.';
comment on column auth.mails.claimed_until is 'A sender is at it until then; null: nobody.';
comment on column auth.mails.sent_at is 'When the server took it; null before.';
comment on column auth.mails.last_error is 'What the server said to the last attempt; null: no failure.';

-- Counters that a caller cannot undo: a sequence does not roll back. Each sequence holds two counters, and auth.throttle_share() says which belong to
-- what is counted. A sequence is a file and some rows of the catalogue, which every dump and every copy of the database pays for: so there are no
-- more of them, and thousands of counters.
do $$
begin
    execute (
        select string_agg(
            format(
                'create sequence auth.throttle_%s as bigint minvalue 0 start with 0 no cycle; '
                'comment on sequence auth.throttle_%1$s is %2$L;',
                n.number, 'Counters of auth.throttle().'
            ),
            ' '
        )
        from generate_series(0, 1535) n (number)
    );
end
$$;
