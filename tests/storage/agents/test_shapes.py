"""The fields of an agent."""

import pytest

from storage.agents.shapes import editable, files_of, server_names, with_actions, without_agent


def test_an_editor_sets_no_field_of_the_servers() -> None:
    mine = {"name": "a", "tool_options": {"$where": 1}}
    forged = {
        "_id": 1,
        "id": 2,
        "author": 3,
        "is_promoted": True,
        "versions": [],
        "tenantId": "t",
        "$set": {},
    }
    assert editable({**mine, **forged}) == mine


@pytest.mark.parametrize(
    ("tools", "names"),
    [
        (["find_mcp_a", "sys__all__sys_mcp_b", "look_mcp_a"], ["a", "b"]),
        (["x_mcp_y_mcp_z"], ["z"]),
        (["get_action_a_mcp_b", "web_search", None, 5], []),
    ],
)
def test_tools_name_their_servers(tools: list[object], names: list[str]) -> None:
    assert server_names(tools) == names


def test_files_are_found_in_any_document() -> None:
    resources = {"context": {"file_ids": ["a", 5, "b"]}, "ocr": {"file_ids": ["b"]}, "file_search": 7}
    assert files_of({"tool_resources": resources}) == ["a", "b"]
    assert files_of({"tool_resources": resources}, ("ocr",)) == ["b"]
    assert files_of({"tool_resources": None}) == []


def test_edges_lose_an_agent_and_stay_with_others() -> None:
    edges = [
        {"from": "a", "to": "gone"},
        {"from": ["a", "gone"], "to": ["b"], "prompt": "p"},
        {"from": ["gone"], "to": "b"},
        {"from": "a", "to": "b"},
        None,
    ]
    assert without_agent(edges, "gone") == [
        {"from": ["a"], "to": ["b"], "prompt": "p"},
        {"from": "a", "to": "b"},
    ]
    assert without_agent(None, "gone") == []


def test_actions_are_of_the_agent_and_of_its_first_version() -> None:
    agent = {"id": "a", "versions": [{"name": "n"}]}
    assert with_actions(agent, ["x"]) == {
        "id": "a",
        "actions": ["x"],
        "versions": [{"name": "n", "actions": ["x"]}],
    }
    assert with_actions(agent, []) == agent
