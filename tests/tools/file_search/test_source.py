"""The tool `file_search`: for whom, over which files, and what the model and people are told."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from echo.indexing.results import Found, Results, Searched
from echo.services import Services
from echo.settings.agents import AgentSettings, FileSearchSettings
from echo.tools.file_search.rights import Rights
from echo.tools.file_search.source import CITING, DESCRIPTION, NO_FILES, FileSearch
from echo.tools.tool import Called, Offer, RunPlace, ToolFailure, ToolOutput, Wanted
from storage.agents.agents import AgentRepository
from storage.core.database import Database
from storage.library.files import FileRepository
from tests.conftest import UserClient

FILES = "/chat/api/files"
AGENT = {"name": "Helper", "provider": "openAI", "model": "gpt-4o"}


class Index:
    """Finds what it is told to, in the files that it is asked about."""

    is_slow = False

    def __init__(self, *found: tuple[int, str, float, int | None], missing: Sequence[str] = ()) -> None:
        self.found = found
        self.missing = missing
        self.asked: list[tuple[str, str | None, list[str], str]] = []

    def takes(self, media_type: str) -> bool:
        return True

    def add(self, record: Any, agent_id: str | None) -> None:
        return None

    def forget(self, owner: str, records: Any) -> None:
        return None

    async def find(self, runner: str, agent_id: str | None, files: Sequence[Searched], query: str) -> Results:
        self.asked.append((runner, agent_id, [each.file_id for each in files], query))
        found = tuple(Found(files[n], text, relevance, page) for n, text, relevance, page in self.found)
        return Results(found, tuple((files[0], reason) for reason in self.missing))


class World:
    """Whoever runs the tool, and what is searched."""

    def __init__(self, services: Services, database: Database) -> None:
        self.rights = Rights(services.access, AgentRepository(database), FileRepository(database))

    def offer(
        self,
        runner: UserClient,
        index: Index,
        files: Sequence[str],
        *,
        agent_id: str | None = None,
        names: tuple[str, ...] = ("file_search",),
        rules: AgentSettings | None = None,
        citations: FileSearchSettings | None = None,
    ) -> Offer:
        agents, limits = rules or AgentSettings(), citations or FileSearchSettings()
        source = FileSearch(self.rights, index, agents, limits)
        wanted = Wanted(names, {"file_search": files}, agent_id)
        return asyncio.run(source.offer(wanted, RunPlace(runner.id, "c", "m")))

    def ask(self, runner: UserClient, index: Index, files: Sequence[str], **how: Any) -> ToolOutput:
        [tool] = self.offer(runner, index, files, **how).tools
        return call(tool, {"query": "days?"})


def call(tool: Any, arguments: Mapping[str, Any]) -> ToolOutput:
    output: ToolOutput = asyncio.run(tool.call(Called("1", arguments)))
    return output


def text(output: ToolOutput) -> str:
    [part] = output.content
    return part.text  # type: ignore[union-attr]


@pytest.fixture
def world(services: Services, app_database: Database) -> World:
    return World(services, app_database)


def keep(user: UserClient, name: str = "rules.txt", **form: str) -> str:
    sent = {"tool_resource": "file_search", "message_file": "true", **form}
    response = user.post(FILES, files={"file": (name, b"28 days", "text/plain")}, data=sent)
    assert response.status_code == 200, response.text
    return str(response.json()["file_id"])


def agent(user: UserClient, *files: str) -> str:
    resources = {"file_search": {"file_ids": [*files]}}
    made = user.post(
        "/chat/api/agents", json={**AGENT, "tools": ["file_search"], "tool_resources": resources}
    )
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def share(database: Database, agent_id: str, user: UserClient, kind: str = "agent") -> None:
    from bson import ObjectId  # noqa: PLC0415

    stored = database.collection("agents").find_one({"id": agent_id}) or {}
    entry = {"resourceType": kind, "resourceId": stored["_id"], "principalType": "user"}
    database.collection("aclentries").insert_one({**entry, "principalId": ObjectId(user.id), "permBits": 1})


class TestWhoMaySearchWhat:
    def test_ones_own_files_and_no_others(self, world: World, ada: UserClient, bob: UserClient) -> None:
        mine, theirs, index = keep(ada), keep(bob), Index()
        world.ask(ada, index, [theirs, mine, "none", mine])
        assert index.asked == [(ada.id, None, [mine], "days?")]

    def test_an_agents_files_for_whoever_may_use_it(
        self, world: World, app_database: Database, ada: UserClient, bob: UserClient
    ) -> None:
        file, other, attached, index = keep(ada), keep(ada, "other.txt"), keep(bob), Index()
        agent_id = agent(ada, file)
        # Somebody who may not use it has an agent's id, and a file's.
        assert text(world.ask(bob, index, [file], agent_id=agent_id)) == NO_FILES
        share(app_database, agent_id, bob)
        world.ask(bob, index, [file, other, attached], agent_id=agent_id)
        assert index.asked == [(bob.id, agent_id, [file, attached], "days?")]

    def test_one_that_programs_may_use_too(
        self, world: World, app_database: Database, ada: UserClient, bob: UserClient
    ) -> None:
        file, index = keep(ada), Index()
        agent_id = agent(ada, file)
        share(app_database, agent_id, bob, "remoteAgent")
        world.ask(bob, index, [file], agent_id=agent_id)
        assert [each[2] for each in index.asked] == [[file]]

    def test_anothers_file_gets_into_no_agent_by_its_id(
        self, world: World, ada: UserClient, bob: UserClient
    ) -> None:
        theirs, index = keep(ada), Index()
        agent_id = agent(bob, theirs)
        resources = {"file_search": {"file_ids": [theirs]}}
        assert (
            bob.patch(f"/chat/api/agents/{agent_id}", json={"tool_resources": resources}).status_code == 200
        )
        assert text(world.ask(bob, index, [theirs], agent_id=agent_id)) == NO_FILES

    def test_what_is_taken_away_during_a_run_is_not_searched_any_more(
        self, world: World, ada: UserClient
    ) -> None:
        file, index = keep(ada), Index()
        [tool] = world.offer(ada, index, [file]).tools
        ada.request("DELETE", FILES, json={"files": [{"file_id": file, "filepath": "x"}]})
        assert text(call(tool, {"query": "days?"})) == NO_FILES
        assert index.asked == []

    def test_only_with_the_permission_and_the_capability(
        self, world: World, app_database: Database, ada: UserClient
    ) -> None:
        file = keep(ada)
        assert world.offer(ada, Index(), [file], names=("web_search",)) == Offer()
        assert world.offer(ada, Index(), [file], rules=AgentSettings(capabilities=("tools",))) == Offer()
        app_database.collection("users").update_one({"email": ada.email}, {"$set": {"role": "NOBODY"}})
        from echo.access import remembered  # noqa: PLC0415

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(remembered, "CHECK_SECONDS", 0.0)
            assert world.offer(ada, Index(), [file]) == Offer()


class TestWhatIsTold:
    def test_the_tool_and_the_files(self, world: World, ada: UserClient) -> None:
        offer = world.offer(ada, Index(), [keep(ada, "a.txt"), keep(ada, "b  c.txt")])
        [tool] = offer.tools
        assert (tool.spec.name, tool.spec.description) == ("file_search", DESCRIPTION + CITING)
        assert tool.spec.parameters["required"] == ["query"]
        [note] = offer.instructions
        assert note.splitlines()[1:] == ["- a.txt (attached by the user)", "- b c.txt (attached by the user)"]
        [note] = world.offer(ada, Index(), []).instructions
        assert "no files" in note

    def test_passages_with_anchors_and_what_people_see(self, world: World, ada: UserClient) -> None:
        files = [keep(ada, "a.txt"), keep(ada, "b.txt")]
        index = Index(
            (1, "28 days", 0.9, 2), (0, "tea", 0.8, None), (1, "more", 0.5, 3), (0, "less", 0.2, None)
        )
        [tool] = world.offer(ada, index, files).tools
        output = call(tool, {"query": "days?"})
        assert text(output) == (
            "File: b.txt\nAnchor: \\ue202turn0file0 (b.txt)\nPage: 2\nRelevance: 0.9000\nContent: 28 days\n\n---\n"
            "File: a.txt\nAnchor: \\ue202turn0file1 (a.txt)\nRelevance: 0.8000\nContent: tea\n\n---\n"
            "File: b.txt\nAnchor: \\ue202turn0file0 (b.txt)\nPage: 3\nRelevance: 0.5000\nContent: more\n\n---\n"
            "File: a.txt\nRelevance: 0.2000\nContent: less\n"
        )
        [attachment] = output.attachments
        shown = attachment["file_search"]
        assert (attachment["type"], shown["fileCitations"]) == ("file_search", True)
        assert shown["sources"][0] == {
            "type": "file",
            "fileId": files[1],
            "fileName": "b.txt",
            "content": "28 days",
            "relevance": 0.9,
            "pages": [2],
            "pageRelevance": {"2": 0.9},
            "metadata": {"storageType": "local", "fileType": "text/plain", "fileBytes": 7},
        }
        assert [each["fileName"] for each in shown["sources"]] == ["b.txt", "a.txt", "b.txt"]
        # LibreChat's client counts the searches of an answer.
        assert "\\ue202turn1file0" in text(call(tool, {"query": "again"}))
        json.dumps(output.attachments)

    def test_citations_are_bounded_by_the_operator(self, world: World, ada: UserClient) -> None:
        file, index = keep(ada), Index((0, "a", 0.9, 1), (0, "b", 0.8, 2), (0, "c", 0.7, 3))
        for rules, expected in (
            (FileSearchSettings(citations=2), ["a", "b"]),
            (FileSearchSettings(citations_per_file=1), ["a"]),
            (FileSearchSettings(least_relevance=0.75), ["a", "b"]),
        ):
            [shown] = world.ask(ada, index, [file], citations=rules).attachments
            assert [each["content"] for each in shown["file_search"]["sources"]] == expected
        assert (
            world.ask(ada, index, [file], citations=FileSearchSettings(least_relevance=1)).attachments == ()
        )

    def test_what_was_not_searched_and_why(self, world: World, ada: UserClient) -> None:
        output = world.ask(ada, Index(missing=["waiting", "locked", "other"]), [keep(ada)])
        assert text(output).splitlines()[2:] == [
            "Not searched: rules.txt, because it is still being made ready, ask again in a minute.",
            "",
            "Not searched: rules.txt, because it is locked by a password.",
            "",
            "Not searched: rules.txt, because it could not be searched.",
        ]

    @pytest.mark.parametrize(
        "arguments", [{}, {"query": " "}, {"query": 7}, {"query": ["a"]}, {"other": "x"}]
    )
    def test_a_call_that_asks_nothing_fails(
        self, world: World, ada: UserClient, arguments: dict[str, Any]
    ) -> None:
        [tool] = world.offer(ada, Index(), []).tools
        with pytest.raises(ToolFailure):
            call(tool, arguments)

    def test_a_model_may_not_name_files(self, world: World, ada: UserClient, bob: UserClient) -> None:
        """As a document might tell it to."""
        mine, theirs, index = keep(ada), keep(bob), Index()
        [tool] = world.offer(ada, index, [mine]).tools
        call(
            tool, {"query": "x", "file_id": theirs, "files": [theirs], "agent_id": "agent_1", "user": bob.id}
        )
        assert index.asked == [(ada.id, None, [mine], "x")]
