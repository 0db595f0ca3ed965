"""From the outbox to letters: whose an address is, is looked up when a mail is written, not when it is asked for.

So a request for a link does the same, and takes the same time, for any address.
"""

from collections.abc import Mapping
from typing import Any

from echo.accounts import letters
from echo.accounts.links import MINUTES, Links
from echo.mail import Letter, Post
from echo.settings import Settings
from storage.accounts.mails import Mail
from storage.accounts.users import UserRepository
from storage.core.errors import NotFound


class AccountWriter:
    """Writes the letters about accounts; called in a thread."""

    def __init__(self, settings: Settings, users: UserRepository, links: Links) -> None:
        self._title = settings.app_title
        self._client = settings.domain_client
        self._users = users
        self._links = links

    def __call__(self, mail: Mail) -> Letter | None:
        """The letter of a mail, with a new link where it needs one; None where nobody is to get it."""
        if mail.kind in letters.NOTICES:
            return letters.NOTICES[mail.kind](self._title)
        user = self._users.find_by_email(mail.to)
        if mail.kind == letters.CHANGE and mail.owner and user is None:
            return letters.change(self._title, self._links.change(mail.owner, mail.to, mail.mark), MINUTES)
        if user is None:
            return None
        if mail.kind == letters.RESET and has_password(user):
            link = self._links.reset(str(user["_id"]), email=mail.to)
            return letters.reset(self._title, link, MINUTES)
        if mail.kind == letters.VERIFY and not user.get("emailVerified"):
            link = self._links.verification(str(user["_id"]), mail.to)
            return letters.verification(self._title, link, MINUTES)
        # Also where somebody wants the address of another: who asks does not learn that it is one's.
        told = mail.kind in {letters.TAKEN, letters.CHANGE}
        return letters.taken(self._title, self._client) if told else None


class Notices:
    """Tells users of what was done to their accounts, where mail is sent."""

    def __init__(self, users: UserRepository, post: Post) -> None:
        self._users = users
        self._post = post

    def tell(self, owner: str, kind: str) -> None:
        """Have a notice sent to the user's address; nothing for one who is gone."""
        if not self._post.works:
            return
        try:
            address = self._users.get(owner).get("email")
        except NotFound:
            return
        if isinstance(address, str) and address:
            self._post.notify(kind, address)


def has_password(user: Mapping[str, Any]) -> bool:
    """Whether the account is one that is logged in to by password: others are the business of where they are from."""
    return (user.get("provider") or "local") == "local" and bool(user.get("password"))
