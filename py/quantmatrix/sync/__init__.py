"""Fetching from brokers without a person: thin fetchers whose documents go through the ordinary import.

What to ask for, what counts as a failure, when to try again and how far the cursor moves is decided in the
database (``db/functions/sync``, ``db/functions/api/sync.sql``).
"""
