"""Signing in elsewhere: the part that talks to the provider. What must be remembered is in the database."""
