"""Connections over raw sockets to a served Echo: what one may send, how long it may take, how many there may be."""

import json
import select
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.chat.test_runs import WORDS, held
from tests.support.database import named_database
from tests.support.providers import openai_server
from tests.support.server import RunningServer, start_server
from tests.support.streams import Talker, spoken
from tests.support.waiting import PATIENCE, eventually

MIB = 1024 * 1024
# Small, so that nobody waits for long. With 256 descriptors a worker has (256 - 128) / 2 = 64 connections, an address
# half of them.
LIMITS = {
    "ECHO_HEADER_SECONDS": "3",
    "ECHO_BODY_SECONDS": "1",
    "ECHO_BODY_BYTES_PER_SECOND": "1000",
    "ECHO_BODY_PAUSE_SECONDS": "2",
    "ECHO_READING_PAUSE_SECONDS": "2",
    "ECHO_IDLE_SECONDS": "1",
}
DESCRIPTORS = 256
CONNECTIONS, PER_ADDRESS = 64, 32

GET = b"GET /health HTTP/1.1\r\nHost: echo\r\n"
LAST = b"Connection: close\r\n\r\n"
POST = b"POST /api/auth/login HTTP/1.1\r\nHost: echo\r\nContent-Type: application/json\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


@dataclass
class Served:
    """The server of these tests, and what lets its model go on."""

    server: RunningServer
    address: tuple[str, int]
    release: threading.Event

    def connect(self, source: str = "127.0.0.1") -> socket.socket:
        return socket.create_connection(self.address, timeout=PATIENCE, source_address=(source, 0))

    def ask(self, request: bytes) -> "list[Answer]":
        """All answers to what is sent on one connection, until the server ends it."""
        with self.connect() as client:
            send(client, request)
            return answers(read(client))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, mongo_uri: str) -> Iterator[Served]:
    release = threading.Event()
    # Not a database of its own, which keeps a file open for each collection and index.
    with (
        openai_server(held(release)) as provider,
        named_database(mongo_uri, "echo_connection") as uri,
    ):
        environ = {
            "MONGO_URI": uri,
            "JWT_SECRET": "tests-only-" + "a1B2" * 8,
            "JWT_REFRESH_SECRET": "tests-only-" + "c3D4" * 8,
            "OPENAI_API_KEY": "sk-tests-only",
            "OPENAI_REVERSE_PROXY": provider.url,
            "TITLE_CONVO": "false",
        }
        server = start_server(
            tmp_path_factory.mktemp("served"),
            environ={**LIMITS, **environ},
            command=("prlimit", f"--nofile={DESCRIPTORS}", sys.executable, "-m", "echo"),
        )
        try:
            yield Served(server, ("127.0.0.1", int(server.url.rpartition(":")[2])), release)
        finally:
            release.set()
            server.kill()


