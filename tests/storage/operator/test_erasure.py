"""Line by line of the list of what is a user's, with documents of LibreChat's shape."""

from typing import Any

import pytest
from bson import ObjectId

from storage.core.database import Database, Document
from storage.operator import erasure as module
from storage.operator.erasure import CHECKPOINTS, GRANTED, ID, KEPT, MENTIONS, OWNED, TEXT, Erasure
from storage.operator.indexes import REPOSITORIES
from storage.operator.shared_resources import KINDS

# Repositories whose collection is no line of the list, and why.
BESIDE_THE_LIST = {
    "echo_mails": "found by address, go with the user",
    "echo_run_workers": "processes are no user's",
    "echo_mcp_findings": "servers are no user's",
    "echo_login_states": "logins on their way: nobody's yet",
    "users": "the last to go",
    "logs": "bans, found by key, go with the user",
    "accessroles": "nobody's",
    "auditlogs": "kept as proof of what administrators did",
    "roles": "nobody's",
    "groups": "the user only leaves them",
    "agentcategories": "nobody's",
    "prompts": "found by their groups",
    "skillfiles": "found by their skills",
}

# Written out, so that a line that gets lost is missed: each with the field that names the owner, and its form.
LINES = {
    ("aclentries", "principalId", "mixed"),
    ("actions", "user", "id"),
    ("agentapikeys", "userId", "id"),
    ("agentqueuedturns", "user", "id"),
    ("agentqueuedturnsequences", "user", "id"),
    ("agenttriggerdeliveries", "user", "id"),
    ("agenttriggerlanesequences", "user", "id"),
    ("agenttriggeruserpurges", "_id", "id"),
    ("assistants", "user", "id"),
    ("balances", "user", "id"),
    ("chatprojects", "user", "text"),
    ("codeenvironments", "createdBy", "id"),
    ("configs", "principalId", "mixed"),
    ("conversations", "user", "text"),
    ("conversationtags", "user", "text"),
    ("echo_mails", "owner", "text"),
    ("echo_passkey_challenges", "user", "id"),
    ("echo_passkeys", "user", "id"),
    ("echo_responses", "user", "text"),
    ("echo_run_pieces", "user", "text"),
    ("echo_runs", "user", "text"),
    ("echo_search", "user", "text"),
    ("echo_search_parts", "user", "text"),
    ("echo_violations", "user", "id"),
    ("echo_mcp_logins", "user", "text"),
    ("echo_renewals", "user", "text"),
    ("echo_openid_tokens", "user", "id"),
    ("echo_mcp_states", "user", "text"),
    ("echo_used_codes", "user", "id"),
    ("echo_file_chunks", "user", "id"),
    ("echo_file_indexes", "user", "id"),
    ("files", "user", "id"),
    ("keys", "userId", "id"),
    ("memoryentries", "userId", "id"),
    ("messages", "user", "text"),
    ("pluginauths", "userId", "text"),
    ("presets", "user", "text"),
    ("refreshtokenbridges", "userId", "text"),
    ("scheduleruns", "user", "id"),
    ("schedules", "user", "id"),
    ("sessions", "user", "id"),
    ("sharedlinks", "user", "text"),
    ("systemgrants", "principalId", "mixed"),
    ("tokens", "userId", "id"),
    ("toolcalls", "user", "id"),
    ("toolfavorites", "user", "id"),
    ("transactions", "user", "id"),
}
# What can be shared with others, with what grants call it, and its parts.
SHARED = {
    ("agents", ("agent", "remoteAgent"), ()),
    ("mcpservers", ("mcpServer",), ()),
    ("promptgroups", ("promptGroup",), (("prompts", "groupId"),)),
    ("skills", ("skill",), (("skillfiles", "skillId"),)),
}
NAMED_IN = {
    ("aclentries", "grantedBy"),
    ("systemgrants", "grantedBy"),
    ("skillsynccredentials", "createdBy"),
    ("skillsynccredentials", "updatedBy"),
}


