"""Every worked case that the engine computes, and proof that the comparison sees each figure."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from quantmatrix.cases.check import check, read_case
from quantmatrix.cases.compare import first_difference
from quantmatrix.cli import cli
from quantmatrix.door.login import NOBODY, PersonSession, person
from quantmatrix.errors import Problem
from quantmatrix.testing.cluster import Database

FILES = Path(__file__).parent / "files"
# Blocks of suggestions and of forms are computed elsewhere; a case that expects one fails here.
BEYOND = {"harvest", "netting", "form_8949", "schedule_d", "txf"}
CASES = {path.stem: json.loads(path.read_text()) for path in sorted(FILES.glob("*.json"))}
WITHIN = [name for name, case in CASES.items() if not BEYOND & set(case["expected"])]


@pytest.fixture(scope="module")
def admin(module_database: Database) -> Iterator[PersonSession]:
    with person(module_database.environment, NOBODY, "quantmatrix_admin") as session:
        yield session


@pytest.mark.parametrize("name", WITHIN)
def test_case(admin: PersonSession, name: str) -> None:
    assert check(admin, CASES[name]).difference is None


def test_closings_of_a_share_pool_may_have_their_former_name(admin: PersonSession, tmp_path: Path) -> None:
    case = copy.deepcopy(CASES["J01-section-104"])
    case["expected"]["section104"]["disposals"] = case["expected"]["section104"].pop("closings")
    file = tmp_path / "case.json"
    file.write_text(json.dumps(case))
    assert check(admin, read_case(file)).difference is None


@pytest.mark.parametrize("name", ["D02-covered-call-assigned", "F13-call-as-replacement"])
def test_options_on_a_fund_are_options_on_it(admin: PersonSession, name: str) -> None:
    case = copy.deepcopy(CASES[name])
    case["instruments"].append({"symbol": case["instruments"][0]["underlying"], "kind": "fund"})
    assert check(admin, case).difference is None


@pytest.mark.parametrize("name", [name for name in CASES if name not in WITHIN])
def test_what_lies_under_a_form_is_right(admin: PersonSession, name: str) -> None:
    case = copy.deepcopy(CASES[name])
    case["expected"] = {block: value for block, value in case["expected"].items() if block not in BEYOND}
    assert check(admin, case).difference is None


def test_nothing_of_a_case_stays(admin: PersonSession, module_database: Database) -> None:
    assert check(admin, CASES["A01-fifo"]).difference is None
    with module_database.connect() as connection:
        left = connection.execute(
            "select (select count(*) from core.users), (select count(*) from core.instruments),"
            " (select count(*) from ingest.staging)"
        ).fetchone()
    assert left == (0, 0, 0)


def figures(value: Any, place: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Places of all texts with a digit."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from figures(part, (*place, name))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from figures(part, (*place, index))
    elif isinstance(value, str) and re.search(r"\d", value):
        yield place


def with_another_digit(expected: Any, place: tuple[str | int, ...]) -> Any:
    """``expected`` with the last digit of one text changed."""
    changed = copy.deepcopy(expected)
    holder = changed
    for step in place[:-1]:
        holder = holder[step]
    text = holder[place[-1]]
    at = max(match.start() for match in re.finditer(r"\d", text))
    holder[place[-1]] = text[:at] + str((int(text[at]) + 1) % 10) + text[at + 1 :]
    return changed


@pytest.mark.parametrize(
    "name",
    [
        "A01-fifo",
        "A08-leap-years",
        "B03-foreign-currency",
        "E02-unknown-basis",
        "F02-bought-before-partial",
        "F10-other-account",
    ],
)
def test_one_wrong_digit_anywhere_fails(name: str) -> None:
    expected = CASES[name]["expected"]
    places = list(figures(expected))
    assert len(places) > 20
    for place in places:
        changed = with_another_digit(expected, place)
        block = str(place[0])
        assert first_difference(block, changed[block], expected[block]) is not None, place


def test_a_row_too_few_or_too_many_fails() -> None:
    expected = CASES["A01-fifo"]["expected"]["closings"]
    assert first_difference("closings", expected[:-1], expected) is not None
    assert first_difference("closings", expected, expected[:-1]) is not None
    assert first_difference("totals", {"by_year": {}}, CASES["A01-fifo"]["expected"]["totals"]) is not None


def test_a_block_or_key_that_nobody_knows_fails(admin: PersonSession) -> None:
    case = copy.deepcopy(CASES["A01-fifo"])
    case["expected"]["moon_phase"] = {}
    assert check(admin, case).difference == "moon_phase: this block is not known"
    case = copy.deepcopy(CASES["A01-fifo"])
    case["expected"]["totals"]["moon_phase"] = "1.00"
    assert "totals.moon_phase" in str(check(admin, case).difference)


def test_a_field_that_nobody_reads_fails(admin: PersonSession) -> None:
    case = copy.deepcopy(CASES["A01-fifo"])
    case["transactions"][0]["colour"] = "red"
    assert check(admin, case).difference == "transactions[0].colour: this field is not known"
    case = copy.deepcopy(CASES["A01-fifo"])
    case["accounts"][0]["lot_method"] = "hifo"
    assert check(admin, case).difference == "accounts[0].lot_method: this field is not known"
    case = copy.deepcopy(CASES["A05-specific"])
    case["transactions"][-1]["lots"][0]["price"] = "10"
    assert str(check(admin, case).difference).endswith(".lots[0].price: this field is not known")
    case = copy.deepcopy(CASES["I04-basis-differences"])
    case["reconcile"]["positions"][1]["lots"][0]["term"] = "long"
    assert check(admin, case).difference == "reconcile.positions[1].lots[0].term: this field is not known"


def test_a_case_that_makes_no_sense_fails_alone(admin: PersonSession) -> None:
    def told(**fields: object) -> str | None:
        case = copy.deepcopy(CASES["A01-fifo"])
        case["transactions"][0] |= fields
        return check(admin, case).difference

    assert told(quantity="many") == "transactions[0].quantity: 'many' is no number written as a text"
    assert told(price=10) == "transactions[0].price: 10 is no number written as a text"
    assert told(date="2024-02-30") == "transactions[0].date: '2024-02-30' is no date as 2024-12-31"
    assert told(lots=[{"txn": "x", "quantity": "1"}]) == "transactions[0].lots[0].txn: no transaction 'x'"
    assert told(type="set_basis", ref="x") == "transactions[0].ref: no transaction 'x'"
    case = copy.deepcopy(CASES["A01-fifo"])
    case["config"] = {"tz": "Mars/Olympus"}
    assert check(admin, case).difference == "config.tz: there is no time zone 'Mars/Olympus'"
    case = copy.deepcopy(CASES["A01-fifo"])
    del case["transactions"][0]["symbol"]
    assert "the case is not understood" in str(check(admin, case).difference)
    assert check(admin, CASES["A01-fifo"]).difference is None


def test_a_picked_lot_that_is_not_held_is_refused(admin: PersonSession) -> None:
    case = copy.deepcopy(CASES["A05-specific"])
    case["transactions"][-1]["lots"] = [{"txn": "b3", "quantity": "10.5"}]
    assert "names 10.5 units" in str(check(admin, case).difference)


def test_a_file_that_is_no_case_is_told(tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text('{"id": "x",\n  "expected": }')
    with pytest.raises(Problem) as refused:
        read_case(path)
    assert f"{path}:2:15" in str(refused.value.where)


def test_the_command_counts_and_names(
    module_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in module_database.variables().items():
        monkeypatch.setenv(name, value)
    wrong = copy.deepcopy(CASES["A01-fifo"])
    wrong["expected"]["totals"]["net_cash"] = "196.81"
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps(wrong))
    right = str(FILES / "A01-fifo.json")

    done = CliRunner().invoke(cli, ["lots", "check-case", right])
    assert done.output.strip().endswith("1 passed, 0 failed")
    assert done.exit_code == 0

    failed = CliRunner().invoke(cli, ["lots", "check-case", right, str(path)])
    assert "A01-fifo: totals.net_cash: expected '196.81', got '196.80'" in failed.output
    assert failed.output.strip().endswith("1 passed, 1 failed")
    assert failed.exit_code == 3
