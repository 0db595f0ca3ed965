"""Small faults, one at a time, that the tests should notice: the engine of `make mutants`.

`python -m tests.mutants storage/core/pages.py`, or without a module for all. mutmut makes the faults and runs,
for each one, those of the module's own tests that reach it. All of it happens in a copy in a temporary directory.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from storage.embedded import EmbeddedServer
from tests.mutants.selection import NoSuchModule, modules_to_mutate, own_tests
from tests.mutants.workshop import Score, Workshop

ROOT = Path(__file__).parents[2]


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("modules", nargs="*", help="such as storage/core/pages.py; all without")
    parser.add_argument(
        "--processes", type=int, default=os.cpu_count(), help="mutants that are tried at once"
    )
    arguments = parser.parse_args(argv)
    try:
        modules = modules_to_mutate(ROOT, arguments.modules)
    except NoSuchModule as error:
        parser.error(str(error))
    with tempfile.TemporaryDirectory(prefix="echo-mutants-") as directory:
        server = EmbeddedServer(Path(directory) / "mongodb")
        os.environ["TEST_MONGO_URI"] = os.environ.get("TEST_MONGO_URI") or server.start()
        try:
            workshop = Workshop.copy_of(ROOT, Path(directory) / "copy")
            scores = [_try(workshop, module, arguments.processes) for module in modules]
        finally:
            server.stop()
    print("\n".join(["", *(score.line for score in scores if score)]))
    return 0 if all(scores) else 1


def _try(workshop: Workshop, module: Path, processes: int) -> Score | None:
    """Prints what lives in the module as soon as it is known; None, and why, where it could not be tried."""
    tests = own_tests(ROOT, module)
    print(f"\n{module}, against {', '.join(map(str, tests))}", flush=True)
    try:
        score = workshop.try_module(module, tests, processes)
    except subprocess.CalledProcessError as error:
        print(error.output[-4000:], flush=True)
        return None
    for name in score.survivors:
        print(workshop.show(name), flush=True)
    print(score.line, flush=True)
    return score


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