@pytest.fixture
def erasure(empty_database: Database) -> Erasure:
    return Erasure(empty_database)


def put(database: Database, name: str, *documents: Document) -> list[Any]:
    return database.collection(name).insert_many(list(documents)).inserted_ids


def left(database: Database, name: str) -> list[Document]:
    return [
        {key: value for key, value in document.items() if key != "_id" or name.endswith("purges")}
        for document in database.collection(name).find().sort("_id")
    ]


def forms(owner: str, kind: str) -> list[Any]:
    return [owner] if kind == TEXT else [ObjectId(owner)] if kind == ID else [owner, ObjectId(owner)]


def put_of_everything(database: Database, *owners: str) -> None:
    for owned in OWNED:
        for owner in owners:
            put(database, owned.collection, *({owned.field: form} for form in forms(owner, owned.kind)))


class TestTheList:
    def test_is_this_one(self) -> None:
        assert {(owned.collection, owned.field, owned.kind) for owned in OWNED} == LINES
        assert {(kind.collection, kind.types, kind.parts) for kind in KINDS} == SHARED
        assert set(MENTIONS) == NAMED_IN
        assert GRANTED == {"sharedlinks": "sharedLink", "codeenvironments": "codeEnvironment"}
        assert CHECKPOINTS == ("agent_checkpoints", "agent_checkpoint_writes")

    def test_each_line_removes_the_users_and_not_anothers(
        self, erasure: Erasure, empty_database: Database, ada: str, bob: str
    ) -> None:
        put_of_everything(empty_database, ada, bob)
        expected = {owned.collection: len(forms(ada, owned.kind)) for owned in OWNED}
        assert erasure.count(ada) == expected
        assert erasure.sweep(ada) == expected
        assert erasure.count(ada) == {}
        for owned in OWNED:
            assert left(empty_database, owned.collection) == [
                {owned.field: form} for form in forms(bob, owned.kind)
            ]

    def test_cut_short_anywhere_a_second_run_finds_the_rest(
        self, erasure: Erasure, empty_database: Database, ada: str
    ) -> None:
        """As if the first had been killed after so many collections."""
        for number in range(0, len(OWNED), 6):
            put_of_everything(empty_database, ada)
            for owned in OWNED[:number]:
                empty_database.collection(owned.collection).delete_many(owned.filter(ada))
            assert erasure.sweep(ada)
            assert erasure.count(ada) == {}

    def test_every_repository_is_on_it(self) -> None:
        listed = {owned.collection for owned in OWNED} | {kind.collection for kind in KINDS}
        assert {each.collection_name for each in REPOSITORIES} <= listed | BESIDE_THE_LIST.keys()

    def test_has_no_line_twice(self) -> None:
        names = [owned.collection for owned in OWNED]
        assert len(names) == len(set(names))


