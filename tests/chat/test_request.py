"""What holds of a request, of its conversation, of preset and assistant."""

from typing import Any

import pytest

from echo.chat.request import request_of, settle
from echo.providers.chat import ChatRequest, Turn

EVERYTHING = {
    "model": "m",
    "promptPrefix": "s",
    "temperature": 0.5,
    "top_p": 0.25,
    "max_tokens": 10,
    "stop": ["x"],
    "maxContextTokens": 20,
    "resendFiles": False,
    "frequency_penalty": -1,
    "presence_penalty": 1,
    "topK": 3,
    "reasoning_effort": "low",
    "modelLabel": "l",
    "iconURL": "i",
}
NAMES = {
    "promptPrefix": "system",
    "stop": "stop",
    "maxContextTokens": "max_context_tokens",
    "resendFiles": "resend_files",
    "topK": "top_k",
    "modelLabel": "label",
    "iconURL": "icon_url",
}


def settled(**asked: Any) -> dict[str, Any]:
    found = vars(settle(asked, ()))
    return {name: value for name, value in found.items() if value is not True and value not in (None, (), {})}


@pytest.mark.parametrize("name", EVERYTHING)
def test_each_is_taken_by_its_name(name: str) -> None:
    value = EVERYTHING[name]
    found = settled(**{name: value})
    assert found.pop("kept") == {name: value}
    assert found == {NAMES.get(name, name): ("x",) if name == "stop" else value}


@pytest.mark.parametrize(
    ("names", "field", "values"),
    [
        (("promptPrefix", "system", "instructions"), "system", ("a", "b", "c")),
        (("top_p", "topP"), "top_p", (0.1, 0.2)),
        (("topK", "top_k"), "top_k", (1, 2)),
        (("reasoning_effort", "effort"), "reasoning_effort", ("low", "high")),
        (("max_tokens", "maxOutputTokens", "maxTokens"), "max_tokens", (1, 2, 3)),
        (("modelLabel", "chatGptLabel"), "label", ("a", "b")),
    ],
)
def test_of_several_names_of_one_thing_the_first_wins(
    names: tuple[str, ...], field: str, values: tuple[Any, ...]
) -> None:
    for start in range(len(names)):
        asked = dict(zip(names[start:], values[start:], strict=True))
        assert settled(**asked)[field] == values[start]


def test_what_one_leaves_open_the_next_says() -> None:
    found = settle(
        {"model": "", "temperature": None, "stop": [], "system": "mine"},
        [{"model": "second", "promptPrefix": "other"}, {"model": "third", "temperature": 1, "stop": ["a"]}],
    )
    assert (found.model, found.temperature, found.stop, found.system) == ("second", 1, ("a",), "mine")
    # Only what was asked for is the conversation's from now on.
    assert found.kept == {"model": "", "stop": [], "system": "mine"}


@pytest.mark.parametrize(
    ("field", "taken", "refused"),
    [
        ("temperature", (0, 2), (-0.1, 2.1)),
        ("top_p", (0, 1), (-0.1, 1.1)),
        ("frequency_penalty", (-2, 2), (-2.1, 2.1)),
        ("presence_penalty", (-2, 2), (-2.1, 2.1)),
        ("max_tokens", (1, 2**31), (0, 2**31 + 1)),
        ("top_k", (1, 2**31), (0, 2**31 + 1)),
    ],
)
def test_numbers_have_their_bounds(field: str, taken: tuple[Any, ...], refused: tuple[Any, ...]) -> None:
    assert [getattr(settle({field: each}, ()), field) for each in taken] == list(taken)
    for value in (*refused, True, "1", float("nan"), float("inf"), [1]):
        assert getattr(settle({field: value}, ()), field) is None


def test_what_is_no_text_is_none() -> None:
    assert settle({"model": 5, "promptPrefix": ["a"]}, [{"model": "m"}]).model is None
    assert settle({"max_tokens": 10.0}, ()).max_tokens == 10
    assert type(settle({"max_tokens": 10.0}, ()).max_tokens) is int


@pytest.mark.parametrize(
    ("stop", "expected"),
    [
        (["a", "", 5, "b"], ("a", "b")),
        (("a",), ("a",)),
        ("ab", ()),
        ([str(number) for number in range(17)], tuple(str(number) for number in range(16))),
    ],
)
def test_stops_are_texts_and_sixteen_at_most(stop: Any, expected: tuple[str, ...]) -> None:
    assert settle({"stop": stop}, ()).stop == expected


def test_the_provider_is_asked_with_what_holds() -> None:
    turns = [Turn.of_text("user", "Hi")]
    assert request_of(settle(EVERYTHING, ()), "other", turns) == ChatRequest(
        model="other",
        turns=turns,
        system="s",
        temperature=0.5,
        top_p=0.25,
        max_tokens=10,
        stop=("x",),
        frequency_penalty=-1,
        presence_penalty=1,
        top_k=3,
        reasoning_effort="low",
    )
