-- Counting attempts, so that whatever a caller makes of the own request afterwards the count stays: a sequence does not roll back.
--
-- Each counter holds one instant, up to which what was asked is paid for (the generic cell rate algorithm); who asks faster than it passes waits. An
-- attempt has two counters, found by two keyed digests, and is refused only if both are ahead, so that people share a fate only where both collide.
-- Whoever is asked for without being known (a password, a mail) asks the origin first: an origin that is refused fills no counter of anybody else.

create function auth.origin_of(p_address text)
returns text
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_address inet;
begin
    v_address := coalesce(p_address, '')::inet;
    if family(v_address) = 4 then
        return host(v_address);
    elsif v_address <<= '::ffff:0:0/96' then
        return host('0.0.0.0'::inet + (v_address - '::ffff:0:0'::inet));
    end if;
    return text(network(set_masklen(v_address, 64)));
exception
    when invalid_text_representation then
        return left(coalesce(p_address, ''), 64);
end
$$;

comment on function auth.origin_of(text) is 'Where an address is: itself, or of IPv6 its /64, which is one place with as many addresses as it likes.';

create function auth.origin()
returns text
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select auth.origin_of(case when not auth.is_personal_login() then nullif(current_setting('request.headers', true), '')::jsonb ->> 'x-real-ip' end)
$$;

comment on function auth.origin() is 'The place the request came from, as the proxy states its address; empty without a proxy, and for a personal login.';

-- One half of the counters is for what strangers can choose freely; the others are for people, keys and origins that exist. What is further ahead
-- than it can be counted was written by a clock that was wrong since.
create function auth.throttle_share(
    p_kind auth.throttle_kind, out first_counter integer, out counters integer, out most_seconds integer, out tick_seconds numeric
)
language sql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select k.first_counter, k.counters, k.most_seconds, k.tick_seconds
    from (
        values
            ('pair', 0, 1152, 300, 0.01),
            ('account', 1152, 576, 600, 0.01),
            ('mail', 1728, 384, 1500, 0.01),
            ('origin', 2112, 288, 1200, 0.01),
            ('known', 2400, 192, 300, 0.01),
            ('own', 2592, 192, 600, 0.01),
            ('write', 2784, 288, 10, 0.001)
    ) k (kind, first_counter, counters, most_seconds, tick_seconds)
    where k.kind = p_kind::text
$$;

comment on function auth.throttle_share(auth.throttle_kind) is
    'Which of the 3,072 counters are for what is counted; how far ahead they can be; the unit in which they hold an instant.';

create function auth.throttle_counters(p_kind auth.throttle_kind, p_subject text)
returns integer[]
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_digest bytea := sha256((select s.secret from auth.settings s) || convert_to(p_kind::text || ':' || p_subject, 'UTF8'));
    v_share record := auth.throttle_share(p_kind);
    v_one integer := (get_byte(v_digest, 0) * 65536 + get_byte(v_digest, 1) * 256 + get_byte(v_digest, 2)) % v_share.counters;
    v_apart integer := 1 + (get_byte(v_digest, 3) * 65536 + get_byte(v_digest, 4) * 256 + get_byte(v_digest, 5)) % (v_share.counters - 1);
begin
    return array[v_share.first_counter + v_one, v_share.first_counter + (v_one + v_apart) % v_share.counters];
end
$$;

comment on function auth.throttle_counters(auth.throttle_kind, text) is 'The two counters of a subject; nobody outside can tell which they are.';

-- Two counters of 31 bits in one sequence; zero is a counter that never counted. An instant is kept without what is above 31 bits, which comes round
-- in eight months (of writes: in 24 days) and is ahead by chance for some minutes then.
create function auth.throttle_ahead(p_counter integer, p_now bigint, p_most bigint)
returns bigint
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_both bigint := coalesce(pg_sequence_last_value(format('auth.throttle_%s', p_counter / 2)::regclass), 0);
    v_paid bigint := (v_both >> (31 * (p_counter % 2))) & 2147483647;
    v_ahead bigint := (v_paid - p_now) & 2147483647;
begin
    return case when v_paid = 0 or v_ahead > p_most then 0 else v_ahead end;
