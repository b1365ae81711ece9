-- The log and its chain are written once: by the triggers and the sealing, and by nobody else in any way.
begin;
select plan(30);
select tests.fixture_two_tenants();
insert into audit.links (position, log_id, values_digest, link_digest)
select 1, min(e.id), sha256(''), sha256('')
from core.audit_logs e;

select throws_ok($$update core.audit_logs set reason_of_mine = 1$$, '42703', null, 'a statement that is none fails as such');
select throws_ok(
    s.statement, 'QM040', null, format('refused to a superuser: %s', s.statement)
)
from (
    values
        ($$update core.audit_logs set actor_id = null$$),
        ($$update core.audit_logs set old_values = null where false$$),
        ($$delete from core.audit_logs$$),
        ($$delete from core.audit_logs where false$$),
        ($$truncate core.audit_logs$$),
        ($$update audit.links set log_id = log_id$$),
        ($$delete from audit.links$$),
        ($$truncate audit.links$$)
) s (statement);
set local session_replication_role = replica;
select throws_ok($$delete from core.audit_logs$$, 'QM040', null, 'refused in a replica''s role');
select throws_ok($$delete from audit.links$$, 'QM040', null, 'the chain too');
set local session_replication_role = origin;
set local role quantmatrix_owner;
select throws_ok($$update core.audit_logs set actor_id = null$$, 'QM040', null, 'refused to the owner');
select throws_ok($$delete from audit.links$$, 'QM040', null, 'the chain too, to the owner');
reset role;
select matches(
    (select tests.attempt($$delete from core.audit_logs$$)), '^QM040$', 'with a code of our own'
);

grant quantmatrix_writer, quantmatrix_engine to authenticator;
create temporary table callers (role text, readable boolean);
insert into callers
values
    ('anon', false), ('quantmatrix_user', true), ('quantmatrix_readonly', true), ('quantmatrix_admin', true), ('quantmatrix_writer', true),
    ('quantmatrix_engine', true);
create function pg_temp.tried(p_role text)
returns text[]
language plpgsql
as $$
declare
    v_outcomes text[];
begin
    perform tests.become_role(p_role, json_build_object('role', p_role, 'sub', tests.user_id('ann'))::text);
    v_outcomes := tests.outcomes(array[
        format($s$insert into core.audit_logs (user_id, table_name, record_key, action) values (%L, 'users', 'x', 'insert')$s$, tests.user_id('ann')),
        'update core.audit_logs set actor_id = null',
        'delete from core.audit_logs',
        'truncate core.audit_logs',
        'select from audit.links',
        'select audit.seal()',
        'select audit.verify()',
        $s$select audit.install('users', '{id}')$s$
    ]);
    perform tests.reset();
    return v_outcomes;
end
$$;
select is(
    pg_temp.tried(c.role), array_fill('42501'::text, array[8]),
    format('%s neither writes the log nor touches the chain', c.role)
)
from callers c;

-- The log outlives what it speaks of.
create temporary table before as
select count(*) as entries
from core.audit_logs e
where e.user_id = tests.user_id('ann');
delete from core.users
where email = 'ann@example.test';
select cmp_ok(
    (select count(*) from core.audit_logs e where e.user_id = tests.user_id('ann')), '>', (select b.entries from before b),
    'when a person is deleted, the log keeps all and gains the deletion'
);

select col_is_pk('core', 'audit_logs', 'id', 'entries are numbered');
select col_not_null('core', 'audit_logs', c.name, format('%s is never missing', c.name))
from (values ('id'), ('table_name'), ('record_key'), ('action'), ('transaction_xid'), ('created_at')) c (name);
select throws_ok(
    $$insert into core.audit_logs (id, table_name, record_key, action) values (1, 'users', 'x', 'insert')$$, '428C9', null,
    'nobody chooses the number of an entry'
);
select is(
    (select count(*) from pg_constraint c where c.conrelid = 'core.audit_logs'::regclass and c.contype = 'f'), 0::bigint,
    'the log depends on no row'
);

select * from finish();
rollback;
