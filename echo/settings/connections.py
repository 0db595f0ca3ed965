"""The limits of connections, from variables."""

from dataclasses import dataclass

from echo.settings.reader import Reader

HOUR = 3600
MIB = 1024 * 1024


@dataclass(frozen=True)
class ConnectionLimits:
    """What one connection may send and how long it may take; how many each worker has, and one address of them.

    `url_bytes` is for path and query; `header_bytes` for all headers of a request together, names and values, and
    once more for what follows or goes with its body (trailers, chunk extensions). `header_seconds` run until the
    headers are complete; a body gets `body_seconds`, and another second for each `body_rate` bytes of it that have
    come. `pause_seconds` is the longest time between two pieces of a body, `reading_seconds` the longest in which
    a client takes nothing of an answer, `idle_seconds` the longest between two requests. `per_address` is None where
    addresses say nothing: every connection is a proxy's.
    """

    url_bytes: int = 32 * 1024
    header_bytes: int = 32 * 1024
    headers: int = 100
    header_seconds: int = 20
    body_seconds: int = 60
    body_rate: int = 1000
    pause_seconds: int = 30
    reading_seconds: int = 120
    idle_seconds: int = 5
    connections: int = 2000
    per_address: int | None = 200


def read_connection_limits(reader: Reader, *, trust_proxy: int) -> ConnectionLimits:
    """The limits; behind proxies an address has no limit of its own, since all connections are the proxies'."""
    per_address = reader.whole("ECHO_MAX_CONNECTIONS_PER_ADDRESS", 200, minimum=1)
    return ConnectionLimits(
        url_bytes=reader.whole("ECHO_MAX_URL_BYTES", 32 * 1024, minimum=1024, maximum=MIB),
        header_bytes=reader.whole("ECHO_MAX_HEADER_BYTES", 32 * 1024, minimum=1024, maximum=MIB),
        headers=reader.whole("ECHO_MAX_HEADERS", 100, minimum=20, maximum=10_000),
        header_seconds=reader.whole("ECHO_HEADER_SECONDS", 20, minimum=1, maximum=HOUR),
        body_seconds=reader.whole("ECHO_BODY_SECONDS", 60, minimum=1, maximum=24 * HOUR),
        body_rate=reader.whole("ECHO_BODY_BYTES_PER_SECOND", 1000, minimum=1),
        pause_seconds=reader.whole("ECHO_BODY_PAUSE_SECONDS", 30, minimum=1, maximum=HOUR),
        reading_seconds=reader.whole("ECHO_READING_PAUSE_SECONDS", 120, minimum=1, maximum=HOUR),
        idle_seconds=reader.whole("ECHO_IDLE_SECONDS", 5, minimum=1, maximum=HOUR),
        connections=reader.whole("ECHO_MAX_CONNECTIONS", 2000, minimum=1),
        per_address=None if trust_proxy else per_address,
    )