class TestMore:
    def test_what_is_anothers_only_loses_the_name(
        self, erasure: Erasure, empty_database: Database, ada: str
    ) -> None:
        for name, field in MENTIONS:
            put(empty_database, name, {field: ObjectId(ada), "kept": field})
        erasure.sweep(ada)
        for name, field in MENTIONS:
            assert {"kept": field} in left(empty_database, name)

    def test_groups_lose_a_member_in_either_form(
        self, erasure: Erasure, empty_database: Database, ada: str, bob: str
    ) -> None:
        put(empty_database, "groups", {"memberIds": [ada, bob, ObjectId(ada)]})
        assert erasure.sweep(ada) == {"groups": 1}
        assert left(empty_database, "groups") == [{"memberIds": [bob]}]

    def test_groups_lose_a_member_whom_they_name_by_the_id_of_a_directory(
        self, erasure: Erasure, empty_database: Database, ada: str, bob: str
    ) -> None:
        """As LibreChat does for users of Entra, in groups of its own too."""
        put(empty_database, "users", {"_id": ObjectId(ada), "idOnTheSource": "entra-ada"})
        put(empty_database, "groups", {"memberIds": ["entra-ada", "entra-bob", bob]})
        assert erasure.sweep(ada) == {"groups": 1}
        assert left(empty_database, "groups") == [{"memberIds": ["entra-bob", bob]}]

    def test_groups_keep_a_member_whose_id_of_a_directory_is_the_same(
        self, erasure: Erasure, empty_database: Database, ada: str, bob: str
    ) -> None:
        """Such an id is unique within a directory, and there can be several."""
        put(empty_database, "users", *({"_id": ObjectId(who), "idOnTheSource": "same"} for who in (ada, bob)))
        put(empty_database, "groups", {"memberIds": ["same"]})
        assert erasure.sweep(ada) == {}

    def test_checkpoints_go_with_their_conversation(
        self, erasure: Erasure, empty_database: Database, ada: str, bob: str
    ) -> None:
        put(empty_database, "conversations", *({"user": who, "conversationId": who} for who in (ada, bob)))
        for name in ("agent_checkpoints", "agent_checkpoint_writes"):
            put(empty_database, name, {"thread_id": ada}, {"thread_id": bob})
        erasure.sweep(ada)
        for name in ("agent_checkpoints", "agent_checkpoint_writes"):
            assert left(empty_database, name) == [{"thread_id": bob}]

    def test_a_shared_links_grants_go_with_it(
        self, erasure: Erasure, empty_database: Database, ada: str
    ) -> None:
        [link] = put(empty_database, "sharedlinks", {"user": ada})
        grant = {"resourceType": "sharedLink", "resourceId": link, "principalType": "public"}
        other = {**grant, "resourceType": "agent"}
        put(empty_database, "aclentries", grant, other)
        erasure.sweep(ada)
        assert left(empty_database, "aclentries") == [{key: other[key] for key in other if key != "_id"}]

    def test_tokens_for_the_address_and_the_ban_go_with_the_user(
        self, erasure: Erasure, empty_database: Database, ada: str
    ) -> None:
        put(empty_database, "users", {"_id": ObjectId(ada), "email": "ada@example.com"}, {"email": "b@x.de"})
        put(
            empty_database,
            "tokens",
            {"email": "ada@example.com"},
            {"email": "b@x.de"},
            {"userId": ObjectId()},
        )
        put(empty_database, "echo_mails", {"to": "ada@example.com"}, {"to": "b@x.de"})
        put(empty_database, "logs", {"key": f"BANS:{ada}"}, {"key": f"ban:{ada}"}, {"key": "BANS:10.0.0.1"})
        assert erasure.sweep(ada) == {}
        assert len(left(empty_database, "users")) == 2
        assert erasure.finish(ada) == {"tokens": 1, "echo_mails": 1, "users": 1}
        assert len(left(empty_database, "tokens")) == 2
        assert left(empty_database, "logs") == [{"key": "BANS:10.0.0.1"}]
        assert erasure.finish(ada) == {}

    def test_files_with_a_service_are_counted(
        self, erasure: Erasure, empty_database: Database, ada: str
    ) -> None:
        sources: list[Document] = [{"source": name} for name in ("local", "text", None, "s3", "vectordb")]
        put(empty_database, "files", *({"user": ObjectId(ada), **source} for source in (*sources, {})))
        assert erasure.elsewhere(ada) == 2

    def test_the_audit_log_is_kept(self, erasure: Erasure, empty_database: Database, ada: str) -> None:
        assert KEPT == ("auditlogs",)
        put(empty_database, "auditlogs", {"actor": {"id": ada}})
        erasure.sweep(ada)
        assert len(left(empty_database, "auditlogs")) == 1


