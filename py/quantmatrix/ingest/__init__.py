"""Broker files in, records out. A parser knows its broker and nothing of the database."""
