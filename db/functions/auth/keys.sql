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
alter function auth.grant_shown(auth.grants) owner to quantmatrix_keeper;
