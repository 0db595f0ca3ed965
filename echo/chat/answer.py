"""An answer as it is stored, and as the last event of its run has it, with LibreChat's fields."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from echo.chat import frames
from echo.chat.prepared import Asking, Prepared
from echo.chat.transcript import text_of
from echo.errors import ApiError

Json = dict[str, Any]
# LibreChat's unfinished answers have their text twice. A document has room for one that is longer once only.
MAX_TEXT = 1_000_000


@dataclass(frozen=True)
class Outcome:
    """What came of a run: the parts of the answer, tokens in and out, why the model ended, what went wrong.

    `cost` is in US dollars; None where the client is not to show it.
    """

    content: list[Json]
    used: tuple[int, int]
    tokens: int
    is_complete: bool
    finish: str | None
    failure: ApiError | None
    cost: float | None = None


def to_store(
    prepared: Prepared, outcome: Outcome, first: Asking, attachments: Sequence[Mapping[str, Any]] = ()
) -> Json:
    """The fields of the message; of a failure without a word the error is the text.

    `first` is what the first model was asked in the end, with its tools.
    """
    incoming, outgoing = outcome.used
    cost = {} if outcome.cost is None else {"cost": outcome.cost}
    answer_id = str(prepared.about["responseMessageId"])
    context = frames.usage_of_context(answer_id, first.agent_id, first.counts)
    said = "" if outcome.is_complete else text_of(outcome.content)
    fields: Json = {
        "content": outcome.content,
        "text": said if len(said) <= MAX_TEXT else "",
        "unfinished": not outcome.is_complete,
        "error": False,
        "tokenCount": outcome.tokens,
        "attachments": [*prepared.attachments, *attachments],
        "metadata": {
            "contextUsage": {**context, "completedOutputTokens": outgoing},
            "usage": {"input": incoming, "output": outgoing, "cacheWrite": 0, "cacheRead": 0, **cost},
        },
    }
    if outcome.finish is not None:
        fields["finish_reason"] = outcome.finish
    if outcome.failure is not None and not outcome.content:
        fields |= {"text": outcome.failure.message, "error": True, "unfinished": False}
    return fields


def to_tell(
    prepared: Prepared, conversation: Mapping[str, Any], stored: Mapping[str, Any], *, aborted: bool
) -> Json:
    """The last event of a run that did not fail."""
    about, question = prepared.about, prepared.question
    answer = {
        "messageId": about["responseMessageId"],
        "conversationId": prepared.conversation_id,
        "parentMessageId": question["messageId"],
        "isCreatedByUser": False,
        "isEdited": False,
        "model": about["model"],
        "sender": about["sender"],
        "promptTokens": prepared.first.counts["before"],
        "endpoint": about["endpoint"],
        **({"iconURL": about["iconURL"]} if about["iconURL"] else {}),
        **stored,
        "content": frames.parts(stored["content"]),
    }
    asked = {name: value for name, value in question.items() if name not in ("endpoint", "model")}
    return frames.final(conversation, asked, answer, aborted=aborted)
