-- What can go wrong with a sync, and what follows from it: one list, which the program and people read.

create function sync.failures()
returns table (code text, remedy text, patience integer, meaning text, next_step text)
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    values
        ('flex_1001', 'again', 3, 'the statement cannot be made at the moment', 'nothing: it is tried again'),
        ('flex_1003', 'later', 0, 'there is no such statement', 'see whether the query and its accounts still exist at the broker'),
        ('flex_1004', 'again', 3, 'the statement is not complete yet', 'nothing: it is tried again'),
        ('flex_1005', 'again', 3, 'settlements are not ready yet', 'nothing: it is tried again; run it in the morning, New York time'),
        ('flex_1006', 'again', 3, 'gains by lot are not ready yet', 'nothing: it is tried again; run it in the morning, New York time'),
        ('flex_1007', 'again', 3, 'gains by mark are not ready yet', 'nothing: it is tried again; run it in the morning, New York time'),
        ('flex_1008', 'again', 3, 'gains are not ready yet', 'nothing: it is tried again; run it in the morning, New York time'),
        ('flex_1009', 'again', 3, 'the broker''s server is busy', 'nothing: it is tried again'),
        ('flex_1010', 'person', 0, 'the query is of an old kind that is no longer served', 'make an Activity Flex Query, then `feed_set(query => NUMBER)`'),
        ('flex_1011', 'person', 0, 'the service is switched off for this login', 'switch on the Flex Web Service in the broker''s settings'),
        ('flex_1012', 'person', 0, 'the token has expired', 'make a new token at the broker, then `feed_seal`'),
        ('flex_1013', 'person', 0, 'the token does not work from this address', 'make a token for the address of this machine, or for any'),
        ('flex_1014', 'person', 0, 'there is no such query', 'look its number up at the broker, then `feed_set(query => NUMBER)`'),
        ('flex_1015', 'person', 0, 'the token is not valid', '`feed_seal`'),
        ('flex_1016', 'person', 0, 'the account is not valid', 'see which accounts the query names at the broker'),
        ('flex_1017', 'again', 0, 'the broker no longer knows the request', 'nothing: it is asked for anew'),
        ('flex_1018', 'again', 6, 'too many requests with this token', 'nothing: it waits; do not use the token elsewhere at the same time'),
        ('flex_1019', 'poll', 0, 'the statement is being made', 'nothing: it is asked for again'),
        ('flex_1020', 'later', 0, 'the broker does not understand the request', 'see whether the number of the query is right'),
        ('flex_1021', 'again', 3, 'the statement cannot be fetched at the moment', 'nothing: it is tried again'),
        ('flex_unknown', 'later', 0, 'the broker refuses with a code that nobody knows', 'look the code up in the broker''s help'),
        ('not_ready', 'again', 3, 'the statement was not ready in time', 'nothing: it is tried again'),
        ('server_error', 'again', 1, 'the server failed', 'nothing: it is tried again'),
        ('throttled', 'again', 6, 'the server wants fewer requests', 'nothing: it waits'),
        ('unreachable', 'again', 1, 'the server cannot be reached', 'see whether this machine is online; it is tried again'),
        ('too_slow', 'again', 1, 'the server did not answer in time', 'nothing: it is tried again'),
        ('cut_off', 'again', 1, 'the answer ended in the middle', 'nothing: it is tried again'),
        ('unreadable', 'again', 1, 'the answer cannot be read', 'nothing: it is tried again; if it stays, import a downloaded file'),
        ('content_type', 'again', 1, 'the answer is no statement but something else', 'nothing: it is tried again; the broker may be at maintenance'),
        ('repeated_page', 'again', 1, 'a page came twice, so that rows are missing', 'nothing: it is tried again'),
        ('too_large', 'person', 0, 'the answer is larger than any statement', 'ask for fewer days: `feed_set(since => DATE)`'),
        ('redirected', 'later', 0, 'the server sends to another address, which is not followed', 'see whether the broker has moved; a proxy of your network may be in between'),
        ('untrusted_address', 'person', 0, 'the answer names an address that is not the broker''s, and nothing was sent there', 'report it to the broker; the token may have to be replaced'),
        ('not_allowed', 'person', 0, 'the server refuses the credentials', '`feed_seal`'),
        ('not_found', 'person', 0, 'the server does not know what was asked for', 'see whether the account''s number is right'),
        ('refused', 'later', 0, 'the server refuses the request', 'see what it says; the request may be wrong for this account'),
        ('not_xml', 'person', 0, 'the query delivers CSV, in which a cut-off end cannot be seen', 'choose XML as the format of the query'),
        ('no_statement', 'again', 1, 'the answer holds no statement of any account', 'nothing: it is tried again'),
        ('account_missing', 'again', 1, 'an account that came before is missing', 'nothing: it is tried again; if the account is gone, make a new feed'),
        ('empty', 'again', 1, 'the answer is empty where rows are known', 'nothing: it is tried again; see whether the query still has its sections'),
        ('gap', 'person', 0, 'the answer begins after what was fetched before', 'import a file of the days between, or let the query cover them'),
        ('stale', 'again', 3, 'the answer ends before what was fetched before', 'nothing: it is tried again'),
        ('clock_skew', 'person', 0, 'the statement says that it was made in the future', 'set the clock of this machine right'),
        ('rows_refused', 'person', 0, 'rows cannot be read, and nothing of their document was written', '`sync_run(accept_refusals => true)` imports the rest; report the row'),
        ('no_credentials', 'person', 0, 'there are no credentials that can be used', '`feed_seal`; if they were sealed on another machine, bring its key'),
        ('no_package', 'person', 0, 'a package is missing', 'install the extra that is named'),
        ('interrupted', 'again', 0, 'the program ended before it had finished', 'nothing: what had come is kept, and the rest is fetched again'),
        ('defect', 'later', 0, 'a defect in quantmatrix', 'report it, with what the program said')
