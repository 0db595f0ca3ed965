"""What is asked of MongoDB for a list of conversations, and what an update of one changes."""

from datetime import timedelta
from typing import Any

import pytest

from storage.conversations.conversations import Wanted, changes, not_expired
from storage.core.database import Document
from storage.core.pages import Keyset
from tests.support.chats import START

CURRENT = {"isArchived": {"$in": [False, None]}}


class TestWanted:
    @pytest.mark.parametrize(
        ("wanted", "query"),
        [
            (Wanted(), CURRENT),
            (Wanted(archived=True), {"isArchived": True}),
            (Wanted(pinned=True), {**CURRENT, "pinned": True}),
            (Wanted(tags=("a", "b")), {**CURRENT, "tags": {"$in": ["a", "b"]}}),
            (Wanted(project_id="p"), {**CURRENT, "chatProjectId": "p"}),
            (Wanted(project_id="unassigned"), {**CURRENT, "chatProjectId": None}),
            (Wanted(tags=(), project_id="", search="x"), CURRENT),
            (
                Wanted(archived=True, pinned=True, tags=("a",), project_id="p"),
                {"isArchived": True, "pinned": True, "tags": {"$in": ["a"]}, "chatProjectId": "p"},
            ),
        ],
    )
    def test_is_asked_for_so(self, wanted: Wanted, query: Document) -> None:
        assert wanted.query == query

    @pytest.mark.parametrize(
        ("wanted", "keyset"),
        [
            # What these say is in cursors that clients hold.
            (Wanted(), Keyset("updatedAt", True, "conversations|False|")),
            (Wanted(archived=True, search="x"), Keyset("updatedAt", True, "conversations|True|x")),
            (
                Wanted(sort_by="title", newest_first=False),
                Keyset("title", False, "conversations|False|", of_text=True),
            ),
            (Wanted(sort_by="createdAt"), Keyset("createdAt", True, "conversations|False|")),
            (
                Wanted(pinned=True),
                Keyset("updatedAt", True, "conversations|False||(True, (), None)"),
            ),
            (
                Wanted(tags=["a"]),
                Keyset("updatedAt", True, "conversations|False||(False, ('a',), None)"),
            ),
            (
                Wanted(project_id="p", search="x"),
                Keyset("updatedAt", True, "conversations|False|x|(False, (), 'p')"),
            ),
        ],
    )
    def test_is_ordered_so(self, wanted: Wanted, keyset: Keyset) -> None:
        assert wanted.keyset == keyset


class TestChanges:
    LATER = START + timedelta(days=1)

    @pytest.mark.parametrize(
        ("asked", "update"),
        [
            ({}, {}),
            ({"title": None, "archived": None, "pinned": None}, {}),
            (
                {"title": ""},
                {"$max": {"updatedAt": LATER}, "$set": {"title": "", "_meiliIndex": False}},
            ),
            ({"archived": True}, {"$set": {"isArchived": True, "archivedAt": LATER}}),
            ({"archived": False}, {"$set": {"isArchived": False, "archivedAt": None}}),
            ({"pinned": True}, {"$set": {"pinned": True}}),
            ({"pinned": False}, {"$set": {"pinned": False}}),
            (
                {"title": "T", "archived": False, "pinned": True},
                {
                    "$max": {"updatedAt": LATER},
                    "$set": {
                        "title": "T",
                        "_meiliIndex": False,
                        "isArchived": False,
                        "archivedAt": None,
                        "pinned": True,
                    },
                },
            ),
        ],
    )
    def test_are_of_what_is_named(self, asked: dict[str, Any], update: Document) -> None:
        assert changes(self.LATER, **asked) == update


def test_what_has_not_expired_has_no_date_or_a_later_one() -> None:
    assert not_expired(START) == {"$or": [{"expiredAt": None}, {"expiredAt": {"$gt": START}}]}
