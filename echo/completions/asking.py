"""What a program asks for: a request to `/v1`, and the request to a provider that it becomes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from echo.providers.chat import ChatRequest, Parameters, Turn


@dataclass(frozen=True)
class Question:
    """One request: the turns without the stored ones before them.

    `store` keeps the exchange, in the conversation `conversation_id` or in a new one.
    """

    model: str
    turns: tuple[Turn, ...]
    system: str | None = None
    parameters: Parameters = field(default_factory=Parameters)
    stream: bool = False
    include_usage: bool = False
    store: bool = False
    conversation_id: str | None = None

    def request(
        self,
        model: str,
        earlier: Sequence[Turn],
        system: str | None,
        placeholders: Mapping[str, str],
    ) -> ChatRequest:
        """The request to a provider: its own name of the model, what was said before, and for whom it is."""
        turns = (*earlier, *self.turns)
        return ChatRequest(
            model, turns, self.system or system, placeholders=placeholders, **vars(self.parameters)
        )


def newest_text(turns: Sequence[Turn]) -> str:
    """What the model is told last, by the user and by tools: everything since its last answer.

    A call of a tool is no answer, and the beginning of one that the model is to go on from neither.
    """
    before = list(turns)
    while before and before[-1].role == "assistant":
        before.pop()
    newest = takewhile(lambda turn: turn.role != "assistant" or turn.calls, reversed(before))
    return "\n\n".join(filter(None, map(told_text, reversed(list(newest)))))


def told_text(turn: Turn) -> str:
    """All text of a turn that is not the model's own, the results of tools with it."""
    results = (result.text for result in turn.results)
    return "\n".join(filter(None, (turn.text if turn.role != "assistant" else "", *results)))


def all_text(turn: Turn) -> str:
    """All words of a turn, calls of tools and their results with them: what is counted, and has a bound."""
    calls = (f"{call.name} {call.arguments}" for call in turn.calls)
    return "\n".join(filter(None, (turn.text, *calls, *(result.text for result in turn.results))))
