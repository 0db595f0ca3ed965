"""`echo-api contract test` at a small server with one fault: what it finds, and how it reports that."""

import json
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from xml.etree import ElementTree

import pytest

from echo.testing.sarif import sarif
from tests.cli.conftest import Run

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
    server = ThreadingHTTPServer(("127.0.0.1", 0), Things)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_reports_a_fault_in_every_form(run: Run, url: str, tmp_path: Path) -> None:
    forms = ("junit", "json", "sarif", "html")
    files = [part for form in forms for part in (f"--{form}", f"report.{form}")]
    chosen = ("--exclude", "gone", "--token", "one", "--token", "two", "--minutes", "0.1", "--seed", "1")
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
    assert "curl" in (tmp_path / "report.html" / "index.html").read_text()


def test_a_server_that_is_not_there(run: Run, tmp_path: Path) -> None:
    done = run("contract", "test", "http://127.0.0.1:9")
    assert (done.exit_code, done.stderr) == (69, "echo-api: http://127.0.0.1:9 does not answer.\n")


def test_writes_a_configuration_once(run: Run, tmp_path: Path) -> None:
    assert run("contract", "init").exit_code == 0
    written = tomllib.loads((tmp_path / "schemathesis.toml").read_text())
    assert written["hooks"] == "echo.testing.hooks"
    assert written["checks"]["use_after_free"] == {"enabled": False}
    assert written["checks"]["negative_data_rejection"]["enabled"] is False
    assert 405 in written["checks"]["negative_data_rejection"]["expected-statuses"]
    assert {"include-operation-id": "logout", "enabled": False} in written["operations"]
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
