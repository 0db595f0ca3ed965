"""Archives of skills: `SKILL.md`, at the top or in the only directory, and files beside it."""

import re
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from echo.files.zips import BROKEN, METHODS, TooManyMembersError, open_zip
from echo.library.skill_markdown import SKILL_MD, refused

MAX_MEMBERS = 500
# Of one file, and of all together when they are unpacked.
MAX_FILE_BYTES, MAX_BYTES = 10 * 1024 * 1024, 50 * 1024 * 1024
MAX_PATH = 500
_LONGEST_LIST = 1024 * 1024
_PATH = re.compile(r"[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*")


class Unusable(Exception):
    """A member that is not taken; the argument says why."""


def is_path(path: str) -> bool:
    """Whether a file of a skill may lie there, by LibreChat's rule: plain names, none of which leads elsewhere."""
    steps = path.split("/")
    return (
        len(path) <= MAX_PATH
        and _PATH.fullmatch(path) is not None
        and not {".", ".."} & set(steps)
        and steps[0].upper() != SKILL_MD.upper()
    )


@contextmanager
def opened(stream: BinaryIO) -> Iterator["SkillArchive"]:
    """The skill in a ZIP archive. Raises `InvalidRequest` for anything else."""
    try:
        archive = open_zip(stream, _LONGEST_LIST)
    except (TooManyMembersError, *BROKEN) as error:
        raise refused("file", "is no ZIP archive that can be read") from error
    with archive:
        yield SkillArchive(archive)


class SkillArchive:
    """Reads members, each once and never more of them than the limits allow, whatever the archive says of itself."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._left = MAX_BYTES
        members = archive.infolist()
        if len(members) > MAX_MEMBERS:
            raise refused("file", f"has more than {MAX_MEMBERS} members")
        self._members = {each.filename.replace("\\", "/"): each for each in members if not each.is_dir()}
        self._top = self._find_top()

    def _find_top(self) -> str:
        for path in self._members:
            steps = path.split("/")
            if len(steps) <= 2 and steps[-1].upper() == SKILL_MD.upper():
                return path
        raise refused("file", f"has no {SKILL_MD}")

    def skill(self) -> bytes:
        """`SKILL.md`. Raises `InvalidRequest`."""
        try:
            return self._content(self._members[self._top])
        except Unusable as error:
            raise refused("file", f"has a {SKILL_MD} that is unusable: {error}") from error

    def files(self) -> list[str]:
        """The paths of all other files, as the skill has them."""
        return [path for path in self._members if path != self._top]

    def read(self, path: str) -> tuple[str, bytes]:
        """Where a file lies in the skill, and its content. Raises `Unusable`."""
        member, prefix = self._members[path], self._top[: -len(SKILL_MD)]
        inner = path.removeprefix(prefix)
        if not is_path(inner) or not _is_plain(member):
            raise Unusable("Invalid path")
        return inner, self._content(member)

    def _content(self, member: zipfile.ZipInfo) -> bytes:
        longest = min(MAX_FILE_BYTES, self._left)
        if member.compress_type not in METHODS:
            raise Unusable("Unknown compression")
        try:
            with self._archive.open(member) as unpacked:
                content = unpacked.read(longest + 1)
        except BROKEN as error:
            raise Unusable("Cannot be unpacked") from error
        # What was unpacked counts, kept or not.
        self._left -= min(len(content), longest)
        if len(content) > longest:
            raise Unusable("Too large")
        return content


def _is_plain(member: zipfile.ZipInfo) -> bool:
    kind = stat.S_IFMT(member.external_attr >> 16)
    return kind in (0, stat.S_IFREG)
