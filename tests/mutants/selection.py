"""Which modules are mutated, and which tests each of them is held against."""

from collections.abc import Sequence
from pathlib import Path

PACKAGES = ("storage", "echo/accounts", "echo/contract", "echo/http", "echo/chat", "echo/providers")

# Modules that are tested under another name too. By names alone: both sides may move to other folders.
ELSEWHERE = {
    "anthropic": ("test_dialects.py",),
    "api_keys": ("test_key_secrets.py",),
    "chat_shapes": ("test_chats.py",),
    "exchanges": ("test_exchanges.py",),
    "google": ("test_dialects.py",),
    "openai": ("test_dialects.py",),
    "run": ("test_runs.py",),
    "search": ("test_conversations.py", "test_messages.py"),
}


class NoSuchModule(Exception):
    """There is no such module, or it is not one that is mutated."""


def modules_to_mutate(root: Path, names: Sequence[str] = ()) -> list[Path]:
    """The modules as paths below `root`: those that are named, or all. Raises `NoSuchModule`."""
    found = sorted(
        path.relative_to(root)
        for package in PACKAGES
        for path in (root / package).rglob("*.py")
        if path.name != "__init__.py"
    )
    for name in names:
        if Path(name) not in found:
            raise NoSuchModule(f"{name} is no module of {', '.join(PACKAGES)}.")
    return [Path(name) for name in names] or found


def own_tests(root: Path, module: Path) -> list[Path]:
    """The module's own tests, as paths below `root`.

    These are `test_<module>.py`, `test_<module>_*.py` and the folder `<module>`, in the folder of `tests` that
    mirrors the module's, and what `ELSEWHERE` names. Where there are none, all tests of that folder are.
    """
    mirror = _mirror(root, module.parent)
    stem = module.stem
    found = {*mirror.glob(f"test_{stem}.py"), *mirror.glob(f"test_{stem}_*.py"), *mirror.glob(f"{stem}/")}
    for name in ELSEWHERE.get(stem, ()):
        found.update(_nearest(root / "tests", mirror, name))
    return sorted(path.relative_to(root) for path in found or {mirror})


def _mirror(root: Path, package: Path) -> Path:
    """`echo/http` has its tests in `tests/http`, or the nearest folder above that has any."""
    folder = root / "tests" / package.relative_to("echo" if package.parts[0] == "echo" else ".")
    while not any(folder.glob("**/test_*.py")):
        folder = folder.parent
    return folder


def _nearest(tests: Path, mirror: Path, name: str) -> list[Path]:
    """The files of that name below the mirror, or else anywhere."""
    return list(mirror.rglob(name)) or list(tests.rglob(name))
