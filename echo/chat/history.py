"""What was said before: the branch of a conversation that a message ends, as turns for a model."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from echo.chat.context import MESSAGE_TOKENS, Fit, Weighed, fit
from echo.conversations.message_text import is_from_user, message_text
from echo.providers.chat import Attachment, Turn
from storage.conversations.chats import ChatRepository

Document = Mapping[str, Any]
CountTokens = Callable[[str], int]
# What a message without a count is taken for, until its text has been read.
UNCOUNTED = 100
# The stored counts may be wrong, and a few tokens may stand for much text. Providers take about as much in a request
# (Anthropic 32 MB, OpenAI 10 million characters), and a process should not read more for one.
MOST_BYTES = 16 * 1024 * 1024


def branch_of(skeleton: Sequence[Document], message_id: str) -> list[Document]:
    """A message with all its ancestors, the oldest first; empty if it is not there."""
    by_id = {message["messageId"]: message for message in skeleton}
    branch: list[Document] = []
    # Taken out as they are met: in a damaged tree a message may be its own ancestor.
    message = by_id.pop(message_id, None)
    while message is not None:
        branch.append(message)
        message = by_id.pop(message.get("parentMessageId") or "", None)
    return branch[::-1]


def weigh(message: Document) -> Weighed:
    """A message by its stored count."""
    tokens = message.get("tokenCount")
    counted = isinstance(tokens, int) and not isinstance(tokens, bool) and tokens >= 0
    return Weighed(message["messageId"], int(tokens or 0) if counted else UNCOUNTED, is_from_user(message))


def affordable(branch: Sequence[Document], message_ids: Sequence[str]) -> list[str]:
    """Of these messages of a branch the newest that have `MOST_BYTES` together."""
    sizes = {each["messageId"]: each.get("size", 0) for each in branch}
    left, kept = MOST_BYTES, list[str]()
    for each in reversed(message_ids):
        left -= sizes.get(each, 0)
        if left < 0:
            break
        kept.append(each)
    return kept[::-1]


class History:
    """The branches of one conversation."""

    def __init__(self, chats: ChatRepository, count: CountTokens, owner: str, conversation_id: str) -> None:
        self._chats = chats
        self._count = count
        self._owner = owner
        self._conversation_id = conversation_id

    def read(
        self, branch: Sequence[Document], last: Weighed | None, *, window: int, system: int, reserved: int
    ) -> tuple[list[Document], Fit]:
        """The messages of the branch that fit before `last` (which is not stored yet), with what they say.

        Of a long conversation only what may fit is read, 16 MiB at most (`MOST_BYTES`). The stored counts choose it,
        and may be wrong: what was read is counted again.
        """
        end = [] if last is None else [last]
        limits = {"window": window, "system": system, "reserved": reserved}
        chosen = fit([*map(weigh, branch), *end], **limits)
        wanted = affordable(branch, [each for each in chosen.ids if last is None or each != last.id])
        found = self._chats.contents(self._owner, self._conversation_id, wanted)
        messages = [found[each] for each in wanted if each in found]
        counted = [
            Weighed(each["messageId"], self._count(message_text(each)), is_from_user(each))
            for each in messages
        ]
        fitted = fit([*counted, *end], **limits)
        kept = set(fitted.ids)
        before = sum(weigh(each).tokens + MESSAGE_TOKENS for each in branch)
        return [each for each in messages if each["messageId"] in kept], Fit(
            fitted.ids, window, fitted.budget, system, fitted.messages, before + sum(e.tokens for e in end)
        )


def turns_of(messages: Sequence[Document], attachments: Mapping[str, Sequence[Attachment]]) -> list[Turn]:
    """Messages as turns: neighbours of one side become one, and what holds nothing, or an error, is left out."""
    turns: list[Turn] = []
    for message in messages:
        is_user = is_from_user(message)
        text, files = message_text(message), tuple(attachments.get(message["messageId"], ()))
        if not (text or files) or (message.get("error") and not is_user):
            continue
        role: Literal["user", "assistant"] = "user" if is_user else "assistant"
        if turns and turns[-1].role == role:
            before = turns.pop()
            text = "\n\n".join(filter(None, (before.text, text)))
            files = (*before.attachments, *files)
        turns.append(Turn(role, text, files))
    return turns
