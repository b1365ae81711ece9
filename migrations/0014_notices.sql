-- A notice is said once within its group: when a transaction moves to another one, that group is written before the old one is cleared.

alter table tax.notices
    drop constraint notices_said_once,
    add constraint notices_said_once unique nulls not distinct (user_id, group_id, code, transaction_id, related_transaction_id);

drop index tax.notices_of_group;
