"""What is asked beside chats: one answer, pieces of one, and the models on offer."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
import structlog

from echo.errors import ApiError
from echo.observation import metrics
from echo.providers import errands
from echo.providers.chat import Credentials
from echo.providers.errands import Endpoint, Errand, Flow, Sound, names_in, read_json, sounds
from echo.providers.failures import ProviderFailure, unusable
from echo.providers.registry import build_providers
from echo.providers.transport import Body, Call
from tests.support.providers import CUT, Answer, json_answer
from tests.support.providers.asking import LIMITS, settings_of
from tests.support.providers.server import serving


def use(url: str, what: Callable[[Endpoint], Awaitable[Any]], limits: Any = LIMITS, **more: Any) -> Any:
    async def run() -> Any:
        providers = build_providers([settings_of("openai", url, **more)], limits)
        try:
            return await what(providers["openai"])
        finally:
            await providers.close()

    return asyncio.run(run())


def errand(url: str, most: int = 1000, read: Callable[[bytes], Any] = bytes) -> Errand[Any]:
    return Errand("odd_errand", "m", lambda access: Call(url, {"X-Key": access.api_key}), read, most)


class TestAsking:
    def ask(self, *answers: Answer, limits: Any = LIMITS, **more: Any) -> Any:
        left = list(answers)
        with serving(lambda _: left.pop(0)) as server:
            found = use(server.url, lambda it: it.ask(errand(server.url, **more)), limits)
        assert left == []
        return found

    def test_gives_what_is_read_in_the_answer(self) -> None:
        assert self.ask(Answer([b"12", b"34"]), read=int) == 1234

    def test_is_done_again_after_what_fails_for_a_moment(self) -> None:
        assert self.ask(json_answer({}, 503), Answer([CUT]), Answer([b"a"])) == b"a"

    def test_ends_with_a_failure_that_does_not_pass(self) -> None:
        with structlog.testing.capture_logs() as logged, pytest.raises(ApiError) as failed:
            self.ask(json_answer({"error": {"code": "odd"}}, 404))
        assert failed.value.code == "provider_refused"
        [line] = [line for line in logged if line["event"] == "a provider failed"]
        assert (line["provider"], line["call"], line["kind"]) == ("openai", "odd_errand", "odd")

    def test_takes_no_more_than_there_may_be(self) -> None:
        assert self.ask(Answer([b"12345"]), most=5) == b"12345"
        with pytest.raises(ApiError) as failed:
            self.ask(Answer([b"123456"]), most=5)
        assert failed.value.code == "provider_failed"

    def test_reads_what_is_large_in_a_thread(self) -> None:
        def where(content: bytes) -> tuple[int, bool]:
            return len(content), threading.current_thread() is threading.main_thread()

        small, large = 64 * 1024, 64 * 1024 + 1
        assert self.ask(Answer([b"x" * small]), most=large, read=where) == (small, True)
        assert self.ask(Answer([b"x" * large]), most=large, read=where) == (large, False)

    def test_has_ten_minutes_and_no_more_than_a_stream(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert errands.ERRAND_SECONDS == 600.0
        slow = Answer([b"a", 0.3, b"b"])
        for errand_seconds, stream_seconds in ((600.0, 0.1), (0.1, 600.0)):
            monkeypatch.setattr(errands, "ERRAND_SECONDS", errand_seconds)
            with pytest.raises(ApiError):
                self.ask(slow, limits=replace(LIMITS, stream_seconds=stream_seconds, short_seconds=600.0))
        monkeypatch.setattr(errands, "ERRAND_SECONDS", 600.0)
        assert self.ask(slow, limits=replace(LIMITS, short_seconds=0.1)) == b"ab"

    def test_is_counted_under_its_name(self, monkeypatch: pytest.MonkeyPatch) -> None:
        told: list[Any] = []
        monkeypatch.setattr(
            metrics, "observe_provider", lambda name, _, outcome, call: told.append((name, outcome, call))
        )
        self.ask(Answer([b"a"]))
        assert told == [("openai", "ok", "odd_errand")]

    def test_takes_the_users_key(self) -> None:
        with serving(lambda _: Answer([b"a"])) as server:
            use(server.url, lambda it: it.ask(errand(server.url)), user_provides_key=True)
            use(
                server.url,
                lambda it: it.ask(errand(server.url), Credentials("own")),
                user_provides_key=True,
            )
        assert [received.headers["x-key"] for received in server.requests] == ["k", "own"]


class TestPouring:
    def pour(
        self, *answers: Answer, read: Any = None, taken: threading.Event | None = None
    ) -> tuple[list[Any], ApiError | None]:
        """What came, and what ended it; `taken` is set when the first piece was."""
        left = list(answers)

        async def pieces(body: Body) -> AsyncGenerator[bytes, None]:
            while piece := await body.read():
                yield piece
                if piece == b"odd":
                    raise unusable("odd")

        async def run(endpoint: Endpoint) -> tuple[list[Any], ApiError | None]:
            came: list[Any] = []
            flow = Flow("odd_flow", "m", lambda _: Call(server.url, {}), read or pieces)
            try:
                async for piece in endpoint.pour(flow):
                    came.append(piece)
                    if taken:
                        taken.set()
            except ApiError as error:
                return came, error
            return came, None

        with serving(lambda _: left.pop(0)) as server:
            found = use(server.url, run)
        assert left == []
        return found

    def test_gives_the_pieces_of_any_body(self) -> None:
        came, error = self.pour(Answer([b"a", 0.05, b"b"]))
        assert (b"".join(came), error) == (b"ab", None)

    def test_is_done_again_before_the_first_piece(self) -> None:
        assert self.pour(json_answer({}, 503), Answer([0.01, CUT]), Answer([b"a"])) == ([b"a"], None)

    def test_is_not_done_again_after_it(self) -> None:
        for end in (CUT, b"odd"):
            taken = threading.Event()
            came, error = self.pour(Answer([b"a", taken, end]), taken=taken)
            assert came[0] == b"a"
            assert error is not None
            assert error.code == "provider_failed"


class TestSounds:
    def listen(self, *pieces: Any, media_type: str = "audio/mpeg") -> Any:
        return TestPouring().pour(Answer(pieces, 200, {"Content-Type": media_type}), read=sounds)

    @pytest.mark.parametrize(
        "media_type", ["audio/mpeg", "audio/x-odd", "application/octet-stream", "binary/octet-stream"]
    )
    def test_are_called_what_the_provider_says(self, media_type: str) -> None:
        assert self.listen(b"a", media_type=media_type) == ([Sound(media_type, b"a")], None)

    def test_are_limited_to_the_byte(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(errands, "MAX_SOUND_BYTES", 4)
        came, error = self.listen(b"ab", 0.02, b"cd")
        assert (b"".join(each.content for each in came), error) == (b"abcd", None)
        assert self.listen(b"abcde")[1] is not None

    @pytest.mark.parametrize(
        ("body", "kind"),
        [
            (("text/html", b"<html>"), "no_sound"),
            (("audio/mpeg",), "no_answer"),
            (("audio/mpeg", b"abcde"), "too_large"),
        ],
    )
    def test_that_are_none_are_failures(self, monkeypatch: pytest.MonkeyPatch, body: Any, kind: str) -> None:
        monkeypatch.setattr(errands, "MAX_SOUND_BYTES", 4)

        class Given:
            content_type, *pieces = body

            async def read(self) -> bytes:
                return self.pieces.pop(0) if self.pieces else b""

        async def run() -> None:
            given: Any = Given()
            async for _ in sounds(given):
                pass

        with pytest.raises(ProviderFailure) as failed:
            asyncio.run(run())
        assert (failed.value.kind, failed.value.transient) == (kind, False)


class TestOffered:
    def offered(self, answer: Answer, *times: Credentials | None, **more: Any) -> tuple[list[Any], list[str]]:
        """What was told each time, and the keys of the requests for that."""

        async def run(endpoint: Endpoint) -> list[Any]:
            return [await endpoint.offered(each) for each in times]

        with serving(lambda _: answer, "/v1") as server:
            found = use(server.url, run, **more)
        return found, [received.headers["authorization"] for received in server.requests]

    def test_are_all_that_the_provider_lists_and_remembered_for_each_key(self) -> None:
        answer = json_answer({"data": [{"id": "gpt-4.1"}, {"id": "whisper-1"}]})
        both = ("gpt-4.1", "whisper-1")
        own = Credentials("own")
        assert self.offered(answer, None, own, None, own, user_provides_key=True) == (
            [both, both, both, both],
            ["Bearer k", "Bearer own"],
        )

    def test_are_none_where_the_provider_does_not_tell(self) -> None:
        assert self.offered(json_answer({}, 500), None)[0] == [()]

    def test_are_none_without_a_key(self) -> None:
        assert self.offered(json_answer({}), None, api_key=None, user_provides_key=True) == ([()], [])

    def test_are_counted_as_models(self, monkeypatch: pytest.MonkeyPatch) -> None:
        told: list[Any] = []
        monkeypatch.setattr(metrics, "observe_provider", lambda *_, call: told.append(call))
        self.offered(json_answer({"data": []}), None)
        assert told == ["models"]


@pytest.mark.parametrize(
    ("answer", "names"),
    [
        ({"data": [{"id": "a"}, {"id": "models/b"}, {"name": "c"}]}, ["a", "b", "c"]),
        ({"models": [{"name": "models/a"}, {"name": "b"}]}, ["a", "b"]),
        ({"data": [{"id": 7}, {}, "text", None, {"id": "a", "name": "b"}]}, ["a"]),
        ({"data": {"id": "a"}, "models": [{"name": "a"}]}, []),
        ({"data": "a"}, []),
        ({}, []),
        ([{"id": "a"}], []),
        (None, []),
    ],
    ids=repr,
)
def test_names_are_those_of_all_kinds(answer: Any, names: list[str]) -> None:
    assert names_in(answer) == names


@pytest.mark.parametrize("content", [b"NaN", b"", b"nonsense", b"[Infinity]"])
def test_what_is_no_json_is_a_failure(content: bytes) -> None:
    assert read_json(b'{"a": [1]}') == {"a": [1]}
    with pytest.raises(ProviderFailure) as failed:
        read_json(content)
    assert failed.value.kind == "no_json"
