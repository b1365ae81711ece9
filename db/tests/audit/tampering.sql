-- What may be done behind the triggers' back, and what each look at the log says of it: at everything, at what is new since the checkpoint, at
-- one person's own. Where only a noted head tells, that is said.
begin;
select plan(52);

select tests.fixture_two_tenants();
create function pg_temp.entry(p_xid text, p_key text, p_person uuid default tests.user_id('ann'))
returns bigint
language sql
as $$
    insert into core.audit_logs (user_id, actor_id, table_name, record_key, action, old_values, new_values, changed_columns, transaction_xid, context)
    values (p_person, p_person, 'alerts', p_key, 'update', '{"name": "a"}', '{"name": "b"}', '{name}', p_xid::xid8, '{"role": "r"}')
    returning id
$$;
create function pg_temp.what(p_found jsonb)
returns text
language sql
as $$
    select coalesce(p_found -> 'broken' ->> 'what', 'whole')
$$;

-- Two old links that were looked at, three newer ones, one entry that waits.
create temporary table gone as
select gen_random_uuid() as id;
create temporary table entries as
select e.place, pg_temp.entry(e.xid, e.place::text, case e.who when 'gone' then (select g.id from gone g) else tests.user_id(e.who) end) as id
from (values (1, '10', 'ann'), (2, '11', 'gone')) e (place, xid, who);
select is(audit.seal(), 2, 'two are sealed');
select is(pg_temp.what(audit.verify_new()), 'whole', 'and looked at');
select is((select array_agg(c.position) from audit.checkpoints c), array[2::bigint], 'which leaves a checkpoint');
create temporary table noted as
select audit.head() as old_head;
insert into entries
select e.place, pg_temp.entry(e.xid, e.place::text, case e.who when 'gone' then (select g.id from gone g) else tests.user_id(e.who) end)
from (values (3, '12', 'bob'), (4, '13', 'gone'), (5, '14', 'ann')) e (place, xid, who);
select is(audit.seal(), 3, 'three more');
alter table noted add column head text;
grant select on entries, gone to public;
update noted
set head = audit.head();
insert into entries
values (6, pg_temp.entry('15', '6'));
select matches(audit.head(), '^5:[0-9a-f]{64}$', 'a head says its place');

-- The owner of the tables can switch triggers off; then nothing but the chain is left.
alter table core.audit_logs disable trigger user;
alter table audit.links disable trigger user;
alter table audit.checkpoints disable trigger user;
alter table audit.erasures disable trigger user;
alter table audit.epochs disable trigger user;
create function pg_temp.place(p_place integer)
returns bigint
language sql
as $$
    select e.id
    from entries e
    where e.place = p_place
$$;
create function pg_temp.found_after(p_tampering text)
returns text
language plpgsql
as $$
declare
    v_count bigint;
begin
    execute p_tampering;
    get diagnostics v_count = row_count;
    raise exception using errcode = 'TS000', message = case v_count when 0 then 'nothing was tampered with' else concat_ws(
        ', ', pg_temp.what(audit.verify()), pg_temp.what(audit.verify((select n.head from noted n))), pg_temp.what(audit.verify_new()),
        pg_temp.what(audit.verify_own(tests.user_id('ann')))
    ) end;
exception
    when sqlstate 'TS000' then
        return sqlerrm;
end
$$;