class TestFigures:
    def test_of_what_changes_are_by_collection(
        self, erasure: Erasure, empty_database: Database, ada: str, bob: str
    ) -> None:
        for name, field in MENTIONS:
            put(
                empty_database, name, *({field: form} for form in forms(ada, "mixed")), {field: ObjectId(bob)}
            )
        put(empty_database, "groups", {"memberIds": [ada]}, {"memberIds": [bob]})
        put(empty_database, "conversations", {"user": ada, "conversationId": "c"}, {"user": bob})
        for name in ("agent_checkpoints", "agent_checkpoint_writes"):
            put(empty_database, name, {"thread_id": "c"}, {"thread_id": "c"}, {"thread_id": "d"})
        environments = put(
            empty_database, "codeenvironments", *({"createdBy": ObjectId(who)} for who in (ada, bob))
        )
        for resource in environments:
            put(empty_database, "aclentries", {"resourceType": "codeEnvironment", "resourceId": resource})
        put(empty_database, "skills", {"author": ObjectId(ada)})
        assert erasure.count(ada) == {"conversations": 1, "codeenvironments": 1, "skills": 1}
        assert erasure.sweep(ada) == {
            "aclentries": 3,
            "systemgrants": 2,
            "skillsynccredentials": 4,
            "groups": 1,
            "conversations": 1,
            "agent_checkpoints": 2,
            "agent_checkpoint_writes": 2,
            "codeenvironments": 1,
            "skills": 1,
        }
        assert erasure.sweep(ada) == {}

    def test_are_whole_however_many_there_are(
        self, erasure: Erasure, empty_database: Database, ada: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "BATCH", 2)
        names = [f"c{number}" for number in range(5)]
        put(empty_database, "conversations", *({"user": ada, "conversationId": name} for name in names))
        put(empty_database, "agent_checkpoints", *({"thread_id": name} for name in names))
        assert erasure.sweep(ada) == {"conversations": 5, "agent_checkpoints": 5}

    def test_of_files_elsewhere_leave_out_what_is_reached_and_what_is_anothers(
        self, erasure: Erasure, empty_database: Database, ada: str, bob: str
    ) -> None:
        for who in (ada, bob):
            put(
                empty_database,
                "files",
                *({"user": ObjectId(who), "source": name} for name in ("s3", "azure")),
            )
        assert erasure.elsewhere(ada) == 2
        assert erasure.elsewhere(ada, ["s3"]) == 1
        assert erasure.elsewhere(ada, ("s3", "azure")) == 0

    @pytest.mark.parametrize("address", [{}, {"email": None}, {"email": 7}])
    def test_of_a_user_without_an_address_take_nothing_of_others_along(
        self, erasure: Erasure, empty_database: Database, ada: str, address: Document
    ) -> None:
        put(empty_database, "users", {"_id": ObjectId(ada), **address}, {"_id": ObjectId()})
        put(empty_database, "tokens", {"email": None}, {"x": 1})
        assert erasure.finish(ada) == {"users": 1}
        assert len(left(empty_database, "tokens")) == 2
        assert len(left(empty_database, "users")) == 1


