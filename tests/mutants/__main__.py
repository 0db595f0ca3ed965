"""Small faults, one at a time, that the tests should notice: the engine of `make mutants`.

`python -m tests.mutants storage/core/pages.py`, or without a module for all. mutmut makes the faults and runs,
for each one, those of the module's own tests that reach it. All of it happens in a copy in a temporary directory.
With `--sample 12` only so many of each module are tried, which is enough to say what share the tests would notice.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from storage.embedded import EmbeddedServer
from tests.mutants.equivalents import Equivalent, is_equivalent, read_equivalents
from tests.mutants.score import Score, lines_of
from tests.mutants.selection import NoSuchModule, by_package, modules_to_mutate, own_tests
from tests.mutants.workshop import Workshop
from tests.support.database import in_memory

ROOT = Path(__file__).parents[2]


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("modules", nargs="*", help="such as storage/core/pages.py or echo/http; all without")
    parser.add_argument(
        "--processes", type=int, default=os.cpu_count(), help="mutants that are tried at once"
    )
    parser.add_argument("--sample", type=int, help="at most so many mutants of each module, at random")
    parser.add_argument("--seed", type=int, default=1, help="another seed is another sample")
    arguments = parser.parse_args(argv)
    try:
        modules = modules_to_mutate(ROOT, arguments.modules)
    except NoSuchModule as error:
        parser.error(str(error))
    # All that is sampled of a package at once, which saves time; else one module after the other.
    groups = list(by_package(modules).values()) if arguments.sample else [[module] for module in modules]
    with tempfile.TemporaryDirectory(prefix="echo-mutants-", dir=in_memory()) as directory:
        server = EmbeddedServer(Path(directory) / "mongodb")
        os.environ["TEST_MONGO_URI"] = os.environ.get("TEST_MONGO_URI") or server.start()
        try:
            workshop = Workshop.copy_of(ROOT, Path(directory) / "copy")
            scores = [score for group in groups for score in _try(workshop, group, arguments)]
        finally:
            server.stop()
    print("\n".join(["", *lines_of(scores)]))
    return 0 if len(scores) == len(modules) else 1


def _try(workshop: Workshop, modules: list[Path], arguments: argparse.Namespace) -> list[Score]:
    """Prints what lives in the modules as soon as it is known; or why they could not be tried."""
    tests = {module: own_tests(ROOT, module) for module in modules}
    for module, paths in tests.items():
        print(f"{module}, against {', '.join(map(str, paths))}", flush=True)
    try:
        found = workshop.try_modules(tests, arguments.processes, arguments.sample, arguments.seed)
    except subprocess.CalledProcessError as error:
        print(error.output[-4000:], flush=True)
        return []
    for test in workshop.failing:
        print(f"{test} fails without any mutant, so none was tried by it", flush=True)
    known = read_equivalents()
    return [_read(workshop, score, known.get(score.module, ())) for score in found]


def _read(workshop: Workshop, score: Score, equivalents: Sequence[Equivalent]) -> Score:
    """The score with its equivalents told from what lives, which is printed."""
    changes = {name: workshop.show(name) for name in [*score.survivors, *score.late]}
    equivalent = frozenset(name for name in score.survivors if is_equivalent(changes[name], equivalents))
    score = replace(score, equivalent=equivalent)
    for name in [*score.survivors, *score.late]:
        print(changes[name], flush=True)
    print(score.line, flush=True)
    return score


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
