"""The layers of packages: read out of `ARCHITECTURE.md`, and held over every import, those for type checking too."""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

TREES = ("echo", "handlers", "storage")
HEADING = "## Layers"


def read_layers(architecture: str) -> list[tuple[str, ...]]:
    """The packages of each layer, the highest first: the names in the first column of the table under `## Layers`."""
    section = architecture.partition(HEADING)[2].partition("\n## ")[0]
    cells = (line.split("|")[1] for line in section.splitlines() if line.startswith("| `"))
    return [tuple(re.findall(r"`([\w.]+)`", cell)) for cell in cells]


def check_layers(root: Path) -> Iterator[str]:
    """Each package stands in one layer, and imports only what stands lower: so no circle is possible."""
    layers = read_layers((root / "ARCHITECTURE.md").read_text(encoding="utf-8"))
    height = {package: -index for index, layer in enumerate(layers) for package in layer}
    modules = find_modules(root)
    packages = {package_of(name) for name in modules}
    yield from (f"ARCHITECTURE.md: {name} stands in no layer" for name in sorted(packages - set(height)))
    yield from (f"ARCHITECTURE.md: there is no {name}" for name in sorted(set(height) - packages))
    for name, path in sorted(modules.items()):
        own = package_of(name)
        for line, imported in imported_modules(path, modules):
            other = package_of(imported)
            if other != own and height.get(other, 0) >= height.get(own, 0):
                yield f"{path.relative_to(root)}:{line}: {own} must not import {other}, which is not below it"


def find_modules(root: Path) -> Mapping[str, Path]:
    """Our modules by their dotted names."""
    paths = (path for tree in TREES for path in (root / tree).rglob("*.py"))
    return {dotted(path.relative_to(root)): path for path in paths}


def dotted(path: Path) -> str:
    """The name of the module in a file."""
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def package_of(module: str) -> str:
    """What stands in the table for a module: its top package, or the second one below `echo` and `storage`."""
    return (
        module
        if module == "handlers"
        else ".".join(module.split(".")[: 1 if module.startswith("handlers.") else 2])
    )


def imported_modules(path: Path, modules: Mapping[str, Path]) -> Iterator[tuple[int, str]]:
    """The line and name of each of our modules that a file imports, wherever the import stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            full = (f"{node.module}.{alias.name}" for alias in node.names)
            names = [each if each in modules else node.module for each in full]
        yield from ((node.lineno, name) for name in names if name in modules)
