"""Old results of tools that a model is told shorter than they were."""

import pytest

from echo.chat.pruning import pruned
from echo.providers.chat import Text, ToolCall, ToolResult, Turn
from echo.settings.agents import PruningSettings

CLEARED = "[An old result of a tool is left out.]"


def answered(name: str, *texts: str) -> list[Turn]:
    """A question, and an answer with results."""
    calls = tuple(ToolCall(f"{name}{number}", "read", "{}") for number, _ in enumerate(texts))
    results = tuple(ToolResult(f"{name}{number}", (Text(text),)) for number, text in enumerate(texts))
    return [Turn.of_text("user", name), Turn("assistant", calls), Turn("tool", results)]


def lengths(turns: list[Turn], **rules: float) -> list[int]:
    usual = {"kept_answers": 0, "trimmed_from": 0.0, "cleared_from": 2.0, "least_chars": 4000}
    made, _ = pruned(turns, PruningSettings(**{**usual, **rules}))  # type: ignore[arg-type]
    assert [(turn.role, turn.text, turn.calls) for turn in made] == [
        (turn.role, turn.text, turn.calls) for turn in turns
    ]
    return [len(result.text) for turn in made for result in turn.results]


TALK = [turn for name in "abcd" for turn in answered(name, name * 5000)]


class TestWhatStaysWhole:
    @pytest.mark.parametrize(
        ("answers", "found"),
        [
            # The newest one always does.
            (0, [3000, 3000, 3000, 5000]),
            (1, [3000, 3000, 3000, 5000]),
            (2, [3000, 3000, 5000, 5000]),
            (4, [5000] * 4),
            (5, [5000] * 4),
        ],
    )
    def test_is_of_so_many_answers(self, answers: int, found: list[int]) -> None:
        assert lengths(TALK, kept_answers=answers) == found

    def test_counts_answers_and_not_questions(self) -> None:
        asked = [*TALK, Turn.of_text("user", "e"), Turn.of_text("user", "f")]
        assert lengths(asked, kept_answers=1) == [3000, 3000, 3000, 5000]

    def test_is_what_is_short_anyhow(self) -> None:
        assert lengths(TALK, least_chars=5000) == [3000, 3000, 3000, 5000]
        assert lengths(TALK, least_chars=5001) == [5000] * 4

    def test_is_what_is_new_enough(self) -> None:
        # Of twelve turns the results are 10, 7, 4 and 1 from the end.
        assert lengths(TALK, trimmed_from=10 / 12) == [3000, 5000, 5000, 5000]
        assert lengths(TALK, trimmed_from=7 / 12) == [3000, 3000, 5000, 5000]


def test_the_oldest_are_left_out() -> None:
    assert lengths(TALK, cleared_from=10 / 12) == [len(CLEARED), 3000, 3000, 5000]
    made, saved = pruned(
        TALK, PruningSettings(kept_answers=0, trimmed_from=0.5, cleared_from=0.8, least_chars=1)
    )
    assert [result.text for result in made[2].results] == [CLEARED]
    assert [result.call_id for result in made[2].results] == ["a0"]
    assert saved == (5000 - len(CLEARED) + 2000) // 4


def test_each_result_of_a_round_is_looked_at() -> None:
    talk = [*answered("a", "x" * 5000, "short", "y" * 6000), *answered("b", "z" * 5000)]
    assert lengths(talk) == [3000, 5, 3000, 5000]


def test_what_is_no_result_stays() -> None:
    turn = Turn("tool", (Text("x" * 5000), ToolResult("c", (Text("y" * 5000),))))
    made, _ = pruned(
        [Turn.of_text("user", "a"), turn, *answered("b", "z")],
        PruningSettings(kept_answers=1, trimmed_from=0.0, cleared_from=2.0, least_chars=1),
    )
    assert made[1].parts[0] == Text("x" * 5000)
    assert len(made[1].results[0].text) == 3000
    assert pruned([], PruningSettings()) == ([], 0)
