"""A copy of the project in which mutmut may do as it likes."""

import ast
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from tests.mutants.plugins.failing_alone import FAILING
from tests.mutants.score import Score
from tests.mutants.trial import Mutant, function_of
from tests.mutants.trying import Trier, in_order

MUTMUT = Path(sys.executable).with_name("mutmut")
# Where mutmut's pytest finds `failing_alone`.
PLUGINS = Path(__file__).with_name("plugins")
# mutmut makes the mutants and sees which test reaches which; `tests/mutants/trying.py` tries them.
CONFIGURATION = """
[tool.mutmut]
source_paths = ["echo", "handlers", "storage"]
only_mutate = [{modules}]
pytest_add_cli_args_test_selection = [{tests}]
pytest_add_cli_args = ["-p", "no:cacheprovider", "-p", "failing_alone", "-m", "not slow"]
also_copy = [{others}]
# What is only logged is no promise.
do_not_mutate_patterns = ["\\\\blog\\\\.(info|warning|error|exception)\\\\("]
process_isolation = "forkserver"
track_dependencies = false
use_git_change_detection = false
"""
FUTURE = "from __future__ import annotations\n"
HOURS = 3
# The name of no mutant: mutmut makes all of them and sees which test reaches which, and then finds none to try.
NONE = "none"


class Workshop:
    """The copy; `copy_of` makes one."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._project = (directory / "pyproject.toml").read_text()

    @classmethod
    def copy_of(cls, root: Path, directory: Path) -> "Workshop":
        """What git knows or would add, as it is now, in a new `directory`."""
        listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
        names = subprocess.run(listing, cwd=root, check=True, capture_output=True, text=True).stdout
        for name in filter(None, names.split("\0")):
            if (root / name).is_file():
                (directory / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / name, directory / name)
        return cls(directory)

    def try_modules(
        self, tests: Mapping[Path, Sequence[Path]], processes: int, sample: int | None = None, seed: int = 1
    ) -> list[Score]:
        """Tries the mutants of each module, or at most `sample` of them at random, against that module's tests.

        What is the same for all of them is done once. Slow tests are left out, and those that are `failing` without
        any mutant. Raises `CalledProcessError` where all of them fail.
        """
        self._configure(list(tests), _outermost({path for paths in tests.values() for path in paths}))
        self._make_all()
        made = {module: [name for name in self._results() if _module_of(name) == module] for module in tests}
        self._keep_own_tests(tests)
        chosen = {
            module: names
            if sample is None
            else random.Random(f"{seed} {module}").sample(names, min(sample, len(names)))
            for module, names in made.items()
        }
        status = self._try(chosen, processes)
        return [
            Score(module, {name: status[name] for name in names}, made=len(made[module]))
            for module, names in chosen.items()
        ]

    def _try(self, chosen: Mapping[Path, Sequence[str]], processes: int) -> dict[str, str]:
        known = json.loads(self._reached.read_text())
        reached, seconds = known["tests_by_mangled_function_name"], known["duration_by_test"]
        mutants = [
            Mutant(name, in_order(reached.get(function_of(name), ()), seconds))
            for names in chosen.values()
            for name in names
        ]
        # What the tests start as a command is of the copy, too.
        directory = self._directory / "mutants"
        return Trier(directory, self._environment | {"PYTHONPATH": str(directory)}, seconds).try_all(
            mutants, processes
        )

    def _configure(self, modules: Sequence[Path], tests: Sequence[Path]) -> None:
        """Begin anew, with these modules and tests."""
        shutil.rmtree(self._directory / "mutants", ignore_errors=True)
        for module in modules:
            _postpone_annotations(self._directory / module)
        others = [path.name for path in self._directory.iterdir() if path.name not in (".git", "mutants")]
        configuration = CONFIGURATION.format(
            modules=_quoted(modules),
            tests=_quoted(tests),
            others=_quoted(others),
        )
        (self._directory / "pyproject.toml").write_text(self._project + configuration)

    def _make_all(self) -> None:
        try:
            self._mutmut("run", NONE)
        except subprocess.CalledProcessError:
            if not self._reached.exists():
                raise

    def _keep_own_tests(self, tests: Mapping[Path, Sequence[Path]]) -> None:
        """Forget of each function the tests that reach it and are not its module's own."""
        known = json.loads(self._reached.read_text())
        reached: dict[str, list[str]] = known["tests_by_mangled_function_name"]
        useless = set(self.failing)
        for function, names in reached.items():
            own = tests.get(_module_of(function), ())
            reached[function] = [
                name
                for name in names
                if name not in useless and any(Path(name.split("::")[0]).is_relative_to(path) for path in own)
            ]
        self._reached.write_text(json.dumps(known))

    @property
    def failing(self) -> list[str]:
        """The tests that failed without any mutant, by which none was tried."""
        return list(json.loads((self._directory / "mutants" / FAILING).read_text()))

    @property
    def _reached(self) -> Path:
        """mutmut's own notes: which test reaches which function, and how long each test takes."""
        return self._directory / "mutants" / "mutmut-stats.json"

    def _results(self) -> dict[str, str]:
        results = (line.strip() for line in self._mutmut("results", "--all", "true").splitlines())
        return dict(line.rsplit(": ", 1) for line in results if ": " in line)

    def show(self, mutant: str) -> str:
        """The mutant's change, as a diff."""
        return self._mutmut("show", mutant)

    @property
    def _environment(self) -> dict[str, str]:
        """What is measured of the tests is not of the copy, and tracers make processes with threads wait for ever."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
        return own | {"PYTHONPATH": str(PLUGINS)}

    def _mutmut(self, *arguments: str) -> str:
        return subprocess.run(
            [MUTMUT, *arguments],
            cwd=self._directory,
            env=self._environment,
            timeout=HOURS * 3600,
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ).stdout


def _postpone_annotations(module: Path) -> None:
    """Have annotations not looked at: to the mutants of a class that has a method `list`, `list[str]` is of that."""
    text = module.read_text()
    first = ast.parse(text).body[:1]
    end = first[0].end_lineno or 0 if first and isinstance(first[0], ast.Expr) else 0
    lines = text.splitlines(keepends=True)
    if FUTURE not in lines:
        module.write_text("".join([*lines[:end], FUTURE, *lines[end:]]))


def _module_of(name: str) -> Path:
    """The module of a function's or a mutant's name, such as `storage.core.pages.x_add__mutmut_1`."""
    return Path(*name.split(".")[:-1]).with_suffix(".py")


def _outermost(paths: Collection[Path]) -> list[Path]:
    """The paths without those below another."""
    return sorted(path for path in paths if not any(parent in paths for parent in path.parents))


def _quoted(values: Iterable[object]) -> str:
    return ", ".join(f'"{value}"' for value in values)
