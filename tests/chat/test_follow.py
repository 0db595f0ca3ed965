"""The bytes of a run's stream for one reader."""

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest

from echo.chat import follow as following
from echo.chat import frames
from echo.chat.follow import MOST_BYTES, Reading, follow, pieces
from echo.chat.transcript import Frame, Transcript
from tests.chat.test_transcript import ABOUT
from tests.support.streams import Event, parse, spoken

LONG = "wörd " * 100_000


async def read(transcript: Transcript, *, closing: bool = False, **reading: Any) -> list[bytes]:
    stops = asyncio.Event()
    if closing:
        stops.set()
    return [piece async for piece in follow(transcript, stops, Reading(**reading))]


def events(pieces: Iterable[bytes]) -> list[Event]:
    return list(parse(b"".join(pieces).decode().split("\n")))


class TestALongAnswer:
    @pytest.mark.parametrize("resume", [False, True])
    def test_is_handed_on_in_pieces_that_a_slow_reader_can_take(self, resume: bool) -> None:
        transcript = Transcript(ABOUT)
        transcript.extend("s", frames.TEXT, LONG)
        transcript.add(frames.ERROR, frames.failed("over", "x"))
        pieces = asyncio.run(read(transcript, resume=resume))
        assert max(map(len, pieces)) <= MOST_BYTES
        found = events(pieces)
        so_far = found[0].data["resumeState"]["aggregatedContent"][0]["text"] if resume else ""
        assert so_far + spoken(found) == LONG
        # What is made at a time is no more, either.
        assert max(len(spoken([event])) for event in found) <= 64 * 1024
        assert found[-1].kind == "error"


class TestTheEndOfAProcess:
    """LibreChat's client waits for ever after a stream that just ends, and shows an error in the answer's place."""

    @pytest.mark.parametrize(
        ("reconnects", "last"),
        [(False, frames.encode(frames.ERROR, frames.failed("gone", "interrupted"))), (True, frames.BROKEN)],
    )
    def test_that_ended_the_run_is_told(self, reconnects: bool, last: bytes) -> None:
        transcript = Transcript(ABOUT)
        transcript.extend("s", frames.TEXT, "said")
        transcript.add(frames.ERROR, frames.failed("gone", "interrupted"))
        pieces = b"".join(asyncio.run(read(transcript, reconnects=reconnects)))
        assert b"said" in pieces
        assert pieces.endswith(last)
        assert (b"gone" in pieces) is not reconnects

    @pytest.mark.parametrize(("reconnects", "last"), [(False, frames.COME_BACK), (True, frames.BROKEN)])
    def test_ends_the_stream_before_the_run(self, reconnects: bool, last: bytes) -> None:
        transcript = Transcript(ABOUT)
        transcript.extend("s", frames.TEXT, "said")
        assert asyncio.run(read(transcript, closing=True, reconnects=reconnects))[-1] == last

    def test_other_errors_are_told_in_either_case(self) -> None:
        transcript = Transcript(ABOUT)
        transcript.add(frames.ERROR, frames.failed("over", "x"))
        assert b"over" in b"".join(asyncio.run(read(transcript, reconnects=True)))


SAID = frames.encode("message", {"event": "a"})
OVER = frames.encode("message", {"final": True})


def told(*payloads: Any) -> Transcript:
    transcript = Transcript(ABOUT)
    for each in payloads:
        transcript.add(frames.MESSAGE, each)
    return transcript


class TestWhoReads:
    def test_from_the_beginning_gets_every_event_as_it_is(self) -> None:
        assert b"".join(asyncio.run(read(told({"event": "a"}, {"final": True})))) == SAID + OVER

    @pytest.mark.parametrize(("protocol", "more"), [(1, {}), (2, {"generationProtocolVersion": 2})])
    def test_is_told_the_protocol_by_the_last_event(self, protocol: int, more: Any) -> None:
        reading = Reading(protocol=protocol)
        for name, last in ((frames.MESSAGE, {"final": True}), (frames.ERROR, {"error": "x", "code": "c"})):
            assert reading.spoken(Frame(name, last)) == Frame(name, {**last, **more})
        for payload in ({"event": "a"}, {"final": False}):
            assert reading.spoken(Frame(frames.MESSAGE, payload)) == Frame(frames.MESSAGE, payload)

    def test_speaks_the_first_protocol_if_nobody_says_another(self) -> None:
        assert Reading() == Reading(resume=False, protocol=1, pending=(), reconnects=False)

    def test_comes_back_to_the_state_with_what_waits(self) -> None:
        transcript = told({"event": "a"})
        state = transcript.state()
        waiting = [{"steerId": "s"}]
        assert Reading().opening(transcript) == Frame("message", frames.sync(state))
        assert Reading(pending=waiting).opening(transcript) == Frame(
            "message", frames.sync({**state, "pendingSteers": waiting})
        )

    def test_comes_back_to_the_state_and_what_is_new(self) -> None:
        transcript = told({"event": "a"}, {"final": True})
        opening = frames.encode("message", frames.sync(transcript.state()))
        assert b"".join(asyncio.run(read(transcript, resume=True))) == opening + OVER

    def test_gets_what_comes_and_a_sign_of_life_while_nothing_does(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert following.KEEP_ALIVE_SECONDS == 15.0
        monkeypatch.setattr(following, "KEEP_ALIVE_SECONDS", 0.0)
        transcript = Transcript(ABOUT)

        async def go() -> list[bytes]:
            stream = follow(transcript, asyncio.Event())
            seen = [await anext(stream), await anext(stream)]
            transcript.add(frames.MESSAGE, {"event": "a"})
            seen.append(await anext(stream))
            transcript.add(frames.MESSAGE, {"final": True})
            return [*seen, *[each async for each in stream]]

        assert asyncio.run(go()) == [frames.KEEP_ALIVE, frames.KEEP_ALIVE, SAID, OVER]
        assert transcript.watchers == set()

    def test_waits_for_what_comes(self) -> None:
        transcript = Transcript(ABOUT)

        async def go() -> list[bytes]:
            stream = follow(transcript, asyncio.Event())
            first = asyncio.ensure_future(anext(stream))
            await asyncio.sleep(0)
            assert (len(transcript.watchers), first.done()) == (1, False)
            transcript.add(frames.MESSAGE, {"final": True})
            return [await first, *[each async for each in stream]]

        assert asyncio.run(go()) == [OVER]

    def test_is_forgotten_when_it_leaves(self) -> None:
        transcript = told({"event": "a"})

        async def go() -> int:
            stream = follow(transcript, asyncio.Event())
            assert await anext(stream) == SAID
            watching = len(transcript.watchers)
            await stream.aclose()
            return watching

        assert (asyncio.run(go()), transcript.watchers) == (1, set())


def test_pieces_are_whole_but_for_the_last() -> None:
    assert list(pieces([])) == []
    length = len(frames.encode("message", {"text": ""}))
    full = "x" * (64 * 1024 - length)
    assert [len(each) for each in pieces([Frame("message", {"text": full})])] == [64 * 1024]
    assert [len(each) for each in pieces([Frame("message", {"text": full + "yz"})])] == [64 * 1024, 2]
