"""The indexes of every collection, as their repositories declare them."""

from storage.api_keys import ApiKeyRepository
from storage.assistants import AssistantRepository
from storage.bans import BanRepository
from storage.conversations import ConversationRepository
from storage.database import Database
from storage.files import FileRepository
from storage.invitations import InvitationRepository
from storage.keys import KeyRepository
from storage.messages import MessageRepository
from storage.presets import PresetRepository
from storage.repository import Repository
from storage.run_pieces import PieceRepository
from storage.run_workers import WorkerRepository
from storage.runs import RunRepository
from storage.sessions import SessionRepository
from storage.two_factor import UsedCodeRepository
from storage.users import UserRepository
from storage.violations import ViolationRepository

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
    UsedCodeRepository,
    UserRepository,
    ViolationRepository,
    WorkerRepository,
)


def ensure_indexes(database: Database) -> None:
    """Create every index that is not there; nothing is dropped. Safe with several processes at once."""
    database.ensure_indexes({each.collection_name: each.indexes for each in REPOSITORIES})
