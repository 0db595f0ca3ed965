"""Accounts of the `users` collection whose owners come in by another server, such as an OpenID provider.

Which account it is says that server's id of the user, the subject: LibreChat keeps it in a field for each kind of
server, and for OpenID beside it the issuer, without which a subject means nothing.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from pymongo import ASCENDING, ReturnDocument
from pymongo.operations import IndexModel

from storage.accounts.users import new_user
from storage.core.database import Document
from storage.core.errors import InvalidDocument
from storage.core.repository import Repository, found, now, owner_id
from storage.core.translation import translated

OPENID = "openid"
# Where LibreChat keeps the subject, by its names of the servers (`provider` of a user).
SUBJECTS = {
    "google": "googleId",
    "facebook": "facebookId",
    OPENID: "openidId",
    "saml": "samlId",
    "ldap": "ldapId",
    "github": "githubId",
    "discord": "discordId",
    "apple": "appleId",
}
# LibreChat's older versions kept no issuer; `None` also matches where there is no such field.
NONE = {"$in": [None, ""]}
CHANGEABLE = frozenset(
    {"name", "username", "email", "emailVerified", "idOnTheSource", "openidIssuer", "role", "avatar"}
)


def _unique(field: str, *further: str) -> IndexModel:
    keys = [(each, ASCENDING) for each in (field, *further, "tenantId")]
    return IndexModel(keys, unique=True, background=True, partialFilterExpression={field: {"$exists": True}})


class FederatedUserRepository(Repository):
    """Accounts by provider and subject. There is no owner yet: who logs in is only just being found."""

    collection_name: ClassVar[str] = "users"
    indexes: ClassVar[tuple[IndexModel, ...]] = tuple(
        _unique(field, *(("openidIssuer",) if provider == OPENID else ()))
        for provider, field in SUBJECTS.items()
    )

    def find(self, provider: str, subject: str, issuer: str | None = None) -> Document | None:
        """The account of a subject, None if there is none.

        With an issuer it is that issuer's account, or else one that was made before issuers were kept.
        """
        query: Document = {SUBJECTS[provider]: subject}
        if issuer is None:
            return self._first(query)
        return self._first({**query, "openidIssuer": issuer}) or self._first({**query, "openidIssuer": NONE})

    def _first(self, query: Document) -> Document | None:
        try:
            with translated():
                # As for addresses: of several tenants' the one without a tenant.
                return self._collection.find_one(query, sort=[("tenantId", ASCENDING)])
        except InvalidDocument:
            # Not even text that MongoDB could hold.
            return None

    def create(
        self,
        *,
        provider: str,
        subject: str,
        issuer: str | None,
        fields: Mapping[str, Any],
    ) -> Document:
        """Insert an account without a password; `fields` has at least name, username and email.

        Raises `Conflict` for an address or a subject that is taken.
        """
        user = new_user(
            name=fields["name"], email=fields["email"], username=fields["username"], password_hash=""
        )
        del user["password"]
        user |= {"provider": provider, SUBJECTS[provider]: subject, **_changeable(fields)}
        if issuer is not None:
            user["openidIssuer"] = issuer
        with translated():
            self._collection.insert_one(user)
        return user

    def bind(self, owner: str, provider: str, subject: str, issuer: str | None) -> Document | None:
        """Give an account of this provider its subject, if it has none; None if it has got one, or is another's.

        Raises `Conflict` for a subject that is taken.
        """
        field = SUBJECTS[provider]
        change: Document = {field: subject, "updatedAt": now()}
        if issuer is not None:
            change["openidIssuer"] = issuer
        with translated():
            return self._collection.find_one_and_update(
                {"_id": owner_id(owner), "provider": provider, field: NONE},
                {"$set": change},
                return_document=ReturnDocument.AFTER,
            )

    def update(self, owner: str, fields: Mapping[str, Any]) -> Document:
        """Change what the other server says of the user; raises `NotFound`, and `Conflict` for a taken address."""
        with translated():
            changed = self._collection.find_one_and_update(
                {"_id": owner_id(owner)},
                {"$set": {**_changeable(fields), "updatedAt": now()}},
                return_document=ReturnDocument.AFTER,
            )
        return found(changed)


def _changeable(fields: Mapping[str, Any]) -> Document:
    return {name: value for name, value in fields.items() if name in CHANGEABLE}
