"""The `echo_run_pieces` collection: what runs say, for those who follow them in other processes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from pymongo import ASCENDING, WriteConcern
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError
from pymongo.operations import IndexModel

from storage.core.database import Database, Document
from storage.core.repository import Repository, now
from storage.core.translation import DUPLICATE_KEY, translated
from storage.runs.runs import LONGEST

# A reader asks for the pieces of so many runs at a time.
MAX_POSITIONS = 200


@dataclass(frozen=True)
class Piece:
    """What a run said since the piece before; `number` counts from 0."""

    owner: str
    run_id: str
    number: int
    frames: bytes


class PieceRepository(Repository):
    """What runs said, piece by piece. A piece that is lost with the server makes followers wait for the run's end."""

    collection_name: ClassVar[str] = "echo_run_pieces"
    indexes: ClassVar[tuple[IndexModel, ...]] = (
        IndexModel([("run", ASCENDING), ("number", ASCENDING)]),
        IndexModel([("user", ASCENDING)]),
        IndexModel([("expiresAt", ASCENDING)], expireAfterSeconds=0),
    )

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        # Not journaled: it is not worth a wait for the disk.
        self._quick: Collection[Document] = self._collection.with_options(
            write_concern=WriteConcern(w=1, j=False)
        )

    def append_all(self, pieces: Sequence[Piece]) -> None:
        """Write pieces of many runs, whoever's they are; one that is there already stays as it is."""
        expires_at = now() + LONGEST
        rows = [
            {
                "_id": f"{piece.run_id}:{piece.number}",
                "run": piece.run_id,
                "number": piece.number,
                "user": piece.owner,
                "frames": piece.frames,
                "expiresAt": expires_at,
            }
            for piece in pieces
        ]
        with translated():
            try:
                self._quick.insert_many(rows, ordered=False)
            except BulkWriteError as error:
                if any(each["code"] != DUPLICATE_KEY for each in error.details["writeErrors"]):
                    raise

    def read(self, owner: str, run_id: str) -> list[Piece]:
        """All pieces of a run, in their order."""
        with translated():
            rows = self._collection.find({"run": run_id, "user": owner}).sort([("number", ASCENDING)])
            return [as_piece(row) for row in rows]

    def read_all(self, positions: Iterable[tuple[str, str, int]]) -> list[Piece]:
        """The pieces of many runs from these numbers on, each run's in their order.

        A position is owner, run and number.
        """
        wanted = [{"run": run, "user": owner, "number": {"$gte": number}} for owner, run, number in positions]
        pieces: list[Piece] = []
        with translated():
            for start in range(0, len(wanted), MAX_POSITIONS):
                rows = self._collection.find({"$or": wanted[start : start + MAX_POSITIONS]})
                pieces += map(as_piece, rows)
        return sorted(pieces, key=lambda piece: piece.number)

    def keep_for(self, owner: str, run_id: str, kept: timedelta) -> None:
        """Let the pieces of a run that is over be there for so long."""
        with translated():
            self._quick.update_many({"run": run_id, "user": owner}, {"$set": {"expiresAt": now() + kept}})

    def delete_all(self, run_ids: Sequence[str]) -> None:
        """Delete the pieces of many runs, whoever's they are."""
        with translated():
            self._quick.delete_many({"run": {"$in": list(run_ids)}})


def as_piece(row: Document) -> Piece:
    """The piece that a document holds."""
    return Piece(row["user"], row["run"], row["number"], bytes(row["frames"]))
