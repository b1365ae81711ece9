"""Embedded servers: a real PostgreSQL and a real PostgREST, found, started, watched and stopped."""
