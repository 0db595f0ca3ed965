"""An account that its own user removes, or an administrator."""

from echo.accounts.erasure import AccountEraser
from echo.accounts.two_factor import Proof, TwoFactorService
from echo.errors import Forbidden
from echo.handling.caller import Caller
from storage.accounts.administrators import AdministratorRepository


class AccountDeletion:
    """Removes accounts; at their users' own word where the operator allows it (`ALLOW_ACCOUNT_DELETION`)."""

    def __init__(
        self,
        eraser: AccountEraser,
        administrators: AdministratorRepository,
        two_factor: TwoFactorService,
        *,
        allowed: bool,
    ) -> None:
        self._eraser = eraser
        self._administrators = administrators
        self._two_factor = two_factor
        self._allowed = allowed

    def delete(self, caller: Caller, proof: Proof) -> None:
        """Remove the account with everything that is its own; takes some seconds while it is in use elsewhere.

        Raises `Forbidden` where that is switched off, or where the account's second factor is not proved;
        `storage.core.errors.LastAdministrator` for the last administrator while there are other users.
        """
        if not self._allowed:
            raise Forbidden("Users cannot delete their accounts on this server.", code="deletion_disabled")
        self._two_factor.demand(caller.id, proof)
        self.remove(caller.id)

    def remove(self, owner: str) -> None:
        """Remove an account at somebody else's word, who may do so; raises `LastAdministrator` as `delete`.

        Raises `ServiceUnavailable`, and has done nothing, where a service with files is away.
        """
        self._eraser.demand_services()
        # First, and one after the other: of two administrators who go at the same time one must stay.
        self._administrators.step_down(owner)
        self._eraser.erase(owner)
