"""The database from outside: sessions as a person, migrations, and a fingerprint of what is there."""
