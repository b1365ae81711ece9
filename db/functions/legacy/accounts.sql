-- Accounts of V1: nothing there kept one broker number from having two rows, so the rows are merged before anything else is judged.

create function legacy.accounts(p_user_id uuid, p_load_id uuid)
returns table (v1_id bigint, broker text, account text, name text, account_type core.account_type, first_id bigint)
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    with stated as (
        select
            a.id,
            legacy.broker(a.broker) as broker,
            coalesce(nullif(btrim(a.account_number), ''), 'V1-' || a.id) as account,
            coalesce(nullif(btrim(a.account_name), ''), 'Account ' || a.id) as name,
            legacy.account_type(a.account_type) as account_type
        from ingest.staging s
        cross join lateral jsonb_to_record(s.payload) as a (
            id bigint, broker text, account_number text, account_name text, account_type text
        )
        where s.load_id = p_load_id
        and s.user_id = p_user_id
        and s.kind = 'v1_accounts'
        and a.id is not null
    )
    select
        s.id, s.broker, s.account,
        first_value(s.name) over merged,
        first_value(s.account_type) over merged,
        first_value(s.id) over merged
    from stated s
    window merged as (partition by s.broker, s.account order by s.id)
$$;

comment on function legacy.accounts(uuid, uuid) is 'Each account row of V1 with the account it belongs to: broker and number; name and type are those of its first row.';

-- What cannot be decided here must be decided in V1 or by its owner, not guessed.
create function legacy.require_clear_accounts(p_user_id uuid, p_load_id uuid)
returns void
language plpgsql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_unclear record;
begin
    select a.account, string_agg(distinct a.broker, ' and ') as brokers, string_agg(a.v1_id::text, ', ' order by a.v1_id) as ids
    into v_unclear
    from legacy.accounts(p_user_id, p_load_id) a
    group by a.account
    having count(distinct a.broker) > 1
    order by a.account
    limit 1;
    if found then
        raise exception 'account number % belongs to two brokers: %', v_unclear.account, v_unclear.brokers
            using errcode = 'QM010',
                detail = 'V1 accounts with ids ' || v_unclear.ids,
                hint = 'correct the broker or the number of one of these rows in a copy of V1, then run it again';
    end if;
    select a.account
    into v_unclear
    from legacy.accounts(p_user_id, p_load_id) a
    where length(a.account) > 64
    limit 1;
    if found then
        raise exception 'an account number of V1 is longer than 64 characters' using errcode = 'QM010', detail = left(v_unclear.account, 80);
    end if;
end
$$;

comment on function legacy.require_clear_accounts(uuid, uuid) is 'Refuses a V1 in which one account number stands for accounts of two brokers.';

-- Every account of V1 becomes one of ours, with rows or without; one that the person has already stays as it is.
create function legacy.keep_accounts(p_user_id uuid, p_load_id uuid)
returns jsonb
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_account record;
    v_created jsonb := '[]';
begin
    for v_account in
        select distinct a.broker, a.account, left(a.name, 200) as name, a.account_type
        from legacy.accounts(p_user_id, p_load_id) a
        order by a.broker, a.account
    loop
        if exists (
            select from core.accounts a
            where a.user_id = p_user_id and a.broker = v_account.broker and a.account_number = v_account.account
        ) then
            continue;
        end if;
        if exists (select from core.accounts a where a.user_id = p_user_id and a.name = v_account.name) then
            v_account.name := left(v_account.name, 100) || ' (' || v_account.broker || ' ' || v_account.account || ')';
        end if;
        insert into core.accounts (user_id, broker, account_number, name, account_type)
        values (p_user_id, v_account.broker, v_account.account, btrim(v_account.name), v_account.account_type);
        v_created := v_created || to_jsonb(v_account.account);
    end loop;
    return v_created;
end
$$;

comment on function legacy.keep_accounts(uuid, uuid) is 'Makes the accounts of V1 that the person does not have yet; returns their numbers.';

grant execute on function
    legacy.accounts(uuid, uuid), legacy.require_clear_accounts(uuid, uuid), legacy.keep_accounts(uuid, uuid)
    to quantmatrix_writer;
