"""`python -m tests.bench`: see `--help`, and `docs/performance.md` for what came of it."""

import argparse
import os
import sys
from pathlib import Path

from tests.bench import contracts, measure
from tests.bench.load import WrkMissing
from tests.bench.results import Results
from tests.bench.scenarios import User


def parse() -> argparse.Namespace:
    """What to measure."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5, help="of each measurement (default 5)")
    parser.add_argument("--rounds", type=int, default=3, help="of which the median counts (default 3)")
    parser.add_argument(
        "--only", nargs="*", choices=("reads", "rest", "logins", "contracts", "soak"), help="some parts only"
    )
    parser.add_argument("--soak", type=int, default=360_000, help="requests: 100 per second for an hour")
    parser.add_argument("--save", type=Path, metavar="FILE", help="write the results as JSON")
    parser.add_argument("--compare", type=Path, metavar="FILE", help="print ratios to a saved run")
    parser.add_argument("--target", metavar="URL", help="measure a running server; TOKEN in the environment")
    return parser.parse_args()


def run(given: argparse.Namespace, results: Results) -> None:
    """Measure what is asked for."""
    if given.target:
        measure.target(results, given.target.rstrip("/"), User(os.environ["TOKEN"]), given.seconds)
        return
    parts = given.only or ("reads", "rest", "logins", "contracts")
    if "contracts" in parts:
        results.facts |= contracts.measure(given.seconds, given.rounds)
    cores = os.cpu_count() or 1
    with measure.prepared(given.seconds, given.rounds) as bench:
        if "reads" in parts:
            for workers in sorted({1, cores}):
                measure.compare_reads(bench, results, workers)
        if "rest" in parts:
            measure.scaling(bench, results)
            measure.out_of_the_box(bench, results, cores)
        if "logins" in parts:
            measure.logins(bench, results, cores)
        if "soak" in parts:
            measure.soak(bench, results, cores, given.soak)


def main() -> int:
    """Measure, print, save, compare."""
    given, results = parse(), Results()
    try:
        run(given, results)
    except WrkMissing as error:
        print(error, file=sys.stderr)
        return 2
    finally:
        # What was measured before something went wrong is worth keeping.
        print(results.table())
        if given.save:
            results.save(given.save)
    if given.compare:
        print(results.compare(given.compare))
    return 0


if __name__ == "__main__":
    sys.exit(main())
