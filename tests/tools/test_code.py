"""Code is run by the operator's service, for who may, with files of who runs it; nothing of it is trusted."""

import asyncio
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from echo.errors import NotFound
from echo.files import FileStore
from echo.handling.upload import Upload
from echo.indexing.results import Searched
from echo.settings.tools import CodeSettings
from echo.tools.code.assembly import code_placing
from echo.tools.code.calls import CodeCalls
from echo.tools.code.inputs import CodeFiles, Inputs, placed
from echo.tools.code.names import safe_name
from echo.tools.code.outputs import Outputs
from echo.tools.code.service import CodeRef, CodeService, ref_of
from echo.tools.code.source import CodeParts, CodeRunner
from echo.tools.outbound import Outbound
from echo.tools.tool import Called, Offer, RunPlace, ToolFailure, ToolOutput, Wanted
from storage.core.database import Database, Document
from storage.library.files import FileRepository
from tests.support.chats import new_owner
from tests.support.code_interpreter import KEY, Held, Interpreter, code_interpreter
from tests.support.database import PreparedDatabase
from tests.support.routes import Answer, Service


class Rights:
    """Whoever asks may read these files, and no others."""

    def __init__(self, *files: Searched) -> None:
        self.files = [*files]

    def searchable(self, _owner: str, _agent_id: str | None, _ids: Any) -> list[Searched]:
        return self.files


@dataclass
class Bench:
    """A runner of code at a service, and where files are kept."""

    service: CodeService
    store: FileStore
    files: FileRepository
    interpreter: Interpreter

    def runner(self, *files: Searched, may: bool = True) -> CodeRunner:
        outputs = Outputs(self.service, self.store, self.files, "/chat")
        parts = CodeParts(self.service, CodeFiles(self.service, self.store, self.files), outputs)
        rights: Any = Rights(*files)
        return CodeRunner(parts, may=lambda *_: may, rights=rights)

    def call(self, place: RunPlace, *programs: str, files: tuple[Searched, ...] = ()) -> list[ToolOutput]:
        async def call() -> list[ToolOutput]:
            offer = await self.runner(*files).offer(Wanted(("execute_code",), agent_id="agent_1"), place)
            return [await offer.tools[0].call(Called("c", {"lang": "py", "code": code})) for code in programs]

        return asyncio.run(call())

    def keep(self, owner: str, name: str, content: bytes, **more: Any) -> Document:
        stored = self.store.save(owner, Upload(BytesIO(content), name, "", len(content)))
        return self.files.insert(owner, {**stored.record, **more})


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Service, Interpreter]]:
    with code_interpreter() as found:
        yield found


@pytest.fixture(scope="module")
def files(prepared_database: PreparedDatabase) -> Iterator[FileRepository]:
    database = Database(prepared_database.uri)
    yield FileRepository(database)
    database.close()
    prepared_database.clear()


@pytest.fixture
def place() -> RunPlace:
    """A run in a conversation of its own."""
    return RunPlace(new_owner(), str(uuid.uuid4()), str(uuid.uuid4()))


@pytest.fixture
def bench(running: tuple[Service, Interpreter], files: FileRepository, tmp_path: Path) -> Bench:
    service, interpreter = running
    interpreter.is_down = False
    interpreter.programs.clear()
    interpreter.held.clear()
    service.asked.clear()
    store = FileStore(tmp_path, max_bytes=100_000, max_pixels=10_000)
    return Bench(CodeService(CodeSettings(service.url, KEY), Outbound()), store, files, interpreter)


def text(output: ToolOutput) -> str:
    return str(output.content[0].text)  # type: ignore[union-attr]


