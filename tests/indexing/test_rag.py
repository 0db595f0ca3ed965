"""LibreChat's RAG service in place of Echo's own index: what it is sent, and what its answers are worth."""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import jwt
import pytest

from echo.errors import ServiceUnavailable, UnsupportedMediaType
from echo.indexing.assembly import build_indexing, forgetting
from echo.indexing.rag import RagService
from echo.indexing.results import Results, Searched
from echo.settings.agents import FileSearchSettings
from tests.conftest import Client
from tests.indexing.conftest import Library
from tests.support.credits import make_ledger
from tests.support.providers.server import Answer, ProviderServer, Received, json_answer, serving

KEY = "a secret of both, " + "x" * 32
FOUND = {"page_content": "28 days", "metadata": {"source": "/tmp/rules.pdf", "page": 2, "file_id": "f"}}


@dataclass
class Rag:
    """The service: what it answers next, and what it was asked."""

    server: ProviderServer
    answers: dict[str, Callable[[], Answer]] = field(default_factory=dict)

    @property
    def last(self) -> Received:
        return self.server.requests[-1]

    @property
    def user(self) -> str:
        """Whom the last token names."""
        token = self.last.headers["authorization"].removeprefix("Bearer ")
        claims = jwt.decode(token, KEY, ["HS256"], options={"require": ["exp"]})
        assert set(claims) == {"id", "exp"}
        return str(claims["id"])


@pytest.fixture(scope="module")
def rag_server() -> Iterator[Rag]:
    answers: dict[str, Callable[[], Answer]] = {}
    with serving(lambda received: answers[received.path]()) as server:
        yield Rag(server, answers)


@pytest.fixture
def rag(rag_server: Rag) -> Rag:
    rag_server.answers.clear()
    rag_server.answers["/embed"] = lambda: json_answer({"status": True, "known_type": True, "file_id": "f"})
    rag_server.answers["/documents"] = lambda: json_answer({"message": "gone"})
    rag_server.answers["/query"] = lambda: json_answer([[FOUND, 0.25]])
    return rag_server


@pytest.fixture
def index(rag: Rag, library: Library) -> RagService:
    return RagService(rag.server.url + "/", KEY, library.store)


def find(index: RagService, *files: Searched, agent_id: str | None = None) -> Results:
    return asyncio.run(index.find("runner", agent_id, files, "days?"))


class TestAdding:
    def test_sends_the_file_in_its_owners_name(self, rag: Rag, index: RagService, library: Library) -> None:
        file = library.keep("all that is in it", "rules.txt")
        index.add(file.record, "agent_1")
        assert (rag.last.method, rag.last.path, rag.user) == ("POST", "/embed", file.owner)
        for part in (file.file_id, "agent_1", "all that is in it", 'filename="rules.txt"'):
            assert part.encode() in rag.last.body
        index.add(file.record, None)
        assert b"entity_id" not in rag.last.body

    @pytest.mark.parametrize(
        ("answer", "error"),
        [
            (json_answer({"status": True, "known_type": False}), UnsupportedMediaType),
            (json_answer({"status": False, "known_type": True}), ServiceUnavailable),
            (json_answer(["no"]), ServiceUnavailable),
            (json_answer({"detail": "KEY=secret"}, 500), ServiceUnavailable),
            (json_answer({}, 302, Location="http://169.254.169.254/"), ServiceUnavailable),
        ],
    )
    def test_fails_with_the_service(
        self, rag: Rag, index: RagService, library: Library, answer: Answer, error: type[Exception]
    ) -> None:
        rag.answers["/embed"] = lambda: answer
        with pytest.raises(error) as failed:
            index.add(library.keep("x").record, None)
        assert "secret" not in str(failed.value)


