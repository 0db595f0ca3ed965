"""What the tests of `storage.conversations.threads` try to store, and what they look at in the database."""

from storage.core.database import Database, Document

# Texts that MongoDB does not take: one that is no UTF-8, one that is larger than a document.
REFUSED = ["\ud800", "x" * (17 << 20)]


def stored(database: Database, owner: str, conversation_id: str) -> Document:
    """The one conversation of that id and owner."""
    query = {"conversationId": conversation_id, "user": owner}
    (document,) = database.collection("conversations").find(query)
    return document


def messages_of(database: Database, owner: str, conversation_id: str) -> list[Document]:
    query = {"conversationId": conversation_id, "user": owner}
    return list(database.collection("messages").find(query).sort([("createdAt", 1), ("_id", 1)]))


def is_empty(database: Database, owner: str) -> bool:
    names = ("conversations", "messages")
    return not any(database.collection(name).count_documents({"user": owner}) for name in names)
