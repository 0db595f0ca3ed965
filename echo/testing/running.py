"""The sweeps, and Schemathesis, against a server of a contract, with two users: every phase, every check."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from echo.testing.accounts import USERS, know_tokens, log_in, prepare_users, wfc
from echo.testing.configuration import configuration
from echo.testing.operations import Operation, Operations
from echo.testing.refusals import refuses_like_echo, without_refusals
from echo.testing.repeating import repeatable
from echo.testing.sweeps import links, ownership
from echo.testing.sweeps.catalogue import run_sweeps
from echo.testing.sweeps.findings import SweepReport
from echo.testing.sweeps.session import Session

# Checks of ours stand for these: see `echo.testing.hooks`.
HOOKS = "echo.testing.hooks"
REPLACED = (
    "use_after_free",
    "ensure_resource_availability",
    "negative_data_rejection",
    "object_level_authorization",
)
WITHOUT_LINKS = ("examples", "coverage", "fuzzing")
ALONG_LINKS = ("stateful",)
# Of documents that declare hardly any error: what they do not say is not held against the server.
NOT_WITHOUT_ERRORS = ("status_code_conformance", "unsupported_method", "allow_header_conformance")
# What answers with the caller's own account, at Echo and LibreChat.
OWN_ACCOUNT = "/api/user"
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
    # Schemathesis's phases; all if none are named.
    phases: tuple[str, ...] = ()
    # Operations, by their ids.
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    # Whether the statuses and bodies of refusals are held against the document.
    refusals: bool = True
    # The sweeps to run before Schemathesis, by their names, and whether it is run after them.
    sweeps: tuple[str, ...] = ()
    fuzz: bool = True
    tokens: tuple[str, ...] = field(default=(), repr=False)
    reports: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """How a run ended: the exit code (0 nothing found, 1 something, 2 it could not run) and Schemathesis's report."""

    exit_code: int
    report: str = ""
    swept: SweepReport = field(default_factory=SweepReport)


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
    elif isinstance(_document(plan).find("GET", OWN_ACCOUNT), Operation):
        know_tokens(url, plan.tokens)
    began = time.monotonic()
    swept = sweep(url, plan) if plan.sweeps else SweepReport()
    if not plan.fuzz:
        return Outcome(int(bool(swept.findings)), "", swept)
    left = replace(plan, seconds=max(1, plan.seconds - int(time.monotonic() - began)))
    with tempfile.TemporaryDirectory(prefix="echo-contract-") as directory:
        outcome = run_schemathesis(url, left, Path(directory))
    return replace(outcome, exit_code=outcome.exit_code or int(bool(swept.findings)), swept=swept)


def sweep(url: str, plan: Plan) -> SweepReport:
    """Run the sweeps of a plan; they have half of its time, if Schemathesis follows."""
    document = json.loads(plan.document.read_text(encoding="utf-8"))
    if not plan.refusals:
        document = without_refusals(document)
    # Who has only one token has nothing that is another's.
    tokens = dict(zip(USERS, plan.tokens * 2, strict=False)) or {name: log_in(url, name) for name in USERS}
    names = tuple(name for name in plan.sweeps if len(plan.tokens) != 1 or name != ownership.NAME)
    session = Session(
        url,
        document,
        tokens,
        renew=None if plan.tokens else partial(log_in, url),
        strict=plan.refusals,
        deadline=time.monotonic() + plan.seconds / (2 if plan.fuzz else 1),
    )
    return run_sweeps(session, names, plan.only, plan.without)


def run_schemathesis(url: str, plan: Plan, directory: Path) -> Outcome:
    """Run the command line as anyone would."""
    (directory / "users.json").write_text(json.dumps(wfc(plan.tokens)))
    document = plan.document
    if not plan.refusals:
        document = directory / "openapi.json"
        document.write_text(json.dumps(without_refusals(json.loads(plan.document.read_text()))))
    (directory / "schemathesis.toml").write_text(
        configuration(
            directory / "users.json", count=len(plan.tokens) or 2, refusals=plan.refusals, cache=False
        )
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
    if page := plan.reports.get("html"):
        make_repeatable(page / "index.html")
    if cases := plan.reports.get("junit"):
        make_repeatable(cases, in_xml=True)
    return Outcome(run.returncode, repeatable(run.stdout + run.stderr))


def make_repeatable(path: Path, *, in_xml: bool = False) -> None:
    """As `repeatable`, with a file; one that was not written is none."""
    if path.is_file():
        path.write_text(repeatable(path.read_text(encoding="utf-8"), in_xml=in_xml), encoding="utf-8")


def _document(plan: Plan) -> Operations:
    return Operations(json.loads(plan.document.read_text(encoding="utf-8")))


def _chosen(plan: Plan) -> list[str]:
    """The options of a plan that may be absent."""
    document = _document(plan)
    # Schemathesis fails where it is to follow links, and none is left of those that the document has.
    unlinked = plan.only and not links.any_within(document, plan.only)
    phases = plan.phases or (WITHOUT_LINKS if unlinked else ())
    named = [
        *((("--phases", ",".join(phases)),) if phases else ()),
        *((f"--include-{_called(document, each)}", each) for each in plan.only),
        *((f"--exclude-{_called(document, each)}", each) for each in plan.without),
        *((f"--report-{form}-path", str(path.absolute())) for form, path in plan.reports.items()),
        *((("--seed", str(plan.seed)),) if plan.seed is not None else ()),
    ]
    return [word for option in named for word in option]


def _called(document: Operations, operation: str) -> str:
    """By what Schemathesis knows an operation: its id, or method and path where the document gives it none."""
    nameless = {each.label for each in document.each() if "operationId" not in each.raw}
    return "name" if operation in nameless else "operation-id"
