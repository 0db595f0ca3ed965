"""Starting runs: once for each request of a client's, and for each message that waited for the end of another run."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from echo.chat.history import text_for_model
from echo.chat.hub import RunHub, RunStores
from echo.chat.needs import needs_of
from echo.chat.preparation import Preparation
from echo.chat.prepared import Prepared
from echo.chat.request import Asked
from echo.chat.running import milliseconds
from echo.errors import TooManyRequests
from echo.handling.caller import ClientInfo
from echo.handling.pending import Pending
from echo.providers.moderation import Moderation
from storage.core.errors import Conflict
from storage.library.files import FileRepository

Json = dict[str, Any]
# Raises `Forbidden` unless the role of a user, who is named by an id, has all of these permissions.
Check = Callable[[str, Mapping[str, Iterable[str]]], None]


class Starting:
    """Starts runs. What is `async` belongs to the event loop, the rest to threads."""

    def __init__(
        self,
        preparation: Preparation,
        hub: RunHub,
        stores: RunStores,
        files: FileRepository,
        moderation: Moderation,
        *,
        violation: Callable[[str, str, str], None],
        check: Check,
    ) -> None:
        self._preparation = preparation
        self._hub = hub
        self._stores = stores
        self._files = files
        self._moderation = moderation
        self._violation = violation
        self._check = check

    def begin(self, owner: str, endpoint: str, asked: Asked, client: ClientInfo) -> Json | Pending:
        """Start a run, once for each request of a client's.

        Where what users say is checked, that comes first, also where a question is asked again. Raises `Forbidden`
        for what the owner's role does not allow, and what preparing, checking and starting raise; nothing has been
        stored then.
        """
        if needs := needs_of(endpoint, asked):
            self._check(owner, needs)
        if self._moderation.enabled:
            return Pending(lambda: self._begin_checked(owner, endpoint, asked, client))
        if found := self._already(owner, asked):
            return found
        return self._start(self._preparation.prepare(owner, endpoint, asked), asked, client)

    async def _begin_checked(self, owner: str, endpoint: str, asked: Asked, client: ClientInfo) -> Json:
        if found := await self._hub.in_thread(self._already, owner, asked):
            return found
        prepared = await self._hub.in_thread(self._preparation.prepare, owner, endpoint, asked)
        systems = [each.request.system or "" for each in prepared.askings]
        said = text_for_model(prepared.question), "\n".join(systems).strip()
        await self._moderation.check(*said)
        return await self._hub.in_thread(self._start, prepared, asked, client)

    def _start(self, prepared: Prepared, asked: Asked, client: ClientInfo) -> Json:
        owner = prepared.owner
        if not self._is_first_to_ask(prepared, asked):
            # What was steered is a turn already: nothing begins, and the client reads what there is.
            return {
                "conversationId": prepared.conversation_id,
                "status": "settled",
                "generationProtocolVersion": asked.protocol,
            }
        if prepared.begun.file_ids:
            # Before the run: a file that is kept without need is better than a message that loses its own.
            self._files.use(owner, prepared.begun.file_ids)
        try:
            return started(self._hub.start(prepared), "started", asked.protocol)
        except BaseException as error:
            if isinstance(error, Conflict) and (found := self._already(owner, asked)):
                return found
            if isinstance(error, TooManyRequests):
                self._violation("concurrent", owner, client.address)
            if asked.recovers is not None:
                self._stores.steers.give_back(*self._taking(prepared, asked.recovers))
            raise

    def _is_first_to_ask(self, prepared: Prepared, asked: Asked) -> bool:
        """Whether nobody else asks what a message said that came during a run; this request does from now."""
        return asked.recovers is None or self._stores.steers.take(*self._taking(prepared, asked.recovers))

    @staticmethod
    def _taking(prepared: Prepared, steer_id: str) -> tuple[str, str, str, str]:
        request_id = prepared.client_request_id or prepared.run_id
        return prepared.owner, prepared.conversation_id, steer_id, request_id

    def _already(self, owner: str, asked: Asked) -> Json | None:
        if not asked.client_request_id:
            return None
        run = self._stores.runs.of_request(owner, asked.client_request_id)
        return None if run is None else started(run, "resumed", asked.protocol)


def started(run: Mapping[str, Any], status: str, protocol: int) -> Json:
    """What a client gets that starts a run."""
    return {
        "streamId": run["conversationId"],
        "conversationId": run["conversationId"],
        "generationCreatedAt": milliseconds(run["createdAt"]),
        "status": status,
        "generationProtocolVersion": protocol,
    }
