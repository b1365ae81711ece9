"""From V1, the old database, to this one: where its rows come from, and how they reach the database's rules."""
