"""From a request to everything that a run needs. Whole chats are in `test_asking.py`."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from echo.chat.contexts import Context
from echo.chat.endpoints import Chosen
from echo.chat.preparation import Preparation, Stores
from echo.chat.prepared import Asking, Prepared
from echo.chat.request import Added, Asked, settle
from echo.chat.respondent import Respondent
from echo.chat.sides import Side
from echo.errors import Unprocessable
from echo.providers.chat import Turn
from echo.settings import ProviderSettings
from echo.settings.agents import AgentSettings, SummarySettings
from echo.settings.endpoints import HeaderTemplate
from echo.tools.tool import NOTHING, Wanted
from storage.core.errors import NotFound
from tests.support.chats import NO_PARENT

COUNTS = {"window": 1000, "budget": 900, "system": 5, "messages": 50, "before": 60, "count": 3}
TURNS = [Turn.of_text("user", "Why?")]
MEMORIES = "Likes tea."
HEADERS = {"X-User": HeaderTemplate(("", ""), ("LIBRECHAT_USER_ID",))}
FILES = {
    "note": {
        "file_id": "note",
        "filename": "note.txt",
        "type": "text/plain",
        "source": "text",
        "text": "four",
    },
    "searched": {"file_id": "searched", "filename": "s.txt", "type": "text/plain", "embedded": True},
}


class Scene:
    """Ada's conversation `c`, who may be asked, and what was asked for."""

    def __init__(self, *, titles: bool = True, tells_cost: bool = False) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.held: dict[str, Any] = {"conversationId": "c", "title": "A talk", "endpoint": "openAI"}
        self.titled = True
        self.respondents = [Respondent("Mine", Asked())]
        self.wanted = NOTHING
        self.headers: dict[str, HeaderTemplate] = {}
        self.context = Context(TURNS, COUNTS, [], None)
        everything: Any = self
        users: Any = SimpleNamespace(get=lambda owner: {"_id": owner, "name": "Ada"})
        files: Any = SimpleNamespace(get=self.file)
        self.preparation = Preparation(
            Stores(everything, files, everything, users),
            everything,
            len,
            AgentSettings(steps=20),
            summaries=SummarySettings(),
            titles=titles,
            temporary_seconds=3600,
            memories_text={"ada": MEMORIES}.get,
            tells_cost=lambda owner: tells_cost and owner == "ada",
        )
        self.preparation._contexts = SimpleNamespace(of=self.read)  # type: ignore[assignment]

    # Of files, chats and sides.
    @staticmethod
    def file(owner: str, file_id: str) -> Any:
        if owner != "ada" or file_id not in FILES:
            raise NotFound
        return FILES[file_id]

    def conversation(self, owner: str, conversation_id: str) -> dict[str, Any]:
        self.asked.append(("conversation", owner, conversation_id))
        if (owner, conversation_id) != ("ada", "c"):
            raise NotFound
        return self.held

    def skeleton(self, *_: Any) -> list[dict[str, Any]]:
        question = {"messageId": "q1", "parentMessageId": NO_PARENT, "isCreatedByUser": True, "text": "Old?"}
        return [question]

    def contents(self, *_: Any) -> dict[str, Any]:
        return {"q1": self.skeleton()[0]}

    def find(self, owner: str, endpoint: str, asked: Asked) -> Any:
        self.asked.append(("found", owner, endpoint, asked))
        return self.respondents

    def settle(self, owner: str, found: Any, conversation: Any, variables: Any, memories: Any) -> list[Side]:
        self.asked.append(("settled", owner, conversation, memories))
        return [self.side(respondent, number) for number, respondent in enumerate(found)]

    def side(self, respondent: Respondent, number: int) -> Side:
        settings = ProviderSettings(
            name=respondent.endpoint,
            type="google",
            models=(),
            title_conversations=self.titled,
            personal_headers=self.headers,
        )
        provider: Any = f"provider {number}"
        credentials: Any = f"key {number}"
        settled = settle({"promptPrefix": "Be.", "temperature": 1, "iconURL": "i.png"}, [])
        chosen = Chosen(respondent.endpoint, settings, provider, credentials)
        name = respondent.agent_id or f"answerer {number}"
        return Side(chosen, settled, "m", respondent, "Sender", name, self.wanted)

    # Of contexts and members.
    def read(self, talk: Any, side: Side, place: Any, conversation_id: str) -> Context:
        self.asked.append(("read", talk, side, place, conversation_id))
        return self.context

    def prepare(self, endpoint: str = "Mine", owner: str = "ada", **asked: Any) -> Prepared:
        return self.preparation.prepare(owner, endpoint, Asked(**{"text": "Why?", **asked}))


