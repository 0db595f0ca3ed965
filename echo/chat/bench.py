"""What the voices of a run share: where what they say goes, and what the run does for them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from echo.chat.prepared import Asking
from echo.chat.transcript import Transcript
from echo.providers.chat import Turn, Usage
from echo.tools.sources import Sources
from echo.tools.tool import RunPlace

Json = dict[str, Any]


@dataclass(frozen=True)
class Kit:
    """What every loop of an answer needs, a subagent's too.

    `count` counts tokens, `attach` keeps and tells what goes with the answer, by the id of its call. `before_round`
    is called before a model is asked again, with about how many tokens: it answers what was said meanwhile, and
    raises what ends the run. `ended` tells that a subagent asks nothing any more.
    """

    sources: Sources
    place: RunPlace
    count: Callable[[str], Awaitable[int]]
    attach: Callable[[str, Json], None]
    before_round: Callable[[Asking, int], Awaitable[Sequence[Turn]]]
    ended: Callable[[Asking], None]


@dataclass(frozen=True)
class Bench(Kit):
    """Everything belongs to the event loop.

    `number_part` gives the place of a new part of this kind in the answer, which other models may have parts of too.
    `tell_usage` tells what one request used.
    """

    answer_id: str
    transcript: Transcript
    number_part: Callable[[str], int]
    tell_usage: Callable[[Asking, Usage], None]
