"""From V1, the old database, to this one: how its rows reach the rules in the database."""
