"""Conversations behind `/v1`: what was said before, and the exchange kept when a program asks for it."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog

from echo.background import Background
from echo.chat.context import MESSAGE_TOKENS, Weighed, picture_tokens, window_of
from echo.chat.history import History, branch_of, turns_of
from echo.chat.variables import Variables
from echo.completions.answers import Answer
from echo.completions.asking import Question, all_text
from echo.completions.exchange import said_in
from echo.completions.models import Chosen
from echo.errors import ServiceUnavailable
from echo.files.kinds import IMAGE_TYPES
from echo.providers.chat import Turn
from echo.providers.titles import Titled, TitleService
from storage.conversations.chats import ChatRepository
from storage.conversations.exchanges import ExchangeRepository, Origin, Said, Stored
from storage.core.errors import StorageError

log = structlog.get_logger(__name__)

CUSTOM = "custom"


@dataclass(frozen=True)
class Earlier:
    """What a conversation holds already: its system prompt, what fits of its newest branch, the last message's id."""

    system: str | None = None
    turns: tuple[Turn, ...] = ()
    last: str | None = None


@dataclass(frozen=True)
class Keeper:
    """Reads and writes the conversations."""

    exchanges: ExchangeRepository
    chats: ChatRepository
    titles: TitleService
    background: Background
    count_tokens: Callable[[str], int]

    def earlier(self, owner: str, question: Question) -> Earlier:
        """What the question's conversation holds, nothing without one; raises `storage.core.errors.NotFound`.

        What the model cannot take beside the question is left out, the oldest first and by whole turns.
        """
        if question.conversation_id is None:
            return Earlier()
        system = self.exchanges.prompt_prefix(owner, question.conversation_id)
        skeleton = self.chats.skeleton(owner, question.conversation_id)
        if not skeleton:
            return Earlier(system)
        last = str(skeleton[-1]["messageId"])
        messages, _ = History(self.chats, self.count_tokens, owner, question.conversation_id).read(
            branch_of(skeleton, last),
            Weighed("", self._weight(question), is_user=True),
            # The endpoint in front of the model's name says nothing about its window.
            window=window_of(question.model),
            system=self.count_tokens(question.system or system or ""),
            reserved=question.parameters.max_tokens or 0,
        )
        return Earlier(system, tuple(turns_of(messages, {})), last)

    def _weight(self, question: Question) -> int:
        """The tokens of all that the request itself says."""
        texts = sum(self.count_tokens(all_text(turn)) + MESSAGE_TOKENS for turn in question.turns)
        pictures = (each for turn in question.turns for each in turn.attachments)
        return texts + sum(picture_tokens(None, None) for each in pictures if each.media_type in IMAGE_TYPES)

    async def keep(
        self,
        owner: str,
        question: Question,
        earlier: Earlier,
        chosen: Chosen,
        answer: Answer,
        *,
        variables: Variables,
    ) -> str | None:
        """Store the exchange if that was asked for; the id of its conversation.

        A new one gets a title later, asked for with the headers that the operator has for this user.
        """
        if not question.store:
            return None
        # In a thread: to count long or many texts takes long enough for other streams to falter.
        said = await asyncio.to_thread(said_in, question.turns, answer.first, self.count_tokens)
        stored = await self.store(
            owner, question, said, chosen, answer.whole_text, variables=variables, parent=earlier.last
        )
        return stored.conversation_id

    async def store(
        self,
        owner: str,
        question: Question,
        said: Sequence[Said],
        chosen: Chosen,
        words: str,
        *,
        variables: Variables,
        parent: str | None,
    ) -> Stored:
        """Store messages after `parent` in the question's conversation, or in a new one.

        That gets a title, made from the beginning and the `words` of the answer.
        """
        kind = CUSTOM if chosen.endpoint.type == CUSTOM else None
        origin = Origin(chosen.endpoint.name, chosen.model, kind)
        if question.conversation_id is not None:
            place = owner, question.conversation_id
            return await asyncio.to_thread(self.exchanges.add, *place, said, origin, parent=parent)
        begin = self.exchanges.begin
        stored = await asyncio.to_thread(begin, owner, said, origin, prompt_prefix=question.system)
        made = stored.conversation_id
        with suppress(ServiceUnavailable):
            # Not when the server stops at this moment: the exchange is kept, titled or not.
            headers = variables.headers(chosen.endpoint, conversationId=made)
            beginning = _first_words(question), words
            self.background.submit(self._title(owner, made, beginning, chosen, headers))
        return stored

    async def _title(
        self,
        owner: str,
        conversation_id: str,
        beginning: tuple[str, str],
        chosen: Chosen,
        placeholders: Mapping[str, str],
    ) -> None:
        title = await self.titles.title_for(
            *beginning,
            endpoint=chosen.endpoint.name,
            model=chosen.model,
            credentials=chosen.credentials,
            placeholders=placeholders,
            titled=Titled(owner, conversation_id),
        )
        try:
            # A name that the user has given meanwhile stays.
            await asyncio.to_thread(self.chats.give_title, owner, conversation_id, title)
        except StorageError as error:
            log.warning("a title could not be stored", cause=repr(error))


def _first_words(question: Question) -> str:
    """What a title is made from: what the user says first, or else what there is."""
    said = [turn.text for turn in question.turns if turn.role == "user" and turn.text]
    return (said or [question.system or ""])[0]
