"""How the parts of conversations fit together; called by the composition root."""

from dataclasses import dataclass

from echo.access.service import Access
from echo.conversations.artifacts import ArtifactEditor
from echo.conversations.link_forks import LinkForks
from echo.conversations.links import Links, Reach
from echo.conversations.search_indexing import SearchIndexes, SearchIndexing
from echo.conversations.searches import Searches
from echo.files import FileStore
from echo.settings import Settings
from echo.transfer.service import TransferService
from storage.conversations import conversations, messages
from storage.conversations.conversations import ConversationRepository
from storage.conversations.copies import CopyRepository
from storage.conversations.deletions import DeletionRepository
from storage.conversations.exports import ExportRepository
from storage.conversations.imports import ImportRepository
from storage.conversations.messages import MessageRepository
from storage.conversations.projects import ProjectRepository
from storage.conversations.revisions import RevisionRepository
from storage.conversations.shares import ShareRepository
from storage.conversations.tags import TagRepository
from storage.conversations.threads import ThreadRepository
from storage.conversations.tool_calls import ToolCallRepository
from storage.core.database import Database
from storage.library.files import FileRepository

# What nobody has more of: bookmarks are always listed as a whole.
MAX_TAGS = 1000
MAX_PROJECTS = 1000
MAX_LINKS = 1000


@dataclass(frozen=True)
class InFull:
    """The same repositories, with all of each document that LibreChat's contract shows."""

    conversations: ConversationRepository
    messages: MessageRepository
    threads: ThreadRepository


@dataclass(frozen=True)
class Conversations:
    """Stored conversations: `threads` writes what concerns a conversation and its messages together."""

    artifacts: ArtifactEditor
    conversations: ConversationRepository
    copies: CopyRepository
    deletions: DeletionRepository
    in_full: InFull
    link_forks: LinkForks
    links: Links
    messages: MessageRepository
    projects: ProjectRepository
    revisions: RevisionRepository
    search_indexing: SearchIndexing
    searches: Searches
    tags: TagRepository
    threads: ThreadRepository
    tool_calls: ToolCallRepository
    transfers: TransferService


def build_conversations(
    settings: Settings, database: Database, access: Access, file_store: FileStore
) -> Conversations:
    """The parts behind the operations; nothing is contacted."""
    revisions = RevisionRepository(database)
    copies, shares = CopyRepository(database), ShareRepository(database, MAX_LINKS)
    links = Links(
        access,
        shares,
        FileRepository(database),
        file_store,
        Reach(
            settings.allow_shared_links,
            settings.allow_shared_links_public,
            settings.sharing_files,
            settings.serve_shared_files,
        ),
    )
    indexes = SearchIndexes(database)
    index, titles = (indexes.messages, indexes.titles) if settings.search_index else (None, None)
    return Conversations(
        artifacts=ArtifactEditor(revisions, settings.max_message_bytes),
        conversations=ConversationRepository(database, index=index, titles=titles),
        copies=copies,
        deletions=DeletionRepository(database),
        in_full=InFull(
            ConversationRepository(
                database,
                listed=conversations.LISTED,
                shown=conversations.IN_FULL,
                index=index,
                titles=titles,
            ),
            MessageRepository(database, shown=messages.IN_FULL, index=index),
            ThreadRepository(database, shown=messages.IN_FULL),
        ),
        link_forks=LinkForks(links, shares, copies),
        links=links,
        messages=MessageRepository(database, index=index),
        projects=ProjectRepository(database, MAX_PROJECTS),
        revisions=revisions,
        search_indexing=indexes.making,
        searches=Searches(settings.search_seconds),
        tags=TagRepository(database, MAX_TAGS),
        threads=ThreadRepository(database),
        tool_calls=ToolCallRepository(database),
        transfers=TransferService(
            ImportRepository(database), ExportRepository(database), max_bytes=settings.max_import_bytes
        ),
    )
