"""How far a loop of a model and its tools may go, in LibreChat's terms where it has one."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from echo.settings.agents import AgentSettings

MIB = 1024 * 1024
# LibreChat's, where neither settings nor agent say anything: 25 requests with a round of tools after each.
DEFAULT_STEPS = 50
# LibreChat's most characters of one result, whatever the window of the model; and the share of a window, in
# characters, that one result may take.
MOST_RESULT_CHARS = 400_000
RESULT_SHARE, CHARS_OF_TOKEN = 0.3, 4
# LibreChat's most bytes of the arguments of one call.
MOST_CALL_BYTES = 64 * 1024


@dataclass(frozen=True)
class LoopLimits:
    """The bounds of one loop.

    `steps` counts as LibreChat's `recursion_limit` does: each request to the model is one, and each round of tools.
    `call_seconds` is for each call that has no time of its own, `result_chars` for the texts of each result. `calls`
    and `calls_at_once` count in all and in one round, `repeats` how often the same call may give the same. In bytes
    there is a bound on all results together, and on all that the model says, its arguments included. The arguments
    of one call have `call_bytes`, those of some tools their own; 0 is no limit. One answer of the model has so many
    `events`.
    """

    steps: int = DEFAULT_STEPS
    call_seconds: float = 300.0
    result_chars: int = MOST_RESULT_CHARS
    calls: int = 256
    calls_at_once: int = 32
    working_at_once: int = 8
    repeats: int = 3
    result_bytes: int = 4 * MIB
    picture_bytes: int = 16 * MIB
    said_bytes: int = 4 * MIB
    call_bytes: int = MOST_CALL_BYTES
    call_bytes_of: Mapping[str, int] = field(default_factory=dict)
    events: int | None = None

    def arguments_of(self, tool: str) -> int | None:
        """The most bytes of a call's arguments, None where there is no limit."""
        return self.call_bytes_of.get(tool, self.call_bytes) or None


USUAL = LoopLimits()


def limits_of(
    rules: AgentSettings, window: int, *, result_chars: int | None = None, steps: int | None = None
) -> LoopLimits:
    """The bounds of a loop by the operator's rules, for a model with such a window and an agent with such steps."""
    return LoopLimits(
        steps=steps_of(rules.steps, rules.most_steps, steps),
        result_chars=result_chars_of(window, result_chars),
        call_bytes=MOST_CALL_BYTES if rules.call_bytes is None else rules.call_bytes,
        call_bytes_of=rules.call_bytes_of,
        events=rules.events or None,
    )


def result_chars_of(window: int, set_to: int | None = None) -> int:
    """The most characters of one result for a model with such a window of tokens; what the operator has set wins."""
    if set_to is not None:
        return set_to
    return max(1, min(MOST_RESULT_CHARS, int(window * RESULT_SHARE) * CHARS_OF_TOKEN))


def steps_of(default: int | None, most: int | None, own: int | None = None) -> int:
    """The steps of a run: an agent's `own` limit, else the operator's default, and never more than `most`."""
    steps = own or default or DEFAULT_STEPS
    return min(steps, most) if most else steps
