"""What goes to a provider, how its answers are read, and what each kind of failure is called in the log."""

import asyncio
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from echo import __version__
from echo.observation import tracing
from echo.providers import transport
from echo.providers.addresses import AddressGuard
from echo.providers.failures import ProviderFailure
from echo.providers.transport import Body, Call, Transport
from tests.support.providers import CUT, Answer, event_stream, json_answer
from tests.support.providers.asking import LIMITS
from tests.support.providers.server import ProviderServer, serving
from tests.support.waiting import PATIENCE, until

STREAM = {"Content-Type": "text/event-stream"}
# Seconds, far more than anybody here waits; a reader without a limit would come to the end of them.
NOTHING = 5.0
# Long enough for a server that has answered already.
SOON = replace(LIMITS, first_seconds=0.3, chunk_seconds=0.3, short_seconds=0.3)


@asynccontextmanager
async def connected(limits: Any = LIMITS, **more: Any) -> AsyncIterator[Transport]:
    opened = Transport(limits, **more)
    try:
        yield opened
    finally:
        await opened.close()


def use(what: Callable[[Transport], Awaitable[Any]], limits: Any = LIMITS, **more: Any) -> Any:
    async def run() -> Any:
        async with connected(limits, **more) as opened:
            return await what(opened)

    return asyncio.run(run())


def asked(*calls: Call, answer: Answer | None = None, **more: Any) -> ProviderServer:
    """What a server has received of these calls, which it answers with some JSON."""

    async def run(opened: Transport) -> None:
        for call in calls:
            await opened.json(replace(call, url=server.url + call.url))

    with serving(lambda _: answer or json_answer({})) as server:
        use(run, **more)
    return server


def content_of(answer: Answer, most: int = 1000, limits: Any = LIMITS) -> bytes:
    with serving(lambda _: answer) as server:
        return use(
            lambda it: it.content(Call(server.url, {}), seconds=limits.short_seconds, most=most), limits
        )


def streamed(
    answer: Answer,
    limits: Any = LIMITS,
    *,
    drained: bool = False,
    taken: threading.Event | None = None,
    **more: Any,
) -> list[bytes]:
    """The pieces of a body up to its end; of one to be `drained` only the first. `taken` is set after that."""

    async def run(opened: Transport) -> list[bytes]:
        pieces = []
        async with opened.stream(Call(server.url, {}), **more) as body:
            while piece := await body.read():
                pieces.append(piece)
                if taken:
                    taken.set()
                if drained:
                    await body.drain()
                    break
        return pieces

    with serving(lambda _: answer) as server:
        return use(run, limits)


def failure_of(what: Callable[[], Any]) -> tuple[str, bool]:
    """The kind of a failure, as the log has it, and whether trying again may help."""
    with pytest.raises(ProviderFailure) as failed:
        what()
    return failed.value.kind, failed.value.transient


class TestRequest:
    def test_says_who_asks_and_takes_nothing_packed(self) -> None:
        [received] = asked(Call("/there", {"X-Own": "own"})).requests
        assert (received.method, received.path, received.body) == ("GET", "/there", b"")
        assert received.headers["user-agent"] == f"echo-api/{__version__}"
        assert received.headers["accept-encoding"] == "identity"
        assert received.headers["x-own"] == "own"

    def test_with_a_body_is_a_post_of_json(self) -> None:
        [received] = asked(Call("/", {"Content-Type": "application/json"}, {"text": "ü", "n": 1})).requests
        assert (received.method, received.body) == ("POST", '{"text":"ü","n":1}'.encode())
        assert received.headers["content-type"] == "application/json"

    def test_carries_the_trace_and_the_calls_own_word_counts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tracing, "outgoing_headers", lambda: {"traceparent": "00-a", "X-Own": "trace"})
        [received] = asked(Call("/", {"X-Own": "own"})).requests
        assert (received.headers["traceparent"], received.headers["x-own"]) == ("00-a", "own")

    def test_goes_nowhere_else(self) -> None:
        requests: list[str] = []

        def respond(received: Any) -> Answer:
            requests.append(received.path)
            return json_answer({}, 307, Location="/elsewhere")

        with serving(respond) as server:
            assert failure_of(lambda: use(lambda it: it.json(Call(server.url, {})))) == ("status_307", False)
        assert requests == ["/"]

    def test_brings_no_cookies_back(self) -> None:
        server = asked(Call("/", {}), Call("/", {}), answer=json_answer({}, Set_Cookie="session=1; Path=/"))
        assert [received.headers.get("cookie") for received in server.requests] == [None, None]

    def test_goes_over_a_connection_that_is_there(self) -> None:
        assert asked(Call("/", {}), Call("/", {})).connections == 1
        # To users' own addresses go connections of their own, whose addresses are checked.
        allowed = replace(LIMITS, allowed_addresses=("127.0.0.1:1",))
        assert asked(Call("/", {}), Call("/", {}, guarded=True), limits=allowed).connections == 2

    def test_goes_over_what_the_connector_makes(self) -> None:
        made: list[aiohttp.BaseConnector] = []

        def connector() -> aiohttp.BaseConnector:
            made.append(aiohttp.TCPConnector())
            return made[-1]

        asked(Call("/", {}), connector=connector)
        assert len(made) == 1
        assert made[0].closed

    def test_to_a_users_host_is_checked_where_it_leads(self) -> None:
        async def run(opened: Transport) -> Any:
            return await opened.json(Call(url, {}, guarded=guarded))

        with serving(lambda _: json_answer({"a": 1})) as server:
            url = server.url.replace("127.0.0.1", "localhost")
            guarded = False
            assert use(run) == {"a": 1}
            guarded = True
            with pytest.raises(ProviderFailure) as failed:
                use(run)
            assert failed.value.error.code == "base_url_refused"
            assert failed.value.transient is False
            assert use(run, replace(LIMITS, allowed_addresses=(url.removeprefix("http://"),))) == {"a": 1}

    def test_can_be_made_on_one_loop_after_the_other(self) -> None:
        opened = Transport(LIMITS)

        async def run() -> Any:
            try:
                return await opened.json(Call(server.url, {}))
            finally:
                await opened.close()

        with serving(lambda _: json_answer([1])) as server:
            assert [asyncio.run(run()) for _ in range(2)] == [[1], [1]]


