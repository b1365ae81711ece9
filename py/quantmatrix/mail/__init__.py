"""Mails of the outbox, sent over SMTP."""
