-- The outbox, as quantmatrix mail empties it. A sender claims mails for some minutes and commits, sends, and reports each: one that dies in between
-- leaves mails that are sent again, with the same Message-ID, when the claim has ended.

create function auth.mail_claim(p_limit integer default 20)
returns table (id bigint, recipient text, subject text, body text)
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    update auth.mails m
    set claimed_until = now() + interval '10 minutes',
        attempts = m.attempts + 1
    where m.id in (
        select d.id
        from auth.mails d
        where d.status = 'waiting'
        and d.due_at <= now()
        and (d.claimed_until is null or d.claimed_until < now())
        order by d.due_at, d.id
        limit least(greatest(p_limit, 1), 100)
        for update skip locked
    )
    returning m.id, m.recipient, m.subject, m.body
$$;

comment on function auth.mail_claim(integer) is 'Mails that are due and nobody is sending, for ten minutes.';

-- 1, 2, 4, ... minutes, at most two hours apart; dead after twelve attempts, which is most of a day.
create function auth.mail_done(p_id bigint, p_error text default null, p_is_final boolean default false)
returns text
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    update auth.mails m
    set status = case
            when p_error is null then 'sent'
            when p_is_final or m.attempts >= 12 then 'dead'
            else 'waiting'
        end::auth.mail_status,
        body = case when p_error is not null then m.body end,
        sent_at = case when p_error is null then now() end,
        last_error = left(p_error, 500),
        due_at = now() + least(interval '2 hours', interval '1 minute' * 2 ^ least(m.attempts - 1, 10)),
        claimed_until = null
    where m.id = p_id
    and m.status = 'waiting'
    returning m.status::text
$$;

comment on function auth.mail_done(bigint, text, boolean) is
    'What became of a mail: sent (its text is forgotten), to be tried again later, or dead. p_is_final: the server will never take it.';

create function auth.mail_purge()
returns integer
language sql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
    with gone as (
        delete from auth.mails m
        where m.created_at < now() - interval '30 days'
        and m.status <> 'waiting'
        returning m.id
    )
    select count(*)::integer
    from gone
$$;

comment on function auth.mail_purge() is 'Forgets mails a month after; returns how many.';

grant execute on function auth.mail_claim(integer), auth.mail_done(bigint, text, boolean), auth.mail_purge() to quantmatrix_service;

alter function auth.mail_claim(integer) owner to quantmatrix_keeper;
alter function auth.mail_done(bigint, text, boolean) owner to quantmatrix_keeper;
alter function auth.mail_purge() owner to quantmatrix_keeper;
