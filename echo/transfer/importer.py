"""An export file into the database: read as a stream, stored a few conversations at a time.

The same conversation always gets the same ids (`echo.transfer.incoming`), so a second import, or the second attempt
of one that was interrupted, adds only what is missing.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, BinaryIO

from echo.errors import PayloadTooLarge, Unauthorized, Unprocessable
from echo.transfer.archive import BrokenArchive, documents
from echo.transfer.formats import conversations_of, title_of
from echo.transfer.incoming import incoming_of
from echo.transfer.limits import Limits
from echo.transfer.model import ImportedConversation, Json, NotAConversation
from echo.transfer.stream import TOO_LARGE, Malformed, Readable, read_values
from storage.conversations.imports import ImportRepository, Incoming, Outcome
from storage.core.repository import now

CONVERSATIONS_AT_ONCE = 200
MESSAGES_AT_ONCE = 1000
CHARACTERS_AT_ONCE = 2_000_000
MAX_PROBLEMS = 20
# A document that begins with so many values of no known form is none of ours, however long it is.
MAX_UNKNOWN = 100
DAMAGED = "it is damaged, or no JSON"


@dataclass
class Summary:
    """What an import did so far. `skipped` counts what was left out; `problems` says why, for the first few."""

    created: int = 0
    completed: int = 0
    unchanged: int = 0
    skipped: int = 0
    messages_added: int = 0
    messages_present: int = 0
    problems: list[dict[str, str]] = field(default_factory=list)

    @property
    def conversations(self) -> int:
        """How many conversations of the file are stored, new or not."""
        return self.created + self.completed + self.unchanged

    def skip(self, name: str, reason: str) -> None:
        """Count something that was left out."""
        self.skipped += 1
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append({"conversation": name[:100], "reason": reason})

    def count(self, name: str, outcome: Outcome) -> None:
        """Count what became of a conversation."""
        if outcome.problem is not None:
            self.skip(name, outcome.problem)
            return
        self.created += outcome.created
        self.completed += not outcome.created and outcome.added > 0
        self.unchanged += not outcome.created and not outcome.added
        self.messages_added += outcome.added
        self.messages_present += outcome.present

    def counts(self) -> Json:
        """All of it by name."""
        return asdict(self)


class Importer:
    """Imports files for one owner; `summary` is up to date at any time."""

    def __init__(self, repository: ImportRepository, owner: str, limits: Limits) -> None:
        self._batch = _Batch(repository, owner)
        self._owner = owner
        self._limits = limits
        # Why the first of the documents that cannot be read cannot; and whether one with conversations is whole.
        self._broken: str | None = None
        self._has_whole = False
        self.summary = self._batch.summary

    def run(self, stream: BinaryIO, progress: Callable[[], None] = lambda: None) -> Summary:
        """Import a file (seekable, at its start); `progress` is called after each few conversations.

        In a zip a document that cannot be read to its end is named in the summary, and the others are imported.
        Raises `Unprocessable` for a file that cannot be read to its end (a zip: of whose documents with conversations
        none can) or holds no conversations, and `PayloadTooLarge`; the conversations before that point are stored,
        each as a whole. Raises `Unavailable`, and `Unauthorized` where the account was erased meanwhile: then nothing
        of it is left.
        """
        try:
            for name, document in documents(stream, self._limits):
                self._import(name, document, progress)
        except (Malformed, PayloadTooLarge) as error:
            self._batch.store()
            if isinstance(error, PayloadTooLarge):
                raise
            raise self._unreadable(DAMAGED) from error
        self._batch.store()
        progress()
        if self._broken is not None and not self._has_whole:
            raise self._unreadable(self._broken)
        if not self.summary.conversations and not self._batch.recognised:
            raise self._unknown()
        return self.summary

    def _import(self, name: str | None, document: Readable, progress: Callable[[], None]) -> None:
        """Import one document. Raises `Malformed` for one that is not of a zip."""
        found = False
        try:
            for conversation in self._conversations(document, in_archive=name is not None):
                found = True
                if self._batch.add(conversation):
                    progress()
        except (Malformed, BrokenArchive) as error:
            if name is None:
                raise
            reason = str(error) or DAMAGED
            self._broken = self._broken or reason
            self.summary.skip(name, reason)
        else:
            self._has_whole |= found

    def _conversations(self, document: Readable, *, in_archive: bool) -> Iterator[ImportedConversation]:
        """The conversations of one document. Archives hold documents of other kinds too, which are passed over."""
        known = False
        for place, value in enumerate(read_values(document, self._limits), 1):
            try:
                yield from self._read(value)
                known = True
            except NotAConversation as error:
                if not known and place == MAX_UNKNOWN:
                    return
                if known or not in_archive:
                    self.summary.skip(title_of(value) or f"number {place}", str(error))

    def _read(self, value: Any) -> Iterator[ImportedConversation]:
        if value is TOO_LARGE:
            raise NotAConversation("it is too large, or nested too deeply")
        return conversations_of(value)

    def _unreadable(self, reason: str) -> Unprocessable:
        stored = self.summary.conversations
        kept = f" The {stored} conversations before that are imported." if stored else ""
        return Unprocessable(f"The file cannot be read to its end: {reason}.{kept}", code="unreadable_import")

    def _unknown(self) -> Unprocessable:
        reasons = [f" The first thing in it: {each['reason']}." for each in self.summary.problems[:1]]
        return Unprocessable(
            "There is no conversation of LibreChat, ChatGPT, Claude, DeepSeek or Chatbot UI in this file."
            + "".join(reasons),
            code="unsupported_import",
        )


class _Batch:
    """Conversations that are stored together."""

    def __init__(self, repository: ImportRepository, owner: str) -> None:
        self._repository = repository
        self._owner = owner
        self._waiting: dict[str, Incoming] = {}
        self._messages = self._characters = 0
        self.summary = Summary()
        self.recognised = False

    def add(self, conversation: ImportedConversation) -> bool:
        """Take one; whether some were stored."""
        self.recognised = True
        incoming = incoming_of(conversation, self._owner, now())
        if not incoming.messages:
            self.summary.skip(incoming.fields["title"], "it has no messages")
            return False
        # One conversation twice in a file, or in two of a zip: the second completes the first.
        again = incoming.ids[-1] in self._waiting
        if again:
            self.store()
        self._waiting[incoming.ids[-1]] = incoming
        self._messages += len(incoming.messages)
        self._characters += sum(len(message.text) for message in conversation.messages)
        full = (
            len(self._waiting) >= CONVERSATIONS_AT_ONCE
            or self._messages >= MESSAGES_AT_ONCE
            or self._characters >= CHARACTERS_AT_ONCE
        )
        if full:
            self.store()
        return full or again

    def store(self) -> None:
        """Store those that wait. Raises `Unauthorized` and `Unavailable`."""
        waiting = list(self._waiting.values())
        self._waiting.clear()
        self._messages = self._characters = 0
        try:
            outcomes = self._repository.store(self._owner, waiting) if waiting else []
        finally:
            # Nothing stays of what was stored for an account that was erased meanwhile.
            if self._repository.is_orphaned(self._owner):
                raise Unauthorized
        for incoming, outcome in zip(waiting, outcomes, strict=True):
            self.summary.count(incoming.fields["title"], outcome)
