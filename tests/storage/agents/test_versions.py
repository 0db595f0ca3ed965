"""Versions of agents: when one is kept, and how many."""

from datetime import UTC, datetime
from typing import Any

import bson
import pytest
from bson import ObjectId

from storage.agents.versions import VERSIONS_BYTES, kept, next_version, restored, says_the_same
from storage.core.errors import InvalidDocument

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
EDITOR = ObjectId()


def test_a_version_is_a_copy_of_the_agent_with_its_changes() -> None:
    agent = {
        "_id": 1,
        "id": "agent_x",
        "__v": 0,
        "author": 2,
        "versions": [3],
        "tenantId": "t",
        "name": "Old",
        "tools": ["a"],
        "createdAt": NOON,
    }
    assert next_version(agent, {"name": "New"}, str(EDITOR), NOON) == {
        "name": "New",
        "tools": ["a"],
        "createdAt": NOON,
        "updatedAt": NOON,
        "updatedBy": EDITOR,
    }


class TestTheSame:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ({"name": "a", "updatedAt": 1, "updatedBy": 2}, {"name": "a", "updatedAt": 3, "_id": 4}),
            ({"tools": ["a", "b"]}, {"tools": ["b", "a"]}),
            ({"edges": [{"to": "a"}, {"to": "b"}]}, {"edges": [{"to": "b"}, {"to": "a"}]}),
            ({"artifacts": "", "end_after_tools": False, "edges": [], "tool_options": {}}, {}),
            ({"model_parameters": {"a": 1, "b": 2}}, {"model_parameters": {"b": 2.0, "a": 1}}),
        ],
    )
    def test_is(self, one: dict[str, Any], other: dict[str, Any]) -> None:
        assert says_the_same(one, other)
        assert says_the_same(other, one)

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ({"name": "a"}, {"name": "b"}),
            ({"name": "a"}, {}),
            ({"tools": ["a", "a"]}, {"tools": ["a", "b"]}),
            ({"tools": ["a"]}, {"tools": ["a", "b"]}),
            ({"model_parameters": {"a": 1}}, {"model_parameters": {"a": 2}}),
            ({"end_after_tools": True}, {"end_after_tools": False}),
        ],
    )
    def test_is_not(self, one: dict[str, Any], other: dict[str, Any]) -> None:
        assert not says_the_same(one, other)
        assert not says_the_same(other, one)


class TestKept:
    def test_versions_have_8_mib(self) -> None:
        assert VERSIONS_BYTES == 8 * 1024 * 1024

    def test_the_newest_stay(self) -> None:
        third = {"text": "x" * (VERSIONS_BYTES // 3)}
        assert kept([third, third, third]) == 2
        assert kept([{}, {}, {}]) == 3
        assert kept([third, third, {}]) == 3

    def test_to_the_last_byte(self) -> None:
        # A text takes a few bytes more than its characters.
        more = len(bson.encode({"": {"text": ""}}))
        assert kept([{"text": "x" * (VERSIONS_BYTES - 2 * more)}, {"text": ""}]) == 2
        assert kept([{"text": "x" * (VERSIONS_BYTES - 2 * more + 1)}, {"text": ""}]) == 1

    def test_the_newest_one_always_does(self) -> None:
        assert kept([{}, {"text": "x" * VERSIONS_BYTES}]) == 1

    @pytest.mark.parametrize("parameters", [{"a\0b": 1}, {"n": 2**63}])
    def test_one_that_cannot_be_stored_is_told(self, parameters: dict[str, Any]) -> None:
        with pytest.raises(InvalidDocument):
            kept([{}, {"model_parameters": parameters}])


def test_an_agent_takes_over_what_an_editor_may_set() -> None:
    version = {"name": "a", "mcpServerNames": ["b"], "is_promoted": True, "author": 1, "category": "hr"}
    assert restored(version) == {"name": "a", "mcpServerNames": ["b"], "category": "hr"}
