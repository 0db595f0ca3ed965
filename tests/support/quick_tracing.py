"""A plugin of coverage that lets its tracer see our own files alone: see `quick_tracing.c`, which this builds.

Measured tests take a third less time with it, and measure the same. Without it (where there is no C compiler, or
with another Python than 3.11) they only take longer.
"""

import subprocess
import sys
import sysconfig
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
# As coverage's `source` has it: `tests/lint/test_quick_tracing.py`.
MEASURED = ("echo", "handlers", "storage")
# Beside the interpreter that it is built for.
BUILT = Path(sys.prefix) / "quick_tracing.so"
NAME = "quick_tracing"


def coverage_init(_registry: object, _options: object) -> None:
    """Called by coverage in each process that it measures, before it begins."""
    begin(f"{ROOT / name}/" for name in MEASURED)


def begin(prefixes: Any) -> None:
    """Let tracers see only files whose names begin so."""
    if BUILT.exists() and sys.version_info[:2] == (3, 11):
        spec = spec_from_file_location(NAME, BUILT, loader=ExtensionFileLoader(NAME, str(BUILT)))
        assert spec is not None
        module = module_from_spec(spec)
        sys.modules[NAME] = module
        module.begin(tuple(prefixes))


def end() -> None:
    """Leave the evaluation of frames to Python again: it is quicker where nothing traces."""
    if module := sys.modules.get(NAME):
        module.end()


def build() -> None:
    """Compile it; only say so if that cannot be done."""
    source = Path(__file__).with_suffix(".c")
    include = sysconfig.get_path("include")
    command = ["cc", "-O2", "-shared", "-fPIC", f"-I{include}", str(source), "-o", str(BUILT)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        reason = getattr(error, "stderr", None) or error
        sys.stdout.write(f"No quick tracing, so that tests take longer: {reason}\n")


if __name__ == "__main__":
    build()