class TestOffer:
    def test_is_for_who_may_where_there_is_a_service(self, bench: Bench, place: RunPlace) -> None:
        wanted, rights = Wanted(("execute_code",)), Rights()
        offers = [
            asyncio.run(each.offer(wanted, place))
            for each in (
                bench.runner(),
                bench.runner(may=False),
                CodeRunner(None, may=lambda *_: True, rights=rights),  # type: ignore[arg-type]
            )
        ]
        assert [[tool.spec.name for tool in each.tools] for each in offers] == [["execute_code"], [], []]
        assert asyncio.run(bench.runner().offer(Wanted(("calculator",)), place)) == Offer()

    def test_nothing_is_run_without_a_service(self, place: RunPlace) -> None:
        nobody: Any = None
        runner = CodeRunner(None, may=lambda *_: True, rights=nobody)
        with pytest.raises(NotFound):
            CodeCalls(runner, nobody, nobody).check(nobody, "execute_code", {})
        with pytest.raises(ToolFailure):
            asyncio.run(runner.run(place, {"code": "print 1"}))
        assert not runner.is_there
        assert code_placing(None) is None

    def test_names_the_files_that_programs_find(self, bench: Bench, place: RunPlace) -> None:
        file = Searched(bench.keep(place.owner, "my data.csv", b"1"))
        offer = asyncio.run(bench.runner(file).offer(Wanted(("execute_code",)), place))
        [note] = offer.instructions
        assert note.splitlines()[1] == f"- /mnt/data/{safe_name('my data.csv')}"
        assert bench.interpreter.held == {}


class TestRun:
    def test_gives_what_is_printed_and_asks_by_the_key(
        self, bench: Bench, place: RunPlace, running: tuple[Service, Interpreter]
    ) -> None:
        [output] = bench.call(place, "print {{x}} ${Y}")
        assert text(output) == "stdout:\n{{x}} ${Y}"
        assert bench.interpreter.programs == [
            {"lang": "py", "code": "print {{x}} ${Y}", "user_id": place.owner}
        ]
        assert [each.path for each in running[0].asked] == ["/exec"]

    def test_that_fails_says_so(self, bench: Bench, place: RunPlace) -> None:
        bench.interpreter.is_down = True
        with pytest.raises(ToolFailure, match="status 503"):
            bench.call(place, "print 1")
        bench.interpreter.is_down = False
        with pytest.raises(ToolFailure, match="lang"):
            asyncio.run(bench.runner().run(place, {"lang": "cobol", "code": "1"}))

    def test_output_is_cut(self, bench: Bench, place: RunPlace) -> None:
        [output] = bench.call(place, "loud")
        assert len(text(output)) == 100_000 + len("stdout:\n")


