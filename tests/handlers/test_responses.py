"""`/v1/responses` on the wire, where OpenAI's own client does not go."""

from typing import Any

import pytest

from tests.conftest import UserClient

ASKED = {"model": "openAI/gpt-4o", "input": "Hello"}


def nested(depth: int) -> Any:
    value: Any = {}
    for _ in range(depth):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    "body",
    [
        {"input": [{"role": "user", "content": "Hello", "more": 10**30}]},
        {"input": [{"role": "user", "content": "Hello", "$where": {"a.b": "\0"}}]},
        {"metadata": {"$set": "\0", "a.b": "é"}},
    ],
)
def test_what_a_program_calls_its_own_is_kept_as_it_is(ada: UserClient, body: Any) -> None:
    made = ada.post("/v1/responses", json={**ASKED, **body})
    assert made.status_code == 200
    assert ada.get(f"/v1/responses/{made.json()['id']}").json() == made.json()
    [item] = ada.get(f"/v1/responses/{made.json()['id']}/input_items").json()["data"]
    assert item.get("$where") == body.get("input", [{}])[0].get("$where")


@pytest.mark.parametrize(("depth", "status"), [(200, 200), (300, 422)])
@pytest.mark.parametrize("place", ["item", "tool"])
def test_what_is_nested_deeply_is_no_fault(ada: UserClient, depth: int, status: int, place: str) -> None:
    item = {"role": "user", "content": "Hello", "more": nested(depth)}
    tool = {"type": "function", "name": "f", "parameters": nested(depth)}
    body = {"item": {"input": [item]}, "tool": {"tools": [tool]}}[place]
    answered = ada.post("/v1/responses", json={**ASKED, **body}).status_code
    # Alone: to show what was sent would take pytest minutes.
    assert answered == status
