"""The two users of a test run: made where they are not there."""

from collections.abc import Mapping

import pytest
import requests

from echo.testing import accounts


class Server:
    """Lets those log in who are there; a further registration is refused, as LibreChat's limit does it."""

    def __init__(self, there: set[str], *, full: bool = False) -> None:
        self.there = there
        self.full = full
        self.asked: list[str] = []

    def answer(self, address: str, body: Mapping[str, str]) -> requests.Response:
        name = body["email"].partition("@")[0]
        what = address.rpartition("/")[2]
        self.asked.append(f"{what} {name}")
        answer = requests.Response()
        answer.status_code = 200 if name in self.there else 404
        if what == "register":
            answer.status_code = 429 if self.full else 200
            self.there.add(name)
        answer._content = b'{"token": "a"}' if answer.status_code == 200 else b"no"
        return answer


def prepared(monkeypatch: pytest.MonkeyPatch, server: Server) -> list[str]:
    monkeypatch.setattr(accounts, "_post", server.answer)
    accounts.prepare_users("http://echo")
    return server.asked


def test_who_is_not_there_is_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    assert prepared(monkeypatch, Server({"contract-ada"})) == [
        "login contract-ada",
        "login contract-bob",
        "register contract-bob",
        "login contract-bob",
    ]


def test_who_can_log_in_needs_no_registration(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server({"contract-ada", "contract-bob"}, full=True)
    assert prepared(monkeypatch, server) == ["login contract-ada", "login contract-bob"]


def test_who_cannot_register_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(accounts.ServerUnusable, match=r"^ada cannot register at http://echo: 429 no$"):
        prepared(monkeypatch, Server(set(), full=True))


class TestTokens:
    @pytest.fixture(autouse=True)
    def _one_is_known(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def get(_address: str, *, headers: Mapping[str, str], timeout: int) -> requests.Response:
            assert timeout == 30
            answer = requests.Response()
            answer.status_code = 200 if headers["Authorization"] == "Bearer good" else 401
            answer._content = b"who?"
            return answer

        monkeypatch.setattr(requests, "get", get)

    def test_one_that_the_server_knows_is_fine(self) -> None:
        accounts.know_tokens("http://echo", ["good"])

    def test_one_that_it_refuses_is_told(self) -> None:
        refused = r"^Token 2 is refused by GET http://echo/api/user: 401 who\?$"
        with pytest.raises(accounts.ServerUnusable, match=refused):
            accounts.know_tokens("http://echo", ["good", "bad"])
