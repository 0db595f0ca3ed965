"""Where the parameters of a run come from."""

from typing import Any

import pytest

from echo.chat.request import Asked, Settled
from echo.chat.settling import Settling
from echo.chat.specs import Specs
from echo.errors import Unprocessable
from storage.core.database import Database
from storage.core.errors import NotFound
from storage.library.assistants import AssistantRepository
from storage.library.presets import PresetRepository
from tests.support.chats import new_owner

POET = {
    "name": "poet",
    "preset": {"endpoint": "openAI", "model": "gpt-4", "promptPrefix": "Rhyme.", "temperature": 0.25},
    "iconURL": "poet.png",
    "webSearch": True,
    "artifacts": True,
}
PLAIN = {"name": "plain", "preset": {"endpoint": "openAI", "model": "gpt-4", "agent_id": "agent_1"}}


class Scene:
    """Settles for one owner, who has the presets and assistants of a database."""

    def __init__(self, database: Database) -> None:
        self.owner = new_owner()
        self.presets = PresetRepository(database)
        self.assistants = AssistantRepository(database)
        self._specs: dict[str, Specs] = {}
        self._settling = Settling(self.presets, self.assistants, lambda owner: self._specs[owner])
        self.offer()

    def offer(self, *specs: dict[str, Any], enforced: bool = False) -> None:
        self._specs = {self.owner: Specs(specs, enforced=enforced), "bob": Specs([], enforced=False)}

    def settle(
        self,
        parameters: dict[str, Any] | None = None,
        conversation: dict[str, Any] | None = None,
        *,
        endpoint: str = "openAI",
        fixed: dict[str, Any] | None = None,
        preset_id: str | None = None,
    ) -> Settled:
        asked = Asked(parameters=parameters or {}, preset_id=preset_id)
        return self._settling.settle(self.owner, endpoint, asked, conversation or {}, fixed)


@pytest.fixture
def scene(database: Database) -> Scene:
    return Scene(database)


class TestOrder:
    def test_is_request_conversation_preset_spec_assistant(self, scene: Scene) -> None:
        layers = ("promptPrefix", "temperature", "top_p", "maxContextTokens", "model")
        scene.offer(
            {
                **POET,
                "preset": {"endpoint": "openAI", **dict.fromkeys(layers[:1], "spec"), "maxContextTokens": 4},
            }
        )
        preset = scene.presets.create(scene.owner, {"title": "p", "promptPrefix": "preset", "top_p": 0.3})
        assistant = scene.assistants.create(
            scene.owner, {"name": "a", "model": "of assistant", "instructions": "assistant"}
        )
        found = scene.settle(
            {"promptPrefix": "asked", "spec": "poet", "assistant_id": assistant["assistant_id"]},
            {"promptPrefix": "held", "temperature": 0.2, "spec": "poet"},
            preset_id=preset["presetId"],
        )
        assert (found.system, found.temperature, found.top_p) == ("asked", 0.2, 0.3)
        assert (found.max_context_tokens, found.model) == (4, "of assistant")
        found = scene.settle({}, {"promptPrefix": "held"}, preset_id=preset["presetId"])
        assert found.system == "held"
        assert scene.settle({}, {}, preset_id=preset["presetId"]).system == "preset"
        assert scene.settle({"assistant_id": assistant["assistant_id"]}).system == "assistant"
        found = scene.settle({}, {"assistant_id": assistant["assistant_id"]})
        assert (found.system, found.model) == ("assistant", "of assistant")

    def test_what_was_held_with_another_endpoint_says_nothing_of_the_model(self, scene: Scene) -> None:
        held = {
            "endpoint": "google",
            "model": "gemini",
            "modelLabel": "G",
            "iconURL": "g.png",
            "temperature": 0.5,
        }
        found = scene.settle({}, held)
        assert (found.model, found.label, found.icon_url, found.temperature) == (None, None, None, 0.5)
        found = scene.settle({}, held, endpoint="google")
        assert (found.model, found.label, found.icon_url) == ("gemini", "G", "g.png")
        assert scene.settle({}, {"model": "old"}).model == "old"
        assert scene.settle({}, {**held, "endpoint": "OLLAMA"}, endpoint="ollama").model == "gemini"
        assert scene.settle({}, {"endpoint": "google", "chatGptLabel": "G"}).label is None

    def test_what_was_held_with_another_spec_says_nothing_of_the_model(self, scene: Scene) -> None:
        scene.offer(POET)
        held = {"endpoint": "openAI", "model": "old", "temperature": 0.5}
        found = scene.settle({"spec": "poet"}, {**held, "spec": "clerk"})
        assert (found.model, found.temperature) == ("gpt-4", 0.5)
        assert scene.settle({"spec": "poet"}, {**held, "spec": "poet"}).model == "old"


