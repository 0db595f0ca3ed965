"""What each part of chats is given by the composition root."""

from collections.abc import Iterator
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from echo.chat.assembly import ChatParts, build_chat
from echo.chat.service import ChatService
from echo.settings import Settings
from storage.core.database import Database
from tests.conftest import make_settings
from tests.support.wiring import NOWHERE, holders, unreached

HOLDERS = {
    "AgentRepository": ["Remembering.agents"],
    "AssistantRepository": ["Settling.assistants"],
    "ChatRepository": [
        "AgentsAndModels.chats",
        "Contexts.chats",
        "Journal.chats",
        "RunStores.chats",
        "Stores.chats",
        "Tools.chats",
    ],
    "FileRepository": ["AgentsAndModels.files", "Starting.files", "Steering.files", "Stores.files"],
    "PieceRepository": ["Journal.pieces", "Mirrors.pieces", "RunStores.pieces"],
    "PresetRepository": ["Settling.presets"],
    "RunRepository": [
        "Journal.runs",
        "Mirrors.runs",
        "RunPlaces.runs",
        "RunStores.runs",
        "Running.runs",
        "Tools.runs",
    ],
    "SteerRepository": ["Injecting.steers", "RunStores.steers", "Steering.steers", "Tools.steers"],
    "UserRepository": ["Stores.users"],
    "WorkerRepository": ["Mirrors.workers", "Presence.workers", "RunStores.workers"],
    "background": ["ChatService.background", "Endpoints.background", "RunHub.background"],
    "check": ["Starting.check"],
    "count_tokens": ["Contexts.count", "Members.count", "Preparation.count", "Tools.count_tokens"],
    "credentials": ["Endpoints.credentials"],
    "credits": ["Remembering.credits", "Tools.credits"],
    "file_store": ["AgentsAndModels.store", "Steering.store", "Stores.file_store"],
    "find_agent": ["AgentsAndModels.find_agent"],
    # Asked for each owner, see below.
    "live": [],
    "memories": ["MemoryTools.memories", "Remembering.memories"],
    "memories_text": ["Preparation.memories_text"],
    "moderation": ["Injecting.moderation", "Starting.moderation"],
    "opened": ["Endpoints.opened"],
    "providers": ["Endpoints.providers", "Remembering.providers"],
    "settings.agents": ["AgentsAndModels.rules", "Members.rules", "MemoryTools.agents", "Sides.rules"],
    "settings.memory": ["MemoryTools.settings", "Remembering.rules"],
    "settings.summaries": ["Contexts.summaries", "Summarisers.rules"],
    "sources": ["Tools.sources"],
    "titles": ["Tools.titles"],
    "violation": ["Starting.violation"],
}


class Scene:
    """Chats out of parts that are nothing but themselves."""

    def __init__(self, database: Database, directory: Path, **environ: str) -> None:
        environ = {"OPENAI_API_KEY": "sk", "OPENAI_MODELS": "gpt-4", **environ}
        self.settings: Settings = make_settings(NOWHERE, directory, **environ)
        self.asked: list[str] = []
        self.parts: dict[str, Any] = {each.name: object() for each in fields(ChatParts)}
        self.parts |= {"providers": {"openAI": object()}, "live": self.live}
        self.service: ChatService = build_chat(self.settings, database, ChatParts(**self.parts))
        self.made: Any = self.service

    def live(self, owner: str) -> Any:
        """The settings that hold for one owner."""
        self.asked.append(owner)
        return SimpleNamespace(client=SimpleNamespace(tells_cost=owner == "ada"), owner=owner)


@pytest.fixture
def database() -> Iterator[Database]:
    with unreached() as database:
        yield database


@pytest.fixture
def scene(database: Database, tmp_path: Path) -> Scene:
    return Scene(database, tmp_path)


def test_each_part_is_given_what_it_works_with(scene: Scene) -> None:
    settings = {
        f"settings.{name}": getattr(scene.settings, name) for name in ("agents", "memory", "summaries")
    }
    assert holders(scene.service, {**scene.parts, **settings}) == HOLDERS


def test_endpoints_are_those_of_the_settings(scene: Scene) -> None:
    [openai] = [each for each in scene.settings.providers if each.name == "openAI"]
    assert scene.made.starting._preparation._sides._endpoints._settings["openAI"] is openai
    assert scene.made.hub._tools.remembering._endpoints == {"openAI": openai}


def test_what_the_settings_say_holds(database: Database, tmp_path: Path) -> None:
    scene = Scene(
        database, tmp_path, TITLE_CONVO="false", TEMP_CHAT_RETENTION_HOURS="36", CONCURRENT_MESSAGE_MAX="3"
    )
    preparation = scene.made.starting._preparation
    assert (preparation._titles, preparation._temporary) == (False, timedelta(hours=36))
    assert scene.made.hub._places._most == 3


def test_what_may_differ_from_owner_to_owner_is_asked_for_each(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("echo.chat.assembly.specs_of", lambda live: f"specs of {live.owner}")
    preparation = scene.made.starting._preparation
    assert [preparation._tells_cost(owner) for owner in ("ada", "bob")] == [True, False]
    settling = preparation._sides._settling
    assert [settling._specs(owner) for owner in ("ada", "bob")] == ["specs of ada", "specs of bob"]
    assert scene.asked == ["ada", "bob"] * 2


def test_files_of_messages_that_wait_are_loaded_for_their_owner(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[Any, ...]] = []

    class Loading:
        def __init__(self, *given: Any) -> None:
            made.append(given)

        def load_earlier(self, row: Any) -> str:
            return f"loaded {row}"

    monkeypatch.setattr("echo.chat.assembly.Attachments", Loading)
    assert scene.made.hub._tools.injecting._load_files("ada", "row") == "loaded row"
    assert made == [(scene.made.starting._files, scene.parts["file_store"], "ada")]


def test_all_parts_are_of_one_hub(scene: Scene) -> None:
    made = scene.made
    assert made.starting._hub is made.hub is made.steering._running._hub is made._running._hub
    assert made.starting._stores is made.hub._stores is made._stores
    assert made.starting._preparation._stores.chats is made.hub._stores.chats
