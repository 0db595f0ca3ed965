"""What a link shows, copied into a conversation of its reader's own."""

from collections.abc import Sequence
from typing import Any

from echo.conversations.links import Links, anonymous_for, nothing_to_share
from echo.errors import Conflict
from echo.handling.caller import Caller
from echo.providers.catalog import Endpoint
from echo.transfer.values import moment_of
from storage.conversations import forks
from storage.conversations.copies import CopyRepository, Source
from storage.conversations.shares import ShareRepository, owner_of

Document = dict[str, Any]
UNTITLED = "Untitled"
# Where LibreChat goes on with nothing configured.
OPENAI = "openAI"
CUSTOM = "custom"


class LinkForks:
    """Copies by LibreChat's rules: who may read a link may go on with what it shows.

    The copy is anonymous as a reading is. Its files stay the owner's and are shown by the link, for as long as that
    shows them: the copy has no ids of theirs, and no bytes.
    """

    def __init__(self, links: Links, shares: ShareRepository, copies: CopyRepository) -> None:
        self._links = links
        self._shares = shares
        self._copies = copies

    def fork(
        self,
        reader: Caller,
        share_id: str,
        endpoints: Sequence[Endpoint],
        *,
        index: int | None = None,
        revision: str | None = None,
    ) -> Document:
        """Copy what a link shows into a new conversation, which is returned; it goes on with an endpoint of these.

        `revision` is when the link was changed last, as the reader was told. With `index`, the place of one of the
        messages in that reading, the copy is that one and those above it; a place that is not there means all, and so
        does one without a revision. Raises as `Links.find` does, `Conflict` (`share_changed`) for another revision,
        and `Unprocessable` (`nothing_to_share`).
        """
        link = self._links.find(reader, share_id)
        if revision is not None and moment_of(revision) != link.get("updatedAt"):
            raise Conflict("The link shows something else by now.", code="share_changed")
        messages = self._shares.outlines(link)
        if revision is not None and index is not None and index < len(messages):
            messages = forks.select(messages, messages[index]["messageId"], option=forks.DIRECT_PATH)
        if not messages:
            raise nothing_to_share()
        anonymous = anonymous_for(link, self._shares.files_of(link))
        source = Source(owner_of(link), str(link.get("conversationId")))
        fields = {"title": link.get("title") or UNTITLED, **beginning(endpoints)}
        return self._copies.adopt(reader.id, source, messages, fields, anonymous.taken)


def beginning(endpoints: Sequence[Endpoint]) -> Document:
    """The endpoint and model of a new conversation about which nothing is known: the first that has models."""
    # Those with a key of the server's first.
    usable = sorted((each for each in endpoints if each.models), key=lambda each: not each.available)
    if not usable:
        return {"endpoint": OPENAI}
    endpoint = usable[0]
    kind = {"endpointType": CUSTOM} if endpoint.type == CUSTOM else {}
    return {"endpoint": endpoint.name, **kind, "model": endpoint.models[0]}
