-- Signing in: thousands of counters in the sequences that there are, refresh tokens whose answer was lost, and sign-ins elsewhere that were asked for.

alter type auth.throttle_kind add value 'own';

-- What the sequences count is forgotten: it is seconds or minutes old at most, and was written in another way.
do $$
declare
    v_kind text;
    v_number integer := 0;
    v_row integer;
    v_place integer;
begin
    foreach v_kind in array array['pair', 'account', 'origin', 'mail', 'write', 'known'] loop
        for v_row in 0 .. 1 loop
            for v_place in 0 .. 127 loop
                execute format(
                    'alter sequence auth.throttle_%s_%s_%s rename to throttle_%s', v_kind, v_row, v_place, v_number
                );
                execute format('comment on sequence auth.throttle_%s is %L', v_number, 'Counters of auth.throttle().');
                perform setval(format('auth.throttle_%s', v_number)::regclass, 0);
                v_number := v_number + 1;
            end loop;
        end loop;
    end loop;
end
$$;

alter table auth.refresh_tokens
    add column used_origin_digest bytea,
    add column follows bytea,
    add constraint refresh_tokens_used_origin_digest_is_sha256 check (length(used_origin_digest) = 32),
    add constraint refresh_tokens_follows_is_sha256 check (length(follows) = 32);

comment on table auth.refresh_tokens is 'Every refresh token a session ever had: one that comes a second time was stolen, and ends the session, unless it is the last one and its answer was lost.';
comment on column auth.refresh_tokens.used_at is 'When it was exchanged for the next, or replaced as lost; null for the newest.';
comment on column auth.refresh_tokens.used_origin_digest is 'SHA-256 of the address it was exchanged from; null: not known, or it was never exchanged.';
comment on column auth.refresh_tokens.follows is 'SHA-256 of the token that it was given for; null for the first of a session.';

-- Of those that are there nobody knows: administrators without a second factor link theirs once more.
alter table auth.identities
    add column is_wanted boolean not null default false;

comment on column auth.identities.is_wanted is 'Whether the person asked for the link in a session; false: the provider''s word for an address made it.';
