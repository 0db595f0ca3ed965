"""How a directory is put in the place of stored passwords; called by the assembly of accounts."""

from echo.accounts.credentials import Credentials
from echo.accounts.federation.accounts import FederatedAccounts
from echo.settings import Settings
from storage.access.directory_groups import DirectoryGroupRepository
from storage.access.roles import RoleRepository
from storage.accounts.administrators import AdministratorRepository
from storage.accounts.federated_users import FederatedUserRepository
from storage.accounts.users import UserRepository
from storage.core.database import Database


def build_directory(settings: Settings, database: Database) -> Credentials | None:
    """The directory of the settings, None without one; nothing is contacted."""
    if settings.ldap is None:
        return None
    # Imported here: the `[ldap]` extra may not be installed.
    from echo.accounts.federation.directory import DirectoryCredentials  # noqa: PLC0415

    accounts = FederatedAccounts(
        UserRepository(database),
        FederatedUserRepository(database),
        DirectoryGroupRepository(database),
        RoleRepository(database),
        AdministratorRepository(database),
        allowed_domains=settings.allowed_domains,
    )
    return DirectoryCredentials(settings.ldap, accounts)
