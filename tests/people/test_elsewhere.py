"""Signing in with a real OpenID provider on loopback, and with one that speaks GitHub's OAuth 2."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import httpx
import psycopg
import pytest

from quantmatrix.door.login import helper
from quantmatrix.oauth.loopback import ticket_from_browser
from quantmatrix.oauth.page import SignInPage
from quantmatrix.oauth.providers import Provider, Settings
from quantmatrix.services import ports
from quantmatrix.services.credentials import ENTRANCE, MAILER, PAGE
from quantmatrix.services.nginx import NginxServer, ProxyConfig
from quantmatrix.services.processes import wait_until
from quantmatrix.testing.people import PASSWORD, People, code_of, with_factor
from quantmatrix.testing.proxy import pinned_nginx, slow_proxy

VERIFIER = "a secret of the client"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
BACK = "http://127.0.0.1:1/"


@pytest.fixture(scope="module")
def openid() -> Iterator[str]:
    """The address of an OpenID provider, a process of its own."""
    port = ports.choose(1)[0]
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "--require-nonce"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert wait_until(lambda: not ports.is_free(port), 20)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


class _GitHub(BaseHTTPRequestHandler):
    """The four addresses of GitHub; the code names the person."""

    emails: ClassVar[dict[str, list[dict[str, Any]]]] = {}
    seen: ClassVar[list[dict[str, str]]] = []

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        login = self.headers.get("Authorization", "").removeprefix("Bearer token-of-")
        self._answer({"id": 7, "login": login, "name": None} if path == "/user" else self.emails[login])

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.seen.append({name: values[0] for name, values in form.items()})
        self._answer({"access_token": f"token-of-{form['code'][0]}"})

    def log_message(self, format: str, *arguments: Any) -> None:
        pass

    def _answer(self, told: Any) -> None:
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serving(server: ThreadingHTTPServer) -> Iterator[str]:
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@dataclass
class Elsewhere:
    """The sign-in page, and the provider behind it."""

    people: People
    page: str
    openid: str
    github: str
    providers: dict[str, Provider]
    started: dict[str, str] = field(default_factory=dict)

    def start(self, provider: str = "local", **query: str) -> httpx.Response:
        asked = {"challenge": CHALLENGE, "return_to": BACK} | query
        return httpx.get(f"{self.page}/oauth/{provider}/start", params=asked)

    def at_the_provider(self, address: str, subject: str) -> str:
        """Sign in at the provider; the address it sends the person back to."""
        answer = httpx.post(address, data={"sub": subject})
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]

    def user(self, subject: str, **claims: Any) -> str:
        httpx.put(f"{self.openid}/users/{subject}", json=claims).raise_for_status()
        return subject

    def ticket(self, subject: str, **query: str) -> str:
        """The whole way; the ticket that comes back."""
        back = self.at_the_provider(self.start(**query).headers["location"], subject)
        answer = httpx.get(back)
        assert answer.status_code == 302, answer.text
        assert answer.headers["location"].startswith(BACK)
        return parse_qs(urlsplit(answer.headers["location"]).query)["ticket"][0]

    def collect(self, ticket: str, verifier: str = VERIFIER, **more: str) -> httpx.Response:
        return self.people.call("oauth_collect", ticket=ticket, verifier=verifier, **more)

    def refused(self, subject: str, **query: str) -> str:
        """What the page says to somebody who comes back and gets no ticket."""
        answer = httpx.get(self.at_the_provider(self.start(**query).headers["location"], subject))
        assert answer.status_code == 400
        return answer.text


@pytest.fixture(scope="module")
def elsewhere(people: People, openid: str) -> Iterator[Elsewhere]:
    environment = people.service.database.environment

    def ask(function: str, arguments: Mapping[str, Any]) -> Any:
        with helper(environment, PAGE) as session:
            return session.call(function, arguments)

    providers: dict[str, Provider] = {
        "local": Provider(
            "local", Settings(client_id="quantmatrix", client_secret="not a secret", issuer=openid)
        )
    }
    github = ThreadingHTTPServer(("127.0.0.1", 0), _GitHub)
    with serving(github) as github_url, SignInPage(("127.0.0.1", 0), "", providers, ask) as page:
        providers["github"] = Provider(
            "github",
            Settings(
                client_id="hub",
                client_secret="hub secret",
                authorize_url=f"{github_url}/authorize",
                token_url=f"{github_url}/token",
                user_url=f"{github_url}/user",
                emails_url=f"{github_url}/emails",
                scope="read:user user:email",
            ),
        )
        with serving(page) as url:
            page.public_url = url
            yield Elsewhere(people, url, openid, github_url, providers)


def test_a_new_person_signs_in_and_is_known_again(elsewhere: Elsewhere) -> None:
    subject = elsewhere.user("new-1", email="Olga@Example.test", email_verified=True, name="Olga")
    got = elsewhere.collect(elsewhere.ticket(subject))
    assert got.status_code == 200, got.text
    token = got.json()["access_token"]
    who = elsewhere.people.call("whoami", token).json()
    assert (who["email"], who["email_verified"]) == ("olga@example.test", True)
    assert elsewhere.people.call("session_list", token).json()[0]["method"] == "oauth:local"
    elsewhere.user("new-1", email="moved@example.test", email_verified=True)
    again = elsewhere.collect(elsewhere.ticket(subject)).json()["access_token"]
    assert elsewhere.people.call("whoami", again).json()["id"] == who["id"]
    assert elsewhere.people.call("refresh", refresh_token=got.json()["refresh_token"]).status_code == 200


def test_a_verified_address_is_the_person_who_has_it_and_an_unverified_one_is_not(
    elsewhere: Elsewhere,
) -> None:
    member = elsewhere.people.member("paul@example.test")
    hostile = elsewhere.user("liar-1", email=member.email, email_verified=False)
    back = elsewhere.at_the_provider(elsewhere.start().headers["location"], hostile)
    refused = httpx.get(back)
    assert refused.status_code == 400
    assert "nobody here has this sign-in" in refused.text
    honest = elsewhere.user("honest-1", email=member.email, email_verified=True)
    token = elsewhere.collect(elsewhere.ticket(honest)).json()["access_token"]
    assert elsewhere.people.call("whoami", token).json()["id"] == member.done("whoami")["id"]
    assert elsewhere.people.mails(member.email)[-1][0] == "A sign-in was linked"


def test_a_ticket_is_good_once_and_only_with_its_secret(elsewhere: Elsewhere) -> None:
    subject = elsewhere.user("once-1", email="once@example.test", email_verified=True)
    ticket = elsewhere.ticket(subject)
    assert elsewhere.collect(ticket, "another secret").status_code == 401
    assert elsewhere.collect(ticket).status_code == 200
    assert elsewhere.collect(ticket).status_code == 401


def test_state_is_good_once_and_for_its_provider(elsewhere: Elsewhere) -> None:
    subject = elsewhere.user("state-1", email="state@example.test", email_verified=True)
    back = elsewhere.at_the_provider(elsewhere.start().headers["location"], subject)
    assert httpx.get(back.replace("/local/", "/github/")).status_code == 400
    assert httpx.get(back).status_code == 302
    assert httpx.get(back).status_code == 400
    assert httpx.get(f"{elsewhere.page}/oauth/local/callback?code=x&state=forged").status_code == 400


def test_a_code_of_another_sign_in_is_refused(elsewhere: Elsewhere) -> None:
    """The code of one person injected into the sign-in of another: PKCE and the nonce do not fit."""
    victim = elsewhere.user("victim-1", email="victim-1@example.test", email_verified=True)
    stolen = elsewhere.at_the_provider(elsewhere.start().headers["location"], victim)
    code = parse_qs(urlsplit(stolen).query)["code"][0]
    begun = elsewhere.start().headers["location"]
    state = parse_qs(urlsplit(begun).query)["state"][0]
    answer = httpx.get(f"{elsewhere.page}/oauth/local/callback", params={"code": code, "state": state})
    assert answer.status_code == 400
    assert "ticket" not in answer.headers.get("location", "")


def test_people_are_sent_nowhere_but_home(elsewhere: Elsewhere) -> None:
    for address in ("https://evil.example/", "http://127.0.0.1:80@evil.example/", "javascript:alert(1)", ""):
        assert elsewhere.start(return_to=address).status_code == 400, address
    assert elsewhere.start(challenge="short").status_code == 400
    assert httpx.get(f"{elsewhere.page}/oauth/unknown/start").status_code == 404
    assert httpx.get(f"{elsewhere.page}/anything").status_code == 404


def test_a_signed_in_person_links_and_unlinks(elsewhere: Elsewhere) -> None:
    member = elsewhere.people.member("linker@example.test")
    subject = elsewhere.user("link-1", email="other-address@example.test", email_verified=False)
    link = member.done("identity_link")["link"]
    token = elsewhere.collect(elsewhere.ticket(subject, link=link)).json()["access_token"]
    assert elsewhere.people.call("whoami", token).json()["email"] == member.email
    assert elsewhere.start(link=link).status_code == 400
    assert [row["provider"] for row in member.done("identity_list")] == ["local"]
    assert member.done("identity_unlink", provider="local") == 1
    assert member.call("identity_unlink", provider="local").json()["code"] == "QM001"


def test_another_s_link_takes_no_sign_in_away(elsewhere: Elsewhere) -> None:
    """Who is sent to the page with another's link keeps the own sign-in: nobody collects the ticket."""
    attacker = elsewhere.people.member("attacker@example.test")
    lured = elsewhere.user("lured-1", email="lured@example.test", email_verified=True)
    ticket = elsewhere.ticket(lured, link=attacker.done("identity_link")["link"])
    assert attacker.done("identity_list") == []
    assert elsewhere.collect(ticket, "not the secret").status_code == 401
    token = elsewhere.collect(elsewhere.ticket(lured)).json()["access_token"]
    assert elsewhere.people.call("whoami", token).json()["email"] == "lured@example.test"
    late = elsewhere.collect(ticket)
    assert (late.status_code, late.json()["code"]) == (400, "QM002")
    assert attacker.done("identity_list") == []


