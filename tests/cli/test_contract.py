"""`echo-api contract ...`, as people run it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run


def document(*, required: bool = False, **schema: Any) -> dict[str, Any]:
    """One operation with a body whose only property has that schema; `next` leads back to the whole."""
    thing = {"type": "object", "properties": {"a": schema, "next": {"$ref": "#/components/schemas/Thing"}}}
    body = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}}
    answer = {"description": "ok", **body}
    shared = {"name": "q", "in": "query", "required": required, "schema": {"type": "string"}}
    operation = {"requestBody": body, "responses": {"200": answer}}
    return {
        "paths": {"/things": {"parameters": [shared], "post": operation}},
        "components": {"schemas": {"Thing": thing}},
    }


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    documents = {
        "old": document(type="string"),
        "short": document(type="string", maxLength=9),
        "asking": document(type="string", required=True),
        "broken": {"paths": {"/": {"get": {"parameters": [{"$ref": "#/no"}], "responses": {}}}}},
        "none": {"openapi": "3.1.0"},
    }
    found = {}
    for name, content in documents.items():
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(content))
        found[name] = str(path)
    return found


class TestDiff:
    def test_says_nothing_of_what_breaks_nobody(self, run: Run, files: dict[str, str]) -> None:
        done = run("contract", "diff", files["old"], files["old"])
        assert (done.exit_code, done.stdout, done.stderr) == (0, "", "Nothing breaks clients.\n")

    @pytest.mark.parametrize(
        ("new", "line"),
        [("short", "POST /things body.a maxLength"), ("asking", "POST /things query.q required")],
    )
    def test_names_what_breaks_clients(self, run: Run, files: dict[str, str], new: str, line: str) -> None:
        done = run("contract", "diff", files["old"], files[new])
        assert (done.exit_code, done.stdout) == (1, f"{line}\n")
        allowed = run("contract", "diff", files["old"], files[new], "--allow", line, "--json")
        assert (allowed.exit_code, json.loads(allowed.stdout)) == (0, {"breaking": []})

    def test_our_document_keeps_the_floor(self, run: Run) -> None:
        done = run("contract", "diff", "--floor")
        assert (done.exit_code, done.stdout) == (0, "")

    @pytest.mark.parametrize(
        ("arguments", "code", "said"),
        [
            (("old",), 2, "Give OLD and NEW"),
            (("old", "none"), 65, "it has no paths"),
            (("broken", "broken"), 65, "#/no leads nowhere"),
        ],
    )
    def test_refuses(
        self, run: Run, files: dict[str, str], arguments: tuple[str, ...], code: int, said: str
    ) -> None:
        done = run("contract", "diff", *(files[each] for each in arguments))
        assert done.exit_code == code
        assert said in done.stderr

    def test_a_file_that_is_not_there(self, run: Run, files: dict[str, str]) -> None:
        done = run("contract", "diff", "nowhere.json", files["old"])
        assert (done.exit_code, done.stderr) == (
            65,
            "echo-api: nowhere.json cannot be read: No such file or directory.\n",
        )


@pytest.mark.parametrize("name", ["echo", "librechat"])
def test_generators_get_nothing_that_stands_in_their_way(run: Run, name: str) -> None:
    done = run("contract", "document", name)
    assert done.exit_code == 0
    printed = json.loads(done.stdout)
    assert "x-oai-" not in done.stdout
    assert "x-openapi-router-controller" not in done.stdout
    answers = [
        answer
        for item in printed["paths"].values()
        for operation in item.values()
        if isinstance(operation, dict)
        for answer in operation.get("responses", {}).values()
    ]
    links = [link for answer in answers for link in answer.get("links", {}).values()]
    assert len(links) > 20
    assert not [link for link in links if "requestBody" in link]
    assert all("schema" in media for answer in answers for media in answer.get("content", {}).values())


def test_a_proxy_whose_report_cannot_be_written_does_not_begin(run: Run) -> None:
    done = run("contract", "proxy", "--to", "http://127.0.0.1:9", "--report", "no/report.json")
    assert done.exit_code == 2
    assert "Invalid value for '--report': No file can be written in " in done.stderr