@pytest.fixture
def scene() -> Scene:
    return Scene()


class TestARun:
    def test_of_a_new_conversation(self, scene: Scene) -> None:
        made = scene.prepare(client_request_id="request", predecessor=17)
        ids = (made.run_id, made.conversation_id, made.question["messageId"], made.about["responseMessageId"])
        assert len({uuid.UUID(each) for each in ids}) == 4
        assert (made.owner, made.client_request_id, made.predecessor) == ("ada", "request", 17)
        assert made.question == {
            "messageId": made.question["messageId"],
            "parentMessageId": NO_PARENT,
            "conversationId": made.conversation_id,
            "sender": "User",
            "text": "Why?",
            "isCreatedByUser": True,
            "endpoint": "Mine",
            "tokenCount": 4,
        }
        assert made.about == {
            "responseMessageId": made.about["responseMessageId"],
            "conversationId": made.conversation_id,
            "endpoint": "Mine",
            "sender": "Sender",
            "model": "m",
            "iconURL": "i.png",
            "before": [],
        }
        assert (made.begun.new, made.begun.answer["messageId"]) == (True, made.about["responseMessageId"])
        assert scene.asked[:2] == [
            ("found", "ada", "Mine", Asked(text="Why?", client_request_id="request", predecessor=17)),
            ("settled", "ada", {}, MEMORIES),
        ]

    def test_of_one_that_goes_on(self, scene: Scene) -> None:
        made = scene.prepare(conversation_id="c", parent_message_id="q1")
        assert (made.conversation_id, made.question["parentMessageId"], made.begun.new) == ("c", "q1", False)
        assert scene.asked[1:3] == [("conversation", "ada", "c"), ("settled", "ada", scene.held, MEMORIES)]

    @pytest.mark.parametrize("conversation_id", ["new", "", "null", None])
    def test_of_no_conversation_is_of_a_new_one(self, scene: Scene, conversation_id: str | None) -> None:
        assert scene.prepare(conversation_id=conversation_id).begun.new

    def test_of_anothers_conversation_is_not_found(self, scene: Scene) -> None:
        with pytest.raises(NotFound):
            scene.prepare(owner="bob", conversation_id="c")
        # Who may not be asked is refused before anything of it is read.
        scene.respondents = NotFound  # type: ignore[assignment]
        scene.asked.clear()

        def refuse(*_: Any) -> Any:
            raise Unprocessable

        scene.find = refuse  # type: ignore[method-assign]
        with pytest.raises(Unprocessable):
            scene.prepare(conversation_id="c")
        assert scene.asked == []

    def test_tells_what_it_costs_where_that_is_shown(self) -> None:
        assert Scene(tells_cost=True).prepare().tells_cost
        assert not Scene().prepare().tells_cost

    def test_is_temporary_for_as_long_as_the_settings_say(self, scene: Scene) -> None:
        expires_at = scene.prepare(is_temporary=True).begun.expires_at
        assert expires_at is not None
        assert timedelta(0) <= datetime.now(UTC) - (expires_at - timedelta(hours=1)) < timedelta(minutes=5)

    def test_keeps_what_stands_beside_an_answer_that_goes_on(self, scene: Scene) -> None:
        rows = [
            *scene.skeleton(),
            {"messageId": "a1", "parentMessageId": "q1", "text": "So", "attachments": [{"file_id": "g"}]},
        ]
        scene.skeleton = lambda *_: rows  # type: ignore[method-assign]
        scene.answer = lambda *_: rows[1]  # type: ignore[attr-defined]
        made = scene.prepare(conversation_id="c", is_continued=True, response_message_id="a1")
        assert (made.attachments, made.about["before"]) == (
            ({"file_id": "g"},),
            [{"type": "text", "text": "So"}],
        )
        assert "isEdited" not in made.about

    def test_shows_an_agent_as_itself(self, scene: Scene) -> None:
        scene.respondents = [
            Respondent(
                "Mine",
                Asked(),
                shown_endpoint="agents",
                shown_model="agent_1",
                icon_url="a.png",
                agent_id="agent_1",
            )
        ]
        made = scene.prepare("agents")
        assert (made.about["endpoint"], made.about["model"], made.about["iconURL"]) == (
            "agents",
            "agent_1",
            "a.png",
        )
        assert (made.question["endpoint"], made.first.endpoint, made.first.agent_id) == (
            "agents",
            "Mine",
            "agent_1",
        )


