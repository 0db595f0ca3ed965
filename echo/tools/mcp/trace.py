"""How far an attempt to reach a server came, for operators: in our own words, nothing of what a server says."""

import ssl
from dataclasses import dataclass

import structlog

from echo.providers.addresses import AddressRefused

log = structlog.get_logger(__name__)

# What is under way when something fails.
NAME, CONNECT, TLS, ANSWER, PROTOCOL, PROCESS, OPEN = (
    "name",
    "connection",
    "tls",
    "answer",
    "protocol",
    "process",
    "open",
)
NO_PROGRAM = 127
SENTENCES = {
    NAME: "its name cannot be resolved",
    CONNECT: "nobody accepts connections there",
    TLS: "TLS fails",
    PROTOCOL: "it answers, but not as MCP has it",
    PROCESS: "its process does not answer",
    OPEN: "the connection has ended",
}
STATUSES = {
    400: "it refuses the request (400): check its type and its headers",
    401: "it wants to know who is there (401)",
    403: "it does not let us in (403)",
    404: "there is nothing at its address (404): check the path",
    405: "it does not take such requests (405): check its type",
    407: "the proxy wants a user and a password (407)",
    429: "its limit is reached (429)",
}


@dataclass
class Trace:
    """Of one attempt; `transport` is the server's type."""

    transport: str
    phase: str = CONNECT
    quiet: bool = False
    status: int | None = None
    exit_code: int | None = None
    reason: str | None = None
    timed_out: float | None = None

    def went_wrong(self, error: BaseException) -> None:
        """Note what has kept a connection from being made, or a request from its answer."""
        for each in _chain(error):
            if isinstance(each, AddressRefused):
                self.reason = (
                    "its address is private or not usual, and not allowed (mcpSettings.allowedAddresses)"
                )
            elif isinstance(each, ssl.SSLCertVerificationError):
                self.phase, self.reason = TLS, "its TLS certificate is not accepted"
            elif isinstance(each, ssl.SSLError):
                self.phase = TLS

    def answered(self, status: int) -> None:
        """Note the status of an answer."""
        self.status = status
        if status >= 300:
            self.phase = ANSWER
        elif self.phase != OPEN:
            self.phase = PROTOCOL

    def tell(self, server: str, **more: str) -> None:
        """Write it into the log."""
        if not self.quiet:
            log.info("a connection to an MCP server has failed", server=server, **self.facts(), **more)

    def sentence(self) -> str:
        """What an operator reads after the name of the server."""
        if self.timed_out is not None:
            return f"it did not answer within {self.timed_out:g} s ({self.phase})"
        if self.reason:
            return self.reason
        if self.phase == ANSWER and self.status is not None:
            return STATUSES.get(self.status) or _of_status(self.status)
        if self.exit_code == NO_PROGRAM:
            return "its program cannot be started: it must be installed, and in PATH"
        if self.exit_code is not None:
            return f"its process has ended with code {self.exit_code} (its standard error output says why)"
        return SENTENCES[self.phase]

    def facts(self) -> dict[str, str | int]:
        """The same as fields of a line in the log."""
        found = {"status": self.status, "exit_code": self.exit_code}
        numbers = {name: value for name, value in found.items() if value is not None}
        return {"transport": self.transport, "phase": self.phase, "why": self.sentence(), **numbers}


def _of_status(status: int) -> str:
    if status < 400:
        return f"it sends elsewhere ({status}): name that address itself"
    return f"it answers {status}" + (": it is out of order" if status >= 500 else "")


def _chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and len(found) < 10:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found
