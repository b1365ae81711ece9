-- What all functions of signing in share. Everything here belongs to quantmatrix_keeper and is executed by nobody else, but for the refusal.

-- An answer with a status of HTTP, a code of ours and headers: PostgREST's own way to carry all three.
create function auth.refuse(p_status integer, p_code text, p_message text, p_hint text default null, p_headers jsonb default '{}')
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    raise sqlstate 'PGRST' using
        message = jsonb_build_object('code', p_code, 'message', p_message, 'details', null, 'hint', p_hint)::text,
        detail = jsonb_build_object(
            'status', p_status,
            'status_text', case p_status
                when 400 then 'Bad Request'
                when 401 then 'Unauthorized'
                when 403 then 'Forbidden'
                when 409 then 'Conflict'
                when 413 then 'Content Too Large'
                when 503 then 'Service Unavailable'
                else 'Too Many Requests'
            end,
            'headers', p_headers
        )::text;
end
$$;

comment on function auth.refuse(integer, text, text, text, jsonb) is 'Ends the request with this status and PostgREST''s object {code, message, details, hint}.';

grant execute on function auth.refuse(integer, text, text, text, jsonb) to quantmatrix_writer, quantmatrix_engine;

create function auth.base64url(p_bytes bytea)
returns text
language sql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select rtrim(translate(encode(p_bytes, 'base64'), '+/' || chr(10), '-_'), '=')
$$;

comment on function auth.base64url(bytea) is 'Base64 for addresses and tokens, without padding (RFC 4648, 5).';

create function auth.digest_of(p_secret text)
returns bytea
language sql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select sha256(convert_to(coalesce(p_secret, ''), 'UTF8'))
$$;

comment on function auth.digest_of(text) is 'What is kept of a token or key: SHA-256, enough for 256 random bits.';

create function auth.random_token()
returns text
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select auth.base64url(extensions.gen_random_bytes(32))
$$;

comment on function auth.random_token() is '256 random bits in 43 letters.';

create function auth.address_of(p_email text)
returns text
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_email text := lower(btrim(coalesce(p_email, '')));
begin
    if v_email !~ '^[^@[:space:][:cntrl:]]+@[^@[:space:][:cntrl:]]+$' or length(v_email) > 254 then
        raise exception 'email: "%" is not an address', left(v_email, 100) using errcode = 'QM002';
    end if;
    return v_email;
end
$$;

comment on function auth.address_of(text) is 'An address in lower case; QM002 if it is none.';

-- SHA-256 first: bcrypt ignores what comes after 72 bytes.
create function auth.hash_password(p_password text)
returns text
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select extensions.crypt(
        encode(auth.digest_of(normalize(p_password, nfkc)), 'base64'),
        extensions.gen_salt('bf', (select s.bcrypt_cost from auth.settings s))
    )
$$;

comment on function auth.hash_password(text) is 'bcrypt at the cost of auth.settings.';

-- For nobody, and for who has no password, the same work is done and the answer is no. Nor does a hash of an older, lower cost answer sooner:
-- its own work and that of the costs from there to today's add up to today's.
create function auth.password_is(p_hash text, p_password text)
returns boolean
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_given text := encode(auth.digest_of(normalize(coalesce(p_password, ''), nfkc)), 'base64');
    v_cost integer := (select s.bcrypt_cost from auth.settings s);
    v_hash text := coalesce(p_hash, extensions.gen_salt('bf', v_cost));
    v_is_right boolean := extensions.crypt(v_given, v_hash) = p_hash is true;
begin
    for v_older in split_part(v_hash, '$', 3)::integer .. v_cost - 1 loop
        perform extensions.crypt(v_given, extensions.gen_salt('bf', v_older));
    end loop;
    return v_is_right;
end
$$;

comment on function auth.password_is(text, text) is 'Whether the password fits the hash; takes as long where there is none.';

