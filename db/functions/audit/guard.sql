-- The log and its chain are written once. Statement triggers refuse everything else to everybody, the owner by accident included; they fire
-- always, so that neither a replica's role nor an empty statement passes. A superuser can disable a trigger: what then happens is the
-- chain's business (audit.verify). One role may blank values, and owns one function, audit.erase(); it is admitted here, and here only.

create function audit.refuse_change()
returns trigger
language plpgsql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op = 'UPDATE' and tg_table_schema = 'core' and tg_table_name = 'audit_logs' and current_user = 'quantmatrix_eraser' then
        return null;
    end if;
    raise exception '% of %.% is refused', lower(tg_op), tg_table_schema, tg_table_name
        using errcode = 'QM040',
            detail = case
                when tg_table_schema = 'audit' or tg_table_name = 'audit_logs' then 'The audit log and its chain are insert-only.'
                else 'Truncating an audited table would leave no trace of its rows.'
            end,
            hint = case
                when tg_table_schema = 'audit' or tg_table_name = 'audit_logs' then 'What was wrong is put right by a new change, which is logged too.'
                else 'Delete the rows instead: the log keeps each of them.'
            end;
end
$$;

comment on function audit.refuse_change() is 'Trigger: refuses the statement with QM040.';

do $$
declare
    v_table text;
begin
    foreach v_table in array array['core.audit_logs', 'audit.links', 'audit.erasures', 'audit.epochs', 'audit.checkpoints'] loop
        execute format(
            'create trigger refuse_change before update or delete or truncate on %s for each statement execute function audit.refuse_change()', v_table
        );
        execute format('alter table %s enable always trigger refuse_change', v_table);
    end loop;
end
$$;
