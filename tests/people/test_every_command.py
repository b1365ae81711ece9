"""Every command that takes --api, at a real server: it reads what the login reads, and does what it says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner, Result

from quantmatrix import resources
from quantmatrix.cli import cli
from quantmatrix.cli.doors import DOORS, NOT_OVER_THE_API
from quantmatrix.door.protocol import ANSWERS_A_ROW, TAKES_LONG
from quantmatrix.testing.people import PASSWORD, Member, People

EXAMPLES = resources.root() / "examples"
ACCOUNT = "U1000001"
EMAIL = "every@example.test"
# Numbers that a second try draws anew, and keys that the command line makes up for each.
DRAWN = {
    "id",
    "external_id",
    "dedupe_key",
    "transaction_id",
    "change",
    "decision",
    "into",
    "updated_at",
    "finding_id",
}
BY_ITSELF = {"login", "logout"}
"""What a session begins and ends with: tests of their own."""

ADD = ("--account", ACCOUNT, "--type", "buy", "--symbol", "TTD", "--date", "2024-03-04", "--quantity", "2")


class Pair(NamedTuple):
    """The same words by both doors."""

    over_http: Callable[..., Result]
    by_login: Callable[..., Result]


def _runner(variables: dict[str, str], *before: str) -> Callable[..., Result]:
    def run(*words: str, given: str | None = None) -> Result:
        return CliRunner(env=variables).invoke(cli, [*before, *words], input=given)

    return run


def _pair(people: People, member: Member, config: Path, *before: str) -> Pair:
    variables = {"QUANTMATRIX_CONFIG_DIR": str(config)}
    run = Pair(
        _runner(variables | {"QUANTMATRIX_API": people.service.api.url}),
        _runner(variables | people.service.database.variables(), *before),
    )
    done = run.over_http("login", member.email, "--password-file", "-", given=PASSWORD)
    assert done.exit_code == 0, done.output
    return run


@pytest.fixture(scope="module")
def trader(people: People, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    people.release()
    run = _pair(people, people.member(EMAIL), tmp_path_factory.mktemp("trader"), "--user", EMAIL)
    for name in ("ibkr-2023.csv", "ibkr-2024.csv"):
        assert run.over_http("import", str(EXAMPLES / name)).exit_code == 0
    return run


@pytest.fixture(scope="module")
def keeper(people: People, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    people.release()
    member = people.member("keeper@example.test")
    with people.service.database.connect() as connection:
        connection.execute("update core.users set role = 'admin' where email = %s", [member.email])
    return _pair(people, member, tmp_path_factory.mktemp("keeper"))


def first(run: Pair, *words: str, **wanted: str) -> dict[str, Any]:
    """The first row of a list in which the fields are as wanted."""
    rows = json.loads(run.by_login(*words, "--format", "json").stdout)
    found = (row for row in rows if all(str(row[name]) == value for name, value in wanted.items()))
    row: dict[str, Any] = next(found)
    return row


def filled(run: Pair, words: tuple[str, ...]) -> list[str]:
    """The words, with numbers for the names in braces."""
    known: dict[str, Callable[[], Any]] = {
        "{change}": lambda: first(run, "instruments", "changes")["id"],
        "{grant}": lambda: first(run, "share", "list")["id"],
        "{key}": lambda: first(run, "key", "list")["id"],
        "{import}": lambda: first(run, "import", "list")["id"],
        "{lot}": lambda: first(run, "lots", "list", "--all")["id"],
        "{closing}": lambda: first(run, "lots", "closings")["id"],
        "{transfer}": lambda: first(run, "transactions", "list", "--type", "transfer_in")["id"],
        "{transaction}": lambda: first(run, "transactions", "list", "--type", "buy")["id"],
    }
    return [str(known[word]()) if word in known else word for word in words]


READ = [
    ("import", "list"),
    ("import", "show", "{import}"),
    ("import", "conflicts"),
    ("import", "conflicts", "--matched"),
    ("import", "conflicts", "decisions"),
    ("holdings",),
    ("holdings", "--today"),
    ("cash",),
    ("reconcile",),
    ("reconcile", "accepted", "--all"),
    ("lots", "list", "--all"),
    ("lots", "closings"),
    ("lots", "closings", "--year", "2024", "--symbol", "TTD"),
    ("lots", "compare"),
    ("lots", "compare", "--year", "2024", "--method", "fifo", "--by-instrument"),
    ("lots", "explain", "{lot}"),
    ("lots", "explain", "--closing", "{closing}"),
    ("lots", "what-if", "TTD", "1", "--account", ACCOUNT, "--price", "200.50", "--date", "2025-01-02"),
    ("lots", "rebuild", "--verify"),
    ("transactions", "list"),
    ("instruments", "list"),
    ("instruments", "show", "TTD"),
    ("instruments", "changes"),
    ("account", "list"),
    ("audit", "log"),
    ("audit", "verify"),
    ("audit", "head"),
    ("key", "list"),
    ("share", "list"),
    ("sync", "status"),
    ("sync", "history"),
]
TRIED = [
    ("account", "set", ACCOUNT, "--name", "Mine", "--lot-method", "hifo", "--from", "2024-06-01"),
    ("account", "set", ACCOUNT, "--lot-method", "lifo", "--symbol", "TTD"),
    ("transactions", "add", *ADD, "--price", "180.25", "--reason", "a trade of mine"),
    ("transactions", "correct", "{transaction}", "--price", "1.25", "--reason", "mistyped"),
    ("transactions", "void", "{transaction}", "--reason", "stands twice"),
    ("instruments", "split", "TTD", "--until", "2024-06-30", "--reason", "used again"),
    ("instruments", "merge", "TTD", "KO", "--reason", "no, they are two"),
    ("instruments", "undo", "999999", "--reason", "there is none"),
    ("import", "conflicts", "resolve", "nowhere", "--same", "--reason", "there is none"),
    ("import", "conflicts", "reopen", "999999", "--reason", "there is none"),
    ("import", "undo", "{import}"),
    ("import", str(EXAMPLES / "ibkr-2024.csv")),
    ("account", "merge", "nowhere", ACCOUNT, "--reason", "mistyped"),
]
DONE = [
    ("account", "add", "ibkr", "X-1", "--name", "Mistyped"),
    ("account", "rename", "X-1", "X-2"),
    ("account", "set", "X-2", "--name", "Still mistyped"),
    ("account", "merge", "X-2", ACCOUNT, "--reason", "it was mistyped"),
    ("account", "add", "ibkr", "X-3"),
    ("account", "remove", "X-3"),
    (
        "basis",
        "set",
        "{transfer}",
        "--basis",
        "3750.00",
        "--acquired",
        "2021-05-10",
        "--reason",
        "confirmation",
    ),
    ("transactions", "add", *ADD, "--price", "180.25", "--reason", "a trade of mine"),
    ("transactions", "correct", "{transaction}", "--price", "25.10", "--reason", "mistyped"),
    ("transactions", "void", "{transaction}", "--reason", "stands twice"),
    ("instruments", "split", "TTD", "--until", "2024-06-30", "--reason", "the ticker was used again"),
    ("instruments", "undo", "{change}", "--reason", "it was not"),
    ("lots", "rebuild"),
    ("import", "undo", "{import}"),
    ("import", str(EXAMPLES / "ibkr-2024.csv")),
    ("share", "add", "keeper@example.test"),
    ("share", "revoke", "{grant}"),
    ("key", "create", "nightly"),
    ("key", "revoke", "{key}"),
    ("whoami",),
    ("sync", "set", "main", "--pause"),
    ("sync", "remove", "main"),
]
REFUSED = [("reconcile", "revoke", "999999", "--reason", "there is none")]
OF_FILES = [("export",), ("sync", "add"), ("sync", "credentials"), ("import", "files")]
OF_PRICES = [("prices", name) for name in ("load", "held", "explain", "accept", "reject")]
EVERY = (*READ, *TRIED, *DONE, *REFUSED, *OF_FILES, *OF_PRICES)


def name_of(words: tuple[str, ...]) -> str:
    """The command that the words are a call of."""
    found = (" ".join(words[:length]) for length in (3, 2, 1))
    if words[0] == "import" and " ".join(words[:2]) not in DOORS and words[1:2] != ("conflicts",):
        return "import files"
    return next(name for name in found if name in DOORS)


def test_every_command_that_takes_an_api_is_here() -> None:
    assert {name_of(words) for words in EVERY} | BY_ITSELF == {
        name for name, uses in DOORS.items() if "api" in uses
    }


def test_every_command_of_the_readme_takes_an_api_or_says_why_not() -> None:
    """A command of the table that neither works over HTTP nor has a reason would be one that nobody knows."""
    lines = (resources.root() / "README.md").read_text(encoding="utf-8").splitlines()
    table = "\n".join(line for line in lines if line.startswith("| "))
    told = re.findall(r"`(?:quantmatrix )?([a-z-]+(?: [a-z-]+)*)", table)
    known = {name for name in DOORS if any(f"{text} ".startswith(f"{name} ") for text in told)}
    assert len(known) > 30
    assert known - BY_ITSELF <= NOT_OVER_THE_API.keys() | {name_of(words) for words in EVERY}


def agreed(run: Pair, *words: str, drawn: bool = False) -> Result:
    """The same output, the same refusal and the same status by both doors."""
    over_http, by_login = run.over_http(*words), run.by_login(*words)
    assert over_http.exit_code == by_login.exit_code, (words, over_http.output, by_login.output)
    if over_http.exit_code in (0, 3):
        left, right = over_http.stdout, by_login.stdout
        if drawn:
            left, right = json.dumps(_undrawn(json.loads(left))), json.dumps(_undrawn(json.loads(right)))
        assert left == right, words
    else:
        assert over_http.stderr.splitlines()[0] == by_login.stderr.splitlines()[0], words
    return over_http


def test_a_refusal_names_the_same_commands(trader: Pair) -> None:
    refused = [run("account", "remove", ACCOUNT) for run in trader]
    over_http, by_login = (
        [line for line in done.stderr.splitlines() if line.startswith("  next: ")] for done in refused
    )
    assert over_http == by_login
    assert over_http == [
        "  next: take its imports back (quantmatrix import undo NUMBER), merge it into another"
        f" (quantmatrix account merge {ACCOUNT} INTO), or close it:"
        f" quantmatrix account set {ACCOUNT} --status closed"
    ]


def _undrawn(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _undrawn(part) for name, part in value.items() if name not in DRAWN}
    return [_undrawn(part) for part in value] if isinstance(value, list) else value


@pytest.mark.parametrize("output", ["json", "table"])
@pytest.mark.parametrize("words", READ, ids=" ".join)
def test_what_is_read_is_the_same(trader: Pair, words: tuple[str, ...], output: str) -> None:
    # Each reconciliation numbers its findings anew.
    output = "json" if words == ("reconcile",) else output
    agreed(trader, *filled(trader, words), "--format", output, drawn=words == ("reconcile",))


def test_an_export_is_the_same_file(trader: Pair, tmp_path: Path) -> None:
    agreed(trader, "export")
    files = [tmp_path / "http.csv", tmp_path / "login.csv"]
    for run, file in zip(trader, files, strict=True):
        assert run("export", str(file), "--account", ACCOUNT).exit_code == 0
    assert files[0].read_bytes() == files[1].read_bytes()
    assert files[0].read_text().count("\n") > 10


@pytest.mark.parametrize("words", TRIED, ids=" ".join)
def test_a_dry_run_says_the_same_and_keeps_nothing(trader: Pair, words: tuple[str, ...]) -> None:
    before = _listed(trader)
    agreed(trader, *filled(trader, words), "--dry-run", "--format", "json", drawn=True)
    assert _listed(trader) == before


def _listed(run: Pair) -> list[str]:
    """The whole book."""
    lists = [words for words in READ if words[-1] in ("list", "log", "--all", "changes", "holdings", "cash")]
    return [run.by_login(*words, "--format", "json").stdout for words in lists if words[0] != "reconcile"]


def test_what_is_refused_is_refused_by_both(trader: Pair) -> None:
    for words in REFUSED:
        assert agreed(trader, *words).exit_code == 1


def test_what_is_done_is_done(trader: Pair, keeper: Pair, people: People, tmp_path: Path) -> None:
    assert keeper.over_http("whoami").exit_code == 0
    secrets = tmp_path / "secrets.json"
    secrets.write_text('{"token": "t0ken"}')
    fed = ("main", "--credentials-file", str(secrets))
    for words in (("sync", "add", "ibkr", *fed, "--query", "17"), ("sync", "credentials", *fed), *DONE):
        people.release()
        done = trader.over_http(*filled(trader, words))
        assert done.exit_code == 0, (words, done.output)
    agreed(trader, "transactions", "list", "--format", "json")
    agreed(trader, "lots", "rebuild", "--verify", "--format", "json")
    assert json.loads(trader.by_login("account", "list", "--format", "json").stdout)[0]["account"] == ACCOUNT
    assert json.loads(trader.by_login("sync", "status", "--format", "json").stdout) == []


def test_prices_are_loaded_by_whoever_administers(trader: Pair, keeper: Pair, tmp_path: Path) -> None:
    file = tmp_path / "aapl.csv"
    file.write_text("Date,Close\n2024-03-04,100\n2024-03-05,101\n2024-03-06,10\n")
    load = ("prices", "load", "--symbol", "TTD", "--currency", "USD", "--type", "stock", str(file))
    assert trader.over_http(*load).exit_code == 4
    agreed(keeper, *load, "--dry-run", "--format", "json")
    assert json.loads(keeper.over_http(*load, "--format", "json").stdout)["held"] == 1
    agreed(keeper, "prices", "held", "--format", "json")
    for words in (
        ("prices", "accept", "TTD"),
        ("prices", "explain", "TTD", "2024-03-06", "--reason", "ten for one"),
    ):
        done = keeper.over_http(*words)
        assert done.exit_code == 0, done.output
    agreed(keeper, "prices", "reject", "TTD")


def test_the_doors_know_what_the_functions_of_the_database_are(people: People) -> None:
    with people.service.database.connect() as connection:
        kinds = connection.execute("select k.kind from work.job_kinds() k").fetchall()
        views = connection.execute(
            "select p.proname, c.relname from pg_proc p join pg_class c on c.reltype = p.prorettype"
            " where p.pronamespace = 'api'::regnamespace and p.proname = any (%s)",
            [list(ANSWERS_A_ROW)],
        ).fetchall()
    assert {kind for (kind,) in kinds} == TAKES_LONG
    assert dict(views) == ANSWERS_A_ROW
