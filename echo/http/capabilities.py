"""What an administrator must be granted for an operation, asked before the body is read.

The contract says what that is (`x-echo-capability`: LibreChat's names, all of them). What depends on the body or on a
parameter is named there as well (`x-echo-capability-if`), and asked by the service that reads it.
"""

import asyncio
from typing import Protocol

from starlette.types import ASGIApp, Receive, Scope, Send

from echo.handling.scope import OPERATION


class CapabilityGuard(Protocol):
    """Knows what administrators may do."""

    def demand(self, user_id: str, *capabilities: str) -> None:
        """Raise `Forbidden` unless a user has all of these; asks the database."""


class CapabilityMiddleware:
    """Refuses before the body is read: it stands behind the security check, which knows the caller."""

    def __init__(self, app: ASGIApp, *, guard: CapabilityGuard) -> None:
        self._app = app
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ask, then pass on."""
        if scope["type"] == "http" and (needed := scope[OPERATION].capabilities):
            user = scope["extensions"].get("connexion_context", {}).get("user") or ""
            await asyncio.to_thread(self._guard.demand, user, *needed)
        await self._app(scope, receive, send)
