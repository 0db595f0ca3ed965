"""What is said in a recording, piece by piece, as OpenAI streams it.

https://platform.openai.com/docs/api-reference/audio/transcript-text-delta-event
"""

from collections.abc import AsyncGenerator
from typing import Any

from echo.providers.audio import RecordingRequest, read_object, recording_call
from echo.providers.chunks import STATUSES
from echo.providers.constants import MAX_TRANSCRIPT_BYTES
from echo.providers.errands import Flow
from echo.providers.failures import of_error, unusable
from echo.providers.provider import DICTATION
from echo.providers.reading import count, dig, text_at, whole_text_at
from echo.providers.reading import read_object as read_event
from echo.providers.sse import EventParser, ServerEvent, TooLarge
from echo.providers.streams import DONE
from echo.providers.transport import EVENT_STREAM, Body
from echo.settings import ProviderSettings

Json = dict[str, Any]
DELTA, ENDED = "transcript.text.delta", "transcript.text.done"
COUNTS = ("input_tokens", "output_tokens", "total_tokens")


def dictation(settings: ProviderSettings, request: RecordingRequest) -> Flow[Json]:
    """How an endpoint is asked. Raises `Unprocessable` (`not_offered`) where the provider takes no recordings."""
    return Flow(DICTATION, request.wanted.model, recording_call(settings, request, stream=True), dictated)


async def dictated(body: Body) -> AsyncGenerator[Json, None]:
    """OpenAI's events, the last one with the whole text.

    A server that answers in one piece, as OpenAI does for its older models, has that last event alone.
    Raises `ProviderFailure`.
    """
    if body.content_type != EVENT_STREAM:
        yield {"type": ENDED, **read_object(await _all_of(body))}
        return
    parser, left = EventParser(), MAX_TRANSCRIPT_BYTES
    while chunk := await body.read():
        left -= len(chunk)
        if left < 0:
            raise unusable("too_large")
        for received in _parsed(parser, chunk):
            if received.data.strip() == DONE:
                continue
            if made := _read(received):
                yield made
                if made["type"] == ENDED:
                    return
    raise unusable("early_end", transient=True)


async def _all_of(body: Body) -> bytes:
    content = b""
    while chunk := await body.read():
        content += chunk
        if len(content) > MAX_TRANSCRIPT_BYTES:
            raise unusable("too_large")
    return content


def _parsed(parser: EventParser, chunk: bytes) -> list[ServerEvent]:
    try:
        return parser.feed(chunk)
    except TooLarge:
        raise unusable("too_large") from None


def _read(received: ServerEvent) -> Json | None:
    """An event as a client gets it; None for one that is not known."""
    said = read_event(received.data)
    if said.get("error"):
        raise of_error(said["error"], STATUSES)
    kind = text_at(said, "type")
    if kind == DELTA:
        return {"type": DELTA, "delta": whole_text_at(said, "delta")}
    if kind != ENDED:
        return None
    made: Json = {"type": ENDED, "text": whole_text_at(said, "text")}
    if text_at(said, "usage", "type") == "tokens":
        made["usage"] = {"type": "tokens", **{name: count(dig(said, "usage", name)) for name in COUNTS}}
    return made
