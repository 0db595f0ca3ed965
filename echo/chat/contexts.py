"""What a model is sent of a conversation: what fits of it, and what is summarised of the rest."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from echo.chat.attachments import shown_files
from echo.chat.beginning import Talk
from echo.chat.context import Weighed, window_of
from echo.chat.history import History, text_for_model, turns_of
from echo.chat.place import Place
from echo.chat.prepared import Asking
from echo.chat.senders import provider_name
from echo.chat.sides import Side, Sides
from echo.chat.summaries import (
    SHARE_KEPT,
    Boundary,
    Summing,
    boundary_of,
    left_out,
    material_of,
    request_for,
    with_summary,
)
from echo.errors import ApiError
from echo.providers.chat import Attachment, Turn
from echo.settings.model import SummarySettings
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
        self._sides = sides
        self._count = count_tokens
        self._summaries = summaries

    def of(self, talk: Talk, side: Side, place: Place, conversation_id: str) -> Context:
        """What the model is sent of the conversation."""
        settled = side.settled
        last, said = self._last(place)
        history = History(self._chats, self._count, talk.owner, conversation_id)
        window = window_of(
            side.model,
            settled.max_context_tokens,
            set_to=side.chosen.settings.prices.get(side.model, {}).get("context"),
        )
        read = partial(
            history.read,
            place.branch,
            last,
            system=self._count(settled.system) if settled.system else 0,
            reserved=settled.max_tokens or 0,
            with_tools=bool(side.wanted.names),
        )
        messages, fitted = read(window=window)
        counts = fitted.counts
        boundary, summing = boundary_of(messages), None
        if self._summaries.enabled and left_out(place.branch, messages, boundary):
            # So much less that not every further turn needs another summary.
            messages, fitted = read(window=int(window * SHARE_KEPT))
            counts = {**counts, "messages": fitted.messages, "count": len(fitted.ids)}
            boundary = boundary_of(messages)
            before = material_of(history.before(place.branch, messages), boundary)
            retained = str(messages[0]["messageId"] if messages else place.question["messageId"])
            summing = self._summing(talk, side, before, retained, boundary)
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
        if boundary is not None and summing is None:
            turns = with_summary(turns, boundary.text)
        return Context(turns, counts, shown, summing)

    def _summing(
        self, talk: Talk, side: Side, material: str, retained: str, boundary: Boundary | None
    ) -> Summing | None:
        """What is to be summarised, by the model that the operator names, or else by the one that answers."""
        if not material:
            return None
        rules = self._summaries
        chosen, model = side.chosen, rules.model or side.model
        if rules.endpoint is not None and rules.endpoint != chosen.name:
            try:
                chosen = self._sides.endpoint(talk.owner, rules.endpoint)
            except ApiError:
                # There is no key for it: the model that answers knows its own chat.
                model = side.model
        request = request_for(model, material, rules.prompt, rules.max_tokens)
        asking = Asking(
            chosen.provider,
            replace(request, placeholders=talk.variables.headers(chosen.settings)),
            chosen.credentials,
            {"system": 0, "messages": 0, "window": 0, "budget": 0, "before": 0, "count": 0},
            side.agent_id,
            provider_name(chosen.settings),
            endpoint=chosen.name,
        )
        return Summing(asking, retained, boundary.text if boundary else None)

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
