"""Renaming and removing roles, which users, grants, rights and overrides name."""

from pymongo.client_session import ClientSession

from storage.access.principals import ROLE
from storage.accounts.users import USER
from storage.core.database import Database, Document
from storage.core.repository import found, now

# Where a role is named by its name, besides in users.
NAMED = ("systemgrants", "aclentries", "configs")


class RoleChanges:
    """Changes a role wherever it is named: in one transaction where there are any.

    Without transactions the role itself changes first or goes last: what is cut short leaves users with a role that
    allows nothing, never with one that allows more.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def rename(self, name: str, new_name: str) -> Document:
        """Call a role otherwise; the role. Raises `NotFound`, and `Conflict` where the new name is taken."""

        def work(session: ClientSession | None) -> Document:
            collection = self._database.collection
            of_the_role = {"name": name, "tenantId": None}
            found(
                collection("roles").find_one_and_update(
                    of_the_role, {"$set": {"name": new_name}}, session=session
                )
            )
            for each in NAMED:
                # What an older role of that name had left is nobody's.
                collection(each).delete_many(_principal(new_name), session=session)
                collection(each).update_many(
                    _principal(name), {"$set": {"principalId": new_name}}, session=session
                )
            moved = {"$set": {"role": new_name, "updatedAt": now()}}
            collection("users").update_many({"role": name}, moved, session=session)
            return found(collection("roles").find_one({"name": new_name, "tenantId": None}, session=session))

        return self._database.atomically(work)

    def delete(self, name: str) -> list[str]:
        """Remove a role, whose users become plain ones; the capabilities that it had. Raises `NotFound`."""

        def work(session: ClientSession | None) -> list[str]:
            collection = self._database.collection
            of_the_role = {"name": name, "tenantId": None}
            found(collection("roles").find_one(of_the_role, {"_id": 1}, session=session))
            plain = {"$set": {"role": USER, "updatedAt": now()}}
            collection("users").update_many({"role": name}, plain, session=session)
            grants = list(collection("systemgrants").find(_principal(name), session=session))
            for each in NAMED:
                collection(each).delete_many(_principal(name), session=session)
            collection("roles").delete_one(of_the_role, session=session)
            return [str(grant["capability"]) for grant in grants if grant.get("capability")]

        return self._database.atomically(work)


def _principal(name: str) -> Document:
    return {"principalType": ROLE, "principalId": name}
