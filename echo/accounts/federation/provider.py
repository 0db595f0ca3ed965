"""What every server that vouches for users is to Echo, and the part that all of them have in common: OAuth's code."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote_plus

from echo.accounts.federation.attempts import Attempt
from echo.accounts.federation.fetching import Fetcher
from echo.accounts.federation.identity import Identity, Policy, Refused


@dataclass(frozen=True)
class Answer:
    """What a browser brings back from a login: OAuth's fields, and Apple's `user`, which comes at the first one."""

    code: str | None = None
    state: str | None = None
    error: str | None = None
    iss: str | None = None
    user: str | None = None


class Provider(Protocol):
    """One server; `comes_by_form` if it sends the browser back by a form of its own."""

    name: str
    policy: Policy
    comes_by_form: bool

    async def address(self, attempt: Attempt) -> str:
        """Where the browser is sent; raises `Refused`."""
        ...

    async def identity(self, attempt: Attempt, answer: Answer, code: str) -> Identity:
        """Who it was; raises `Refused`."""
        ...


def challenge_of(attempt: Attempt) -> dict[str, str]:
    """PKCE's parameters of a request for a code (RFC 7636, section 4.3)."""
    digest = hashlib.sha256(attempt.verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return {"code_challenge": challenge, "code_challenge_method": "S256"}


@dataclass(frozen=True)
class CodeClient:
    """A client of OAuth's authorization code flow (RFC 6749, section 4.1)."""

    fetcher: Fetcher
    client_id: str
    callback_url: str
    scope: str

    def request(self, endpoint: str, attempt: Attempt, **further: str) -> str:
        """Where the browser asks for a code."""
        # Imported here, as below: the `[sso]` extra may not be installed.
        from authlib.oauth2.rfc6749.parameters import prepare_grant_uri  # noqa: PLC0415

        self.fetcher.check(endpoint)
        address: str = prepare_grant_uri(
            endpoint,
            client_id=self.client_id,
            response_type="code",
            redirect_uri=self.callback_url,
            scope=self.scope,
            state=attempt.state,
            **further,
        )
        return address

    async def redeem(
        self,
        endpoint: str,
        code: str,
        *,
        secret: str | None,
        basic: bool = False,
        verifier: str | None = None,
    ) -> dict[str, Any]:
        """The tokens for a code; `access_token` is among them. Raises `Refused`."""
        said = {"redirect_uri": self.callback_url, "code": code}
        if verifier:
            said["code_verifier"] = verifier
        return await self.grant(endpoint, "authorization_code", secret=secret, basic=basic, **said)

    async def grant(
        self, endpoint: str, kind: str, *, secret: str | None, basic: bool = False, **said: str
    ) -> dict[str, Any]:
        """The tokens for a grant of a kind; `access_token` is among them. Raises `Refused`."""
        from authlib.oauth2.rfc6749.parameters import prepare_token_request  # noqa: PLC0415

        fields: dict[str, str] = {} if basic else {"client_id": self.client_id}
        headers: Mapping[str, str] = {}
        if secret and basic:
            headers = {"Authorization": basic_credentials(self.client_id, secret)}
        elif secret:
            fields["client_secret"] = secret
        form = prepare_token_request(kind, **said, **fields)
        tokens = await self.fetcher.json(endpoint, form=form, headers=headers)
        if not isinstance(tokens.get("access_token"), str):
            raise Refused("login_failed", "no access token")
        return tokens


def basic_credentials(client_id: str, secret: str) -> str:
    """A client's own credentials in a header, each part encoded first (RFC 6749, section 2.3.1)."""
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"
