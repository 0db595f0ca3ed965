"""Model specs of `librechat.yaml`: whose parameters hold when a chat names one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.chat.conftest import Chat
from tests.support.providers import Reply

YAML = """
version: 1.3.5
modelSpecs:
  enforce: {enforce}
  list:
    - name: poet
      label: Poet
      iconURL: https://icons.example/poet.png
      preset:
        endpoint: openAI
        model: gpt-4
        promptPrefix: The secret of the fountain.
        temperature: 0.25
        max_tokens: 77
    - {{name: clerk, label: Clerk, preset: {{endpoint: openAI, model: gpt-4o-mini, instructions: Be dry.}}}}
    - {{name: stranger, label: Stranger, preset: {{endpoint: anthropic, model: claude}}}}
"""
SECRET = "The secret of the fountain."
MakeSpeccedChat = Callable[..., Chat]


@pytest.fixture
def specced(chat: Callable[..., Chat], tmp_path: Path) -> MakeSpeccedChat:
    """A user before an Echo with these specs."""

    def make(*, enforce: bool = False) -> Chat:
        path = tmp_path / "specs.yaml"
        path.write_text(YAML.format(enforce=str(enforce).lower()), encoding="utf-8")
        return chat(Reply(("yes",)), CONFIG_PATH=str(path), TITLE_CONVO="false")

    return make


def asked(talk: Chat, **body: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the provider is sent, and the conversation that comes of it."""
    events = talk.user.ask("Hello", **body)
    return talk.provider.chats[-1].json, events[-1].data["conversation"]


def steering(request: dict[str, Any]) -> tuple[Any, ...]:
    system = [each["content"] for each in request["messages"] if each["role"] == "system"]
    return (request["model"], *system, request.get("temperature"))


def refused(talk: Chat, **body: Any) -> requests.Response:
    answer = talk.user.request("POST", "/api/agents/chat/openAI", json={"text": "Hello", **body})
    assert (answer.status_code, answer.json()["code"]) == (422, "unusable_model_spec")
    assert answer.json()["errors"][0]["field"] == "spec"
    assert talk.provider.chats == []
    assert talk.user.get("/api/convos").json()["conversations"] == []
    return answer


class TestSpec:
    def test_holds_for_what_the_request_leaves_open(self, specced: MakeSpeccedChat) -> None:
        talk = specced()
        request, conversation = asked(talk, spec="poet", temperature=1)
        assert steering(request) == ("gpt-4", SECRET, 1)
        assert 77 in (request.get("max_tokens"), request.get("max_completion_tokens"))
        assert (conversation["spec"], conversation["model"]) == ("poet", "gpt-4")

    def test_what_it_tells_the_model_is_neither_stored_nor_shown(self, specced: MakeSpeccedChat) -> None:
        talk = specced()
        events = talk.user.ask("Hello", spec="poet")
        conversation_id = events[-1].data["conversation"]["conversationId"]
        answers = [
            talk.user.get(f"/api/convos/{conversation_id}"),
            talk.user.get(f"/api/messages/{conversation_id}"),
        ]
        assert all(answer.ok for answer in answers)
        assert "fountain" not in "".join([*map(repr, events), *(answer.text for answer in answers)])

    def test_holds_on_in_its_conversation(self, specced: MakeSpeccedChat) -> None:
        talk = specced()
        _, conversation = asked(talk, spec="poet")
        request, _ = asked(talk, conversationId=conversation["conversationId"])
        assert steering(request) == ("gpt-4", SECRET, 0.25)

    def test_ends_where_another_model_is_chosen(self, specced: MakeSpeccedChat) -> None:
        talk = specced()
        _, conversation = asked(talk, spec="poet")
        request, _ = asked(talk, conversationId=conversation["conversationId"], model="gpt-4o-mini")
        assert steering(request) == ("gpt-4o-mini", None)

    def test_gives_way_to_another(self, specced: MakeSpeccedChat) -> None:
        talk = specced()
        _, conversation = asked(talk, spec="poet")
        request, conversation = asked(talk, spec="clerk", conversationId=conversation["conversationId"])
        assert steering(request) == ("gpt-4o-mini", "Be dry.", None)
        assert conversation["spec"] == "clerk"

    def test_comes_after_the_preset_that_is_named(self, specced: MakeSpeccedChat) -> None:
        talk = specced()
        body = {"title": "p", "endpoint": "openAI", "promptPrefix": "preset"}
        preset = talk.user.request("POST", "/api/presets", json=body).json()
        request, _ = asked(talk, spec="poet", presetId=preset["presetId"])
        assert steering(request) == ("gpt-4", "preset", 0.25)

    def test_its_icon_wins(self, specced: MakeSpeccedChat) -> None:
        events = specced().user.ask("Hello", spec="poet", iconURL="https://icons.example/mine.png")
        assert events[-1].data["responseMessage"]["iconURL"] == "https://icons.example/poet.png"

    def test_that_is_unknown_has_no_effect(self, specced: MakeSpeccedChat) -> None:
        request, conversation = asked(specced(), spec="nobody")
        assert steering(request) == ("gpt-4o-mini", None)
        assert conversation["spec"] == "nobody"

    def test_of_another_endpoint_is_refused(self, specced: MakeSpeccedChat) -> None:
        refused(specced(), spec="stranger")


class TestEnforcedSpec:
    def test_wins_over_everything(self, specced: MakeSpeccedChat) -> None:
        talk = specced(enforce=True)
        mine: dict[str, Any] = {
            "promptPrefix": "Mine.",
            "temperature": 1,
            "model": "gpt-4o-mini",
            "top_p": 0.5,
        }
        request, conversation = asked(talk, spec="poet", **mine)
        assert steering(request) == ("gpt-4", SECRET, 0.25)
        assert "top_p" not in request
        assert (conversation["spec"], conversation["model"]) == ("poet", "gpt-4")
        assert not {"promptPrefix", "temperature", "top_p"} & {
            name for name, value in conversation.items() if value is not None
        }
        request, _ = asked(talk, spec="clerk", conversationId=conversation["conversationId"])
        assert steering(request) == ("gpt-4o-mini", "Be dry.", None)

    @pytest.mark.parametrize("named", [{}, {"spec": None}, {"spec": "nobody"}, {"spec": "stranger"}])
    def test_must_be_named(self, specced: MakeSpeccedChat, named: dict[str, Any]) -> None:
        refused(specced(enforce=True), **named)