end
$$;

comment on function auth.throttle_ahead(integer, bigint, bigint) is
    'How far a counter is ahead of now, in its unit; not at all where that is more than it can be, as after the clock was set back.';

create function auth.throttle_set(p_counter integer, p_paid bigint)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_sequence regclass := format('auth.throttle_%s', p_counter / 2)::regclass;
    v_shift integer := 31 * (p_counter % 2);
    v_paid bigint := greatest(1, p_paid & 2147483647);
begin
    perform setval(
        v_sequence, (coalesce(pg_sequence_last_value(v_sequence), 0) & ~(2147483647::bigint << v_shift)) | (v_paid << v_shift)
    );
end
$$;

comment on function auth.throttle_set(integer, bigint) is 'Writes one of the two counters of a sequence.';

-- Two at once may count as one where no lock is held; signing in holds one for each address.
create function auth.throttle(
    p_kind auth.throttle_kind, p_subject text, p_at_once integer, p_seconds_each numeric, p_now timestamptz default clock_timestamp()
)
returns integer
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_share record := auth.throttle_share(p_kind);
    v_counters integer[] := auth.throttle_counters(p_kind, p_subject);
    v_now bigint := floor(extract(epoch from p_now) / v_share.tick_seconds)::bigint;
    v_step bigint := greatest(1, round(p_seconds_each / v_share.tick_seconds)::bigint);
    v_ahead bigint[];
    v_too_much bigint;
begin
    v_ahead := array(
        select auth.throttle_ahead(c.number, v_now, (v_share.most_seconds / v_share.tick_seconds)::bigint)
        from unnest(v_counters) with ordinality c (number, place)
        order by c.place
    );
    v_too_much := least(v_ahead[1], v_ahead[2]) - (p_at_once - 1) * v_step;
    if v_too_much > 0 then
        return greatest(1, ceil((v_too_much + 1) * v_share.tick_seconds)::integer);
    end if;
    for v_place in 1 .. 2 loop
        perform auth.throttle_set(v_counters[v_place], v_now + greatest(v_ahead[v_place], least(v_ahead[1], v_ahead[2]) + v_step));
    end loop;
    return 0;
end
$$;

comment on function auth.throttle(auth.throttle_kind, text, integer, numeric, timestamptz) is
    'Counts one attempt and returns 0; or, where p_at_once were made faster than one in p_seconds_each, counts nothing and returns the seconds to wait.';

create function auth.throttle_release(
    p_kind auth.throttle_kind, p_subject text, p_seconds numeric default null, p_now timestamptz default clock_timestamp()
)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_share record := auth.throttle_share(p_kind);
    v_now bigint := floor(extract(epoch from p_now) / v_share.tick_seconds)::bigint;
    v_most bigint := (v_share.most_seconds / v_share.tick_seconds)::bigint;
    v_back bigint := round(coalesce(p_seconds, v_share.most_seconds) / v_share.tick_seconds)::bigint;
    v_counter integer;
begin
    foreach v_counter in array auth.throttle_counters(p_kind, p_subject) loop
        perform auth.throttle_set(v_counter, v_now + greatest(0, auth.throttle_ahead(v_counter, v_now, v_most) - v_back));
    end loop;
end
$$;

comment on function auth.throttle_release(auth.throttle_kind, text, numeric, timestamptz) is
    'Gives back what an attempt that was right had cost, or (without seconds) all, to let an unlocked person in.';

-- An origin of IPv6 is counted with its /48, too: that is what one customer gets, and it has 65,536 of them.
create function auth.throttle_origin(
    p_what text, p_origin text, p_at_once integer, p_seconds_each numeric, p_now timestamptz default clock_timestamp()
)
returns integer
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_wait integer;
begin
    if p_origin = '' then
        return 0;
    end if;
    v_wait := auth.throttle('origin', p_what || ' ' || p_origin, p_at_once, p_seconds_each, p_now);
    if v_wait = 0 and p_origin ~ '^[0-9a-f:]+/64$' then
        v_wait := auth.throttle(
            'origin', p_what || ' ' || text(network(set_masklen(p_origin::inet, 48))), 10 * p_at_once, p_seconds_each / 10, p_now
        );
    end if;
    return v_wait;
