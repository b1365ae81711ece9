"""What happens by itself: sealing, sweeping, jobs. ``quantmatrix work`` runs it.

A kind is a module with ``NAME``, ``EVERY`` (seconds between turns) and ``run(context) -> str | None``, which
does one turn and says in a few words what it did. It is added to ``registry.KINDS``. What is to be decided is
decided by a function of SQL that is told the time.
"""
