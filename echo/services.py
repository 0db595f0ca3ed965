"""What handlers work with: the services of one application and the caller of one request."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from echo.settings import Settings
from storage.assistants import AssistantRepository
from storage.conversations import ConversationRepository
from storage.files import FileRepository
from storage.messages import MessageRepository
from storage.presets import PresetRepository
from storage.threads import ThreadRepository
from storage.users import UserRepository

if TYPE_CHECKING:
    from echo.auth.api_keys import ApiKeyService
    from echo.auth.service import AuthService
    from echo.auth.standing import Standing
    from echo.auth.two_factor import TwoFactorService
    from echo.auth.user_keys import KeyService
    from echo.background import Background
    from echo.chat.service import ChatService
    from echo.completions.service import CompletionService
    from echo.contract.document import Contract
    from echo.files import FileStore
    from echo.providers.catalog import Catalog
    from echo.providers.chat import Providers
    from echo.providers.moderation import Moderation
    from echo.providers.titles import TitleService
    from echo.readiness import Readiness
    from echo.searches import Searches
    from echo.speech import Transcriber
    from echo.startup import Startup
    from echo.transfer.service import TransferService


@dataclass(frozen=True)
class Caller:
    """The authenticated user of a request: in a session, or with an API key, of which this is the hash."""

    id: str
    session_id: str
    email: str
    username: str
    provider: str
    role: str
    key_hash: str = field(default="", repr=False)


@dataclass(frozen=True)
class ClientInfo:
    """Where a request came from: the address behind trusted proxies, and whether it came over TLS."""

    address: str
    secure: bool


@dataclass(frozen=True)
class Services:
    """Everything that a handler may use, made once per process by the composition root."""

    settings: Settings
    startup: "Startup"
    contract: "Contract"
    users: UserRepository
    conversations: ConversationRepository
    messages: MessageRepository
    threads: ThreadRepository
    presets: PresetRepository
    files: FileRepository
    assistants: AssistantRepository
    auth: "AuthService"
    searches: "Searches"
    standing: "Standing"
    two_factor: "TwoFactorService"
    api_keys: "ApiKeyService"
    keys: "KeyService"
    completions: "CompletionService"
    catalog: "Catalog"
    chat: "ChatService"
    providers: "Providers"
    moderation: "Moderation"
    titles: "TitleService"
    transcriber: "Transcriber"
    transfers: "TransferService"
    file_store: "FileStore"
    background: "Background"
    count_tokens: Callable[[str], int]
    readiness: "Readiness"
