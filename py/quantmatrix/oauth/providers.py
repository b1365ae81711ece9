"""Providers of sign-ins, and who they say somebody is: OpenID Connect, and GitHub's own OAuth 2."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from pydantic import BaseModel, ConfigDict, ValidationError

from quantmatrix.errors import ExitCode, Problem

TIMEOUT = httpx.Timeout(10.0)
ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]
CLOCK_SECONDS = 60
KNOWN: dict[str, dict[str, str]] = {
    "google": {"issuer": "https://accounts.google.com"},
    "github": {
        "authorize_url": "https://github.com/login/oauth/authorize",
        "token_url": "https://github.com/login/oauth/access_token",
        "user_url": "https://api.github.com/user",
        "emails_url": "https://api.github.com/user/emails",
        "scope": "read:user user:email",
    },
}


class SignInRefused(Exception):
    """What the provider answered cannot be believed, or is a refusal; the text is for the person."""


class Settings(BaseModel):
    """A provider as its operator configures it; ``issuer`` makes it an OpenID provider."""

    model_config = ConfigDict(extra="forbid")

    client_id: str
    client_secret: str = ""
    client_secret_file: Path | None = None
    issuer: str | None = None
    authorize_url: str | None = None
    token_url: str | None = None
    user_url: str | None = None
    emails_url: str | None = None
    scope: str = "openid email profile"
    email_domains: list[str] | None = None
    """Domains for whose addresses the provider vouches; without it, all."""

    def vouches_for(self, email: str | None) -> bool:
        """Whether the provider's word for this address counts."""
        domain = (email or "").rpartition("@")[2].lower()
        return self.email_domains is None or domain in (name.lower() for name in self.email_domains)

    def secret(self) -> str:
        """The client's secret, from its file if one is named."""
        if self.client_secret_file is None:
            return self.client_secret
        return self.client_secret_file.read_text(encoding="utf-8").strip()


@dataclass(frozen=True)
class Somebody:
    """Who the provider says it is."""

    subject: str
    email: str | None
    email_verified: bool
    name: str | None


@dataclass
class Provider:
    """One provider; what its discovery says is read once."""

    name: str
    settings: Settings
    _discovered: dict[str, Any] = field(default_factory=dict)

    def authorize_url(self, redirect_uri: str, begun: Mapping[str, str]) -> str:
        """Where the person goes to sign in; ``begun`` is what ``auth.oauth_begin`` returned."""
        query = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": redirect_uri,
            "scope": self.settings.scope,
            "state": begun["state"],
            "code_challenge": begun["code_challenge"],
            "code_challenge_method": "S256",
        }
        if self.settings.issuer:
            query["nonce"] = begun["nonce"]
        return f"{self._address('authorization_endpoint', self.settings.authorize_url)}?{urlencode(query)}"

    def somebody(self, code: str, taken: Mapping[str, Any]) -> Somebody:
        """Exchange the code; who it is. ``taken`` is what ``auth.oauth_take`` returned."""
        tokens = self._ask(
            "POST",
            self._address("token_endpoint", self.settings.token_url),
            data={
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": taken["redirect_uri"],
                "client_id": self.settings.client_id,
                "client_secret": self.settings.secret(),
                "code_verifier": taken["code_verifier"],
            },
        )
        if not isinstance(tokens, dict) or "access_token" not in tokens:
            raise SignInRefused("the provider gave no token for this code")
        if self.settings.issuer:
            found = self._of_identity_token(str(tokens.get("id_token", "")), str(taken["nonce"]))
        else:
            found = self._of_account(str(tokens["access_token"]))
        verified = found.email_verified and self.settings.vouches_for(found.email)
        return replace(found, email_verified=verified)

    def _of_identity_token(self, text: str, nonce: str) -> Somebody:
        keys = self._ask("GET", self._address("jwks_uri", None))
        checks = jwt.JWTClaimsRegistry(
            leeway=CLOCK_SECONDS,
            iss={"essential": True, "value": str(self._discovery()["issuer"])},
            aud={"essential": True, "value": self.settings.client_id},
            sub={"essential": True},
            exp={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            claims = jwt.decode(text, KeySet.import_key_set(keys), algorithms=ALGORITHMS).claims
            checks.validate(claims)
        except (JoseError, ValueError) as error:
            raise SignInRefused(f"the provider's identity token is not good: {error}") from error
        email = claims.get("email")
        return Somebody(
            subject=str(claims["sub"]),
            email=str(email) if email else None,
            # Some providers write it as a word.
            email_verified=str(claims.get("email_verified", "")).lower() == "true",
            name=str(claims["name"]) if claims.get("name") else None,
        )

    def _of_account(self, token: str) -> Somebody:
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        user = self._ask("GET", str(self.settings.user_url), headers=headers)
        emails = self._ask("GET", str(self.settings.emails_url), headers=headers)
        main = next((row for row in emails if row.get("primary") and row.get("verified")), None)
        return Somebody(
            subject=str(user["id"]),
            email=main["email"] if main else None,
            email_verified=main is not None,
            name=user.get("name") or user.get("login"),
        )

    def _address(self, discovered: str, configured: str | None) -> str:
        return configured or str(self._discovery()[discovered])

    def _discovery(self) -> dict[str, Any]:
        if not self._discovered:
            issuer = str(self.settings.issuer).rstrip("/")
            found = self._ask("GET", f"{issuer}/.well-known/openid-configuration")
            if str(found.get("issuer", "")).rstrip("/") != issuer:
                raise SignInRefused("the provider describes another issuer than the configured one")
            self._discovered = found
        return self._discovered

    def _ask(self, method: str, url: str, **more: Any) -> Any:
        headers = {"Accept": "application/json"} | more.pop("headers", {})
        try:
            answer = httpx.request(method, url, headers=headers, timeout=TIMEOUT, **more)
            answer.raise_for_status()
            return answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise SignInRefused(f"{self.name} does not answer as it should") from error


def configured(path: Path) -> dict[str, Provider]:
    """The providers of a file ``{"google": {"client_id": …, "client_secret_file": …}, …}``, by name."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {
            name: Provider(name, Settings.model_validate({**KNOWN.get(name, {}), **given}))
            for name, given in found.items()
        }
    except (OSError, ValueError, TypeError, AttributeError, ValidationError) as error:
        why = (
            str(error)
            if isinstance(error, ValidationError)
            else getattr(error, "strerror", None) or str(error)
        )
        raise Problem(
            "the providers of sign-ins cannot be read",
            where=str(path),
            why=why,
            unchanged="nothing was started",
            next_step='write {"google": {"client_id": "…", "client_secret_file": "…"}}',
            exit_code=ExitCode.USAGE,
        ) from error
