"""A response body that is a stream of server-sent events (HTML standard, section 9.2)."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass

import flask

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


class EventStreamResponse(flask.Response):
    """The Flask response that carries an event stream to the bridge."""

    def __init__(self, stream: EventStream, status: int, headers: dict[str, str]) -> None:
        super().__init__(b"", status, {**HEADERS, **headers})
        self.headers.remove("Content-Length")
        self.frames = stream.frames
