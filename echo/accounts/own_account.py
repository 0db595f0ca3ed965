"""What users do with their own accounts: names, password, sessions."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from echo.accounts.letters import PASSWORD_CHANGED
from echo.accounts.passwords import check_new_password, hash_password, verify_password
from echo.accounts.sessions import SessionGuard
from echo.accounts.two_factor import Proof, TwoFactorService
from echo.accounts.writing import Notices
from echo.errors import Conflict, Forbidden
from echo.handling.caller import Caller
from storage.accounts.sessions import SessionRepository
from storage.accounts.users import UserRepository
from storage.core.errors import NotFound

Document = dict[str, Any]
# So long after a login it stands for the password of an account that has none.
FRESH = timedelta(minutes=5)


class OwnAccount:
    """Each method is for the caller's own account."""

    def __init__(
        self,
        users: UserRepository,
        sessions: SessionRepository,
        guard: SessionGuard,
        two_factor: TwoFactorService,
        *,
        min_password_length: int,
        notices: Notices,
    ) -> None:
        self._users = users
        self._sessions = sessions
        self._guard = guard
        self._two_factor = two_factor
        self._min_password_length = min_password_length
        self._notices = notices

    def rename(self, caller: Caller, changes: Mapping[str, str]) -> Document:
        """Change `name`, `username` or both; the account. A user name is kept in lower case, as at registration."""
        lowered = {"username": changes["username"].lower()} if "username" in changes else {}
        return self._users.rename(caller.id, {**changes, **lowered})

    def change_password(self, caller: Caller, current: str, new: str, proof: Proof) -> int:
        """Set another password, by the one before and the second factor; how many other sessions ended.

        Raises `Forbidden` (`password_refused`, `code_refused`), `InvalidRequest` for a password that is refused, and
        `Conflict` (`no_password`) for an account that others let in, `ServiceUnavailable`.
        """
        user = self._users.get(caller.id)
        if not user.get("password"):
            raise Conflict(
                "This account has no password: it logs in through another service.", code="no_password"
            )
        self._check_password(user, current)
        check_new_password(new, minimum=self._min_password_length)
        self._two_factor.demand(caller.id, proof)
        # The sessions after it: one that began with the old password in between has seen it change, or is ended.
        if not self._users.change_password(caller.id, user["password"], hash_password(new)):
            raise _password_refused()
        ended = self.end_others(caller)
        self._notices.tell(caller.id, PASSWORD_CHANGED)
        return ended

    def demand_password(self, caller: Caller, password: str | None) -> None:
        """Raise `Forbidden` (`password_refused`) for another password than the account's.

        Of an account without one a fresh login is asked for (`login_too_old`), and nothing here of one with a second
        factor: that is asked for instead.
        """
        user = self._users.get(caller.id)
        if user.get("twoFactorEnabled"):
            return
        if user.get("password"):
            self._check_password(user, password or "")
        else:
            self._demand_fresh(caller)

    def demand_login(self, caller: Caller) -> None:
        """Raise `Forbidden` (`login_too_old`) unless there is a second factor or the session has just begun.

        For clients that send no password: an access token alone, which may be stolen, is not enough.
        """
        if not self._users.get(caller.id).get("twoFactorEnabled"):
            self._demand_fresh(caller)

    def _demand_fresh(self, caller: Caller) -> None:
        begun = self._sessions.get(caller.id, caller.session_id).get("createdAt")
        # Sessions of LibreChat's do not say when they began.
        if not isinstance(begun, datetime) or datetime.now(UTC) - begun > FRESH:
            raise Forbidden(
                "That needs a fresh login: log in again, then try once more.", code="login_too_old"
            )

    def demand_proof(self, caller: Caller, password: str | None, proof: Proof) -> None:
        """Raise `Forbidden` (`password_refused`, `code_refused`, `login_too_old`) for anybody but the account's user.

        A code is asked for where there is a second factor, else the password, else a login of just now.
        """
        self.demand_password(caller, password)
        self._two_factor.demand(caller.id, proof)

    def sessions(self, caller: Caller) -> Sequence[Document]:
        """The account's sessions, the last used first; each with `current`."""
        return [
            {**each, "current": str(each["_id"]) == caller.session_id}
            for each in self._sessions.list(caller.id)
        ]

    def end_session(self, caller: Caller, session_id: str) -> None:
        """End a session of the account's. Raises `NotFound`."""
        if not self._sessions.delete(caller.id, session_id):
            raise NotFound
        self._guard.forget(caller.id, session_id)

    def end_others(self, caller: Caller) -> int:
        """End every session but the caller's; how many there were."""
        ended = self._sessions.delete_others(caller.id, caller.session_id)
        self._guard.forget_others(caller.id, caller.session_id)
        return ended

    @staticmethod
    def _check_password(user: Mapping[str, Any], password: str) -> None:
        if not verify_password(password, user.get("password")):
            raise _password_refused()


def _password_refused() -> Forbidden:
    return Forbidden("That needs the account's password.", code="password_refused")
