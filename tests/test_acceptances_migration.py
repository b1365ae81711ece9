"""What was accepted before acceptances had a table of their own is carried over, once for each difference."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from quantmatrix.cli import cli
from quantmatrix.cli.settings import Settings
from quantmatrix.database import migrate
from quantmatrix.services.credentials import MIGRATOR
from quantmatrix.testing.cluster import Cluster
from quantmatrix.testing.first_release import first_release

BOOKS = """
insert into core.users (id, email) values ('00000000-0000-4000-8000-00000000000a', 'me@localhost');
insert into core.accounts (user_id, id, broker, account_number, name)
values ('00000000-0000-4000-8000-00000000000a', 1, 'ibkr', 'U1', 'mine');
insert into ingest.reconciliations (user_id, id, as_of, inputs_digest, checked, differences)
select '00000000-0000-4000-8000-00000000000a', n, '2024-12-31', repeat('a', 64), '{}', 0
from generate_series(1, 3) n;
insert into ingest.findings (
    user_id, id, reconciliation_id, account_id, symbol, kind, ours, broker, cause, status, evidence, reason
)
select '00000000-0000-4000-8000-00000000000a', id, run, account, symbol, kind::ingest.finding_kind, ours,
    broker, cause::ingest.finding_cause, status::ingest.finding_status, evidence::jsonb, reason
from (values
    (1, 1, 1, 'USD', 'cash', 100.0, 110, 'opening_balance', 'accepted', '{}', 'an old reason'),
    (2, 2, 1, 'USD', 'cash', 100.00, 110, 'opening_balance', 'accepted', '{}', 'it was there before'),
    (3, 2, null, 'ABC', 'internal', null, null, 'defect', 'accepted',
        '{"check": "sums", "transactions": [1, 2]}', 'known since long'),
    (4, 3, 1, 'EUR', 'cash', 1, 2, 'unexplained', 'open', '{}', null)
) f (id, run, account, symbol, kind, ours, broker, cause, status, evidence, reason);
"""


def test_each_accepted_difference_is_an_acceptance(cluster: Cluster, tmp_path: Path) -> None:
    with first_release(cluster, tmp_path, BOOKS) as database:
        migrate.up(database.dsn(MIGRATOR))
        settings = Settings(_environment=database.environment)
        listed = CliRunner().invoke(cli, ["reconcile", "accepted", "--format", "json"], obj=settings)
        assert listed.exit_code == 0, listed.output
        assert {(row["symbol"], row["ours"], row["reason"]) for row in json.loads(listed.stdout)} == {
            ("ABC", None, "known since long"),
            ("USD", "100.00", "it was there before"),
        }
        with database.connect() as connection:
            # The detail that the migration wrote is the one that later runs compare with.
            assert connection.execute(
                "select count(*),"
                " count(*) filter (where a.detail = reconcile.finding_detail(f.kind, f.evidence))"
                " from ingest.findings f join ingest.acceptances a"
                " on a.user_id = f.user_id and a.id = f.acceptance_id"
            ).fetchone() == (3, 3)
