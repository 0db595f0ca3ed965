"""What tools may ask of other servers, and what may come back."""

import asyncio
import gzip
import threading
from io import BytesIO
from pathlib import Path

import pytest

from echo.tools.outbound import REFUSED, TOO_LARGE, Outbound, Reply, Request
from echo.tools.tool import ToolFailure
from tests.support.routes import Answer, Service


def sent(request: Request, allowed: tuple[str, ...] = ()) -> Reply:
    return asyncio.run(Outbound(allowed).send(request))


def failure(request: Request, allowed: tuple[str, ...] = ()) -> str:
    with pytest.raises(ToolFailure) as caught:
        sent(request, allowed)
    return str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/x",
        "http://localhost:{port}/x",
        "http://0x7f000001:{port}/x",
        "http://[::1]:{port}/x",
        "http://169.254.169.254/latest/meta-data",
        "http://user:secret@example.org/",
        "http://example.org:25/",
        "file:///etc/passwd",
        "gopher://example.org/",
        "http://",
        "http://example.org/" + "x" * 9000,
    ],
)
def test_an_address_that_nobody_vouches_for_is_refused(url: str, asked_service: Service) -> None:
    port = asked_service.url.rpartition(":")[2]
    assert failure(Request(url.replace("{port}", port))) in (REFUSED, "That is no address that can be asked.")
    assert asked_service.asked == []


def test_a_name_that_leads_to_a_private_address_is_refused(
    asked_service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def resolve(*_: object) -> list[object]:
        return [
            {
                "hostname": "evil.example.org",
                "host": "127.0.0.1",
                "port": 80,
                "family": 2,
                "proto": 0,
                "flags": 0,
            }
        ]

    monkeypatch.setattr("echo.tools.outbound.ThreadedResolver.resolve", resolve)
    assert failure(Request("http://evil.example.org/")) == REFUSED
    assert asked_service.asked == []


def test_an_operators_own_may_be_private(asked_service: Service) -> None:
    asked_service.routes["/x"] = Answer({"a": 1})
    request = Request(f"{asked_service.url}/x", "PUT", {"q": "a b"}, {"X-Key": "k"}, {"b": 2}, trusted=True)
    assert sent(request).json() == {"a": 1}
    [asked] = asked_service.asked
    assert (asked.method, asked.query, asked.headers["X-Key"], asked.json) == (
        "PUT",
        {"q": "a b"},
        "k",
        {"b": 2},
    )
    assert sent(Request(f"{asked_service.url}/x"), (asked_service.host,)).status == 200


def test_a_redirect_is_an_answer_and_is_not_followed(asked_service: Service) -> None:
    asked_service.routes["/x"] = Answer(b"", 302, {"Location": f"{asked_service.url}/secret"})
    assert sent(Request(f"{asked_service.url}/x", trusted=True)).status == 302
    assert [each.path for each in asked_service.asked] == ["/x"]


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "compressed"])
def test_a_large_answer_is_not_taken(packed: bool, asked_service: Service) -> None:
    content = b"x" * 1_000_001
    asked_service.routes["/x"] = (
        Answer(gzip.compress(content), headers={"Content-Encoding": "gzip"}) if packed else Answer(content)
    )
    request = Request(f"{asked_service.url}/x", trusted=True, most=1_000_000)
    assert failure(request) == TOO_LARGE
    assert len(sent(Request(request.url, trusted=True, most=1_000_001)).content) == 1_000_001


def test_a_slow_answer_is_not_waited_for(asked_service: Service) -> None:
    asked = threading.Event()

    def wait(_: object) -> Answer:
        asked.wait(5)
        return Answer({})

    asked_service.routes["/slow"] = wait
    assert "in time" in failure(Request(f"{asked_service.url}/slow", trusted=True, seconds=0.02))
    asked.set()


def test_a_failure_is_told_in_few_words(asked_service: Service) -> None:
    asked_service.routes["/x"] = Answer(b"e" * 5000, 500)
    reply = sent(Request(f"{asked_service.url}/x", trusted=True))
    with pytest.raises(ToolFailure) as caught:
        reply.json()
    assert str(caught.value) == "The service answered with status 500: " + "e" * 1000


class TestReceiving:
    def test_writes_an_answer_into_a_file_as_it_is(self, asked_service: Service, tmp_path: Path) -> None:
        content = b"0123456789" * 300_000
        asked_service.routes["/x"] = Answer(content)
        request = Request(f"{asked_service.url}/x", trusted=True, most=len(content))
        with (tmp_path / "file").open("wb") as file:
            reply = asyncio.run(Outbound().receive(request, file))
        assert (reply.ok, reply.content) == (True, b"")
        assert (tmp_path / "file").read_bytes() == content
        assert asked_service.asked[0].headers["Accept-Encoding"] == "identity"

    @pytest.mark.parametrize(
        ("answer", "most", "words"),
        [
            (Answer(b"12345"), 4, TOO_LARGE),
            (Answer(gzip.compress(b"1"), headers={"Content-Encoding": "gzip"}), 99, "in a form"),
        ],
        ids=["too large", "packed"],
    )
    def test_writes_nothing_that_was_not_asked_for(
        self, asked_service: Service, answer: Answer, most: int, words: str
    ) -> None:
        asked_service.routes["/x"] = answer
        request = Request(f"{asked_service.url}/x", trusted=True, most=most)
        file = BytesIO()
        with pytest.raises(ToolFailure, match=words):
            asyncio.run(Outbound().receive(request, file))
        assert file.getvalue() == b""

    def test_of_a_failure_writes_nothing(self, asked_service: Service) -> None:
        file = BytesIO()
        asked_service.routes["/x"] = Answer({"error": "no"}, 404)
        reply = asyncio.run(Outbound().receive(Request(f"{asked_service.url}/x", trusted=True), file))
        assert (reply.status, reply.text, file.getvalue()) == (404, '{"error": "no"}', b"")
