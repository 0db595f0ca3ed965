"""Users' logins at servers: begun in one process, answered in any.

The browser that begins one gets a cookie. Only a browser with it can end the login: else somebody could have another
log in for them.
"""

import asyncio
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlsplit

import structlog

from echo.accounts.credentials_cipher import CredentialsCipher, Undecipherable
from echo.accounts.turns import Turns
from echo.errors import ServiceUnavailable
from echo.providers.addresses import AddressGuard
from echo.settings import Settings
from echo.settings.mcp import USER, McpServer
from echo.tools.browser_mark import BrowserMark
from echo.tools.mcp.failures import LoginFailed, why
from echo.tools.mcp.limits import LOGIN_SECONDS
from echo.tools.mcp.resolving import Reached
from storage.accounts.mcp_logins import COMPLETED, FAILED, PENDING, McpLoginRepository
from storage.accounts.mcp_tokens import Kept, McpTokenRepository
from storage.core.database import Document
from storage.core.repository import now

if TYPE_CHECKING:
    from echo.tools.mcp.authorizing import ServerAuth

log = structlog.get_logger(__name__)
COOKIE = "echo_mcp_login"
# Discovery and registration, before a browser is needed; and how often it is looked whether it has come back.
BEGIN_SECONDS, LOOK_SECONDS = 30.0, 0.4
# A process that has not said for so long that it waits is gone.
ALIVE = timedelta(seconds=15)
# How long the browser that has come back waits for what becomes of it.
SETTLE_SECONDS = 15.0


@dataclass(frozen=True)
class Asked:
    """Where the user has to go, and until when."""

    url: str
    ends_at: datetime

    @property
    def milliseconds_left(self) -> int:
        """How long the user still has."""
        return max(0, int((self.ends_at - now()).total_seconds() * 1000))


