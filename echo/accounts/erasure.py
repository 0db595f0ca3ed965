"""Removing an account with all that is its own: documents, and files on disk."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from echo.accounts.sessions import CHECK_SECONDS
from echo.files import FileStore
from echo.files.owner_directories import Removed
from storage.accounts.api_keys import ApiKeyRepository
from storage.accounts.bans import FOR_EVER, BanRepository
from storage.accounts.sessions import SessionRepository
from storage.core.database import Database
from storage.operator.erasure import Erasure
from storage.operator.skill_bytes import SkillBytes
from storage.runs.runs import RunRepository

# Until then every worker has noticed that a session or an API key has ended and that runs are to stop, and requests
# of that moment are through.
SETTLE_SECONDS = CHECK_SECONDS + 2


@dataclass(frozen=True)
class Erased:
    """What went: documents by collection, files, and how many files stay in services that are not set up here."""

    documents: Counter[str]
    files: Removed
    elsewhere: int


class AccountEraser:
    """Erases accounts. What was cut short is run again, and finds what is left: the user goes last.

    `forget` has another service forget what a user's files say, by the user's id.
    """

    def __init__(
        self,
        database: Database,
        files: FileStore,
        *,
        settle_seconds: float = SETTLE_SECONDS,
        forget: Callable[[str], None] | None = None,
    ) -> None:
        self._erasure = Erasure(database)
        self._skill_bytes = SkillBytes(database)
        self._bans = BanRepository(database)
        self._sessions = SessionRepository(database)
        self._api_keys = ApiKeyRepository(database)
        self._runs = RunRepository(database)
        self._files = files
        self._settle_seconds = settle_seconds
        self._forget = forget

    def demand_services(self) -> None:
        """Raise `ServiceUnavailable` where a service with files does not answer, before anything has changed.

        Who is half removed cannot come in any more, and so cannot ask again.
        """
        self._files.demand_clouds()

    def erase(self, owner: str) -> Erased:
        """Remove the user and everything that is theirs.

        Raises `OSError` when the disk fails, `ServiceUnavailable` when a service with files does.

        Whoever is logged in stays so for some seconds and may write, and so may programs with an API key and runs of
        chats: then it takes these seconds first.
        """
        elsewhere = self._erasure.elsewhere(owner, self._files.sources)
        # Nobody comes in any more, not even if this is cut short.
        self._bans.ban(owner, until=FOR_EVER)
        ended = self._sessions.delete_all(owner)
        # Not after the others: runs hear of it by their documents, which are removed with everything else.
        if self._runs.request_abort_all(owner) or ended or self._api_keys.count(owner):
            time.sleep(self._settle_seconds)
        documents, files = self._sweep(owner)
        documents["sessions"] += ended
        documents += self._erasure.finish(owner)
        # An import, or an answer that a model wrote, may have come between: from here on it finds no user.
        return Erased(documents + self._erasure.sweep(owner), files, elsewhere)

    def _sweep(self, owner: str) -> tuple[Counter[str], Removed]:
        # While a record is there, a second run is sure to be made: first the other service, then the bytes.
        if self._forget is not None:
            self._forget(owner)
        self._settle_skills(owner)
        files = self._files.delete_all(owner)
        return self._erasure.sweep(owner), files

    def _settle_skills(self, owner: str) -> None:
        """Files of skills that go or stay otherwise than their bytes, which lie with who sent them."""
        for record in self._skill_bytes.of_others(owner):
            self._files.delete({**record, "user": str(record.get("author"))})
        for record, heir in self._skill_bytes.that_stay(owner):
            if place := self._files.copy_to({**record, "user": owner}, heir):
                self._skill_bytes.hand_over(owner, record, heir, place)
