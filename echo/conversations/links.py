"""Links by which others read a conversation: made and withdrawn by its owner, read by whoever may."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from echo.access.kinds import VIEW, ResourceType
from echo.access.service import Access
from echo.conversations.anonymous import Anonymous
from echo.conversations.link_marks import LinkMarks
from echo.errors import Conflict, NotFound, Unauthorized, Unprocessable
from echo.files import FileStore
from echo.files.kinds import IMAGE_TYPES, served_type
from echo.files.names import shown_name
from echo.handling.caller import Caller
from echo.handling.file_body import FileBody
from storage.conversations.shares import NothingToShare, ShareRepository, owner_of
from storage.core.errors import Conflict as AlreadyThere
from storage.core.pages import Page
from storage.core.portions import Reading
from storage.core.stop import Stop
from storage.library.files import FileRepository

Document = dict[str, Any]
LINK = ResourceType.SHARED_LINK
PERMISSION = "SHARED_LINKS"


@dataclass(frozen=True)
class Reach:
    """How far links reach on this server: whether they can be read at all, and without a login.

    `with_files` is whether new ones may show files, `serves_files` whether those that do still may.
    """

    readable: bool
    by_anyone: bool
    with_files: bool = True
    serves_files: bool = True


@dataclass(frozen=True)
class Shared:
    """What a reader gets: the link, the name that its conversation has this time, and the messages."""

    link: Document
    conversation_id: str
    messages: Reading


class Links:
    """Who may make, change and read links, as LibreChat has it.

    What is read of a conversation is what its owner let out when the link was made, and anonymous but for the names
    of those who speak. A link that a caller may not read raises `NotFound`, as one that is not there. Who has not
    logged in is asked to do so, which says no more than the address itself: nobody guesses one.
    """

    def __init__(
        self,
        access: Access,
        shares: ShareRepository,
        files: FileRepository,
        store: FileStore,
        reach: Reach,
    ) -> None:
        self._access = access
        self._shares = shares
        self._files = files
        self._store = store
        self._reach = reach
        self._marks = LinkMarks(shares.shared)

    def shared_among(self, owner: str, conversation_ids: Sequence[str]) -> set[str]:
        """Those of the owner's conversations that have a link; of other processes' links within seconds."""
        return self._marks.among(owner, conversation_ids)

    def list_page(self, owner: str, *, stop: Stop | None = None, **query: Any) -> Page:
        """Some of the owner's links; see `ShareRepository.list_page`."""
        return self._shares.list_page(owner, stop=stop, **query)

    def of_conversation(self, owner: str, conversation_id: str) -> Document | None:
        """The owner's link to a conversation."""
        return self._shares.of_conversation(owner, conversation_id)

    def create(
        self, caller: Caller, conversation_id: str, *, target_id: str | None, with_files: bool
    ) -> Document:
        """Make a link to what a conversation has now, readable by everybody if the caller's role may do that.

        Raises `NotFound`, `Conflict` (`already_shared`), `Unprocessable` (`nothing_to_share`,
        `too_many_of_a_kind`).
        """
        try:
            link = self._shares.prepare(
                caller.id,
                conversation_id,
                target_id=target_id,
                with_files=with_files and self._reach.with_files,
            )
            self._grant(caller, link, public=self._access.allowed(caller, PERMISSION, "SHARE_PUBLIC"))
            self._shares.insert(caller.id, link)
            self._marks.forget(caller.id)
        except NothingToShare as error:
            raise nothing_to_share() from error
        except AlreadyThere as error:
            raise Conflict("There is a link to this already.", code="already_shared") from error
        return link

    def renew(self, caller: Caller, share_id: str, *, target_id: str | None, with_files: bool) -> Document:
        """Let a link show what its conversation has now. Raises `NotFound`, `Unprocessable`."""
        link = self._shares.get(caller.id, share_id)
        if "isPublic" in link:
            self._grant(caller, link, public=link["isPublic"] is not False)
        try:
            shows_files = with_files and self._reach.with_files
            return self._shares.renew(caller.id, share_id, target_id=target_id, with_files=shows_files)
        except NothingToShare as error:
            raise nothing_to_share() from error

    def delete(self, owner: str, share_id: str) -> Document:
        """Withdraw a link, for everybody; what it was. Raises `NotFound`."""
        link = self._shares.get(owner, share_id)
        self._access.forget(LINK, [link["_id"]])
        self._shares.delete(owner, share_id)
        self._marks.forget(owner)
        return link

    def find(self, reader: Caller | None, share_id: str) -> Document:
        """A link that the reader may read. Raises `NotFound`, and `Unauthorized` to one who must log in first."""
        if not self._reach.readable:
            raise NotFound
        link = self._shares.find(share_id)
        if self._is_public(link) and (reader is not None or self._reach.by_anyone):
            return link
        if reader is None:
            raise Unauthorized
        if owner_of(link) != reader.id and not self._access.bits(reader, LINK, link["_id"]) & VIEW:
            raise NotFound
        return link

    def read(self, reader: Caller | None, share_id: str) -> Shared:
        """What a link shows; raises as `find` does."""
        link = self.find(reader, share_id)
        anonymous = anonymous_for(link, self._shares.files_of(link), serves_files=self._reach.serves_files)
        reading = self._shares.read(link)

        def portions() -> Iterator[list[Document]]:
            for rows in reading.portions:
                yield [anonymous.message(each) for each in rows]

        return Shared(link, anonymous.conversation_id, Reading(portions(), reading.is_whole, reading.held))

    def file(self, reader: Caller | None, share_id: str, file_id: str) -> Document:
        """The record of a file that a link shows, as it was when the link was made. Raises as `find` does."""
        link = self.find(reader, share_id)
        if not self._reach.serves_files:
            raise NotFound
        shown = next((each for each in self._shares.files_of(link) if each.get("file_id") == file_id), None)
        if shown is None:
            raise NotFound
        record = self._files.get(owner_of(link), file_id)
        if any(_differs(shown, record, name) for name in ("bytes", "previewRevision")):
            # Something else lies there by now, and nobody has let that out.
            raise NotFound
        return record

    def body(self, record: Mapping[str, Any], *, inline: bool) -> FileBody:
        """A file as it is sent: in its place only where it is a picture. Raises `NotFound`."""
        media_type = served_type(str(record.get("type")))
        shown = inline and media_type in IMAGE_TYPES
        name = shown_name(str(record.get("filename", "")))
        return FileBody(self._store.find(record), media_type, name, inline=shown)

    def _grant(self, caller: Caller, link: Mapping[str, Any], *, public: bool) -> None:
        expires_at = link.get("expiredAt")
        self._access.own(caller.id, LINK, link["_id"], expires_at=expires_at)
        if public:
            self._access.share_publicly(caller.id, LINK, link["_id"], expires_at=expires_at)

    def _is_public(self, link: Mapping[str, Any]) -> bool:
        # LibreChat's links from before there were grants say it themselves; unless they say no, they are for all.
        return ("isPublic" in link and link["isPublic"] is not False) or self._access.is_public(
            LINK, link["_id"]
        )


def nothing_to_share() -> Unprocessable:
    """What is answered where a link would show nothing."""
    return Unprocessable("The conversation has no such message.", code="nothing_to_share")


def _differs(one: Mapping[str, Any], other: Mapping[str, Any], name: str) -> bool:
    return one.get(name) is not None and one[name] != other.get(name)


def anonymous_for(
    link: Mapping[str, Any], files: Iterable[Mapping[str, Any]], *, serves_files: bool = True
) -> Anonymous:
    """One reading of a link that shows these files, if files of links are shown at all."""
    shows_files = serves_files and link.get("snapshotFiles") is not False
    ids = frozenset(str(each.get("file_id")) for each in files)
    return Anonymous(str(link["shareId"]), ids if shows_files else None)
