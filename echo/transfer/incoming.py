"""From a neutral conversation to what is stored: ids that are the same each time, and LibreChat's fields.

Ids are derived from the owner, the format and the source's own ids. A file's ids are used as they are for one thing:
to find a conversation that the owner has already, because the file was exported here. So nothing that a file says
can name a document of another user.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime

from echo.transfer.model import ImportedConversation, ImportedMessage, Json
from echo.transfer.tree import arranged
from echo.transfer.values import MAX_TITLE
from storage.conversations.imports import Incoming, IncomingMessage

# Echo's own. With another one, every import that is repeated would make a second copy.
NAMESPACE = uuid.UUID("5f0e7b60-8d0f-5a5c-9b0a-6f6c1f7a5f21")
# LibreChat's title for an import that has none.
UNTITLED = "Imported Chat"


def incoming_of(conversation: ImportedConversation, owner: str, moment: datetime) -> Incoming:
    """What to store for an owner; `moment` is the date of what has none."""
    messages = arranged(conversation, moment)
    made_here = derived(owner, conversation.format, conversation.source_id)
    # Only where the file has ids that Echo or LibreChat gave: another program's may be the same by chance.
    possible = (conversation.source_id,) if conversation.keeps_ids else ()
    return Incoming(
        ids=(*possible, made_here),
        fields=_fields(conversation, messages, moment),
        messages=[_message(each, made_here, keeps_ids=conversation.keeps_ids) for each in messages],
    )


def derived(*names: str) -> str:
    """The UUID (version 5) of some names, whatever is in them."""
    joined = "".join(f"{len(name)}:{name}" for name in names)
    return str(uuid.uuid5(NAMESPACE, joined))


def _fields(
    conversation: ImportedConversation, messages: Sequence[ImportedMessage], moment: datetime
) -> Json:
    dates = [each.created_at for each in messages if each.created_at]
    created = conversation.created_at or min(dates, default=moment)
    newest = max((conversation.updated_at or created, *dates))
    models = (each.model for each in reversed(messages) if each.model)
    model = conversation.model or next(models, None)
    return {
        **conversation.settings,
        **({"model": model} if model else {}),
        "title": (conversation.title or "").strip()[:MAX_TITLE].strip() or UNTITLED,
        "endpoint": conversation.endpoint,
        "createdAt": min(created, newest),
        # Lists sort by it: an import of old conversations does not put them before today's.
        "updatedAt": conversation.updated_at or newest,
    }


def _message(message: ImportedMessage, conversation_id: str, *, keeps_ids: bool) -> IncomingMessage:
    def own(name: str) -> str:
        return derived(conversation_id, name)

    content = {"content": list(message.content)} if message.content else {}
    return IncomingMessage(
        ids=(*((message.source_id,) if keeps_ids else ()), own(message.source_id)),
        parent=None if message.parent is None else own(message.parent),
        fields={
            **message.extra,
            **content,
            "sender": message.sender,
            "isCreatedByUser": message.is_user,
            "text": message.text,
            "model": message.model,
            **({"endpoint": message.endpoint} if message.endpoint else {}),
            "createdAt": message.created_at,
            "updatedAt": message.updated_at,
        },
    )
