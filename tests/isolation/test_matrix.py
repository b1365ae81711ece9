"""Who may do what with whose rows: everything in the catalogue, every kind of caller, one readable table.

``matrix.txt`` is what is expected. A cell of a table or view says what select comes to with the rows of
ann (``a`` all, ``s`` some, ``0`` none of them, ``-`` no right at all), then the rights to insert, update and
delete. A cell of a function, or of a column with a right of its own, is ``x`` or ``-``: what the caller may
execute, and what does not refuse such a session at once (a key, an ended share, an open book). A new object,
a new right or a lost one fails until the table says so; QUANTMATRIX_WRITE_MATRIX=1 writes it, to be read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from quantmatrix.testing.cluster import Cluster

EXPECTED = Path(__file__).with_name("matrix.txt")
USER, READER, ADMIN = "quantmatrix_user", "quantmatrix_readonly", "quantmatrix_admin"
NO_RIGHT = "42501"
# Who sees nothing of ann's, whatever the object; and who sees, but not what belongs to no account.
STRANGERS = ("anon", "other", "admin", "sql_other", "ended")
LIMITED = ("share_acct", "key_acct")


@dataclass(frozen=True)
class Caller:
    """A session: a role and claims of authenticator, or a personal login."""

    name: str
    role: str
    claims: dict[str, Any] | None


@pytest.fixture(scope="module")
def connection(cluster: Cluster) -> Iterator[psycopg.Connection[Any]]:
    with cluster.database(cluster.tap_template) as database, database.connect() as connected:
        connected.execute("begin")
        connected.execute("select tests.fixture_two_tenants(), tests.create_user('carl', 'admin')")
        connected.execute(
            "select tests.create_user('dora'), tests.create_user('emil'), tests.create_user('finn')"
        )
        connected.execute("delete from auth.grants")
        yield connected
        connected.execute("rollback")


@pytest.fixture(scope="module")
def callers(connection: psycopg.Connection[Any]) -> list[Caller]:
    """Everybody, with the keys, shares and logins that they need."""

    def one(query: str, *parameters: Any) -> Any:
        row = connection.execute(query.encode(), parameters).fetchone()
        return row[0] if row else None

    people = {
        name: str(one("select tests.user_id(%s)", name))
        for name in ("ann", "bob", "carl", "dora", "emil", "finn")
    }
    account = one("select min(id) from core.accounts where user_id = %s", people["ann"])

    def grant(grantee: str, access: str, account_id: int | None = None, *, ended: bool = False) -> None:
        connection.execute(
            "insert into auth.grants (user_id, grantee_id, access, account_id, revoked_at)"
            " values (%s, %s, %s::auth.grant_right, %s, case when %s then now() end)",
            [people["ann"], people[grantee], access, account_id, ended],
        )

    def key(scopes: str, account_ids: list[int] | None = None) -> int:
        return int(
            one(
                "insert into auth.api_keys (user_id, name, prefix, key_digest, scopes, account_ids)"
                " values (%s, 'k', '00000000', sha256('k'), %s::auth.key_scope[], %s) returning id",
                people["ann"], scopes, account_ids,
            )
        )  # fmt: skip

    grant("dora", "write")
    grant("emil", "read", account)
    grant("finn", "write", ended=True)
    for login, member_of in (("qm_zqann", USER), ("qm_zqbob", USER)):
        connection.execute(f"create role {login} login inherit in role {member_of}".encode())

    def token(name: str, person: str, role: str, **more: Any) -> Caller:
        return Caller(name, role, {"sub": people[person], "role": role, **more})

    book = {"book": people["ann"]}
    return [
        Caller("anon", "anon", {"role": "anon"}),
        token("owner", "ann", USER),
        token("owner_read", "ann", READER),
        token("other", "bob", USER),
        token("admin", "carl", ADMIN),
        token("share_write", "dora", USER, **book),
        token("share_read", "dora", READER, **book),
        token("share_acct", "emil", READER, **book),
        token("ended", "finn", USER, **book),
        token("key_read", "ann", READER, key=key("{read}")),
        token("key_import", "ann", "quantmatrix_importer", key=key("{import}")),
        token("key_write", "ann", USER, key=key("{write}")),
        token("key_acct", "ann", USER, key=key("{write}", [account])),
        Caller("sql_owner", "qm_zqann", None),
        Caller("sql_other", "qm_zqbob", None),
    ]


@pytest.fixture(scope="module")
def matrix(connection: psycopg.Connection[Any], callers: list[Caller]) -> dict[str, list[str]]:
    """Cells by object, in the order of the callers."""
    relations = connection.execute(
        "select c.oid::regclass::text, c.relkind::text,"
        " (select a.attname::text from pg_attribute a where a.attrelid = c.oid and a.attnum > 0"
        "  and a.attname = case c.oid when 'core.users'::regclass then 'id' else 'user_id' end)"
        " from pg_class c where c.relkind in ('r', 'v')"
        " and c.relnamespace in (select s.oid from tests.schemas s) order by 1"
    ).fetchall()
    functions = connection.execute(
        "select p.oid, p.oid::regprocedure::text, array(select distinct found[1] from"
        " regexp_matches(p.prosrc, '(auth\\.require_(?:session|user))\\(\\)', 'g') found) from pg_proc p"
        " where p.pronamespace = 'api'::regnamespace and p.prokind = 'f' order by 2"
    ).fetchall()
    columns = connection.execute(
        "select distinct a.attrelid::regclass::text, a.attname::text from pg_attribute a"
        " join pg_class c on c.oid = a.attrelid where a.attacl is not null"
        " and c.relnamespace in (select s.oid from tests.schemas s) order by 1, 2"
    ).fetchall()
    ann = _one(connection, "select tests.user_id('ann')")
    selects = {}
    for name, _, tenant in relations:
        where = f"t.{tenant} = '{ann}'" if tenant else "t::text ilike '%zqann%'"
        selects[name] = f"select from {name} t where {where}"
    own = {name: _attempt(connection, query) for name, query in selects.items()}
    # A view's rows are those its owner sees: a superuser would see everybody's.
    _become(connection, callers[1])
    own |= {name: _attempt(connection, selects[name]) for name, kind, _ in relations if kind == "v"}
    connection.execute("select tests.reset()")

    cells: dict[str, list[str]] = {}
    for caller in callers:
        _become(connection, caller)
        guards = {
            guard: _attempt(connection, f"select {guard}()")
            for guard in ("auth.require_session", "auth.require_user")
        }
        found = {name: _attempt(connection, selects[name]) for name, _, _ in relations}
        connection.execute("select tests.reset()")
        for name, _, _ in relations:
            letters = _letter(found[name], own[name])
            for right in ("insert", "update", "delete"):
                letters += right[0] if _has(connection, "table", caller.role, name, right) else "-"
            cells.setdefault(name, []).append(letters)
        for oid, signature, guarded in functions:
            refused = any(guards[guard] == NO_RIGHT for guard in guarded)
            may = not refused and _has(connection, "function", caller.role, oid, "execute")
            cells.setdefault(signature, []).append("x" if may else "-")
        for table, column in columns:
            for right in ("insert", "update"):
                may = _has(connection, "column", caller.role, table, column, right)
                cells.setdefault(f"{table}.{column} {right}", []).append("x" if may else "-")
    return cells


def _become(connection: psycopg.Connection[Any], caller: Caller) -> None:
    if caller.claims is None:
        connection.execute("select tests.become_login(%s)", [caller.role])
    else:
        connection.execute("select tests.become_role(%s, %s)", [caller.role, json.dumps(caller.claims)])
    if caller.claims is None and caller.name == "sql_other":
        # To ask for another's book is free, and opens nothing.
        connection.execute("select set_config('quantmatrix.book', 'ann@example.test', true)")


def _attempt(connection: psycopg.Connection[Any], statement: str) -> str:
    row = connection.execute("select tests.attempt(%s)", [statement]).fetchone()
    assert row is not None
    return str(row[0])


def _one(connection: psycopg.Connection[Any], query: str) -> str:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return str(row[0])


def _has(connection: psycopg.Connection[Any], kind: str, *arguments: Any) -> bool:
    """What ``has_table_privilege`` and its like say."""
    places = ", ".join("%s::oid" if isinstance(argument, int) else "%s" for argument in arguments)
    row = connection.execute(f"select has_{kind}_privilege({places})".encode(), arguments).fetchone()
    return row == (True,)


def _letter(found: str, own: str) -> str:
    if found == NO_RIGHT:
        return "-"
    if not found.isdigit():
        return "!"
    return "0" if found == "0" else "a" if found == own else "s"


def _table(callers: list[Caller], matrix: dict[str, list[str]]) -> str:
    width = max(88, *map(len, matrix))
    lines = ["  ".join([" " * width, *(caller.name.ljust(11) for caller in callers)]).rstrip()]
    lines += [
        "  ".join([name.ljust(width), *(cell.ljust(11) for cell in cells)]).rstrip()
        for name, cells in matrix.items()
    ]
    return "\n".join(lines) + "\n"


def test_it_is_as_the_table_says(callers: list[Caller], matrix: dict[str, list[str]]) -> None:
    found = _table(callers, matrix)
    if os.environ.get("QUANTMATRIX_WRITE_MATRIX"):
        EXPECTED.write_text(found, encoding="utf-8")
    expected = EXPECTED.read_text(encoding="utf-8")
    assert found.split("\n") == expected.split("\n")


def test_the_table_says_what_it_must(
    connection: psycopg.Connection[Any], callers: list[Caller], matrix: dict[str, list[str]]
) -> None:
    names = [caller.name for caller in callers]
    kinds = dict(connection.execute("select t.table_name::text, t.kind from auth.tenancies() t").fetchall())
    assert kinds.keys() <= matrix.keys()
    shared = {name for name, kind in kinds.items() if kind == "shared"}
    for name, cells in matrix.items():
        by_caller = dict(zip(names, cells, strict=True))
        if len(cells[0]) != 4:
            continue
        assert all(cell[1:] == "---" for cell in cells), f"{name}: nobody writes a table or view"
        if name not in shared:
            for stranger in STRANGERS:
                assert by_caller[stranger][0] in "0-", f"{name}: {stranger}"
        if name.startswith(("auth.", "audit.")) or kinds.get(name) in ("secret", "platform", "staged"):
            assert set(cells) == {"----"}, f"{name} is nobody's business"
        if kinds.get(name) in ("input", "derived", "logged", "asked"):
            assert by_caller["owner"][0] == "a", f"{name}: the person sees all of it"
        if by_caller["owner"][0] == "a" and name != "core.users" and name not in shared:
            for limited in LIMITED:
                assert by_caller[limited][0] in "0sa-"
    assert dict(zip(names, matrix["core.accounts"], strict=True))["share_acct"] == "s---"
    assert dict(zip(names, matrix["core.audit_logs"], strict=True))["key_acct"] == "0---"
    assert dict(zip(names, matrix["core.transactions"], strict=True))["share_write"] == "a---"
