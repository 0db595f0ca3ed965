"""What runs say, as other processes read it."""

from datetime import timedelta

import pytest

from storage.core.database import Database
from storage.core.errors import InvalidDocument
from storage.core.repository import now
from storage.runs.pieces import Piece, PieceRepository
from tests.support.chats import new_id


@pytest.fixture
def pieces(database: Database) -> PieceRepository:
    return PieceRepository(database)


class TestPieces:
    def test_come_in_their_order_from_a_number_on(self, pieces: PieceRepository, ada: str) -> None:
        first, second = new_id(), new_id()
        said = [
            Piece(ada, run_id, number, b"%d" % number) for run_id in (first, second) for number in (2, 0, 1)
        ]
        pieces.append_all(said)
        assert [piece.number for piece in pieces.read(ada, first)] == [0, 1, 2]
        found = pieces.read_all([(ada, first, 1), (ada, second, 2)])
        assert {(piece.run_id, piece.number) for piece in found} == {(first, 1), (first, 2), (second, 2)}
        assert [piece.number for piece in found] == sorted(piece.number for piece in found)

    def test_come_in_their_order_without_an_index_too(
        self, pieces: PieceRepository, database: Database, ada: str
    ) -> None:
        database.collection("echo_run_pieces").drop_indexes()
        pieces.append_all([Piece(ada, "r", number, b"") for number in (2, 0, 3, 1)])
        assert [piece.number for piece in pieces.read(ada, "r")] == [0, 1, 2, 3]

    def test_written_twice_are_there_once(self, pieces: PieceRepository, ada: str) -> None:
        run_id = new_id()
        pieces.append_all([Piece(ada, run_id, 0, b"a")])
        pieces.append_all([Piece(ada, run_id, 0, b"a"), Piece(ada, run_id, 1, b"b")])
        assert [piece.frames for piece in pieces.read(ada, run_id)] == [b"a", b"b"]

    def test_of_others_are_not_read(self, pieces: PieceRepository, ada: str, bob: str) -> None:
        run_id = new_id()
        pieces.append_all([Piece(ada, run_id, 0, b"a")])
        assert pieces.read(bob, run_id) == []
        assert pieces.read_all([(bob, run_id, 0)]) == []

    def test_of_very_many_runs_are_read_at_once(self, pieces: PieceRepository, ada: str) -> None:
        run_ids = [new_id() for _ in range(450)]
        pieces.append_all([Piece(ada, run_id, 0, b"a") for run_id in run_ids])
        assert len(pieces.read_all([(ada, run_id, 0) for run_id in run_ids])) == 450
        pieces.delete_all(run_ids)
        assert pieces.read_all([(ada, run_id, 0) for run_id in run_ids]) == []

    def test_what_is_stored(self, pieces: PieceRepository, database: Database, ada: str) -> None:
        pieces.append_all([Piece(ada, "r", 3, b"\0said")])
        (row,) = database.collection("echo_run_pieces").find()
        left = row.pop("expiresAt") - now()
        # As long as a run may take.
        assert timedelta(hours=24) < left <= timedelta(hours=25)
        assert row == {"_id": "r:3", "run": "r", "number": 3, "user": ada, "frames": b"\0said"}
        assert pieces.read(ada, "r") == [Piece(ada, "r", 3, b"\0said")]
        indexes = database.collection("echo_run_pieces").index_information()
        assert indexes["expiresAt_1"]["expireAfterSeconds"] == 0

    def test_of_a_run_that_is_over_they_are_there_for_a_while(
        self, pieces: PieceRepository, database: Database, ada: str, bob: str
    ) -> None:
        pieces.append_all([Piece(ada, run_id, number, b"a") for run_id in "rs" for number in range(2)])
        pieces.keep_for(bob, "r", timedelta(minutes=5))
        pieces.keep_for(ada, "r", timedelta(minutes=5))
        left = {row["_id"]: row["expiresAt"] - now() for row in database.collection("echo_run_pieces").find()}
        for name in ("r:0", "r:1"):
            assert timedelta(minutes=4) < left[name] <= timedelta(minutes=5)
        for name in ("s:0", "s:1"):
            assert left[name] > timedelta(hours=24)

    def test_another_cannot_end_them_sooner(
        self, pieces: PieceRepository, database: Database, ada: str, bob: str
    ) -> None:
        pieces.append_all([Piece(ada, "r", 0, b"a")])
        pieces.keep_for(bob, "r", timedelta(0))
        (row,) = database.collection("echo_run_pieces").find()
        assert row["expiresAt"] - now() > timedelta(hours=24)

    def test_those_of_runs_that_are_not_named_stay(self, pieces: PieceRepository, ada: str) -> None:
        pieces.append_all([Piece(ada, run_id, 0, b"a") for run_id in "rst"])
        pieces.delete_all(["r", "t"])
        assert [len(pieces.read(ada, run_id)) for run_id in "rst"] == [0, 1, 0]

    def test_what_cannot_be_stored_is_said(self, pieces: PieceRepository, ada: str) -> None:
        with pytest.raises(InvalidDocument):
            pieces.append_all([Piece(ada, "r", 0, b"x" * (17 << 20))])
