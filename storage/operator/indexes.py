"""The indexes of every collection, as their repositories declare them."""

from storage.accounts.api_keys import ApiKeyRepository
from storage.accounts.bans import BanRepository
from storage.accounts.invitations import InvitationRepository
from storage.accounts.keys import KeyRepository
from storage.accounts.sessions import SessionRepository
from storage.accounts.two_factor import UsedCodeRepository
from storage.accounts.users import UserRepository
from storage.accounts.violations import ViolationRepository
from storage.conversations.conversations import ConversationRepository
from storage.conversations.messages import MessageRepository
from storage.conversations.tool_calls import ToolCallRepository
from storage.core.database import Database
from storage.core.repository import Repository
from storage.library.assistants import AssistantRepository
from storage.library.files import FileRepository
from storage.library.presets import PresetRepository
from storage.runs.pieces import PieceRepository
from storage.runs.runs import RunRepository
from storage.runs.workers import WorkerRepository

REPOSITORIES: tuple[type[Repository], ...] = (
    ApiKeyRepository,
    AssistantRepository,
    BanRepository,
    ConversationRepository,
    FileRepository,
    InvitationRepository,
    KeyRepository,
    MessageRepository,
    PieceRepository,
    PresetRepository,
    RunRepository,
    SessionRepository,
    ToolCallRepository,
    UsedCodeRepository,
    UserRepository,
    ViolationRepository,
    WorkerRepository,
)


def ensure_indexes(database: Database) -> None:
    """Create every index that is not there; nothing is dropped. Safe with several processes at once."""
    database.ensure_indexes({each.collection_name: each.indexes for each in REPOSITORIES})