class TestSearching:
    def test_asks_for_each_file_in_the_name_of_who_asks(
        self, rag: Rag, index: RagService, library: Library
    ) -> None:
        file = library.keep("x", "rules.pdf.txt")
        [found] = find(index, Searched(file.record, of_agent=True), agent_id="agent_1").found
        assert (found.text, found.page, found.relevance, found.file.name) == (
            "28 days",
            2,
            0.75,
            "rules.pdf.txt",
        )
        assert (rag.last.path, rag.user) == ("/query", "runner")
        asked = {"file_id": file.file_id, "query": "days?", "k": 5}
        assert rag.last.json == {**asked, "entity_id": "agent_1"}
        # What is attached to a chat is nobody's but the user's.
        find(index, file, agent_id="agent_1")
        assert rag.last.json == asked

    @pytest.mark.parametrize(
        "rows",
        [
            {"detail": "none"},
            ["x", [], [FOUND], [FOUND, "0.1"], [{}, 0.1], [{"page_content": 7}, 0.1], [None, 0.1]],
            None,
        ],
    )
    def test_what_is_no_answer_is_nothing(
        self, rag: Rag, index: RagService, library: Library, rows: Any
    ) -> None:
        rag.answers["/query"] = lambda: json_answer(rows)
        assert find(index, library.keep("x")) == Results()

    def test_odd_numbers_and_long_texts_are_bounded(
        self, rag: Rag, index: RagService, library: Library
    ) -> None:
        odd = {"page_content": "x" * 21_000, "metadata": {"page": -1}}
        rag.answers["/query"] = lambda: json_answer([[odd, -3], [odd, 9], *[[odd, 0.5]] * 5])
        found = find(index, library.keep("x")).found
        assert [(len(each.text), each.page) for each in found] == [(20_000, None)] * 5
        assert [each.relevance for each in found] == [1.0, 0.5, 0.5, 0.5, 0.0]

    def test_a_file_that_cannot_be_searched_is_told(
        self, rag: Rag, index: RagService, library: Library
    ) -> None:
        rag.answers["/query"] = lambda: json_answer({}, 500)
        file = library.keep("x")
        assert find(index, file) == Results((), ((file, "unreachable"),))


class TestForgetting:
    def test_asks_the_service(self, rag: Rag, index: RagService, library: Library) -> None:
        file = library.keep("x")
        index.forget(file.owner, [file.record])
        assert (rag.last.method, rag.last.path, rag.user) == ("DELETE", "/documents", file.owner)
        assert json.loads(rag.last.body) == [file.file_id]

    def test_what_it_does_not_have_is_forgotten(self, rag: Rag, index: RagService, library: Library) -> None:
        rag.answers["/documents"] = lambda: json_answer({"detail": "none"}, 404)
        index.forget("a" * 24, [library.keep("x").record])

    def test_fails_with_the_service(self, rag: Rag, index: RagService, library: Library) -> None:
        rag.answers["/documents"] = lambda: json_answer({}, 500)
        with pytest.raises(ServiceUnavailable):
            index.forget("a" * 24, [library.keep("x").record])


def test_an_account_that_goes_is_forgotten(rag: Rag, library: Library, settings: Any) -> None:
    file = library.keep("x")
    library.keep("y")
    service = replace(settings, jwt_secret=KEY, file_search=FileSearchSettings(rag_url=rag.server.url))
    forget = forgetting(service, library.database, library.store)
    assert forget is not None
    forget(file.owner)
    assert (rag.last.path, rag.user, json.loads(rag.last.body)) == ("/documents", file.owner, [file.file_id])
    assert forgetting(settings, library.database, library.store) is None
    ledger = make_ledger(library.database)
    built = build_indexing(service, library.database, library.store, {}, ledger=ledger, count_tokens=len)
    assert isinstance(built.index, RagService)


def test_the_services_token_opens_nothing_here(
    rag: Rag, library: Library, api: Client, settings: Any
) -> None:
    """It has the same key as an access token."""
    file = library.keep("x")
    RagService(rag.server.url, str(settings.jwt_secret), library.store).add(file.record, None)
    token = rag.last.headers["authorization"].removeprefix("Bearer ")
    assert api.with_token(token).get("/api/user").status_code == 401
