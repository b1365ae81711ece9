-- Numbers of transactions order the log, and they belong to a cluster: a dump that is restored into another one goes on with lower numbers. An
-- epoch says from which entry on. Numbers of entries go on, as the sequence is restored with the log. A copy of the files (standby, point in
-- time, clone) keeps counting transactions and needs no epoch.

create view audit.epoch_ranges
with (security_invoker = true)
as
select r.number, r.first_entry, lead(r.first_entry) over (order by r.number) as next_entry
from (
    select 0::smallint as number, 0::bigint as first_entry
    union all
    select p.number, p.first_entry
    from audit.epochs p
) r;

comment on view audit.epoch_ranges is 'Each epoch with the entry after its last; null for the one that goes on.';

create function audit.open_epoch(p_reason text, p_first_entry bigint default null)
returns smallint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    v_number smallint;
    v_log_id bigint;
begin
    -- Nobody writes an entry or seals meanwhile: what is there is before the new epoch, what comes is in it.
    lock table core.audit_logs, audit.links in share row exclusive mode;
    if length(btrim(coalesce(p_reason, ''))) < 3 then
        raise exception 'say why, in a few words' using errcode = 'QM020', hint = 'for example: restored from the backup of Monday';
    end if;
    if p_first_entry <= greatest((select max(l.log_id) from audit.links l), (select max(p.first_entry) from audit.epochs p)) then
        raise exception 'entry % cannot begin an epoch', p_first_entry
            using errcode = 'QM041',
                detail = 'An entry behind it is sealed, or begins an epoch of its own.',
                hint = 'Name the first entry that was written after the restore, or none: the epoch then begins now.';
    end if;
    select coalesce(max(p.number), 0) + 1
    into v_number
    from audit.epochs p;
    v_log_id := nextval(pg_get_serial_sequence('core.audit_logs', 'id'));
    if p_first_entry > v_log_id then
        raise exception 'entry % is not written yet', p_first_entry using errcode = 'QM041', hint = 'Name none: the epoch then begins now.';
    end if;
    insert into audit.epochs (number, first_entry, log_id, reason)
    values (v_number, coalesce(p_first_entry, v_log_id), v_log_id, btrim(p_reason));
    insert into core.audit_logs (id, table_name, record_key, action, new_values, context)
    overriding system value
    values (
        v_log_id, 'audit.epochs', v_number::text, 'insert', jsonb_build_object('first_entry', coalesce(p_first_entry, v_log_id)),
        audit.context() || jsonb_build_object('reason', btrim(p_reason))
    );
    return v_number;
end
$$;

comment on function audit.open_epoch(text, bigint) is
    'Begins an epoch, once after a dump was restored into another cluster, before anything is sealed there, and returns its number. p_first_entry: the first entry written since, where there are some.';
