"""An OpenID provider on loopback that can be made to lie: keys, claims and metadata are the test's."""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote_plus, urlsplit

from joserfc import jwk, jwt

from tests.support.providers.server import Answer, Received, json_answer, serving

ON_BEHALF = "urn:ietf:params:oauth:grant-type:jwt-bearer"
CLIENT, SECRET = "echo", "a secret of: the client's"


@dataclass
class Login:
    """A user who has logged in at the provider, for whom a code was made."""

    nonce: str
    challenge: str
    claims: dict[str, Any]


@dataclass
class Issuer:
    """What a test may change: `header` and `claims` of each ID token, `metadata`, `userinfo`, and the keys."""

    url: str = ""
    key: jwk.RSAKey = field(default_factory=lambda: jwk.RSAKey.generate_key(2048, {"kid": "first"}))
    published: list[dict[str, Any]] | None = None
    header: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] | None = None
    access_token: str = "opaque"
    # What renews it, once; "" gives none. What was asked for beside logins, and how that is answered if not well.
    refresh_token: str = ""
    life: int = 3600
    grants: list[dict[str, str]] = field(default_factory=list)
    failures: list[int] = field(default_factory=list)
    forged: str | None = None
    requests: list[str] = field(default_factory=list)
    _logins: dict[str, Login] = field(default_factory=dict)

    def log_in(self, address: str, **claims: Any) -> str:
        """The code for a user with these claims, whom Echo has sent to this address."""
        asked = dict(parse_qsl(urlsplit(address).query))
        assert (asked["client_id"], asked["response_type"]) == (CLIENT, "code")
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(8)
        self._logins[code] = Login(asked["nonce"], asked["code_challenge"], claims)
        return code

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        """A token that the issuer's key has signed."""
        return jwt.encode({"alg": "RS256", "kid": self.key.kid, **header}, claims, self.key)

    def answer(self, request: Received) -> Answer:
        """What the server answers."""
        path = urlsplit(request.path).path
        self.requests.append(path)
        if path == "/.well-known/openid-configuration":
            return json_answer({**self._own_metadata(), **self.metadata})
        if path == "/jwks":
            keys = [self.key.as_dict(private=False)] if self.published is None else self.published
            return json_answer({"keys": keys})
        if path == "/userinfo" and self.userinfo is not None:
            return json_answer(self.userinfo)
        return self._tokens(request) if path == "/token" else json_answer({"error": "not_found"}, 404)

    def _own_metadata(self) -> dict[str, Any]:
        places = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "end_session_endpoint")
        names = {name: f"{self.url}/{name.removesuffix('_endpoint')}" for name in places}
        names["authorization_endpoint"] = f"{self.url}/authorize?tenant=1"
        return {"issuer": self.url, "jwks_uri": f"{self.url}/jwks", **names}

    def _tokens(self, request: Received) -> Answer:
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        if form["grant_type"] != "authorization_code":
            return self._grant(form, request)
        login = self._logins.pop(form.get("code", ""), None)
        verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if login is None or login.challenge != base64.urlsafe_b64encode(verifier).rstrip(b"=").decode():
            return json_answer({"error": "invalid_grant"}, 400)
        if not self._is_client(request, form):
            return json_answer({"error": "invalid_client"}, 401)
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 60, "nonce": login.nonce}
        claims |= login.claims | self.claims
        token = self.forged or self.sign(
            {name: value for name, value in claims.items() if name not in self.without}, **self.header
        )
        return json_answer({**self._both(), "id_token": token})

    def _both(self) -> dict[str, Any]:
        refresh = {"refresh_token": self.refresh_token} if self.refresh_token else {}
        return {"access_token": self.access_token, "token_type": "Bearer", "expires_in": self.life, **refresh}

    def _grant(self, form: dict[str, str], request: Received) -> Answer:
        """A token that is renewed, or exchanged for another service (RFC 7523)."""
        self.grants.append(form)
        if self.failures:
            return json_answer({"error": "temporarily_unavailable"}, self.failures.pop(0))
        if not self._is_client(request, form):
            return json_answer({"error": "invalid_client"}, 401)
        if form["grant_type"] == "refresh_token" and form["refresh_token"] == self.refresh_token:
            self.refresh_token, self.access_token = f"{self.refresh_token}+", f"{self.access_token}+"
            return json_answer(self._both())
        if form["grant_type"] == ON_BEHALF and form["assertion"] == self.access_token:
            assert form["requested_token_use"] == "on_behalf_of"
            given = f"{form['scope']}-of-{form['assertion']}"
            return json_answer({"access_token": given, "expires_in": str(self.life)})
        return json_answer({"error": "invalid_grant"}, 400)

    def _is_client(self, request: Received, form: dict[str, str]) -> bool:
        """Only in the way that its metadata name (RFC 6749, section 2.3: a client uses one way, not two)."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        shown = headers.get("authorization", "")
        if "client_secret_post" in self.metadata.get("token_endpoint_auth_methods_supported", ()):
            return (shown, form.get("client_id"), form.get("client_secret")) == ("", CLIENT, SECRET)
        pair = base64.b64decode(shown.removeprefix("Basic ")).decode().split(":")
        return [unquote_plus(each) for each in pair] == [CLIENT, SECRET] and "client_secret" not in form


@contextmanager
def lying_issuer() -> Iterator[Issuer]:
    """A running provider."""
    issuer = Issuer()
    with serving(issuer.answer) as server:
        issuer.url = server.url
        yield issuer


def encoded(part: Any) -> str:
    """A part of a token that nobody has signed properly."""
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
