"""The pictures that other servers have of users: fetched after the login, drawn anew, kept like chosen ones."""

import asyncio
import time
from contextlib import suppress
from io import BytesIO
from typing import Any

import structlog

from echo.accounts.federation.fetching import Fetcher
from echo.accounts.federation.identity import Refused
from echo.errors import ApiError
from echo.files import FileStore
from echo.files.images import square
from echo.files.store import IMAGES
from echo.settings.cloud import S3
from storage.accounts.users import UserRepository
from storage.core.errors import StorageError

log = structlog.get_logger(__name__)

# LibreChat's limit for what a user sends, and what a client shows at most, twice for fine screens.
MAX_BYTES = 2 * 1024 * 1024
SIDE = 512
# What stands behind the address of a picture: by it LibreChat knows whether the user has chosen it.
NOT_CHOSEN, SAID = "?manual=false", "?manual="
AT_ONCE = 4


class Portraits:
    """Fetches pictures while nobody waits, a few at once. An address that may not be asked is no picture."""

    def __init__(self, fetcher: Fetcher, store: FileStore, users: UserRepository, *, max_pixels: int) -> None:
        self._fetcher = fetcher
        self._store = store
        self._users = users
        self._max_pixels = max_pixels
        self._running: set[asyncio.Task[None]] = set()

    def follow(self, user: dict[str, Any], address: str | None) -> None:
        """Begin to fetch the picture of a user who has chosen none; called on the event loop."""
        if not address or not may_follow(user.get("avatar")) or len(self._running) >= AT_ONCE:
            return
        task = asyncio.create_task(self._fetch(str(user["_id"]), address))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def finish(self) -> None:
        """Wait for what is being fetched."""
        await asyncio.gather(*self._running, return_exceptions=True)

    async def close(self) -> None:
        """Give up what is being fetched: called when the application ends."""
        for task in tuple(self._running):
            task.cancel()
        await self.finish()

    async def _fetch(self, owner: str, address: str) -> None:
        try:
            content = await self._fetcher.content(address, most=MAX_BYTES)
            await asyncio.to_thread(self._keep, owner, content)
        except (Refused, ApiError, StorageError, OSError) as error:
            log.info("a picture was not taken over", user=owner, why=str(error)[:200])

    def _keep(self, owner: str, content: bytes) -> None:
        drawn = square(BytesIO(content), side=SIDE, max_pixels=self._max_pixels)
        name = f"avatar-{time.time_ns() // 1_000_000}.png"
        kept = self._store.keep_picture(owner, name, drawn)
        # An address in S3 has no room for it.
        self._users.set_avatar(owner, kept.filepath + ("" if kept.source == S3 else NOT_CHOSEN))
        with suppress(OSError):
            self._store.remove_pictures(owner, "avatar-*.png", but=name)


def may_follow(avatar: Any) -> bool:
    """Whether a login may replace a user's picture: there is none, or it is a login's own.

    LibreChat says nothing behind those that it fetched to its disk. Of an address in S3 nobody can tell.
    """
    if not isinstance(avatar, str) or not avatar:
        return True
    return NOT_CHOSEN in avatar or (avatar.startswith(f"/{IMAGES}/") and SAID not in avatar)
