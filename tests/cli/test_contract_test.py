"""`echo-api contract test` at a small server with one fault: what it finds, and how it reports that."""

import json
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from xml.etree import ElementTree

import pytest

from echo.cli import contract_testing
from echo.testing.sarif import sarif
from echo.testing.sweeps.catalogue import SWEEPS
from tests.cli.conftest import Run
from tests.support.threaded import serving
from tests.testing.notes import Notes, NotesHandler

DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "Things", "version": "1"},
    "paths": {
        path: {
            "get": {
                "operationId": name,
                "responses": {
                    "200": {
                        "description": "ok",
                        "content": {"application/json": {"schema": {"type": "object", "required": ["code"]}}},
                    }
                },
            }
        }
        for path, name in (("/good", "good"), ("/broken", "broken"), ("/gone", "gone"))
    },
}


class Things(BaseHTTPRequestHandler):
    seen: set[tuple[str, str | None]]

    def do_GET(self) -> None:
        self.seen.add((self.path, self.headers["Authorization"]))
        status = {"/broken": 500, "/api/user": 401}.get(self.path, 200)
        content = json.dumps(DOCUMENT if self.path == "/openapi.json" else {"code": "a"}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    Things.seen = set()
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Things)) as url:
        yield url


def test_reports_a_fault_in_every_form(run: Run, url: str, tmp_path: Path) -> None:
    forms = ("junit", "json", "sarif", "html")
    files = [part for form in forms for part in (f"--{form}", f"report.{form}")]
    chosen = (
        "--exclude",
        "gone",
        "--sweeps",
        "paging",
        "--token",
        "one",
        "--token",
        "two",
        "--minutes",
        "0.1",
        "--seed",
        "1",
    )
    done = run("contract", "test", url, *chosen, *files)
    assert done.exit_code == 1, done.output
    tried = {path for path, token in Things.seen if token == "Bearer one"}
    assert {"/good", "/broken"} <= tried
    assert "/gone" not in {path for path, _ in Things.seen}
    names = {case.get("name") for case in ElementTree.parse(tmp_path / "report.junit").iter("testcase")}
    assert "GET /broken" in names
    assert json.loads((tmp_path / "report.json").read_text())["seed"] == 1
    [log] = json.loads((tmp_path / "report.sarif").read_text())["runs"]
    assert any("Server error" in result["message"]["text"] for result in log["results"])
    page = (tmp_path / "report.html" / "index.html").read_text()
    # Lines that can be sent again, and none for what is gone with this command's own directory.
    assert "&quot;Authorization: Bearer $TOKEN&quot; " in page
    assert '"Authorization: Bearer $TOKEN" ' in done.stdout
    assert "Authorization: Bearer $TOKEN" in (tmp_path / "report.junit").read_text()
    for told in (page, done.stdout):
        assert "[Filtered]" not in told
        assert "st replay" not in told
    # Whose tokens they are, only the caller knows.
    assert "contract-ada" not in done.stdout
    assert f"  - JSON: {tmp_path / 'report.json'}\n" in done.stdout
    assert "/report.json" not in done.stdout.replace(str(tmp_path / "report.json"), "")


def test_a_report_has_nothing_of_an_earlier_run(run: Run, url: str, tmp_path: Path) -> None:
    (tmp_path / "r.xml").write_text('<testsuites tests="9" failures="9"><testsuite name="old"/></testsuites>')
    (tmp_path / "html").mkdir()
    (tmp_path / "html" / "index.html").write_text("<main>old</main>")
    chosen = ("--exclude", "fuzz", "--sweeps", "paging", "--token", "one", "--operation", "good")
    assert run("contract", "test", url, *chosen, "--junit", "r.xml", "--html", "html").exit_code == 75
    suites = ElementTree.parse(tmp_path / "r.xml").getroot()
    assert ([each.get("name") for each in suites], suites.get("tests")) == (["sweeps"], "1")
    assert "old" not in (tmp_path / "html" / "index.html").read_text()


@pytest.mark.parametrize("option", ["--junit", "--json", "--sarif"])
def test_a_report_that_cannot_be_written_is_told_before_the_test(run: Run, url: str, option: str) -> None:
    done = run("contract", "test", url, option, "no/report")
    assert done.exit_code == 2
    assert f"Invalid value for '{option}': No file can be written in " in done.stderr
    assert Things.seen == set()


def test_names_no_report_that_nobody_asked_for(tmp_path: Path) -> None:
    printed = f"Done\n\nReports:\n  - JSON: {tmp_path}/report.json\n\nSeed: 1\n"
    assert contract_testing.for_users(printed, tmp_path, None) == "Done\n\nSeed: 1\n"
    with_another = printed.replace("  - JSON", "  - JUnit: /r.xml\n  - JSON")
    expected = "Done\n\nReports:\n  - JUnit: /r.xml\n\nSeed: 1\n"
    assert contract_testing.for_users(with_another, tmp_path, None) == expected


