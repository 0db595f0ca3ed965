"""What a model is sent of a conversation: what fits of it, and what is summarised of the rest."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from echo.chat.attachments import shown_files
from echo.chat.beginning import Talk
from echo.chat.context import MESSAGE_TOKENS, Weighed, share_of
from echo.chat.history import History, text_for_model, turns_of
from echo.chat.place import Place
from echo.chat.pruning import pruned
from echo.chat.sides import Side, Sides
from echo.chat.summaries import (
    SHARE_KEPT,
    Boundary,
    Summarising,
    Summing,
    boundary_of,
    is_wanted,
    left_out,
    material_of,
    uncovered,
    with_summary,
)
from echo.chat.summarisers import Summarisers
from echo.conversations.message_text import is_from_user
from echo.providers.chat import Attachment, Turn
from echo.settings.agents import SummarySettings
from storage.conversations.chats import ChatRepository

Document = Mapping[str, Any]
# LibreChat's name of the tool that runs code.
EXECUTE_CODE = "execute_code"
# What a model is told that is to go on with an answer of its own.
CONTINUE = "Continue your last answer exactly where it ends. Repeat nothing, and add no introduction."


@dataclass(frozen=True)
class Context:
    """What a model is sent of a conversation: the turns, their figures, files, what is left out."""

    turns: list[Turn]
    counts: Mapping[str, int]
    files: list[Document]
    summing: Summing | None
    summarising: Summarising | None = None


class Contexts:
    """Reads conversations for requests to models."""

    def __init__(
        self,
        chats: ChatRepository,
        sides: Sides,
        count_tokens: Callable[[str], int],
        summaries: SummarySettings,
    ) -> None:
        self._chats = chats
        self._summarisers = Summarisers(sides, summaries)
        self._count = count_tokens
        self._summaries = summaries
        # How much of a model's window is used.
        self.share = share_of(summaries.reserve)

    def of(self, talk: Talk, side: Side, place: Place, conversation_id: str) -> Context:
        """What the model is sent of the conversation."""
        settled = side.settled
        last, said = self._last(place)
        history = History(self._chats, self._count, talk.owner, conversation_id)
        window = side.window
        read = partial(
            history.read,
            place.branch,
            last,
            system=self._count(settled.system) if settled.system else 0,
            reserved=settled.max_tokens or 0,
            share=self.share,
            with_tools=bool(side.wanted.names),
        )
        messages, fitted = read(window=window)
        counts = fitted.counts
        boundary, summing = boundary_of(messages), None
        question_id = str(place.question["messageId"])
        summarising = self._summarisers.of(talk.owner, side, talk.variables, question_id)
        if summarising is not None and self._is_wanted(place, messages, boundary, counts):
            # So much less that not every further turn needs another summary.
            messages, fitted = read(window=int(window * SHARE_KEPT))
            kept = self._retained(messages, is_new=place.is_new_question)
            dropped, messages = messages[: len(messages) - len(kept)], kept
            tokens = fitted.messages - sum(map(self._weigh, dropped))
            counts = {**counts, "messages": tokens, "count": len(fitted.ids) - len(dropped)}
            boundary = boundary_of(messages)
            retained = str(messages[0]["messageId"] if messages else question_id)
            before = history.before(place.branch, messages)
            summing = self._summing(summarising, before, retained, boundary)
        # Files of messages that are summarised are there all the same.
        shown = [each for message in messages for each in shown_files(message)]
        if EXECUTE_CODE in side.wanted.names:
            shown += talk.files.for_code(messages)
        if boundary is not None:
            messages = messages[boundary.first :]
        attached: dict[str, Sequence[Attachment]] = {}
        if settled.resend_files or not place.is_new_question:
            # The newest first: what is too much is left out of the oldest.
            earlier = talk.files.again()
            attached = {each["messageId"]: earlier.load_earlier(each) for each in reversed(messages)}
        if place.is_new_question:
            attached[place.question["messageId"]] = talk.loaded
        turns = turns_of([*messages, *said], attached, with_tools=bool(side.wanted.names))
        if self._summaries.pruning is not None:
            turns, saved = pruned(turns, self._summaries.pruning)
            counts = {**counts, "messages": max(0, counts["messages"] - saved)}
        if boundary is not None and summing is None:
            turns = with_summary(turns, boundary.text)
        return Context(turns, counts, shown, summing, summarising)

    def _is_wanted(
        self,
        place: Place,
        messages: Sequence[Document],
        boundary: Boundary | None,
        counts: Mapping[str, int],
    ) -> bool:
        """Whether there is something to summarise, and the operator wants it now."""
        if not left_out(place.branch, messages, boundary):
            return False
        used = counts["system"] + counts["before"]
        refined = len(place.branch) - len(messages)
        return is_wanted(self._summaries.trigger, used, counts["window"], refined)

    def _retained(self, messages: list[Document], *, is_new: bool) -> list[Document]:
        """Of the messages that could stay the newest that the operator wants to."""
        turns, tokens = self._summaries.retained_turns, self._summaries.retained_tokens
        if turns is None and tokens is None:
            return messages
        # The question is a turn of its own, which always stays.
        kept, found, spent = len(messages), int(is_new), 0
        for place in range(len(messages) - 1, -1, -1):
            spent += self._weigh(messages[place]) if found else 0
            if not is_from_user(messages[place]):
                continue
            is_question = not found
            if not is_question and (found >= _or_any(turns) or spent > _or_any(tokens)):
                break
            kept, found = place, found + 1
        return messages[kept:]

    def _weigh(self, message: Document) -> int:
        return self._count(text_for_model(message)) + MESSAGE_TOKENS

    def _summing(
        self, how: Summarising, before: Sequence[Document], retained: str, boundary: Boundary | None
    ) -> Summing | None:
        """What is to be summarised before the model is asked."""
        material = material_of(before, boundary)
        if not material:
            return None
        asked = how.asking.request
        system = how.update_prompt if boundary is not None and how.update_prompt else asked.system
        request = replace(asked, turns=(Turn.of_text("user", material),), system=system)
        asking, older = replace(how.asking, request=request), boundary.text if boundary else None
        return Summing(asking, retained, len(uncovered(before, boundary)), older is not None, older)

    def _last(self, place: Place) -> tuple[Weighed | None, list[Document]]:
        """What the model is sent beside what is stored."""
        if place.is_new_question:
            question = place.question
            return Weighed(question["messageId"], question["tokenCount"], True), [question]
        if place.before is not None:
            order = {"messageId": "", "text": CONTINUE, "isCreatedByUser": True}
            if not place.is_edited:
                return Weighed("", self._count(CONTINUE), True), [order]
            edited = {"messageId": "", "content": place.before, "isCreatedByUser": False}
            return Weighed("", self._count(CONTINUE + text_for_model(edited)), True), [edited, order]
        return None, []


def _or_any(most: int | None) -> int:
    return sys.maxsize if most is None else most