class TestWhatIsShared:
    def grant(self, who: str, resource: ObjectId, bits: int) -> Document:
        whom = {"principalType": "user", "principalId": ObjectId(who), "principalModel": "User"}
        return {**whom, "resourceType": "promptGroup", "resourceId": resource, "permBits": bits}

    def a_group(self, database: Database, owner: str) -> ObjectId:
        author = {"author": ObjectId(owner), "authorName": "Ada"}
        [group] = put(database, "promptgroups", author)
        put(database, "prompts", {"groupId": group, "author": ObjectId(owner)})
        put(database, "aclentries", self.grant(owner, group, 15))
        identifier: ObjectId = group
        return identifier

    def test_what_another_owns_too_is_handed_over(
        self, erasure: Erasure, empty_database: Database, ada: str, bob: str
    ) -> None:
        group = self.a_group(empty_database, ada)
        put(empty_database, "users", {"_id": ObjectId(bob), "name": "Bob"})
        put(empty_database, "aclentries", self.grant(bob, group, 15))
        erasure.sweep(ada)
        assert left(empty_database, "promptgroups") == [{"author": ObjectId(bob), "authorName": "Bob"}]
        assert left(empty_database, "prompts") == [{"groupId": group, "author": ObjectId(bob)}]
        assert left(empty_database, "aclentries") == [self.grant(bob, group, 15)]

    def test_what_another_may_only_change_goes_with_its_grants(
        self, erasure: Erasure, empty_database: Database, ada: str, bob: str
    ) -> None:
        group = self.a_group(empty_database, ada)
        put(empty_database, "aclentries", self.grant(bob, group, 3))
        assert erasure.sweep(ada) == {"promptgroups": 1, "prompts": 1, "aclentries": 2}
        for name in ("promptgroups", "prompts", "aclentries"):
            assert left(empty_database, name) == []

    def test_what_somebody_wrote_and_only_the_user_owns_goes(
        self, erasure: Erasure, empty_database: Database, ada: str, bob: str
    ) -> None:
        [group] = put(empty_database, "promptgroups", {"author": ObjectId(bob)})
        put(empty_database, "aclentries", self.grant(ada, group, 15))
        assert erasure.sweep(ada) == {"promptgroups": 1, "aclentries": 1}

    @pytest.mark.parametrize("name", ["agents", "mcpservers", "promptgroups", "skills"])
    def test_what_is_older_than_grants_goes_by_its_author(
        self, erasure: Erasure, empty_database: Database, name: str, *, ada: str, bob: str
    ) -> None:
        put(empty_database, name, {"author": ObjectId(ada)}, {"author": ObjectId(bob)})
        assert erasure.count(ada) == {name: 1}
        assert erasure.sweep(ada) == {name: 1}
        assert left(empty_database, name) == [{"author": ObjectId(bob)}]

    def test_a_part_of_anothers_thing_stays_with_it(
        self, erasure: Erasure, empty_database: Database, ada: str, bob: str
    ) -> None:
        group = self.a_group(empty_database, bob)
        put(empty_database, "prompts", {"groupId": group, "author": ObjectId(ada), "prompt": "kept"})
        put(empty_database, "prompts", {"groupId": ObjectId(), "author": ObjectId(ada), "prompt": "of none"})
        assert erasure.sweep(ada) == {"prompts": 2}
        assert left(empty_database, "prompts") == [
            {"groupId": group, "author": ObjectId(bob)},
            {"groupId": group, "author": ObjectId(bob), "prompt": "kept"},
        ]

    def test_an_agent_is_nobodys_favourite_any_more(
        self, erasure: Erasure, empty_database: Database, ada: str
    ) -> None:
        put(empty_database, "agents", {"id": "agent_hers", "author": ObjectId(ada)})
        put(empty_database, "users", {"favorites": [{"agentId": "agent_hers"}, {"agentId": "other"}]})
        erasure.sweep(ada)
        assert left(empty_database, "users") == [{"favorites": [{"agentId": "other"}]}]

    def test_anothers_agent_has_none_of_the_users_files_any_more(
        self, erasure: Erasure, empty_database: Database, ada: str, bob: str
    ) -> None:
        put(empty_database, "files", {"user": ObjectId(ada), "file_id": "hers"}, {"user": ObjectId(ada)})
        resources = {"context": {"file_ids": ["hers", "his"]}}
        put(empty_database, "agents", {"author": ObjectId(bob), "tool_resources": resources})
        assert erasure.sweep(ada) == {"agents": 1, "files": 2}
        [agent] = left(empty_database, "agents")
        assert agent["tool_resources"] == {"context": {"file_ids": ["his"]}}

    def test_anothers_agent_forgets_who_changed_it(
        self, erasure: Erasure, empty_database: Database, ada: str, bob: str
    ) -> None:
        versions = [{"updatedBy": ObjectId(ada)}, {"updatedBy": ObjectId(bob)}]
        put(empty_database, "agents", {"author": ObjectId(bob), "versions": versions})
        erasure.sweep(ada)
        assert left(empty_database, "agents") == [
            {"author": ObjectId(bob), "versions": [{}, {"updatedBy": ObjectId(bob)}]}
        ]
