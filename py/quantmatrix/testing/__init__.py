"""What the project's own tests run on: a real cluster, clones of a migrated database, and a runner for pgTAP."""
