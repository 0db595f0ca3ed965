"""What each part of conversations is given by the composition root."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from echo.conversations.assembly import build_conversations
from echo.conversations.links import Reach
from storage.conversations import conversations, messages
from storage.core.database import Database
from tests.conftest import make_settings
from tests.support.wiring import NOWHERE, holders, unreached


@pytest.fixture
def database() -> Iterator[Database]:
    with unreached() as database:
        yield database


class Scene:
    """Conversations at a database that nobody contacts."""

    def __init__(self, database: Database, directory: Path, **settings: Any) -> None:
        given: Any = (SimpleNamespace(), SimpleNamespace())
        self.access, self.store = given
        made = replace(make_settings(NOWHERE, directory), **settings)
        self.made: Any = build_conversations(made, database, self.access, self.store)


@pytest.fixture
def made(database: Database, tmp_path: Path) -> Any:
    return Scene(database, tmp_path).made


def test_each_part_is_given_what_it_works_with(database: Database, tmp_path: Path) -> None:
    scene = Scene(database, tmp_path)
    assert holders(scene.made, {"access": scene.access, "files": scene.store}) == {
        "ConversationRepository": ["Conversations.conversations", "InFull.conversations"],
        "CopyRepository": ["Conversations.copies", "LinkForks.copies"],
        "DeletionRepository": ["Conversations.deletions"],
        "ExportRepository": ["TransferService.exports"],
        "FileRepository": ["Links.files"],
        "ImportRepository": ["TransferService.imports"],
        "MessageRepository": ["Conversations.messages", "InFull.messages"],
        "ProjectRepository": ["Conversations.projects"],
        "RevisionRepository": ["ArtifactEditor.revisions", "Conversations.revisions"],
        "ShareRepository": ["LinkForks.shares", "Links.shares"],
        "TagRepository": ["Conversations.tags"],
        "ThreadRepository": ["Conversations.threads", "InFull.threads"],
        "ToolCallRepository": ["Conversations.tool_calls"],
        "access": ["Links.access"],
        "files": ["Links.store"],
    }
    assert scene.made.link_forks._links is scene.made.links


def test_nobody_has_more_than_a_thousand_of_what_is_listed_whole(made: Any) -> None:
    listed = (made.tags, made.projects, made.links._shares)
    assert [each._most for each in listed] == [1000, 1000, 1000]


def test_librechats_contract_is_shown_everything(made: Any) -> None:
    full = made.in_full
    assert (full.conversations._listed, full.conversations._shown) == (
        conversations.LISTED,
        conversations.IN_FULL,
    )
    assert full.conversations._searches._listed == conversations.LISTED
    assert (full.messages._shown, full.threads._shown) == (messages.IN_FULL, messages.IN_FULL)
    assert (made.conversations._listed, made.conversations._shown) == (conversations.SHOWN,) * 2
    assert (made.messages._shown, made.threads._shown) == (messages.SHOWN, messages.SHOWN)


class TestTheIndexOfSearches:
    @staticmethod
    def used(made: Any) -> list[Any]:
        """The collections of whose index the messages of all, and the titles, are looked for."""
        repositories = (made.conversations, made.in_full.conversations)
        found = [
            *(each._searches._messages._index for each in repositories),
            *(each._searches._titles for each in repositories),
            *(each._searches._index for each in (made.messages, made.in_full.messages)),
        ]
        return [each and each._source.collection for each in found]

    def test_is_used_by_all_that_search(self, made: Any) -> None:
        assert self.used(made) == [*["messages"] * 2, *["conversations"] * 2, *["messages"] * 2]
        asked: list[tuple[str, str]] = []
        made.search_indexing.ask = lambda *what: asked.append(what)
        made.messages._searches._index.wanted("ada")
        made.conversations._searches._titles.wanted("bob")
        assert asked == [("ada", "messages"), ("bob", "conversations")]

    def test_is_used_by_nobody_where_the_operator_wants_none(
        self, database: Database, tmp_path: Path
    ) -> None:
        assert self.used(Scene(database, tmp_path, search_index=False).made) == [None] * 6


class TestWhatTheSettingsSay:
    def test_of_sizes_and_times_holds(self, database: Database, tmp_path: Path) -> None:
        limits = {"search_seconds": 7, "max_import_bytes": 5000, "max_message_bytes": 300}
        made = Scene(database, tmp_path, **limits).made
        assert (made.searches._seconds, made.transfers._max_bytes, made.artifacts._max_bytes) == (
            7,
            5000,
            300,
        )

    @pytest.mark.parametrize("number", range(4))
    def test_of_links_holds(self, database: Database, tmp_path: Path, number: int) -> None:
        names = (
            "allow_shared_links",
            "allow_shared_links_public",
            "sharing_files",
            "serve_shared_files",
        )
        flags = {name: place == number for place, name in enumerate(names)}
        reach = Scene(database, tmp_path, **flags).made.links._reach
        assert reach == Reach(
            readable=number == 0, by_anyone=number == 1, with_files=number == 2, serves_files=number == 3
        )
