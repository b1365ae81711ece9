-- Keys for programs and shared books, as their people see them.

create function auth.role_of_scopes(p_scopes auth.key_scope[])
returns text
language sql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select case
        when 'admin' = any (p_scopes) then 'quantmatrix_admin'
        when 'write' = any (p_scopes) then 'quantmatrix_user'
        when 'import' = any (p_scopes) then 'quantmatrix_importer'
        else 'quantmatrix_readonly'
    end
$$;

comment on function auth.role_of_scopes(auth.key_scope[]) is 'The database role that gives exactly what the scopes say.';

create function auth.key_shown(p_key auth.api_keys)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'id', p_key.id, 'name', p_key.name, 'prefix', 'qm_' || p_key.prefix, 'scopes', p_key.scopes,
        'accounts', (
            select jsonb_agg(a.account_number order by a.account_number)
            from core.accounts a
            where a.user_id = p_key.user_id
            and a.id = any (p_key.account_ids)
        ),
        'created_at', p_key.created_at, 'expires_at', p_key.expires_at, 'used_at', p_key.used_at, 'revoked_at', p_key.revoked_at
    )
$$;

comment on function auth.key_shown(auth.api_keys) is 'A key as its owner sees it; accounts null: all.';

create function auth.own_account(p_user_id uuid, p_reference text)
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
    and a.account_number = p_reference;
    if v_ids is null then
        select array_agg(a.id)
        into v_ids
        from core.accounts a
        where a.user_id = p_user_id
        and a.name = p_reference;
    end if;
    if v_ids is null then
        raise exception 'there is no account "%"', p_reference using errcode = 'QM001', hint = 'quantmatrix account list shows numbers and names';
    elsif cardinality(v_ids) > 1 then
        raise exception 'the account "%" is there several times', p_reference using errcode = 'QM003', hint = 'give its name';
    end if;
    return v_ids[1];
end
$$;

comment on function auth.own_account(uuid, text) is 'The person''s account by number, then by name; QM001, QM003.';

create function auth.grant_shown(p_grant auth.grants)
returns jsonb
language sql
stable
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'id', p_grant.id, 'kind', p_grant.kind, 'access', p_grant.access, 'reason', p_grant.reason,
        'owner', (select u.email from core.users u where u.id = p_grant.user_id),
        'grantee', (select u.email from core.users u where u.id = p_grant.grantee_id),
        'account', (select a.account_number from core.accounts a where a.user_id = p_grant.user_id and a.id = p_grant.account_id),
        'created_at', p_grant.created_at, 'expires_at', p_grant.expires_at, 'revoked_at', p_grant.revoked_at
    )
$$;

comment on function auth.grant_shown(auth.grants) is 'A grant as both sides see it; account null: the whole book.';

alter function auth.role_of_scopes(auth.key_scope[]) owner to quantmatrix_keeper;
alter function auth.key_shown(auth.api_keys) owner to quantmatrix_keeper;
alter function auth.own_account(uuid, text) owner to quantmatrix_keeper;
alter function auth.grant_shown(auth.grants) owner to quantmatrix_keeper;
