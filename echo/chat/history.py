"""What was said before: the branch of a conversation that a message ends, as turns for a model."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from echo.chat.calls import has_calls, turns_of_parts, with_own_ids
from echo.chat.context import MESSAGE_TOKENS, SHARE, Fit, Weighed, fit
from echo.conversations.message_text import is_from_user, message_text
from echo.providers.chat import Attachment, Text, ToolCall, ToolResult, Turn
from storage.conversations.chats import WHOLE, ChatRepository

Document = Mapping[str, Any]
CountTokens = Callable[[str], int]
# What a message without a count is taken for, until its text has been read.
UNCOUNTED = 100
# The stored counts may be wrong, and a few tokens may stand for much text. Providers take about as much in a request
# (Anthropic 32 MB, OpenAI 10 million characters), and a process should not read more for one.
MOST_BYTES = 16 * 1024 * 1024
SIDE = re.compile(r"____([0-9]{1,3})$")


def branch_of(skeleton: Sequence[Document], message_id: str) -> list[Document]:
    """A message with all its ancestors, the oldest first; empty if it is not there."""
    by_id = {message["messageId"]: message for message in skeleton}
    branch: list[Document] = []
    # Taken out as they are met: in a damaged tree a message may be its own ancestor.
    message = by_id.pop(message_id, None)
    while message is not None:
        branch.append(message)
        message = by_id.pop(message.get("parentMessageId"), None)
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


def text_for_model(message: Document) -> str:
    """What a model is told that a message says: of answers side by side the first model's, the user's with quotes."""
    content = message.get("content")
    if isinstance(content, list):
        message = {**message, "content": first_side(content)}
    quotes = message.get("quotes")
    found = [each for each in quotes if isinstance(each, str)] if isinstance(quotes, list) else []
    return quoted(found, message_text(message))


def first_side(content: Sequence[Any]) -> list[Any]:
    """The parts of an answer without those that models beside the first one gave.

    Agents of one team who answered at the same time have no numbers: what all of them said was one answer.
    """
    mine: dict[Any, int] = {}
    for part in content:
        if is_side(part):
            group, number = part["groupId"], side_number(part["agentId"])
            mine[group] = min(mine.get(group, number), number)
    return [
        part for part in content if not is_side(part) or side_number(part["agentId"]) == mine[part["groupId"]]
    ]


def is_side(part: Any) -> bool:
    """Whether the part is of one of several answers side by side."""
    return (
        isinstance(part, Mapping)
        and isinstance(part.get("groupId"), int | float)
        and isinstance(part.get("agentId"), str)
    )


def side_number(agent_id: str) -> int:
    """Which of several an answerer is; LibreChat counts those after the first."""
    found = SIDE.search(agent_id)
    return int(found[1]) if found else 0


def quoted(quotes: Iterable[str], text: str) -> str:
    """A text after the passages that it refers to, each as a quotation in Markdown."""
    passages = ["\n".join(f"> {line}" for line in each.splitlines()) for each in quotes if each.strip()]
    return "\n\n".join([*passages, text])


class History:
    """The branches of one conversation."""

    def __init__(self, chats: ChatRepository, count: CountTokens, owner: str, conversation_id: str) -> None:
        self._chats = chats
        self._count = count
        self._owner = owner
        self._conversation_id = conversation_id

    def read(
        self,
        branch: Sequence[Document],
        last: Weighed | None,
        *,
        window: int,
        system: int,
        reserved: int,
        share: float = SHARE,
        with_tools: bool = False,
    ) -> tuple[list[Document], Fit]:
        """The messages of the branch that fit before `last` (which is not stored yet), with what they say.

        Of a long conversation only what may fit is read, 16 MiB at most (`MOST_BYTES`). The stored counts choose it,
        and may be wrong: what was read is counted again.
        """
        end = [] if last is None else [last]
        measured = partial(fit, window=window, system=system, reserved=reserved, share=share)
        chosen = measured([*map(weigh, branch), *end])
        wanted = affordable(branch, [each for each in chosen.ids if last is None or each != last.id])
        found = self._contents(branch, wanted)
        messages = [found[each] for each in wanted if each in found]
        counted = [
            Weighed(
                each["messageId"], self._count(told_text(each, with_tools=with_tools)), is_from_user(each)
            )
            for each in messages
        ]
        fitted = measured([*counted, *end])
        kept = set(fitted.ids)
        before = sum(weigh(each).tokens + MESSAGE_TOKENS for each in branch)
        return [each for each in messages if each["messageId"] in kept], Fit(
            fitted.ids, window, fitted.budget, system, fitted.messages, before + sum(e.tokens for e in end)
        )

    def before(self, branch: Sequence[Document], kept: Sequence[Document]) -> list[Document]:
        """The messages of a branch before those that are kept, with what they say: the newest 16 MiB."""
        ids = [each["messageId"] for each in branch]
        first = kept[0]["messageId"] if kept else None
        wanted = affordable(branch, ids[: ids.index(first)] if first in ids else ids)
        found = self._contents(branch, wanted)
        return [found[each] for each in wanted if each in found]

    def _contents(self, branch: Sequence[Document], wanted: Sequence[str]) -> Mapping[str, Document]:
        """What these messages of a branch say; it may have been read with the branch."""
        if all(each.get(WHOLE) for each in branch):
            return {each["messageId"]: each for each in branch}
        return self._chats.contents(self._owner, self._conversation_id, wanted)


def turns_of(
    messages: Sequence[Document], attachments: Mapping[str, Sequence[Attachment]], *, with_tools: bool = False
) -> list[Turn]:
    """Messages as turns: neighbours of one side become one, and what holds nothing, or an error, is left out.

    `with_tools` a model gets its calls and their results back; else it gets the texts only.
    """
    turns: list[Turn] = []
    for message in messages:
        for turn in turns_of_message(message, tuple(attachments.get(message["messageId"], ())), with_tools):
            if turns and turns[-1].role == turn.role and turn.role != "tool" and not turns[-1].calls:
                before = turns.pop()
                turns.append(joined(before, turn))
            else:
                turns.append(turn)
    return with_own_ids(turns)


def turns_of_message(message: Document, files: Sequence[Attachment], with_tools: bool) -> Sequence[Turn]:
    """One message: one turn, several of an answer with calls, none of one that says nothing."""
    if is_from_user(message):
        text = text_for_model(message)
        return [Turn.of_text("user", text, files)] if text or files else []
    if message.get("error"):
        return []
    content = message.get("content")
    if with_tools and isinstance(content, list) and has_calls(content):
        return list(turns_of_parts(first_side(content)))
    text = text_for_model(message)
    return [Turn.of_text("assistant", text, files)] if text or files else []


def joined(before: Turn, turn: Turn) -> Turn:
    """Two turns of one side as one; the second one's calls stay its last."""
    text = "\n\n".join(filter(None, (before.text, turn.text)))
    whole = Turn.of_text(turn.role, text, (*before.attachments, *turn.attachments))
    return Turn(turn.role, (*whole.parts, *turn.calls))


def told_text(message: Document, *, with_tools: bool) -> str:
    """Everything of a message that a model is told, to be counted."""
    parts = [part for turn in turns_of_message(message, (), with_tools) for part in turn.parts]
    calls = [part.arguments for part in parts if isinstance(part, ToolCall)]
    return "\n".join([*(part.text for part in parts if isinstance(part, Text | ToolResult)), *calls])
