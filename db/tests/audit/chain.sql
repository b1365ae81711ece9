-- The chain names what was done to the log behind the triggers' back. A transaction's own entries cannot be sealed while it runs, so the
-- entries here pretend to be of older ones.
begin;
select plan(61);

create function pg_temp.sealed_entry(p_xid text, p_key text)
returns bigint
language sql
as $$
    insert into core.audit_logs (user_id, actor_id, table_name, record_key, action, old_values, new_values, changed_columns, transaction_xid, context)
    values (
        tests.user_id('ann'), tests.user_id('ann'), 'alerts', p_key, 'update', '{"name": "a"}', '{"name": "b"}', '{name}', p_xid::xid8, '{"role": "r"}'
    )
    returning id
$$;

select is(audit.verify() -> 'broken', 'null', 'an empty chain holds');
select is(audit.verify() ->> 'head', null, 'and has no head');
select is(audit.seal(), 0, 'there is nothing to seal');

select tests.fixture_two_tenants();
select cmp_ok((audit.verify() ->> 'unsealed')::integer, '>', 20, 'the entries of this transaction wait');
select is(audit.seal(), 0, 'and are not sealed while it runs');

create temporary table entries as
select e.place, pg_temp.sealed_entry(e.xid, e.place::text) as id
from (values (4, '12'), (1, '10'), (2, '10'), (3, '11'), (5, '13')) e (place, xid);
select is(audit.seal(2), 2, 'a batch is as large as asked');
select is(audit.seal(), 3, 'the next takes the rest');
select is(audit.seal(), 0, 'a third finds nothing');
select results_eq(
    'select l.position, l.log_id from audit.links l order by l.position',
    'select e.place::bigint, e.id from entries e order by e.place',
    'positions have no gap and follow transaction and number'
);
select is(audit.verify() -> 'broken', 'null', 'the chain holds');
select is((audit.verify() ->> 'sealed')::integer, 5, 'five are sealed');
select is(
    audit.verify() ->> 'head', (select '5:' || encode(l.link_digest, 'hex') from audit.links l where l.position = 5), 'the head is the last link'
);

-- By hand, so that the form of the digest cannot change unnoticed: chains already sealed would break.
select is(
    (select l.values_digest from audit.links l where l.position = 1),
    sha256(convert_to('[{"name": "a"}, {"name": "b"}, {"role": "r"}]', 'UTF8')),
    'the values'' digest, by hand'
);
select is(
    (select l.link_digest from audit.links l where l.position = 2),
    (
        select sha256(
            f.link_digest
            || s.values_digest
            || convert_to(
                format(
                    '[%s, "%s", "%s", "alerts", "2", "update", ["name"], "10", %s]', e.id, e.user_id, e.actor_id, extract(epoch from e.created_at)
                ),
                'UTF8'
            )
        )
        from audit.links f
        join audit.links s on s.position = 2
        join core.audit_logs e on e.id = s.log_id
        where f.position = 1
    ),
    'the second link, by hand'
);
select is(
    (select l.link_digest from audit.links l where l.position = 1),
    (
        select sha256(decode(repeat('00', 32), 'hex') || l.values_digest || d.fixed_fields)
        from audit.links l
        join audit.digests d on d.log_id = l.log_id
        where l.position = 1
    ),
    'the first link follows 32 zero bytes'
);

-- Tampering, each undone again.
alter table core.audit_logs disable trigger user;
alter table audit.links disable trigger refuse_change;
create function pg_temp.found_after(p_tampering text)
returns text
language plpgsql
as $$
declare
    v_found jsonb;
    v_count bigint;
begin
    execute p_tampering;
    get diagnostics v_count = row_count;
    if v_count = 0 then
        return 'nothing was tampered with';
    end if;
    v_found := audit.verify() -> 'broken';
    raise exception using errcode = 'TS000', message = concat_ws(' ', v_found ->> 'what', v_found ->> 'position', (
        select e.place from entries e where e.id = (v_found ->> 'log_id')::bigint
    ));
exception
    when sqlstate 'TS000' then
        return sqlerrm;
end
$$;