class TestTheQuestion:
    @pytest.mark.parametrize("text", ["", " \n"])
    def test_says_something(self, scene: Scene, text: str) -> None:
        with pytest.raises(Unprocessable, match=r"^422 empty_message: The message is empty\.$"):
            scene.prepare(text=text)
        assert scene.prepare(text=text, files=("note",)).question["text"] == text

    def test_that_is_asked_again_needs_no_text_and_is_not_counted(self, scene: Scene) -> None:
        made = scene.prepare(text="", conversation_id="c", is_regenerate=True, parent_message_id="q1")
        assert (made.question["messageId"], "tokenCount" in made.question) == ("q1", False)
        assert made.begun.question is None
        again = scene.prepare(
            conversation_id="c", is_regenerate=True, parent_message_id="q1", files=("note",), quotes=("a",)
        )
        assert not {"files", "quotes", "tokenCount"} & again.question.keys()

    def test_has_its_files_and_what_it_refers_to(self, scene: Scene) -> None:
        made = scene.prepare(files=("note", "searched"), quotes=("Said.",))
        question = made.question
        assert [each["file_id"] for each in question["files"]] == ["note", "searched"]
        assert question["quotes"] == ["Said."]
        # "> Said.", an empty line, and "Why?", beside the file that the model itself reads.
        assert question["tokenCount"] == 7 + 2 + 4 + 4
        assert made.begun.file_ids == ["note", "searched"]
        [talk] = [each[1] for each in scene.asked if each[0] == "read"]
        assert [each.content for each in talk.loaded] == [b"four"]

    def test_of_files_of_others_is_refused(self, scene: Scene) -> None:
        with pytest.raises(Unprocessable) as refused:
            scene.prepare(files=("theirs",))
        assert refused.value.code == "unknown_file"

    def test_says_that_two_are_asked(self, scene: Scene) -> None:
        assert scene.prepare(added=Added("Other")).question["addedConvo"] is True


