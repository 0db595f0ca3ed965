"""Removing an account with all that is its own: documents, and files on disk."""

import time
from collections import Counter
from dataclasses import dataclass

from echo.auth.sessions import CHECK_SECONDS
from echo.files import FileStore
from echo.files.owner_directories import Removed
from storage.bans import FOR_EVER, BanRepository
from storage.database import Database
from storage.erasure import Erasure
from storage.sessions import SessionRepository

# Until then every worker has noticed that a session has ended, and requests of that moment are through.
SETTLE_SECONDS = CHECK_SECONDS + 2


@dataclass(frozen=True)
class Erased:
    """What went: documents by collection, files on disk, and how many files are elsewhere, and stay."""

    documents: Counter[str]
    files: Removed
    elsewhere: int


class AccountEraser:
    """Erases accounts. What was cut short is run again, and finds what is left: the user goes last."""

    def __init__(
        self, database: Database, files: FileStore, *, settle_seconds: float = SETTLE_SECONDS
    ) -> None:
        self._erasure = Erasure(database)
        self._bans = BanRepository(database)
        self._sessions = SessionRepository(database)
        self._files = files
        self._settle_seconds = settle_seconds

    def erase(self, owner: str) -> Erased:
        """Remove the user and everything that is theirs; raises `OSError` when the disk fails.

        Whoever is logged in stays so for some seconds and may write: then it takes these seconds, and looks twice.
        """
        elsewhere = self._erasure.elsewhere(owner)
        # Nobody comes in any more, not even if this is cut short.
        self._bans.ban(owner, until=FOR_EVER)
        ended = self._sessions.delete_all(owner)
        documents, files = self._sweep(owner)
        if ended:
            time.sleep(self._settle_seconds)
            late_documents, late_files = self._sweep(owner)
            documents, files = documents + late_documents, files + late_files
        documents["sessions"] += ended
        documents += self._erasure.finish(owner)
        # An import, or an answer that a model wrote, may have come between: from here on it finds no user.
        return Erased(documents + self._erasure.sweep(owner), files, elsewhere)

    def _sweep(self, owner: str) -> tuple[Counter[str], Removed]:
        # The bytes first: while a record is there, a second run is sure to be made.
        files = self._files.delete_all(owner)
        return self._erasure.sweep(owner), files