$$;

comment on function sync.failures() is
    'Failures of a sync: poll (the same question again), again (after a while, in this run), later (the next run), person (only a person can help). '
    'Patience: so many times the base delay are waited at least.';

create function sync.failure(p_code text)
returns table (code text, remedy text, patience integer, meaning text, next_step text)
language sql
immutable
security invoker
parallel safe
set search_path = pg_catalog, pg_temp
as $$
    select f.code, f.remedy, f.patience, f.meaning, f.next_step
    from sync.failures() f
    where f.code = case
        when exists (select from sync.failures() k where k.code = p_code) then p_code
        when p_code like 'flex\_%' then 'flex_unknown'
        else 'defect'
    end
$$;

comment on function sync.failure(text) is 'One failure by its code; what nobody knows is a defect, or a code that the broker has invented.';

-- Half of the wait is certain and half is chance, so that programs that failed together do not come back together.
create function sync.wait(p_try_number integer, p_patience integer, p_retry_after numeric, p_base_seconds numeric)
returns numeric
language sql
volatile
security invoker
set search_path = pg_catalog, pg_temp
as $$
    select round(
        greatest(
            least(p_base_seconds * 60, p_base_seconds * 2::numeric ^ least(p_try_number - 1, 20) * (0.5 + random()::numeric / 2)),
            p_base_seconds * p_patience,
            coalesce(p_retry_after, 0)
        ),
        3
    )
$$;

comment on function sync.wait(integer, integer, numeric, numeric) is
    'Seconds until the next try: doubled with each, with chance in it, at least what the failure or the server wants.';

grant execute on function sync.failures() to quantmatrix_user, quantmatrix_readonly, quantmatrix_admin, quantmatrix_writer;
grant execute on function sync.failure(text), sync.wait(integer, integer, numeric, numeric) to quantmatrix_writer;