class Logins:
    """Begins logins, takes what browsers bring back, and knows at which servers a user is logged in."""

    def __init__(
        self,
        settings: Settings,
        stored: McpLoginRepository,
        tokens: McpTokenRepository,
        cipher: CredentialsCipher | None,
        turns: Turns,
    ) -> None:
        self._stored = stored
        self._turns = turns
        self._tokens = tokens
        self._cipher = cipher
        self._title = settings.app_title
        self._client = settings.domain_client
        self._base = settings.domain_server + ("" if settings.root == "librechat" else "/chat")
        self._path = urlsplit(f"{self._base}/api/mcp").path
        key = hmac.digest(str(settings.jwt_secret).encode(), b"echo mcp logins", "sha256")
        self._mark = BrowserMark(COOKIE, self._path, int(LOGIN_SECONDS), key)
        self._under_way: dict[tuple[str, str], asyncio.Task[None]] = {}

    def auth(
        self,
        owner: str,
        server: McpServer,
        reached: Reached,
        forgotten: Mapping[str, Kept] | None = None,
        **options: Any,
    ) -> "ServerAuth":
        """What goes with requests to the server. Raises `ServiceUnavailable` where nothing can be kept."""
        from echo.tools.mcp.authorizing import ServerAuth  # noqa: PLC0415
        from echo.tools.mcp.token_storage import StoredTokens  # noqa: PLC0415

        cipher = self.require_cipher()
        tokens = StoredTokens(self._tokens, cipher, owner, server, reached.url, forgotten=forgotten)
        return ServerAuth(
            server,
            reached,
            tokens,
            self.redirect_uri(server),
            turn=lambda: self._turns.of(owner, f"mcp:{server.name}"),
            client_name=self._title,
            **options,
        )

    def redirect_uri(self, server: McpServer) -> str:
        """Our own address, to which users come back, or how the operator says that it is reached."""
        own = (server.oauth or {}).get("redirect_uri") if server.source != USER else None
        return str(own or f"{self._base}/api/mcp/{quote(server.name, safe='')}/oauth/callback")

    def servers(self, owner: str) -> set[str]:
        """The names of the servers at which a user is logged in."""
        return self._tokens.servers(owner)

    def find(self, owner: str, server: str) -> Document | None:
        """The last login of a user's at a server, if it is not long ago; one that nobody waits for has failed."""
        login = self._stored.find(owner, server)
        if login is not None and login["status"] == PENDING and not _is_alive(login):
            return {**login, "status": FAILED, "error": "timeout"}
        return login

    def forget(self, owner: str, server: str) -> Mapping[str, Kept]:
        """Log a user out of a server, as far as this one goes; what there was."""
        found = self._tokens.find(owner, server)
        self._tokens.drop(owner, server)
        self.cancel(owner, server)
        return found

    def cancel(self, owner: str, server: str) -> bool:
        """Give a login up; whether there was one."""
        return self._stored.end(owner, server, status=FAILED, error="cancelled")

    async def begin(
        self, owner: str, server: McpServer, reached: Reached, guard: AddressGuard
    ) -> Asked | None:
        """Begin a login, or find the one that waits. None where the server lets the user in without one.

        Raises `LoginFailed`.
        """
        waiting = await asyncio.to_thread(self.find, owner, server.name)
        if waiting is not None and waiting["status"] == PENDING and waiting.get("url"):
            return Asked(waiting["url"], waiting["endsAt"])
        asked: asyncio.Future[Asked] = asyncio.get_running_loop().create_future()
        key = (owner, server.name)
        if (before := self._under_way.pop(key, None)) is not None:
            before.cancel()
        task = asyncio.create_task(self._run(owner, server, reached, guard, asked))
        self._under_way[key] = task
        task.add_done_callback(
            lambda done: self._under_way.pop(key) if self._under_way.get(key) is done else None
        )
        await asyncio.wait((task, asked), timeout=BEGIN_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if asked.done():
            return asked.result()
        if not task.done():
            task.cancel()
            raise LoginFailed("timeout")
        if task.cancelled() or task.exception() is not None:
            raise LoginFailed("login_failed")
        return None

    async def wait(self, owner: str, server: str, ends_at: datetime) -> bool:
        """Wait until a login has come to its end; whether the user is logged in."""
        while now() < ends_at:
            login = await asyncio.to_thread(self.find, owner, server)
            if login is None or login["status"] != PENDING:
                return login is not None and login["status"] == COMPLETED
            await asyncio.sleep(LOOK_SECONDS)
        return False

    async def come_back(self, server: str, answer: dict[str, str | None], cookie: str | None) -> str:
        """Take what a browser brings back; where to send it."""
        state = answer.get("state")
        if not state:
            return self._failed("missing_state")
        login = await asyncio.to_thread(self._stored.of_state, _hashed(state))
        if login is None or login["server"] != server:
            return self._failed("invalid_state")
        owner = login["user"]
        if not self._mark.is_of(owner, cookie):
            return self._failed("csrf_validation_failed")
        said = self.require_cipher().encrypt_anew(json.dumps(answer))
        if not await asyncio.to_thread(self._stored.answer, owner, server, login["attempt"], said):
            return self._failed("invalid_state")
        if await self.wait(owner, server, now() + timedelta(seconds=SETTLE_SECONDS)):
            return f"{self._client}/oauth/success?serverName={quote(server, safe='')}"
        return self._failed(answer.get("error") or "callback_failed")

    def cookie(self, owner: str, *, secure: bool) -> str:
        """See `BrowserMark`."""
        return self._mark.cookie(owner, secure=secure)

    def require_cipher(self) -> CredentialsCipher:
        """What tokens are encrypted with; raises `ServiceUnavailable` where there is none."""
        if self._cipher is None:
            raise ServiceUnavailable(
                "Keys cannot be kept on this server.", code="keys_unavailable"
            ) from RuntimeError("CREDS_KEY and CREDS_IV are not set")
        return self._cipher

    async def close(self) -> None:
        """Give up what is under way here."""
        running = tuple(self._under_way.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _run(
        self,
        owner: str,
        server: McpServer,
        reached: Reached,
        guard: AddressGuard,
        asked: asyncio.Future[Asked],
    ) -> None:
        from echo.tools.mcp.authorizing import log_in  # noqa: PLC0415

        attempt = secrets.token_urlsafe(12)

        async def ask(url: str) -> None:
            [state] = parse_qs(urlsplit(url).query)["state"]
            life = timedelta(seconds=LOGIN_SECONDS)
            await asyncio.to_thread(
                self._begin, owner, server.name, attempt=attempt, state=_hashed(state), url=url, good_for=life
            )
            if not asked.done():
                asked.set_result(Asked(url, now() + life))

        async def answer() -> Any:
            return await self._answer(owner, server.name, attempt)

        ended: dict[str, Any] = {"status": FAILED, "error": "cancelled"}
        try:
            await log_in(server, reached, guard, self.auth(owner, server, reached, ask=ask, answer=answer))
            ended = {"status": COMPLETED}
        except LoginFailed as error:
            ended["error"] = str(error)
            raise
        except Exception as error:
            log.info("a login at an MCP server has failed", server=server.name, why=why(error))
            ended["error"] = "login_failed"
            raise
        finally:
            await asyncio.shield(self._end(owner, server.name, attempt, ended))

    def _begin(self, owner: str, server: str, **about: Any) -> None:
        self._stored.begin(owner, server, **about)

    async def _end(self, owner: str, server: str, attempt: str, ended: dict[str, Any]) -> None:
        await asyncio.to_thread(lambda: self._stored.end(owner, server, attempt=attempt, **ended))

    async def _answer(self, owner: str, server: str, attempt: str) -> Any:
        """What the browser has brought back, once it has."""
        from mcp.shared.auth import AuthorizationCodeResult  # noqa: PLC0415

        deadline = asyncio.get_running_loop().time() + LOGIN_SECONDS
        while asyncio.get_running_loop().time() < deadline:
            login = await asyncio.to_thread(self._stored.alive, owner, server, attempt)
            if login is None or login["status"] != PENDING:
                raise LoginFailed("cancelled")
            if login.get("answer"):
                said = self._read(login["answer"])
                if not said.get("code"):
                    raise LoginFailed("access_denied")
                return AuthorizationCodeResult(
                    code=said["code"], state=said.get("state"), iss=said.get("iss")
                )
            await asyncio.sleep(LOOK_SECONDS)
        raise LoginFailed("timeout")

    def _read(self, answer: str) -> dict[str, Any]:
        try:
            said: dict[str, Any] = json.loads(self.require_cipher().decrypt(answer))
        except (Undecipherable, ValueError) as error:
            raise LoginFailed("login_failed") from error
        return said

    def _failed(self, word: str) -> str:
        return f"{self._client}/oauth/error?error={quote(word[:100], safe='')}"


def _hashed(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()


def _is_alive(login: Document, moment: Callable[[], datetime] = now) -> bool:
    return bool(login["endsAt"] > moment() and login["aliveAt"] > moment() - ALIVE)
