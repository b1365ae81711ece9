"""People who ask a running PostgREST, each with a token of their own."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
from postgrest import SyncPostgrestClient

from quantmatrix.services.tokens import sign
from quantmatrix.testing.cluster import Api, Database

DEEP = "12.5000000000000000001"


@dataclass(frozen=True)
class Person:
    """Somebody with an id and an address."""

    id: str
    email: str


class Service:
    """A running API and the people of its database."""

    def __init__(self, api: Api, database: Database) -> None:
        self.api = api
        self.database = database
        self.ann = self.add_person("ann@example.test")
        self.bob = self.add_person("bob@example.test")
        self.root = self.add_person("root@example.test", "admin")

    def add_person(self, email: str, role: str = "user") -> Person:
        """Somebody new, with an empty book."""
        with self.database.connect() as connection:
            row = connection.execute(
                "insert into core.users (email, role) values (%s, %s) returning id::text", [email, role]
            ).fetchone()
        assert row is not None
        return Person(row[0], email)

    def claims(self, person: Person, role: str = "quantmatrix_user", **changed: Any) -> dict[str, Any]:
        """The claims of a good token; a changed one that is None is left out."""
        claims = {
            "sub": person.id,
            "role": role,
            "aud": "quantmatrix",
            "exp": int(time.time()) + 300,
        } | changed
        return {name: value for name, value in claims.items() if value is not None}

    def headers(
        self, person: Person | None, role: str = "quantmatrix_user", **changed: Any
    ) -> dict[str, str]:
        """The headers of a request of ``person``; none for nobody."""
        if person is None:
            return {}
        return {"Authorization": f"Bearer {sign(self.claims(person, role, **changed), self.api.key)}"}

    def get(
        self,
        path: str,
        person: Person | None,
        role: str = "quantmatrix_user",
        accept: str = "application/json",
    ) -> httpx.Response:
        """What a path answers to ``person``."""
        headers = {"Accept": accept, **self.headers(person, role)}
        return httpx.get(f"{self.api.url}/{path}", headers=headers)

    def call(
        self, function: str, person: Person | None, arguments: Mapping[str, Any] | None = None,
        role: str = "quantmatrix_user",
    ) -> httpx.Response:  # fmt: skip
        """What a function answers to ``person``."""
        return httpx.post(
            f"{self.api.url}/rpc/{function}", json=dict(arguments or {}), headers=self.headers(person, role)
        )

    def done(
        self, function: str, person: Person, arguments: Mapping[str, Any] | None = None, **more: Any
    ) -> Any:
        """The answer of a call that must succeed."""
        answer = self.call(function, person, arguments, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def client(self, person: Person, role: str = "quantmatrix_user") -> SyncPostgrestClient:
        """The client library, as ``person``."""
        return SyncPostgrestClient(self.api.url, schema="api", headers=self.headers(person, role))

    def rows_of(self, person: Person) -> dict[str, Any]:
        """Every row of the person in every table that has a tenant, by table."""
        with self.database.connect() as connection:
            tables = connection.execute(
                "select c.oid::regclass::text, a.attname from pg_class c"
                " join pg_attribute a on a.attrelid = c.oid"
                " and a.attname = case when c.oid = 'core.users'::regclass then 'id' else 'user_id' end"
                " where c.relkind = 'r'"
                " and c.relnamespace::regnamespace::text in ('core', 'tax', 'ingest', 'auth', 'work')"
                " order by 1"
            ).fetchall()
            found = {}
            for table, column in tables:
                query = f"select to_jsonb(t)::text from {table} t where {column} = %s order by 1"
                found[table] = connection.execute(query.encode(), [person.id]).fetchall()
            return found


def add_book(service: Service, person: Person) -> dict[str, int]:
    """Something in every view: ids of transactions by what they are."""
    service.done("account_add", person, {"broker": "ibkr", "account_number": "U1", "name": "Main"})
    service.done("account_add", person, {"broker": "ibkr", "account_number": "U2", "name": "Second"})

    def add(**fields: Any) -> int:
        row = {"account": "U1", **fields}
        return int(service.done("transaction_add", person, {"transaction": row, "reason": "a test"})[0]["id"])

    added = {
        "deposit": add(transaction_type="deposit", trade_date="2024-01-02", net_amount="5000"),
        "buy": add(transaction_type="buy", symbol="ABC", trade_date="2024-01-03", quantity=DEEP, price="100"),
        "more": add(
            transaction_type="buy", symbol="ABC", trade_date="2024-02-05", quantity="10", price="110"
        ),
        "sell": add(
            transaction_type="sell", symbol="ABC", trade_date="2024-03-04", quantity="-5", price="90"
        ),
        "again": add(transaction_type="buy", symbol="ABC", trade_date="2024-03-06", quantity="1", price="91"),
        "transfer": add(transaction_type="transfer_in", symbol="XYZ", trade_date="2024-04-02", quantity="10"),
        "gone": add(
            transaction_type="sell", symbol="XYZ", trade_date="2024-04-03", quantity="-2", price="20"
        ),
    }
    with service.database.connect() as connection:
        sync = connection.execute(
            "insert into core.sync_history (user_id, kind, source, status, finished_at, content_sha256)"
            " values (%s, 'import', 'made_up', 'finished', now(), repeat('a', 64)) returning id",
            [person.id],
        ).fetchone()
        assert sync is not None
        connection.execute(
            "insert into ingest.files (user_id, sync_id, name, size_bytes)"
            " values (%s, %s, 'made-up.csv', 10)",
            [person.id, sync[0]],
        )
        connection.execute(
            "insert into ingest.lines (user_id, sync_id, line_number, verdict, transaction_id, raw, attested)"
            " values (%s, %s, 7, 'known', %s, 'the row as it stood', '{}')",
            [person.id, sync[0], added["buy"]],
        )
        connection.execute(
            "insert into ingest.broker_positions"
            " (user_id, sync_id, line_number, account_id, instrument_id, as_of, quantity, currency)"
            " select t.user_id, %s, 9, t.account_id, t.instrument_id, '2024-12-31', 20, 'USD'"
            " from core.transactions t where t.user_id = %s and t.id = %s",
            [sync[0], person.id, added["buy"]],
        )
        connection.execute(
            "insert into ingest.broker_cash"
            " (user_id, sync_id, line_number, account_id, currency, as_of, moment, amount)"
            " select t.user_id, %s, 11, t.account_id, 'USD', '2024-12-31', 'end', 1.23"
            " from core.transactions t where t.user_id = %s and t.id = %s",
            [sync[0], person.id, added["buy"]],
        )
        _add_feed(connection, person)
        _add_identity(connection, person, added["buy"], added["more"])
    service.done("reconcile", person)
    finding = service.get("differences?limit=1", person).json()[0]["id"]
    service.done("difference_accept", person, {"finding_id": finding, "reason": "a test"})
    job = service.done("job_add", person, {"kind": "totals", "arguments": {}})
    service.done("job_cancel", person, {"id": job["id"]})
    return added


def _add_feed(connection: psycopg.Connection[Any], person: Person) -> None:
    """A feed with one attempt, which brought one execution of today."""
    connection.execute(
        "with feed as ("
        "    insert into ingest.feeds (user_id, name, service, settings, since)"
        "    values (%(user)s, 'today', 'ibkr_today', '{}', current_date) returning id"
        "), attempt as ("
        "    insert into core.sync_history (user_id, kind, source, status, finished_at)"
        "    values (%(user)s, 'sync', 'sync_ibkr_today', 'finished', now()) returning id"
        ")"
        " insert into ingest.sync_attempts"
        " (user_id, sync_id, feed_id, run_id, try_number, asked_from, asked_through)"
        " select %(user)s, attempt.id, feed.id, gen_random_uuid(), 1, current_date, current_date"
        " from feed cross join attempt",
        {"user": person.id},
    )
    connection.execute(
        "insert into ingest.today_executions"
        " (user_id, account_id, execution_id, instrument_id, executed_at, trade_date, quantity, price,"
        "  currency, sync_id)"
        " select t.user_id, t.account_id, '0000.1', t.instrument_id, now(), current_date, 5, 10,"
        "  'USD', s.sync_id"
        " from core.transactions t join ingest.sync_attempts s on s.user_id = t.user_id"
        " where t.user_id = %s and t.instrument_id is not null order by t.id limit 1",
        [person.id],
    )


def _add_identity(connection: psycopg.Connection[Any], person: Person, one: int, other: int) -> None:
    """What a person can say about events and names: one event that two sources tell, a decision, a split."""
    given = {"user": person.id, "one": one, "other": other}
    connection.execute(
        "insert into ingest.matches"
        " (user_id, account_id, source, dedupe_key, counted_source, counted_key, trade_date, rule)"
        " select t.user_id, t.account_id, 'ofx', 'x1', t.source, t.dedupe_key, t.trade_date, 'equal'"
        " from core.transactions t where t.user_id = %(user)s and t.id = %(one)s",
        given,
    )
    connection.execute(
        "with decision as ("
        "    insert into ingest.decisions (user_id, account_id, verdict, reason)"
        "    select t.user_id, t.account_id, 'different', 'bought twice'"
        "    from core.transactions t where t.user_id = %(user)s and t.id = %(other)s returning *"
        ")"
        " insert into ingest.decision_members"
        " (user_id, decision_id, account_id, source, dedupe_key, trade_date)"
        " select t.user_id, d.id, t.account_id, t.source, t.dedupe_key, t.trade_date"
        " from core.transactions t cross join decision d"
        " where t.user_id = %(user)s and t.id = %(other)s",
        given,
    )
    connection.execute(
        "insert into ingest.instrument_changes"
        " (user_id, kind, from_instrument_id, into_instrument_id, moved, reason, undone_at, undo_reason)"
        " select t.user_id, 'split', t.instrument_id, t.instrument_id + 1, '{}', 'two', now(), 'one after'"
        " from core.transactions t where t.user_id = %(user)s and t.id = %(one)s",
        given,
    )
