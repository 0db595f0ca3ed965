"""Making room in a request that has grown in its loop: what is oldest goes first."""

from collections.abc import Sequence
from dataclasses import replace

from echo.providers.chat import Part, Reasoning, Refusal, Text, ToolCall, ToolResult, Turn
from echo.tools.limits import CHARS_OF_TOKEN
from echo.tools.results import cut

LEFT_OUT = "The result is left out: the chat has become too long."
# Of a result that is cut because everything else is needed so much stays.
LEAST_CHARS = 400


def made_room(turns: Sequence[Turn], question: int, excess: int) -> tuple[list[Turn], int]:
    """The turns without about `excess` tokens, and where the question stands then, which stood at `question`.

    Turns before the question go first, each question with its answer. Then results of tools go, the oldest first; the
    last turn's are cut, not left out. What no tool has said of this answer stays.
    """
    left = list(turns)
    while excess > 0 and (size := _oldest(left, question)):
        excess -= sum(tokens_of(turn) for turn in left[:size])
        left, question = left[size:], question - size
    for place in range(question, len(left)):
        if excess <= 0:
            break
        is_last = place == len(left) - 1 or not any(turn.results for turn in left[place + 1 :])
        turn = _shorter(left[place], excess, is_last=is_last)
        excess -= tokens_of(left[place]) - tokens_of(turn)
        left[place] = turn
    return left, question


def _oldest(turns: Sequence[Turn], question: int) -> int:
    """How many turns the oldest question before the present one has with its answer."""
    for place in range(1, question + 1):
        if place == question or turns[place].role == "user":
            return place
    return 0


def _shorter(turn: Turn, excess: int, *, is_last: bool) -> Turn:
    parts: list[Part] = []
    for part in turn.parts:
        if not isinstance(part, ToolResult) or excess <= 0:
            parts.append(part)
            continue
        shorter = _cut(part, excess) if is_last else _without(part)
        excess -= _tokens(part) - _tokens(shorter)
        parts.append(shorter)
    return Turn(turn.role, tuple(parts))


def _without(result: ToolResult) -> ToolResult:
    return replace(result, content=(Text(LEFT_OUT),)) if _tokens(result) > len(LEFT_OUT) else result


def _cut(result: ToolResult, excess: int) -> ToolResult:
    chars = max(LEAST_CHARS, len(result.text) - excess * CHARS_OF_TOKEN)
    return replace(result, content=(Text(cut(result.text, chars)),)) if chars < len(result.text) else result


def tokens_of(turn: Turn) -> int:
    """About how many tokens a turn has at least: files are not counted."""
    return sum(_tokens(part) for part in turn.parts)


def _tokens(part: Part) -> int:
    if isinstance(part, Text | Refusal | Reasoning | ToolResult):
        return len(part.text) // CHARS_OF_TOKEN
    return len(part.arguments) // CHARS_OF_TOKEN if isinstance(part, ToolCall) else 0