def test_a_disabled_person_does_not_come_in(elsewhere: Elsewhere) -> None:
    subject = elsewhere.user("disabled-1", email="disabled@example.test", email_verified=True)
    elsewhere.ticket(subject)
    service = elsewhere.people.service
    service.done("user_disable", service.root, {"email": "disabled@example.test"}, role="quantmatrix_admin")
    back = elsewhere.at_the_provider(elsewhere.start().headers["location"], subject)
    assert httpx.get(back).status_code == 400


def test_github_is_asked_for_the_verified_address(elsewhere: Elsewhere) -> None:
    begun = elsewhere.start("github").headers["location"]
    assert begun.startswith(f"{elsewhere.github}/authorize?")
    query = {name: values[0] for name, values in parse_qs(urlsplit(begun).query).items()}
    assert query["code_challenge_method"] == "S256"
    _GitHub.emails["octo"] = [
        {"email": "unproved@example.test", "primary": False, "verified": False},
        {"email": "octo@example.test", "primary": True, "verified": True},
    ]
    answer = httpx.get(
        f"{elsewhere.page}/oauth/github/callback", params={"code": "octo", "state": query["state"]}
    )
    ticket = parse_qs(urlsplit(answer.headers["location"]).query)["ticket"][0]
    token = elsewhere.collect(ticket).json()["access_token"]
    assert elsewhere.people.call("whoami", token).json()["email"] == "octo@example.test"
    sent = _GitHub.seen[-1]
    digest = hashlib.sha256(sent["code_verifier"].encode()).digest()
    assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == query["code_challenge"]
    assert sent["client_secret"] == "hub secret"


