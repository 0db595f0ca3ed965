"""What is stored when a run begins: the question, the answer that is still to come, the conversation's settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from echo.chat.attachments import Attachments
from echo.chat.place import Place
from echo.chat.request import Asked
from echo.chat.sides import Side
from echo.chat.variables import Variables
from echo.providers.chat import Attachment
from storage.conversations.chat_shapes import Begun

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Talk:
    """What has been found out about a request: who asks, in which conversation, of whom, with which files."""

    owner: str
    asked: Asked
    conversation: Document
    sides: Sequence[Side]
    records: Sequence[Document]
    files: Attachments
    loaded: tuple[Attachment, ...]
    variables: Variables

    @property
    def first(self) -> Side:
        """The model whose answer the conversation goes on from."""
        return self.sides[0]


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
        "content": about["before"],
        "unfinished": True,
    }
    if about["iconURL"]:
        answer["iconURL"] = about["iconURL"]
    if talk.asked.added is not None:
        answer["addedConvo"] = True
    first = talk.first
    settings = {
        **first.settled.kept,
        "endpoint": about["endpoint"],
        "model": first.model,
        **first.respondent.kept,
    }
    if first.respondent.agent_id is None and talk.conversation.get("agent_id"):
        # It was an agent's before.
        settings["agent_id"] = None
    if first.chosen.settings.type == "custom" and first.respondent.shown_endpoint is None:
        settings["endpointType"] = "custom"
    elif talk.conversation.get("endpointType"):
        settings["endpointType"] = None
    is_new, is_temporary = not talk.conversation, talk.asked.is_temporary
    if is_new:
        settings = {name: value for name, value in settings.items() if value is not None}
    return Begun(
        question={**place.question, "model": None} if place.is_new_question else None,
        answer=answer,
        settings=settings,
        file_ids=[str(each["file_id"]) for each in talk.records],
        continues=place.before is not None and not place.is_edited,
        new=is_new,
        expires_at=datetime.now(UTC) + temporary if is_temporary and is_new else None,
        project_id=talk.asked.project_id if is_new else None,
    )
