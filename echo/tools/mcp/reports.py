"""What the processes of Echo tell each other of their connections, so that each says the same of a server."""

import asyncio
import secrets
from collections.abc import Iterable
from contextlib import suppress

import structlog

from echo.settings.mcp import McpServer
from echo.tools.mcp.connections import Connections
from echo.tools.mcp.identity import mark_of
from storage.accounts.mcp_states import Line, McpFindingRepository, McpStateRepository
from storage.core.errors import StorageError

log = structlog.get_logger(__name__)


class Reports:
    """Writes down what changes among the connections of this process, and reads what others have written."""

    def __init__(
        self, connections: Connections, states: McpStateRepository, findings: McpFindingRepository
    ) -> None:
        self._connections = connections
        self._states, self._findings = states, findings
        self._worker = secrets.token_urlsafe(9)
        self._told: dict[Line, str] = {}
        self._telling: asyncio.Task[None] | None = None
        self._is_late = False
        # Servers that have asked for a login though nobody had said so, by their marks.
        self._found: set[str] = set()
        connections.changed = self._changed
        connections.beat = self.keep

    def of(self, owner: str) -> dict[str, str]:
        """How things stand with the user's connections, in any process, by server; for threads."""
        return self._states.of(owner)

    def asks_login(self, server: McpServer) -> bool:
        """Whether a server has been found to want a login, as far as this process knows."""
        return mark_of(server) in self._found

    def learn(self, servers: Iterable[McpServer]) -> None:
        """Learn what other processes have found out about these servers; for threads."""
        open_ones = {mark_of(each) for each in servers if each.may_ask_login}
        if open_ones:
            self._found = (self._found - open_ones) | self._findings.among(open_ones)

    async def note_login(self, server: McpServer) -> None:
        """Remember that a server wants a login."""
        self._found.add(mark_of(server))
        with suppress(StorageError):
            await asyncio.to_thread(self._findings.add, mark_of(server))

    async def forget_login(self, server: McpServer) -> None:
        """Forget it: the server lets users in without one."""
        self._found.discard(mark_of(server))
        with suppress(StorageError):
            await asyncio.to_thread(self._findings.drop, mark_of(server))

    async def keep(self) -> None:
        """Say that this process is there; called now and then while it has connections."""
        try:
            if await asyncio.to_thread(self._states.keep, self._worker) != len(self._connections.states()):
                # The database was away, or this process was, for too long.
                await asyncio.to_thread(self._states.forget, self._worker)
                self._told = {}
                self._changed()
        except StorageError as error:
            log.warning("the state of MCP servers is not told", cause=type(error).__name__)

    async def close(self) -> None:
        """Take back what was said: this process ends."""
        if self._telling is not None:
            await asyncio.gather(self._telling, return_exceptions=True)
        if self._told:
            # Without a database it is over by itself.
            with suppress(StorageError):
                await asyncio.to_thread(self._states.forget, self._worker)

    def _changed(self) -> None:
        self._is_late = True
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell())

    async def _tell(self) -> None:
        """One after the other, so that the last that is written is the last that was."""
        while self._is_late:
            self._is_late = False
            states, before = self._connections.states(), self._told
            new = {line: state for line, state in states.items() if before.get(line) != state}
            try:
                await asyncio.to_thread(self._states.tell, self._worker, new, before.keys() - states.keys())
                self._told = states
            except StorageError as error:
                log.warning("the state of MCP servers is not told", cause=type(error).__name__)