class TestFilesThatAreFound:
    def test_are_brought_to_the_service_once_and_noted(self, bench: Bench, place: RunPlace) -> None:
        record = bench.keep(place.owner, "data.csv", b"a,b")
        first, second = bench.call(place, "show data.csv", "show data.csv", files=(Searched(record),))
        assert text(first) == text(second) == "stdout:\na,b"
        [ref] = bench.interpreter.of("data.csv")
        stored = bench.files.get(place.owner, record["file_id"])["metadata"]
        about = {"kind": "user", "id": place.owner, "executionProfile": "default"}
        expected = {**about, "storage_session_id": ref[0], "file_id": ref[1]}
        assert stored == {"codeEnvRef": expected, "codeEnvRefs": {"default": expected}}

    @pytest.mark.parametrize(("hours", "held"), [(1.0, 1), (23.5, 2)], ids=["there", "soon to go"])
    def test_are_brought_again_before_they_go(
        self, bench: Bench, place: RunPlace, hours: float, held: int
    ) -> None:
        record = bench.keep(place.owner, "data.csv", b"a,b")
        bench.call(place, "print 1", files=(Searched(record),))
        [ref] = bench.interpreter.of("data.csv")
        bench.interpreter.age(ref, hours)
        again = Searched(bench.files.get(place.owner, record["file_id"]))
        [output] = bench.call(place, "show data.csv", files=(again,))
        assert text(output) == "stdout:\na,b"
        assert len(bench.interpreter.of("data.csv")) == held

    def test_of_an_agent_are_the_agents_at_the_service(self, bench: Bench, place: RunPlace) -> None:
        """Also one that its author had there as a user: nobody else may have that from the service."""
        author = new_owner()
        session, file_id = bench.interpreter.hold(Held("a.txt", b"x", "user", author))
        metadata = {"codeEnvRef": CodeRef("user", author, session, file_id).stored}
        record = bench.keep(author, "a.txt", b"of the agent", metadata=metadata)
        [output] = bench.call(place, "show a.txt", files=(Searched(record, of_agent=True),))
        assert text(output) == "stdout:\nof the agent"
        assert {(each.kind, each.of) for each in bench.interpreter.held.values()} == {
            ("user", author),
            ("agent", "agent_1"),
        }
        stored = ref_of(bench.files.get(author, record["file_id"]))
        assert stored is not None
        assert (stored.kind, stored.id) == ("agent", "agent_1")

    def test_that_are_gone_are_named_and_the_program_runs(self, bench: Bench, place: RunPlace) -> None:
        record = bench.keep(place.owner, "gone.txt", b"x")
        bench.store.delete(record)
        [output] = bench.call(place, "print still here", files=(Searched(record),))
        assert text(output).splitlines() == [
            "stdout:",
            "still here",
            "Not there, as they could not be brought: gone.txt",
        ]

    def test_of_earlier_programs_are_found_by_later_ones(self, bench: Bench, place: RunPlace) -> None:
        outputs = bench.call(place, "write a.txt one", "write a.txt two", "show a.txt")
        assert text(outputs[2]) == "stdout:\ntwo"

    def test_are_so_many_at_most(self, bench: Bench, place: RunPlace) -> None:
        of = [Searched({"filename": f"{number}.txt", "file_id": str(number)}) for number in range(150)]
        bring = CodeFiles(bench.service, bench.store, bench.files)
        names = Inputs(bring, place.owner, None, of).names
        assert (len(names), names[0], names[-1]) == (100, "50.txt", "149.txt")

    def test_are_brought_when_they_are_uploaded(self, bench: Bench, place: RunPlace) -> None:
        content = BytesIO(b"abc")
        content.read()
        metadata = placed(bench.service, place.owner, None, "my data.csv", content)
        [held] = bench.interpreter.held.values()
        assert (held.content, held.kind, held.of) == (b"abc", "user", place.owner)
        assert metadata["codeEnvRef"]["kind"] == "user"
        bench.interpreter.is_down = True
        with pytest.raises(ToolFailure):
            placed(bench.service, place.owner, None, "a.csv", content)

    def test_are_forgotten_also_by_an_older_service(
        self, bench: Bench, running: tuple[Service, Interpreter]
    ) -> None:
        ref = CodeRef("user", "u", "s", "f")
        bench.interpreter.is_down = True
        asyncio.run(bench.service.delete("u", ref))
        service = running[0]
        answers: dict[str, Any] = {"/files/s/f": Answer({}, 200)}
        before, service.routes = service.routes, answers
        try:
            asyncio.run(bench.service.delete("u", ref))
        finally:
            service.routes = before
        asked = [(each.method, each.path) for each in service.asked]
        objects = ("DELETE", "/sessions/s/objects/f")
        assert asked == [objects, objects, ("DELETE", "/files/s/f")]
        assert service.asked[0].query == {"kind": "user", "id": "u"}


