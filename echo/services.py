"""What handlers work with: the services of one application and the caller of one request."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from echo.settings import Settings
from storage.accounts.users import UserRepository
from storage.conversations.conversations import ConversationRepository
from storage.conversations.messages import MessageRepository
from storage.conversations.threads import ThreadRepository
from storage.library.assistants import AssistantRepository
from storage.library.files import FileRepository
from storage.library.presets import PresetRepository

if TYPE_CHECKING:
    from echo.accounts.api_keys import ApiKeyService
    from echo.accounts.service import AuthService
    from echo.accounts.standing import Standing
    from echo.accounts.two_factor import TwoFactorService
    from echo.accounts.user_keys import KeyService
    from echo.background import Background
    from echo.chat.service import ChatService
    from echo.completions.service import CompletionService
    from echo.contract.document import Contract
    from echo.conversations.searches import Searches
    from echo.files import FileStore
    from echo.observation.readiness import Readiness
    from echo.providers.catalog import Catalog
    from echo.providers.chat import Providers
    from echo.providers.moderation import Moderation
    from echo.providers.titles import TitleService
    from echo.settings.startup import Startup
    from echo.speech import Transcriber
    from echo.transfer.service import TransferService


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