end
$$;

comment on function auth.throttle_origin(text, text, integer, numeric, timestamptz) is
    'As auth.throttle for the place a request came from; where none is known nothing is counted.';

-- Where the person signed in before, attempts are counted apart: many places that guess together use up what all strangers have, and do not lock the
-- person out. Then, one guess at a time for each address, the pair of place and address: whoever guesses from one place uses up the own attempts, not
-- those of the person.
create function auth.throttle_sign_in(p_email text, p_origin text, p_is_known boolean, p_now timestamptz default clock_timestamp())
returns integer
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_pair text := p_origin || ' ' || p_email;
    v_wait integer := auth.throttle_origin(case when p_is_known then 'known' else 'sign in' end, p_origin, 60, 4, p_now);
begin
    if v_wait > 0 then
        return v_wait;
    end if;
    perform pg_advisory_xact_lock(hashtextextended('sign in ' || p_email, 0));
    if p_is_known then
        v_wait := auth.throttle('known', v_pair, 5, 60, p_now);
    else
        v_wait := auth.throttle('pair', v_pair, 5, 60, p_now);
        if v_wait = 0 then
            v_wait := auth.throttle('account', p_email, 30, 20, p_now);
        end if;
    end if;
    return v_wait;
end
$$;

comment on function auth.throttle_sign_in(text, text, boolean, timestamptz) is 'Counts an attempt to sign in and returns 0, or the seconds to wait. Holds the lock of the address.';

create function auth.refuse_too_many(p_seconds integer)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_seconds > 0 then
        perform auth.refuse(
            429, 'QM051', 'too many attempts', format('wait %s seconds and try again', p_seconds), jsonb_build_object('Retry-After', p_seconds::text)
        );
    end if;
end
$$;

comment on function auth.refuse_too_many(integer) is 'Ends the request with 429 and Retry-After where there is something to wait for.';

create function auth.throttle_mail(p_email text)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    perform auth.require_request();
    perform auth.refuse_too_many(auth.throttle_origin('mail', auth.origin(), 20, 60));
    perform auth.refuse_too_many(auth.throttle('mail', p_email, 5, 300));
end
$$;

comment on function auth.throttle_mail(text) is 'Limits mails that anybody can cause, from one origin, and to an address that exists or not.';

-- What the person proves again, with a password or a code: five wrong ones, and one more each minute, from places that did not use up theirs.
create function auth.throttle_proof(p_what text, p_user_id uuid)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    perform auth.require_request();
    perform auth.refuse_too_many(auth.throttle_origin('proof', auth.origin(), 60, 4));
    perform auth.refuse_too_many(auth.throttle('own', p_what || ' ' || p_user_id, 5, 60));
end
$$;

comment on function auth.throttle_proof(text, uuid) is 'Counts an attempt of this person to prove something; 429 where there were too many.';

alter function auth.origin_of(text) owner to quantmatrix_keeper;
alter function auth.origin() owner to quantmatrix_keeper;
alter function auth.throttle_share(auth.throttle_kind) owner to quantmatrix_keeper;
alter function auth.throttle_counters(auth.throttle_kind, text) owner to quantmatrix_keeper;
alter function auth.throttle_ahead(integer, bigint, bigint) owner to quantmatrix_keeper;
alter function auth.throttle_set(integer, bigint) owner to quantmatrix_keeper;
alter function auth.throttle(auth.throttle_kind, text, integer, numeric, timestamptz) owner to quantmatrix_keeper;
alter function auth.throttle_release(auth.throttle_kind, text, numeric, timestamptz) owner to quantmatrix_keeper;
alter function auth.throttle_origin(text, text, integer, numeric, timestamptz) owner to quantmatrix_keeper;
alter function auth.throttle_sign_in(text, text, boolean, timestamptz) owner to quantmatrix_keeper;
alter function auth.refuse_too_many(integer) owner to quantmatrix_keeper;
alter function auth.throttle_mail(text) owner to quantmatrix_keeper;
alter function auth.throttle_proof(text, uuid) owner to quantmatrix_keeper;