create temporary table matrix (name text, tampering text, whole text, with_head text, new text, own text);
insert into matrix
values
    ('a value of an old entry changed', 'update core.audit_logs set old_values = $${"name": "x"}$$ where id = :1',
        'entry_changed', 'entry_changed', 'whole', 'entry_changed'),
    ('a value of a new entry changed', 'update core.audit_logs set old_values = $${"name": "x"}$$ where id = :5',
        'entry_changed', 'entry_changed', 'entry_changed', 'entry_changed'),
    ('the actor', 'update core.audit_logs set actor_id = gen_random_uuid() where id = :5', 'entry_changed', 'entry_changed', 'entry_changed', 'entry_changed'),
    ('the time', 'update core.audit_logs set created_at = created_at + interval $$1 day$$ where id = :5',
        'entry_changed', 'entry_changed', 'entry_changed', 'entry_changed'),
    ('the person, so that it is another''s', 'update core.audit_logs set user_id = (select user_id from core.audit_logs where id = :3) where id = :5',
        'entry_changed', 'entry_changed', 'entry_changed', 'whole'),
    ('another''s entry changed', 'update core.audit_logs set actor_id = null where id = :3', 'entry_changed', 'entry_changed', 'entry_changed', 'whole'),
    ('an entry removed', 'delete from core.audit_logs where id = :4', 'entry_missing', 'entry_missing', 'entry_missing', 'whole'),
    ('a link removed', 'delete from audit.links where position = 4', 'link_missing', 'link_missing', 'link_missing', 'link_missing'),
    ('an entry and its link', 'with l as (delete from audit.links where position = 4) delete from core.audit_logs where id = :4',
        'link_missing', 'link_missing', 'link_missing', 'link_missing'),
    ('a link before the first', 'insert into audit.links (position, log_id, values_digest, link_digest) values (0, 0, sha256($$$$), sha256($$$$))',
        'order', 'order', 'whole', 'entry_changed'),
    ('an entry inserted behind the seal', 'select pg_temp.entry($$12$$, $$late$$)', 'entry_inserted', 'entry_inserted', 'entry_inserted', 'entry_inserted'),
    ('the newest entry and its link', 'with l as (delete from audit.links where position = 5) delete from core.audit_logs where id = :5',
        'whole', 'head_unknown', 'whole', 'whole'),
    ('the newest link, and its entry changed', 'with l as (delete from audit.links where position = 5) update core.audit_logs set actor_id = null where id = :5',
        'whole', 'head_unknown', 'whole', 'whole'),
    ('the tail, back behind the checkpoint', 'delete from audit.links where position >= 2',
        'checkpoint_unknown', 'checkpoint_unknown', 'checkpoint_unknown', 'whole'),
    ('everything', 'with l as (delete from audit.links), c as (delete from audit.checkpoints), r as (delete from audit.erasures) delete from core.audit_logs',
        'whole', 'head_unknown', 'whole', 'whole'),
    ('an entry removed before it was sealed, after a head was noted', 'delete from core.audit_logs where id = :6', 'whole', 'whole', 'whole', 'whole'),
    ('a checkpoint forged', 'insert into audit.checkpoints (position, link_digest) values (3, sha256($$$$))',
        'checkpoint_unknown', 'checkpoint_unknown', 'checkpoint_unknown', 'whole'),
    ('a true checkpoint over a change', 'with c as (insert into audit.checkpoints (position, link_digest) select position, link_digest from audit.links where position = 5)
        update core.audit_logs set actor_id = null where id = :5', 'entry_changed', 'entry_changed', 'whole', 'entry_changed'),
    ('an entry blanked', 'update core.audit_logs set old_values = null, new_values = null, context = null where id = :1',
        'entry_changed', 'entry_changed', 'whole', 'entry_changed'),
    ('an entry blanked, its living person said to be erased', 'with r as (
            insert into audit.erasures (person_id, log_id) select user_id, 999999999999 from core.audit_logs where id = :1
        ) update core.audit_logs set old_values = null, new_values = null, context = null where id = :1',
        'erasure_partial', 'erasure_partial', 'erasure_partial', 'erasure_partial'),
    ('all entries of a living person blanked, and an erasure that nothing tells of', 'with r as (
            insert into audit.erasures (person_id, log_id) select user_id, 999999999999 from core.audit_logs where id = :1
        ) update core.audit_logs set old_values = null, new_values = null, context = null where user_id = (select user_id from core.audit_logs where id = :1)',
        'erasure_unknown', 'erasure_unknown', 'erasure_unknown', 'erasure_unknown'),
    ('the same, with an entry that tells of it', 'with e as (
            insert into core.audit_logs (table_name, record_key, action) select $$audit.erasures$$, user_id::text, $$insert$$ from core.audit_logs where id = :1
            returning id, record_key
        ), r as (
            insert into audit.erasures (person_id, log_id) select record_key::uuid, id from e
        ) update core.audit_logs set old_values = null, new_values = null, context = null where user_id = (select user_id from core.audit_logs where id = :1)',
        'erased_lives', 'erased_lives', 'erased_lives', 'erased_lives'),
    ('an epoch that nothing tells of', 'insert into audit.epochs (number, first_entry, log_id, reason) values (1, 999999999999, 999999999999, $$forged$$)',
        'epoch_unknown', 'epoch_unknown', 'epoch_unknown', 'whole'),
    ('an epoch that begins among sealed entries', 'insert into audit.epochs (number, first_entry, log_id, reason) values (1, :4, :4, $$forged$$)',
        'entry_inserted', 'entry_inserted', 'entry_changed', 'entry_changed');
update matrix m
set tampering = replace(replace(replace(replace(replace(
    m.tampering, ':1', pg_temp.place(1)::text), ':3', pg_temp.place(3)::text), ':4', pg_temp.place(4)::text), ':5', pg_temp.place(5)::text), ':6', pg_temp.place(6)::text);
select is(
    pg_temp.found_after(m.tampering), concat_ws(', ', m.whole, m.with_head, m.new, m.own), m.name
)
from matrix m;
select is(pg_temp.found_after('select 1'), 'whole, whole, whole, whole', 'each was undone: all looks say it is whole');

-- What a look at what is new passed over, a look at everything does not, whatever stands among the checkpoints.
alter table core.audit_logs enable always trigger refuse_change;
alter table core.audit_logs enable always trigger only_the_erased;
alter table audit.links enable always trigger refuse_change;
alter table audit.checkpoints enable always trigger refuse_change;
alter table audit.erasures enable always trigger refuse_change;
alter table audit.epochs enable always trigger refuse_change;
select is((audit.verify_new(2) ->> 'to')::integer, 4, 'a look may be bounded');
select is((audit.verify_new() ->> 'to')::integer, 5, 'the next goes on from there');
select is(audit.verify_new() - 'head', '{"from": 5, "to": 5, "sealed": 5, "broken": null}', 'and a third has nothing to do');
select is((select array_agg(c.position order by c.position) from audit.checkpoints c), array[2, 4, 5]::bigint[], 'each left its checkpoint');
select throws_ok('delete from audit.checkpoints', 'QM040', null, 'which stays');
select throws_ok('update audit.epochs set first_entry = 1', 'QM040', null, 'as do epochs');