class TestNothingTried:
    @pytest.mark.parametrize("option", ["--operation", "--exclude"])
    def test_operations_that_the_document_has_not(self, run: Run, url: str, option: str) -> None:
        done = run("contract", "test", url, option, "god", option, "good")
        assert done.exit_code == 2
        assert "The document has no operation god. It has good." in done.stderr
        assert Things.seen == {("/openapi.json", None)}

    def test_is_no_success(self, run: Run, url: str) -> None:
        chosen = ("--operation", "good", "--exclude", "fuzz", "--sweeps", "paging", "--token", "one")
        done = run("contract", "test", url, *chosen)
        assert done.exit_code == 75, done.output
        assert "paging           0 tried, 0 found" in done.stdout
        assert "Nothing was tried" in done.stderr


class TestSweeps:
    @pytest.fixture
    def notes(self) -> Iterator[str]:
        """Notes that serve anybody."""
        handler = type("Handler", (NotesHandler,), {"notes": Notes("serves")})
        with serving(ThreadingHTTPServer(("127.0.0.1", 0), handler)) as url:
            yield url

    TOKENS = ("--token", "of ada", "--token", "of bob", "--exclude", "fuzz")

    def test_are_in_every_report_with_a_line_for_curl(self, run: Run, notes: str, tmp_path: Path) -> None:
        files = [part for form in ("junit", "json", "sarif", "html") for part in (f"--{form}", f"r.{form}")]
        done = run("contract", "test", notes, *self.TOKENS, "--exclude", "idempotency", *files)
        assert done.exit_code == 1, done.output
        curl = f"{notes}/notes/"
        assert "A user is served with what is another's" in done.stdout
        assert "curl -X GET" in done.stdout
        [suite] = ElementTree.parse(tmp_path / "r.junit").iter("testsuite")
        failed = {case.get("name"): case.findtext("failure") for case in suite if len(case)}
        assert curl in (failed["ownership: GET /notes/{noteId}"] or "")
        assert {case.get("classname") for case in suite} == {
            "methods",
            "errors",
            "ownership",
            "streams",
            "paging",
        }
        assert suite.get("failures") == str(len(failed))
        found = json.loads((tmp_path / "r.json").read_text())
        assert "GET /notes/{noteId}" in next(
            each["operations"] for each in found["failures"] if each["type"] == "ownership/served-to-another"
        )
        assert curl in found["sweeps"]["ownership"]["findings"][0]["exchanges"][-1]["curl"]
        [log] = json.loads((tmp_path / "r.sarif").read_text())["runs"]
        assert any(curl in each["message"]["text"] and each["level"] == "error" for each in log["results"])
        page = (tmp_path / "r.html" / "index.html").read_text()
        assert curl in page
        assert "<h3>GET /notes/{noteId}</h3>" in page

    def test_no_link_is_looked_for_among_operations_without_one(self, run: Run, notes: str) -> None:
        alone = ("--operation", "list_notes", "--token", "of ada", "--token", "of bob", "--sweeps", "paging")
        done = run("contract", "test", notes, *alone, "--minutes", "0.1", "--seed", "1")
        assert "Selected: 1/6" in done.stdout
        assert "Missing Open API links" not in done.stdout

    def test_one_alone_finds_nothing_of_the_others(self, run: Run, notes: str) -> None:
        done = run("contract", "test", notes, *self.TOKENS, "--sweeps", "paging")
        assert done.exit_code == 0, done.output
        assert "ownership" not in done.stdout

    def test_of_one_user_leave_ownership_out(self, run: Run, notes: str) -> None:
        done = run("contract", "test", notes, "--token", "of ada", "--exclude", "fuzz", "--exclude", "errors")
        assert done.exit_code == 0, done.output
        assert "ownership" not in done.stdout


def test_names_of_the_sweeps_are_theirs() -> None:
    assert set(contract_testing.SWEEPS) == set(SWEEPS)


def test_a_server_that_is_not_there(run: Run, tmp_path: Path) -> None:
    done = run("contract", "test", "http://127.0.0.1:9")
    told = "Testing http://127.0.0.1:9: 5 minutes at most.\n"
    assert (done.exit_code, done.stderr) == (69, f"{told}echo-api: http://127.0.0.1:9 does not answer.\n")


def test_writes_a_configuration_once(run: Run, tmp_path: Path) -> None:
    assert run("contract", "init").exit_code == 0
    written = tomllib.loads((tmp_path / "schemathesis.toml").read_text())
    assert written["hooks"] == "echo.testing.hooks"
    assert written["checks"]["use_after_free"] == {"enabled": False}
    assert written["checks"]["negative_data_rejection"]["enabled"] is False
    assert 405 in written["checks"]["negative_data_rejection"]["expected-statuses"]
    # In one entry: Schemathesis warns of an entry that no operation matches.
    assert written["operations"] == [{"include-operation-id": ["logout", "delete_account"], "enabled": False}]
    users = json.loads((tmp_path / "schemathesis-users.json").read_text())
    assert [each["name"] for each in users["auth"]] == ["ada", "bob"]
    assert run("contract", "init").exit_code == 1
    assert run("contract", "init", "--force").exit_code == 0


def test_findings_are_of_operations() -> None:
    failure = {
        "type": "server_error",
        "title": "Server error",
        "severity": "CRITICAL",
        "operations": ["GET /a"],
    }
    [result] = sarif({"failures": [failure]}, "openapi.json")["runs"][0]["results"]
    assert (result["ruleId"], result["level"]) == ("server_error", "error")
    assert result["message"] == {"text": "GET /a: Server error"}
