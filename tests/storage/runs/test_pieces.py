"""What runs say, as other processes read it."""

import pytest

from storage.core.database import Database
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
