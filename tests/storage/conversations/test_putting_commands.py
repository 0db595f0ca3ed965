"""What is asked of MongoDB to store a message under an id that its client made."""

import pytest

from storage.conversations.messages import NO_PARENT
from storage.conversations.threads import ThreadRepository
from storage.core.database import Database
from storage.core.errors import NotFound
from tests.support.chats import new_id, new_owner, put_tree
from tests.support.commands import noting
from tests.support.database import PreparedDatabase

SAID = {"text": "new", "sender": "user", "token_count": 1}
CLAIM, STORE = "findAndModify conversations", "insert messages"


@pytest.mark.parametrize(
    ("parent", "commands"),
    [
        ("g", ["find messages", CLAIM, STORE]),
        (NO_PARENT, ["find messages", CLAIM, STORE]),
        # The newest one is followed: which that is has to be asked.
        (None, ["find messages", CLAIM, "find messages", STORE]),
    ],
)
def test_the_conversation_is_asked_for_only_where_it_cannot_be_claimed(
    prepared_database: PreparedDatabase, database: Database, parent: str | None, commands: list[str]
) -> None:
    owner = new_owner()
    conversation_id, prefix = put_tree(database, owner)
    parent_id = prefix + parent if parent == "g" else parent
    with noting(prepared_database) as noted:
        threads = ThreadRepository(noted.database)
        threads.put(owner, conversation_id, new_id(), parent_message_id=parent_id, **SAID)
        assert noted.commands == commands
        noted.commands.clear()
        with pytest.raises(NotFound):
            threads.put(owner, new_id(), new_id(), **SAID)
        assert noted.commands == ["find messages", CLAIM, "find conversations"]
