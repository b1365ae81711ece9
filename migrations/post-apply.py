"""Run by a bare ``yoyo apply`` after it applied something: the same repeatable part as ``quantmatrix migrate up``.

    yoyo apply --no-config-file -d 'postgresql+psycopg://LOGIN@HOST/quantmatrix?schema=migrations&options=-c%20role%3Dquantmatrix_owner' migrations

needs the schema ``migrations`` first, and goes every step there ever was. ``quantmatrix migrate up`` does all of this,
with checksums and a lock, and makes a new database as it is now.
"""

from yoyo import step

from quantmatrix.database.yoyo_driver import after_bare_yoyo

__transactional__ = True

steps = [step(after_bare_yoyo)]