select is(
    pg_temp.found_after(format('update core.audit_logs set %s where id = %s', c.change, (select e.id from entries e where e.place = 3))),
    'entry_changed 3 3',
    format('an entry with another %s is named', split_part(c.change, ' ', 1))
)
from (
    values
        ('user_id = gen_random_uuid()'), ('actor_id = null'), ($$table_name = 'users'$$), ($$record_key = '33'$$), ($$action = 'insert'$$),
        ($$old_values = '{"name": "c"}'$$), ($$new_values = null$$), ($$changed_columns = '{name,id}'$$), ($$context = '{"role": "s"}'$$),
        ($$created_at = created_at - interval '1 microsecond'$$)
) c (change);
select is(
    pg_temp.found_after(format($$update core.audit_logs set transaction_xid = '13' where id = %s$$, (select e.id from entries e where e.place = 3))),
    'order 3 3',
    'an entry that was moved to a later transaction is named'
);
select is(
    pg_temp.found_after(format($$update core.audit_logs set transaction_xid = '14' where id = %s$$, (select e.id from entries e where e.place = 5))),
    'entry_changed 5 5',
    'the last entry too'
);
select is(
    pg_temp.found_after(format('delete from core.audit_logs where id = %s', (select e.id from entries e where e.place = t.place))),
    format('entry_missing %1$s %1$s', t.place),
    format('removed entry %s is named', t.place)
)
from (values (1), (3), (5)) t (place);
select is(
    pg_temp.found_after(format('delete from core.audit_logs where id in (%s)', (select string_agg(e.id::text, ',') from entries e where e.place in (2, 4)))),
    'entry_missing 2 2',
    'of several faults, the first'
);
select is(
    pg_temp.found_after($$update core.audit_logs set actor_id = null where transaction_xid in ('10', '11')$$), 'entry_changed 1 1',
    'of neighbours that were changed alike, the first'
);
select is(pg_temp.found_after($$update audit.links set link_digest = sha256('x') where position = 3$$), 'link_changed 3 3', 'a changed link');
select is(pg_temp.found_after($$update audit.links set link_digest = sha256('x') where position = 5$$), 'entry_changed 5 5', 'the last link');
select is(pg_temp.found_after($$update audit.links set values_digest = sha256('x') where position = 3$$), 'entry_changed 3 3', 'a changed digest');
select is(pg_temp.found_after('delete from audit.links where position = 3'), 'link_missing 3', 'a link that was cut out');
select is(pg_temp.found_after('delete from audit.links where position = 1'), 'link_missing 1', 'the first link');
select is(
    pg_temp.found_after(
        'alter table audit.links drop constraint links_one_per_entry;
        update audit.links a set log_id = b.log_id from audit.links b where (a.position, b.position) in ((2, 3), (3, 2))'
    ),
    'order 2 3',
    'two entries that changed places'
);
select is(
    pg_temp.found_after(
        'alter table audit.links drop constraint links_one_per_entry; alter table audit.links drop constraint links_pkey;
        update audit.links set position = 5 - position where position in (2, 3)'
    ),
    'order 2 3',
    'two links that changed places'
);
select is(
    pg_temp.found_after($$select pg_temp.sealed_entry('11', 'slipped in')$$),
    'entry_inserted 4',
    'an entry that was slipped in behind the seal'
);
select is(
    pg_temp.found_after($$select pg_temp.sealed_entry('9', 'slipped in')$$), 'entry_inserted 1', 'before the first one too'
);
select is(audit.verify() -> 'broken', 'null', 'each was undone: the chain holds');

-- A head from earlier stands in the chain for ever.
create temporary table noted as
select audit.verify() ->> 'head' as head;
insert into core.audit_logs (table_name, record_key, action, transaction_xid)
values ('users', 'later', 'insert', '14');
select is(audit.seal(), 1, 'the chain grows');
select is(audit.verify((select n.head from noted n)) -> 'broken', 'null', 'a head noted earlier is still known');
select is(audit.verify(upper((select n.head from noted n))) -> 'broken', 'null', 'however it is written');
select is(audit.verify('00') -> 'broken' ->> 'what', 'head_unknown', 'another is not');

-- What somebody with the owner's rights can do, only a head kept outside shows.
update core.audit_logs
set record_key = 'rewritten'
where id = (select e.id from entries e where e.place = 3);
delete from audit.links;
select is(audit.seal(), 6, 'the whole chain is computed anew');
select is(audit.verify() -> 'broken', 'null', 'it holds in itself');
select is(audit.verify((select n.head from noted n)) -> 'broken' ->> 'what', 'head_unknown', 'the head noted earlier convicts it');

-- A removed entry is named and does not stop the sealing.
delete from core.audit_logs
where record_key = 'later';
insert into core.audit_logs (table_name, record_key, action, transaction_xid)
values ('users', 'after the loss', 'insert', '15');
select is(audit.seal(), 1, 'sealing goes on after a loss');
select is(audit.verify() -> 'broken' ->> 'what', 'entry_missing', 'which stays named');
select is((audit.verify() -> 'broken' ->> 'position')::integer, 6, 'at its place');

-- The API: a person's own entries, whoever else was tampered with.
update core.audit_logs
set record_key = 'again'
where record_key = 'rewritten';
create function pg_temp.own(p_noted text default null)
returns text
language sql
as $$
    select concat_ws(' ', v.answer ->> 'entries', v.answer ->> 'unsealed', v.answer -> 'broken' ->> 'what', v.answer -> 'broken' ->> 'position')
    from api.audit_verify(p_noted) v (answer)
$$;
create temporary table ann as
select count(*) as entries, count(*) filter (where l.position is null) as unsealed, audit.head() as head
from core.audit_logs e
left join audit.links l on l.log_id = e.id
where e.user_id = tests.user_id('ann');
grant select on ann to public;
select tests.become('ann');
select is(pg_temp.own(), (select a.entries || ' ' || a.unsealed || ' entry_changed 3' from ann a), 'a person learns what was done to the own entries');
select tests.become('bob');
select is(split_part(pg_temp.own(), ' ', 3), '', 'another person''s hold');
select is(split_part(pg_temp.own((select a.head from ann a)), ' ', 3), '', 'the head stands for everybody');
select is(split_part(pg_temp.own('7:' || repeat('0', 64)), ' ', 3), 'head_unknown', 'another does not');
select throws_ok($$select api.audit_verify(repeat('0', 64))$$, 'QM002', null, 'a digest without its place would be a search through everybody''s links');
select is(
    array(select jsonb_object_keys(api.audit_verify()) order by 1), array['broken', 'entries', 'head', 'unsealed'], 'and learns counts and the head'
);
select tests.become_role('quantmatrix_user', '');
select throws_ok('select api.audit_verify()', '42501', null, 'nobody does not');
select tests.become_readonly('ann');
select throws_ok('select api.audit_verify()', '42501', null, 'a reader does not');
select tests.become_anon();
select throws_ok('select api.audit_verify()', '42501', null, 'nor a request without a token');
select tests.reset();

select * from finish();
rollback;