class TestPreset:
    def test_of_another_owner_is_not_there(self, scene: Scene) -> None:
        theirs = scene.presets.create("bob", {"title": "p", "promptPrefix": "bobs"})
        with pytest.raises(NotFound):
            scene.settle(preset_id=theirs["presetId"])

    def test_is_none_without_an_id(self, scene: Scene) -> None:
        assert scene.settle(preset_id="").system is None


class TestAssistant:
    def test_that_the_request_names_must_be_there(self, scene: Scene) -> None:
        theirs = scene.assistants.create(new_owner(), {"name": "a", "model": "m", "instructions": "bobs"})
        with pytest.raises(NotFound):
            scene.settle({"assistant_id": theirs["assistant_id"]})
        # One that the conversation was held with may be gone.
        assert scene.settle({}, {"assistant_id": theirs["assistant_id"]}).system is None


class TestFixed:
    def test_nothing_else_counts_but_the_looks(self, scene: Scene) -> None:
        asked = {"model": "mine", "temperature": 1, "greeting": "Hi", "iconURL": "mine.png"}
        found = scene.settle(
            asked, {"promptPrefix": "held"}, fixed={"model": "agents", "instructions": "Be."}
        )
        assert (found.model, found.system, found.temperature) == ("agents", "Be.", None)
        assert (found.icon_url, found.kept) == ("mine.png", {"greeting": "Hi", "iconURL": "mine.png"})
        found = scene.settle({"greeting": "", "iconURL": None}, fixed={"model": "agents"})
        assert (found.icon_url, found.kept) == (None, {})

    def test_the_picture_of_a_spec_wins(self, scene: Scene) -> None:
        scene.offer(POET, PLAIN)
        found = scene.settle({"spec": "poet", "iconURL": "mine.png"}, fixed={"model": "agents"})
        assert (found.icon_url, found.kept) == ("poet.png", {"spec": "poet", "iconURL": "poet.png"})
        assert (found.model, found.switched, found.artifacts) == ("agents", (), None)
        found = scene.settle({"spec": "plain", "iconURL": "mine.png"}, fixed={"model": "agents"})
        assert (found.icon_url, found.kept) == ("mine.png", {"spec": "plain", "iconURL": "mine.png"})

    def test_an_enforced_spec_is_of_its_own_agent(self, scene: Scene) -> None:
        scene.offer(PLAIN, enforced=True)
        found = scene.settle({"spec": "plain"}, fixed={"model": "m", "agent_id": "agent_1"})
        assert found.kept == {"spec": "plain"}
        with pytest.raises(Unprocessable, match=r"The model spec is of another agent\.$") as refused:
            scene.settle({"spec": "plain"}, fixed={"model": "m", "agent_id": "agent_2"})
        [error] = refused.value.errors
        assert (refused.value.code, error.field, error.message) == (
            "unusable_model_spec",
            "spec",
            "is of another agent",
        )
        scene.offer(PLAIN)
        assert scene.settle({"spec": "plain"}, fixed={"agent_id": "agent_2"}).kept == {"spec": "plain"}


class TestSpec:
    def test_that_is_enforced_is_all_that_counts(self, scene: Scene) -> None:
        scene.offer(POET, enforced=True)
        preset = scene.presets.create(scene.owner, {"title": "p", "top_p": 0.3})
        asked = {"spec": "poet", "model": "mine", "promptPrefix": "Mine.", "temperature": 1}
        found = scene.settle(asked, {"presence_penalty": 1}, preset_id=preset["presetId"])
        assert (found.model, found.system, found.temperature) == ("gpt-4", "Rhyme.", 0.25)
        assert (found.top_p, found.presence_penalty) == (None, None)
        assert (found.icon_url, found.kept) == ("poet.png", {"spec": "poet", "iconURL": "poet.png"})
        assert (found.switched, found.artifacts) == (("web_search",), "default")

    def test_of_another_endpoint_is_refused(self, scene: Scene) -> None:
        scene.offer(POET)
        with pytest.raises(Unprocessable):
            scene.settle({"spec": "poet"}, endpoint="google")

    def test_brings_its_tools_and_its_picture(self, scene: Scene) -> None:
        scene.offer(POET)
        found = scene.settle({"spec": "poet", "iconURL": "mine.png"})
        assert (found.icon_url, found.switched, found.artifacts) == ("poet.png", ("web_search",), "default")
        found = scene.settle({"iconURL": "mine.png"})
        assert (found.icon_url, found.switched, found.artifacts) == ("mine.png", (), None)
