"""Answers that come in one piece, read as streams."""

import asyncio
from dataclasses import replace

import pytest

from echo.providers import whole
from echo.providers.failures import ProviderFailure
from echo.providers.transport import Call, Transport
from echo.providers.whole import WholeBody, whole_body
from tests.support.providers.asking import LIMITS
from tests.support.providers.server import Answer, Piece, serving


def fetched(*pieces: Piece, stream_seconds: float = LIMITS.stream_seconds) -> WholeBody:
    async def run() -> WholeBody:
        transport = Transport(replace(LIMITS, stream_seconds=stream_seconds, short_seconds=0.01))
        try:
            return await whole_body(transport, Call(server.url, {}))
        finally:
            await transport.close()

    with serving(lambda _: Answer(pieces)) as server:
        return asyncio.run(run())


def failure_of(*pieces: Piece, **more: float) -> str:
    with pytest.raises(ProviderFailure) as failed:
        fetched(*pieces, **more)
    assert failed.value.transient is False
    return failed.value.kind


def test_is_one_event_and_an_end() -> None:
    async def run() -> list[bytes]:
        body = WholeBody({"text": "ü"})
        pieces = [await body.read(), await body.read(ending=True), await body.read(), await body.read()]
        await body.drain()
        return pieces

    assert asyncio.run(run()) == ['data: {"text":"ü"}\n\n'.encode(), b"data: [DONE]\n\n", b"", b""]


def test_may_take_as_long_as_a_stream() -> None:
    assert asyncio.run(fetched(b"{", 0.05, b"}").read()) == b"data: {}\n\n"
    assert failure_of(b"{", 0.3, b"}", stream_seconds=0.1) == "timeout"


def test_that_is_no_json_is_a_failure() -> None:
    assert failure_of(b"nonsense") == "no_json"


def test_may_be_as_large_as_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole, "MAX_SOUND_BYTES", 6)
    assert asyncio.run(fetched(b'"text"').read()) == b'data: "text"\n\n'
    assert failure_of(b'"text" ') == "too_large"
