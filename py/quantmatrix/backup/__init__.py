"""Backups of the whole database that carry the proof of their own content."""
