"""Old results of tools that a model is told shorter than they were: LibreChat's `contextPruning`."""

from collections.abc import Sequence
from dataclasses import replace

from echo.providers.chat import Part, Text, ToolResult, Turn
from echo.settings.agents import PruningSettings
from echo.tools.limits import CHARS_OF_TOKEN
from echo.tools.results import cut

CLEARED = "[An old result of a tool is left out.]"
# Of one that is cut so much stays, as in LibreChat.
TRIMMED_CHARS = 3000


def pruned(turns: Sequence[Turn], rules: PruningSettings) -> tuple[list[Turn], int]:
    """The turns with shorter old results, and about how many tokens that saves."""
    made, saved = list(turns), 0
    for place in range(_kept_from(turns, rules.kept_answers)):
        turn = turns[place]
        if turn.role != "tool":
            continue
        age = (len(turns) - place) / len(turns)
        made[place] = Turn("tool", tuple(_shorter(part, age, rules) for part in turn.parts))
        saved += sum(len(each.text) for each in turn.results)
        saved -= sum(len(each.text) for each in made[place].results)
    return made, saved // CHARS_OF_TOKEN


def _kept_from(turns: Sequence[Turn], answers: int) -> int:
    """Where the answers begin whose results stay whole; the newest one's always do."""
    found, is_answer = 0, False
    for place in range(len(turns) - 1, -1, -1):
        if turns[place].role != "user":
            is_answer = True
        elif is_answer:
            found, is_answer = found + 1, False
            if found >= answers:
                return place
    return 0


def _shorter(part: Part, age: float, rules: PruningSettings) -> Part:
    if not isinstance(part, ToolResult) or len(part.text) < rules.least_chars:
        return part
    if age >= rules.cleared_from:
        return replace(part, content=(Text(CLEARED),))
    return (
        replace(part, content=(Text(cut(part.text, TRIMMED_CHARS)),)) if age >= rules.trimmed_from else part
    )
