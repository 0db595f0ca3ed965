"""A copy of the project in which mutmut may do as it likes."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

MUTMUT = Path(sys.executable).with_name("mutmut")
# A test that takes longer than five times its time plus twenty seconds has noticed the fault too: it hangs.
CONFIGURATION = """
[tool.mutmut]
source_paths = ["echo", "handlers", "storage"]
only_mutate = ["{module}"]
pytest_add_cli_args_test_selection = [{tests}]
pytest_add_cli_args = ["-p", "no:cacheprovider"]
also_copy = [{others}]
# What is only logged is no promise.
do_not_mutate_patterns = ["\\\\blog\\\\.(info|warning|error|exception)\\\\("]
process_isolation = "forkserver"
timeout_multiplier = 5.0
timeout_constant = 4.0
track_dependencies = false
use_git_change_detection = false
"""
HOURS = 3
LIVING = ("survived", "no tests")


@dataclass(frozen=True)
class Score:
    """What became of a module's mutants, each by its name."""

    module: Path
    status: dict[str, str]

    @property
    def survivors(self) -> list[str]:
        """Those that no test noticed, and those that no test reaches."""
        return [name for name, status in self.status.items() if status in LIVING]

    @property
    def line(self) -> str:
        """One line for people."""
        total, killed = len(self.status), len(self.status) - len(self.survivors)
        late = sum(status == "timeout" for status in self.status.values())
        share = f"{killed / total:.0%}" if total else "nothing to mutate"
        return f"{self.module}: {killed}/{total} killed ({share}), {late} of them by the time limit"


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

    def try_module(self, module: Path, tests: list[Path], processes: int) -> Score:
        """Makes and tries all mutants of one module. Raises `CalledProcessError` when its tests fail without any."""
        shutil.rmtree(self._directory / "mutants", ignore_errors=True)
        others = [path.name for path in self._directory.iterdir() if path.name not in (".git", "mutants")]
        configuration = CONFIGURATION.format(
            module=module,
            tests=", ".join(f'"{path}"' for path in tests),
            others=", ".join(f'"{name}"' for name in others),
        )
        (self._directory / "pyproject.toml").write_text(self._project + configuration)
        self._mutmut("run", "--max-children", str(processes))
        results = (line.strip() for line in self._mutmut("results", "--all", "true").splitlines())
        return Score(module, dict(line.rsplit(": ", 1) for line in results if ": " in line))

    def show(self, mutant: str) -> str:
        """The mutant's change, as a diff."""
        return self._mutmut("show", mutant)

    def _mutmut(self, *arguments: str) -> str:
        return subprocess.run(
            [MUTMUT, *arguments],
            cwd=self._directory,
            # What is measured of the tests is not of the copy; and a tracer in processes that fork and have threads
            # makes them wait for ever now and then.
            env={name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")},
            timeout=HOURS * 3600,
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ).stdout
