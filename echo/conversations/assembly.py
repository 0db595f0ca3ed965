"""How the parts of conversations fit together; called by the composition root."""

from dataclasses import dataclass

from echo.conversations.searches import Searches
from echo.settings import Settings
from echo.transfer.service import TransferService
from storage.conversations.conversations import ConversationRepository
from storage.conversations.exports import ExportRepository
from storage.conversations.imports import ImportRepository
from storage.conversations.messages import MessageRepository
from storage.conversations.threads import ThreadRepository
from storage.conversations.tool_calls import ToolCallRepository
from storage.core.database import Database


@dataclass(frozen=True)
class Conversations:
    """Stored conversations: `threads` writes what concerns a conversation and its messages together."""

    conversations: ConversationRepository
    messages: MessageRepository
    searches: Searches
    threads: ThreadRepository
    tool_calls: ToolCallRepository
    transfers: TransferService


def build_conversations(settings: Settings, database: Database) -> Conversations:
    """The parts behind the operations; nothing is contacted."""
    return Conversations(
        conversations=ConversationRepository(database),
        messages=MessageRepository(database),
        searches=Searches(settings.search_seconds),
        threads=ThreadRepository(database),
        tool_calls=ToolCallRepository(database),
        transfers=TransferService(
            ImportRepository(database), ExportRepository(database), max_bytes=settings.max_import_bytes
        ),
    )
