"""Run by a bare ``yoyo apply`` after it applied something: the same repeatable part as ``quantmatrix migrate up``.

    yoyo apply --no-config-file -d 'postgresql+psycopg://LOGIN@HOST/quantmatrix?schema=migrations&options=-c%20role%3Dquantmatrix_owner' migrations

needs the schema ``migrations`` first. ``quantmatrix migrate up`` does all of this, with checksums and a lock.
"""

from yoyo import step

from quantmatrix.database.yoyo_driver import after_bare_yoyo

__transactional__ = True

steps = [step(after_bare_yoyo)]
