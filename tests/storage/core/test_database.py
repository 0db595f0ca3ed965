"""The client's guarantees, the driver's errors as ours, transactions, and indexes beside LibreChat's."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from bson import ObjectId
from pymongo import ASCENDING
from pymongo.errors import BulkWriteError, OperationFailure, PyMongoError, WriteError
from pymongo.operations import IndexModel
from pymongo.read_preferences import Nearest, Primary, SecondaryPreferred

from storage.core.database import Database, Document
from storage.core.errors import Conflict, InvalidDocument, StorageError, StorageFull, Unavailable, Uncertain
from storage.core.translation import translated
from storage.operator.indexes import REPOSITORIES, ensure_indexes
from tests.support.threads import together

NOWHERE = "mongodb://127.0.0.1:1/x?serverSelectionTimeoutMS=200"

# Those of collections that LibreChat has too.
SHARED = [each for each in REPOSITORIES if not each.collection_name.startswith("echo_")]
# As LibreChat v0.8.8-rc1 makes them: names, keys and options.
LIBRECHATS: dict[str, list[Document]] = {
    "toolfavorites": [
        {"name": "user_1", "key": {"user": 1}},
        {"name": "tenantId_1", "key": {"tenantId": 1}},
        {
            "name": "user_1_itemType_1_itemId_1",
            "key": {"user": 1, "itemType": 1, "itemId": 1},
            "unique": True,
        },
    ],
    "users": [
        {"name": "email_1", "key": {"email": 1}},
        {"name": "email_1_tenantId_1", "key": {"email": 1, "tenantId": 1}, "unique": True},
        {"name": "role_1_tenantId_1", "key": {"role": 1, "tenantId": 1}},
        {"name": "expiresAt_1", "key": {"expiresAt": 1}, "expireAfterSeconds": 604800},
        {"name": "createdAt_-1__id_-1", "key": {"createdAt": -1, "_id": -1}},
        {"name": "role_1_name_1__id_1", "key": {"role": 1, "name": 1, "_id": 1}},
        {"name": "idOnTheSource_1", "key": {"idOnTheSource": 1}, "sparse": True},
        {
            "name": "openidId_1_openidIssuer_1_tenantId_1",
            "key": {"openidId": 1, "openidIssuer": 1, "tenantId": 1},
            "unique": True,
            "partialFilterExpression": {"openidId": {"$exists": True}},
        },
        *(
            {
                "name": f"{each}_1_tenantId_1",
                "key": {each: 1, "tenantId": 1},
                "unique": True,
                "partialFilterExpression": {each: {"$exists": True}},
            }
            for each in (
                *("googleId", "facebookId", "samlId", "ldapId"),
                *("githubId", "discordId", "appleId"),
            )
        ),
    ],
    "auditlogs": [
        {"name": "chainKey_1_seq_1", "key": {"chainKey": 1, "seq": 1}, "unique": True},
        {
            "name": "chainKey_1_createdAt_-1_seq_-1",
            "key": {"chainKey": 1, "createdAt": -1, "seq": -1},
        },
        {
            "name": "chainKey_1_category_1_createdAt_-1",
            "key": {"chainKey": 1, "category": 1, "createdAt": -1},
        },
        {
            "name": "chainKey_1_target.type_1_target.id_1_createdAt_-1",
            "key": {"chainKey": 1, "target.type": 1, "target.id": 1, "createdAt": -1},
        },
    ],
    "balances": [{"name": "user_1", "key": {"user": 1}}],
    "configs": [
        {
            "name": "principalType_1_principalId_1_tenantId_1",
            "key": {"principalType": 1, "principalId": 1, "tenantId": 1},
            "unique": True,
        },
        {
            "name": "principalType_1_principalId_1_isActive_1_tenantId_1",
            "key": {"principalType": 1, "principalId": 1, "isActive": 1, "tenantId": 1},
        },
        {
            "name": "priority_1_isActive_1_tenantId_1",
            "key": {"priority": 1, "isActive": 1, "tenantId": 1},
        },
    ],
    "systemgrants": [
        {
            "name": "principalType_1_principalId_1_capability_1_tenantId_1",
            "key": {"principalType": 1, "principalId": 1, "capability": 1, "tenantId": 1},
            "unique": True,
        },
        {"name": "capability_1_tenantId_1", "key": {"capability": 1, "tenantId": 1}},
        {
            "name": "principalType_1_capability_1_tenantId_1",
            "key": {"principalType": 1, "capability": 1, "tenantId": 1},
        },
    ],
    # Of its own it has one for the user, and others.
    "transactions": [{"name": "user_1", "key": {"user": 1}}],
    "sessions": [
        {"name": "expiration_1", "key": {"expiration": 1}, "expireAfterSeconds": 0},
        {"name": "tenantId_1", "key": {"tenantId": 1}},
    ],
    "accessroles": [
        {"name": "accessRoleId_1", "key": {"accessRoleId": 1}},
        {"name": "tenantId_1", "key": {"tenantId": 1}},
        {"name": "accessRoleId_1_tenantId_1", "key": {"accessRoleId": 1, "tenantId": 1}, "unique": True},
    ],
    "aclentries": [
        {"name": "principalId_1", "key": {"principalId": 1}},
        {"name": "resourceId_1", "key": {"resourceId": 1}},
        {"name": "inheritedFrom_1", "key": {"inheritedFrom": 1}, "sparse": True},
        {"name": "tenantId_1", "key": {"tenantId": 1}},
        {
            "name": "principalId_1_principalType_1_resourceType_1_resourceId_1_tenantId_1",
            "key": {"principalId": 1, "principalType": 1, "resourceType": 1, "resourceId": 1, "tenantId": 1},
        },
        {
            "name": "resourceId_1_principalType_1_principalId_1_tenantId_1",
            "key": {"resourceId": 1, "principalType": 1, "principalId": 1, "tenantId": 1},
        },
        {
            "name": "principalId_1_permBits_1_resourceType_1_tenantId_1",
            "key": {"principalId": 1, "permBits": 1, "resourceType": 1, "tenantId": 1},
        },
        {
            "name": "principalType_1_resourceType_1_permBits_1_resourceId_1",
            "key": {"principalType": 1, "resourceType": 1, "permBits": 1, "resourceId": 1},
        },
        {"name": "expiredAt_1", "key": {"expiredAt": 1}, "expireAfterSeconds": 0},
    ],
    "groups": [
        {"name": "name_1", "key": {"name": 1}},
        {"name": "email_1", "key": {"email": 1}},
        {"name": "idOnTheSource_1", "key": {"idOnTheSource": 1}, "sparse": True},
        {"name": "tenantId_1", "key": {"tenantId": 1}},
        {
            "name": "idOnTheSource_1_source_1_tenantId_1",
            "key": {"idOnTheSource": 1, "source": 1, "tenantId": 1},
            "unique": True,
            "partialFilterExpression": {"idOnTheSource": {"$exists": True}},
        },
        {"name": "memberIds_1_tenantId_1", "key": {"memberIds": 1, "tenantId": 1}},
    ],
    "roles": [
        {"name": "name_1", "key": {"name": 1}},
        {"name": "tenantId_1", "key": {"tenantId": 1}},
        {"name": "name_1_tenantId_1", "key": {"name": 1, "tenantId": 1}, "unique": True},
    ],
    "agents": [
        {"name": "category_1", "key": {"category": 1}},
        {"name": "is_promoted_1", "key": {"is_promoted": 1}},
        {"name": "tenantId_1", "key": {"tenantId": 1}},
        {"name": "id_1_tenantId_1", "key": {"id": 1, "tenantId": 1}, "unique": True},
        {"name": "mcpServerNames_1_tenantId_1", "key": {"mcpServerNames": 1, "tenantId": 1}},
        {"name": "updatedAt_-1__id_1", "key": {"updatedAt": -1, "_id": 1}},
        {"name": "edges.to_1", "key": {"edges.to": 1}},
    ],
    "mcpservers": [
        {"name": "serverName_1", "key": {"serverName": 1}},
        {"name": "author_1", "key": {"author": 1}},
        {"name": "tenantId_1", "key": {"tenantId": 1}},
        {
            "name": "serverName_1_tenantId_1",
            "key": {"serverName": 1, "tenantId": 1},
            "unique": True,
        },
        {
            "name": "normalizedServerName_1_tenantId_1",
            "key": {"normalizedServerName": 1, "tenantId": 1},
            "unique": True,
            "partialFilterExpression": {"normalizedServerName": {"$exists": True}},
        },
        {"name": "updatedAt_-1__id_1", "key": {"updatedAt": -1, "_id": 1}},
    ],
    "agentcategories": [
        {"name": "value_1", "key": {"value": 1}},
        {"name": "order_1", "key": {"order": 1}},
        {"name": "isActive_1", "key": {"isActive": 1}},
        {"name": "tenantId_1", "key": {"tenantId": 1}},
        {"name": "value_1_tenantId_1", "key": {"value": 1, "tenantId": 1}, "unique": True},
        {"name": "isActive_1_order_1", "key": {"isActive": 1, "order": 1}},
        {"name": "order_1_label_1", "key": {"order": 1, "label": 1}},
    ],
    "prompts": [
        {"name": "groupId_1", "key": {"groupId": 1}},
        {"name": "author_1", "key": {"author": 1}},
        {"name": "tenantId_1", "key": {"tenantId": 1}},
        {"name": "createdAt_1_updatedAt_1", "key": {"createdAt": 1, "updatedAt": 1}},
    ],
    "promptgroups": [
        {"name": "name_1", "key": {"name": 1}},
        {"name": "category_1", "key": {"category": 1}},
        {"name": "productionId_1", "key": {"productionId": 1}},
        {"name": "author_1", "key": {"author": 1}},
        {"name": "command_1", "key": {"command": 1}},
        {"name": "tenantId_1", "key": {"tenantId": 1}},
        {
            "name": "numberOfGenerations_-1_updatedAt_-1__id_1",
            "key": {"numberOfGenerations": -1, "updatedAt": -1, "_id": 1},
        },
    ],
    "skills": [
        {"name": "name_1", "key": {"name": 1}},
        {"name": "category_1", "key": {"category": 1}},
        {"name": "author_1", "key": {"author": 1}},
        {"name": "alwaysApply_1", "key": {"alwaysApply": 1}},
        {"name": "tenantId_1", "key": {"tenantId": 1}},
        {"name": "author_1_tenantId_1", "key": {"author": 1, "tenantId": 1}},
        {"name": "category_1_updatedAt_-1", "key": {"category": 1, "updatedAt": -1}},
        {"name": "updatedAt_-1__id_1", "key": {"updatedAt": -1, "_id": 1}},
        {
            "name": "name_1_author_1_tenantId_1",
            "key": {"name": 1, "author": 1, "tenantId": 1},
            "unique": True,
        },
        {
            "name": "source_1_sourceMetadata.upstreamId_1_tenantId_1",
            "key": {"source": 1, "sourceMetadata.upstreamId": 1, "tenantId": 1},
        },
        {
            "name": "source_1_sourceMetadata.sourceId_1_tenantId_1",
            "key": {"source": 1, "sourceMetadata.sourceId": 1, "tenantId": 1},
        },
    ],
    "skillfiles": [
        {"name": "skillId_1", "key": {"skillId": 1}},
        {"name": "file_id_1", "key": {"file_id": 1}},
        {"name": "tenantId_1", "key": {"tenantId": 1}},
        {"name": "skillId_1_relativePath_1", "key": {"skillId": 1, "relativePath": 1}, "unique": True},
        {"name": "skillId_1_category_1", "key": {"skillId": 1, "category": 1}},
    ],
    "memoryentries": [
        {"name": "userId_1", "key": {"userId": 1}},
        {"name": "tenantId_1", "key": {"tenantId": 1}},
        {"name": "userId_1_agentId_1_key_1", "key": {"userId": 1, "agentId": 1, "key": 1}},
    ],
    "chatprojects": [
        {"name": "name_1", "key": {"name": 1}},
        {"name": "user_1", "key": {"user": 1}},
        {"name": "lastConversationAt_1", "key": {"lastConversationAt": 1}},
        {"name": "tenantId_1", "key": {"tenantId": 1}},
        {"name": "user_1_name_1__id_1", "key": {"user": 1, "name": 1, "_id": 1}},
        {"name": "user_1_createdAt_-1__id_-1", "key": {"user": 1, "createdAt": -1, "_id": -1}},
        {
            "name": "user_1_lastConversationAt_-1__id_-1",
            "key": {"user": 1, "lastConversationAt": -1, "_id": -1},
        },
    ],
    "conversationtags": [
        {"name": "tag_1", "key": {"tag": 1}},
        {"name": "user_1", "key": {"user": 1}},
        {"name": "description_1", "key": {"description": 1}},
        {"name": "position_1", "key": {"position": 1}},
        {"name": "tenantId_1", "key": {"tenantId": 1}},
        {"name": "tag_1_user_1_tenantId_1", "key": {"tag": 1, "user": 1, "tenantId": 1}, "unique": True},
    ],
    "pluginauths": [
        {"name": "tenantId_1", "key": {"tenantId": 1}},
        {
            "name": "userId_1_pluginKey_1_authField_1_tenantId_1",
            "key": {"userId": 1, "pluginKey": 1, "authField": 1, "tenantId": 1},
        },
    ],
    "actions": [
        {"name": "user_1", "key": {"user": 1}},
        {"name": "action_id_1", "key": {"action_id": 1}},
        {"name": "tenantId_1", "key": {"tenantId": 1}},
    ],
    "toolcalls": [
        {"name": "tenantId_1", "key": {"tenantId": 1}},
        {"name": "expiredAt_1", "key": {"expiredAt": 1}, "expireAfterSeconds": 0},
        {"name": "messageId_1_user_1_tenantId_1", "key": {"messageId": 1, "user": 1, "tenantId": 1}},
        {
            "name": "conversationId_1_user_1_tenantId_1",
            "key": {"conversationId": 1, "user": 1, "tenantId": 1},
        },
    ],
    "sharedlinks": [
        {"name": "title_1", "key": {"title": 1}},
        {"name": "user_1", "key": {"user": 1}},
        {"name": "shareId_1", "key": {"shareId": 1}},
        {"name": "targetMessageId_1", "key": {"targetMessageId": 1}},
        {"name": "tenantId_1", "key": {"tenantId": 1}},
        {"name": "expiredAt_1", "key": {"expiredAt": 1}, "expireAfterSeconds": 0},
        {
            "name": "conversationId_1_user_1_targetMessageId_1_tenantId_1",
            "key": {"conversationId": 1, "user": 1, "targetMessageId": 1, "tenantId": 1},
        },
        {"name": "updatedAt_-1", "key": {"updatedAt": -1}},
    ],
    # Keyv's own store for MongoDB makes it; LibreChat's newer one makes none.
    "logs": [{"name": "key_1", "key": {"key": 1}, "unique": True}],
    "tokens": [
        {"name": "tenantId_1", "key": {"tenantId": 1}},
        {"name": "expiresAt_1", "key": {"expiresAt": 1}, "expireAfterSeconds": 0},
        {
            "name": "userId_1_type_1_identifier_1_tenantId_1",
            "key": {"userId": 1, "type": 1, "identifier": 1, "tenantId": 1},
        },
    ],
    "keys": [
        {"name": "tenantId_1", "key": {"tenantId": 1}},
        {"name": "expiresAt_1", "key": {"expiresAt": 1}, "expireAfterSeconds": 0},
    ],
    "agentapikeys": [
        {"name": "userId_1", "key": {"userId": 1}},
        {"name": "keyHash_1", "key": {"keyHash": 1}},
        {"name": "keyPrefix_1", "key": {"keyPrefix": 1}},
        {"name": "tenantId_1", "key": {"tenantId": 1}},
        {"name": "userId_1_name_1_tenantId_1", "key": {"userId": 1, "name": 1, "tenantId": 1}},
        {"name": "expiresAt_1", "key": {"expiresAt": 1}, "expireAfterSeconds": 0},
    ],
    "presets": [
        {"name": "presetId_1", "key": {"presetId": 1}},
        {"name": "presetId_1_tenantId_1", "key": {"presetId": 1, "tenantId": 1}, "unique": True},
    ],
    "files": [
        {"name": "user_1", "key": {"user": 1}},
        {"name": "file_id_1", "key": {"file_id": 1}},
        {"name": "expiresAt_1", "key": {"expiresAt": 1}, "expireAfterSeconds": 3600},
        {
            "name": "filename_1_conversationId_1_context_1_tenantId_1",
            "key": {"filename": 1, "conversationId": 1, "context": 1, "tenantId": 1},
            "unique": True,
            "partialFilterExpression": {"context": "execute_code"},
        },
    ],
    "assistants": [{"name": "assistant_id_1", "key": {"assistant_id": 1}}],
    "conversations": [
        {
            "name": "conversationId_1_user_1_tenantId_1",
            "key": {"conversationId": 1, "user": 1, "tenantId": 1},
            "unique": True,
        },
        {"name": "expiredAt_1", "key": {"expiredAt": 1}, "expireAfterSeconds": 0},
    ],
    "messages": [
        {
            "name": "messageId_1_user_1_tenantId_1",
            "key": {"messageId": 1, "user": 1, "tenantId": 1},
            "unique": True,
        },
        {"name": "expiredAt_1", "key": {"expiredAt": 1}, "expireAfterSeconds": 0},
    ],
}


def index(**options: Any) -> IndexModel:
    keys = options.pop("key")
    return IndexModel(list(keys.items()), **options)


def indexes_of(database: Database, collection: str) -> dict[str, Document]:
    return {found["name"]: dict(found) for found in database.collection(collection).list_indexes()}


def keys_of(indexes: dict[str, Document]) -> list[tuple[Any, ...]]:
    return [tuple(found["key"].items()) for found in indexes.values()]


class TestConnecting:
    def test_names_the_database_by_the_uri_or_as_librechat(self) -> None:
        for uri, name in (("mongodb://127.0.0.1:1/mine", "mine"), ("mongodb://127.0.0.1:1", "LibreChat")):
            database = Database(uri)
            assert database.name == name
            database.close()

    @pytest.mark.parametrize(
        ("options", "concern"),
        [
            ("", {"w": "majority", "j": True}),
            ("?journal=false", {"w": "majority", "j": True}),
            ("?w=0", {"w": "majority", "j": True}),
            ("?w=1&journal=false", {"w": 1, "j": True}),
            ("?w=2&wtimeoutMS=900", {"w": 2, "j": True, "wtimeout": 900}),
        ],
    )
    def test_always_waits_for_the_journal(self, options: str, concern: Document) -> None:
        database = Database(f"mongodb://127.0.0.1:1/x{options}")
        assert database.collection("things").write_concern.document == concern
        database.close()

    @pytest.mark.parametrize(
        ("options", "elsewhere"),
        [
            ("", Primary()),
            ("&readPreference=primary", Primary()),
            ("&readPreference=secondaryPreferred", SecondaryPreferred()),
            (
                "&readPreference=nearest&readPreferenceTags=dc:a&readPreferenceTags=&maxStalenessSeconds=90",
                Nearest([{"dc": "a"}, {}], 90),
            ),
        ],
    )
    def test_reads_the_primary_and_at_length_where_the_uri_says(self, options: str, elsewhere: Any) -> None:
        database = Database(f"mongodb://127.0.0.1:1/x?replicaSet=r{options}")
        assert database.client.read_preference == database.collection("things").read_preference == Primary()
        assert database.collection_elsewhere("things").read_preference == elsewhere
        database.close()

    @pytest.mark.parametrize(
        "uri", ["", "postgres://x", "mongodb://", "mongodb://a:b:c@d", "mongodb://h:99999/x"]
    )
    def test_an_impossible_uri_is_unavailable(self, uri: str) -> None:
        with pytest.raises(Unavailable):
            Database(uri)

    def test_a_server_that_is_not_there_is_unavailable(self) -> None:
        database = Database(NOWHERE)
        with pytest.raises(Unavailable):
            database.ping()
        with pytest.raises(Unavailable):
            ensure_indexes(database)
        database.close()

    @pytest.mark.parametrize(("options", "seconds"), [("", 5.0), ("?serverSelectionTimeoutMS=200", 0.2)])
    def test_looks_for_a_server_as_long_as_the_uri_says(self, options: str, seconds: float) -> None:
        database = Database(f"mongodb://127.0.0.1:1/x{options}")
        assert database.collection("x").database.client.options.server_selection_timeout == seconds
        database.close()

    def test_a_closed_client_is_unavailable(self, empty_database: Database) -> None:
        empty_database.ping()
        empty_database.close()
        with pytest.raises(Unavailable):
            empty_database.ping()

    def test_gives_times_with_their_zone(self, empty_database: Database) -> None:
        things = empty_database.collection("things")
        things.insert_one({"_id": ObjectId("6b043d3a061cc954c9774424")})
        things.update_one({}, {"$currentDate": {"at": True}})
        stored = things.find_one()
        assert stored is not None
        assert stored["at"].tzinfo is not None


def nested(depth: int) -> Document:
    document: Document = {}
    for _ in range(depth):
        document = {"a": document}
    return document


UNSTORABLE = {
    "surrogate": {"a": "\ud800"},
    "surrogate in a key": {"\ud800": 1},
    "NUL in a key": {"a\0b": 1},
    "key that is no text": {1: 1},
    "integer beyond 64 bits": {"a": 2**63},
    "too large for the driver": {"a": "x" * 17_000_000},
    "too large for the server": {"a": "x" * (16 * 1024 * 1024 - 20)},
    "too deep for the server": nested(250),
    "too deep for the driver": nested(5000),
    "unknown type": {"a": object()},
    "array as _id": {"_id": [1]},
    "operator in _id": {"_id": {"$x": 1}},
}


class TestErrors:
    @pytest.mark.parametrize("document", UNSTORABLE.values(), ids=UNSTORABLE.keys())
    def test_a_document_that_mongodb_refuses(self, empty_database: Database, document: Any) -> None:
        things = empty_database.collection("things")
        with pytest.raises(InvalidDocument), translated():
            things.insert_one(dict(document))
        with pytest.raises(InvalidDocument), translated():
            things.insert_many([dict(document)])
        assert things.count_documents({}) == 0

    @pytest.mark.parametrize("name", ["$a", "a..b", ""])
    def test_a_path_that_mongodb_refuses(self, empty_database: Database, name: str) -> None:
        things = empty_database.collection("things")
        things.insert_one({"_id": 1})
        with pytest.raises(InvalidDocument), translated():
            things.update_one({"_id": 1}, {"$set": {name: 1}})

    @pytest.mark.parametrize(
        "insert",
        [
            lambda things: things.insert_one({"user": 1, "name": "a"}),
            lambda things: things.insert_many([{"user": 1, "name": "b"}, {"user": 1, "name": "a"}]),
        ],
        ids=["one", "many"],
    )
    def test_a_taken_value_is_a_conflict_on_its_field_and_not_the_owners(
        self, empty_database: Database, insert: Callable[[Any], Any]
    ) -> None:
        things = empty_database.collection("things")
        things.create_index([("user", ASCENDING), ("name", ASCENDING), ("tenantId", ASCENDING)], unique=True)
        things.insert_one({"user": 1, "name": "a"})
        with pytest.raises(Conflict) as caught, translated():
            insert(things)
        assert caught.value.field == "name"

    def test_a_taken_id_is_a_conflict_on_it(self, empty_database: Database) -> None:
        things = empty_database.collection("things")
        things.insert_one({"_id": 1})
        with pytest.raises(Conflict) as caught, translated():
            things.insert_one({"_id": 1})
        assert caught.value.field == "_id"

    def test_what_a_small_cache_has_no_room_for_is_refused(self) -> None:
        with pytest.raises(InvalidDocument), translated():
            raise OperationFailure("will not fit in the storage cache", 388)

    @pytest.mark.parametrize(
        "code",
        [6, 7, 13, 18, 24, 89, 91, 112, 133, 134, 189, 202, 251, 317, 365, 8000, 9001, 10107, 11600, 11602],
    )
    def test_a_server_that_cannot_now_is_unavailable(self, code: int) -> None:
        with pytest.raises(Unavailable), translated():
            raise OperationFailure("not now", code)

    @pytest.mark.parametrize("code", [50, 64, 262, 290])
    @pytest.mark.parametrize("kind", [OperationFailure, WriteError])
    def test_what_took_too_long_may_have_happened(self, kind: type[OperationFailure], code: int) -> None:
        with pytest.raises(Uncertain), translated():
            raise kind("too long", code)

    @pytest.mark.parametrize("kind", [OperationFailure, WriteError])
    def test_a_server_without_room_says_so(self, kind: type[OperationFailure]) -> None:
        with pytest.raises(StorageFull), translated():
            raise kind("no space left on device", 14031)

    @pytest.mark.parametrize(
        ("code", "kind"), [(14031, StorageFull), (50, Uncertain), (64, Uncertain), (91, Unavailable)]
    )
    @pytest.mark.parametrize("part", ["writeErrors", "writeConcernErrors"])
    def test_of_several_writes_the_first_refusal_counts(self, part: str, code: int, kind: type) -> None:
        with pytest.raises(kind), translated():
            raise BulkWriteError({part: [{"code": code, "errmsg": "no"}]})

    def test_a_query_that_takes_too_long_is_unavailable(self, empty_database: Database) -> None:
        things = empty_database.collection("things")
        things.insert_one({})
        with pytest.raises(Unavailable), translated():
            list(things.find({"$where": "sleep(2000) || true"}).max_time_ms(50))

    def test_a_mistake_of_ours_is_not_disguised(self, empty_database: Database) -> None:
        with pytest.raises(PyMongoError) as caught, translated():
            empty_database.collection("things").find_one({"$nonsense": 1, "_id": {"$gtx": 1}})
        assert not isinstance(caught.value, StorageError)


class TestAtomically:
    @pytest.fixture
    def transactional(self, empty_database: Database) -> Database:
        """Collections exist already, as they do when `ensure_indexes` has run."""
        if not empty_database._has_transactions:
            pytest.skip("a single server has no transactions")
        empty_database.collection("things").insert_one({"_id": "start", "count": 0})
        return empty_database

    def test_gives_what_the_work_gives(self, empty_database: Database) -> None:
        assert empty_database.atomically(lambda session: 7) == 7

    def test_an_error_takes_back_what_was_written(self, transactional: Database) -> None:
        things = transactional.collection("things")

        def work(session: Any) -> None:
            things.insert_one({"_id": "half"}, session=session)
            raise LookupError

        with pytest.raises(LookupError):
            transactional.atomically(work)
        assert things.count_documents({"_id": "half"}) == 0

    def test_an_error_of_mongodb_becomes_ours(self, transactional: Database) -> None:
        things = transactional.collection("things")
        with pytest.raises(Conflict):
            transactional.atomically(lambda session: things.insert_one({"_id": "start"}, session=session))

    def test_eight_at_once_lose_no_change(self, transactional: Database) -> None:
        things = transactional.collection("things")

        def add(session: Any) -> None:
            found = things.find_one({"_id": "start"}, session=session)
            assert found is not None
            things.update_one({"_id": "start"}, {"$set": {"count": found["count"] + 1}}, session=session)

        together(lambda number: transactional.atomically(add))
        found = things.find_one({"_id": "start"})
        assert found is not None
        assert found["count"] == 8


class TestIndexes:
    def test_eight_processes_at_once_make_them_all(self, empty_database: Database) -> None:
        together(lambda number: ensure_indexes(empty_database))
        for repository in REPOSITORIES:
            wanted = {
                tuple(model.document["key"].items())
                for each in REPOSITORIES
                if each.collection_name == repository.collection_name
                for model in each.indexes
            }
            made = keys_of(indexes_of(empty_database, repository.collection_name))
            assert wanted <= set(made)
            assert len(made) == len(wanted) + 1

    def test_librechats_own_stay_as_they_are_and_get_no_doubles(
        self, empty_database: Database, caplog: pytest.LogCaptureFixture
    ) -> None:
        for name, wanted in LIBRECHATS.items():
            models = [index(**options, background=True) for options in wanted]
            empty_database.collection(name).create_indexes(models)
        before = {name: indexes_of(empty_database, name) for name in LIBRECHATS}
        with caplog.at_level(logging.WARNING, "storage"):
            ensure_indexes(empty_database)
            ensure_indexes(empty_database)
        assert caplog.records == []
        for name, librechats in before.items():
            after = indexes_of(empty_database, name)
            assert librechats.items() <= after.items()
            assert len(set(keys_of(after))) == len(after)

    @pytest.mark.parametrize("repository", SHARED, ids=lambda each: each.__name__)
    def test_ours_have_librechats_options_where_it_has_the_same(self, repository: Any) -> None:
        librechats = {tuple(each["key"].items()): each for each in LIBRECHATS[repository.collection_name]}
        for model in repository.indexes:
            document = {name: value for name, value in model.document.items() if name != "background"}
            same = librechats.get(tuple(document["key"].items()))
            if same is not None:
                assert document == same
            else:
                # One of LibreChat's that differs only in its options would be missing above.
                assert "unique" not in document
                assert "expireAfterSeconds" not in document

    def test_an_equal_one_under_another_name_serves(
        self, empty_database: Database, caplog: pytest.LogCaptureFixture
    ) -> None:
        collection = empty_database.collection("sessions")
        collection.create_index([("expiration", ASCENDING)], name="mine", expireAfterSeconds=0)
        with caplog.at_level(logging.WARNING, "storage"):
            ensure_indexes(empty_database)
        assert caplog.records == []
        assert keys_of(indexes_of(empty_database, "sessions")).count((("expiration", 1),)) == 1

    def test_one_with_other_options_is_left_and_logged(
        self, empty_database: Database, caplog: pytest.LogCaptureFixture
    ) -> None:
        collection = empty_database.collection("sessions")
        collection.create_index([("expiration", ASCENDING)], expireAfterSeconds=60)
        with caplog.at_level(logging.WARNING, "storage"):
            ensure_indexes(empty_database)
        assert ["sessions.expiration_1" in record.getMessage() for record in caplog.records] == [True]
        assert indexes_of(empty_database, "sessions")["expiration_1"]["expireAfterSeconds"] == 60
        # The others were made all the same.
        assert "email_1_tenantId_1" in indexes_of(empty_database, "users")

    def test_one_that_cannot_be_is_logged_and_keeps_nobody_from_starting(
        self, empty_database: Database, caplog: pytest.LogCaptureFixture
    ) -> None:
        # The code that a sharded collection has for a unique index without its shard key, got with a direction of 0.
        impossible, possible = IndexModel([("user", 0)], unique=True), IndexModel([("user", ASCENDING)])
        with caplog.at_level(logging.WARNING, "storage"):
            empty_database.ensure_indexes({"messages": [impossible, possible]})
        assert [record.getMessage() for record in caplog.records] == [
            "index messages.user_0 cannot be made here"
        ]
        assert "user_1" in indexes_of(empty_database, "messages")

    def test_doubles_in_the_data_are_logged_without_their_values(
        self, empty_database: Database, caplog: pytest.LogCaptureFixture
    ) -> None:
        doubles = [{"email": "ada@example.com"}, {"email": "ada@example.com"}]
        empty_database.collection("users").insert_many(doubles)
        with caplog.at_level(logging.WARNING, "storage"):
            ensure_indexes(empty_database)
        assert "users.email_1_tenantId_1" in caplog.text
        assert "ada@example.com" not in caplog.text
        assert empty_database.collection("users").count_documents({}) == 2
