"""Rights: the bits of all grants together, for the user, their role, their groups and everybody."""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from bson import ObjectId

from echo.access import DELETE, EDIT, SHARE, VIEW, Access, ResourceType, remembered
from echo.access.assembly import build_access
from echo.access.seeding import seed_access
from echo.errors import Forbidden, NotFound
from echo.handling.caller import Caller
from echo.settings import Settings
from storage.core.commands import Command, Ended
from storage.core.database import Database
from tests.support.database import PreparedDatabase

AGENT, PROMPTS = ResourceType.AGENT, ResourceType.PROMPT_GROUP
Grant = dict[str, Any]
MakeCaller = Callable[..., Caller]


@pytest.fixture
def access(database: Database, settings: Settings) -> Access:
    seed_access(settings, database)
    return build_access(database).access


@pytest.fixture
def make_caller(database: Database) -> MakeCaller:
    """Makes a user with these fields."""

    def make(role: str | None = "USER", **fields: Any) -> Caller:
        user = {"_id": ObjectId(), "email": f"{secrets.token_hex(6)}@example.com", "role": role, **fields}
        database.collection("users").insert_one(user)
        return Caller(str(user["_id"]), "session", "", "", "local", role="USER")

    return make


@pytest.fixture
def grant(database: Database) -> Callable[..., ObjectId]:
    """Stores a grant on a new thing, or on the one that is given, as LibreChat writes it."""

    def make(
        bits: Any, to: Grant, kind: str = "agent", resource: ObjectId | None = None, **more: Any
    ) -> ObjectId:
        resource = resource or ObjectId()
        entry = {"resourceType": kind, "resourceId": resource, "permBits": bits, **to, **more}
        database.collection("aclentries").insert_one(entry)
        return resource

    return make


def to_user(caller: Caller) -> Grant:
    return {"principalType": "user", "principalId": ObjectId(caller.id), "principalModel": "User"}


def to_role(name: str) -> Grant:
    return {"principalType": "role", "principalId": name, "principalModel": "Role"}


def to_group(database: Database, *members: str) -> Grant:
    group = database.collection("groups").insert_one({"name": "a group", "memberIds": list(members)})
    return {"principalType": "group", "principalId": group.inserted_id, "principalModel": "Group"}


TO_ALL: Grant = {"principalType": "public"}


