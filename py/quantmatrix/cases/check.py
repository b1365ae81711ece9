"""A case from file to verdict: imported as a fresh person in a transaction that is rolled back."""

from __future__ import annotations

import hashlib
import json
import secrets
import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import chain
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from quantmatrix.cases import results
from quantmatrix.cases.compare import first_difference
from quantmatrix.cases.given import Case, accounts, may_short, names_lots, without_names
from quantmatrix.cases.known import unknown_fields
from quantmatrix.cases.names import stored
from quantmatrix.cases.reconciliation import Book, book, reconciliation
from quantmatrix.cases.records import CaseRecords
from quantmatrix.cases.shape import misfits
from quantmatrix.door.login import PersonSession, copy_staged
from quantmatrix.errors import ExitCode, Problem
from quantmatrix.ingest.model import Record, Statement
from quantmatrix.loading.load import File, staged_rows

Connection = psycopg.Connection[dict[str, Any]]
FACTS = ("section_1256", "wash_exempt", "deliverable_shares", "deliverable_cash")


@dataclass(frozen=True)
class Verdict:
    """The outcome of one case; ``difference`` is None where it passed."""

    case: str
    difference: str | None


def read_case(path: Path) -> Case:
    """The case of a file; a ``Problem`` where it is none."""
    try:
        case = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        place = (
            f"{path}:{error.lineno}:{error.colno}" if isinstance(error, json.JSONDecodeError) else str(path)
        )
        raise Problem(
            "the case cannot be read",
            where=place,
            why=getattr(error, "msg", str(error)),
            unchanged="nothing was written",
            next_step="a case is one JSON object with id, transactions and expected",
            exit_code=ExitCode.REFUSED,
        ) from None
    if not isinstance(case, dict) or not isinstance(case.get("expected"), dict) or "id" not in case:
        raise Problem(
            "the file is no case",
            where=str(path),
            why="it must be an object with id and expected",
            unchanged="nothing was written",
            next_step="give files in the case format",
            exit_code=ExitCode.REFUSED,
        )
    pools = case["expected"].get("section104")
    if isinstance(pools, dict) and "disposals" in pools:
        # The format's former word for closings, which cases written elsewhere still use.
        pools["closings"] = pools.pop("disposals")
    return case


def check(admin: PersonSession, case: Case) -> Verdict:
    """Import the case, compare every block of ``expected``, and roll everything back.

    ``admin`` is a session as the platform's administrator, who adds the person.
    """
    try:
        for misfit in misfits(case):
            return Verdict(str(case["id"]), misfit)
        for place in unknown_fields(case):
            return Verdict(case["id"], f"{place}: this field is not known")
        with admin.transaction(dry_run=True) as connection:
            namespace = f"case{secrets.token_hex(4)}:"
            enter(connection, case, namespace)
            return Verdict(case["id"], _compare(admin, connection, case, namespace))
    except psycopg.Error as error:
        said = error.diag.message_primary or str(error)
        return Verdict(case["id"], f"the database refuses it: {said}")
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        return Verdict(case["id"], f"the case is not understood: {type(error).__name__} {error}")


def enter(connection: Connection, case: Case, namespace: str) -> UUID:
    """Add a person and import the case as theirs, in the caller's transaction; their id."""
    email = f"{namespace.strip(':')}@cases.invalid"
    row = connection.execute("select id from api.user_add(%s)", [email]).fetchone()
    assert row is not None
    _become(connection, row["id"])
    config = case.get("config", {})
    wanted = {"default_lot_method": config.get("method"), "wash_scope": config.get("wash_scope")}
    _set(connection, {name: value for name, value in wanted.items() if value is not None})
    for account in accounts(case):
        _add_account(connection, account)
    if names_lots(case):
        # Whether a lot that is named is there may depend on facts and methods, which need the instruments.
        _import(connection, without_names(case), namespace)
        _facts(connection, case, namespace)
        _import(connection, case, namespace, Statement(generated_at=datetime.now(UTC)))
    else:
        _import(connection, case, namespace)
        _facts(connection, case, namespace)
    user_id: UUID = row["id"]
    return user_id


def _become(connection: Connection, user_id: Any) -> None:
    role = "quantmatrix_user"
    claims = json.dumps({"sub": str(user_id), "role": role})
    connection.execute(
        "select set_config('request.jwt.claims', %s, true), set_config('role', %s, true)", [claims, role]
    )


