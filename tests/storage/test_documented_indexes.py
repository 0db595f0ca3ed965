"""The tables of `docs/storage.md` have every collection, and the indexes that the repositories make."""

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from pymongo.operations import IndexModel

from storage.operator.indexes import REPOSITORIES

DOCUMENT = Path(__file__).parents[2] / "docs" / "storage.md"
CELL = re.compile(r"`(\w+)`")
KEYS = re.compile(r"\(([^)]+)\)|(?<![\w.])([a-z_][\w.]*)")
# Words of the table that are no fields.
WORDS = {
    *(
        "after",
        "an",
        "at",
        "code",
        "each",
        "expires",
        "has",
        "hour",
        "in",
        "log",
        "made",
        "of",
        "people",
        "s",
    ),
    *("service", "store", "that", "unique", "used", "versions", "what"),
}


def documented() -> dict[str, set[str]]:
    """The keys of the indexes of each collection, as the table has them; of Echo's own it has only names."""
    found: dict[str, set[str]] = defaultdict(set)
    for line in DOCUMENT.read_text(encoding="utf-8").splitlines():
        if not line.startswith("| `"):
            continue
        name, *cells = [cell.strip().replace("\\_", "_") for cell in line.strip("|").split(" | ")]
        for collection in CELL.findall(name):
            found[collection] |= {
                match[1] or match[2]
                for cell in cells[1:]
                for match in KEYS.finditer(cell)
                if match[1] or match[2] not in WORDS
            }
    return found


def made() -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for repository in REPOSITORIES:
        found[repository.collection_name] |= {keys(model) for model in repository.indexes}
    return found


def keys(model: IndexModel) -> str:
    names: Any = model.document["key"]
    return ", ".join(names)


@pytest.mark.parametrize("collection", sorted(made()))
def test_has_the_indexes_of(collection: str) -> None:
    told = documented()
    assert collection in told
    if not collection.startswith("echo_"):
        assert told[collection] == made()[collection]
