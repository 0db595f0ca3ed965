"""What the tests on LibreChat's database look at: its documents as they lie there, and what has changed in them."""

from collections.abc import Callable, Iterator
from typing import Any

from tests.conftest import Client

Document = dict[str, Any]
Documents = dict[str, dict[Any, Document]]
LogIn = Callable[..., Client]
Content = Callable[[], Documents]


def difference(before: Documents, after: Documents) -> dict[str, Any]:
    """By collection: how many documents came and went, and which fields of which others changed."""
    found: dict[str, Any] = {}
    for name in before.keys() | after.keys():
        old, new = before.get(name, {}), after.get(name, {})
        changed = [changed_fields(old[each], new[each]) for each in old.keys() & new.keys()]
        summary = (
            len(new.keys() - old.keys()),
            len(old.keys() - new.keys()),
            [each for each in changed if each],
        )
        if summary != (0, 0, []):
            found[name] = summary
    return found


def changed_fields(old: Document, new: Document) -> set[str]:
    """The fields that came, went, or have another value; one that is null is not one that is missing."""
    absent = object()
    return {
        field for field in old.keys() | new.keys() if not same(old.get(field, absent), new.get(field, absent))
    }


def same(one: Any, other: Any) -> bool:
    """Equal and of one type: in Python 1, 1.0 and True are equal, in MongoDB they are not the same."""
    return type(one) is type(other) and one == other


def added(before: Documents, after: Documents, collection: str) -> list[Document]:
    """The documents of a collection that came."""
    return [after[collection][each] for each in after[collection].keys() - before[collection].keys()]


def user_id(content: Content, name: str) -> Any:
    """The ObjectId of a user of the database."""
    [user] = [each for each in content()["users"].values() if each["email"] == f"{name}@example.test"]
    return user["_id"]


def owned(documents: Documents, collection: str, owner: Any) -> list[Document]:
    """The documents of a collection that are a user's, whose id is stored as the collection has it."""
    return [each for each in documents[collection].values() if each.get("user") in (owner, str(owner))]


def stored_text(message: Document) -> str:
    """What a person sees of a stored message."""
    parts = message.get("content") or []
    return message.get("text") or "\n".join(part["text"] for part in parts if part.get("type") == "text")


def every_row(client: Client, path: str, name: str, **params: Any) -> Iterator[Document]:
    """All rows of a list, page by page."""
    cursor = None
    while True:
        page = client.get(path, params={**params, **({"cursor": cursor} if cursor else {})}).json()
        yield from page[name]
        if not (cursor := page["nextCursor"]):
            return


def every_conversation(client: Client, **params: Any) -> list[Document]:
    return list(every_row(client, "/api/convos", "conversations", **{"limit": 3, **params}))


def every_message(client: Client, **params: Any) -> list[Document]:
    return list(every_row(client, "/api/messages", "messages", **{"pageSize": 7, **params}))
