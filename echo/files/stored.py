"""Files that were kept: where, and what was found about them."""

from dataclasses import dataclass, field
from typing import Any

from echo.files.images import Dimensions
from echo.settings.cloud import LOCAL, S3


@dataclass(frozen=True)
class Kept:
    """Where bytes were put: the fields of a record that say it."""

    filepath: str
    source: str = LOCAL
    key: str | None = None

    @property
    def fields(self) -> dict[str, str]:
        """By LibreChat's names. It looks for a key in S3 only."""
        found = {"filepath": self.filepath, "source": self.source}
        return {**found, "storageKey": self.key} if self.source == S3 and self.key else found


@dataclass(frozen=True)
class StoredFile:
    """A file that was kept: where it is, and what was found about it."""

    file_id: str
    filename: str
    kept: Kept
    bytes: int
    type: str
    dimensions: Dimensions | None

    @property
    def filepath(self) -> str:
        """Where it is, as the record says it."""
        return self.kept.filepath

    @property
    def record(self) -> dict[str, Any]:
        """The fields of LibreChat's `files` collection that say it; owner and times are the repository's to add."""
        size = self.dimensions
        return {
            "file_id": self.file_id,
            "filename": self.filename,
            "object": "file",
            "bytes": self.bytes,
            "type": self.type,
            "context": "message_attachment",
            "usage": 0,
            "embedded": False,
            **self.kept.fields,
            **({"width": size.width, "height": size.height} if size else {}),
        }


@dataclass(frozen=True)
class Place:
    """Where bytes go: a place of an owner's in a source, and what they are."""

    source: str
    place: str
    owner: str
    name: str
    media_type: str
    filename: str
    key: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", f"{self.place}/{self.owner}/{self.name}")
