"""What a LibreChat is not held to: the form of its refusals."""

import copy
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from echo.cli.standing_in import document_held
from echo.testing.departures import Departures
from echo.testing.documents import DocumentUnreachable, claimed_document, load_document
from echo.testing.operations import Operation
from tests.support.threaded import serving

NOWHERE = "http://127.0.0.1:9"


class Refusing(BaseHTTPRequestHandler):
    said = b""

    def do_GET(self) -> None:
        self.send_response(401)
        self.end_headers()
        self.wfile.write(self.said)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Refusing)) as url:
        yield url


def departures(document: dict[str, Any], status: int, body: bytes) -> list[str]:
    """Of an answer about one's own account, of no media type."""
    found = Departures(document)
    operation = found.operations.find("GET", "/api/user")
    assert isinstance(operation, Operation)
    return list(found.of_answer(operation, status, {}, body))


class TestProxy:
    """`echo-api contract proxy` holds a server to the same as `echo-api contract test` does."""

    def test_lets_any_refusal_of_a_librechat_pass(self, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Refusing, "said", b"Unauthorized")
        document = document_held(url, load_document("librechat"))
        assert departures(document, 418, b"Unauthorized") == []
        assert departures(document, 599, b"") == []
        # What it does well has the form that the document says.
        assert len(departures(document, 200, b"{}")) == 1

    def test_holds_an_echo_to_all_of_its_document(self, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Refusing, "said", b'{"code": "unauthorized"}')
        document = load_document("librechat")
        assert document_held(url, copy.deepcopy(document)) == document

    def test_holds_others_to_all_of_their_documents(self, url: str) -> None:
        document = load_document("echo")
        assert document_held(url, copy.deepcopy(document)) == document

    def test_begins_with_no_librechat_that_does_not_answer(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as ended:
            document_held(NOWHERE, load_document("librechat"))
        assert ended.value.code == 69
        assert capsys.readouterr().err == f"echo-api: {NOWHERE} does not answer.\n"


def test_a_server_that_does_not_answer_claims_nothing() -> None:
    with pytest.raises(DocumentUnreachable, match=r"^http://127\.0\.0\.1:9 does not answer\.$"):
        claimed_document(NOWHERE)


def test_a_server_without_a_document_claims_librechats(url: str) -> None:
    assert claimed_document(url) == load_document("librechat")
