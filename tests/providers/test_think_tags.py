"""Reasoning between `<think>` and `</think>` in the text of a compatible server's model."""

from typing import Any

import pytest

from echo.providers.think_tags import ThinkTags
from tests.support.providers import Reply, openai_server
from tests.support.providers.asking import listen, request, settings_of

CASES = [
    ("<think>hm</think>Yes", "Yes", "hm"),
    ("\n <think>\nhm\n</think>\n\nYes\n", "Yes\n", "\nhm"),
    ("<think></think>Yes", "Yes", ""),
    ("<think>\n\n</think>\n\n Yes", "Yes", ""),
    ("<think>never ends ", "", "never ends "),
    ("<think>a < b </thin</think>Yes", "Yes", "a < b </thin"),
    ("<think>hm</think>Yes <think>no</think>", "Yes <think>no</think>", "hm"),
    ("Well, <think>hm</think>", "Well, <think>hm</think>", ""),
    ("<thinking>hm</thinking>Yes", "<thinking>hm</thinking>Yes", ""),
    ("<thi", "<thi", ""),
    ("  ", "  ", ""),
    ("<think>hm</think>  ", "", "hm"),
]


def told(pieces: list[str]) -> tuple[str, str]:
    tags = ThinkTags()
    found = [*map(tags.take, pieces), tags.rest()]
    return "".join(text for text, _ in found), "".join(reasoning for _, reasoning in found)


@pytest.mark.parametrize(("whole", "text", "reasoning"), CASES)
def test_is_told_apart_however_it_is_cut(whole: str, text: str, reasoning: str) -> None:
    assert told([whole]) == (text, reasoning)
    assert told(list(whole)) == (text, reasoning)
    for cut in range(1, len(whole)):
        assert told([whole[:cut], whole[cut:]]) == (text, reasoning)


def test_nothing_is_held_longer_than_it_must_be() -> None:
    tags = ThinkTags()
    assert [
        tags.take(each) for each in ("<think>I ", "see <", "b", "</thi", "nk>", "\n", "Yes", " <think>")
    ] == [
        ("", "I"),
        ("", " see"),
        ("", " <b"),
        ("", ""),
        ("", ""),
        ("", ""),
        ("Yes", ""),
        (" <think>", ""),
    ]


@pytest.mark.parametrize(
    ("kind", "settings", "reply", "text", "reasoning"),
    [
        ("custom", {}, Reply(["<thi", "nk>hm</think>", "Yes"]), "Yes", "hm"),
        ("custom", {}, Reply(["<think>", "hm"], finish="length"), "", "hm"),
        ("custom", {"think_tags": False}, Reply(["<think>hm</think>Yes"]), "<think>hm</think>Yes", ""),
        ("openai", {}, Reply(["<think>hm</think>Yes"]), "<think>hm</think>Yes", ""),
        # A server that tells the reasoning apart has no need of marks.
        ("custom", {}, Reply(["<think>hm</think>Yes"], reasoning=["ah"]), "<think>hm</think>Yes", "ah"),
    ],
)
def test_of_an_answer(kind: str, settings: dict[str, Any], reply: Reply, text: str, reasoning: str) -> None:
    with openai_server(reply) as server:
        said = listen(settings_of(kind, server.url, **settings), request())
    assert (said.text, said.reasoning, said.error) == (text, reasoning, None)
