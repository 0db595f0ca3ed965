"""Code that people run, files for programs, and what programs leave, by LibreChat's contract."""

import asyncio
import uuid
from typing import Any

import pytest

from echo.services import Services
from echo.tools.tool import Called, RunPlace, Wanted
from tests.conftest import Client, UserClient
from tests.handlers.conftest import Stored
from tests.handlers.librechat.sharing import VIEW, grant
from tests.support.code_interpreter import Interpreter
from tests.support.routes import Service
from tests.support.waiting import until

PATH = "/chat/api/agents/tools/execute_code/call"
CALLS = "/chat/api/agents/tools/calls"
Code = tuple[Service, Interpreter]
NAMES = ("mine.csv", "agents.csv", "searched.csv")


def said(user: UserClient, **more: Any) -> dict[str, Any]:
    """A body for a block of code in a message of the user's."""
    conversation_id = str(uuid.uuid4())
    message = {"text": "```py\nprint 1\n```", "sender": "assistant"}
    made = user.post(f"/api/messages/{conversation_id}", json=message).json()
    where = {"messageId": made["messageId"], "conversationId": conversation_id}
    return {**where, "lang": "py", "partIndex": 0, "blockIndex": 1, "isTemporary": False, **more}


class TestCallTool:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.post(PATH, json={"code": "print 1"}).status_code == 401

    def test_message_of_another_is_not_found(self, ada: UserClient, bob: UserClient) -> None:
        answer = bob.post(PATH, json=said(ada, code="print 1"))
        assert answer.status_code == 404

    def test_runs_the_code_and_keeps_what_it_gave(
        self, ada: UserClient, bob: UserClient, stored: Stored
    ) -> None:
        body = said(ada, code="print 42\nwrite table.csv 1,2")
        answer = ada.post(PATH, json=body)
        assert answer.status_code == 200
        assert answer.json()["result"] == "stdout:\n42\nFiles: table.csv"
        [attachment] = answer.json()["attachments"]
        about = (attachment["filename"], attachment["messageId"], attachment["conversationId"])
        assert about == ("table.csv", body["messageId"], body["conversationId"])
        assert attachment["toolCallId"].startswith(f"{ada.id}_")
        query = {"params": {"conversationId": body["conversationId"]}}
        [listed] = ada.get(CALLS, **query).json()
        assert (listed["result"], listed["partIndex"], listed["blockIndex"]) == (
            answer.json()["result"],
            0,
            1,
        )
        assert (listed["attachments"], listed["toolId"]) == ([attachment], "execute_code")
        assert bob.get(CALLS, **query).json() == []
        [row] = stored.toolcalls.find({"messageId": body["messageId"]})
        assert (str(row["user"]), row["conversationId"], row["__v"]) == (ada.id, body["conversationId"], 0)
        content = ada.get(f"/chat/api/files/download/{ada.id}/{attachment['file_id']}").content
        assert content == b"1,2"

    def test_goes_with_its_message(self, ada: UserClient, stored: Stored) -> None:
        body = said(ada, code="print 1")
        [message] = stored.messages.find({"messageId": body["messageId"]})
        until = message["createdAt"].replace(year=2099)
        stored.messages.update_one({"_id": message["_id"]}, {"$set": {"expiredAt": until}})
        ada.post(PATH, json=body)
        assert stored.toolcalls.find_one({"messageId": body["messageId"]})["expiredAt"] == until  # type: ignore[index]

    @pytest.mark.parametrize(
        ("changes", "status"),
        [({"code": ""}, 400), ({"code": "print 1", "lang": "cobol"}, 400), ({"messageId": None}, 400)],
        ids=["no code", "unknown language", "no message"],
    )
    def test_nonsense_is_refused(self, ada: UserClient, changes: dict[str, Any], status: int) -> None:
        assert ada.post(PATH, json=said(ada, **changes)).status_code == status

    def test_others_are_not_found(self, ada: UserClient) -> None:
        answer = ada.post("/chat/api/agents/tools/calculator/call", json=said(ada, code="1"))
        assert (answer.status_code, answer.json()["code"]) == (404, "unknown_tool")

    def test_a_service_that_is_down_is_a_bad_gateway(self, ada: UserClient, code_server: Code) -> None:
        body = said(ada, code="print 1")
        code_server[1].is_down = True
        try:
            answer = ada.post(PATH, json=body)
        finally:
            code_server[1].is_down = False
        assert (answer.status_code, answer.json()["code"]) == (502, "code_interpreter_failed")
        assert ada.get(CALLS, params={"conversationId": body["conversationId"]}).json() == []

    def test_has_room_for_a_thousand_in_a_conversation(self, ada: UserClient, stored: Stored) -> None:
        body = said(ada, code="print 1")
        ada.post(PATH, json=body)
        row = stored.toolcalls.find_one({"messageId": body["messageId"]})
        assert row is not None
        del row["_id"]
        stored.toolcalls.insert_many([dict(row) for _ in range(999)])
        answer = ada.post(PATH, json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "too_many_of_a_kind")


