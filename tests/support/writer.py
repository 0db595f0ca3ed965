"""A process that changes conversations as fast as it can, for tests that kill it: `python -m tests.support.writer`.

Each line that it prints is a fact that the database has acknowledged: `there <conversation> <message>`, or
`gone <conversation> <message>`.
"""

import sys
import threading

from storage.conversations.copies import CopyRepository
from storage.conversations.messages import MessageRepository
from storage.conversations.threads import ThreadRepository
from storage.core.database import Database
from tests.support.chats import new_id, say

WRITERS = 4


def tell(*words: str) -> None:
    """One line in one write, so that no other thread's comes between."""
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


def work(database: Database, owner: str) -> None:
    """Conversations of four messages, one of which is deleted, and a fork of each."""
    threads, messages = ThreadRepository(database), MessageRepository(database)
    copies = CopyRepository(database)
    while True:
        conversation_id = new_id()
        made = []
        for number in range(4):
            made.append(say(threads, owner, conversation_id, str(number))["messageId"])
            tell("there", conversation_id, made[-1])
        threads.delete_message(owner, conversation_id, made[1])
        tell("gone", conversation_id, made[1])
        fork = copies.fork(owner, conversation_id, made[3], option="directPath", split_at_target=False)
        for copy in messages.read_conversation(owner, fork["conversationId"]).documents():
            tell("there", fork["conversationId"], copy["messageId"])


def main(uri: str, owner: str, app_name: str) -> None:
    """Work until killed."""
    database = Database(uri, app_name=app_name)
    for _ in range(WRITERS):
        threading.Thread(target=work, args=(database, owner)).start()


if __name__ == "__main__":
    main(*sys.argv[1:])
