"""Connections to the offline model: a pair of sockets within the process, so nothing listens on any port."""

import asyncio
import socket
from typing import TYPE_CHECKING

from aiohttp.connector import BaseConnector

if TYPE_CHECKING:
    from aiohttp import ClientRequest, ClientTimeout
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.tracing import Trace


class OfflineConnector(BaseConnector):
    """Connects whatever host is asked for with the offline model, over real HTTP.

    It takes `aiohttp.UnixConnector`'s way of connecting to somewhere else than a host.
    """

    def __init__(self) -> None:
        # Imported here: aiohttp's servers take a fortieth of a start, and few have this model answer.
        from aiohttp.web_server import Server  # noqa: PLC0415

        from echo.providers.offline.service import answer  # noqa: PLC0415

        super().__init__(limit=0)
        # A client that leaves ends what the model would still say.
        self._server = Server(answer, handler_cancellation=True, access_log=None)

    async def _create_connection(
        self, req: "ClientRequest", traces: list["Trace"], timeout: "ClientTimeout"
    ) -> "ResponseHandler":
        """A new connection, whose other end the model has."""
        loop = asyncio.get_running_loop()
        ours, models = socket.socketpair()
        await loop.connect_accepted_socket(self._server, models)
        _, protocol = await loop.create_connection(self._factory, sock=ours)
        return protocol