class TestDownloadCodeOutput:
    def test_anonymous_is_refused(self, api: Client) -> None:
        assert api.get("/chat/api/files/code/download/s/f").status_code == 401

    def test_is_for_whose_run_it_was(self, ada: UserClient, bob: UserClient, code_server: Code) -> None:
        """One that the server does not keep comes from the service."""
        answer = ada.post(PATH, json=said(ada, code="write blob.bin \x00\x01\x02"))
        [attachment] = answer.json()["attachments"]
        path = attachment["filepath"]
        assert path.startswith("/chat/api/files/code/download/")
        given = ada.get(path)
        assert (given.status_code, given.content) == (200, b"\x00\x01\x02")
        assert given.headers["Content-Disposition"] == "attachment; filename*=UTF-8''blob.bin"
        assert bob.get(path).status_code == 404
        session, file_id = path.split("/")[-2:]
        del code_server[1].held[session, file_id]
        gone = ada.get(path)
        assert (gone.status_code, gone.json()["code"]) == (502, "code_interpreter_failed")
        [listed] = [each for each in ada.get("/chat/api/files").json() if each["filename"] == "blob.bin"]
        assert listed["filepath"] == path

    def test_one_that_is_kept_here_comes_from_here(self, ada: UserClient, code_server: Code) -> None:
        answer = ada.post(PATH, json=said(ada, code=f"write {ada.id}.txt here"))
        assert len(answer.json()["attachments"]) == 1
        [ref] = code_server[1].of(f"{ada.id}.txt")
        del code_server[1].held[ref]
        assert ada.get(f"/chat/api/files/code/download/{ref[0]}/{ref[1]}").content == b"here"


class TestUploadForCode:
    def test_goes_to_the_service_as_well(self, ada: UserClient, code_server: Code) -> None:
        name = f"{ada.id}.csv"
        sent = {"file": (name, b"a,b", "text/csv")}
        purpose = {"tool_resource": "execute_code", "message_file": "true"}
        answer = ada.post("/chat/api/files", files=sent, data=purpose).json()
        [ref] = code_server[1].of(name)
        place = answer["metadata"]["codeEnvRef"]
        assert (place["storage_session_id"], place["file_id"], place["kind"]) == (*ref, "user")
        assert code_server[1].held[ref].content == b"a,b"

    def test_is_deleted_there_with_the_file(self, ada: UserClient, code_server: Code) -> None:
        sent = {"file": (f"{ada.id}.csv", b"a,b", "text/csv")}
        data = {"tool_resource": "execute_code", "message_file": "true"}
        file = ada.post("/chat/api/files", files=sent, data=data).json()
        [_] = code_server[1].of(f"{ada.id}.csv")
        gone = {"file_id": file["file_id"], "filepath": file["filepath"]}
        assert ada.delete("/chat/api/files", json={"files": [gone]}).status_code == 200
        until(lambda: code_server[1].of(f"{ada.id}.csv") == [])

    def test_for_an_agent_is_the_agents(self, ada: UserClient, code_server: Code) -> None:
        agent = ada.post("/chat/api/agents", json={"provider": "openAI", "model": "gpt-4o"}).json()["id"]
        sent = {"file": (f"{ada.id}.md", b"x", "text/plain")}
        data = {"tool_resource": "execute_code", "agent_id": agent}
        file = ada.post("/chat/api/files", files=sent, data=data).json()
        [ref] = code_server[1].of(f"{ada.id}.md")
        assert (code_server[1].held[ref].kind, code_server[1].held[ref].of) == ("agent", agent)
        expanded = ada.get(f"/chat/api/agents/{agent}/expanded").json()
        assert expanded["tool_resources"] == {"execute_code": {"file_ids": [file["file_id"]]}}

    def test_leaves_nothing_where_the_service_is_down(self, ada: UserClient, code_server: Code) -> None:
        sent = {"file": ("a.csv", b"a,b", "text/csv")}
        code_server[1].is_down = True
        try:
            data = {"tool_resource": "execute_code", "message_file": "true"}
            answer = ada.post("/chat/api/files", files=sent, data=data)
        finally:
            code_server[1].is_down = False
        assert (answer.status_code, answer.json()["code"]) == (502, "code_interpreter_failed")
        assert ada.get("/chat/api/files").json() == []


def seen(services: Services, runner: UserClient, agent: str | None, *file_ids: str) -> list[str]:
    """What programs of a run find, whatever ids it names."""
    wanted = Wanted(("execute_code",), {"execute_code": file_ids}, agent)
    place = RunPlace(runner.id, str(uuid.uuid4()), str(uuid.uuid4()))

    async def run() -> list[str]:
        [tool] = (await services.code.source.offer(wanted, place)).tools
        output = await tool.call(Called("c", {"code": "".join(f"show {name}\n" for name in NAMES)}))
        shown = str(output.content[0].text)  # type: ignore[union-attr]
        return [name for name in NAMES if f"content of {name}" in shown]

    return asyncio.run(run())


class TestWhatProgramsFind:
    def test_is_what_the_runner_may_read(
        self, ada: UserClient, bob: UserClient, services: Services, stored: Stored
    ) -> None:
        """Whoever made the agent, and whatever ids are named: by the agent's record, a request or a model."""
        made = ada.post("/chat/api/agents", json={"provider": "openAI", "model": "gpt-4o"}).json()
        agent = made["id"]

        def keep(name: str, **purpose: str) -> str:
            sent = {"file": (name, f"content of {name}".encode(), "text/csv")}
            return str(ada.post("/chat/api/files", files=sent, data=purpose).json()["file_id"])

        ids = (
            keep("mine.csv", tool_resource="execute_code", message_file="true"),
            keep("agents.csv", tool_resource="execute_code", agent_id=agent),
            keep("searched.csv", tool_resource="file_search", agent_id=agent),
        )
        assert seen(services, ada, agent, *ids) == list(NAMES)
        assert seen(services, bob, agent, *ids) == []
        assert seen(services, bob, None, *ids) == []
        grant(stored, "agent", made["_id"], VIEW, bob)
        assert seen(services, bob, agent, *ids) == ["agents.csv"]
        # One that was taken from the agent since the run began.
        stored.agents.update_one({"id": agent}, {"$unset": {"tool_resources": ""}})
        assert seen(services, bob, agent, *ids) == []