class TestFilesThatAreLeft:
    def test_become_files_of_the_user(self, bench: Bench, place: RunPlace) -> None:
        [output] = bench.call(place, "write out/data.csv 1,2\npicture plot.png".replace("\\n", "\n"))
        table, picture = output.attachments
        assert text(output).splitlines()[-1] == "Files: out/data.csv, plot.png"
        assert (table["filename"], table["type"], table["text"]) == ("out/data.csv", "text/csv", "1,2")
        assert (table["context"], table["user"], table["source"]) == ("execute_code", place.owner, "local")
        assert (picture["type"], picture["width"], picture["height"]) == ("image/png", 2, 1)
        assert picture["filepath"].startswith(f"/images/{place.owner}/")
        assert not any("metadata" in each for each in output.attachments)
        record = bench.files.get(place.owner, table["file_id"])
        about = (record["conversationId"], record["messageId"], record["textFormat"])
        assert about == (place.conversation_id, place.answer_id, "text")
        [ref] = bench.interpreter.of("out/data.csv")
        assert ref_of(record) == CodeRef("user", place.owner, *ref)
        with bench.store.opened(record) as stream:
            assert stream.read() == b"1,2"

    def test_of_one_name_replace_one_another_and_all_stay(self, bench: Bench, place: RunPlace) -> None:
        outputs = bench.call(place, "write a.txt one", "write a.txt two")
        [first], [second] = (each.attachments for each in outputs)
        found = [bench.files.get(place.owner, each["file_id"]) for each in (first, second)]
        assert [each["context"] for each in found] == ["message_attachment", "execute_code"]
        assert [each["text"] for each in found] == ["one", "two"]

    @pytest.mark.parametrize(
        ("code", "name"),
        [
            ("write big.txt " + "x" * 100_001, "big.txt"),
            ("write empty.txt ", "empty.txt"),
            ("write notes.bin \x00\x01", "notes.bin"),
        ],
        ids=["too large", "empty", "of no type"],
    )
    def test_that_are_not_kept_here_are_told_with_where_they_are(
        self, bench: Bench, place: RunPlace, code: str, name: str
    ) -> None:
        [output] = bench.call(place, code)
        [attachment] = output.attachments
        [ref] = bench.interpreter.of(name)
        assert attachment["filepath"] == f"/chat/api/files/code/download/{ref[0]}/{ref[1]}"
        assert (attachment["source"], attachment["filename"]) == ("execute_code", name)
        assert attachment["expiresAt"] > 1_700_000_000_000
        assert bench.files.find_made(place.owner, *ref)["file_id"] == attachment["file_id"]

    def test_with_names_of_another_conversation_do_no_harm(self, bench: Bench, place: RunPlace) -> None:
        """Somebody may have a conversation of the same id."""
        mallory = replace(place, owner=new_owner())
        [theirs], [mine] = (bench.call(each, "write a.txt x")[0].attachments for each in (mallory, place))
        assert theirs["context"] == "execute_code"
        assert mine["context"] == "message_attachment"
        assert bench.files.get(place.owner, mine["file_id"])["text"] == "x"

    def test_of_a_hostile_service_are_bounded(
        self, bench: Bench, place: RunPlace, running: tuple[Service, Interpreter]
    ) -> None:
        service, _ = running
        listed = [
            {"id": "../x", "name": "evil.png", "session_id": "s"},
            {"id": "ok", "name": "a.txt", "session_id": ".."},
            {"id": "ok", "name": 7, "session_id": "s"},
            "nonsense",
            *({"id": f"f{number}", "name": f"{number}.txt", "session_id": "s"} for number in range(500)),
        ]
        answers: dict[str, Any] = {"/exec": Answer({"stdout": ["x"], "files": listed})}
        before, service.routes = service.routes, answers
        try:
            [output] = bench.call(place, "anything")
        finally:
            service.routes = before
        assert len(output.attachments) == 50
        assert {each["source"] for each in output.attachments} == {"execute_code"}
        asked = [each.path for each in service.asked if each.path.startswith("/download")]
        assert asked == [f"/download/s/f{number}" for number in range(20)]


class TestNames:
    @pytest.mark.parametrize(
        ("name", "safe"),
        [
            ("plot.png", "plot.png"),
            ("out/data.csv", "out/data.csv"),
            ("größe.csv", "größe.csv"),
            ("../../etc/passwd", "etc/passwd-"),
            ("/etc/passwd", "etc/passwd-"),
            ("a b.txt", "a_b-"),
            (".env", "_-"),
            ("..", "file-"),
            ("", "file-"),
            ("x" * 700 + ".txt", "x" * 200 + "-"),
        ],
    )
    def test_lead_down_only(self, name: str, safe: str) -> None:
        assert safe_name(name).startswith(safe)
        assert not {"..", ""} & set(safe_name(name).split("/"))

    def test_that_differ_stay_different(self) -> None:
        names = ["a b.txt", "a@b.txt", "a_b.txt", "./a_b.txt", "a//b.txt", "a/b.txt"]
        assert len({safe_name(each) for each in names}) == 6
        assert len(safe_name("/".join(["x" * 200] * 9)).encode()) <= 600


@pytest.mark.parametrize(
    ("metadata", "session"),
    [
        ({"fileIdentifier": "s1/f1?entity_id=x"}, "s1"),
        ({"codeEnvRef": {"kind": "user", "id": "u", "storage_session_id": "s", "file_id": "f"}}, "s"),
        ({"codeEnvRef": {"kind": "user", "id": "u", "storage_session_id": "../s", "file_id": "f"}}, None),
        ({"codeEnvRef": {"kind": "skill", "id": "u", "storage_session_id": "s", "file_id": "f"}}, None),
        ({"codeEnvRef": {"executionProfile": "stateful"}}, None),
        ({"fileIdentifier": "../x"}, None),
        ({"codeEnvRef": 3}, None),
        (None, None),
    ],
)
def test_where_a_file_is_is_read_from_records_of_any_age(metadata: Any, session: str | None) -> None:
    found = ref_of({"user": "u", "metadata": metadata})
    assert (found.session if found else None) == session
