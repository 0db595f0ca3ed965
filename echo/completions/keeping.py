"""Conversations behind `/v1`: what was said before, and the exchange kept when a program asks for it."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import structlog

from echo.background import Background
from echo.completions.asking import Question
from echo.completions.models import Chosen
from echo.errors import ServiceUnavailable
from echo.message_text import is_from_user, message_text, newest_branch
from echo.providers.chat import Turn
from echo.providers.titles import TitleService
from storage.conversations import ConversationRepository
from storage.errors import StorageError
from storage.exchanges import ExchangeRepository, Origin, Said
from storage.messages import MessageRepository

log = structlog.get_logger(__name__)

CUSTOM = "custom"


@dataclass(frozen=True)
class Earlier:
    """What a conversation holds already: its system prompt, its newest branch, and the last message's id."""

    system: str | None = None
    turns: tuple[Turn, ...] = ()
    last: str | None = None


@dataclass(frozen=True)
class Keeper:
    """Reads and writes the conversations."""

    exchanges: ExchangeRepository
    messages: MessageRepository
    conversations: ConversationRepository
    titles: TitleService
    background: Background
    count_tokens: Callable[[str], int]

    def earlier(self, owner: str, conversation_id: str | None) -> Earlier:
        """What the conversation holds, nothing without one; raises `storage.errors.NotFound`."""
        if conversation_id is None:
            return Earlier()
        system = self.exchanges.prompt_prefix(owner, conversation_id)
        branch = newest_branch(self.messages.list_conversation(owner, conversation_id))
        turns = (Turn("user" if is_from_user(each) else "assistant", message_text(each)) for each in branch)
        last = branch[-1]["messageId"] if branch else None
        return Earlier(system, tuple(turn for turn in turns if turn.text), last)

    async def keep(
        self, owner: str, question: Question, earlier: Earlier, chosen: Chosen, answer: str
    ) -> str | None:
        """Store the exchange if that was asked for; the id of its conversation. A new one gets a title later."""
        if not question.store:
            return None
        said = [self._said(turn.role, turn.text) for turn in question.turns]
        said.append(self._said("assistant", answer))
        kind = CUSTOM if chosen.endpoint.type == CUSTOM else None
        origin = Origin(chosen.endpoint.name, chosen.model, kind)
        if question.conversation_id is None:
            begin = self.exchanges.begin
            made = await asyncio.to_thread(begin, owner, said, origin, prompt_prefix=question.system)
            with suppress(ServiceUnavailable):
                # Not when the server stops at this moment: the exchange is kept, titled or not.
                self.background.submit(self._title(owner, made, question.turns[0].text, answer, chosen))
            return made
        conversation_id = question.conversation_id
        add = self.exchanges.add
        await asyncio.to_thread(add, owner, conversation_id, said, origin, parent=earlier.last)
        return conversation_id

    def _said(self, sender: str, text: str) -> Said:
        return Said(sender, text, self.count_tokens(text))

    async def _title(self, owner: str, conversation_id: str, first: str, answer: str, chosen: Chosen) -> None:
        title = await self.titles.title_for(
            first,
            answer,
            endpoint=chosen.endpoint.name,
            model=chosen.model,
            credentials=chosen.credentials,
        )
        try:
            await asyncio.to_thread(self.conversations.update, owner, conversation_id, title=title)
        except StorageError as error:
            log.warning("a title could not be stored", cause=repr(error))
