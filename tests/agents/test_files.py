"""The files of an agent: an id alone is not enough to have another's file read."""

from collections.abc import Collection
from typing import Any

import pytest

from echo.agents.files import ids_of, with_file, with_own_files, without_files
from echo.errors import Unprocessable


class Files:
    """Says whose a file is by the first letters of its id; notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, set[str]]] = []

    def owned(self, owner: str, file_ids: Collection[str]) -> set[str]:
        self.asked.append((owner, set(file_ids)))
        return {each for each in file_ids if each.startswith(owner)}


class TestWhoseTheyAre:
    def made(self, resources: Any, present: Collection[str] = ()) -> tuple[Any, Files]:
        files: Any = Files()
        return with_own_files(files, "ada", resources, present), files

    def test_the_editors_stay_and_the_agents_own(self) -> None:
        given = {
            "context": {"file_ids": ["ada1", "bob1", "bob2"], "more": 1},
            "file_search": {"file_ids": ["bob3", "ada2"]},
        }
        made, files = self.made(given, ["bob2"])
        assert made == {
            "context": {"file_ids": ["ada1", "bob2"], "more": 1},
            "file_search": {"file_ids": ["ada2"]},
        }
        assert files.asked == [("ada", {"ada1", "ada2", "bob1", "bob3"})]

    @pytest.mark.parametrize("resource", [None, "x", ["ada1"], 7])
    def test_what_is_no_resource_goes(self, resource: Any) -> None:
        assert self.made({"context": resource, "file_search": {}})[0] == {"file_search": {"file_ids": []}}


class TestOneMore:
    def test_is_put_behind_the_others_once(self) -> None:
        agent = {
            "tool_resources": {"context": {"file_ids": ["a", "b"], "more": 1}, "file_search": {}, "x": "y"}
        }
        assert with_file(agent, name="context", file_id="a") == {
            "context": {"file_ids": ["b", "a"], "more": 1},
            "file_search": {},
        }
        assert with_file(agent, name="execute_code", file_id="c")["execute_code"] == {"file_ids": ["c"]}
        for nothing in ({}, {"tool_resources": None}, {"tool_resources": []}):
            assert with_file(nothing, name="context", file_id="a") == {"context": {"file_ids": ["a"]}}

    def test_is_refused_beyond_a_thousand(self) -> None:
        def agent(number: int) -> Any:
            return {"tool_resources": {"context": {"file_ids": [f"f{each}" for each in range(number)]}}}

        assert len(with_file(agent(999), name="file_search", file_id="a")["context"]["file_ids"]) == 999
        with pytest.raises(Unprocessable, match=r"An agent may have 1000 files\.$") as refused:
            with_file(agent(1000), name="file_search", file_id="a")
        assert refused.value.code == "too_many_agent_files"


def test_files_are_taken_from_wherever_they_are() -> None:
    agent = {
        "tool_resources": {
            "context": {"file_ids": ["a", "b"], "more": 1},
            "file_search": {"file_ids": ["b"]},
            "x": 7,
        }
    }
    assert without_files(agent, file_ids=["b", "c"]) == {
        "context": {"file_ids": ["a"], "more": 1},
        "file_search": {"file_ids": []},
    }
    assert without_files({}, file_ids=["a"]) == {}


@pytest.mark.parametrize(
    ("resource", "ids"),
    [
        ({"file_ids": ["a", 7, None, "b"]}, ["a", "b"]),
        ({"file_ids": "ab"}, []),
        ({"file_ids": None}, []),
        ({}, []),
        (["a"], []),
        (None, []),
    ],
)
def test_ids_are_texts_in_a_list(resource: Any, ids: list[str]) -> None:
    assert ids_of(resource) == ids
