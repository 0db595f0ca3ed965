"""How the ways in by others fit together; called by the assembly of accounts."""

from collections.abc import Callable
from dataclasses import replace

from echo.accounts.federation.accounts import FederatedAccounts
from echo.accounts.federation.attempts import Attempts
from echo.accounts.federation.delegation import Delegations
from echo.accounts.federation.fetching import Fetcher, host_and_port
from echo.accounts.federation.identity import Policy
from echo.accounts.federation.panel import PanelCodes, PanelLogins, Sessions
from echo.accounts.federation.portraits import Portraits
from echo.accounts.federation.provider import Provider
from echo.accounts.federation.roles import RoleSync
from echo.accounts.federation.service import Federation, Organisation
from echo.accounts.service import AuthService
from echo.accounts.tokens import Tokens
from echo.accounts.turns import Turns
from echo.accounts.user_keys import make_cipher
from echo.files import FileStore
from echo.settings import Settings
from echo.settings.librechat.mcp import has_mcp
from echo.settings.overrides import SettingsOf
from echo.settings.sign_in import PanelSettings, SignInSettings, SocialSettings
from storage.access.directory_groups import DirectoryGroupRepository
from storage.access.roles import RoleRepository
from storage.accounts.administrators import AdministratorRepository
from storage.accounts.federated_users import FederatedUserRepository
from storage.accounts.login_states import LoginStateRepository
from storage.accounts.openid_tokens import OpenIdTokenRepository
from storage.accounts.renewals import RenewalRepository
from storage.accounts.users import UserRepository
from storage.core.database import Database


def build_federation(
    settings: Settings, database: Database, auth: AuthService, file_store: FileStore, *, live: SettingsOf
) -> Federation:
    """The ways in that the settings have; nothing is contacted."""
    fetcher = Fetcher((*settings.provider_limits.allowed_addresses, *_named(settings.sign_in)))
    organisation = _organisation(settings.sign_in, fetcher)
    users = UserRepository(database)
    return Federation(
        _providers(settings.sign_in, fetcher, organisation),
        _accounts(settings, database, users, live),
        Attempts(LoginStateRepository(database), secure=settings.secure_cookies),
        auth,
        Portraits(fetcher, file_store, users, max_pixels=settings.max_image_pixels),
        delegations=_delegations(settings, database, organisation),
        client_address=settings.domain_client,
        organisation=organisation,
    )


def _delegations(settings: Settings, database: Database, organisation: Organisation | None) -> Delegations:
    """What exchanges users' tokens; only where MCP servers can want that are they kept at all."""
    exchanges = organisation is not None and organisation.exchanges_tokens and has_mcp()
    return Delegations(
        OpenIdTokenRepository(database),
        Turns(RenewalRepository(database)),
        make_cipher(settings),
        organisation if exchanges else None,
    )


def build_panel_logins(
    settings: Settings, database: Database, auth: AuthService, tokens: Tokens, *, live: SettingsOf
) -> PanelLogins:
    """The same ways in for the admin panel, to which browsers come back by another address; nothing is contacted."""
    sign_in, panel = settings.sign_in, settings.sign_in.panel
    users, states = UserRepository(database), LoginStateRepository(database)
    providers: dict[str, Provider] = {}
    if panel:
        fetcher = Fetcher((*settings.provider_limits.allowed_addresses, *_named(sign_in)))
        moved = _for_panel(sign_in, panel)
        providers = _providers(moved, fetcher, _organisation(moved, fetcher))
    return PanelLogins(
        providers,
        _accounts(settings, database, users, live),
        Attempts(states, secure=settings.secure_cookies),
        PanelCodes(states),
        Sessions(auth, tokens, users),
        panel=panel,
    )


def _for_panel(sign_in: SignInSettings, panel: PanelSettings) -> SignInSettings:
    openid, saml = sign_in.openid, sign_in.saml
    return replace(
        sign_in,
        openid=replace(openid, callback_url=panel.callback("openid")) if openid else None,
        saml=replace(saml, callback_url=panel.callback("saml")) if saml else None,
        social={
            name: replace(each, callback_url=panel.callback(name)) for name, each in sign_in.social.items()
        },
    )


def _providers(
    sign_in: SignInSettings, fetcher: Fetcher, organisation: Organisation | None
) -> dict[str, Provider]:
    providers = _services(sign_in, fetcher)
    if sign_in.saml:
        # Imported here: the `[saml]` extra may not be installed.
        from echo.accounts.federation.saml import SamlProvider  # noqa: PLC0415

        providers["saml"] = SamlProvider(sign_in.saml)
    if organisation:
        providers[organisation.name] = organisation
    return providers


def _named(sign_in: SignInSettings) -> list[str]:
    """The hosts that the operator has named: these may be anywhere."""
    addresses = [sign_in.openid.issuer] if sign_in.openid else []
    addresses += [each.base_url for each in sign_in.social.values() if each.base_url]
    return [host_and_port(address) for address in addresses]


def _organisation(sign_in: SignInSettings, fetcher: Fetcher) -> Organisation | None:
    if sign_in.openid is None:
        return None
    # Imported here, as below: the `[sso]` extra may not be installed.
    from echo.accounts.federation.openid import OpenIdProvider  # noqa: PLC0415

    return OpenIdProvider(sign_in.openid, fetcher)


def _services(sign_in: SignInSettings, fetcher: Fetcher) -> dict[str, Provider]:
    if not sign_in.social:
        return {}
    from echo.accounts.federation import openid, social  # noqa: PLC0415

    policy = Policy(registers=sign_in.allow_social_registration)
    makers: dict[str, Callable[[SocialSettings], Provider]] = {
        "google": lambda each: openid.google(each, fetcher, policy),
        "apple": lambda each: openid.apple(each, fetcher, policy),
        "github": lambda each: social.github(each, fetcher, policy),
        "discord": lambda each: social.Discord(each, fetcher, policy, social.DISCORD),
        "facebook": lambda each: social.Facebook(each, fetcher, policy, social.FACEBOOK),
    }
    return {name: makers[name](each) for name, each in sign_in.social.items()}


def _accounts(
    settings: Settings, database: Database, users: UserRepository, live: SettingsOf
) -> FederatedAccounts:
    openid = settings.sign_in.openid
    sync = openid.role_sync if openid else None
    return FederatedAccounts(
        users,
        FederatedUserRepository(database),
        DirectoryGroupRepository(database),
        RoleRepository(database),
        AdministratorRepository(database),
        allowed_domains=lambda: live(None).allowed_domains,
        role_sync=RoleSync(sync.priority, sync.fallback) if sync else None,
    )
