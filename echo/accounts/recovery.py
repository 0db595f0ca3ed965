"""What mail is for: proving that an address is one's own, and setting another password."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import unquote

from echo.accounts import letters
from echo.accounts.links import Links
from echo.accounts.passwords import check_new_password, hash_password, mark_of_password
from echo.accounts.writing import Notices, has_password
from echo.errors import Forbidden, InvalidRequest
from echo.handling.caller import ClientInfo
from echo.mail import Post
from echo.settings import Settings
from storage.accounts.api_keys import ApiKeyRepository
from storage.accounts.passkeys import PasskeyRepository
from storage.accounts.sessions import SessionRepository
from storage.accounts.users import UserRepository
from storage.core.errors import Conflict, NotFound

# Of a link that verifies; that of a new address holds the account's id as well.
LONGEST_TOKEN = 64


@dataclass(frozen=True)
class RecoveryStores:
    """What a new password touches."""

    users: UserRepository
    sessions: SessionRepository
    api_keys: ApiKeyRepository
    passkeys: PasskeyRepository


class Recovery:
    """What the operations of links in mails do. No answer, nor its time, tells whether an address has an account."""

    def __init__(
        self,
        settings: Settings,
        stores: RecoveryStores,
        links: Links,
        post: Post,
        *,
        notices: Notices,
        refuse_banned: Callable[[ClientInfo], None],
    ) -> None:
        self._settings = settings
        self._stores = stores
        self._links = links
        self._post = post
        self._notices = notices
        self._refuse_banned = refuse_banned

    def request_reset(self, client: ClientInfo, email: str) -> None:
        """Have a link sent to an address, if there is an account with a password.

        Raises `Forbidden` where that is switched off, or no mail is sent, or the client's address is banned;
        `ServiceUnavailable`.
        """
        if not (self._settings.allow_password_reset and self._post.works):
            raise Forbidden(
                "Passwords cannot be reset by mail on this server.", code="password_reset_disabled"
            )
        self._refuse_banned(client)
        self._post.put(letters.RESET, plain(email), once=True)

    def reset(self, client: ClientInfo, *, owner: str, token: str, password: str) -> None:
        """Set another password by a link's token; all sessions of the account end, and its passkeys go.

        Raises `InvalidRequest` for a token that is wrong, used or too old, and for a password that is refused, after
        which the token is still good; `Forbidden` where the client's address is banned.
        """
        self._refuse_banned(client)
        check_new_password(password, minimum=self._settings.min_password_length)
        stored = self._links.redeem_reset(owner, token)
        if stored is None:
            raise _invalid()
        try:
            user = self._stores.users.get(owner)
            self._stores.users.set_password(owner, hash_password(password))
        except NotFound as error:
            raise _invalid() from error
        self._stores.sessions.delete_all(owner)
        # They stand for the password: whoever knew that one may have made one of these with it.
        self._stores.passkeys.delete_all(owner)
        if not user.get("emailVerified") and stored.get("email") == user.get("email"):
            # Who got the link reads the address's mail. Who was here before may have been somebody else.
            self._stores.api_keys.delete_all(owner)
            self._stores.users.set_verified(owner)
        self._notices.tell(owner, letters.PASSWORD_CHANGED)

    def resend_verification(self, client: ClientInfo, email: str) -> None:
        """Have another link sent to an address, if its account has not proved it yet.

        Raises `Forbidden` where no mail is sent, or the client's address is banned; `ServiceUnavailable`.
        """
        if not self._post.works:
            raise Forbidden("This server sends no mail.", code="mail_disabled")
        self._refuse_banned(client)
        self._post.put(letters.VERIFY, plain(email), once=True)

    def verify(self, client: ClientInfo, *, email: str, token: str) -> None:
        """Take a link's token as proof of an address; the account then stays, and can be logged in to.

        Raises `InvalidRequest` for a token that is wrong, used or too old; `Forbidden` where the client's address is
        banned.
        """
        self._refuse_banned(client)
        if len(token) > LONGEST_TOKEN:
            self._change(plain(email), token)
            return
        user = self._stores.users.find_by_email(plain(email))
        if not self._links.redeem_verification(user, token) or user is None:
            raise _invalid()
        with suppress(NotFound):
            self._stores.users.set_verified(str(user["_id"]))

    def _change(self, email: str, token: str) -> None:
        stored = self._links.redeem_change(email, token)
        if stored is None:
            raise _invalid()
        owner = str(stored["userId"])
        try:
            user = self._stores.users.get(owner)
            before = user.get("email")
            if not has_password(user) or stored.get("mark") != mark_of_password(user.get("password")):
                # It was asked for with another password than the account has now.
                raise _invalid()
            self._links.void(owner)
            self._stores.users.set_email(owner, email)
        except (Conflict, NotFound) as error:
            raise _invalid() from error
        if isinstance(before, str) and before:
            self._post.notify(letters.ADDRESS_CHANGED, before)


def plain(email: str) -> str:
    """An address as it is stored. LibreChat takes one that is still encoded as in the link, too."""
    return (email if "@" in email else unquote(email)).strip().lower()


def _invalid() -> InvalidRequest:
    return InvalidRequest("The link is wrong, was used already, or is too old.", code="invalid_link")
