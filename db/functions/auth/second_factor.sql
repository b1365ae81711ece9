-- The second factor: codes of an authenticator (RFC 6238: SHA-1, 6 digits, 30 seconds) and recovery codes.

create function auth.base32(p_bytes bytea)
returns text
language sql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select string_agg(
        substr('ABCDEFGHIJKLMNOPQRSTUVWXYZ234567', lpad(substr(b.bits, g.number * 5 + 1, 5), 8, '0')::bit(8)::integer + 1, 1), '' order by g.number
    )
    from (
        select string_agg(get_byte(p_bytes, i.number)::bit(8)::text, '' order by i.number) as bits
        from generate_series(0, length(p_bytes) - 1) i (number)
    ) b
    cross join generate_series(0, length(p_bytes) * 8 / 5 - 1) g (number)
$$;

comment on function auth.base32(bytea) is 'Base32 (RFC 4648) of bytes whose number is a multiple of five: what authenticators read.';

create function auth.totp(p_secret bytea, p_step bigint)
returns text
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_mac bytea := extensions.hmac(int8send(p_step), p_secret, 'sha1');
    v_at integer := get_byte(v_mac, 19) & 15;
begin
    return lpad((((
        ((get_byte(v_mac, v_at) & 127) << 24) | (get_byte(v_mac, v_at + 1) << 16) | (get_byte(v_mac, v_at + 2) << 8) | get_byte(v_mac, v_at + 3)
    ) % 1000000))::text, 6, '0');
end
$$;

comment on function auth.totp(bytea, bigint) is 'The code of a 30-second step.';

-- A code is good in its own step and one before or after, and once: the step is remembered, and the row is locked while it is looked at.
create function auth.use_code(p_user_id uuid, p_code text)
returns boolean
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_credentials auth.credentials;
    v_now bigint := floor(extract(epoch from clock_timestamp()) / 30)::bigint;
    v_code text := regexp_replace(lower(coalesce(p_code, '')), '[^0-9a-z]', '', 'g');
    v_step bigint;
begin
    select c.* into v_credentials
    from auth.credentials c
    where c.user_id = p_user_id
    for update;
    if v_credentials.totp_secret is null then
        return false;
    end if;
    if length(v_code) = 6 then
        select s.step into v_step
        from generate_series(v_now - 1, v_now + 1) s (step)
        where s.step > coalesce(v_credentials.totp_last_step, 0)
        and auth.totp(v_credentials.totp_secret, s.step) = v_code
        order by s.step
        limit 1;
        if v_step is null then
            return false;
        end if;
        update auth.credentials c
        set totp_last_step = v_step
        where c.user_id = p_user_id;
        return true;
    end if;
    delete from auth.recovery_codes r
    where r.user_id = p_user_id
    and r.code_digest = auth.digest_of(v_code);
    return found;
end
$$;

comment on function auth.use_code(uuid, text) is 'Whether this is a code of the authenticator, or a recovery code; either is used up.';

create function auth.new_recovery_codes(p_user_id uuid)
returns text[]
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_codes text[];
begin
    delete from auth.recovery_codes r
    where r.user_id = p_user_id;
    select array_agg(encode(extensions.gen_random_bytes(10), 'hex'))
    into v_codes
    from generate_series(1, 10);
    insert into auth.recovery_codes (user_id, code_digest)
    select p_user_id, auth.digest_of(c.code)
    from unnest(v_codes) c (code);
    return array(select concat_ws('-', substr(c.code, 1, 5), substr(c.code, 6, 5), substr(c.code, 11, 5), substr(c.code, 16, 5)) from unnest(v_codes) c (code));
end
$$;

comment on function auth.new_recovery_codes(uuid) is 'Ten new recovery codes of 80 bits; the old ones are gone.';

alter function auth.base32(bytea) owner to quantmatrix_keeper;
alter function auth.totp(bytea, bigint) owner to quantmatrix_keeper;
alter function auth.use_code(uuid, text) owner to quantmatrix_keeper;
alter function auth.new_recovery_codes(uuid) owner to quantmatrix_keeper;