def _set(connection: Connection, changes: dict[str, Any]) -> None:
    if changes:
        connection.execute("select api.tax_settings_set(%s)", [json.dumps(changes)])


def _add_account(connection: Connection, account: dict[str, Any]) -> None:
    kind = account.get("type", "taxable")
    connection.execute("select api.account_add('case', %s, %s, %s)", [account["id"], account["id"], kind])
    changes = {"allow_short": may_short(account), "reports_1099": account.get("reports_1099", True)}
    if account.get("method"):
        changes["lot_method"] = account["method"]
    connection.execute("select api.account_set(%s, %s)", [account["id"], json.dumps(changes)])


def _import(connection: Connection, case: Case, namespace: str, *more: Record) -> None:
    if not case.get("transactions"):
        return
    load_id = uuid.uuid4()
    number = copy_staged(connection, staged_rows(load_id, chain(more, CaseRecords(case, namespace))))
    text = json.dumps(case)
    file = File(
        name=case["id"],
        size=len(text),
        sha256=hashlib.sha256((namespace + text).encode()).hexdigest(),
        source="case",
        layout="case",
        newest_first=False,
        broker="case",
        account=None,
        currency="USD",
        accept_refusals=False,
    )
    connection.execute("select api.import_resolve(%s)", [load_id])
    connection.execute("select api.import_load(%s, %s)", [load_id, json.dumps(file.as_dict(number))])


def _facts(connection: Connection, case: Case, namespace: str) -> None:
    """Facts of instruments and methods by symbol; instruments are known from the import on."""
    for instrument in case.get("instruments", []):
        facts = {name: instrument[name] for name in FACTS if name in instrument}
        if "si_group" in instrument:
            facts["identical_group"] = instrument["si_group"]
        symbol = stored(namespace, instrument["symbol"], instrument)
        if facts and _is_used(connection, symbol):
            connection.execute("select api.instrument_facts_set(%s, %s)", [symbol, json.dumps(facts)])
    described = {row["symbol"]: row for row in case.get("instruments", [])}
    for account in case.get("accounts", []):
        for symbol, method in account.get("methods", {}).items():
            name = stored(namespace, symbol, described.get(symbol, {}))
            if _is_used(connection, name):
                connection.execute("select api.method_set(%s, %s, %s)", [account["id"], name, method])


def _is_used(connection: Connection, symbol: str) -> bool:
    return (
        connection.execute("select 1 from core.instruments where symbol = %s", [symbol]).fetchone()
        is not None
    )


def _compare(admin: PersonSession, connection: Connection, case: Case, namespace: str) -> str | None:
    for block, expected in case["expected"].items():
        derived = _derived(admin, connection, case, namespace, block)
        if derived is None:
            return f"{block}: this block is not known"
        difference = first_difference(block, expected, derived)
        if difference:
            return difference
    return None


def _derived(admin: PersonSession, connection: Connection, case: Case, namespace: str, block: str) -> Any:
    if block == "open_lots":
        return results.open_lots(connection, namespace)
    if block == "closings":
        return results.closings(connection, namespace)
    if block == "wash_matches":
        return results.wash_matches(connection, namespace)
    if block == "totals":
        return results.totals(connection)
    if block == "holding_checks":
        return results.holding_checks(connection, case.get("holding_checks", []))
    if block == "section104":
        return results.section_104(connection, namespace)
    if block == "reconciliation":
        return reconciliation(connection, case, namespace, _book(admin, connection, case, namespace))
    if block == "broker_1099b":
        _set(connection, {"wash_scope": "broker"})
        shown = {
            "open_lots": results.open_lots(connection, namespace),
            "closings": results.closings(connection, namespace),
            "wash_matches": results.wash_matches(connection, namespace),
            "totals": results.totals(connection),
        }
        _set(connection, {"wash_scope": case.get("config", {}).get("wash_scope", "taxpayer")})
        return shown
    return None


def _book(admin: PersonSession, connection: Connection, case: Case, namespace: str) -> Book:
    """What we hold at the day of the broker's figures; of a case that goes on, what its start alone gives."""
    past = {name: value for name, value in case.items() if name != "reconcile"}
    past["as_of"] = min(case["reconcile"]["as_of"], case.get("as_of", case["reconcile"]["as_of"]))
    if not CaseRecords(case, namespace).has_later_rows(date.fromisoformat(past["as_of"])):
        return book(connection, namespace)
    with admin.transaction(dry_run=True) as aside:
        enter(aside, past, f"{namespace}then:")
        return book(aside, f"{namespace}then:")
