"""From a client's request to everything that a run needs: read and checked before anything is stored."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from echo.chat import attachments as files
from echo.chat.attachments import Attachments
from echo.chat.context import Weighed, window_of
from echo.chat.endpoints import Chosen, Endpoints
from echo.chat.history import History, turns_of
from echo.chat.place import NEW, Place, Places
from echo.chat.prepared import Prepared
from echo.chat.request import Asked, Settled
from echo.chat.senders import agent_id, provider_name, sender_of
from echo.chat.settling import Settling
from echo.chat.variables import Variables
from echo.errors import Unprocessable
from echo.files import FileStore
from echo.providers.chat import Attachment, ChatRequest, Turn
from storage.accounts.users import UserRepository
from storage.conversations.chat_shapes import Begun
from storage.conversations.chats import ChatRepository
from storage.conversations.conversations import UNTITLED
from storage.library.files import FileRepository

Json = dict[str, Any]
Document = Mapping[str, Any]
# What a model is told that is to go on with an answer of its own.
CONTINUE = "Continue your last answer exactly where it ends. Repeat nothing, and add no introduction."


@dataclass(frozen=True)
class Stores:
    """Where preparing reads from."""

    chats: ChatRepository
    files: FileRepository
    file_store: FileStore
    users: UserRepository


@dataclass(frozen=True)
class Talk:
    """What has been found out about a request: who asks, of whom, in which conversation, how, with which files."""

    owner: str
    asked: Asked
    chosen: Chosen
    conversation: Document
    settled: Settled
    model: str
    records: Sequence[Document]
    files: Attachments
    loaded: tuple[Attachment, ...]
    variables: Variables


class Preparation:
    """Prepares runs. Whatever it raises, nothing has been stored."""

    def __init__(
        self,
        stores: Stores,
        endpoints: Endpoints,
        settling: Settling,
        count_tokens: Callable[[str], int],
        *,
        titles: bool,
        temporary_seconds: int,
        memories_text: Callable[[str], str | None],
    ) -> None:
        self._stores = stores
        self._endpoints = endpoints
        self._settling = settling
        self._count = count_tokens
        self._titles = titles
        self._temporary = timedelta(seconds=temporary_seconds)
        self._memories_text = memories_text

    def prepare(self, owner: str, endpoint: str, asked: Asked) -> Prepared:
        """Everything for a run.

        Raises `Unprocessable` for an endpoint, model, model spec or file that is not there and for a message of
        nothing, `PayloadTooLarge` for too many files, `storage.core.errors.NotFound` for a conversation, preset or
        assistant, `UnknownParent`.
        """
        chosen = self._endpoints.choose(owner, endpoint)
        is_new = asked.conversation_id in NEW
        conversation: Document = (
            {} if is_new else self._stores.chats.conversation(owner, str(asked.conversation_id))
        )
        variables = Variables(lambda: self._stores.users.get(owner))
        settled = self._settling.settle(owner, chosen.name, asked, conversation)
        told = (variables.prompt(settled.system, asked.timezone), self._memories_text(owner))
        settled = replace(settled, system="\n\n".join(filter(None, told)) or None)
        model = self._endpoints.model(chosen, settled.model)
        own_files = Attachments(self._stores.files, self._stores.file_store, owner)
        place = Places(self._stores.chats, owner, conversation.get("conversationId")).find(asked)
        records = own_files.records(asked.files) if place.is_new_question else []
        loaded = own_files.load(records)
        if place.is_new_question and not (asked.text.strip() or loaded):
            raise Unprocessable("The message is empty.", code="empty_message")
        talk = Talk(owner, asked, chosen, conversation, settled, model, records, own_files, loaded, variables)
        return self._assemble(talk, self._with_question(talk, place))

    def _with_question(self, talk: Talk, place: Place) -> Place:
        """The place, its question with all that is stored of it."""
        place.question["endpoint"] = talk.chosen.name
        if place.is_new_question:
            of_files = files.tokens_of(talk.loaded, talk.records, self._count)
            place.question["tokenCount"] = self._count(talk.asked.text) + of_files
        if talk.records:
            place.question["files"] = [files.shown(each) for each in talk.records]
        return place

    def _assemble(self, talk: Talk, place: Place) -> Prepared:
        conversation_id = str(talk.conversation.get("conversationId") or uuid.uuid4())
        settled, chosen, model = talk.settled, talk.chosen, talk.model
        turns, counts = self._context(talk, place, conversation_id)
        sender = sender_of(chosen.settings, model, settled.label)
        about = {
            "responseMessageId": place.answer_id,
            "conversationId": conversation_id,
            "endpoint": chosen.name,
            "sender": sender,
            "model": model,
            "iconURL": settled.icon_url,
            "before": place.before or [],
        }
        return Prepared(
            run_id=str(uuid.uuid4()),
            owner=talk.owner,
            conversation_id=conversation_id,
            question={**place.question, "conversationId": conversation_id},
            begun=begun_of(talk, place, about, self._temporary),
            provider=chosen.provider,
            request=replace(
                request_of(settled, model, turns),
                placeholders=talk.variables.headers(
                    chosen.settings,
                    conversationId=conversation_id,
                    parentMessageId=place.question.get("parentMessageId"),
                    messageId=place.answer_id,
                ),
            ),
            credentials=chosen.credentials,
            counts=counts,
            agent_id=agent_id(chosen.name, model, sender),
            provider_name=provider_name(chosen.settings),
            about=about,
            titling=self._wants_title(talk),
            client_request_id=talk.asked.client_request_id,
        )

    def _wants_title(self, talk: Talk) -> bool:
        is_temporary = talk.conversation.get("isTemporary") if talk.conversation else talk.asked.is_temporary
        is_untitled = talk.conversation.get("title") in (None, "", UNTITLED)
        return self._titles and talk.chosen.settings.title_conversations and is_untitled and not is_temporary

    def _context(
        self, talk: Talk, place: Place, conversation_id: str
    ) -> tuple[list[Turn], Mapping[str, int]]:
        """The turns that the model is sent, and the figures of it."""
        settled = talk.settled
        last, said = self._last(place)
        history = History(self._stores.chats, self._count, talk.owner, conversation_id)
        messages, fitted = history.read(
            place.branch,
            last,
            window=window_of(talk.model, settled.max_context_tokens),
            system=self._count(settled.system) if settled.system else 0,
            reserved=settled.max_tokens or 0,
        )
        attached: dict[str, Sequence[Attachment]] = {}
        if settled.resend_files or not place.is_new_question:
            # The newest first: what is too much is left out of the oldest.
            attached = {each["messageId"]: talk.files.load_earlier(each) for each in reversed(messages)}
        if place.is_new_question:
            attached[place.question["messageId"]] = talk.loaded
        return turns_of([*messages, *said], attached), fitted.counts

    def _last(self, place: Place) -> tuple[Weighed | None, list[Document]]:
        """What the model is sent beside what is stored."""
        if place.is_new_question:
            question = place.question
            return Weighed(question["messageId"], question["tokenCount"], True), [question]
        if place.before is not None:
            order = {"messageId": "", "text": CONTINUE, "isCreatedByUser": True}
            return Weighed("", self._count(CONTINUE), True), [order]
        return None, []


def request_of(settled: Settled, model: str, turns: Sequence[Turn]) -> ChatRequest:
    """The request to the provider."""
    return ChatRequest(
        model=model,
        turns=turns,
        system=settled.system,
        temperature=settled.temperature,
        top_p=settled.top_p,
        max_tokens=settled.max_tokens,
        stop=settled.stop,
        frequency_penalty=settled.frequency_penalty,
        presence_penalty=settled.presence_penalty,
        top_k=settled.top_k,
        reasoning_effort=settled.reasoning_effort,
    )


def begun_of(talk: Talk, place: Place, about: Document, temporary: timedelta) -> Begun:
    """What is stored when the run begins; a new conversation that is temporary is kept for so long."""
    answer = {
        "messageId": place.answer_id,
        "parentMessageId": place.question["messageId"],
        "sender": about["sender"],
        "isCreatedByUser": False,
        "endpoint": about["endpoint"],
        "model": about["model"],
        "text": "",
        "content": [],
        "unfinished": True,
    }
    if about["iconURL"]:
        answer["iconURL"] = about["iconURL"]
    settings = {**talk.settled.kept, "endpoint": about["endpoint"], "model": about["model"]}
    if talk.chosen.settings.type == "custom":
        settings["endpointType"] = "custom"
    is_new, is_temporary = not talk.conversation, talk.asked.is_temporary
    return Begun(
        question={**place.question, "model": None} if place.is_new_question else None,
        answer=answer,
        settings=settings,
        file_ids=[str(each["file_id"]) for each in talk.records],
        continues=place.before is not None,
        new=is_new,
        expires_at=datetime.now(UTC) + temporary if is_temporary and is_new else None,
    )
