"""The web client beside the contracts: what no contract has, below the path of LibreChat's."""

from collections.abc import Iterable
from pathlib import Path

from starlette.types import Receive, Scope, Send

from echo.webclient.client import WebClient


class ClientBesideContracts:
    """For `echo.contract.gate`: answers with the client's files and pages below `base`, "" being the root.

    Raises `NotAClient` for a directory without a built client.
    """

    def __init__(self, directory: Path, base: str, *, frame_sources: Iterable[str] = ()) -> None:
        self._base = f"{base}/"
        self._client = WebClient(directory, self._base, frame_sources=frame_sources)

    def claims(self, method: str, path: str) -> bool:
        """Whether the client answers this; the whole path, as it was sent."""
        if path == "/" or f"{path}/" == self._base:
            return method in ("GET", "HEAD")
        return path.startswith(self._base) and self._client.claims(method, path[len(self._base) :])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._client(scope, receive, send)
