"""Schemathesis against a running Echo, over HTTP, with two users: the engine of the test and of `make fuzz`.

`python -m tests.contract.fuzz --minutes 20`, or with `--url` against any server of a contract: with
`--document librechat` that may be a LibreChat.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import requests

from echo.contract.routes import CHAT_BASE
from tests.contract.schemathesis_hooks import REPLACED
from tests.support.server import register, start_server
from tests.support.waiting import PATIENCE

ROOT = Path(__file__).parents[2]
OWN_DOCUMENT = ROOT / "openapi.json"
LIBRECHAT_DOCUMENT = ROOT / "openapi.librechat.json"
SEED_DOCUMENT = ROOT / "tests" / "contract" / "seed-openapi.json"
USERS = ("ada", "bob")
# Not the one of the examples: by that, accounts could be deleted, and passwords changed.
PASSWORD = "no example 4 anybody"

# What the checks cannot know from the document. A request that is valid by its schema may still be refused: a cursor
# that no page gave (400), a file whose content is not what it should be (413, 415, 422), a text that cannot be stored
# (422), a password that is too common (400), a parent in another conversation (422), no speech recogniser (503), no
# address of a file elsewhere (501), and LibreChat's rate limits (429).
REFUSALS = [400, 401, 403, 404, 409, 413, 415, 422, 429, 501, 503]
ACCEPTED = ["2xx", *REFUSALS]
# The seed declares hardly any error, and not the methods that we added to a path of its: neither is held against us.
NOT_WITH_THE_SEED = ("status_code_conformance", "unsupported_method", "allow_header_conformance")
# LibreChat refuses programs that do not say that they are a browser.
BROWSER = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
)
# LibreChat deletes an account without asking for anything, and nothing can be tried afterwards.
NOT_WITH_LIBRECHAT = ("delete_account",)
# Checks of our own stand for these.
HOOKS = "tests.contract.schemathesis_hooks"


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    exit_code: int
    report: str

    @property
    def summary(self) -> str:
        """The report's last part, with the counts."""
        return self.report[-4000:]


@dataclass(frozen=True)
class Plan:
    """What to run."""

    document: Path
    seconds: int
    seed: int | None = None
    exclude: tuple[str, ...] = ()
    # Operations that are not tried.
    without: tuple[str, ...] = ()
    # Whether the statuses and bodies of refusals are held against the document.
    refusals: bool = True
    # Where an Echo of ours has the document.
    base: str = ""


def own_plan(seconds: int, seed: int | None = None) -> Plan:
    """Our document, every check."""
    return Plan(OWN_DOCUMENT, seconds, seed)


def librechat_plan(seconds: int, seed: int | None = None) -> Plan:
    """The document of LibreChat's API, every check."""
    return Plan(LIBRECHAT_DOCUMENT, seconds, seed, base=CHAT_BASE)


def seed_plan(seconds: int, seed: int | None = None) -> Plan:
    """The seed document, every check that it leaves sense to."""
    return Plan(SEED_DOCUMENT, seconds, seed, NOT_WITH_THE_SEED)


PLANS = {"own": own_plan, "librechat": librechat_plan, "seed": seed_plan}


def fuzz(plan: Plan) -> Outcome:
    """Start a server of its own, run every phase and check against it for so long, and stop it."""
    with tempfile.TemporaryDirectory(prefix="echo-fuzz-") as directory:
        # Tokens outlive the run; the fuzzer logs out now and then, and logs in again by itself.
        environ = {
            "SESSION_EXPIRY": "86400000",
            "ECHO_STT": "off",
            "LIMIT_CONCURRENT_MESSAGES": "false",
            # A value that is too long is for the contract to refuse, not for the connection (414, of no operation).
            "ECHO_MAX_URL_BYTES": "262144",
        }
        server = start_server(Path(directory), workers=2, environ=environ)
        try:
            outcome = fuzz_at(server.url + plan.base, plan)
            assert server.healthy(), "the server did not survive"
            assert not (faults := faults_in(server.log)), "\n".join(faults)[:5000]
            return outcome
        finally:
            server.stop(signal.SIGTERM)


def fuzz_at(url: str, plan: Plan) -> Outcome:
    """The same against a server that runs already, which keeps what is made there: two accounts and their data."""
    if not refuses_like_echo(url):
        unheld = (*plan.exclude, *NOT_WITH_THE_SEED[1:])
        plan = replace(plan, exclude=unheld, without=NOT_WITH_LIBRECHAT, refusals=False)
    for name in USERS:
        sign_up(url, name)
        log_in(url, name)
    with tempfile.TemporaryDirectory(prefix="echo-fuzz-") as directory:
        return run_schemathesis(url, plan, Path(directory))


