"""From a client's request to everything that a run needs: read and checked before anything is stored."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from echo.chat import attachments as files
from echo.chat.attachments import Attachments
from echo.chat.beginning import Talk, begun_of
from echo.chat.contexts import Contexts
from echo.chat.history import quoted
from echo.chat.members import For, Members
from echo.chat.place import NEW, Place, Places
from echo.chat.prepared import Asking, Prepared
from echo.chat.request import Asked, request_of
from echo.chat.senders import provider_name
from echo.chat.sides import Side, Sides
from echo.chat.variables import Variables
from echo.chat.wanting import with_files
from echo.errors import Unprocessable
from echo.files import FileStore
from echo.settings.agents import AgentSettings, SummarySettings
from storage.accounts.users import UserRepository
from storage.conversations.chats import ChatRepository
from storage.conversations.conversations import UNTITLED
from storage.library.files import FileRepository

Json = dict[str, Any]
Document = Mapping[str, Any]
Ids = dict[str, str | None]
# LibreChat's number of the answers that stand side by side; one message has no others.
SIDE_BY_SIDE = 1


@dataclass(frozen=True)
class Stores:
    """Where preparing reads from."""

    chats: ChatRepository
    files: FileRepository
    file_store: FileStore
    users: UserRepository


class Preparation:
    """Prepares runs. Whatever it raises, nothing has been stored."""

    def __init__(
        self,
        stores: Stores,
        sides: Sides,
        count_tokens: Callable[[str], int],
        rules: AgentSettings,
        *,
        summaries: SummarySettings,
        titles: bool,
        temporary_seconds: int,
        memories_text: Callable[[str], str | None],
        tells_cost: Callable[[str], bool],
    ) -> None:
        self._stores = stores
        self._sides = sides
        self._count = count_tokens
        self._contexts = Contexts(stores.chats, sides, count_tokens, summaries)
        self._members = Members(sides, rules, count_tokens, self._contexts.share)
        self._titles = titles
        self._temporary = timedelta(seconds=temporary_seconds)
        self._memories_text = memories_text
        self._tells_cost = tells_cost

    def prepare(self, owner: str, endpoint: str, asked: Asked) -> Prepared:
        """Everything for a run.

        Raises `Unprocessable` for an endpoint, model, model spec or file that is not there and for a message of
        nothing, `PayloadTooLarge` for too many files, `storage.core.errors.NotFound` for a conversation, preset or
        assistant, `UnknownParent`.
        """
        # Who may not be asked is refused before anything of the conversation is read.
        found = self._sides.find(owner, endpoint, asked)
        conversation: Document = (
            {}
            if asked.conversation_id in NEW
            else self._stores.chats.conversation(owner, str(asked.conversation_id))
        )
        variables = Variables(lambda: self._stores.users.get(owner))
        memories = self._memories_text(owner)
        sides = self._sides.settle(owner, found, conversation, variables, memories)
        own_files = Attachments(self._stores.files, self._stores.file_store, owner)
        place = Places(self._stores.chats, owner, conversation).find(asked)
        records = own_files.records(asked.files) if place.is_new_question else []
        loaded = own_files.load(files.for_model(records))
        if place.is_new_question and not (asked.text.strip() or records):
            raise Unprocessable("The message is empty.", code="empty_message")
        talk = Talk(owner, asked, conversation, sides, records, own_files, loaded, variables)
        return self._assemble(talk, self._with_question(talk, place))

    def _with_question(self, talk: Talk, place: Place) -> Place:
        """The place, its question with all that is stored of it."""
        place.question["endpoint"] = talk.first.shown_endpoint
        if place.is_new_question:
            of_files = files.tokens_of(talk.loaded, files.for_model(talk.records), self._count)
            said = quoted(talk.asked.quotes, talk.asked.text)
            place.question["tokenCount"] = self._count(said) + of_files
            if talk.asked.quotes:
                place.question["quotes"] = list(talk.asked.quotes)
            if talk.asked.added is not None:
                place.question["addedConvo"] = True
        if talk.records:
            place.question["files"] = [files.shown(each) for each in talk.records]
        return place

    def _assemble(self, talk: Talk, place: Place) -> Prepared:
        conversation_id = str(talk.conversation.get("conversationId") or uuid.uuid4())
        first = talk.first
        about = {
            "responseMessageId": place.answer_id,
            "conversationId": conversation_id,
            "endpoint": first.shown_endpoint,
            "sender": first.sender,
            "model": first.shown_model,
            "iconURL": first.icon_url,
            "before": place.before or [],
            **({"isEdited": True} if place.is_edited else {}),
        }
        return Prepared(
            run_id=str(uuid.uuid4()),
            owner=talk.owner,
            conversation_id=conversation_id,
            question={**place.question, "conversationId": conversation_id},
            begun=begun_of(talk, place, about, self._temporary),
            askings=tuple(self._asking(talk, side, place, conversation_id) for side in talk.sides),
            about=about,
            titling=self._wants_title(talk),
            client_request_id=talk.asked.client_request_id,
            predecessor=talk.asked.predecessor,
            attachments=place.attachments,
            tells_cost=self._tells_cost(talk.owner),
        )

    def _asking(self, talk: Talk, side: Side, place: Place, conversation_id: str) -> Asking:
        context = self._contexts.of(talk, side, place, conversation_id)
        turns, counts = context.turns, context.counts
        ids: Ids = {
            "conversationId": conversation_id,
            "parentMessageId": place.question.get("parentMessageId"),
            "messageId": place.answer_id,
        }
        headers = talk.variables.headers(side.chosen.settings, **ids)
        settings = side.chosen.settings
        asking = Asking(
            provider=side.chosen.provider,
            request=replace(request_of(side.settled, side.model, turns), placeholders=headers),
            credentials=side.chosen.credentials,
            counts=counts,
            agent_id=side.agent_id,
            provider_name=provider_name(settings),
            wanted=with_files(side.wanted, [*context.files, *talk.records])
            if side.wanted.names
            else side.wanted,
            limits=self._members.limits(side, counts["window"]),
            placeholders=talk.variables.placeholders(**ids) if side.wanted.names else {},
            endpoint=side.chosen.name,
            group=SIDE_BY_SIDE if len(talk.sides) > 1 else None,
            ends_after_tools=side.respondent.ends_after_tools,
            summing=context.summing,
            summarising=context.summarising,
        )
        # A mere model has nobody beside it.
        if side.respondent.agent_id is None:
            return asking
        memories = self._memories_text(talk.owner) if side.respondent.edges else None
        return self._members.joined(side, asking, For(talk.owner, talk.variables, ids, memories))

    def _wants_title(self, talk: Talk) -> bool:
        is_temporary = talk.conversation.get("isTemporary") if talk.conversation else talk.asked.is_temporary
        is_untitled = talk.conversation.get("title") in (None, "", UNTITLED)
        titled = talk.first.chosen.settings.title_conversations
        return self._titles and titled and is_untitled and not is_temporary