class TestChanges:
    """What has been asked for is remembered in part."""

    def test_a_grant_that_is_taken_is_gone_at_once(
        self, access: Access, make_caller: MakeCaller, grant: Any, database: Database
    ) -> None:
        ada = make_caller()
        resource = grant(1, to_user(ada))
        before = access.bits(ada, AGENT, resource)
        database.collection("aclentries").delete_many({"resourceId": resource})
        assert (before, access.bits(ada, AGENT, resource)) == (1, 0)

    def test_a_group_and_a_role_count_for_three_seconds_more(
        self,
        access: Access,
        make_caller: MakeCaller,
        grant: Any,
        database: Database,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        now = [1000.0]
        monkeypatch.setattr(remembered, "time", SimpleNamespace(monotonic=lambda: now[0]))
        ada = make_caller("STAFF")
        resource = grant(1, to_group(database, ada.id))
        grant(2, to_role("STAFF"), resource=resource)
        bits = [access.bits(ada, AGENT, resource)]
        database.collection("groups").delete_many({"memberIds": ada.id})
        database.collection("users").update_one({"_id": ObjectId(ada.id)}, {"$set": {"role": "USER"}})
        for seconds in (2.9, 0.2):
            now[0] += seconds
            bits.append(access.bits(ada, AGENT, resource))
        assert bits == [3, 3, 0]

    def test_a_user_who_was_not_there_is_not_remembered(
        self, access: Access, make_caller: MakeCaller, database: Database
    ) -> None:
        ada = make_caller()
        user = database.collection("users").find_one_and_delete({"_id": ObjectId(ada.id)})
        assert access.role_of(ada) == ""
        database.collection("users").insert_one(user or {})
        assert access.role_of(ada) == "USER"

    def test_a_check_that_follows_another_is_one_query(
        self, access: Access, make_caller: MakeCaller, grant: Any, prepared_database: PreparedDatabase
    ) -> None:
        commands: list[str] = []

        def watch(command: Command) -> Ended:
            commands.append(command.collection)
            return lambda seconds, error: None

        ada = make_caller()
        resource = grant(1, to_user(ada))
        watched = Database(prepared_database.uri, watchers=[watch])
        its = build_access(watched).access
        its.bits(ada, AGENT, resource)
        commands.clear()
        assert (its.bits(ada, AGENT, resource), commands) == (1, ["aclentries"])
        watched.close()


class TestBits:
    def test_of_a_stranger_are_none(self, access: Access, make_caller: MakeCaller, grant: Any) -> None:
        resource = grant(15, to_user(make_caller()))
        assert access.bits(make_caller(), AGENT, resource) == 0

    def test_come_from_each_kind_of_grant(
        self, access: Access, make_caller: MakeCaller, grant: Any, database: Database
    ) -> None:
        caller = make_caller()
        for to in (to_user(caller), to_role("USER"), to_group(database, "x", caller.id), TO_ALL):
            assert access.bits(caller, AGENT, grant(3, to)) == 3
            assert access.bits(caller, AGENT, str(grant(1, to))) == 1

    def test_are_those_of_all_grants_together(
        self, access: Access, make_caller: MakeCaller, grant: Any, database: Database
    ) -> None:
        caller = make_caller()
        resource = grant(4, to_user(caller))
        grant(1, TO_ALL, resource=resource)
        grant(8, to_group(database, caller.id), resource=resource)
        assert access.bits(caller, AGENT, resource) == 13

    def test_of_another_kind_or_thing_do_not_count(
        self, access: Access, make_caller: MakeCaller, grant: Any
    ) -> None:
        caller = make_caller()
        resource = grant(15, to_user(caller))
        assert access.bits(caller, ResourceType.REMOTE_AGENT, resource) == 0
        assert access.bits(caller, AGENT, ObjectId()) == 0
        assert access.bits(caller, AGENT, "agent_abc") == 0
        assert access.bits(caller, AGENT, "") == 0

    def test_of_another_role_or_group_do_not_count(
        self, access: Access, make_caller: MakeCaller, grant: Any, database: Database
    ) -> None:
        caller = make_caller()
        assert access.bits(caller, AGENT, grant(15, to_role("STAFF"))) == 0
        assert access.bits(caller, AGENT, grant(15, to_role(""))) == 0
        assert access.bits(caller, AGENT, grant(15, to_group(database, "somebody"))) == 0

    def test_of_the_others_that_were_asked_for_before_do_not_count(
        self, access: Access, make_caller: MakeCaller, grant: Any, database: Database
    ) -> None:
        ada, bob, carl = make_caller("STAFF"), make_caller(), make_caller(idOnTheSource="entra-8")
        of_staff = grant(1, to_role("STAFF"))
        of_group = grant(2, to_group(database, ada.id, "entra-8"))
        seen = [[access.bits(who, AGENT, each) for each in (of_staff, of_group)] for who in (ada, bob, carl)]
        assert seen == [[1, 2], [0, 0], [0, 2]]

    def test_go_by_the_role_that_is_stored_and_not_the_tokens(
        self, access: Access, make_caller: MakeCaller, grant: Any, database: Database
    ) -> None:
        resource = grant(3, to_role("STAFF"))
        assert access.bits(make_caller("STAFF"), AGENT, resource) == 3
        assert access.bits(make_caller(None), AGENT, grant(1, to_role("USER"))) == 1

    def test_of_a_member_that_a_directory_names(
        self, access: Access, make_caller: MakeCaller, grant: Any, database: Database
    ) -> None:
        caller = make_caller(idOnTheSource="entra-7")
        assert access.bits(caller, AGENT, grant(1, to_group(database, "entra-7"))) == 1
        assert access.bits(caller, AGENT, grant(1, to_group(database, caller.id))) == 0

    def test_end_with_the_grants_time(self, access: Access, make_caller: MakeCaller, grant: Any) -> None:
        caller, moment = make_caller(), datetime.now(UTC)
        past, later = moment - timedelta(seconds=1), moment + timedelta(hours=1)
        assert access.bits(caller, AGENT, grant(15, to_user(caller), expiredAt=past)) == 0
        assert access.bits(caller, AGENT, grant(15, to_user(caller), expiredAt=later)) == 15
        assert access.bits(caller, AGENT, grant(15, to_user(caller), expiredAt=None)) == 15

    def test_that_are_no_number_are_none(self, access: Access, make_caller: MakeCaller, grant: Any) -> None:
        caller = make_caller()
        assert access.bits(caller, AGENT, grant("15", to_user(caller))) == 0
        assert access.bits(caller, AGENT, grant(3.0, to_user(caller))) == 3

    def test_of_an_administrator_are_all(self, access: Access, make_caller: MakeCaller, grant: Any) -> None:
        assert access.bits(make_caller("ADMIN"), AGENT, grant(1, to_user(make_caller()))) == 15
        assert access.bits(make_caller("ADMIN"), AGENT, "nonsense") == 0

    def test_of_one_who_is_gone_are_the_publics(self, access: Access, grant: Any) -> None:
        gone = Caller(str(ObjectId()), "session", "", "", "local", role="ADMIN")
        assert access.bits(gone, AGENT, grant(15, to_user(Caller(str(ObjectId()), "", "", "", "", "")))) == 0
        assert access.bits(gone, AGENT, grant(1, TO_ALL)) == 1
        assert access.bits(gone, AGENT, grant(15, to_role(""))) == 0


class TestRequire:
    def test_says_not_found_without_view(self, access: Access, make_caller: MakeCaller, grant: Any) -> None:
        caller = make_caller()
        for resource in (
            grant(15, to_user(make_caller())),
            grant(14, to_user(caller)),
            ObjectId(),
            "nonsense",
        ):
            with pytest.raises(NotFound) as raised:
                access.require(caller, AGENT, resource, VIEW)
            assert raised.value.code == "not_found"

    def test_says_forbidden_to_one_who_may_only_see(
        self, access: Access, make_caller: MakeCaller, grant: Any
    ) -> None:
        caller = make_caller()
        resource = grant(3, to_user(caller))
        assert access.require(caller, AGENT, resource, VIEW) == 3
        assert access.require(caller, AGENT, resource, VIEW | EDIT) == 3
        for needed in (DELETE, SHARE, EDIT | DELETE):
            with pytest.raises(Forbidden) as raised:
                access.require(caller, AGENT, resource, needed)
            assert raised.value.code == "insufficient_permissions"


class TestAccessible:
    def test_is_what_one_grant_allows_newest_first(
        self, access: Access, make_caller: MakeCaller, grant: Any, database: Database
    ) -> None:
        caller = make_caller()
        first, second = grant(1, TO_ALL), grant(15, to_user(caller))
        grant(8, to_user(caller))
        split = grant(1, to_user(caller))
        grant(2, TO_ALL, resource=split)
        grant(15, to_user(make_caller()))
        grant(15, to_user(caller), kind="skill")
        assert access.accessible(caller, AGENT, VIEW) == [split, second, first]
        assert access.accessible(caller, AGENT, EDIT) == [split, second]
        assert access.accessible(caller, AGENT, VIEW | EDIT) == [second]
        assert access.accessible(make_caller("ADMIN"), AGENT, VIEW) == [first]

    def test_each_says_the_bits(self, access: Access, make_caller: MakeCaller, grant: Any) -> None:
        caller = make_caller()
        resource = grant(1, to_user(caller))
        grant(2, TO_ALL, resource=resource)
        other = grant(1, TO_ALL)
        assert access.each(caller, AGENT) == {other: 1, resource: 3}
        assert access.each(caller, PROMPTS) == {}


class TestPublic:
    def test_is_what_everybody_may_see(self, access: Access, make_caller: MakeCaller, grant: Any) -> None:
        resource = grant(1, TO_ALL)
        private = grant(15, to_user(make_caller()))
        expired = grant(1, TO_ALL, expiredAt=datetime.now(UTC) - timedelta(seconds=1))
        assert access.public(AGENT) == {resource}
        assert access.public(AGENT, EDIT) == set()
        assert [access.is_public(AGENT, each) for each in (resource, private, expired, "x")] == [
            *(True, False, False, False)
        ]
        assert access.anonymous_bits(AGENT, resource) == 1
        assert access.anonymous_bits(AGENT, private) == 0


class TestGiving:
    def test_an_owner_may_do_everything_and_nobody_else_anything(
        self, access: Access, make_caller: MakeCaller
    ) -> None:
        owner, resource = make_caller(), ObjectId()
        access.own(owner.id, PROMPTS, resource)
        assert access.bits(owner, PROMPTS, resource) == 15
        assert access.bits(make_caller(), PROMPTS, resource) == 0
        assert not access.is_public(PROMPTS, resource)

    def test_is_stored_as_librechat_stores_it_and_once(
        self, access: Access, make_caller: MakeCaller, database: Database
    ) -> None:
        owner, resource = make_caller(), ObjectId()
        for _ in range(2):
            access.own(owner.id, PROMPTS, str(resource))
            access.share_publicly(owner.id, PROMPTS, str(resource))
        roles = {each["accessRoleId"]: each["_id"] for each in database.collection("accessroles").find()}
        owning, viewing = database.collection("aclentries").find().sort("permBits", -1)
        times = {name: owning[name] for name in ("createdAt", "updatedAt", "grantedAt")}
        assert all(isinstance(each, datetime) for each in times.values())
        common = {
            "resourceType": "promptGroup",
            "resourceId": resource,
            "grantedBy": ObjectId(owner.id),
            "__v": 0,
        }
        assert {name: value for name, value in owning.items() if name not in {"_id", *times}} == {
            **common,
            "principalType": "user",
            "principalId": ObjectId(owner.id),
            "principalModel": "User",
            "permBits": 15,
            "roleId": roles["promptGroup_owner"],
        }
        assert {name: value for name, value in viewing.items() if name not in {"_id", *times}} == {
            **common,
            "principalType": "public",
            "permBits": 1,
            "roleId": roles["promptGroup_viewer"],
        }

    def test_of_what_is_no_id_is_refused(self, access: Access, make_caller: MakeCaller) -> None:
        with pytest.raises(NotFound):
            access.own(make_caller().id, AGENT, "agent_abc")

    def test_ends_when_the_thing_is_deleted(self, access: Access, make_caller: MakeCaller) -> None:
        owner, gone, kept = make_caller(), ObjectId(), ObjectId()
        for resource in (gone, kept):
            access.own(owner.id, AGENT, resource)
        access.share_publicly(owner.id, AGENT, gone)
        access.forget(AGENT, [gone, "nonsense"])
        access.forget(PROMPTS, [kept])
        assert access.accessible(owner, AGENT, VIEW) == [kept]
        assert access.public(AGENT) == set()


class TestRoles:
    def test_users_may_make_and_not_share(self, access: Access, make_caller: MakeCaller) -> None:
        caller = make_caller()
        assert access.allowed(caller, "PROMPTS", "USE")
        assert access.allowed(caller, "PROMPTS", "USE", "CREATE")
        assert not access.allowed(caller, "PROMPTS", "USE", "SHARE")
        assert access.allowed(make_caller("ADMIN"), "PROMPTS", "USE", "SHARE", "SHARE_PUBLIC")
        access.demand(caller, "PROMPTS", "CREATE")
        with pytest.raises(Forbidden) as raised:
            access.demand(caller, "PROMPTS", "CREATE", "SHARE")
        assert raised.value.code == "insufficient_permissions"

    def test_all_that_is_needed_must_be_there(self, access: Access, make_caller: MakeCaller) -> None:
        user = make_caller().id
        access.check(user, {"PROMPTS": ("USE", "CREATE"), "WEB_SEARCH": ("USE",)})
        for needs in ({"PROMPTS": ("USE", "SHARE")}, {"PROMPTS": ("USE",), "MARKETPLACE": ("USE",)}):
            with pytest.raises(Forbidden):
                access.check(user, needs)

    def test_are_asked_without_the_database_once_they_are_known(
        self, access: Access, make_caller: MakeCaller
    ) -> None:
        user, may, may_not = make_caller().id, {"PROMPTS": ("USE",)}, {"PROMPTS": ("SHARE",)}
        assert not access.check_remembered(user, may)
        # Whoever must know asks the database: a run may be longer than anything is remembered.
        assert (access.may(user, may), access.may(user, may_not)) == (True, False)
        assert access.check_remembered(user, may)
        with pytest.raises(Forbidden):
            access.check_remembered(user, may_not)

    def test_of_somebody_without_a_known_role_allow_nothing(
        self, access: Access, make_caller: MakeCaller
    ) -> None:
        gone = Caller(str(ObjectId()), "session", "", "", "local", role="ADMIN")
        for caller in (make_caller("STAFF"), gone):
            assert not access.allowed(caller, "BOOKMARKS", "USE")

    def test_of_the_operators_own_allow_what_is_stored(
        self, access: Access, make_caller: MakeCaller, database: Database
    ) -> None:
        said = {"PROMPTS": {"USE": True, "CREATE": "yes"}, "AGENTS": True}
        database.collection("roles").insert_one({"name": "STAFF", "permissions": said})
        caller = make_caller("STAFF")
        assert access.allowed(caller, "PROMPTS", "USE")
        assert not access.allowed(caller, "PROMPTS", "CREATE")
        assert not access.allowed(caller, "AGENTS", "USE")

    def test_have_their_defaults_where_none_is_stored(
        self, database: Database, make_caller: MakeCaller
    ) -> None:
        assert build_access(database).access.allowed(make_caller(), "BOOKMARKS", "USE")
        assert not build_access(database).access.allowed(make_caller(), "MARKETPLACE", "USE")