def test_the_command_line_comes_back_over_loopback(elsewhere: Elsewhere) -> None:
    subject = elsewhere.user("browser-1", email="browser@example.test", email_verified=True)

    def browser(address: str) -> None:
        def go() -> None:
            to_provider = httpx.get(address).headers["location"]
            home = httpx.get(elsewhere.at_the_provider(to_provider, subject)).headers["location"]
            assert b"close this page" in httpx.get(home).content

        threading.Thread(target=go, daemon=True).start()

    ticket, verifier = ticket_from_browser(elsewhere.page, "local", browser, seconds=20)
    assert elsewhere.collect(ticket, verifier).status_code == 200


def test_nobody_but_the_platform_calls_the_page_s_functions(people: People) -> None:
    with people.service.database.connect("authenticator") as connection:
        for role in ("anon", "quantmatrix_user", "quantmatrix_readonly", "quantmatrix_admin"):
            with connection.transaction(force_rollback=True):
                connection.execute(f"set local role {role}".encode())
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute("select auth.oauth_finish('x', 'y', 'a@b', true, 'n', '{}')")


def test_a_provider_s_word_links_nobody_with_a_second_factor(elsewhere: Elsewhere) -> None:
    member, secret, _ = with_factor(elsewhere.people, "guarded@example.test")
    subject = elsewhere.user("guarded-1", email=member.email, email_verified=True)
    assert "linked by its owner alone" in elsewhere.refused(subject)
    assert member.done("identity_list") == []
    # In a session the person links it, and signs in there with a code from then on.
    ticket = elsewhere.ticket(subject, link=member.done("identity_link")["link"])
    asked = elsewhere.collect(ticket)
    assert (asked.status_code, asked.json()["code"]) == (401, "QM052")
    assert member.done("identity_list") == []
    assert elsewhere.collect(ticket, code="000000").json()["code"] == "QM050"
    assert elsewhere.collect(ticket, code=code_of(secret)).status_code == 200
    assert [row["provider"] for row in member.done("identity_list")] == ["local"]
    assert elsewhere.collect(ticket, code=code_of(secret, 1)).json()["code"] == "QM053"