class TestWhatAModelIsAsked:
    def test_is_what_was_found_out(self, scene: Scene) -> None:
        summing: Any = "summing"
        summarising: Any = "summarising"
        scene.context = replace(scene.context, summing=summing, summarising=summarising)
        made = scene.prepare()
        [asking] = made.askings
        assert (asking.provider, asking.credentials, asking.endpoint) == ("provider 0", "key 0", "Mine")
        request = asking.request
        assert (request.model, request.turns, request.system, request.temperature) == ("m", TURNS, "Be.", 1)
        assert (asking.counts, asking.agent_id, asking.provider_name) == (COUNTS, "answerer 0", "google")
        assert (asking.group, asking.wanted, asking.placeholders, request.placeholders) == (
            None,
            NOTHING,
            {},
            {},
        )
        assert (asking.summing, asking.summarising, asking.ends_after_tools) == (
            "summing",
            "summarising",
            False,
        )
        # 30 % of its window, four characters a token.
        assert (asking.limits.steps, asking.limits.result_chars) == (20, 1200)
        assert made.first is asking

    def test_is_asked_of_two_side_by_side(self, scene: Scene) -> None:
        scene.respondents = [Respondent("Mine", Asked()), Respondent("Other", Asked())]
        made = scene.prepare(added=Added("Other"))
        assert [(each.endpoint, each.provider, each.group) for each in made.askings] == [
            ("Mine", "provider 0", 1),
            ("Other", "provider 1", 1),
        ]
        assert made.about["endpoint"] == "Mine"

    def test_says_for_whom_where_the_operator_wants_that(self, scene: Scene) -> None:
        scene.headers = HEADERS
        made = scene.prepare()
        filled = made.first.request.placeholders
        assert (filled["LIBRECHAT_USER_ID"], filled["LIBRECHAT_BODY_CONVERSATIONID"]) == (
            "ada",
            made.conversation_id,
        )
        assert filled["LIBRECHAT_BODY_MESSAGEID"] == made.about["responseMessageId"]
        assert filled["LIBRECHAT_BODY_PARENTMESSAGEID"] == NO_PARENT

    def test_has_the_files_for_its_tools(self, scene: Scene) -> None:
        earlier = {"file_id": "earlier", "embedded": True}
        scene.wanted, scene.context = Wanted(names=("file_search",)), replace(scene.context, files=[earlier])
        asking = scene.prepare(files=("searched", "note")).first
        assert asking.wanted.files == {"file_search": ["earlier", "searched"]}
        assert asking.placeholders["LIBRECHAT_USER_ID"] == "ada"

    def test_of_an_agent_has_those_who_take_part(self, scene: Scene) -> None:
        joined: list[Any] = []

        def join(side: Side, asking: Asking, whom: Any) -> Asking:
            joined.append((side.agent_id, whom.owner, whom.memories, whom.ids["messageId"]))
            return replace(asking, group=9)

        members: Any = SimpleNamespace(joined=join, limits=scene.preparation._members.limits)
        scene.preparation._members = members
        assert scene.prepare().first.group is None
        edges: Any = ("edge",)
        scene.respondents = [Respondent("Mine", Asked(), agent_id="agent_1")]
        made = scene.prepare()
        assert made.first.group == 9
        scene.respondents = [
            Respondent("Mine", Asked(), agent_id="agent_1", edges=edges, ends_after_tools=True)
        ]
        other = scene.prepare()
        assert other.first.ends_after_tools
        answers = [each.about["responseMessageId"] for each in (made, other)]
        assert joined == [("agent_1", "ada", None, answers[0]), ("agent_1", "ada", MEMORIES, answers[1])]


class TestATitle:
    def test_is_made_where_there_is_none(self, scene: Scene) -> None:
        assert scene.prepare().titling
        assert not scene.prepare(conversation_id="c").titling
        for title in ("New Chat", "", None):
            scene.held["title"] = title
            assert scene.prepare(conversation_id="c").titling

    def test_is_not_made_where_server_or_endpoint_make_none(self, scene: Scene) -> None:
        assert not Scene(titles=False).prepare().titling
        scene.titled = False
        assert not scene.prepare().titling

    def test_is_not_made_of_a_temporary_chat(self, scene: Scene) -> None:
        assert not scene.prepare(is_temporary=True).titling
        scene.held = {"conversationId": "c", "isTemporary": True}
        assert not scene.prepare(conversation_id="c").titling
        scene.held["isTemporary"] = False
        # What the conversation is counts, not what a later request says.
        assert scene.prepare(conversation_id="c", is_temporary=True).titling
