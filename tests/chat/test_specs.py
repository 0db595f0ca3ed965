"""Model specs of `librechat.yaml`: whose parameters hold when a chat names one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from echo.chat.specs import Specs, spec_of
from echo.errors import Unprocessable
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


def listed(name: str = "poet", endpoint: Any = "openAI", **more: Any) -> dict[str, Any]:
    """A spec as the operator has written it down."""
    return {"name": name, "preset": {"endpoint": endpoint, "model": "gpt-4"}, **more}


class TestChoosing:
    def choose(self, asked: dict[str, Any], held: dict[str, Any] | None = None, **more: Any) -> str | None:
        specs = Specs([listed(), listed("stranger", "google")], enforced=more.pop("enforced", False))
        found = specs.choose(asked, held or {}, more.pop("endpoint", "openAI"))
        return found and found.name

    def test_is_the_requests_or_the_conversations(self) -> None:
        assert self.choose({"spec": "poet"}) == "poet"
        assert self.choose({"spec": "poet", "model": "other"}) == "poet"
        assert self.choose({}, {"spec": "poet"}) == "poet"
        assert self.choose({"model": "gpt-4"}, {"spec": "poet"}) == "poet"
        assert self.choose({}) is None

    @pytest.mark.parametrize(
        ("asked", "held"),
        [
            # Another model, another spec, another endpoint's, one that is gone.
            ({"model": "other"}, {"spec": "poet"}),
            ({"spec": "unknown"}, {"spec": "poet"}),
            ({}, {"spec": "stranger"}),
            ({}, {"spec": "gone"}),
            ({"spec": 5}, {}),
            ({"spec": ["poet"]}, {}),
        ],
    )
    def test_is_none_where_it_does_not_go_on(self, asked: dict[str, Any], held: dict[str, Any]) -> None:
        assert self.choose(asked, held) is None

    def test_goes_by_the_endpoint_that_a_spec_names(self) -> None:
        assert self.choose({"spec": "stranger"}, endpoint="google") == "stranger"
        specs = Specs([listed(endpoint="assistants"), listed("odd", None)], enforced=False)
        found = specs.choose({"spec": "poet"}, {}, "openAI")
        assert found is not None
        for name, endpoint in (("poet", "google"), ("odd", "openAI"), ("odd", "None")):
            with pytest.raises(Unprocessable):
                specs.choose({"spec": name}, {}, endpoint)

    @pytest.mark.parametrize(
        ("asked", "enforced", "sentence", "reason"),
        [
            ({"spec": "stranger"}, False, "The model spec is of another endpoint.", "is of another endpoint"),
            (
                {},
                True,
                "This server lets you chat with its model specs only.",
                "must name a model spec",
            ),
        ],
    )
    def test_refuses_in_words(
        self, asked: dict[str, Any], enforced: bool, sentence: str, reason: str
    ) -> None:
        with pytest.raises(Unprocessable) as found:
            self.choose(asked, {"spec": "poet"}, enforced=enforced)
        [error] = found.value.errors
        assert (found.value.code, found.value.message) == ("unusable_model_spec", sentence)
        assert (error.field, error.message) == ("spec", reason)

    def test_without_any_nothing_is_enforced(self) -> None:
        specs = Specs([], enforced=True)
        assert not specs.enforced
        assert specs.choose({}, {}, "openAI") is None
        assert not Specs([listed()], enforced=False).enforced


class TestListed:
    def test_says_what_is_kept_of_it(self) -> None:
        assert spec_of(listed()).kept == {"spec": "poet"}
        assert spec_of(listed(iconURL="")).kept == {"spec": "poet"}
        with_icon = spec_of(listed(iconURL="poet.png"))
        assert (with_icon.icon_url, with_icon.kept) == ("poet.png", {"spec": "poet", "iconURL": "poet.png"})

    @pytest.mark.parametrize(
        ("said", "switched"),
        [
            ({"webSearch": True}, ("web_search",)),
            ({"fileSearch": True}, ("file_search",)),
            ({"executeCode": True}, ("execute_code",)),
            ({"memory": True}, ("memory",)),
            ({"webSearch": "yes", "memory": False}, ()),
            ({"mcpServers": ["maps", "maps", "", 5]}, ("sys__all__sys_mcp_maps",)),
            ({"mcpServers": "maps"}, ()),
        ],
    )
    def test_switches_tools_on(self, said: dict[str, Any], switched: tuple[str, ...]) -> None:
        assert spec_of(listed(**said)).switched == switched

    @pytest.mark.parametrize(
        ("said", "mode"),
        [(True, "default"), (False, None), ("", None), (None, None), ("shadcnui", "shadcnui")],
    )
    def test_has_a_mode_of_artifacts(self, said: Any, mode: str | None) -> None:
        assert spec_of(listed(artifacts=said)).artifacts == mode
