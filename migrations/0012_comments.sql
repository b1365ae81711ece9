-- Comments in the words of the glossary: what a sale closes is a closing, and the spelling is the law's.

comment on table ingest.line_picks is 'Lots that a file names for its closings.
tenancy: input';
comment on column ingest.line_picks.line_number is 'Line of the closing.';
comment on column auth.api_keys.prefix is 'The first letters after qm_, by which it is found and recognized.';
comment on table auth.mails is 'Mails on their way: written with what they speak of, sent by the mailer, so that none is lost while SMTP is down.
tenancy: secret';
