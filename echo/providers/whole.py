"""An answer that comes in one piece, read as a stream of one event."""

from typing import Any

import orjson

from echo.providers.constants import MAX_SOUND_BYTES
from echo.providers.failures import unusable
from echo.providers.transport import Call, Transport


class WholeBody:
    """See `echo.providers.transport.Body`."""

    def __init__(self, answer: Any) -> None:
        self._pieces = [b"data: " + orjson.dumps(answer) + b"\n\n", b"data: [DONE]\n\n"]

    async def read(self, *, ending: bool = False) -> bytes:
        """The event, then the end."""
        return self._pieces.pop(0) if self._pieces else b""

    async def drain(self) -> None:
        """Nothing is left."""


async def whole_body(transport: Transport, call: Call) -> WholeBody:
    """Ask, and wait for all of the answer. Raises `ProviderFailure`."""
    content = await transport.content(call, seconds=transport.limits.stream_seconds, most=MAX_SOUND_BYTES)
    try:
        return WholeBody(orjson.loads(content))
    except orjson.JSONDecodeError as error:
        raise unusable("no_json") from error