-- A password that guessers try first is refused: it is reduced to its letters, and those must not be one or two of the well-worn words.
create function auth.check_password(p_password text, p_email text)
returns void
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_password text := lower(normalize(coalesce(p_password, ''), nfkc));
    -- Without digits and signs; and with those inside read as the letters they stand for.
    v_forms text[] := array[
        regexp_replace(v_password, '[^[:alpha:]]', '', 'g'),
        regexp_replace(
            translate(regexp_replace(v_password, '^[^[:alpha:]]+|[^[:alpha:]]+$', '', 'g'), '013457@$!', 'oieastasi'), '[^[:alpha:]]', '', 'g'
        )
    ];
    v_name text := regexp_replace(split_part(lower(coalesce(p_email, '')), '@', 1), '[^[:alnum:]]', '', 'g');
    v_why text;
    v_worn constant text[] := array[
        'password', 'passwort', 'passwd', 'pass', 'passphrase', 'motdepasse', 'contrasena', 'wachtwoord', 'senha', 'parola', 'qwerty',
        'qwertyuiop', 'qwertz', 'qwertzuiop', 'azerty', 'azertyuiop', 'asdf', 'asdfgh', 'asdfghjkl', 'zxcvbn', 'zxcvbnm', 'qazwsx', 'qazwsxedc',
        'abc', 'abcd', 'abcdef', 'abcdefg', 'abcdefgh', 'abcdefghij', 'admin', 'administrator', 'root', 'user', 'login', 'guest', 'test', 'testing', 'tester',
        'welcome', 'willkommen', 'hello', 'letmein', 'openup', 'secret', 'secure', 'security', 'master', 'dragon', 'monkey', 'shadow', 'sunshine',
        'princess', 'football', 'baseball', 'basketball', 'soccer', 'hockey', 'superman', 'batman', 'pokemon', 'starwars', 'iloveyou', 'ilovemy',
        'loveyou', 'lovely', 'love', 'angel', 'jesus', 'trustno', 'whatever', 'freedom', 'computer', 'internet', 'server', 'database', 'changeme', 'changeit',
        'default', 'temp', 'temporary', 'summer', 'winter', 'spring', 'autumn', 'monday', 'friday', 'january', 'december', 'michael', 'jennifer',
        'thomas', 'daniel', 'jessica', 'charlie', 'andrew', 'ashley', 'michelle', 'access', 'killer', 'ginger', 'pepper', 'cookie', 'banana', 'cheese',
        'mustang', 'corvette', 'ferrari', 'yankees', 'rangers', 'chelsea', 'liverpool', 'arsenal', 'samsung', 'google', 'facebook', 'apple',
        'money', 'bitcoin', 'trading', 'trader', 'invest', 'portfolio', 'broker', 'stocks', 'quantmatrix', 'ibkr', 'tastytrade', 'schwab', 'fidelity'
    ];
begin
    v_why := case
        when length(coalesce(p_password, '')) < 10 then 'it has fewer than 10 letters'
        when length(p_password) > 1000 then 'it has more than 1000 letters'
        when v_password ~ '^(.)\1*$' or (select count(distinct c) from unnest(string_to_array(v_password, null)) c) < 5 then 'it repeats a few letters'
        when v_forms[1] = '' and length(v_password) < 20 then 'it has no letters'
        when v_forms && v_worn then 'it is a common word with digits'
        when exists (
            select from unnest(v_worn) a (word) join unnest(v_worn) b (word) on a.word || b.word = any (v_forms)
        ) then 'it is two common words'
        when length(v_name) >= 4 and position(v_name in regexp_replace(v_password, '[^[:alnum:]]', '', 'g')) > 0
            and length(v_password) - length(v_name) < 8 then 'it is the address with little added'
    end;
    if v_why is not null then
        raise exception 'this password is not accepted: %', v_why
            using errcode = 'QM054', hint = 'take at least 10 letters that nobody would guess: four unusual words, say';
    end if;
end
$$;

comment on function auth.check_password(text, text) is 'Refuses (QM054) a password that is short or among the first that are guessed.';

-- Whether an address exists decides how much is written; that must not be seen in the time.
create function auth.wait_until_elapsed(p_begun timestamptz, p_least interval)
returns void
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select pg_sleep(greatest(0, extract(epoch from p_begun + p_least - clock_timestamp())))
$$;

comment on function auth.wait_until_elapsed(timestamptz, interval) is 'Waits until so much time has passed since the beginning.';

create function auth.post(p_recipient text, p_subject text, p_text text, p_path text default null, p_token text default null)
returns void
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
    insert into auth.mails (recipient, subject, body)
    select
        p_recipient,
        p_subject,
        concat_ws(
            e'\n\n', p_text, s.site_url || '/' || p_path || '?token=' || p_token,
            case when p_token is not null then 'Token: ' || p_token end, 'QuantMatrix'
        )
    from auth.settings s
$$;

comment on function auth.post(text, text, text, text, text) is 'Writes a mail to the outbox.';

grant execute on function auth.refuse(integer, text, text, text, jsonb) to quantmatrix_engine;
alter function auth.refuse(integer, text, text, text, jsonb) owner to quantmatrix_keeper;
alter function auth.base64url(bytea) owner to quantmatrix_keeper;
alter function auth.digest_of(text) owner to quantmatrix_keeper;
alter function auth.random_token() owner to quantmatrix_keeper;
alter function auth.address_of(text) owner to quantmatrix_keeper;
alter function auth.hash_password(text) owner to quantmatrix_keeper;
alter function auth.password_is(text, text) owner to quantmatrix_keeper;
alter function auth.check_password(text, text) owner to quantmatrix_keeper;
alter function auth.wait_until_elapsed(timestamptz, interval) owner to quantmatrix_keeper;
alter function auth.post(text, text, text, text, text) owner to quantmatrix_keeper;
