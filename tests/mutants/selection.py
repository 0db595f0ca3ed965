"""Which modules are mutated, and which tests each of them is held against."""

import json
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from tests.mutants.elsewhere import ELSEWHERE
from tests.mutants.reach import TABLE

PACKAGES = (
    "storage",
    "echo/access",
    "echo/accounts",
    "echo/agents",
    "echo/chat",
    "echo/completions",
    "echo/contract",
    "echo/conversations",
    "echo/credits",
    "echo/handling",
    "echo/http",
    "echo/providers",
)


class NoSuchModule(Exception):
    """There is no such module, or it is not one that is mutated."""


def modules_to_mutate(root: Path, names: Sequence[str] = ()) -> list[Path]:
    """The modules as paths below `root`: all, or those that are named or stand in a folder that is.

    Raises `NoSuchModule`.
    """
    found = sorted(
        path.relative_to(root)
        for package in PACKAGES
        for path in (root / package).rglob("*.py")
        if path.name != "__init__.py"
    )
    named: dict[Path, None] = {}
    for name in names:
        meant = [module for module in found if module.is_relative_to(name)]
        if not meant:
            raise NoSuchModule(f"{name} is no module of {', '.join(PACKAGES)}, and no folder of any.")
        named.update(dict.fromkeys(meant))
    return list(named) or found


def by_package(modules: Iterable[Path]) -> dict[Path, list[Path]]:
    """The modules of each package that is two folders deep, such as `echo/http`, with those below it."""
    packages: dict[Path, list[Path]] = {}
    for module in modules:
        packages.setdefault(Path(*module.parent.parts[:2]), []).append(module)
    return packages


def own_tests(root: Path, module: Path) -> list[Path]:
    """The tests that a module is held against, as paths below `root`.

    Its own, see `named_tests`, or where there are none, all tests of the folder that mirrors the module's. Beside
    those, what the table of `tests/mutants/reach.py` has for functions that none of its own runs.
    """
    own = set(named_tests(root, module)) or {mirror_of(root, module)}
    reaching = {Path(name) for name in _reaching().get(module.as_posix(), ()) if (root / name).exists()}
    return sorted(own | {path for path in reaching if not any(path.is_relative_to(each) for each in own)})


def named_tests(root: Path, module: Path) -> list[Path]:
    """`test_<module>.py`, `test_<module>_*.py`, the folder `<module>`, and what `ELSEWHERE` names.

    The first are in the folder of `tests` that mirrors the module's.
    """
    mirror = root / mirror_of(root, module)
    stem = module.stem
    found = {*mirror.glob(f"test_{stem}.py"), *mirror.glob(f"test_{stem}_*.py"), *mirror.glob(f"{stem}/")}
    for end, names in ELSEWHERE.items():
        if module.with_suffix("").match(end):
            found.update(path for name in names for path in _nearest(root / "tests", mirror, name))
    return sorted(path.relative_to(root) for path in found)


@cache
def _reaching() -> dict[str, list[str]]:
    return dict(json.loads(TABLE.read_text()))


def mirror_of(root: Path, module: Path) -> Path:
    """`echo/http/cors.py` has its tests in `tests/http`, or the nearest folder above that has any."""
    package = module.parent
    folder = root / "tests" / package.relative_to("echo" if package.parts[0] == "echo" else ".")
    while not any(folder.glob("**/test_*.py")):
        folder = folder.parent
    return folder.relative_to(root)


def _nearest(tests: Path, mirror: Path, name: str) -> list[Path]:
    """The files of that name below the mirror, or else anywhere."""
    return list(mirror.rglob(name)) or list(tests.rglob(name))