def test_whoever_set_up_a_second_factor_is_asked_for_it_elsewhere_too(elsewhere: Elsewhere) -> None:
    people = elsewhere.people
    member, _, codes = with_factor(people, "later@example.test")
    member.done("second_factor_remove", password=PASSWORD, code=codes[0])
    subject = elsewhere.user("later-1", email=member.email, email_verified=True)
    assert elsewhere.collect(elsewhere.ticket(subject)).status_code == 200
    with people.service.database.connect() as connection:
        connection.execute("update auth.credentials set totp_last_step = null")
    begun = member.done("second_factor_begin", password=PASSWORD)
    codes = member.done("second_factor_confirm", code=code_of(begun["secret"], -1))["recovery_codes"]
    # Linked by the provider's word before: no more.
    assert "linked by its owner alone" in elsewhere.refused(subject)
    assert elsewhere.collect(
        elsewhere.ticket(subject, link=member.done("identity_link")["link"]), code=codes[0]
    ).is_success
    ticket = elsewhere.ticket(subject)
    # Guesses are counted, and leave the ticket; the right code is refused after five, but for a minute.
    guesses = [elsewhere.collect(ticket, code=f"{n:06}").json()["code"] for n in range(5)]
    assert guesses == ["QM050"] * 5
    assert elsewhere.collect(ticket, code=codes[1]).json()["code"] == "QM051"


def test_a_provider_s_word_makes_no_administrator(elsewhere: Elsewhere) -> None:
    people = elsewhere.people
    before = people.member("promoted@example.test")
    subject = elsewhere.user("promoted-1", email=before.email, email_verified=True)
    assert elsewhere.collect(elsewhere.ticket(subject)).status_code == 200
    chief = people.member("chief@example.test")
    service = people.service
    for member in (before, chief):
        service.done(
            "user_set_role", service.root, {"email": member.email, "role": "admin"}, role="quantmatrix_admin"
        )
    hostile = elsewhere.user("chief-1", email=chief.email, email_verified=True)
    for somebody in (hostile, subject):
        assert "linked by its owner alone" in elsewhere.refused(somebody)
    assert chief.sign_in().status_code == 204
    ticket = elsewhere.ticket(hostile, link=chief.done("identity_link")["link"])
    assert elsewhere.collect(ticket).status_code == 200
    token = elsewhere.collect(elsewhere.ticket(hostile)).json()["access_token"]
    assert people.call("whoami", token).json()["role"] == "admin"


def test_a_provider_vouches_for_its_own_addresses(elsewhere: Elsewhere) -> None:
    settings = elsewhere.providers["local"].settings
    known = elsewhere.user("inside-1", email="inside@corp.example", email_verified=True)
    assert elsewhere.collect(elsewhere.ticket(known)).status_code == 200
    member = elsewhere.people.member("outside@example.test")
    try:
        settings.email_domains = ["Corp.example"]
        assert elsewhere.collect(elsewhere.ticket(known)).status_code == 200
        new = elsewhere.user("inside-2", email="second@corp.example", email_verified=True)
        assert elsewhere.collect(elsewhere.ticket(new)).status_code == 200
        for address in (member.email, "new@example.test", "x@corp.example.evil.test", "x@evil-corp.example"):
            hostile = elsewhere.user(f"hostile {address}", email=address, email_verified=True)
            assert "nobody here has this sign-in" in elsewhere.refused(hostile)
    finally:
        settings.email_domains = None


