"""Our own fuzzing: the product's contract tests (`echo.testing`) against an Echo that is started for them.

`python -m tests.contract.fuzz --minutes 20`, or with `--url` against any server of a contract: with
`--document librechat` that may be a LibreChat.
"""

import argparse
import re
import signal
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from echo.contract.routes import CHAT_BASE
from echo.testing.running import NOT_WITHOUT_ERRORS, Outcome, Plan, run_at
from echo.testing.sweeps.catalogue import SWEEPS
from echo.testing.sweeps.telling import as_text
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
PLANS = {"own": own_plan, "librechat": librechat_plan, "seed": seed_plan}


def fuzz(plan: Plan) -> Outcome:
    """Start a server of its own, run every phase and check against it for so long, and stop it."""
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
            base = CHAT_BASE if plan.document == LIBRECHAT_DOCUMENT else ""
            outcome = run_at(server.url + base, plan)
            assert server.healthy(), "the server did not survive"
            assert not (faults := faults_in(server.log)), "\n".join(faults)[:5000]
            return outcome
        finally:
            server.stop(signal.SIGTERM)


def found_by(outcome: Outcome) -> str:
    """What a report says was found, with the requests that show it, before warnings and counts."""
    parts = re.split(r"^=+ (.+) =+$", outcome.report, flags=re.MULTILINE)
    told = [text for title, text in zip(parts[1::2], parts[2::2], strict=True) if title in FOUND]
    return "".join(told) or outcome.report[-4000:]


def faults_in(log: Path) -> list[str]:
    """The lines of the server's log that say that something is wrong with the server."""
    signs = ("unhandled exception", "response breaks the contract", "outside of the contract")
    return [
        line for line in log.read_text().splitlines() if any(f'"event":"{sign}' in line for sign in signs)
    ]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--document", choices=PLANS, default="own")
    parser.add_argument("--url", help="a server that runs already; never one whose data matters")
    options = parser.parse_args()
    plan = PLANS[options.document](int(options.minutes * 60), options.seed)
    if options.document != "seed":
        plan = replace(plan, sweeps=tuple(SWEEPS))
    outcome = run_at(options.url.rstrip("/"), plan) if options.url else fuzz(plan)
    told = outcome.report + as_text(outcome.swept)
    sys.stdout.write(re.sub(r"http://[^ ]*:\d+", "http://echo", told))
    sys.exit(outcome.exit_code)


if __name__ == "__main__":
    main()
