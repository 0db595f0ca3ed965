"""Rate limits on what is costly, with the `limits` library over the database, so that all workers count together.

The contract says which limits an operation has (`x-echo-rate-limits`), the settings say how much each allows.
"""

import asyncio
import hashlib
import math
import time
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from limits import RateLimitItemPerSecond
from limits.errors import StorageError
from limits.storage import MongoDBStorage, Storage
from limits.strategies import FixedWindowRateLimiter
from starlette.types import ASGIApp, Receive, Scope, Send

from echo.contract.compiled import Operation
from echo.errors import ServiceUnavailable, TooManyRequests
from echo.handling.caller import subscriber
from echo.handling.scope import CLIENT, OPERATION
from echo.observation import metrics
from echo.settings import RateLimit

# Longer than any name of an account.
MAX_NAME = 1024
ADDRESS, ACCOUNT, EMAIL, PENDING, SEARCH = "address", "account", "email", "pending", "search"


def account_key(name: str) -> str:
    """What the attempts on an account are counted by: one text for all that a directory may take for the same name.

    Directories look away from case, accents, widths of letters and spaces (RFC 4518), so that without this there
    would be as many counts as ways of writing it.
    """
    cut = name.strip()[:MAX_NAME]
    letters = (each for each in unicodedata.normalize("NFKD", cut) if unicodedata.category(each) != "Mn")
    return " ".join("".join(letters).split()).casefold() or cut


class Who(NamedTuple):
    """Whose request it is: the account where there is one, and the address."""

    account: str | None
    address: str


class RateLimiter:
    """Counts requests in fixed windows, as LibreChat's limiter does.

    `pending_owner` says whose half of a login a token is, None if it is none. `exceeded` is told of each refusal:
    the limit's name, the account and the address.
    """

    def __init__(
        self,
        storage: Storage,
        limits: Mapping[str, RateLimit],
        *,
        pending_owner: Callable[[str], str | None],
        exceeded: Callable[[str, str | None, str], None],
        enabled: bool = True,
    ) -> None:
        self._window = FixedWindowRateLimiter(storage)
        self._pending_owner = pending_owner
        self._exceeded = exceeded
        self._limits = dict(limits) if enabled else {}

    async def check_request(self, operation: Operation, address: str, account: str | None) -> None:
        """Count against the limits by address and by account. Raises `TooManyRequests`."""
        keys = {ADDRESS: subscriber(address), ACCOUNT: account}
        await self._check(operation, keys, Who(account, address))

    async def check_arguments(
        self, operation: Operation, arguments: Mapping[str, Any], address: str, account: str | None
    ) -> None:
        """Count against the limits by what was read. Raises `TooManyRequests`.

        These are: by an e-mail address or half a login in the body, and by the account of who searches.
        """
        if not operation.rate_limits:
            return
        body = arguments.get("body")
        fields = body if isinstance(body, dict) else {}
        email, token = fields.get("email"), fields.get("tempToken")
        keys = {
            SEARCH: account if arguments.get("search") else None,
            EMAIL: account_key(email) if isinstance(email, str) else None,
            PENDING: self._pending_owner(token) if isinstance(token, str) else None,
        }
        # Who names an account is not for that its holder: violations are counted by address.
        await self._check(operation, keys, Who(None, address))

    async def _check(self, operation: Operation, keys: Mapping[str, str | None], who: Who) -> None:
        due = [
            (name, limit, key)
            for name in operation.rate_limits
            if (limit := self._limits.get(name)) and (key := keys.get(limit.by))
        ]
        if due:
            await asyncio.to_thread(self._hit_all, due, who)

    def _hit_all(self, due: Sequence[tuple[str, RateLimit, str]], who: Who) -> None:
        """Count against one limit after the other, up to the first that is reached."""
        for name, limit, key in due:
            self._hit(name, limit, key, who)

    def _hit(self, name: str, limit: RateLimit, key: str, who: Who) -> None:
        item = RateLimitItemPerSecond(limit.limit, limit.window_seconds, namespace="echo")
        # Hashed: an address or e-mail of any length and content makes a key of one kind and is not stored.
        hashed = hashlib.sha256(key.encode()).hexdigest()[:32]
        try:
            if self._window.hit(item, name, hashed):
                return
            remaining = self._window.get_window_stats(item, name, hashed).reset_time
        except StorageError as error:
            raise ServiceUnavailable("The database is not available.", code="storage_unavailable") from error
        metrics.count_refusal(name)
        self._exceeded(name, who.account, who.address)
        raise TooManyRequests(seconds_until(remaining))


def seconds_until(moment: float) -> int:
    """Whole seconds from now to a UNIX time, at least one."""
    return max(1, math.ceil(moment - time.time()))


class SharedMongoStorage(MongoDBStorage):
    """The library's counters in MongoDB, over the client that the process has already.

    `database` is the driver's own. Its write concern counts: a request waits for each of its limits.
    """

    # Not to be found by a URI: it is made of a client.
    STORAGE_SCHEME: list[str] = []  # noqa: RUF012 - declared so by its base

    def __init__(self, database: Any) -> None:
        super().__init__(
            "mongodb://",
            counter_collection_name="echo_rate_counters",
            window_collection_name="echo_rate_windows",
            wrap_exceptions=True,
        )
        self._driver = database

    @property
    def _database(self) -> Any:
        return self.storage.get_database(self._driver.name, write_concern=self._driver.write_concern)

    def _init_mongo_client(self, uri: str | None, **options: Any) -> Any:
        return self._driver.client

    def __del__(self) -> None:
        """Leave the client open: it belongs to the database."""


class RateLimitMiddleware:
    """Refuses before the body is read: it stands behind the security check, which knows the account."""

    def __init__(self, app: ASGIApp, *, limiter: RateLimiter) -> None:
        self._app = app
        self._limiter = limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count, then pass on."""
        if scope["type"] == "http" and scope[OPERATION].rate_limits:
            context = scope["extensions"].get("connexion_context", {})
            await self._limiter.check_request(scope[OPERATION], scope[CLIENT].address, context.get("user"))
        await self._app(scope, receive, send)
