"""Another user's object answers exactly like one that does not exist, for every operation that takes an id."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from bson import ObjectId

from storage.core.database import Database
from tests.conftest import MakeUser
from tests.security.conftest import Belongings, faceless, furnish, furnish_for, named_by, send
from tests.support.operations import ALL_OPERATIONS, Op, id_fields

Furnished = Callable[[str], Belongings]

# Ids that the caller makes up: a conversation begins with the first message posted to it.
TAKES_ID = [
    op
    for op in ALL_OPERATIONS
    if op.secured and (op.parameters("path") or list(id_fields(op.json_schema or {})))
]
# There is nothing yet that they could do, for anybody.
# What answers a challenge cannot be sent twice, and an example answers none.
NEVER_SUCCEED = {
    *("create_passkey", "librechat.get_file_download_url", "librechat.resume_chat"),
    # Nobody speaks.
    "librechat.read_message_aloud",
    # Nobody has begun a login.
    *("librechat.get_mcp_oauth_status", "librechat.get_mcp_oauth_tokens", "librechat.initiate_mcp_oauth"),
}
# What names several objects, of which each has to be the caller's own.
STARTS = {
    *("agent_id", "assistant_id", "chatProjectId", "clientRequestId", "conversationId", "endpoint"),
    *("messageId", "overrideParentMessageId", "parentMessageId", "presetId", "recoverySteerId"),
    "responseMessageId",
}
SEVERAL_IDS = {
    "librechat.create_share": {"conversationId", "targetMessageId"},
    "librechat.update_share": {"shareId", "targetMessageId"},
    "librechat.delete_files": {"agent_id", "file_id"},
    "librechat.delete_agent_action": {"action_id", "agent_id"},
    "librechat.save_agent_action": {"action_id", "agent_id"},
    "librechat.create_agent_completion": {"agent_id", "conversation_id"},
    "librechat.create_agent_response": {"agent_id", "previous_response_id"},
    "librechat.call_tool": {"conversationId", "messageId", "tool"},
    "librechat.download_code_output": {"code_file_id", "session_id"},
    "librechat.download_file": {"fileId", "userId"},
    "librechat.get_file_download_url": {"fileId", "userId"},
    "librechat.delete_skill_file": {"relativePath", "skillId"},
    "librechat.get_skill_file": {"relativePath", "skillId"},
    "librechat.add_tool_favorite": {"itemId", "itemType"},
    "librechat.remove_tool_favorite": {"itemId", "itemType"},
    "librechat.get_image": {"fileName", "userId"},
    "abort_chat": {"conversationId", "streamId"},
    "create_message": {"conversationId", "parentMessageId"},
    "delete_message": {"conversationId", "messageId"},
    "download_file": {"fileId", "userId"},
    "fork_conversation": {"conversationId", "messageId"},
    "get_message": {"conversationId", "messageId"},
    "give_feedback": {"conversationId", "messageId"},
    "librechat.save_preset": {"agent_id", "assistant_id", "presetId"},
    "librechat.abort_chat": {"conversationId", "streamId"},
    "librechat.arm_steer": {"clientSteerId", "conversationId", "steerId"},
    "librechat.cancel_steer": {"clientSteerId", "conversationId", "steerId"},
    "librechat.resume_chat": {"actionId", "conversationId"},
    "librechat.start_agent_chat": STARTS - {"endpoint"},
    "librechat.start_chat": STARTS,
    "librechat.steer_chat": {"clientSteerId", "conversationId"},
    "start_chat": {
        *("assistant_id", "clientRequestId", "conversationId", "endpoint", "messageId"),
        *("overrideParentMessageId", "parentMessageId", "presetId", "responseMessageId"),
    },
    "librechat.get_effective_permissions": {"resourceId", "resourceType"},
    "librechat.get_resource_permissions": {"resourceId", "resourceType"},
    "librechat.update_resource_permissions": {
        *("accessRoleId", "id", "publicAccessRoleId", "resourceId", "resourceType"),
    },
    "librechat.update_role_permissions": {"permissionType", "roleName"},
    "librechat.activate_config": {"principalId", "principalType"},
    "librechat.add_group_member": {"userGroupId", "userId"},
    "librechat.add_role_member": {"roleName", "userId"},
    "librechat.bury_config_field": {"principalId", "principalType"},
    "librechat.delete_config_overrides": {"principalId", "principalType"},
    "librechat.get_config_overrides": {"principalId", "principalType"},
    "librechat.list_principal_grants": {"principalId", "principalType"},
    "librechat.patch_config_fields": {"principalId", "principalType"},
    "librechat.put_config_overrides": {"principalId", "principalType"},
    "librechat.remove_group_member": {"memberId", "userGroupId"},
    "librechat.remove_role_member": {"accountId", "roleName"},
    "librechat.revoke_grant": {"capability", "principalId", "principalType"},
    "librechat.unset_config_field": {"principalId", "principalType"},
    "update_message": {"conversationId", "messageId"},
    "librechat.branch_message": {"agentId", "messageId"},
    "librechat.create_message": {"agentId", "conversationId", "messageId", "parentMessageId"},
    "librechat.delete_message": {"conversationId", "messageId"},
    "librechat.fork_conversation": {"conversationId", "latestMessageId", "messageId"},
    "librechat.get_message": {"conversationId", "messageId"},
    "librechat.give_feedback": {"conversationId", "messageId"},
    "librechat.move_conversation": {"conversationId", "projectId"},
    "librechat.update_message": {"conversationId", "messageId"},
}
# For administrators: nobody else's ids open them. `test_access.py` says who they are.
ADMINISTRATORS_ONLY = {
    "librechat.update_role_permissions",
    # Users may use MCP servers, and make none.
    *("librechat.create_mcp_server", "librechat.update_mcp_server", "librechat.delete_mcp_server"),
    *(op.id for op in ALL_OPERATIONS if "x-echo-capability" in op.raw),
}
ID_QUERY = [
    (op, parameter["name"])
    for op in ALL_OPERATIONS
    for parameter in op.parameters("query")
    if re.search(r"(Id|_id|^after|^before)$", parameter["name"])
]


# The fields that say whose a document is.
OWNERS = ("_id", "user", "userId", "author", "principalId")


def snapshot(database: Database, owner: str) -> dict[str, Any]:
    """Everything that is stored of a user."""
    found = {}
    for name in (
        "conversations",
        "messages",
        "presets",
        "files",
        "agents",
        "assistants",
        "users",
        "keys",
        "agentapikeys",
        "aclentries",
        "echo_runs",
        "memoryentries",
        "promptgroups",
        "prompts",
        "skills",
        "conversationtags",
        "chatprojects",
        "sharedlinks",
    ):
        whose = [{field: {"$in": [owner, ObjectId(owner)]}} for field in OWNERS]
        rows = [repr(row) for row in database.collection(name).find({"$or": whose})]
        found[name] = sorted(rows)
    return found


class TestEveryOperationWithAnId:
    def test_is_known_here_by_its_ids(self, make_user: MakeUser) -> None:
        names = {str(place[-1]) for op in TAKES_ID for place in id_fields(op.json_schema or {})}
        names |= {parameter["name"] for op in TAKES_ID for parameter in op.parameters("path")}
        assert names <= set(furnish(make_user("ada")).ids), "give furnish() an object for the new id"
        assert len(TAKES_ID) >= 15

    @pytest.mark.parametrize("op", TAKES_ID, ids=lambda op: op.id)
    def test_answers_another_owner_like_a_missing_one(
        self, op: Op, lasting: Belongings, make_user: MakeUser, app_database: Database
    ) -> None:
        ada, bob = lasting, make_user("bob")
        before = snapshot(app_database, ada.owner.id)
        missing = ada.missing
        foreign = faceless(send(bob, op, ada.ids), ada.ids, missing)
        nothing = faceless(send(bob, op, missing), ada.ids, missing)
        assert foreign == nothing
        assert "private" not in foreign[1]
        assert snapshot(app_database, ada.owner.id) == before

    @pytest.mark.parametrize("op", TAKES_ID, ids=lambda op: op.id)
    def test_refuses_or_serves_its_owner_differently(self, op: Op, make_user: MakeUser) -> None:
        """The control: with the caller's own ids the same request succeeds."""
        ada = furnish_for(make_user("ada"), op)
        if op.id in NEVER_SUCCEED:
            return
        if op.id.endswith("follow_chat"):
            # A stream ends with its run.
            ada.owner.post("/api/agents/chat/abort", json={"streamId": ada.ids["streamId"]})
        answer = send(ada.owner, op, ada.ids)
        if op.id in ADMINISTRATORS_ONLY:
            assert answer.status_code == 403
        else:
            assert answer.is_success

    def test_with_several_ids_is_known_here(self) -> None:
        found = {op.id: named_by(op) for op in TAKES_ID}
        assert {operation: ids for operation, ids in found.items() if len(ids) > 1} == SEVERAL_IDS

    @pytest.mark.parametrize("operation", SEVERAL_IDS)
    def test_checks_each_of_several_ids(
        self, operation: str, lasting: Belongings, make_user: MakeUser, app_database: Database
    ) -> None:
        """The caller's own conversation with another's message, and so on (CVE-2024-41703)."""
        (op,) = (each for each in TAKES_ID if each.id == operation)
        ada, bob = lasting, furnish_for(make_user("bob"), op)
        before, missing = snapshot(app_database, ada.owner.id), ada.missing
        for name in sorted(SEVERAL_IDS[operation]):
            foreign = faceless(
                send(bob.owner, op, {**bob.ids, name: ada.ids[name]}), ada.ids, bob.ids, missing
            )
            nothing = faceless(
                send(bob.owner, op, {**bob.ids, name: missing[name]}), ada.ids, bob.ids, missing
            )
            assert foreign == nothing, name
        assert snapshot(app_database, ada.owner.id) == before


