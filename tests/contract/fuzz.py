"""Our own fuzzing: the product's contract tests (`echo.testing`) against an Echo that is started for them.

`python -m tests.contract.fuzz --minutes 20`, or with `--url` against any server of a contract: with
`--document librechat` that may be a LibreChat. With `--families`, each family of operations by itself.
"""

import argparse
import json
import re
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from echo.contract.routes import CHAT_BASE
from echo.testing.documents import load_document
from echo.testing.running import NOT_WITHOUT_ERRORS, Outcome, Plan, run_at
from echo.testing.sweeps.catalogue import SWEEPS
from echo.testing.sweeps.telling import as_text
from tests.contract import families
from tests.support.server import start_server

ROOT = Path(__file__).parents[2]
OWN_DOCUMENT = ROOT / "openapi.json"
LIBRECHAT_DOCUMENT = ROOT / "openapi.librechat.json"
SEED_DOCUMENT = ROOT / "tests" / "contract" / "seed-openapi.json"


def own_plan(seconds: int, seed: int | None = None) -> Plan:
    """Our document, every check."""
    return Plan(OWN_DOCUMENT, seconds, seed)


def librechat_plan(seconds: int, seed: int | None = None) -> Plan:
    """The document of LibreChat's API, every check."""
    return Plan(LIBRECHAT_DOCUMENT, seconds, seed)


def seed_plan(seconds: int, seed: int | None = None) -> Plan:
    """The seed document, every check that it leaves sense to.

    It declares hardly any error, and not the methods that we added to a path of its: neither is held against us.
    """
    return Plan(SEED_DOCUMENT, seconds, seed, NOT_WITHOUT_ERRORS)


# The parts of Schemathesis's report that are about what it found.
FOUND = ("FAILURES", "ERRORS")
# Events of the server's log, of faults of its own.
SIGNS = ("unhandled exception", "response breaks the contract", "request failed outside of the contract")
PLANS = {"own": own_plan, "librechat": librechat_plan, "seed": seed_plan}


def fuzz(plans: Sequence[Plan]) -> Outcome:
    """Start a server of its own, run these plans of one document against it, one after the other, and stop it.

    What the server's log says of faults of its own is found as well, and stands at the end of the report.
    """
    with tempfile.TemporaryDirectory(prefix="echo-fuzz-") as directory:
        # Tokens outlive the run; the fuzzer logs out now and then, and logs in again by itself.
        environ = {
            "SESSION_EXPIRY": "86400000",
            "ECHO_STT": "off",
            "LIMIT_CONCURRENT_MESSAGES": "false",
            # So that chats and completions do more than refuse.
            "ECHO_OFFLINE_MODEL": "on",
            # A value that is too long is for the contract to refuse, not for the connection (414, of no operation).
            "ECHO_MAX_URL_BYTES": "262144",
        }
        server = start_server(Path(directory), workers=2, environ=environ)
        try:
            base = CHAT_BASE if plans[0].document == LIBRECHAT_DOCUMENT else ""
            outcome = run_each(server.url + base, plans)
            gone = [] if server.healthy() else ["the server did not survive"]
        finally:
            server.stop(signal.SIGTERM)
        faults = faults_in(server.log) + gone
    if not faults:
        return outcome
    # Under a heading as those of Schemathesis.
    told = "\n".join([f"{' FAILURES ':=^80}", "By the server's log:", *faults])
    return replace(outcome, exit_code=1, report=f"{outcome.report}\n{told}")


def run_each(url: str, plans: Sequence[Plan]) -> Outcome:
    """Run these plans against a server, one after the other; their outcomes as one."""
    first, *others = [run_at(url, plan) for plan in plans]
    reports = "\n".join(each.report for each in (first, *others))
    return replace(first, exit_code=max(each.exit_code for each in (first, *others)), report=reports)


def found_by(outcome: Outcome) -> str:
    """What a report says was found, with the requests that show it, before warnings and counts."""
    parts = re.split(r"^=+ (.+) =+$", outcome.report, flags=re.MULTILINE)
    told = [text for title, text in zip(parts[1::2], parts[2::2], strict=True) if title in FOUND]
    return "".join(told) or outcome.report[-4000:]


def faults_in(log: Path) -> list[str]:
    """What the server's log says is wrong with the server: in which operation, and how it came about."""
    # Paths have characters that end a line for `splitlines`.
    lines = [json.loads(line) for line in log.read_text().split("\n") if line.startswith("{")]
    asked = {line.get("request_id"): line for line in lines if line["event"] == "request"}
    return [
        f"{_place_of(asked.get(line.get('request_id'), line))}: {line['event']}: {_cause_of(line)}"
        for line in lines
        if line["event"] in SIGNS
    ]


def _place_of(line: dict[str, Any]) -> str:
    """The operation of a line of the log, or else its path."""
    return f"{line.get('operation') or line.get('path')} (request {line.get('request_id')})"


def _cause_of(line: dict[str, Any]) -> str:
    """The exceptions of a line of the log, each with where it arose, or what breaks the contract."""
    raised = [
        f"{each['exc_type']}: {each['exc_value']} at "
        + " < ".join(f"{frame['filename']}:{frame['lineno']}" for frame in each["frames"][:-4:-1])
        for each in line.get("exception", ())
    ]
    return "; ".join(raised) or f"{line.get('breach')}: {str(line.get('answer'))[:500]}"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--document", choices=PLANS, default="own")
    parser.add_argument("--url", help="a server that runs already; never one whose data matters")
    parser.add_argument("--families", nargs="*", help="each family by itself: these of them, or all")
    options = parser.parse_args()
    plan = PLANS[options.document](int(options.minutes * 60), options.seed)
    run = partial(run_each, options.url.rstrip("/")) if options.url else fuzz
    if options.families is not None:
        sys.exit(fuzz_families(plan, options.families, run))
    if options.document != "seed":
        plan = replace(plan, sweeps=tuple(SWEEPS))
    outcome = run((plan,))
    tell(outcome.report + as_text(outcome.swept))
    sys.exit(outcome.exit_code)


def fuzz_families(plan: Plan, names: list[str], run: Callable[[Sequence[Plan]], Outcome]) -> int:
    """Run the families of a plan's document, one after the other, and tell of each; the exit code."""
    document = load_document(str(plan.document))
    if unknown := families.strange(names, document):
        sys.exit(
            f"There are only these families: {', '.join(families.families_of(document))}; not {unknown}."
        )
    code = 0
    for name, plans in families.plans_of(plan, document, names).items():
        outcome = run(plans)
        tell(families.told(name, plans, outcome))
        code = max(code, outcome.exit_code)
    return code


def tell(report: str) -> None:
    """Print a report in which no port stands: two of one fault are the same."""
    sys.stdout.write(re.sub(r"http://[^ ]*:\d+", "http://echo", report))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
