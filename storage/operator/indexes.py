"""The indexes of every collection, as their repositories declare them."""

from pymongo.operations import IndexModel

from storage.access.access_roles import AccessRoleRepository
from storage.access.acl_entries import AclEntryRepository
from storage.access.audit_log import AuditLogRepository
from storage.access.configs import ConfigRepository
from storage.access.groups import GroupRepository
from storage.access.roles import RoleRepository
from storage.access.system_grants import SystemGrantRepository
from storage.accounts.api_keys import ApiKeyRepository
from storage.accounts.balances import BalanceRepository
from storage.accounts.bans import BanRepository
from storage.accounts.federated_users import FederatedUserRepository
from storage.accounts.invitations import InvitationRepository
from storage.accounts.keys import KeyRepository
from storage.accounts.login_states import LoginStateRepository
from storage.accounts.mails import MailRepository
from storage.accounts.mcp_logins import McpLoginRepository
from storage.accounts.mcp_states import McpFindingRepository, McpStateRepository
from storage.accounts.openid_tokens import OpenIdTokenRepository
from storage.accounts.passkeys import ChallengeRepository, PasskeyRepository
from storage.accounts.plugin_auths import PluginAuthRepository
from storage.accounts.renewals import RenewalRepository
from storage.accounts.sessions import SessionRepository
from storage.accounts.tool_favorites import ToolFavoriteRepository
from storage.accounts.transactions import TransactionRepository
from storage.accounts.two_factor import UsedCodeRepository
from storage.accounts.users import UserRepository
from storage.accounts.violations import ViolationRepository
from storage.agents.actions import ActionRepository
from storage.agents.agents import AgentRepository
from storage.agents.categories import AgentCategoryRepository
from storage.agents.mcp_servers import McpServerRepository
from storage.conversations.conversations import ConversationRepository
from storage.conversations.messages import MessageRepository
from storage.conversations.projects import ProjectRepository
from storage.conversations.responses import ResponseRepository
from storage.conversations.search_parts import SearchPartRepository
from storage.conversations.search_states import SearchStateRepository
from storage.conversations.shares import ShareRepository
from storage.conversations.tags import TagRepository
from storage.conversations.tool_calls import ToolCallRepository
from storage.core.database import Database
from storage.core.repository import Repository
from storage.library.assistants import AssistantRepository
from storage.library.file_chunks import FileChunkRepository
from storage.library.file_indexes import FileIndexRepository
from storage.library.files import FileRepository
from storage.library.memories import MemoryRepository
from storage.library.presets import PresetRepository
from storage.library.prompt_groups import PromptGroupRepository
from storage.library.prompts import PromptRepository
from storage.library.skills import SkillFileRepository, SkillRepository
from storage.runs.pieces import PieceRepository
from storage.runs.runs import RunRepository
from storage.runs.workers import WorkerRepository

REPOSITORIES: tuple[type[Repository], ...] = (
    AccessRoleRepository,
    ActionRepository,
    AclEntryRepository,
    AgentCategoryRepository,
    AgentRepository,
    ApiKeyRepository,
    AssistantRepository,
    AuditLogRepository,
    BalanceRepository,
    BanRepository,
    ConfigRepository,
    ChallengeRepository,
    ConversationRepository,
    FederatedUserRepository,
    FileChunkRepository,
    FileIndexRepository,
    FileRepository,
    GroupRepository,
    InvitationRepository,
    KeyRepository,
    MailRepository,
    McpLoginRepository,
    McpStateRepository,
    McpFindingRepository,
    RenewalRepository,
    OpenIdTokenRepository,
    McpServerRepository,
    LoginStateRepository,
    MemoryRepository,
    MessageRepository,
    PasskeyRepository,
    PieceRepository,
    PluginAuthRepository,
    PresetRepository,
    ProjectRepository,
    PromptGroupRepository,
    PromptRepository,
    ResponseRepository,
    RoleRepository,
    RunRepository,
    SearchPartRepository,
    SearchStateRepository,
    SessionRepository,
    ShareRepository,
    SkillFileRepository,
    ToolFavoriteRepository,
    SkillRepository,
    SystemGrantRepository,
    TagRepository,
    ToolCallRepository,
    TransactionRepository,
    UsedCodeRepository,
    UserRepository,
    ViolationRepository,
    WorkerRepository,
)


def ensure_indexes(database: Database) -> None:
    """Create every index that is not there; nothing is dropped. Safe with several processes at once."""
    indexes: dict[str, tuple[IndexModel, ...]] = {}
    for each in REPOSITORIES:
        # Some collections have several repositories.
        indexes[each.collection_name] = (*indexes.get(each.collection_name, ()), *each.indexes)
    database.ensure_indexes(indexes)
