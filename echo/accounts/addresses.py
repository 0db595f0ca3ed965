"""Another e-mail address for one's own account."""

from echo.accounts import letters
from echo.accounts.new_account import normalize_email
from echo.accounts.passwords import mark_of_password, verify_password
from echo.accounts.two_factor import Proof, TwoFactorService
from echo.accounts.writing import has_password
from echo.errors import Forbidden
from echo.handling.caller import Caller
from echo.mail import Post
from echo.settings import Settings
from echo.settings.overrides import SettingsOf
from storage.accounts.users import UserRepository


class AddressChange:
    """Asks for another address, which the account has once a link that is sent there was opened."""

    def __init__(
        self,
        settings: Settings,
        users: UserRepository,
        two_factor: TwoFactorService,
        post: Post,
        *,
        live: SettingsOf,
    ) -> None:
        self._live = live
        self._settings = settings
        self._users = users
        self._two_factor = two_factor
        self._post = post

    def request(self, caller: Caller, email: str, password: str, proof: Proof) -> None:
        """Have a link sent to the new address; nothing tells whether somebody has it already.

        Raises `Forbidden` where that is switched off, or no mail is sent, where the account has no password or
        another one, where its second factor is not proved, and for a domain that is not allowed; `InvalidRequest`
        for what is no address; `ServiceUnavailable`.
        """
        if not (self._settings.allow_email_change and self._post.works):
            raise Forbidden(
                "E-mail addresses cannot be changed on this server.", code="email_change_disabled"
            )
        user = self._users.get(caller.id)
        hashed = user.get("password") if has_password(user) else None
        if not verify_password(password, hashed):
            raise Forbidden("That needs the password of the account.", code="password_refused")
        address = normalize_email(email)
        domains = self._live(None).allowed_domains
        if domains and address.rpartition("@")[2] not in domains:
            raise Forbidden("Addresses of that domain cannot be used here.", code="domain_not_allowed")
        self._two_factor.demand(caller.id, proof)
        # Who took the account over with the password shall not keep it by a link, once there is another password.
        mark = mark_of_password(user.get("password"))
        self._post.put(letters.CHANGE, address, owner=caller.id, once=True, mark=mark)