@pytest.mark.parametrize(("op", "name"), ID_QUERY, ids=lambda value: getattr(value, "id", value))
def test_an_id_in_the_query_shows_nothing_of_another(op: Op, name: str, furnished: Furnished) -> None:
    ada, bob = furnished("ada"), furnished("bob")
    value = {"after": ada.ids["id"], "before": ada.ids["id"]}.get(name) or ada.ids[name]
    absent = {"after": ada.missing["id"], "before": ada.missing["id"]}.get(name) or ada.missing[name]
    foreign = send(bob.owner, op, bob.ids, params={name: value})
    nothing = send(bob.owner, op, bob.ids, params={name: absent})
    assert faceless(foreign) == faceless(nothing)


def test_a_cursor_of_another_user_shows_only_ones_own(make_user: MakeUser) -> None:
    ada, bob = make_user("ada"), make_user("bob")
    for user in (ada, bob):
        for number in range(3):
            user.post(
                f"/api/messages/{user.id}-{number}", json={"text": f"{user.email} {number}", "sender": "user"}
            )
    cursor = ada.get("/api/convos", params={"limit": 1}).json()["nextCursor"]
    answer = bob.get("/api/convos", params={"limit": 10, "cursor": cursor})
    assert ada.email not in answer.text
    assert ada.id not in answer.text