-- The role that blanks, reached by any way: whole logs of people who are gone, and nothing else.
set local role quantmatrix_eraser;
select throws_ok(
    format('update core.audit_logs set old_values = null, new_values = null, context = null where id = %s', pg_temp.place(1)), 'QM040', null,
    'no entry of somebody who lives'
);
insert into audit.erasures (person_id, log_id)
values (tests.user_id('ann'), 999999999999);
select throws_ok(
    format('update core.audit_logs set old_values = null, new_values = null, context = null where user_id = %L', tests.user_id('ann')), 'QM040', null,
    'not all of them, though an erasure names the person'
);
reset role;
select is(pg_temp.what(audit.verify()), 'erasure_partial', 'and the erasure is named');
alter table audit.erasures disable trigger user;
delete from audit.erasures
where log_id = 999999999999;
alter table audit.erasures enable always trigger refuse_change;
select throws_ok(
    format('select audit.erase(%L)', tests.user_id('ann')), 'QM040', null, 'the function itself erases nobody who lives'
);
select is(audit.erase((select g.id from gone g)), 2, 'somebody who is gone is erased');
select is(pg_temp.what(audit.verify()), 'whole', 'the chain holds');
select is(
    (select e.user_id is null and e.table_name = 'audit.erasures' and e.action = 'insert' from core.audit_logs e order by e.id desc limit 1), true,
    'and the erasure is told in the log itself'
);
alter table core.audit_logs disable trigger user;
alter table audit.erasures disable trigger user;
select is(
    pg_temp.found_after(format('update core.audit_logs set context = $${"reason": "none"}$$ where id = %s', pg_temp.place(2))),
    'entry_changed, entry_changed, whole, whole', 'something written where it was blanked'
);
select is(
    pg_temp.found_after('delete from audit.erasures'), 'entry_changed, entry_changed, whole, whole', 'the erasure taken away'
);
alter table core.audit_logs enable always trigger refuse_change;
alter table core.audit_logs enable always trigger only_the_erased;
alter table audit.erasures enable always trigger refuse_change;

-- Epochs: another cluster counts transactions from elsewhere.
insert into entries
select 7, pg_temp.entry('900000', '7');
select throws_ok('select audit.open_epoch($$ $$)', 'QM020', null, 'an epoch has a reason');
select throws_ok(format('select audit.open_epoch($$restored$$, %s)', pg_temp.place(5)), 'QM041', null, 'and does not begin among sealed entries');
select throws_ok('select audit.open_epoch($$restored$$, 999999999999)', 'QM041', null, 'or before its first entry is written');
select is(audit.open_epoch('restored', pg_temp.place(7) + 1), 1::smallint, 'it may begin where the restore ended');
insert into entries
select 8, pg_temp.entry('3', '8');
select is(
    (
        select array_agg(w.log_id order by w.place)
        from audit.waiting(1000000, '4') with ordinality w (log_id, transaction_xid, created_at, values_digest, fixed_fields, place)
        join entries e on e.id = w.log_id
    ),
    array[pg_temp.place(6), pg_temp.place(7), pg_temp.place(8)], 'what waited before it comes first, though its number of a transaction is higher'
);

-- What a person's look costs depends on the person alone.
create function pg_temp.rows_read(p_person uuid)
returns bigint
language plpgsql
as $$
declare
    v_before bigint;
begin
    select sum(s.seq_tup_read + s.idx_tup_fetch) into v_before
    from pg_stat_xact_all_tables s
    where s.relid in ('core.audit_logs'::regclass, 'audit.links'::regclass);
    perform audit.verify_own(p_person);
    return (
        select sum(s.seq_tup_read + s.idx_tup_fetch) - v_before
        from pg_stat_xact_all_tables s
        where s.relid in ('core.audit_logs'::regclass, 'audit.links'::regclass)
    );
end
$$;
create temporary table costs as
select pg_temp.rows_read(tests.user_id('ann')) as before;
insert into core.audit_logs (user_id, table_name, record_key, action, transaction_xid)
select gen_random_uuid(), 'alerts', i::text, 'insert', '16'
from generate_series(1, 20000) i;
do $$
begin
    while audit.seal() > 0 loop
        null;
    end loop;
end
$$;
select is((select max(l.position) > 20000 from audit.links l), true, 'many others changed many things');
-- Twice at most: which index a version of the server takes changes some rows, the others' entries would be 20,000.
select cmp_ok(pg_temp.rows_read(tests.user_id('ann')), '<=', (select 2 * c.before from costs c), 'a person reads the own entries, whoever else wrote how many');

select * from finish();
rollback;
