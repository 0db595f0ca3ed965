"""Bringing pictures of users, agents and assistants from one place to another, in the order in which files go."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from echo.cli.file_moving import CHANGED, DIFFERENT, MISSING, MOVED, copy_there, remove_old
from echo.errors import NotFound
from echo.files.cloud.keys import key_at, picture_at
from echo.files.local import IMAGES
from echo.files.store import AVATARS, FileStore
from echo.library.pictures import TYPES
from echo.settings.cloud import AZURE, CLOUDFRONT, FIREBASE, LOCAL, S3
from storage.operator.moving_pictures import MovablePicture, MovingPictures

Record = Mapping[str, Any]
# An agent's picture lies with whoever drew it: only what has this name is taken for one.
_OF_AN_AGENT = re.compile(r"agent-agent_[A-Za-z0-9_-]{1,100}-avatar-\d{1,20}\.[a-z]{3,4}")
# What stands behind an address: whether a user chose the picture. In S3 there is no room for it.
_SAID = re.compile(r"\?manual=(?:true|false)$")


class PictureMover:
    """Moves pictures to `to`, each by itself: copied, compared, its document changed, and only then removed.

    A run that was cut short is run again, and goes on. Addresses of pictures elsewhere in the web stay as they are.
    """

    def __init__(self, store: FileStore, records: MovingPictures, to: str) -> None:
        self._store = store
        self._records = records
        self._to = to

    def count(self) -> int:
        """How many there are to move: where each of them is, is looked up."""
        return sum(1 for picture, *_ in self._ours() if self._find(picture))

    def size(self) -> int:
        """How many `run` looks at, by what documents say; no place is asked."""
        return sum(1 for _ in self._ours())

    def run(self, looked: Callable[[int], None] = lambda _: None) -> Counter[str]:
        """Move all; how many were moved, and how many stay where they are, by the reason.

        `looked` is told after how many. Raises as `FileMover.run` does.
        """
        outcome: Counter[str] = Counter()
        for number, (picture, owner, name) in enumerate(self._ours(), 1):
            if done := self._move(picture, owner, name):
                outcome[done] += 1
            looked(number)
        return outcome

    def _ours(self) -> Iterator[tuple[MovablePicture, str, str]]:
        for picture in self._records.each():
            if ours := self._owner_and_name(picture):
                yield picture, *ours

    def _move(self, picture: MovablePicture, owner: str, name: str) -> str | None:
        record = self._find(picture)
        if record is None:
            return None if self._is_there(owner, name) else MISSING
        kept = copy_there(self._store, record, self._to, f"{IMAGES}/{owner}/{name}")
        if kept is None:
            return DIFFERENT
        said = _SAID.search(picture.address)
        address = kept.filepath + (said[0] if said and kept.source != S3 else "")
        if not self._records.move(picture, address, kept.source):
            return CHANGED
        remove_old(self._store, record, {"user": owner, **kept.fields})
        return MOVED

    def _owner_and_name(self, picture: MovablePicture) -> tuple[str, str] | None:
        found = picture_at(picture.address)
        if found is None:
            return None
        owner, name = found
        is_right = owner == picture.owner if picture.owner else bool(_OF_AN_AGENT.fullmatch(name))
        return found if is_right else None

    def _find(self, picture: MovablePicture) -> Record | None:
        """Where a picture is that is to be moved: somewhere else, or there already under another place's address."""
        owner, name = picture_at(picture.address) or ("", "")
        others = [each for each in (LOCAL, *self._store.sources) if each not in (self._to, CLOUDFRONT)]
        places = [] if self._fits(picture) else [self._to]
        for source in (*others, *places):
            for record in _records(source, owner, name, picture.address):
                if self._has(record):
                    return record
        return None

    def _is_there(self, owner: str, name: str) -> bool:
        return any(self._has(each) for each in _records(self._to, owner, name, ""))

    def _has(self, record: Record) -> bool:
        try:
            self._store.find(record)
        except NotFound:
            return False
        return True

    def _fits(self, picture: MovablePicture) -> bool:
        """Whether a document says what it would of a picture that is where all go."""
        if picture.source is not None and picture.source != self._to:
            return False
        is_whole = "://" in picture.address
        return self._to == S3 or is_whole is (self._to in (AZURE, FIREBASE))


def _records(source: str, owner: str, name: str, address: str) -> Iterator[Record]:
    """What a picture's record would say if it were at a place, as LibreChat and Echo have it."""
    media_type = TYPES.get(name.rpartition(".")[2].lower(), "image/png")
    record = {"user": owner, "source": source, "filename": name, "type": media_type}
    if source == LOCAL:
        yield {**record, "filepath": f"/{IMAGES}/{owner}/{name}"}
        return
    keys = (key_at(address, owner), f"{IMAGES}/{owner}/{name}", f"{AVATARS}/{owner}/{name}")
    for key in dict.fromkeys(key for key in keys if key):
        yield {**record, "storageKey": key, "filepath": f"/{key}"}
