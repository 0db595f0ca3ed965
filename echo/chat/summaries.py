"""What a model is told in place of messages that it has no room for: a summary, made once and stored in an answer.

The parts are LibreChat's: one of type `summary`, whose `coverage` names the first message that is still sent whole.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from echo.chat.frames import SUMMARY, plain
from echo.chat.history import text_for_model
from echo.conversations.message_text import is_from_user
from echo.providers.chat import Turn
from echo.tools.results import cut

Json = dict[str, Any]
Document = Mapping[str, Any]
# Of what is to be summarised: its newest part.
MOST_CHARS = 400_000
# Of a chat that has to be summarised so much of the model's window stays as it is: not every turn needs another one.
SHARE_KEPT = 0.5
MOST_TOKENS = 2000
MOST_OF_RESULT = 10_000
PROMPT = """\
Summarise the chat below for a model that is to go on with it and cannot see it. Keep what the user wants, what was \
decided and found out, names, numbers, file names and code that are still needed, and what is still open. Write \
plain text, in the language of the chat, and nothing beside the summary."""
HEADING = "A summary of the chat before this message:"


@dataclass(frozen=True)
class Boundary:
    """What a summary says, and the place of the first message that it does not cover.

    `is_whole`: no message is missing between what it covers and those in which it was found.
    """

    text: str
    first: int
    retained: str | None
    is_whole: bool


@dataclass(frozen=True)
class Summing:
    """What is to be summarised before the model is asked, by which `asking`, and where the rest begins.

    `messages` is how many it is about, with an older summary if it `has_older`. `before` is that one, for when no
    other one can be made.
    """

    asking: Any
    retained_from: str
    messages: int
    has_older: bool = False
    before: str | None = None

    @property
    def version(self) -> int:
        """Which summary of the chat it is, as LibreChat counts: all older ones are one."""
        return 2 if self.has_older else 1

    @property
    def maker(self) -> Json:
        """What a part says of who makes it."""
        asking = self.asking
        return {"type": SUMMARY, "model": asking.request.model, "provider": asking.provider_name}


@dataclass(frozen=True)
class Summarising:
    """How what a model has no room for any more is summarised while it works: by which `asking`, without turns.

    `question_id` is the message that it answers, which no such summary covers. `update_prompt` is for what has an
    older summary.
    """

    asking: Any
    question_id: str
    trigger: tuple[str, float] | None = None
    update_prompt: str | None = None

    def of(self, turns: Sequence[Turn], *, used: int, window: int) -> Summing | None:
        """What is to be summarised of turns that are left out; None where that is not wanted yet."""
        if not turns or not is_wanted(self.trigger, used, window, len(turns)):
            return None
        has_older = any(turn.text.startswith(HEADING) for turn in turns)
        system = self.update_prompt if has_older and self.update_prompt else self.asking.request.system
        asked = Turn.of_text("user", material_of_turns(turns))
        request = replace(self.asking.request, turns=(asked,), system=system)
        return Summing(replace(self.asking, request=request), self.question_id, len(turns), has_older)


def is_wanted(trigger: tuple[str, float] | None, used: int, window: int, messages: int) -> bool:
    """Whether there is a summary of so many messages that have no room; after LibreChat's `summarization.trigger`.

    `used` are the tokens of everything that there is. As in LibreChat nothing is summarised that has room.
    """
    if trigger is None:
        return True
    kind, value = trigger
    if kind == "messages_to_refine":
        return messages >= value
    return window - used <= value if kind == "remaining_tokens" else used >= value * window


def material_of_turns(turns: Sequence[Turn]) -> str:
    """Turns that are to be summarised, as one text; of results what a summary can be made of."""
    lines = []
    for turn in turns:
        name = {"user": "User", "assistant": "Model"}.get(turn.role, "Tool")
        text = turn.text or "\n".join(cut(result.text, MOST_OF_RESULT) for result in turn.results)
        if text:
            lines.append(f"{name}: {text}")
    return "\n\n".join(lines)[-MOST_CHARS:]


def boundary_of(messages: Sequence[Document]) -> Boundary | None:
    """The newest summary in some messages of a branch, the oldest first; old documents may hold anything."""
    places = {each["messageId"]: place for place, each in enumerate(messages)}
    for place in range(len(messages) - 1, -1, -1):
        content = messages[place].get("content")
        for part in reversed(content if isinstance(content, list) else []):
            if isinstance(part, Mapping) and part.get("type") == SUMMARY and (text := summary_text(part)):
                retained = retained_by(part)
                if retained is None:
                    # Of an older version: it covers all before its own message.
                    return Boundary(text, place, None, is_whole=True)
                return Boundary(text, min(places.get(retained, 0), place), retained, retained in places)
    return None


def retained_by(part: Mapping[str, Any]) -> str | None:
    """The first message that a stored summary does not cover."""
    coverage = part.get("coverage")
    named = coverage.get("retainedFromMessageId") if isinstance(coverage, Mapping) else None
    return named if isinstance(named, str) and named else None


def left_out(branch: Sequence[Document], kept: Sequence[Document], boundary: Boundary | None) -> bool:
    """Whether a model gets some messages of a branch neither as they are nor in a summary."""
    return len(kept) < len(branch) and (boundary is None or not boundary.is_whole)


def summary_text(part: Mapping[str, Any]) -> str:
    """What a stored summary says."""
    content = part.get("content")
    blocks = content if isinstance(content, list) else [part]
    texts = (each.get("text") for each in blocks if isinstance(each, Mapping))
    return "".join(each for each in texts if isinstance(each, str)).strip()


def with_summary(turns: Sequence[Turn], text: str) -> list[Turn]:
    """The turns after a summary of what was said before them."""
    return [summary_turn(text), *turns]


def summary_turn(text: str) -> Turn:
    """How a model is told a summary."""
    return Turn.of_text("user", f"{HEADING}\n\n{text}")


def material_of(messages: Sequence[Document], kept: Boundary | None = None) -> str:
    """Messages that are to be summarised, with an older summary, as one text; that may be in messages after them."""
    boundary = kept or boundary_of(messages)
    lines = [f"{HEADING}\n{boundary.text}"] if boundary else []
    for message in uncovered(messages, boundary):
        if text := text_for_model(message):
            lines.append(f"{'User' if is_from_user(message) else 'Model'}: {text}")
    return "\n\n".join(lines)[-MOST_CHARS:]


def uncovered(messages: Sequence[Document], boundary: Boundary | None) -> Sequence[Document]:
    """The messages that an older summary does not cover."""
    ids = [each["messageId"] for each in messages]
    return messages[ids.index(boundary.retained) if boundary and boundary.retained in ids else 0 :]


def part_of(summing: Summing, text: str, tokens: int, place: tuple[str, int]) -> Json:
    """The part of the answer that the summary is, with LibreChat's fields; its step and index are the `place`."""
    step_id, index = place
    return {
        **summing.maker,
        "content": [{"type": "text", "text": text}],
        "tokenCount": tokens,
        "summaryVersion": summing.version,
        "boundary": {"messageId": step_id, "contentIndex": index},
        "createdAt": plain(datetime.now(UTC)),
        "coverage": {"retainedFromMessageId": summing.retained_from},
    }