def test_a_few_origins_cannot_use_up_what_all_may_begin(elsewhere: Elsewhere) -> None:
    begin = (
        "select auth.oauth_begin('local', 'https://x.test/', 'http://127.0.0.1:1/', %s, null,"
        " '203.0.113.' || %s) from generate_series(1, 21)"
    )
    with elsewhere.people.service.database.connect(PAGE) as connection:
        for origin in (1, 2):
            with pytest.raises(psycopg.Error, match="too many sign-ins have begun here"):
                connection.execute(begin, [CHALLENGE, origin])
    assert elsewhere.start().status_code == 302


def test_the_page_and_the_mailer_may_do_nothing_but_their_work(people: People) -> None:
    database = people.service.database
    for login in (PAGE, MAILER, ENTRANCE):
        with database.connect(login) as connection:
            for role in (
                "quantmatrix_admin",
                "quantmatrix_user",
                "quantmatrix_readonly",
                "quantmatrix_keeper",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(f"set role {role}".encode())
            for query in ("select from core.users", "select from auth.mails", "select api.user_list()"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(query.encode())
    with database.connect(ENTRANCE) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("select auth.mail_claim()")


@dataclass
class Public:
    """The page as it runs in production: a process of its own, reached through nginx alone."""

    elsewhere: Elsewhere
    url: str
    page_port: int

    def start(self, headers: dict[str, str] | None = None, **query: str) -> httpx.Response:
        asked = {"challenge": CHALLENGE, "return_to": BACK} | query
        return httpx.get(f"{self.url}/oauth/local/start", params=asked, headers=headers)


@pytest.fixture(scope="module")
def public(
    elsewhere: Elsewhere, tmp_path_factory: pytest.TempPathFactory, people: People
) -> Iterator[Public]:
    proxy_port, page_port = ports.choose(2)
    url = f"http://127.0.0.1:{proxy_port}"
    providers = tmp_path_factory.mktemp("providers") / "providers.json"
    secret = providers.with_name("secret")
    secret.write_text("not a secret\n")
    local = {"client_id": "quantmatrix", "client_secret_file": str(secret), "issuer": elsewhere.openid}
    providers.write_text(json.dumps({"local": local}))
    command = [sys.executable, "-m", "quantmatrix", "serve", "--providers", str(providers)]
    command += ["--port", str(page_port), "--public-url", url]
    process = subprocess.Popen(command, env=os.environ | people.service.database.variables())
    api = people.service.api
    folder = api.server.account.make_directory(api.server.folder / "nginx")
    server = NginxServer(folder, folder, api.server.account)
    try:
        assert wait_until(lambda: not ports.is_free(page_port), 20)
        config = ProxyConfig(proxy_port, api.config.port, sign_in_port=page_port)
        server.start(pinned_nginx(api.server.account), config)
        yield Public(elsewhere, url, page_port)
    finally:
        server.stop()
        process.terminate()
        process.wait(10)


def test_through_the_proxy_a_browser_comes_back_with_a_ticket_that_gives_tokens(public: Public) -> None:
    elsewhere = public.elsewhere
    subject = elsewhere.user("proxied-1", email="proxied@example.test", email_verified=True, name="Pia")
    begun = public.start()
    assert begun.status_code == 302, begun.text
    back = elsewhere.at_the_provider(begun.headers["location"], subject)
    assert back.startswith(f"{public.url}/oauth/local/callback?")
    home = httpx.get(back)
    assert home.status_code == 302, home.text
    for answer in (begun, home, httpx.get(back)):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["server"] == "nginx"
        assert "set-cookie" not in answer.headers
    ticket = parse_qs(urlsplit(home.headers["location"]).query)["ticket"][0]
    got = httpx.post(f"{public.url}/rpc/oauth_collect", json={"ticket": ticket, "verifier": VERIFIER})
    assert got.status_code == 200, got.text
    token = got.json()["access_token"]
    me = httpx.get(f"{public.url}/me", headers={"Authorization": f"Bearer {token}"})
    assert me.json()[0]["email"] == "proxied@example.test"


def test_no_header_and_no_argument_chooses_where_the_provider_sends_people(public: Public) -> None:
    evil = "evil.example"
    hostile: list[dict[str, str]] = [
        {"Host": evil},
        {"X-Forwarded-Host": evil, "X-Forwarded-Proto": "https", "X-Forwarded-For": evil},
        {"Forwarded": f"host={evil};proto=https"},
        {"X-Original-URL": f"https://{evil}/", "X-Rewrite-URL": "/oauth/other/start"},
        {"X-Forwarded-Prefix": f"//{evil}", "X-HTTP-Host-Override": evil},
    ]
    for headers in hostile:
        begun = public.start(headers)
        assert begun.status_code == 302, headers
        query = parse_qs(urlsplit(begun.headers["location"]).query)
        assert query["redirect_uri"] == [f"{public.url}/oauth/local/callback"], headers
        assert begun.headers["location"].startswith(f"{public.elsewhere.openid}/")
        assert evil not in str(begun.headers)
    begun = public.start(redirect_uri=f"https://{evil}/", public_url=f"https://{evil}/")
    assert evil not in begun.headers["location"]
    # Asked for by a whole address, as of a proxy.
    with socket.create_connection(("127.0.0.1", urlsplit(public.url).port or 0), 5) as line:
        path = f"/oauth/local/start?challenge={CHALLENGE}&return_to={BACK}"
        asked = f"GET http://{evil}{path} HTTP/1.1\r\nHost: {evil}\r\nConnection: close\r\n\r\n"
        line.sendall(asked.encode())
        told = b"".join(iter(lambda: line.recv(65536), b""))
    assert b"302" in told.split(b"\r\n")[0]
    assert evil.encode() not in told


def test_the_proxy_lets_nothing_else_through_to_the_page(public: Public, people: People) -> None:
    path = f"{public.url}/oauth/local/start"
    assert httpx.post(path).status_code == 405
    assert httpx.put(path).status_code == 405
    assert httpx.get(f"{public.url}/oauth/local/anything").status_code == 404
    assert httpx.get(f"{public.url}/oauth/unknown/start").status_code == 404
    # What comes as a body is not read as the next request, here or at the page.
    second = b"GET /oauth/unknown/start HTTP/1.1\r\nHost: x\r\n\r\n"
    hidden = httpx.request("GET", f"{path}?return_to=nowhere", content=second)
    assert hidden.status_code == 400
    with socket.create_connection(("127.0.0.1", public.page_port), 5) as line:
        head = f"GET /oauth/unknown/start HTTP/1.1\r\nHost: x\r\nContent-Length: {len(second)}\r\n\r\n"
        line.sendall(head.encode() + second)
        told = b"".join(iter(lambda: line.recv(65536), b""))
    assert told.count(b"HTTP/") == 1
    server = people.service.api.server
    with (
        slow_proxy(
            server.account,
            server.folder / "slow",
            people.service.api.config.port,
            sign_in_port=public.page_port,
        ) as (slow, _),
        httpx.Client() as client,
        ThreadPoolExecutor(8) as pool,
    ):
        statuses = set(pool.map(lambda _: client.get(f"{slow}/oauth/local/start").status_code, range(60)))
    assert statuses == {400, 429}


def test_where_people_come_back_to_holds_nothing_that_ends_a_header(public: Public, people: People) -> None:
    service = people.service
    site = "https://portfolio.example.test"

    def set_site(url: str | None) -> None:
        changes = {"changes": {"site_url": url}}
        service.done("platform_settings_set", service.root, changes, role="quantmatrix_admin")

    set_site(site)
    try:
        assert public.elsewhere.start(return_to=f"{site}/welcome").status_code == 302
        for address in (
            f"{site}/a\r\nSet-Cookie: x=y",
            f"{site}/a\nx",
            f"{site}/a b",
            f"{site}/?next=1",
            f"{site}/#x",
            f"{site}.evil.example/",
            f"{site}@evil.example/",
            f"{site}/\\@evil.example",
            f"{site}/\u0100",
            f"{site}/" + "a" * 3000,
        ):
            assert public.elsewhere.start(return_to=address).status_code == 400, address
    finally:
        set_site(None)
