"""What reads many documents has a time limit, and MongoDB holds it: ten seconds for a list, five for a search."""

from collections.abc import Callable

import pytest
from bson import ObjectId

from storage.core.database import Database
from storage.library.assistants import AssistantRepository
from storage.library.file_chunks import FileChunkRepository
from storage.library.memories import MemoryRepository
from storage.library.prompt_groups import PromptGroupRepository, Wanted
from storage.library.prompts import PromptRepository
from storage.library.skills import SkillFileRepository, SkillRepository
from tests.support.chats import profiled

OWNER, KEY = "a" * 24, ObjectId("b" * 24)
PLACES = {OWNER: ["f"]}


@pytest.mark.parametrize(
    ("collection", "milliseconds", "read"),
    [
        ("assistants", 10_000, lambda database: AssistantRepository(database).list_page(OWNER, limit=5)),
        ("memoryentries", 10_000, lambda database: MemoryRepository(database).newest(OWNER, count=5, size=9)),
        ("memoryentries", 10_000, lambda database: MemoryRepository(database).tokens(OWNER)),
        ("promptgroups", 10_000, lambda database: PromptGroupRepository(database).places([KEY], Wanted())),
        ("promptgroups", 10_000, lambda database: PromptGroupRepository(database).read([KEY])),
        ("promptgroups", 10_000, lambda database: PromptGroupRepository(database).productions([KEY])),
        ("prompts", 10_000, lambda database: PromptRepository(database).sizes([KEY])),
        ("prompts", 10_000, lambda database: PromptRepository(database).texts([KEY])),
        ("skills", 10_000, lambda database: SkillRepository(database).places([KEY])),
        ("skills", 10_000, lambda database: SkillRepository(database).read([KEY])),
        ("skillfiles", 10_000, lambda database: SkillFileRepository(database).list_skill(KEY)),
        (
            "echo_file_chunks",
            5000,
            lambda database: FileChunkRepository(database).frequencies(PLACES, [1], 5),
        ),
        (
            "echo_file_chunks",
            5000,
            lambda database: FileChunkRepository(database).best(PLACES, [1], {1: 1.0}, 5),
        ),
        ("echo_file_chunks", 5000, lambda database: list(FileChunkRepository(database).vectors(PLACES, "m"))),
    ],
)
def test_it_is_told(
    database: Database, collection: str, milliseconds: int, read: Callable[[Database], object]
) -> None:
    with profiled(database, collection) as notes:
        read(database)
    assert [note["command"].get("maxTimeMS") for note in notes] == [milliseconds]
