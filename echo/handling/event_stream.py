"""A response body that is a stream of server-sent events (HTML standard, section 9.2)."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass

MEDIA_TYPE = "text/event-stream"
# For proxies in front: send each event on at once, as LibreChat asks of nginx.
HEADERS = {
    "Content-Type": f"{MEDIA_TYPE}; charset=utf-8",
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
}


@dataclass(frozen=True)
class EventStream:
    """What a handler returns to send events: the frames, made on the event loop, so that waiting holds no thread.

    The generator is closed at the end, and when the client goes away.
    """

    frames: AsyncGenerator[bytes, None]