class TestFailures:
    def test_of_an_answer_that_is_no_event_stream(self) -> None:
        plain = Answer([b"sound"], headers={"Content-Type": "audio/mpeg"})
        assert failure_of(lambda: streamed(plain)) == ("no_event_stream", False)
        assert streamed(plain, events=False) == [b"sound"]

    @pytest.mark.parametrize("content", [b"nonsense", b"", b"NaN", b"\xff"])
    def test_of_one_that_is_no_json(self, content: bytes) -> None:
        with serving(lambda _: Answer([content] if content else [])) as server:
            assert failure_of(lambda: use(lambda it: it.json(Call(server.url, {})))) == ("no_json", False)

    def test_of_one_that_breaks_off(self) -> None:
        assert failure_of(lambda: content_of(Answer([b"a", CUT]))) == ("broken_off", True)
        assert failure_of(lambda: streamed(event_stream(b"a", CUT))) == ("broken_off", True)

    def test_of_one_that_never_begins(self) -> None:
        assert failure_of(lambda: content_of(Answer([CUT]))) == ("disconnected", True)

    def test_of_one_that_takes_too_long(self) -> None:
        assert failure_of(lambda: content_of(Answer([b"a", NOTHING]), limits=SOON)) == ("timeout", False)
        assert failure_of(lambda: streamed(event_stream(NOTHING), SOON)) == ("timeout", False)
        assert failure_of(lambda: streamed(event_stream(b"a", NOTHING), SOON)) == ("timeout", False)

    def test_of_headers_that_take_too_long(self) -> None:
        given_up = threading.Event()

        def slow(_received: Any) -> Answer:
            given_up.wait(PATIENCE)
            return json_answer({})

        with serving(slow) as server:
            try:
                assert failure_of(lambda: use(lambda it: it.json(Call(server.url, {})), SOON)) == (
                    "timeout",
                    False,
                )
            finally:
                given_up.set()

    def test_of_nobody_who_listens(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        assert failure_of(lambda: use(lambda it: it.json(Call(f"http://127.0.0.1:{port}", {})))) == (
            "connect",
            True,
        )

    def test_of_one_who_does_not_take_up(self) -> None:
        with socket.socket() as full, socket.socket() as first, socket.socket() as second:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            # Nobody accepts, and the queue is full: Linux answers no further connection.
            for waiting in (first, second):
                waiting.setblocking(False)
                waiting.connect_ex(full.getsockname())
            call = Call(f"http://127.0.0.1:{full.getsockname()[1]}", {})
            limits = replace(LIMITS, connect_seconds=0.05)
            assert failure_of(lambda: use(lambda it: it.json(call), limits)) == ("connect_timeout", True)

    def test_of_a_name_that_nobody_resolves_in_time(self) -> None:
        class Lost(AbstractResolver):
            async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[ResolveResult]:
                await asyncio.sleep(PATIENCE)
                return []

            async def close(self) -> None:
                pass

        guard = AddressGuard(resolver=Lost())
        call = Call("http://api.example.com", {}, guarded=True)
        limits = replace(LIMITS, connect_seconds=0.05)
        assert failure_of(lambda: use(lambda it: it.json(call), limits, guard=guard)) == (
            "connect_timeout",
            True,
        )

    def test_of_what_cannot_be_asked(self) -> None:
        assert failure_of(lambda: use(lambda it: it.json(Call("nonsense", {})))) == (
            "InvalidUrlClientError",
            False,
        )
        with serving(lambda _: json_answer({})) as server:
            call = Call(server.url, {"X-Two": "a\r\nb: c"})
            assert failure_of(lambda: use(lambda it: it.json(call))) == ("ValueError", False)
            until(lambda: server.connections == 1)
        assert server.requests == []

    def test_of_a_body_that_no_json_can_hold(self) -> None:
        with pytest.raises(ProviderFailure) as failed:
            use(lambda it: it.json(Call("http://127.0.0.1:1", {}, {"n": 2**70})))
        failure = failed.value
        assert (failure.kind, failure.transient, failure.error.code) == ("no_json", False, "provider_refused")


class TestRefusal:
    """Another status than 200, and what the provider says of it."""

    PARAMETERS = frozenset({"top_p", "seed"})

    def refused(self, answer: Answer) -> ProviderFailure:
        with serving(lambda _: answer) as server, pytest.raises(ProviderFailure) as failed:
            use(lambda it: it.json(Call(server.url, {}, {}, parameters=self.PARAMETERS)))
        return failed.value

    @pytest.mark.parametrize(
        ("status", "named"),
        [(400, {"top_p"}), (422, {"top_p"}), (401, set()), (404, set()), (413, set()), (500, set())],
    )
    def test_names_parameters_only_where_the_request_is_to_blame(self, status: int, named: set[str]) -> None:
        error = {"error": {"message": "Unknown parameter: 'top_p'.", "param": "top_p", "code": "odd"}}
        failure = self.refused(json_answer(error, status))
        assert (failure.named, failure.kind) == (named, "odd")

    def test_may_be_a_text(self) -> None:
        failure = self.refused(Answer([b"\xff unknown field: seed"], 400))
        assert (failure.named, failure.kind) == ({"seed"}, "status_400")

    def test_says_how_long_to_wait(self) -> None:
        limited = {"error": {"code": 429, "status": "GONE", "details": [{"retryDelay": "3s"}]}}
        assert self.refused(json_answer(limited, 429)).retry_after == 3.0
        assert self.refused(json_answer({}, 429, Retry_After="7")).retry_after == 7.0

    def test_of_many_bytes_or_cut_off_is_told_by_its_status(self) -> None:
        said = b'{"error": {"code": "odd"}}'
        assert self.refused(Answer([said + b" " * (16 * 1024 - len(said))], 404)).kind == "odd"
        assert self.refused(Answer([said + b" " * (16 * 1024 - len(said) + 1)], 404)).kind == "status_404"
        assert self.refused(Answer([said, CUT], 404)).kind == "status_404"

    def test_that_never_comes_to_its_end_is_told_by_its_status(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(transport, "ERROR_SECONDS", 0.1)
        assert self.refused(Answer([b'{"error": {"code"', NOTHING, b': "odd"}}'], 404)).kind == "status_404"


class TestSize:
    def test_of_a_whole_answer_is_limited_to_the_byte(self) -> None:
        assert content_of(Answer([b"12345", b"67890"]), most=10) == b"1234567890"
        assert failure_of(lambda: content_of(Answer([b"12345", b"678901"]), most=10)) == ("too_large", False)

    def test_of_json_is_limited_to_the_byte(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(transport, "MAX_ANSWER_BYTES", 4)
        with serving(lambda received: Answer([received.path[1:].encode()])) as server:
            assert use(lambda it: it.json(Call(f"{server.url}/1234", {}))) == 1234
            assert failure_of(lambda: use(lambda it: it.json(Call(f"{server.url}/12345", {})))) == (
                "too_large",
                False,
            )

    def test_of_a_stream_is_limited_to_the_byte(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(transport, "MAX_STREAM_BYTES", 10)
        assert b"".join(streamed(event_stream(b"12345", b"67890"))) == b"1234567890"
        assert failure_of(lambda: streamed(event_stream(b"12345", b"678901"))) == ("too_large", False)


class TestBody:
    @pytest.mark.parametrize(
        ("ending", "seconds"), [(False, {"chunk_seconds": 0.1}), (True, {"chunk_seconds": PATIENCE})]
    )
    def test_waits_shortly_for_what_comes_after_the_end(
        self, monkeypatch: pytest.MonkeyPatch, ending: bool, seconds: dict[str, float]
    ) -> None:
        monkeypatch.setattr(transport, "ENDING_SECONDS", 0.1 if ending else PATIENCE)

        async def run(opened: Transport) -> bytes:
            async with opened.stream(Call(server.url, {})) as body:
                assert await body.read() == b"a"
                return await body.read(ending=ending)

        with serving(lambda _: event_stream(b"a", NOTHING)) as server:
            assert failure_of(lambda: use(run, replace(LIMITS, **seconds))) == ("timeout", False)

    def test_has_so_long_for_its_first_piece_and_for_all(self) -> None:
        """The time for a piece counts only from the first one on."""
        late = event_stream(0.3, b"a", b"b")
        assert streamed(late, replace(LIMITS, chunk_seconds=0.01), drained=True)[0][:1] == b"a"
        slow = event_stream(b"a", 0.6, b"b")
        assert failure_of(lambda: streamed(slow, replace(LIMITS, stream_seconds=0.3))) == ("timeout", False)

    def test_is_drained_so_that_its_connection_can_be_used_again(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(transport, "DRAIN_SECONDS", PATIENCE)

        async def run(opened: Transport) -> None:
            for _ in range(2):
                async with opened.stream(Call(server.url, {})) as body:
                    await body.read()
                    await body.drain()

        with serving(lambda _: event_stream(b"a", 0.02, b"b")) as server:
            use(run)
        assert server.connections == 1

    def test_is_drained_for_a_moment_and_up_to_its_bound(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(transport, "DRAIN_SECONDS", 0.05)
        assert streamed(event_stream(b"a", threading.Event()), drained=True) == [b"a"]
        monkeypatch.setattr(transport, "DRAIN_SECONDS", PATIENCE)
        monkeypatch.setattr(transport, "MAX_STREAM_BYTES", 1_000_000)
        assert streamed(event_stream(b"a", 0.05, b"a" * 100_000, endless=True), drained=True)
        # What goes wrong by then is nobody's business.
        taken = threading.Event()
        assert streamed(event_stream(b"a", taken, CUT), drained=True, taken=taken) == [b"a"]

    def test_that_is_left_ends_its_connection(self) -> None:
        async def run(opened: Transport) -> None:
            for _ in range(2):
                async with opened.stream(Call(server.url, {})) as body:
                    await body.read()

        with serving(lambda _: event_stream(b"a", 0.01, endless=True)) as server:
            use(run)
            until(lambda: all(received.left for received in server.requests))
            assert server.connections == 2

    def test_says_what_it_is(self) -> None:
        async def run(opened: Transport) -> str:
            async with opened.stream(Call(server.url, {}), events=False) as body:
                assert isinstance(body, Body)
                return body.content_type

        with serving(lambda _: Answer([b"a"], headers={"Content-Type": "audio/mpeg; rate=8"})) as server:
            assert use(run) == "audio/mpeg"


def test_a_call_keeps_keys_and_words_out_of_logs() -> None:
    shown = repr(Call("https://example.com", {"Authorization": "Bearer canary"}, {"text": "canary"}))
    assert "canary" not in shown
    assert "https://example.com" in shown


class TestConnections:
    def test_are_as_many_as_are_asked_for_at_once(self) -> None:
        everybody = threading.Event()

        async def one(opened: Transport) -> bytes:
            async with opened.stream(Call(server.url, {})) as body:
                if len(server.requests) == 101:
                    everybody.set()
                return await body.read()

        async def run(opened: Transport) -> set[bytes]:
            return set(await asyncio.gather(*(one(opened) for _ in range(101))))

        with serving(lambda _: event_stream(everybody, b"a")) as server:
            assert use(run) == {b"a"}
        assert server.connections == 101

    @pytest.mark.parametrize("guarded", [False, True])
    def test_trust_whom_the_server_trusts(self, monkeypatch: pytest.MonkeyPatch, guarded: bool) -> None:
        trusted = ssl.create_default_context()
        monkeypatch.setattr(transport, "authorities", lambda: trusted)

        async def run(opened: Transport) -> Any:
            connector = opened._to_hosts(guarded)
            try:
                return connector._ssl
            finally:
                await connector.close()

        assert use(run) is trusted

    def test_are_prepared_for_by_reading_whom_to_trust(self, monkeypatch: pytest.MonkeyPatch) -> None:
        read: list[bool] = []
        monkeypatch.setattr(transport, "authorities", lambda: read.append(True))
        transport.prepare()
        assert read == [True]
