"""Uvicorn's configuration, with what Echo limits of connections."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

import uvicorn

from echo.settings import ConnectionLimits

if TYPE_CHECKING:
    from echo.serving.crowd import Crowd


class ServerConfig(uvicorn.Config):
    """A configuration whose connections are `echo.serving.connection.LimitedProtocol`.

    It goes to the workers pickled, so the protocol finds here what it needs. `largest_body` is the most bytes that
    any operation reads of a body.
    """

    def __init__(self, app: Any, *, limits: ConnectionLimits, largest_body: int, **options: Any) -> None:
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

    @cached_property
    def crowd(self) -> "Crowd":
        """The connections of this process."""
        # Imported here: the master has none, and would hold what comes with it.
        from echo.serving.crowd import Crowd  # noqa: PLC0415

        return Crowd(self.limits)
