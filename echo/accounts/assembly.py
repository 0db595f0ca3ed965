"""How the parts of accounts fit together; called by the composition root."""

from dataclasses import dataclass
from datetime import timedelta

from echo.accounts.addresses import AddressChange
from echo.accounts.api_keys import ApiKeyGuard, ApiKeyService
from echo.accounts.deletion import AccountDeletion
from echo.accounts.erasure import AccountEraser
from echo.accounts.federation.assembly import build_federation, build_panel_logins
from echo.accounts.federation.directory_assembly import build_directory
from echo.accounts.federation.panel import PanelLogins
from echo.accounts.federation.service import Federation
from echo.accounts.letters import TAKEN
from echo.accounts.links import Links
from echo.accounts.own_account import OwnAccount
from echo.accounts.own_data import OwnData
from echo.accounts.passkeys import Passkeys
from echo.accounts.plugin_keys import PluginKeys
from echo.accounts.recovery import Recovery, RecoveryStores
from echo.accounts.security import Security
from echo.accounts.service import AuthService
from echo.accounts.sessions import SessionGuard
from echo.accounts.standing import Standing
from echo.accounts.tokens import Tokens
from echo.accounts.two_factor import TwoFactorService
from echo.accounts.user_keys import KeyService, make_cipher
from echo.accounts.violations import Violations, ViolationStores
from echo.accounts.writing import AccountWriter, Notices
from echo.files import FileStore
from echo.indexing.assembly import forgetting
from echo.mail import Post, build_sender
from echo.settings import Settings
from storage.accounts.administrators import AdministratorRepository
from storage.accounts.api_keys import ApiKeyRepository
from storage.accounts.bans import BanRepository
from storage.accounts.invitations import InvitationRepository
from storage.accounts.keys import KeyRepository
from storage.accounts.link_tokens import LinkTokenRepository
from storage.accounts.mails import MailRepository
from storage.accounts.passkeys import ChallengeRepository, PasskeyRepository
from storage.accounts.plugin_auths import PluginAuthRepository
from storage.accounts.preferences import PreferenceRepository
from storage.accounts.sessions import SessionRepository
from storage.accounts.tool_favorites import ToolFavoriteRepository
from storage.accounts.two_factor import TwoFactorRepository, UsedCodeRepository
from storage.accounts.users import UserRepository
from storage.accounts.violations import ViolationRepository
from storage.core.database import Database
from storage.operator.account_data import AccountData
from storage.runs.runs import RunRepository

# Who tries to register with somebody's address again and again sends one mail an hour.
KEPT = {TAKEN: timedelta(hours=1)}


@dataclass(frozen=True)
class Accounts:
    """Who users are and what lets them in.

    `security` checks what requests bring, `standing` whether a caller may still be here, and `violations` bans who
    keeps going over limits. `keys` are the provider keys that users bring, `plugin_keys` what they bring for tools,
    `api_keys` those that Echo gives to programs. `post` sends mail, and `notices` are mails about what was done;
    `recovery` is what mails have links for.
    """

    addresses: AddressChange
    api_keys: ApiKeyService
    auth: AuthService
    deletion: AccountDeletion
    federation: Federation
    keys: KeyService
    notices: Notices
    post: Post
    own_account: OwnAccount
    own_data: OwnData
    panel_logins: PanelLogins
    passkeys: Passkeys
    plugin_keys: PluginKeys
    preferences: PreferenceRepository
    recovery: Recovery
    tool_favorites: ToolFavoriteRepository
    security: Security
    standing: Standing
    tokens: Tokens
    two_factor: TwoFactorService
    users: UserRepository
    violations: Violations


def build_accounts(settings: Settings, database: Database, file_store: FileStore) -> Accounts:
    """The parts behind the operations and the security schemes; nothing is contacted.

    The settings must have both signing keys.
    """
    users, sessions, bans = UserRepository(database), SessionRepository(database), BanRepository(database)
    tokens = make_tokens(settings)
    guard = SessionGuard(sessions)
    api_keys = ApiKeyGuard(ApiKeyRepository(database), users, bans)
    standing = Standing(guard, api_keys)
    violations = Violations(
        settings, ViolationStores(ViolationRepository(database), bans, sessions, RunRepository(database))
    )
    cipher = make_cipher(settings)
    links = Links(LinkTokenRepository(database), settings.domain_client)
    post = build_post(settings, database, AccountWriter(settings, users, links))
    notices = Notices(users, post)
    two_factor = TwoFactorService(
        TwoFactorRepository(database),
        UsedCodeRepository(database),
        cipher,
        issuer=settings.app_title,
        notices=notices,
    )
    preferences = PreferenceRepository(database)
    own_account = OwnAccount(
        users, sessions, guard, two_factor, min_password_length=settings.min_password_length, notices=notices
    )
    auth = AuthService(
        settings,
        tokens,
        users=users,
        sessions=sessions,
        bans=bans,
        invitations=InvitationRepository(database),
        guard=guard,
        two_factor=two_factor,
        violations=violations,
        post=post,
        credentials=build_directory(settings, database),
    )
    federation = build_federation(settings, database, auth, file_store)
    passkeys = PasskeyRepository(database)
    stores = RecoveryStores(users, sessions, ApiKeyRepository(database), passkeys)
    return Accounts(
        addresses=AddressChange(settings, users, two_factor, post),
        api_keys=ApiKeyService(ApiKeyRepository(database), api_keys),
        auth=auth,
        deletion=AccountDeletion(
            AccountEraser(database, file_store, forget=forgetting(settings, database, file_store)),
            AdministratorRepository(database),
            two_factor,
            allowed=settings.allow_account_deletion,
        ),
        federation=federation,
        keys=KeyService(KeyRepository(database), settings.providers, cipher),
        notices=notices,
        post=post,
        own_account=own_account,
        own_data=OwnData(AccountData(database), file_store),
        panel_logins=build_panel_logins(settings, database, auth, tokens),
        passkeys=Passkeys(
            passkeys,
            ChallengeRepository(database),
            users,
            site=settings.domain_client,
            title=settings.app_title,
            notices=notices,
        ),
        plugin_keys=PluginKeys(
            PluginAuthRepository(database), preferences, cipher, settings.tools.search.names
        ),
        preferences=preferences,
        recovery=Recovery(
            settings, stores, links, post, notices=notices, refuse_banned=auth.refuse_banned_address
        ),
        tool_favorites=ToolFavoriteRepository(database),
        security=Security(tokens, standing, api_keys, metrics_secret=settings.metrics_secret),
        standing=standing,
        tokens=tokens,
        two_factor=two_factor,
        users=users,
        violations=violations,
    )


def build_post(settings: Settings, database: Database, writer: AccountWriter) -> Post:
    """What sends mail by these settings, or nothing."""
    sender = build_sender(settings.mail) if settings.mail else None
    return Post(MailRepository(database), settings.mail, sender, writer, kept=KEPT)


def make_tokens(settings: Settings) -> Tokens:
    """What makes and reads tokens with these settings."""
    return Tokens(
        str(settings.jwt_secret),
        str(settings.jwt_refresh_secret),
        settings.session_seconds,
        settings.refresh_seconds,
    )
