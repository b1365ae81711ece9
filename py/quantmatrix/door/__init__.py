"""The one way in which commands reach a person's book: with the database, or over HTTP."""
