"""What a program wants kept, in this process: whose it is, after what it comes, and the title that it gets."""

import asyncio
from collections.abc import Coroutine, Iterator
from dataclasses import replace
from typing import Any

import pytest
import structlog

from echo.chat.variables import Variables
from echo.completions.answers import Answer
from echo.completions.asking import Question
from echo.completions.keeping import Earlier, Keeper
from echo.completions.models import Chosen
from echo.errors import ServiceUnavailable
from echo.providers.chat import Attachment, Credentials, Parameters, Text, TextDelta, Turn
from echo.providers.titles import Titled
from echo.services import Services
from echo.settings import ProviderSettings
from echo.settings.endpoints import HeaderTemplate
from storage.core.database import Database
from storage.core.errors import NotFound, StorageError
from tests.conftest import MakeUser, UserClient

OWN = Credentials("sk-own")
NAME = HeaderTemplate(("", ""), ("LIBRECHAT_USER_NAME",))

# Its end closes the database under the services.
pytestmark = pytest.mark.usefixtures("running")


class Titles:
    """Makes titles; notes for what."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    async def title_for(self, *said: str, **more: Any) -> str:
        self.asked.append((said, more))
        return "A title"


class Loop:
    """Takes work, to be done when the test says so."""

    def __init__(self, *, stops: bool = False) -> None:
        self.work: list[Coroutine[Any, Any, None]] = []
        self._stops = stops

    def submit(self, work: Coroutine[Any, Any, None]) -> None:
        if self._stops:
            work.close()
            raise ServiceUnavailable
        self.work.append(work)

    def do(self) -> None:
        """All of it."""
        while self.work:
            asyncio.run(self.work.pop())


@pytest.fixture
def ada(make_user: MakeUser) -> UserClient:
    return make_user("ada")


def chosen(kind: Any = "openai", **settings: Any) -> Chosen:
    provider: Any = None
    return Chosen(provider, ProviderSettings("one", kind, ("m",), **settings), "m", OWN)


def question(*said: str, **more: Any) -> Question:
    return Question("one/m", tuple(Turn.of_text("user", each) for each in said), **{"store": True, **more})


class Kept:
    """A keeper with titles and a loop of the test's."""

    def __init__(self, services: Services, **loop: bool) -> None:
        self.titles: Any = Titles()
        self.loop: Any = Loop(**loop)
        usual = services.completions.keeper
        self.keeper: Keeper = replace(usual, titles=self.titles, background=self.loop, count_tokens=len)

    def keep(
        self, owner: str, asked: Question, model: Chosen | None = None, earlier: Earlier | None = None
    ) -> str | None:
        """Keep the question and the answer "Fine."."""
        answer = Answer()
        answer.take(TextDelta("Fine."))
        variables = Variables(lambda: {"_id": owner, "name": "Ada"})
        return asyncio.run(
            self.keeper.keep(
                owner, asked, earlier or Earlier(), model or chosen(), answer, variables=variables
            )
        )


@pytest.fixture
def kept(services: Services) -> Iterator[Kept]:
    made = Kept(services)
    yield made
    for work in made.loop.work:
        work.close()


def texts(ada: UserClient, conversation_id: str | None) -> list[tuple[str, int]]:
    messages = ada.get(f"/api/messages/{conversation_id}").json()
    return [(each["text"], each["tokenCount"]) for each in messages]


class TestKeep:
    def test_stores_nothing_unless_that_was_asked_for(
        self, kept: Kept, ada: UserClient, app_database: Database
    ) -> None:
        assert kept.keep(ada.id, question("Hello", store=False)) is None
        assert app_database.collection("conversations").count_documents({"user": ada.id}) == 0
        assert kept.loop.work == []

    @pytest.mark.parametrize(("kind", "named"), [("openai", None), ("custom", "custom")])
    def test_begins_a_conversation(
        self, kept: Kept, ada: UserClient, app_database: Database, kind: str, named: str | None
    ) -> None:
        made = kept.keep(ada.id, question("Hello", system="Rhyme."), chosen(kind))
        assert texts(ada, made) == [("Hello", 5), ("Fine.", 5)]
        stored = app_database.collection("conversations").find_one({"conversationId": made})
        assert stored is not None
        assert (stored["user"], stored["endpoint"], stored["model"]) == (ada.id, "one", "m")
        assert (stored["promptPrefix"], stored.get("endpointType")) == ("Rhyme.", named)

    def test_goes_on_after_the_last_message(self, kept: Kept, ada: UserClient) -> None:
        made = kept.keep(ada.id, question("Hello"))
        asked = question("And?", conversation_id=made)
        earlier = kept.keeper.earlier(ada.id, asked)
        kept.loop.do()
        assert kept.keep(ada.id, asked, earlier=earlier) == made
        assert [text for text, _ in texts(ada, made)] == ["Hello", "Fine.", "And?", "Fine."]
        messages = ada.get(f"/api/messages/{made}").json()
        assert messages[2]["parentMessageId"] == messages[1]["messageId"] == earlier.last
        # It has one already.
        assert kept.loop.work == []


