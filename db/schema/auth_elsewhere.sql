-- Signing in elsewhere: which identity of a provider is whose, and the requests that are under way.

create table auth.identities (
    user_id uuid not null,
    provider text not null,
    subject text not null,
    email text,
    created_at timestamptz not null default now(),
    used_at timestamptz not null default now(),
    is_wanted boolean not null default false,
    constraint identities_pkey primary key (user_id, provider, subject),
    constraint identities_belong_to_a_user foreign key (user_id) references core.users (id) on delete cascade,
    constraint identities_provider_is_a_name check (provider ~ '^[a-z0-9_]{1,30}$'),
    constraint identities_subject_is_short check (length(subject) between 1 and 255)
);

create unique index identities_link_one_person on auth.identities (provider, subject);

comment on table auth.identities is 'Sign-ins elsewhere that are this person''s.
tenancy: secret';
comment on column auth.identities.user_id is 'The person.';
comment on column auth.identities.provider is 'Name of the provider: google, github.';
comment on column auth.identities.subject is 'The provider''s own key of the person.';
comment on column auth.identities.email is 'Address that the provider stated; null if none.';
comment on column auth.identities.created_at is 'When it was linked.';
comment on column auth.identities.used_at is 'When it was last used.';
comment on column auth.identities.is_wanted is 'Whether the person asked for the link in a session; false: the provider''s word for an address made it.';

create table auth.oauth_requests (
    state_digest bytea not null,
    provider text not null,
    nonce text not null,
    code_verifier text not null,
    redirect_uri text not null,
    return_to text,
    challenge text,
    link_to uuid,
    ticket_digest bytea,
    person_id uuid,
    subject text,
    email text,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    constraint oauth_requests_pkey primary key (state_digest),
    constraint oauth_requests_linked_person_exists foreign key (link_to) references core.users (id) on delete cascade,
    constraint oauth_requests_person_exists foreign key (person_id) references core.users (id) on delete cascade,
    constraint oauth_requests_ticket_is_for_a_person check ((ticket_digest is null) = (person_id is null)),
    constraint oauth_requests_subject_waits_for_its_ticket check (subject is null or ticket_digest is not null),
    constraint oauth_requests_digest_is_sha256 check (length(state_digest) = 32),
    constraint oauth_requests_challenge_is_sha256 check (challenge ~ '^[A-Za-z0-9_-]{43}$')
);

create index oauth_requests_by_expiry on auth.oauth_requests (expires_at);
create index oauth_requests_to_link on auth.oauth_requests (link_to) where link_to is not null;
create index oauth_requests_of_person on auth.oauth_requests (person_id) where person_id is not null;
create index oauth_requests_by_ticket on auth.oauth_requests (ticket_digest) where ticket_digest is not null;

comment on table auth.oauth_requests is 'Sign-ins elsewhere that have begun: state and nonce are good once.
tenancy: secret';
comment on column auth.oauth_requests.state_digest is 'SHA-256 of the state.';
comment on column auth.oauth_requests.provider is 'Name of the provider.';
comment on column auth.oauth_requests.nonce is 'What the identity token must repeat.';
comment on column auth.oauth_requests.code_verifier is 'PKCE: what the code''s challenge was made of.';
comment on column auth.oauth_requests.redirect_uri is 'Where the provider sends the person back to.';
comment on column auth.oauth_requests.return_to is 'Where the person goes then, with a ticket; null: the ticket is shown.';
comment on column auth.oauth_requests.challenge is 'SHA-256 of the secret with which the client collects its tokens; null until it is known.';
comment on column auth.oauth_requests.link_to is 'The signed-in person to whom the identity is linked; null: a sign-in.';
comment on column auth.oauth_requests.ticket_digest is 'SHA-256 of the ticket for which the client gets its tokens; null until the provider answered.';
comment on column auth.oauth_requests.person_id is 'Who signed in; null until the provider answered.';
comment on column auth.oauth_requests.subject is 'The provider''s key of a sign-in that is linked when its ticket is collected; null: nothing is to be linked.';
comment on column auth.oauth_requests.email is 'Address that the provider stated with it; null if none.';
comment on column auth.oauth_requests.created_at is 'When it began.';
comment on column auth.oauth_requests.expires_at is 'When it ends.';
