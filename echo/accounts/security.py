"""The contract's security schemes, in the form in which Connexion asks for them."""

import hmac
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any

from connexion.lifecycle import ConnexionRequest
from connexion.security import NO_VALUE

from echo.accounts import cookies
from echo.accounts.api_keys import KEY_PREFIX, ApiKeyGuard
from echo.accounts.standing import Standing, key_refused
from echo.accounts.tokens import AccessClaims, InvalidToken, Tokens
from echo.contract.requests import read_cookies
from echo.errors import Unauthorized
from echo.handling.caller import Caller

Check = Callable[[ConnexionRequest], Awaitable[Any]]

MAX_REMEMBERED = 10_000
API_KEY_HEADER = "x-api-key"
# Set in the context of a request that has two different ones.
TWO_KEYS = "echo.two_keys"
# The `bearerFormat` of the document's schemes that are sent alike: by it an operation says which it takes.
# Set in the scheme of the same cookie where it only shows who looks at a picture.
SHOWS_PICTURES = "x-echo-shows-pictures"
ACCESS_TOKEN, API_KEY, METRICS_SECRET = "JWT", "API key", "METRICS_SECRET"


class CheckedTokens:
    """Remembers access tokens that were found good, so that a signature is computed once for each, not per request.

    Whether it has expired is asked each time; whether its session is alive is the `SessionGuard`'s to say. Saves a
    quarter of a small request.
    """

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._good: OrderedDict[str, AccessClaims] = OrderedDict()

    def read(self, token: str) -> Caller:
        """The caller of a valid access token; raises `InvalidToken`."""
        claims = self._good.get(token)
        if claims is None:
            claims = self._good[token] = self._tokens.read_access(token)
            if len(self._good) > MAX_REMEMBERED:
                self._good.popitem(last=False)
        if claims.expires_at <= time.time():
            raise InvalidToken
        return claims.caller


class Security:
    """Checks access tokens, API keys, the refresh cookie and the metrics' secret; `scheme_map` goes to Connexion."""

    def __init__(
        self, tokens: Tokens, standing: Standing, api_keys: ApiKeyGuard, *, metrics_secret: str | None = None
    ) -> None:
        self._tokens = tokens
        self._api_keys = api_keys
        self._checked = CheckedTokens(tokens)
        self._standing = standing
        self._metrics_secret = metrics_secret

    @property
    def scheme_map(self) -> dict[str, Callable[[], "SchemeFactory"]]:
        """For each kind of scheme what makes its check."""
        bearers = {
            ACCESS_TOKEN: self.check_access_token,
            API_KEY: self.check_api_key,
            METRICS_SECRET: self.check_metrics_secret,
        }
        return {
            "bearer": lambda: SchemeFactory(lambda scheme: bearers[scheme["bearerFormat"]]),
            "apiKey": lambda: SchemeFactory(self._check_of),
        }

    def _check_of(self, scheme: dict[str, Any]) -> Check:
        if scheme["in"] == "header":
            return self.check_key_header
        return self.check_picture_cookie if scheme.get(SHOWS_PICTURES) else self.check_refresh_cookie

    async def check_access_token(self, request: ConnexionRequest) -> Any:
        """The caller of an access token; raises `Unauthorized`. An API key is none."""
        token = bearer_of(request)
        if token is None or token.startswith(KEY_PREFIX):
            return NO_VALUE
        try:
            caller = self._checked.read(token)
        except InvalidToken as error:
            raise Unauthorized(code="invalid_token") from error
        await self._standing.check(caller)
        return {"sub": caller.id, "caller": caller}

    async def check_metrics_secret(self, request: ConnexionRequest) -> Any:
        """Nobody, who may see the metrics; raises `Unauthorized`, as LibreChat does also where no secret is set."""
        if (token := bearer_of(request)) is None:
            return NO_VALUE
        secret = self._metrics_secret
        # The header's text is its bytes, one by one (ASGI), whatever they meant to the sender.
        if not secret or not hmac.compare_digest(token.encode("latin-1", "replace"), secret.encode()):
            raise Unauthorized(code="invalid_token")
        return {}

    async def check_api_key(self, request: ConnexionRequest) -> Any:
        """The caller of an API key; raises `Unauthorized`. An access token is none."""
        token = bearer_of(request)
        if token is None or not token.startswith(KEY_PREFIX):
            return NO_VALUE
        return await self._of_key(token)

    async def check_key_header(self, request: ConnexionRequest) -> Any:
        """The caller of an API key as Anthropic's clients send it; raises `Unauthorized`.

        Also where the request bears something else as well: whose it is must not depend on which one is read. Of
        an operation's schemes this is the first, so that it is asked before the others.
        """
        key = request.headers.get(API_KEY_HEADER, "").strip()
        if not key:
            return NO_VALUE
        if bearer_of(request) not in (None, key):
            request.context[TWO_KEYS] = True
            both = "x-api-key and Authorization hold different keys; send one of them."
            raise Unauthorized(both, code="invalid_api_key")
        return await self._of_key(key)

    async def _of_key(self, key: str) -> Any:
        if (caller := await self._api_keys.caller(key)) is None:
            raise key_refused()
        return {"sub": caller.id, "caller": caller}

    async def check_refresh_cookie(self, request: ConnexionRequest) -> Any:
        """The caller of a refresh token in its cookie; raises `Unauthorized`."""
        token = read_cookies(request.headers).get(cookies.NAME)
        if not token:
            return NO_VALUE
        caller = await self._caller_of_cookie(token)
        # The handler needs the credential itself: it is exchanged for the next one.
        return {"sub": caller.id, "caller": caller, "arguments": {"refresh_token": token}}

    async def check_picture_cookie(self, request: ConnexionRequest) -> Any:
        """The caller of a refresh token in its cookie, who only looks; nothing is exchanged.

        A page loads its pictures without an access token. The cookie goes with no request that another site makes.
        Raises `Unauthorized`.
        """
        token = read_cookies(request.headers).get(cookies.NAME)
        if not token:
            return NO_VALUE
        caller = await self._caller_of_cookie(token)
        return {"sub": caller.id, "caller": caller}

    async def _caller_of_cookie(self, token: str) -> Caller:
        try:
            claims = self._tokens.read_refresh(token)
        except InvalidToken as error:
            raise Unauthorized(code="invalid_token") from error
        caller = Caller(claims.owner, claims.session_id, email="", username="", provider="", role="")
        await self._standing.check(caller)
        return caller


class SchemeFactory:
    """What Connexion's `security_map` wants for a kind of scheme: an object that gives the check of each scheme."""

    def __init__(self, check_of: Callable[[dict[str, Any]], Check]) -> None:
        self._check_of = check_of

    def get_fn(self, security_scheme: dict[str, Any], required_scopes: list[str]) -> Check:
        """The check of a scheme of the document; none has scopes."""
        return self._check_of(security_scheme)


def bearer_of(request: ConnexionRequest) -> str | None:
    """What a request bears; None where it bears nothing, or another key beside it."""
    if request.context.get(TWO_KEYS):
        return None
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else None
