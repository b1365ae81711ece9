-- Arguments of api functions, read one way everywhere: accounts by number, then by name; symbols among the instruments that the person uses; fields
-- of an object one by one, so that a refusal names the field.

-- The one way to an account from what somebody wrote, whoever asks.
create function ingest.find_account(p_user_id uuid, p_reference text, p_broker text default null)
returns bigint
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_ids bigint[];
begin
    select array_agg(a.id)
    into v_ids
    from core.accounts a
    where a.user_id = p_user_id
    and a.account_number = p_reference
    and (p_broker is null or a.broker = p_broker);
    if v_ids is null then
        select array_agg(a.id)
        into v_ids
        from core.accounts a
        where a.user_id = p_user_id
        and a.name = p_reference;
    end if;
    if cardinality(v_ids) > 1 then
        raise exception 'account "%" fits several accounts', p_reference
            using errcode = 'QM003', hint = 'use the account''s name, which is unique: `accounts`';
    end if;
    return v_ids[1];
end
$$;

comment on function ingest.find_account(uuid, text, text) is 'Account by number, then by name; null if there is none, QM003 if several fit.';

create function ingest.require_account(p_user_id uuid, p_reference text)
returns bigint
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_id bigint;
begin
    if p_reference is null or btrim(p_reference) = '' then
        raise exception 'account: say which one, by number or name' using errcode = 'QM002';
    end if;
    v_id := ingest.find_account(p_user_id, p_reference);
    if v_id is null then
        raise exception 'there is no account "%"', p_reference
            using errcode = 'QM001',
                detail = coalesce(
                    'accounts: ' || (
                        select string_agg(a.account_number || ' (' || a.name || ')', ', ' order by a.account_number)
                        from core.accounts a
                        where a.user_id = p_user_id
                    ),
                    'there are no accounts yet'
                ),
                hint = '`accounts` shows numbers and names';
    end if;
    return v_id;
end
$$;

comment on function ingest.require_account(uuid, text) is 'Account by number, then by name; QM001 if there is none, QM003 if several fit.';

-- A symbol may be of several identities (a stock and a future, two currencies): the key type|symbol|currency tells them apart.
create function ingest.require_instrument(p_user_id uuid, p_symbol text)
returns bigint
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_ids bigint[];
    v_keys text[];
begin
    select array_agg(i.id order by i.id), array_agg(i.instrument_type || '|' || i.symbol || '|' || i.currency order by i.id)
    into v_ids, v_keys
    from core.instruments i
    -- Of names that were merged the one that counts is meant.
    where not exists (
        select from core.instruments other
        where other.symbol = i.symbol
        and other.id = ingest.counted_instrument(p_user_id, i.id)
        and other.id <> i.id
    )
    and (i.symbol = upper(btrim(p_symbol))
    or i.symbol = btrim(p_symbol)
    or i.symbol = split_part(p_symbol, '|', 2) and i.instrument_type::text = split_part(p_symbol, '|', 1) and i.currency = split_part(p_symbol, '|', 3));
    if v_ids is null then
        raise exception 'there is no instrument "%" among yours', coalesce(p_symbol, '')
            using errcode = 'QM001', hint = '`holdings` shows symbols; options have their 21 characters';
    elsif cardinality(v_ids) > 1 then
        raise exception 'the symbol "%" is of several instruments', p_symbol
            using errcode = 'QM003', detail = array_to_string(v_keys, ', '), hint = 'give it as type|symbol|currency';
    end if;
    return v_ids[1];
end
$$;

comment on function ingest.require_instrument(uuid, text) is
    'Instrument by symbol, or type|symbol|currency, among those the person uses; QM001 if there is none, QM003 if several fit.';

create function ingest.require_reason(p_reason text)
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    if length(btrim(coalesce(p_reason, ''))) < 3 then
        raise exception 'say why, in a few words' using errcode = 'QM020', hint = 'the audit log keeps the reason beside the change';
    elsif length(p_reason) > 2000 then
        raise exception 'reason: more than 2,000 characters' using errcode = 'QM002', hint = 'a few words are enough';
    end if;
    perform set_config('quantmatrix.reason', btrim(p_reason), true);
end
$$;

comment on function ingest.require_reason(text) is 'Refuses an empty reason (QM020) and a very long one (QM002), and leaves it where the audit triggers find it.';

create function ingest.refuse_unknown_fields(p_object jsonb, p_known text[], p_what text)
returns void
language plpgsql
immutable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_unknown text;
begin
    if jsonb_typeof(p_object) is distinct from 'object' then
        raise exception '%: an object is wanted', p_what using errcode = 'QM002';
    end if;
    select string_agg(k.name, ', ' order by k.name)
    into v_unknown
    from jsonb_object_keys(p_object) k (name)
    where k.name <> all (p_known);
    if v_unknown is not null then
        raise exception '%: unknown field %', p_what, v_unknown
            using errcode = 'QM002', hint = 'known are ' || array_to_string(p_known, ', ');
    end if;
end
$$;

comment on function ingest.refuse_unknown_fields(jsonb, text[], text) is 'Refuses (QM002) an object with other fields than the known ones.';

-- The text of each field is tried against the type of its column; what does not fit is refused by name. Free words are bounded: what is written one
-- by one counts for no quota of files, and the audit log keeps each change of it for ever.
create function ingest.read_fields(p_object jsonb, p_types jsonb)
returns jsonb
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_field record;
    v_read jsonb := '{}';
    v_value jsonb;
