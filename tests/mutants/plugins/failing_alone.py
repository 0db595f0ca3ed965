"""A plugin of pytest: tests that fail without any mutant end nothing, and are written down.

mutmut looks which test reaches which function in one run, which ends at the first failure, and is of no use then. But
the functions of a mutated copy are slower, a busy machine is too, and of a thousand tests some compare times.
"""

import json
from pathlib import Path

import pytest

# In the directory in which the tests are run.
FAILING = Path("failing-tests.json")
_failing: set[str] = set()


def pytest_configure(config: pytest.Config) -> None:
    config.option.maxfail = 0
    _failing.clear()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.failed:
        _failing.add(report.nodeid)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    FAILING.write_text(json.dumps(sorted(_failing)))
    if exitstatus == pytest.ExitCode.TESTS_FAILED and len(_failing) < session.testscollected:
        session.exitstatus = pytest.ExitCode.OK
