"""What a model is told in place of messages that it has no room for: a summary, made once and stored in an answer.

The parts are LibreChat's: one of type `summary`, whose `coverage` names the first message that is still sent whole.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import structlog

from echo.chat.history import text_for_model
from echo.conversations.message_text import is_from_user
from echo.errors import ApiError
from echo.providers.chat import ChatRequest, TextDelta, Turn, Usage

log = structlog.get_logger(__name__)

Json = dict[str, Any]
Document = Mapping[str, Any]
SUMMARY = "summary"
# Of what is to be summarised: its newest part.
MOST_CHARS = 400_000
# Of a chat that has to be summarised so much of the model's window stays as it is: not every turn needs another one.
SHARE_KEPT = 0.5
MOST_TOKENS = 2000
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

    `before` is an older summary, for when no other one can be made.
    """

    asking: Any
    retained_from: str
    before: str | None = None


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
    return [Turn.of_text("user", f"{HEADING}\n\n{text}"), *turns]


def material_of(messages: Sequence[Document], kept: Boundary | None = None) -> str:
    """Messages that are to be summarised, with an older summary, as one text; that may be in messages after them."""
    boundary = kept or boundary_of(messages)
    lines = [f"{HEADING}\n{boundary.text}"] if boundary else []
    ids = [each["messageId"] for each in messages]
    first = ids.index(boundary.retained) if boundary and boundary.retained in ids else 0
    for message in messages[first:]:
        if text := text_for_model(message):
            lines.append(f"{'User' if is_from_user(message) else 'Model'}: {text}")
    return "\n\n".join(lines)[-MOST_CHARS:]


def request_for(model: str, material: str, prompt: str | None, most: int | None) -> ChatRequest:
    """What is asked for a summary."""
    return ChatRequest(
        model, (Turn.of_text("user", material),), prompt or PROMPT, max_tokens=most or MOST_TOKENS
    )


async def summarised(summing: Summing, note: Callable[[Any, Usage], None]) -> str | None:
    """The summary; None where the model does not make one: the chat goes on without."""
    asking, said, usage = summing.asking, list[str](), None
    stream = asking.provider.stream(asking.request, asking.credentials)
    try:
        async with aclosing(stream) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    said.append(event.text)
                elif isinstance(event, Usage):
                    usage = event
    except ApiError as error:
        log.warning("a chat could not be summarised", cause=error.code)
        return None
    finally:
        if usage is not None:
            note(asking, usage)
    return "".join(said).strip() or None


def part_of(summing: Summing, text: str, tokens: int) -> Json:
    """The part of the answer that the summary is."""
    return {
        "type": SUMMARY,
        "content": [{"type": "text", "text": text}],
        "tokenCount": tokens,
        "model": summing.asking.request.model,
        "provider": summing.asking.provider_name,
        "coverage": {"retainedFromMessageId": summing.retained_from},
    }
