"""What a fuzz run finds, beside what Schemathesis says: faults in the server's log."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from echo.testing.running import Outcome, Plan
from echo.testing.sweeps.findings import SweepReport
from tests.contract import fuzz
from tests.contract.fuzz import faults_in, fuzz_families, run_each


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "echo.log"


def write(log: Path, *lines: dict[str, Any]) -> None:
    log.write_text(
        "mongod says hello\n" + "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    )


ASKED = {
    "event": "request",
    "request_id": "r1",
    "operation": "PATCH /api/agents/{id}",
    "path": "/api/agents/a",
}
RAISED = {
    "event": "unhandled exception",
    "request_id": "r1",
    "exception": [
        {
            "exc_type": "InvalidDocument",
            "exc_value": "NUL",
            "frames": [
                {"filename": name, "lineno": line}
                for name, line in (("gate.py", 1), ("service.py", 2), ("versions.py", 69), ("bson.py", 4))
            ],
        }
    ],
}


class TestFaultsIn:
    def test_an_exception_has_its_operation_and_where_it_arose(self, log: Path) -> None:
        write(log, RAISED, ASKED)
        assert faults_in(log) == [
            "PATCH /api/agents/{id} (request r1): unhandled exception: "
            "InvalidDocument: NUL at bson.py:4 < versions.py:69 < service.py:2"
        ]

    def test_a_breach_of_the_contract_has_its_answer(self, log: Path) -> None:
        breach = {"event": "response breaks the contract", "request_id": "r2", "operation": "get_agent"}
        write(log, {**breach, "breach": "name is required", "answer": "{}"})
        assert faults_in(log) == [
            "get_agent (request r2): response breaks the contract: name is required: {}"
        ]

    def test_outside_of_the_contract_there_is_a_path(self, log: Path) -> None:
        failed = {**RAISED, "event": "request failed outside of the contract"}
        write(
            log, failed, {"event": "request", "request_id": "r1", "operation": None, "path": "/api/nowhere"}
        )
        [fault] = faults_in(log)
        assert fault.startswith("/api/nowhere (request r1): request failed outside of the contract: Invalid")

    def test_all_else_is_none(self, log: Path) -> None:
        write(
            log, ASKED, {"event": "request failed", "request_id": "r1"}, {"event": "serving", "url": "http"}
        )
        assert faults_in(log) == []


def plan(name: str) -> Plan:
    return Plan(Path(name), seconds=1)


def test_runs_of_several_plans_are_told_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    swept = SweepReport()
    outcomes = {Path("a"): Outcome(1, "first", swept), Path("b"): Outcome(0, "second")}

    def run_at(url: str, plan: Plan) -> Outcome:
        assert url == "http://echo"
        return outcomes[plan.document]

    monkeypatch.setattr(fuzz, "run_at", run_at)
    outcome = run_each("http://echo", [plan("a"), plan("b")])
    assert (outcome.exit_code, outcome.report) == (1, "first\nsecond")
    assert outcome.swept is swept


class TestFamilies:
    @pytest.fixture
    def document(self, tmp_path: Path) -> Path:
        answers = {"200": {"description": "There"}}
        paths = {
            f"/{name}": {"get": {"operationId": f"get_{name}", "tags": [name], "responses": answers}}
            for name in ("tags", "marks")
        }
        (tmp_path / "openapi.json").write_text(json.dumps({"paths": paths}))
        return tmp_path / "openapi.json"

    @staticmethod
    def run(plans: Sequence[Plan]) -> Outcome:
        found = plans[0].only == ("get_tags",)
        return Outcome(int(found), f"curl http://127.0.0.1:3080/{plans[0].only[0]}")

    def test_all_are_run_and_told_of_and_one_finding_is_one(
        self, document: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert fuzz_families(Plan(document, seconds=20), [], self.run) == 1
        assert capsys.readouterr().out == (
            "tags: 1 operations, 10 s: FOUND\ncurl http://echo/get_tags\nmarks: 1 operations, 10 s: nothing found\n"
        )

    def test_without_a_finding_nothing_is_found(
        self, document: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert fuzz_families(Plan(document, seconds=20), ["marks"], self.run) == 0
        assert capsys.readouterr().out == "marks: 1 operations, 20 s: nothing found\n"

    def test_a_family_that_is_not_there_is_refused(self, document: Path) -> None:
        with pytest.raises(SystemExit, match=r"tags, marks; not \['Marks'\]"):
            fuzz_families(Plan(document, seconds=20), ["Marks"], self.run)
