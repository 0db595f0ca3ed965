"""An account that its own user removes."""

from echo.accounts.erasure import AccountEraser
from echo.accounts.two_factor import Proof, TwoFactorService
from echo.errors import Conflict, Forbidden
from echo.handling.caller import Caller
from storage.accounts.preferences import PreferenceRepository


class AccountDeletion:
    """Removes an account at its user's own word, where the operator allows it (`ALLOW_ACCOUNT_DELETION`)."""

    def __init__(
        self,
        eraser: AccountEraser,
        preferences: PreferenceRepository,
        two_factor: TwoFactorService,
        *,
        allowed: bool,
    ) -> None:
        self._eraser = eraser
        self._preferences = preferences
        self._two_factor = two_factor
        self._allowed = allowed

    def delete(self, caller: Caller, proof: Proof) -> None:
        """Remove the account with everything that is its own; takes some seconds while it is in use elsewhere.

        Raises `Forbidden` where that is switched off, or where the account's second factor is not proved; `Conflict`
        for the last administrator while there are other users; `ServiceUnavailable`.
        """
        if not self._allowed:
            raise Forbidden("Users cannot delete their accounts on this server.", code="deletion_disabled")
        if self._preferences.is_last_administrator(caller.id):
            raise Conflict(
                "You are the only administrator. Give somebody else that role first.",
                code="last_administrator",
            )
        self._two_factor.demand(caller.id, proof)
        self._eraser.erase(caller.id)
