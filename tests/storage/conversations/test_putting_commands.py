"""What is asked of MongoDB to store a message under an id that its client made."""

import pytest
from pymongo import monitoring

from storage.conversations.messages import NO_PARENT
from storage.conversations.threads import ThreadRepository
from storage.core.database import Database
from storage.core.errors import NotFound
from tests.support.chats import new_id, new_owner, put_tree
from tests.support.commands import CommandNotes, watched_by
from tests.support.database import PreparedDatabase

SAID = {"text": "new", "sender": "user", "token_count": 1}
CLAIM, STORE = "findAndModify conversations", "insert messages"


class Noted(CommandNotes):
    """What is done to which collection."""

    def __init__(self) -> None:
        self.commands: list[str] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        named = event.command.get(event.command_name)
        if isinstance(named, str):
            self.commands.append(f"{event.command_name} {named}")


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
    noted = Noted()
    with watched_by(noted, prepared_database) as watched:
        threads = ThreadRepository(watched)
        threads.put(owner, conversation_id, new_id(), parent_message_id=parent_id, **SAID)
        assert noted.commands == commands
        noted.commands.clear()
        with pytest.raises(NotFound):
            threads.put(owner, new_id(), new_id(), **SAID)
        assert noted.commands == ["find messages", CLAIM, "find conversations"]
