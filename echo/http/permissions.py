"""What the role of a caller must have for an operation, asked before the body is read.

The contract says what that is (`x-echo-permission`: permissions by LibreChat's types, all of them). What depends on
the body or on a parameter is named there as well (`x-echo-permission-if`), and asked by the service that reads it.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Protocol

from starlette.types import ASGIApp, Receive, Scope, Send

from echo.handling.scope import OPERATION

Needs = Mapping[str, Iterable[str]]


class Guard(Protocol):
    """Knows what users may do."""

    def check_remembered(self, owner: str, needs: Needs) -> bool:
        """Raise `Forbidden` where it is known that a user may not; False where nothing is known. Never waits."""

    def check(self, owner: str, needs: Needs) -> None:
        """Raise `Forbidden` unless a user may; asks the database."""


class PermissionMiddleware:
    """Refuses before the body is read: it stands behind the security check, which knows the caller.

    An operation that is open to those who have not logged in asks them for nothing.
    """

    def __init__(self, app: ASGIApp, *, guard: Guard) -> None:
        self._app = app
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ask, then pass on."""
        if scope["type"] == "http" and (needs := scope[OPERATION].permissions):
            owner = scope["extensions"].get("connexion_context", {}).get("user")
            # A thread only where the database must be asked: once in a few seconds for each user.
            if owner and not self._guard.check_remembered(owner, needs):
                await asyncio.to_thread(self._guard.check, owner, needs)
        await self._app(scope, receive, send)
