"""What the project's own tests run on: a real cluster, clones of a database, a runner for pgTAP."""
