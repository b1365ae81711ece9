"""The command line with --api: the same words, the same output, the same status as with the database."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from quantmatrix import resources
from quantmatrix.cli import cli
from quantmatrix.door import retries
from quantmatrix.services import ports
from quantmatrix.testing.lossy import lossy
from quantmatrix.testing.people import PASSWORD, Member, People

EXAMPLES = resources.root() / "examples"
Run = Callable[..., Result]
ALIKE = [
    ("holdings",),
    ("holdings", "--account", "U1000001"),
    ("cash",),
    ("lots", "list", "--all"),
    ("transactions", "list", "--limit", "20"),
    ("transactions", "list", "--symbol", "AAPL", "--since", "2024-01-01", "--type", "buy"),
    ("account", "list"),
    ("import", "list"),
    ("import", "show", "1"),
    ("audit", "log", "--limit", "30"),
    ("key", "list"),
    ("share", "list"),
]


@pytest.fixture(scope="module")
def trader(people: People) -> Member:
    people.release()
    return people.member("trader@example.test")


@pytest.fixture
def run(people: People, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs the command line over the API; the status must be as told."""
    config = tmp_path_factory.mktemp("config", numbered=True)

    def invoke(
        *words: str, status: int = 0, given: str | None = None, variables: dict[str, str] | None = None
    ) -> Result:
        env = {"QUANTMATRIX_API": people.service.api.url, "QUANTMATRIX_CONFIG_DIR": str(config)}
        result = CliRunner(env=env | (variables or {})).invoke(cli, list(words), input=given)
        assert result.exit_code == status, result.output + result.stderr
        return result

    return invoke


@pytest.fixture
def signed_in(run: Run, trader: Member) -> Run:
    run("login", trader.email, "--password-file", "-", given=PASSWORD + "\n")
    return run


def test_login_whoami_logout(run: Run, trader: Member, people: People) -> None:
    run("whoami", status=4)
    run("login", trader.email, "--password-file", "-", given="not the password", status=4)
    run("login", trader.email, "--password-file", "-", given=PASSWORD + "\n")
    who = json.loads(run("whoami", "--format", "json").stdout)
    assert (who["email"], who["acts_as"]) == (trader.email, "quantmatrix_user")
    run("logout")
    refused = run("whoami", status=4)
    assert "nobody is signed in" in refused.stderr
    assert "quantmatrix login" in refused.stderr


def test_tokens_are_kept_for_their_owner_alone_and_renewed(
    people: People, trader: Member, tmp_path: Path, run: Run
) -> None:
    variables = {"QUANTMATRIX_CONFIG_DIR": str(tmp_path / "config")}
    run("login", trader.email, "--password-file", "-", given=PASSWORD, variables=variables)
    kept = tmp_path / "config" / "logins.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    before = json.loads(kept.read_text())[people.service.api.url]
    assert PASSWORD not in kept.read_text()
    kept.write_text(json.dumps({people.service.api.url: before | {"expires_at": 0}}))
    run("whoami", variables=variables)
    after = json.loads(kept.read_text())[people.service.api.url]
    assert after["refresh_token"] != before["refresh_token"]
    kept.write_text(json.dumps({people.service.api.url: before | {"expires_at": 0}}))
    with people.service.database.connect() as connection:
        connection.execute("update auth.refresh_tokens set used_at = used_at - interval '31 s'")
    run("whoami", variables=variables, status=4)
    assert people.service.api.url not in json.loads(kept.read_text())