def refuses_like_echo(url: str) -> bool:
    """Whether the server's errors are those of the document; LibreChat has a different shape in each place."""
    answer = requests.get(f"{url}/api/user", headers={"User-Agent": BROWSER}, timeout=PATIENCE)
    return '"code"' in answer.text


def without_refusals(document: dict[str, Any]) -> dict[str, Any]:
    """The document with any refusal allowed, and no fault of the server."""
    for item in document["paths"].values():
        for operation in item.values():
            if isinstance(operation, dict) and "responses" in operation:
                kept = {status: answer for status, answer in operation["responses"].items() if status < "4"}
                operation["responses"] = {**kept, "4XX": {"description": "Refused"}}
    return document


def sign_up(url: str, name: str) -> None:
    """Register a user, who may be there from an earlier run."""
    answer = register(url, name, {"User-Agent": BROWSER}, PASSWORD)
    # LibreChat answers 200 in either case.
    if answer.status_code not in (200, 201, 409):
        raise SystemExit(f"{name} cannot register at {url}: {answer.status_code} {answer.text[:300]}")


def log_in(url: str, name: str) -> None:
    """See that the account is there and has the password: LibreChat does not say so when it registers somebody."""
    headers = {"User-Agent": BROWSER}
    answer = requests.post(f"{url}/api/auth/login", json=credentials(name), headers=headers, timeout=PATIENCE)
    if answer.status_code != 200 or "token" not in answer.text:
        raise SystemExit(f"{name} cannot log in at {url}: {answer.status_code} {answer.text[:300]}")


def credentials(name: str) -> dict[str, str]:
    """With what a user logs in."""
    return {"email": f"{name}@example.com", "password": PASSWORD}


def faults_in(log: Path) -> list[str]:
    """The lines of the server's log that say that something is wrong with the server."""
    signs = ("unhandled exception", "response breaks the contract", "outside of the contract")
    return [
        line for line in log.read_text().splitlines() if any(f'"event":"{sign}' in line for sign in signs)
    ]


def run_schemathesis(url: str, plan: Plan, directory: Path) -> Outcome:
    """Run the command line as anyone would."""
    (directory / "users.json").write_text(json.dumps({"auth": [login_of(name) for name in USERS]}))
    document = plan.document
    if not plan.refusals:
        document = directory / "openapi.json"
        document.write_text(json.dumps(without_refusals(json.loads(plan.document.read_text()))))
    (directory / "schemathesis.toml").write_text(configuration(directory / "users.json"))
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(directory / "schemathesis.toml")),
        *("run", str(document), "--url", url, "--checks", "all", "--max-time", str(plan.seconds)),
        *("--continue-on-failure", "--request-timeout", "30"),
        *("--exclude-checks", ",".join((*REPLACED, *plan.exclude))),
    ]
    for operation in plan.without:
        command += ["--exclude-operation-id", operation]
    if plan.seed is not None:
        command += ["--seed", str(plan.seed)]
    environ = {**os.environ, "SCHEMATHESIS_HOOKS": HOOKS, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(command, cwd=directory, env=environ, capture_output=True, text=True, check=False)
    return Outcome(run.returncode, run.stdout + run.stderr)


def login_of(name: str) -> dict[str, Any]:
    """How a user logs in, in the Web Fuzzing Commons form."""
    return {
        "name": name,
        "loginEndpointAuth": {
            "endpoint": "/api/auth/login",
            "verb": "POST",
            "contentType": "application/json",
            "headers": [{"name": "User-Agent", "value": BROWSER}],
            "payloadRaw": json.dumps(credentials(name)),
            "token": {
                "extractFrom": "body",
                "extractSelector": "/token",
                "sendIn": "header",
                "sendName": "Authorization",
                "sendTemplate": "Bearer {token}",
            },
        },
    }


def configuration(users: Path) -> str:
    """The configuration file."""
    peers = json.dumps(list(USERS))
    return f"""
color = false
headers = {{ User-Agent = {json.dumps(BROWSER)} }}
[auth.wfc]
path = {json.dumps(str(users))}
peers = {peers}
refresh_interval = 60
[checks.positive_data_acceptance]
expected-statuses = {json.dumps(ACCEPTED)}
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", 501, 503]
[checks.negative_data_rejection]
expected-statuses = {json.dumps([*REFUSALS, 405])}
"""


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--document", choices=PLANS, default="own")
    parser.add_argument("--url", help="a server that runs already; never one whose data matters")
    options = parser.parse_args()
    plan = PLANS[options.document](int(options.minutes * 60), options.seed)
    outcome = fuzz_at(options.url.rstrip("/"), plan) if options.url else fuzz(plan)
    sys.stdout.write(re.sub(r"http://[^ ]*:\d+", "http://echo", outcome.report))
    sys.exit(outcome.exit_code)


if __name__ == "__main__":
    main()
