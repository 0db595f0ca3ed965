"""The head of a request: its address and its headers."""

from itertools import chain

from echo.errors import ApiError, HeadersTooLarge, UriTooLong
from echo.settings import ConnectionLimits

Headers = list[tuple[bytes, bytes]]


def head_error(url: bytes, headers: Headers, read: int, limits: ConnectionLimits) -> ApiError | None:
    """Which limit a complete head is over; it was at most `read` bytes on the wire."""
    if len(url) > limits.url_bytes:
        return UriTooLong()
    if len(headers) > limits.headers:
        return HeadersTooLarge()
    # Each is looked at only where they can be too large together.
    if read > limits.header_bytes and sum(map(len, chain(*headers))) > limits.header_bytes:
        return HeadersTooLarge()
    return None


def without_upgrade(method: bytes, url: bytes, version: str, headers: Headers) -> bytes:
    """A head as it would be on the wire, had it not asked for another protocol. Names are in lower case."""
    line = b"%b %b HTTP/%b" % (method, url, version.encode())
    fields = [b"%b: %b" % field for field in headers if field[0] != b"upgrade"]
    return b"\r\n".join([line, *fields, b"", b""])
