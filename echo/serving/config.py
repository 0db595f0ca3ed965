"""Uvicorn's configuration, with what Echo limits of connections."""

import asyncio
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import uvicorn

from echo.settings import ConnectionLimits

if TYPE_CHECKING:
    from echo.serving.crowd import Crowd


class ServerConfig(uvicorn.Config):
    """A configuration whose connections are `echo.serving.connection.LimitedProtocol`.

    It goes to the workers pickled, so the protocol finds here what it needs. `largest_body` is the most bytes that
    any operation reads of a body. `hang_seconds` is how long a worker may leave its master without an answer (0: for
    ever).
    """

    # The one that the server of this process runs on; in the master there is none.
    event_loop: asyncio.AbstractEventLoop | None = None

    def __init__(
        self, app: Any, *, limits: ConnectionLimits, largest_body: int, hang_seconds: int = 0, **options: Any
    ) -> None:
        super().__init__(
            app,
            # By name: the master never loads it.
            http="echo.serving.connection:LimitedProtocol",
            # WebSockets would be another protocol, without limits. The contract has none.
            ws="none",
            timeout_keep_alive=limits.idle_seconds,
            **options,
        )
        self.limits = limits
        self.largest_body = largest_body
        self.hang_seconds = hang_seconds

    def get_loop_factory(self) -> Callable[[], asyncio.AbstractEventLoop]:
        """Uvicorn's factory of the event loop; what it makes is remembered as `event_loop`."""
        factory = super().get_loop_factory() or asyncio.new_event_loop

        def make() -> asyncio.AbstractEventLoop:
            self.event_loop = factory()
            return self.event_loop

        return make

    @cached_property
    def crowd(self) -> "Crowd":
        """The connections of this process."""
        # Imported here: the master has none, and would hold what comes with it.
        from echo.serving.crowd import Crowd  # noqa: PLC0415

        return Crowd(self.limits)