@dataclass
class Answer:
    """One response."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def send(client: socket.socket, request: bytes) -> None:
    """Send as a client that looks at the answer only afterwards, if the server lets it."""
    try:
        client.sendall(request)
    except (BrokenPipeError, ConnectionResetError):
        return


def read(client: socket.socket) -> bytes:
    """What the server sends until the end of the connection."""
    received = bytearray()
    try:
        while piece := client.recv(MIB):
            received += piece
    except ConnectionResetError:
        pass
    return bytes(received)


def answers(received: bytes) -> list[Answer]:
    """Responses that have a `Content-Length`, or end with the connection."""
    found = []
    while received:
        head, _, rest = received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        length = int(headers.get("content-length", len(rest)))
        found.append(Answer(int(first.split()[1]), headers, rest[:length]))
        received = rest[length:]
    return found


def chunks(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


def refused(found: list[Answer], status: int, code: str) -> None:
    """Exactly one answer, which is an error like every other."""
    [answer] = found
    assert (answer.status, answer.json["code"], answer.json["status"]) == (status, code, status)
    assert answer.json["message"]
    assert answer.json["requestId"] == answer.headers["x-request-id"]
    assert answer.headers["connection"] == "close"
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert answer.headers["cache-control"] == "no-store"
    assert "date" in answer.headers


class TestSize:
    """The limits are pinned here: 32 KiB of path and query, 32 KiB of headers, a hundred headers."""

    def test_of_an_ordinary_request_is_no_matter(self, served: Served) -> None:
        [answer] = served.ask(GET + LAST)
        assert (answer.status, answer.body) == (200, b"OK")

    def test_of_the_address(self, served: Served) -> None:
        most = b"/health?" + b"a" * (32 * 1024 - len("/health?"))
        assert [each.status for each in served.ask(b"GET %b HTTP/1.1\r\n%b" % (most, LAST))] == [200]
        refused(served.ask(b"GET %ba HTTP/1.1\r\n%b" % (most, LAST)), 414, "uri_too_long")

    def test_of_headers(self, served: Served) -> None:
        taken = len("HostechoConnectioncloseA")
        most = b"A: " + b"a" * (32 * 1024 - taken)
        assert [each.status for each in served.ask(GET + most + b"\r\n" + LAST)] == [200]
        refused(served.ask(GET + most + b"a\r\n" + LAST), 431, "headers_too_large")

    def test_of_the_number_of_headers(self, served: Served) -> None:
        most = GET + b"a:b\r\n" * 98
        assert [each.status for each in served.ask(most + LAST)] == [200]
        refused(served.ask(most + b"a:b\r\n" + LAST), 431, "headers_too_large")

    @pytest.mark.parametrize(
        ("request_", "status", "code"),
        [
            (b"GET /" + b"a" * 50 * MIB, 414, "uri_too_long"),
            (b"G" * 50 * MIB, 400, "malformed_request"),
            (GET + b"A: " + b"a" * 100 * MIB, 431, "headers_too_large"),
            (GET + b"a" * 50 * MIB, 431, "headers_too_large"),
            (GET + b"a:b\r\n" * 1_000_000 + b"\r\n", 431, "headers_too_large"),
            (CHUNKED + b"2\r\n{}\r\n0\r\nA: " + b"a" * 50 * MIB, 431, "headers_too_large"),
            (CHUNKED + b"2\r\n{}\r\n0\r\n" + b"a:b\r\n" * 1_000_000, 431, "headers_too_large"),
            (CHUNKED + b"2;" + b"a" * 50 * MIB, 431, "headers_too_large"),
            (CHUNKED + (b"1;" + b"a" * 100 + b"\r\n \r\n") * 100_000, 431, "headers_too_large"),
            (CHUNKED + b"0" * 50 * MIB, 431, "headers_too_large"),
        ],
        ids=[
            "url",
            "method",
            "header",
            "name",
            "headers",
            "trailer",
            "trailers",
            "extension",
            "extensions",
            "zeros",
        ],
    )
    def test_is_bounded_while_it_comes(self, served: Served, request_: bytes, status: int, code: str) -> None:
        refused(served.ask(request_), status, code)

    def test_of_what_is_beside_a_body_may_be_as_large_as_headers(self, served: Served) -> None:
        extended = b"2;" + b"a" * 16_000 + b"\r\n{}\r\n0\r\nA: " + b"a" * 16_000 + b"\r\n\r\n"
        request = POST + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + extended
        assert [each.json["code"] for each in served.ask(request)] == ["validation_failed"]

    def test_of_a_body_in_the_smallest_chunks_is_the_bodys(self, served: Served) -> None:
        body = b"1\r\n \r\n" * 40_000 + b"2\r\n{}\r\n0\r\n\r\n"
        request = POST + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + body
        assert [each.json["code"] for each in served.ask(request)] == ["validation_failed"]

    def test_the_error_is_one_of_openai_where_its_clients_ask(self, served: Served) -> None:
        request = b"GET /v1/models HTTP/1.1\r\nA: " + b"a" * 33 * 1024 + b"\r\n\r\n"
        [answer] = served.ask(request)
        assert answer.json["error"]["code"] == "headers_too_large"
        assert answer.json["error"]["type"] == "invalid_request_error"


class TestFraming:
    """Where one request ends and the next begins is never a matter of opinion (RFC 9112, section 11.2)."""

    @pytest.mark.parametrize(
        "fields",
        [
            b"Content-Length: 2\r\nTransfer-Encoding: chunked",
            b"Transfer-Encoding: chunked\r\nContent-Length: 2",
            b"Content-Length: 2\r\nContent-Length: 3",
            b"Content-Length: 2, 2",
            b"Content-Length: +2",
            b"Content-Length: 0x2",
            b"Content-Length: 99999999999999999999999",
            b"Transfer-Encoding: identity",
            b"Transfer-Encoding: xchunked",
            b"Transfer-Encoding: chunked, identity",
            b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
            b"Transfer-Encoding : chunked",
            b"Transfer-Encoding:\r\n chunked",
            b"Content-Length : 2",
            b" Content-Length: 2",
            b"A: \x00",
            b"A: b\rC: d",
        ],
    )
    def test_that_is_ambiguous_is_refused(self, served: Served, fields: bytes) -> None:
        refused(served.ask(POST + fields + b"\r\n\r\n{}"), 400, "malformed_request")

    @pytest.mark.parametrize("size", [b"-1", b"+1", b"0x1", b"", b"g", b" 1", b"f" * 17])
    def test_of_a_chunk_is_a_hexadecimal_number(self, served: Served, size: bytes) -> None:
        refused(served.ask(CHUNKED + size + b"\r\n"), 400, "malformed_request")

    @pytest.mark.parametrize(
        "rubbish",
        [
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 300,
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"GET /\xc3\xa9 HTTP/1.1\r\nHost: echo\r\n\r\n",
            b"GET\t/health\tHTTP/1.1\r\n\r\n",
            b"GET /health HTTP/1.1\nHost: echo\n\n",
            b"CONNECT echo:1 HTTP/1.1\r\n\r\n",
            b"GET /health HTTP/1.1\r\nA : b\r\n\r\n",
        ],
        ids=["tls", "http2", "not ascii", "tabs", "bare line feeds", "connect", "space before the colon"],
    )
    def test_of_what_is_no_request(self, served: Served, rubbish: bytes) -> None:
        refused(served.ask(rubbish), 400, "malformed_request")

    def test_trailers_are_no_headers(self, served: Served) -> None:
        """Even of a request that is still being read when they come."""
        token = served.server.sign_up("trailer").encode()
        request = (
            b"POST /api/messages/trailed HTTP/1.1\r\nContent-Type: application/json\r\nConnection: close\r\n"
        )
        body = b'{"text": "Hello", "sender": "user"}'
        field = b"Authorization: Bearer " + token
        with_header = request + field + b"\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks(body)
        [answer] = served.ask(with_header)
        assert answer.status in (200, 201)
        trailed = chunks(body)[:-2] + field + b"\r\n\r\n"
        [answer] = served.ask(request + b"Transfer-Encoding: chunked\r\n\r\n" + trailed)
        assert answer.status == 401

    @pytest.mark.parametrize("protocol", [b"h2c", b"websocket"])
    def test_a_request_that_wants_another_protocol_is_answered_in_this_one(
        self, served: Served, protocol: bytes
    ) -> None:
        """Java's client asks so by default, of requests with a body too."""
        upgrade = b"Connection: Upgrade\r\nUpgrade: " + protocol + b"\r\n"
        hidden = b"GET /health HTTP/1.1\r\nX-Request-Id: hidden\r\n\r\n"
        length = b"Content-Length: %d\r\n\r\n" % len(hidden)
        found = served.ask(POST + upgrade + length + hidden + GET + upgrade + b"\r\n" + GET + LAST)
        assert [each.status for each in found] == [400, 200, 200]
        assert found[0].json["code"] == "malformed_json", "the body was not read as one"

    def test_http_1_0_ends_with_its_answer(self, served: Served) -> None:
        [answer] = served.ask(b"GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert (answer.status, answer.headers["connection"]) == (200, "close")


class TestPipeline:
    def test_is_answered_in_its_order(self, served: Served) -> None:
        asked = b"".join(GET + b"X-Request-Id: n%d\r\n\r\n" % number for number in range(10))
        found = served.ask(asked)
        assert [each.headers["x-request-id"] for each in found] == [f"n{number}" for number in range(10)]

    def test_is_bounded_and_the_client_told(self, served: Served) -> None:
        found = served.ask((GET + b"\r\n") * 100_000)
        assert [each.status for each in found] == [200] * 17
        assert ["connection" in each.headers for each in found] == [False] * 16 + [True]

    def test_that_is_left_ends_what_is_being_answered(self, served: Served) -> None:
        served.release.clear()
        token = served.server.sign_up("leaver")
        stream_id = Talker(served.server.url, {"Authorization": f"Bearer {token}"}).start()["streamId"]
        follow = f"GET /api/agents/chat/stream/{stream_id} HTTP/1.1\r\nAuthorization: Bearer {token}\r\n"
        with served.connect() as client:
            client.sendall(follow.encode() + b"X-Request-Id: leaver\r\n\r\n" + GET + b"\r\n")
            assert client.recv(MIB).startswith(b"HTTP/1.1 200 ")
            assert not lines_of(served.server.log, "leaver")
        # Else the next event, half a minute later, fails at a connection that is no more, and says so in the log.
        [line] = eventually(lambda: lines_of(served.server.log, "leaver"))
        assert line["event"] == "request"
        served.release.set()

    @pytest.mark.parametrize(
        ("next_", "status", "code"),
        [
            (b"rubbish\r\n\r\n", 400, "malformed_request"),
            (GET + b"A: " + b"a" * 40_000 + b"\r\n\r\n", 431, "headers_too_large"),
            (b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\n\r\n", 414, "uri_too_long"),
            (CHUNKED + b"rubbish\r\n", 400, "malformed_request"),
        ],
    )
    def test_a_refusal_waits_for_the_answers_before_it(
        self, served: Served, next_: bytes, status: int, code: str
    ) -> None:
        first, second, *rest = served.ask((GET + b"\r\n") * 2 + next_ + GET + b"\r\n")
        assert (first.status, second.status) == (200, 200)
        refused(rest, status, code)


class TestTime:
    def test_for_headers(self, served: Served) -> None:
        with served.connect() as client:
            client.sendall(GET)
            refused(answers(drip(client, b"a")), 408, "request_timeout")

    def test_for_a_request_that_never_begins(self, served: Served) -> None:
        # Two, for the same time.
        with served.connect() as silent, served.connect() as client:
            assert drip(client, b"\r\n") == b""
            assert read(silent) == b""

    def test_between_two_requests(self, served: Served) -> None:
        began = time.monotonic()
        assert [each.status for each in served.ask(GET + b"\r\n")] == [200]
        assert time.monotonic() - began > 0.9

    def test_between_two_pieces_of_a_body(self, served: Served) -> None:
        with served.connect() as client, served.connect() as in_chunks:
            # What has come would give it a minute.
            send(client, POST + b"Content-Length: 3000000\r\n\r\n" + b" " * 60_000)
            send(in_chunks, CHUNKED + b"2dc6c0\r\n" + b" " * 60_000)
            for each in (client, in_chunks):
                refused(answers(read(each)), 408, "request_timeout")

    @pytest.mark.parametrize("drop", [b" ", b"1\r\n \r\n"], ids=["one piece", "chunks"])
    def test_for_a_body_that_comes_in_drops(self, served: Served, drop: bytes) -> None:
        head = CHUNKED if b"\n" in drop else POST + b"Content-Length: 1000\r\n\r\n"
        with served.connect() as client:
            client.sendall(head)
            refused(answers(drip(client, drop)), 408, "request_timeout")

    def test_does_not_end_a_slow_but_steady_upload(self, served: Served) -> None:
        began, body = time.monotonic(), b'{"email": "' + b"a" * 30_000 + b'"}'
        with served.connect() as client:
            client.sendall(POST + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body))
            for start in range(0, len(body), 2000):
                assert not select.select([client], [], [], 0.3)[0], read(client)
                client.sendall(body[start : start + 2000])
            [answer] = answers(read(client))
        assert answer.json["code"] == "validation_failed"
        assert time.monotonic() - began > 4, "no longer than what it has without coming on"

    def test_does_not_end_a_silent_event_stream(self, served: Served) -> None:
        served.release.clear()
        token = served.server.sign_up("listener")
        talker = Talker(served.server.url, {"Authorization": f"Bearer {token}"})
        stream = talker.follow(talker.start()["streamId"])
        events = [next(stream)]
        with served.connect() as client:
            # The longest limit.
            assert read(client) == b""
        assert [each.status for each in served.ask(GET + b"\r\n")] == [200]
        served.release.set()
        events += stream
        assert spoken(events) == "".join(WORDS)

    def test_for_a_reader_that_takes_nothing(self, served: Served, long_answer: bytes) -> None:
        with reader(served, long_answer) as client:
            assert eventually(lambda: not connected(client)), "it was not cut off"
            assert read(client).count(b"HTTP/1.1 200") < ANSWERS

    def test_does_not_end_a_reader_that_takes_its_time(self, served: Served, long_answer: bytes) -> None:
        began, received = time.monotonic(), bytearray()
        with reader(served, long_answer) as client:
            while piece := client.recv(512 * 1024):
                received += piece
                select.select([], [], [], 0.1)
        assert received.count(b"HTTP/1.1 200") == ANSWERS
        assert time.monotonic() - began > 4, "no longer than a reader may take nothing"


# Of two megabytes each: much more than fits into the buffers on the way.
ANSWERS = 6


@pytest.fixture(scope="module")
def long_answer(served: Served) -> bytes:
    """A request that has one, without the end of its head."""
    token = served.server.sign_up("reader")
    for _ in range(10):
        text = {"text": "a" * 200_000, "sender": "user"}
        assert served.server.post("/api/messages/long", token, text).status_code in (200, 201)
    return b"GET /api/messages/long HTTP/1.1\r\nHost: echo\r\nAuthorization: Bearer %b\r\n" % token.encode()


def reader(served: Served, request: bytes) -> socket.socket:
    """A connection on which long answers were asked for, with little room of its own."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    client.settimeout(PATIENCE)
    client.connect(served.address)
    client.sendall((request + b"\r\n") * (ANSWERS - 1) + request + LAST)
    return client


def connected(client: socket.socket) -> bool:
    """Whether the other end is still there, whatever has come and was not read."""
    state = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    return state == 1


def drip(client: socket.socket, drop: bytes) -> bytes:
    """Send a little, again and again, until the server has something to say; what that is."""
    while not select.select([client], [], [], 0.2)[0]:
        send(client, drop)
    return read(client)


class TestNumber:
    def test_from_one_address_is_bounded_and_leaves_others_served(self, served: Served) -> None:
        with ExitStack() as stack:
            crowd = [stack.enter_context(served.connect("127.0.0.2")) for _ in range(PER_ADDRESS)]
            with served.connect("127.0.0.2") as client:
                refused(answers(read(client)), 503, "too_many_connections")
            with served.connect("127.0.0.2") as client:
                assert answers(read(client))[0].headers["retry-after"] == "2"
            assert [each.status for each in served.ask(GET + LAST)] == [200]
            crowd[0].close()
            assert eventually(lambda: answered(served, "127.0.0.2")), "what has gone was counted on"

    def test_of_all_is_bounded(self, served: Served) -> None:
        with ExitStack() as stack:
            for source in ("127.0.0.2", "127.0.0.3"):
                for _ in range(CONNECTIONS // 2):
                    stack.enter_context(served.connect(source))
            refused(served.ask(b""), 503, "too_many_connections")

    def test_leaves_descriptors_for_the_database(self, served: Served) -> None:
        """As many idle ones as there are descriptors three times over, from as many addresses."""
        with ExitStack() as stack:
            for number in range(800):
                stack.enter_context(served.connect(f"127.0.1.{number % 200 + 1}"))
            # They end by their time, and others are served as there is room.
            assert eventually(lambda: ask_ready(served)) == 200
        log = served.server.log.read_text()
        assert "Too many open files" not in log
        assert "Traceback" not in log


def answered(served: Served, source: str) -> bool:
    with served.connect(source) as client:
        send(client, GET + LAST)
        return [each.status for each in answers(read(client))] == [200]


def ask_ready(served: Served) -> int | None:
    found = served.ask(b"GET /ready HTTP/1.1\r\nHost: echo\r\n" + LAST)
    return found[0].status if found and found[0].status != 503 else None


class TestLog:
    def test_has_a_line_for_each_refusal(self, served: Served) -> None:
        [answer] = served.ask(b"GET /refused?secret HTTP/1.1\r\nA: " + b"a" * 33 * 1024 + b"\r\n\r\n")
        logged = eventually(lambda: lines_of(served.server.log, answer.json["requestId"]))
        [line] = logged
        assert (line["status"], line["code"], line["path"], line["client"]) == (
            431,
            "headers_too_large",
            "/refused",
            "127.0.0.1",
        )


def lines_of(log: Path, request_id: str) -> list[dict[str, Any]]:
    parsed = [json.loads(line) for line in log.read_text().splitlines() if request_id in line]
    return [line for line in parsed if line.get("request_id") == request_id]
