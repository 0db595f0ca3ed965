"""With which options Schemathesis is run."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from echo.testing import running
from echo.testing.running import Plan, run_schemathesis

ANSWER = {"200": {"description": "There"}}
LINKED = {"200": {"description": "Made", "links": {"self": {"operationId": "get_note"}}}}
DOCUMENT = {
    "paths": {
        "/notes": {"post": {"operationId": "create_note", "responses": LINKED}},
        "/notes/{id}": {"get": {"operationId": "get_note", "responses": ANSWER}},
        "/health": {"get": {"responses": ANSWER}},
    }
}


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    (tmp_path / "openapi.json").write_text(json.dumps(DOCUMENT))
    return Plan(tmp_path / "openapi.json", seconds=5)


def options_of(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The command line that a plan becomes."""
    commands: list[list[str]] = []

    def run(command: list[str], **_: Any) -> Any:
        commands.append(command)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    run_schemathesis("http://echo", plan, plan.document.parent)
    [command] = commands
    return command


@pytest.mark.parametrize("choice", ["include", "exclude"])
def test_operations_without_an_id_are_named_by_method_and_path(
    plan: Plan, monkeypatch: pytest.MonkeyPatch, choice: str
) -> None:
    names = ("get_note", "GET /health")
    chosen = replace(plan, only=names) if choice == "include" else replace(plan, without=names)
    options = options_of(chosen, monkeypatch)
    assert options[options.index(f"--{choice}-operation-id") + 1] == "get_note"
    assert options[options.index(f"--{choice}-name") + 1] == "GET /health"


class TestPhases:
    @pytest.mark.parametrize(
        ("only", "phases", "said"),
        [
            # Links are followed where there are some to follow.
            ((), (), None),
            (("create_note", "get_note"), (), None),
            (("get_note",), (), "examples,coverage,fuzzing"),
            (("create_note",), (), "examples,coverage,fuzzing"),
            # Those that a plan names are run, whatever there is.
            ((), ("stateful",), "stateful"),
            (("get_note",), ("coverage", "fuzzing"), "coverage,fuzzing"),
        ],
    )
    def test_are_named(
        self,
        plan: Plan,
        monkeypatch: pytest.MonkeyPatch,
        only: tuple[str, ...],
        phases: tuple[str, ...],
        said: str | None,
    ) -> None:
        options = options_of(replace(plan, only=only, phases=phases), monkeypatch)
        assert ("--phases" in options) is (said is not None)
        assert said is None or options[options.index("--phases") + 1] == said


class TestTokens:
    """A wrong one would find nothing: all that is asked with it is refused."""

    @pytest.mark.parametrize(("own_account", "asked"), [("get", True), ("post", False), (None, False)])
    def test_are_tried_where_the_document_has_ones_own_account(
        self, plan: Plan, monkeypatch: pytest.MonkeyPatch, own_account: str | None, *, asked: bool
    ) -> None:
        document = json.loads(plan.document.read_text())
        if own_account:
            document["paths"]["/api/user"] = {own_account: {"operationId": "own", "responses": ANSWER}}
        plan.document.write_text(json.dumps(document))
        known: list[tuple[str, ...]] = []
        monkeypatch.setattr(running, "know_tokens", lambda _url, tokens: known.append(tokens))
        monkeypatch.setattr(running, "refuses_like_echo", lambda _url: True)
        running.run_at("http://echo", replace(plan, tokens=("a", "b"), fuzz=False))
        assert known == ([("a", "b")] if asked else [])
