"""The runner of pgTAP files: what it makes of each kind of result."""

from __future__ import annotations

from pathlib import Path

import pytest

from quantmatrix.testing.cluster import Cluster
from quantmatrix.testing.tap import Outcome, run_tap_file, statements

PASSING = """
begin;
select plan(2);
-- A semicolon; in a comment.
select ok(true, 'one; two');
do $$ begin perform 1; perform 2; end $$;
select is(1, 1, 'equal');
select * from finish();
rollback;
"""


@pytest.fixture
def outcome_of(cluster: Cluster, tmp_path: Path) -> object:
    def run(text: str) -> Outcome:
        path = tmp_path / "subject.sql"
        path.write_text(text)
        with cluster.database(cluster.tap_template) as database:
            return run_tap_file(database.dsn(), path)

    return run


def problems(outcome_of: object, text: str) -> list[str]:
    assert callable(outcome_of)
    outcome = outcome_of(text)
    assert isinstance(outcome, Outcome)
    return [problem.split("subject.sql", 1)[-1] for problem in outcome.problems]


def test_a_passing_file_has_no_problem(outcome_of: object) -> None:
    assert problems(outcome_of, PASSING) == []


def test_a_failed_assertion_is_told_with_its_line_and_diagnostics(outcome_of: object) -> None:
    found = problems(outcome_of, "select plan(2);\nselect ok(true);\n\n-- why\nselect is(1, 2, 'equal');\n")
    assert len(found) == 1
    assert found[0].startswith(":5: not ok 2 - equal\n")
    assert "have: 1" in found[0]
    assert "want: 2" in found[0]


def test_an_error_names_statement_and_sqlstate_and_keeps_earlier_results(outcome_of: object) -> None:
    found = problems(
        outcome_of, "select plan(3);\nselect ok(false, 'first');\nselect 1 / 0;\nselect ok(true);\n"
    )
    assert found[0].startswith(":2: not ok 1 - first")
    assert found[1].startswith(":3: 22012: division by zero")
    assert "select 1 / 0;" in found[1]
    assert len(found) == 2


@pytest.mark.parametrize(
    "text", ["select plan(2);\nselect ok(true);\n", "select plan(1);\nselect ok(true), ok(true);\n"]
)
def test_a_plan_that_does_not_hold_is_told(outcome_of: object, text: str) -> None:
    assert ["planned" in problem for problem in problems(outcome_of, text)] == [True]


def test_a_file_without_a_plan_proves_nothing(outcome_of: object) -> None:
    assert "no plan" in problems(outcome_of, "select 1;")[0]
    assert problems(outcome_of, "select * from no_plan();\nselect ok(true);\nselect * from finish();\n") == []


def test_a_todo_may_fail_and_a_skip_may_not(outcome_of: object) -> None:
    assert (
        problems(outcome_of, "select plan(1);\nselect todo('later', 1);\nselect ok(false, 'open');\n") == []
    )
    found = problems(outcome_of, "select plan(1);\nselect skip('not here', 1);\n")
    assert "skipped" in found[0]


def test_psql_commands_are_refused(outcome_of: object) -> None:
    assert problems(outcome_of, "select plan(1);\n\\set x 1\n") == [
        ":2: a psql command; files are run without psql"
    ]


def test_what_a_file_commits_is_not_seen_by_the_next(outcome_of: object) -> None:
    text = "create table public.left_behind ();\nselect plan(1);\nselect ok(true);\n"
    assert problems(outcome_of, text) == []
    assert problems(outcome_of, text) == []


def test_assertions_go_on_after_becoming_another_role(outcome_of: object) -> None:
    for role in ("anon", "quantmatrix_user", "quantmatrix_readonly", "quantmatrix_admin"):
        text = (
            "begin;\nselect plan(2);\nset session authorization authenticator;\n"
            f"set local role {role};\nselect is(current_user, '{role}'::name);\n"
            "select throws_ok('create table core.x ()', '42501');\nselect * from finish();\nrollback;\n"
        )
        assert problems(outcome_of, text) == []


def test_statements_know_their_lines() -> None:
    text = "-- head\n\nselect 1;\n/* two\nlines */ select 2; select 3;\n"
    assert [line for line, _ in statements(text)] == [3, 5, 5]


def test_bail_out_and_whole_file_skips_are_problems() -> None:
    outcome = Outcome()
    outcome.read("Bail out!  no database", "x:1")
    outcome.read("1..0 # skip nothing to do", "x:2")
    outcome.finish("x")
    assert len(outcome.problems) == 2
