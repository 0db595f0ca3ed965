"""Parts of an answer, put together from its events."""

from typing import Any

import pytest

from echo.chat.content import Parts, pieces_of


def step(identifier: str, *calls: dict[str, Any], **more: Any) -> dict[str, Any]:
    details = {"type": "tool_calls", "tool_calls": list(calls)} if calls else {"type": "message_creation"}
    return {"event": "on_run_step", "data": {"id": identifier, "stepDetails": details, **more}}


def call(identifier: str, name: str = "add", **more: Any) -> dict[str, Any]:
    return {"id": identifier, "name": name, "type": "tool_call", "args": "", **more}


def closed(identifier: str, begun: int, ended: int) -> dict[str, Any]:
    data = {"id": identifier, "status": "completed", "created_at": begun, "closed_at": ended}
    return {"event": "on_run_step_closed", "data": data}


def put_together(*events: Any) -> list[dict[str, Any]]:
    parts = Parts()
    for each in events:
        if isinstance(each, dict):
            parts.note(each)
        else:
            parts.extend(each[0], each[1], bytearray(each[2].encode()))
    return parts.whole()


def test_pieces_of_a_part_are_joined() -> None:
    assert put_together(
        ("1", "think", "Hm"), ("2", "text", "Yé"), ("1", "think", "m."), ("2", "text", "s.")
    ) == [
        {"type": "think", "think": "Hmm."},
        {"type": "text", "text": "Yés."},
    ]


def test_a_call_has_its_arguments_what_it_gave_and_how_long_it_took() -> None:
    result = {"id": "s", "tool_call": {"output": "3", "progress": 1}}
    made = put_together(
        ("t", "text", "So:"),
        step("s", call("c")),
        ("s", "tool_call", '{"a":'),
        ("s", "tool_call", "1}"),
        {"event": "on_run_step_completed", "data": {"result": result}},
        closed("s", 5, 12),
    )
    assert made == [
        {"type": "text", "text": "So:", "tool_call_ids": ["c"]},
        {
            "type": "tool_call",
            "tool_call": {
                "args": '{"a":1}',
                "id": "c",
                "name": "add",
                "type": "tool_call",
                "output": "3",
                "progress": 1,
                "runStepStatus": "completed",
                "runStepDurationMs": 7,
            },
        },
    ]


@pytest.mark.parametrize(("ended", "shown"), [(5, {"runStepDurationMs": 0}), (4, {})])
def test_a_call_takes_no_time_below_none(ended: int, shown: dict[str, int]) -> None:
    [part] = put_together(step("s", call("c")), closed("s", 5, ended))
    found = part["tool_call"]
    assert {name: found[name] for name in ("runStepDurationMs",) if name in found} == shown
    assert found["runStepStatus"] == "completed"


def test_what_nobody_begun_is_no_call() -> None:
    result = {"id": "x", "tool_call": {"output": "3"}}
    assert (
        put_together(
            ("x", "tool_call", "{}"),
            step("l", call("c", "oauth_mcp_files")),
            ("l", "tool_call", "{}"),
            {"event": "on_run_step_completed", "data": {"result": result}},
            closed("x", 1, 2),
            {"event": "unheard"},
        )
        == []
    )
    # Only calls are closed.
    assert put_together(("t", "text", "a"), closed("t", 1, 2)) == [{"type": "text", "text": "a"}]


def test_parts_say_whose_they_are() -> None:
    ada, bob = {"agentId": "ada", "groupId": 1}, {"agentId": "bob"}
    made = put_together(
        step("1", **ada, runId="r"),
        step("2", **bob),
        ("1", "text", "a"),
        step("3", call("c"), **ada),
        step("4", call("d"), **bob),
        ("2", "text", "b"),
        step("5", call("e"), **bob),
        step("6", call("f"), **bob),
    )
    assert [each.get("agentId") for each in made] == ["ada", "ada", "bob", "bob", "bob", "bob"]
    assert made[0] == {"type": "text", "text": "a", **ada, "tool_call_ids": ["c"]}
    assert made[1]["groupId"] == 1
    # Of one's own calls alone, and up to the next part that is none.
    assert made[3] == {"type": "text", "text": "b", **bob, "tool_call_ids": ["e", "f"]}


def test_marks_stand_where_they_came() -> None:
    made = put_together(
        {"event": "on_agent_update", "data": {"type": "agent_update", "agent_update": {"agentId": "x"}}},
        ("t", "text", "a"),
        {"event": "on_steer_applied", "data": {"index": 1, "part": {"type": "steer", "steer": "Wait"}}},
        {"event": "on_agent_update", "data": {"type": "agent_update", "agent_update": {"agentId": "y"}}},
        step("s", summary={"type": "summary", "model": "m"}),
        {"event": "on_summarize_complete", "data": {"id": "s", "summary": {"type": "summary", "text": "z"}}},
    )
    assert made == [
        {"type": "agent_update", "agent_update": {"agentId": "x"}},
        {"type": "text", "text": "a"},
        {"type": "steer", "steer": "Wait"},
        {"type": "agent_update", "agent_update": {"agentId": "y"}},
        {"type": "summary", "text": "z"},
    ]


def test_events_that_are_pieces_alone_are_told_from_others() -> None:
    content = [{"type": "text", "text": "a"}, {"type": "think", "think": "b"}]
    for name in ("on_message_delta", "on_reasoning_delta"):
        event = {"event": name, "data": {"delta": {"content": content}}}
        assert pieces_of(event) == [("text", "a"), ("think", "b")]
    delta: dict[str, Any] = {"type": "tool_calls", "tool_calls": [{"args": "{"}, {"args": "}"}]}
    event = {"event": "on_run_step_delta", "data": {"delta": delta}}
    assert pieces_of(event) == [("tool_call", "{"), ("tool_call", "}")]
    event = {"event": "on_run_step_delta", "data": {"delta": {**delta, "auth": "url"}}}
    assert pieces_of(event) is None
    assert pieces_of({"event": "on_run_step", "data": {}}) is None
    assert pieces_of({"final": True}) is None


@pytest.mark.parametrize("made", [{"type": "summary", "content": [{"type": "text", "text": "So."}]}, None])
def test_a_summary_that_was_made_says_whose_it_is(made: dict[str, Any] | None) -> None:
    maker = {"type": "summary", "model": "m"}
    complete = {"event": "on_summarize_complete", "data": {"id": "s", **({"summary": made} if made else {})}}
    [part] = put_together(step("s", summary=maker, agentId="a", groupId=1), complete)
    assert part == {**(made or {**maker, "content": []}), "agentId": "a", "groupId": 1}


def test_a_summary_that_is_being_made_says_whose_it_is() -> None:
    maker = {"type": "summary", "model": "m"}
    [part] = put_together(step("s", summary=maker, agentId="a", groupId=1), ("s", "summary", "So"))
    assert (part["model"], part["agentId"], part["groupId"]) == ("m", "a", 1)
    assert maker == {"type": "summary", "model": "m"}