class TestTitle:
    def test_is_of_the_first_words_and_for_the_user(self, kept: Kept, ada: UserClient) -> None:
        made = kept.keep(ada.id, question("", "Hello", "You"), chosen(personal_headers={"X-U": NAME}))
        kept.loop.do()
        [(said, more)] = kept.titles.asked
        assert said == ("Hello", "Fine.")
        placeholders = more.pop("placeholders")
        assert (placeholders["LIBRECHAT_USER_NAME"], placeholders["LIBRECHAT_BODY_CONVERSATIONID"]) == (
            "Ada",
            made,
        )
        assert more == {"endpoint": "one", "model": "m", "credentials": OWN, "titled": Titled(ada.id, made)}
        assert ada.get(f"/api/convos/{made}").json()["title"] == "A title"

    @pytest.mark.parametrize(
        ("asked", "words"),
        [
            (question(system="Rhyme."), "Rhyme."),
            (question(), ""),
            (replace(question("Hello"), turns=(Turn.of_text("assistant", "Hi"),)), ""),
        ],
        ids=["instructions", "nothing", "an answer"],
    )
    def test_is_of_what_there_is(self, kept: Kept, ada: UserClient, asked: Question, words: str) -> None:
        kept.keep(ada.id, asked)
        kept.loop.do()
        assert kept.titles.asked[0][0] == (words, "Fine.")

    def test_is_left_out_while_the_server_stops(self, services: Services, ada: UserClient) -> None:
        made = Kept(services, stops=True).keep(ada.id, question("Hello"))
        assert len(texts(ada, made)) == 2

    def test_that_cannot_be_stored_is_told_the_log(
        self, kept: Kept, ada: UserClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def away(*_arguments: str) -> None:
            raise StorageError("away")

        kept.keep(ada.id, question("Hello"))
        monkeypatch.setattr(kept.keeper.chats, "give_title", away)
        with structlog.testing.capture_logs() as logged:
            kept.loop.do()
        assert [each["event"] for each in logged] == ["a title could not be stored"]


class TestEarlier:
    def test_is_nothing_without_a_conversation(self, kept: Kept, ada: UserClient) -> None:
        assert kept.keeper.earlier(ada.id, question("Hello")) == Earlier(None, (), None)

    def test_is_what_the_conversation_holds(self, kept: Kept, ada: UserClient) -> None:
        made = kept.keep(ada.id, question("Hello", system="Rhyme."))
        earlier = kept.keeper.earlier(ada.id, question("And?", conversation_id=made))
        assert earlier.system == "Rhyme."
        assert [(turn.role, turn.text) for turn in earlier.turns] == [
            ("user", "Hello"),
            ("assistant", "Fine."),
        ]
        assert earlier.last == ada.get(f"/api/messages/{made}").json()[-1]["messageId"]

    def test_of_a_conversation_without_messages_is_its_prompt(
        self, kept: Kept, ada: UserClient, app_database: Database
    ) -> None:
        made = kept.keep(ada.id, question("Hello", system="Rhyme."))
        app_database.collection("messages").delete_many({"conversationId": made})
        assert kept.keeper.earlier(ada.id, question("And?", conversation_id=made)) == Earlier("Rhyme.")

    def test_of_anothers_is_not_found(self, kept: Kept, ada: UserClient, make_user: MakeUser) -> None:
        made = kept.keep(ada.id, question("Hello"))
        with pytest.raises(NotFound):
            kept.keeper.earlier(make_user("bob").id, question("And?", conversation_id=made))

    def test_is_cut_to_what_the_model_takes(self, kept: Kept, ada: UserClient) -> None:
        """A token for each letter: the window of a model that nobody knows is 32,000."""
        made = kept.keep(ada.id, question("Hello " + "x" * 1000))

        def left(asked: Question) -> int:
            return len(kept.keeper.earlier(ada.id, replace(asked, conversation_id=made)).turns)

        assert left(question("And?")) == 2
        assert left(question("y" * 60_000)) == 0
        assert left(question("And?", system="y" * 60_000)) == 0
        # So much is left for the answer, half of the window at most.
        asked = question("y" * 13_700)
        assert [left(replace(asked, parameters=Parameters(max_tokens=most))) for most in (9, 60_000)] == [
            2,
            0,
        ]
        pictures = [Text("And?"), *(Attachment("a", "image/png", b"") for _ in range(60))]
        assert left(replace(question(), turns=(Turn("user", tuple(pictures)),))) == 0
        others = [Text("And?"), *(Attachment("a", "text/plain", b"") for _ in range(60))]
        assert left(replace(question(), turns=(Turn("user", tuple(others)),))) == 2