begin
    for v_field in
        select o.key, o.value #>> '{}' as text, p_types ->> o.key as type
        from jsonb_each(p_object) o
        where p_types ? o.key
    loop
        begin
            v_value := case
                when v_field.text is null then 'null'::jsonb
                when v_field.type = 'numeric' then to_jsonb((v_field.text::numeric)::text)
                when v_field.type = 'integer' then to_jsonb(v_field.text::integer)
                when v_field.type = 'boolean' then to_jsonb(v_field.text::boolean)
                when v_field.type = 'date' then to_jsonb(v_field.text::date)
                when v_field.type = 'timestamptz' then to_jsonb(v_field.text::timestamptz)
                when v_field.type = 'text' then to_jsonb(nullif(btrim(v_field.text), ''))
                when v_field.type = 'object' then p_object -> v_field.key
                else to_jsonb(ingest.read_word(v_field.type, v_field.text))
            end;
        exception
            when data_exception then
                raise exception '%: "%" is not %', v_field.key, left(v_field.text, 100),
                    case v_field.type
                        when 'numeric' then 'a decimal number'
                        when 'integer' then 'a whole number'
                        when 'boolean' then 'true or false'
                        when 'date' then 'a date such as 2026-03-31'
                        when 'timestamptz' then 'an instant such as 2026-03-31T15:57:13-04:00'
                        else 'one of ' || ingest.words_of(v_field.type)
                    end
                    using errcode = 'QM002';
        end;
        if v_field.type = 'numeric' and (v_field.text::numeric not between -1e30 and 1e30 or scale(v_field.text::numeric) > 100) then
            raise exception '%: "%" is not a decimal number of a possible size', v_field.key, left(v_field.text, 100) using errcode = 'QM002';
        elsif v_field.type = 'object' and jsonb_typeof(v_value) <> 'object' then
            raise exception '%: an object is wanted', v_field.key using errcode = 'QM002';
        elsif v_field.type in ('text', 'object') and octet_length(v_field.text) > 8192 then
            raise exception '%: more than 8 kB', v_field.key using errcode = 'QM002', hint = 'shorten it, and keep the rest in a file of yours';
        end if;
        v_read := v_read || jsonb_build_object(v_field.key, v_value);
    end loop;
    return v_read;
end
$$;

comment on function ingest.read_fields(jsonb, jsonb) is
    'The fields of an object by the types {field: type}; numbers as strings, digit for digit. QM002 names the field that cannot be read.';

create function ingest.words_of(p_type text)
returns text
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select string_agg(e.enumlabel, ', ' order by e.enumsortorder)
    from pg_enum e
    where e.enumtypid = to_regtype(p_type)
$$;

comment on function ingest.words_of(text) is 'The words of an enum, for a message.';

create function ingest.read_word(p_type text, p_text text)
returns text
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    if not exists (select from pg_enum e where e.enumtypid = to_regtype(p_type) and e.enumlabel = lower(btrim(p_text))) then
        raise exception 'not a word of %', p_type using errcode = 'invalid_text_representation';
    end if;
    return lower(btrim(p_text));
end
$$;

comment on function ingest.read_word(text, text) is 'A word of an enum, in lower case.';

-- Constraints are named so that their name explains the refusal: transactions_price_is_not_negative.
create function ingest.refusal_text(p_constraint text)
returns text
language sql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select 'refused: ' || replace(p_constraint, '_', ' ')
$$;

comment on function ingest.refusal_text(text) is 'What a violated constraint says, in words.';

-- Methods that choose lots by a rule: those by which the engine sells. Lots named sale by sale are no rule, and the share pool keeps no lots.
create function ingest.read_methods(p_methods text[])
returns core.lot_method[]
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_name text;
    v_methods core.lot_method[] := '{}';
    v_known constant text[] := array(
        select m.method::text
        from unnest(enum_range(null::core.lot_method)) m (method)
        where tax.selling_method(m.method) = m.method
        order by m.method
    );
begin
    foreach v_name in array coalesce(p_methods, v_known) loop
        v_name := lower(btrim(v_name));
        if v_name is null or v_name <> all (v_known) then
            raise exception 'method: "%" is not one of %', coalesce(v_name, ''), array_to_string(v_known, ', ')
                using errcode = 'QM002',
                    hint = 'lots named for a sale count in what is recorded; `section_104` shows share pools';
        end if;
        if v_name::core.lot_method <> all (v_methods) then
            v_methods := v_methods || v_name::core.lot_method;
        end if;
    end loop;
    return v_methods;
end
$$;

comment on function ingest.read_methods(text[]) is 'Methods that choose lots by a rule, each once; all of them for null. QM002 names one that is not.';

grant execute on function
    ingest.find_account(uuid, text, text), ingest.require_account(uuid, text), ingest.require_instrument(uuid, text), ingest.require_reason(text),
    ingest.refuse_unknown_fields(jsonb, text[], text), ingest.read_fields(jsonb, jsonb), ingest.words_of(text), ingest.read_word(text, text),
    ingest.refusal_text(text), ingest.read_methods(text[])
    to quantmatrix_writer;
grant execute on function
    ingest.refuse_unknown_fields(jsonb, text[], text), ingest.read_fields(jsonb, jsonb), ingest.words_of(text), ingest.read_word(text, text),
    ingest.refusal_text(text), ingest.find_account(uuid, text, text), ingest.require_account(uuid, text)
    to quantmatrix_keeper;
grant execute on function ingest.require_reason(text) to quantmatrix_engine;
