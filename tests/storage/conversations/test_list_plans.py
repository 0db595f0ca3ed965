"""The lists of the smaller collections are read by an index, in its order; see also the tests of the larger ones."""

import pytest

from storage.core.database import Database
from storage.library.assistants import AssistantRepository
from storage.library.files import FileRepository
from storage.library.presets import PresetRepository
from tests.support.chats import new_owner, profiled

COUNT = 30


def fill(database: Database, owner: str) -> None:
    for number in range(COUNT):
        AssistantRepository(database).create(owner, {"name": str(number), "model": "m"})
        PresetRepository(database).create(owner, {"title": str(number)})
        FileRepository(database).insert(owner, {"file_id": f"{owner}-{number}"})


@pytest.mark.parametrize("collection", ["assistants", "presets", "files"])
@pytest.mark.parametrize("newest_first", [True, False])
def test_no_collection_scan_and_no_sort_in_memory(
    database: Database, collection: str, newest_first: bool
) -> None:
    ada, bob = new_owner(), new_owner()
    fill(database, ada)
    fill(database, bob)
    with profiled(database, collection) as notes:
        if collection == "assistants":
            AssistantRepository(database).list_page(ada, limit=10, newest_first=newest_first)
        elif collection == "presets":
            PresetRepository(database).list(ada)
        else:
            FileRepository(database).list(ada)
    [note] = notes
    assert "COLLSCAN" not in note["planSummary"]
    assert note["docsExamined"] <= COUNT
    assert "hasSortStage" not in note
