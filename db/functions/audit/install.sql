-- Statement triggers with transition tables, one function for each table with its own columns written out: measured, the general form over
-- jsonb keys costs three times as much, and a row trigger five times. An insert records the key alone, because the row itself holds the
-- values; an update the columns that differ, and nothing if none does; a delete the whole old row.

create function audit.install(p_table text, p_key text[])
returns void
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
declare
    v_table constant regclass := format('core.%I', p_table)::regclass;
    v_function constant text := format('audit.%I', 'log_' || p_table);
    v_tenant text;
    v_key text;
    v_matched text;
    v_changed text;
    v_unchanged text;
    v_event text;
begin
    select string_agg(format('case when o.%1$I is distinct from n.%1$I then %1$L end', a.attname), e',\n                ' order by a.attnum),
        string_agg(format('case when o.%1$I is not distinct from n.%1$I then %1$L end', a.attname), e',\n                ' order by a.attnum)
    into strict v_changed, v_unchanged
    from pg_attribute a
    where a.attrelid = v_table
        and a.attnum > 0
        and not a.attisdropped;

    select max(a.attname)
    into v_tenant
    from pg_attribute a
    where a.attrelid = v_table
        and a.attname = case p_table when 'users' then 'id' else 'user_id' end;

    -- Instants as ISO text in UTC, which the functions pin: the same key whoever writes. {row} stands for the alias.
    select string_agg(
            format(case a.atttypid when 'timestamptz'::regtype then '(to_jsonb({row}.%I) #>> ''{}'')' else '{row}.%I::text' end, a.attname),
            ' || ''/'' || ' order by k.place
        ),
        string_agg(format('n.%1$I = o.%1$I', a.attname), ' and ' order by k.place)
    into strict v_key, v_matched
    from unnest(p_key) with ordinality k (name, place)
    join pg_attribute a on a.attrelid = v_table and a.attname = k.name;
    if v_tenant = 'user_id' then
        v_matched := 'n.user_id = o.user_id and ' || v_matched;
    end if;
    v_tenant := case when v_tenant is null then 'null::uuid' else '{row}.' || quote_ident(v_tenant) end;

    -- A full join pairs old and new rows by hash or merge, whatever size the cached plan was made for; a changed key shows as delete and insert.
    execute format($template$
create function %1$s()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set intervalstyle = 'iso_8601'
as $body$
declare
    v_actor_id constant uuid := auth.person_id();
    v_context constant jsonb := audit.context();
begin
    if tg_op = 'INSERT' then
        insert into core.audit_logs (user_id, actor_id, table_name, record_key, action, context)
        select %2$s, v_actor_id, %3$L, %4$s, 'insert', v_context
        from new_rows n;
    elsif tg_op = 'DELETE' then
        insert into core.audit_logs (user_id, actor_id, table_name, record_key, action, old_values, context)
        select %5$s, v_actor_id, %3$L, %6$s, 'delete', to_jsonb(o), v_context
        from old_rows o;
    else
        insert into core.audit_logs (
            user_id, actor_id, table_name, record_key, action, old_values, new_values, changed_columns, context
        )
        select
            case when n.%7$I is null then %5$s else %2$s end,
            v_actor_id,
            %3$L,
            case when n.%7$I is null then %6$s else %4$s end,
            case when o.%7$I is null then 'insert' when n.%7$I is null then 'delete' else 'update' end::core.audit_action,
            case when n.%7$I is null then to_jsonb(o) when o.%7$I is not null then to_jsonb(o) - c.unchanged end,
            case when o.%7$I is not null and n.%7$I is not null then to_jsonb(n) - c.unchanged end,
            case when o.%7$I is not null and n.%7$I is not null then c.changed end,
            v_context
        from old_rows o
        full join new_rows n on %8$s
        cross join lateral (
            select array_remove(array[
                %9$s
            ], null) as changed,
            array_remove(array[
                %10$s
            ], null) as unchanged
            offset 0
        ) c
        where o.%7$I is null or n.%7$I is null or c.changed <> '{}';
    end if;
    return null;
end
$body$
$template$,
        v_function,
        replace(v_tenant, '{row}', 'n'), p_table, replace(v_key, '{row}', 'n'),
        replace(v_tenant, '{row}', 'o'), replace(v_key, '{row}', 'o'),
        p_key[1], v_matched, v_changed, v_unchanged
    );
    execute format('comment on function %s() is %L', v_function, 'Trigger: writes the changes of core.' || p_table || ' to the audit log.');

    foreach v_event in array array['insert', 'update', 'delete'] loop
        execute format(
            'create trigger %1$I after %2$s on %3$s referencing %4$s for each statement execute function %5$s()',
            'audit_' || v_event, v_event, v_table,
            case v_event
                when 'insert' then 'new table as new_rows'
                when 'delete' then 'old table as old_rows'
                else 'old table as old_rows new table as new_rows'
            end,
            v_function
        );
        execute format('alter table %s enable always trigger %I', v_table, 'audit_' || v_event);
    end loop;

    execute format(
        'create trigger audit_truncate before truncate on %s for each statement execute function audit.refuse_change()', v_table
    );
    execute format('alter table %s enable always trigger audit_truncate', v_table);
end
$$;

comment on function audit.install(text, text[]) is
    'Makes the audit function and triggers of a table of core. p_key: the columns that tell its rows apart within the tenant.';

select audit.install('users', array['id']);
select audit.install('accounts', array['id']);
select audit.install('instruments', array['id']);
select audit.install('positions', array['id']);
select audit.install('transactions', array['id']);
select audit.install('tax_lots', array['id']);
select audit.install('market_data', array['instrument_id', 'interval', 'as_of']);
select audit.install('alerts', array['id']);
select audit.install('sync_history', array['id']);
