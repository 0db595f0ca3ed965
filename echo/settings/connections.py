"""The limits of connections, from variables."""

from echo.settings.model import ConnectionLimits
from echo.settings.reader import Reader

HOUR = 3600
MIB = 1024 * 1024


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