@pytest.mark.parametrize("times", [1, 2])
def test_a_renewal_whose_answer_is_lost_is_made_again(
    people: People, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    monkeypatch.setattr(retries, "SHORTEST", 0.0)
    member = people.member(f"interrupted{times}@example.test")
    server = (ports.LOOPBACK, people.service.api.config.port)
    with lossy(server, lambda sent: b"refresh_token" in sent, times) as line:
        api = f"http://{ports.LOOPBACK}:{line.port}"
        login = {"email": member.email, "access_token": "x", "refresh_token": member.renewal, "expires_at": 0}
        (tmp_path / "logins.json").write_text(json.dumps({api: login}))
        variables = {"QUANTMATRIX_CONFIG_DIR": str(tmp_path), "QUANTMATRIX_API": api}
        who = run("whoami", "--format", "json", variables=variables)
        assert line.lost == times
    assert json.loads(who.stdout)["email"] == member.email
    kept = json.loads((tmp_path / "logins.json").read_text())[api]
    assert people.call("refresh", refresh_token=kept["refresh_token"]).status_code == 200


def test_an_administrator_sets_a_password_and_ends_the_sessions(people: People, tmp_path: Path) -> None:
    member = people.member("forgetful@example.test")
    other = people.member("other-password@example.test")
    variables = people.service.database.variables()
    variables |= {"QUANTMATRIX_ADMINISTRATOR_URL": people.service.database.dsn()}

    def passwd(*words: str, password: str, user: str = "") -> Result:
        (tmp_path / "password").write_text(password + "\n")
        env = variables | ({"QUANTMATRIX_USER": user} if user else {})
        words = ("user", "passwd", *words, "--password-file", str(tmp_path / "password"))
        return CliRunner(env=env).invoke(cli, list(words))

    for words, password, status in (
        ((member.email,), "short", 1),
        (("nobody-there@example.test",), "four unlikely copper teapots", 4),
        (("--user", other.email, member.email), "four unlikely copper teapots", 2),
    ):
        refused = passwd(*words, password=password)
        assert refused.exit_code == status, refused.output
        assert "teapots" not in refused.output
    assert member.get("me").status_code == 200

    done = passwd(member.email, password="four unlikely copper teapots", user=other.email)
    assert done.exit_code == 0, done.output
    assert f"{member.email} has a new password" in done.stderr
    assert member.get("me").status_code == 401
    assert member.sign_in().status_code == 401
    member.password = "four unlikely copper teapots"
    assert member.sign_in().status_code == 204
    assert other.get("me").status_code == 200
    again = passwd(password="five unlikely copper teapots", user=other.email)
    assert f"{other.email} has a new password" in again.stderr
    assert other.get("me").status_code == 401


def test_import_over_http_reports_as_with_the_database(signed_in: Run, people: People) -> None:
    names = ["ibkr-2023.csv", "ibkr-2024.csv"]
    files = [str(EXAMPLES / name) for name in names]
    trial = json.loads(signed_in("import", *files, "--dry-run", "--format", "json").stdout)
    assert [report["status"] for report in trial] == ["imported", "imported"]
    assert json.loads(signed_in("import", "list", "--format", "json").stdout) == []
    over_http = json.loads(signed_in("import", *files, "--format", "json").stdout)
    env = people.service.database.variables()
    with_database = CliRunner(env=env).invoke(
        cli, ["--user", people.service.bob.email, "import", *files, "--format", "json"]
    )
    assert with_database.exit_code == 0, with_database.stderr

    def comparable(reports: list[dict[str, object]]) -> list[dict[str, object]]:
        return [{name: value for name, value in report.items() if name != "import_id"} for report in reports]

    assert comparable(over_http) == comparable(json.loads(with_database.stdout))
    again = json.loads(signed_in("import", files[0], "--format", "json").stdout)
    assert again["status"] == "known"


def test_a_refused_file_ends_with_five(signed_in: Run, tmp_path: Path) -> None:
    broken = tmp_path / "broken.csv"
    broken.write_text("this,is,no,statement\n1,2,3,4\n")
    signed_in("import", str(broken), status=5)


@pytest.mark.parametrize("output", ["json", "csv", "table"])
@pytest.mark.parametrize("words", ALIKE, ids=" ".join)
def test_reading_prints_the_same_both_ways(
    signed_in: Run, people: People, trader: Member, words: tuple[str, ...], output: str
) -> None:
    if not json.loads(signed_in("import", "list", "--format", "json").stdout):
        signed_in("import", str(EXAMPLES / "ibkr-2023.csv"))
    words = tuple(_number(signed_in) if word == "1" else word for word in words)
    over_http = signed_in(*words, "--format", output)
    env = people.service.database.variables()
    direct = CliRunner(env=env).invoke(cli, ["--user", trader.email, *words, "--format", output])
    assert direct.exit_code == 0, direct.stderr
    assert over_http.stdout == direct.stdout


def _number(run: Run) -> str:
    return str(json.loads(run("import", "list", "--format", "json").stdout)[0]["id"])


def test_reconcile_ends_with_the_same_status(signed_in: Run, people: People, trader: Member) -> None:
    env = people.service.database.variables()
    direct = CliRunner(env=env).invoke(cli, ["--user", trader.email, "reconcile", "--format", "json"])
    over_http = signed_in("reconcile", "--format", "json", status=direct.exit_code)
    assert json.loads(over_http.stdout)["checked"] == json.loads(direct.stdout)["checked"]


def test_a_key_instead_of_a_login(signed_in: Run, run: Run) -> None:
    made = json.loads(signed_in("key", "create", "nightly", "--scope", "read", "--format", "json").stdout)
    variables = {"QUANTMATRIX_KEY": made["key"], "QUANTMATRIX_CONFIG_DIR": "/nonexistent"}
    run("holdings", variables=variables)
    refused = run("import", str(EXAMPLES / "ibkr-2023.csv"), variables=variables, status=4)
    assert "permission denied" in refused.stderr
    signed_in("key", "revoke", str(made["id"]))
    run("holdings", variables=variables, status=4)


def test_what_needs_the_database_says_so(signed_in: Run) -> None:
    refused = signed_in("sync", "run", status=2)
    assert "holds a lock of the database" in refused.stderr


def test_an_api_that_does_not_answer_ends_with_six(run: Run) -> None:
    run("whoami", variables={"QUANTMATRIX_API": "http://127.0.0.1:9", "QUANTMATRIX_TOKEN": "x"}, status=6)


def test_shares_are_given_listed_and_revoked(signed_in: Run, people: People) -> None:
    people.member("reader@example.test")
    given = json.loads(
        signed_in("share", "add", "reader@example.test", "--until", "2999-01-01", "--format", "json").stdout
    )
    assert given["access"] == "read"
    assert "reader@example.test" in signed_in("share", "list").stdout
    signed_in("share", "revoke", str(given["id"]))


def test_a_shared_book_is_opened_both_ways(signed_in: Run, people: People, trader: Member) -> None:
    owner = people.member("owner@example.test")
    env = people.service.database.variables()

    def directly(*words: str) -> Result:
        return CliRunner(env=env).invoke(cli, list(words))

    assert directly("--user", owner.email, "import", str(EXAMPLES / "ibkr-2023.csv")).exit_code == 0
    open_book = ("--book", owner.email, "holdings", "--format", "csv")
    assert "not open to you" in signed_in(*open_book, status=4).stderr
    assert directly("--user", trader.email, *open_book).exit_code == 4

    assert directly("--user", owner.email, "share", "add", trader.email).exit_code == 0
    own = directly("--user", owner.email, "holdings", "--format", "csv").stdout
    assert own.count("\n") > 1
    assert signed_in(*open_book).stdout == own
    assert directly("--user", trader.email, *open_book).stdout == own
    rename = ("--user", trader.email, "--book", owner.email, "account", "set", "U1000001", "--name", "ours")
    assert directly(*rename).exit_code == 4
    assert directly("--user", owner.email, "share", "add", trader.email, "--write").exit_code == 0
    renamed = directly(*rename)
    assert renamed.exit_code == 0, renamed.stderr
    assert "ours" in directly("--user", owner.email, "account", "list").stdout
