"""Schemathesis against a server of a contract, over HTTP, with two users: every phase, every check."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import requests

from echo.testing.accounts import HEADERS, SECONDS, ServerUnusable, prepare_users, wfc
from echo.testing.configuration import configuration

# Checks of ours stand for these: see `echo.testing.hooks`.
HOOKS = "echo.testing.hooks"
REPLACED = ("use_after_free", "ensure_resource_availability", "negative_data_rejection")
# Of documents that declare hardly any error: what they do not say is not held against the server.
NOT_WITHOUT_ERRORS = ("status_code_conformance", "unsupported_method", "allow_header_conformance")
# LibreChat deletes an account without asking for anything, and nothing can be tried afterwards.
NOT_WITH_LIBRECHAT = ("delete_account",)


@dataclass(frozen=True)
class Plan:
    """What to run: at most for so many seconds, on these operations (all if none are named) but for some.

    `tokens` are access tokens of two users; without them two accounts are made. `reports` are files by their forms
    ("junit", "json", "html").
    """

    document: Path
    seconds: int
    seed: int | None = None
    # Checks that are left out.
    exclude: tuple[str, ...] = ()
    # Operations, by their ids.
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    # Whether the statuses and bodies of refusals are held against the document.
    refusals: bool = True
    tokens: tuple[str, ...] = field(default=(), repr=False)
    reports: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """How a run ended: Schemathesis's exit code (0 nothing found, 1 something, 2 it could not run) and its report."""

    exit_code: int
    report: str

    @property
    def summary(self) -> str:
        """The report's last part, with the counts."""
        return self.report[-4000:]


def run_at(url: str, plan: Plan) -> Outcome:
    """Run against a server that runs already, which keeps what is made there: two accounts and their data.

    Raises `ServerUnusable`.
    """
    if not refuses_like_echo(url):
        unheld = (*plan.exclude, *NOT_WITHOUT_ERRORS[1:])
        left_out = (*plan.without, *NOT_WITH_LIBRECHAT)
        plan = replace(plan, exclude=unheld, without=left_out, refusals=False)
    if not plan.tokens:
        prepare_users(url)
    with tempfile.TemporaryDirectory(prefix="echo-contract-") as directory:
        return run_schemathesis(url, plan, Path(directory))


def refuses_like_echo(url: str) -> bool:
    """Whether the server's errors are those of the document; LibreChat has a different shape in each place."""
    try:
        answer = requests.get(f"{url}/api/user", headers=HEADERS, timeout=SECONDS)
    except requests.RequestException as error:
        raise ServerUnusable(f"{url} does not answer.") from error
    return '"code"' in answer.text


def without_refusals(document: dict[str, Any]) -> dict[str, Any]:
    """The document with any refusal allowed, and no fault of the server."""
    for item in document["paths"].values():
        for operation in item.values():
            if isinstance(operation, dict) and "responses" in operation:
                kept = {status: answer for status, answer in operation["responses"].items() if status < "4"}
                operation["responses"] = {**kept, "4XX": {"description": "Refused"}}
    return document


def run_schemathesis(url: str, plan: Plan, directory: Path) -> Outcome:
    """Run the command line as anyone would."""
    (directory / "users.json").write_text(json.dumps(wfc(plan.tokens)))
    document = plan.document
    if not plan.refusals:
        document = directory / "openapi.json"
        document.write_text(json.dumps(without_refusals(json.loads(plan.document.read_text()))))
    (directory / "schemathesis.toml").write_text(
        configuration(directory / "users.json", count=len(plan.tokens) or 2)
    )
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(directory / "schemathesis.toml")),
        *("run", str(document), "--url", url, "--checks", "all", "--max-time", str(plan.seconds)),
        *("--continue-on-failure", "--request-timeout", "30"),
        *("--exclude-checks", ",".join((*REPLACED, *plan.exclude))),
        *_chosen(plan),
    ]
    environ = {**os.environ, "SCHEMATHESIS_HOOKS": HOOKS, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run(command, cwd=directory, env=environ, capture_output=True, text=True, check=False)
    return Outcome(run.returncode, run.stdout + run.stderr)


def _chosen(plan: Plan) -> list[str]:
    """The options of a plan that may be absent."""
    named = [
        *(("--include-operation-id", each) for each in plan.only),
        *(("--exclude-operation-id", each) for each in plan.without),
        *((f"--report-{form}-path", str(path.absolute())) for form, path in plan.reports.items()),
        *((("--seed", str(plan.seed)),) if plan.seed is not None else ()),
    ]
    return [word for option in named for word in option]
